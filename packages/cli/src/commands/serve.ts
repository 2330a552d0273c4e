import { startServer } from '@hocket/server'
import {
  type Config,
  type ConfigSources,
  createPinoLogger,
  developmentKey,
  type Logger,
  loadConfig,
  signClientToken,
} from '@hocket/server/internal'
import { banner } from '../banner.ts'
import { CliError, type Io } from '../io.ts'

export interface ServeOptions {
  readonly config?: string
  readonly showKey?: boolean
  /** Every option of the server, by its name. */
  readonly flags: NonNullable<ConfigSources['flags']>
  /** How to call this program: `npx hocket`. */
  readonly command: string
}

/** A terminal's Ctrl-C arrives more than once when a wrapper such as npm passes it on. */
const samePressMs = 500

/**
 * Serves until SIGTERM or SIGINT, then drains. A second signal ends the process at once.
 * @throws HocketError `invalidConfig`; CliError when it cannot listen
 */
export async function serve(options: ServeOptions, io: Io): Promise<void> {
  const { config, warnings } = loadConfig({ flags: options.flags, env: io.env, file: options.config ?? null })
  const logger = createPinoLogger({ level: config.logLevel })
  for (const detail of warnings) logger.warn({ detail }, 'configuration warning')
  const stopped = firstSignal(logger)
  const server = await startServer({ config, logger }).catch((error: unknown) => {
    throw explained(error, config)
  })
  const { endpoint } = server
  const { url: clientUrl } = signClientToken({
    endpoint,
    key: config.accessKey,
    hub: 'chat',
    userId: 'demo',
    roles: ['webpubsub.joinLeaveGroup', 'webpubsub.sendToGroup'],
  })
  io.out(
    banner({
      listening:
        config.publicEndpoints.length === 0 ? endpoint : `${server.addresses.join(' and ')}, port ${server.port}`,
      endpoint,
      accessKey: config.accessKey,
      isDevelopmentKey: config.accessKey === developmentKey,
      showKey: options.showKey ?? false,
      clientUrl,
      command: options.command,
    }),
  )
  await stopped
  await server.close()
  await logger.flushed()
}

function firstSignal(logger: Logger): Promise<void> {
  return new Promise((resolve) => {
    let firstAtMs: number | null = null
    const onSignal = (signal: NodeJS.Signals) => {
      const nowMs = performance.now()
      if (firstAtMs === null) {
        firstAtMs = nowMs
        logger.info({ signal }, 'closing; a second signal ends the process at once')
        resolve()
      } else if (nowMs - firstAtMs > samePressMs) {
        process.exit(1)
      }
    }
    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
  })
}

function explained(error: unknown, config: Config): unknown {
  const { port } = config
  const host = config.host ?? 'localhost'
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return new CliError(
        `Port ${port} is in use already. Stop the program that listens there, or choose another port: --port ${port === 65_535 ? 8080 : port + 1} (--port 0 picks a free one).`,
      )
    case 'EACCES':
      return new CliError(`This user may not listen on port ${port}. Choose one above 1023: --port 8080.`)
    case 'EADDRNOTAVAIL':
      return new CliError(`This machine has no address ${host}. --host 0.0.0.0 listens on all it has.`)
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new CliError(`The host name ${host} is not known. Give --host an address of this machine.`)
    default:
      return error
  }
}

function codeOf(error: unknown): string | null {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as NodeJS.ErrnoException
    if (typeof code === 'string' && /^E[A-Z_]+$/.test(code)) return code
  }
  return null
}
