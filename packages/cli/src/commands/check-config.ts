import { HocketError } from '@hocket/protocol/errors'
import { type Config, loadConfig } from '@hocket/server/internal'
import { CliError, type Io } from '../io.ts'

/**
 * Says what is wrong in a file, or which hubs it configures. Reads the environment as `serve` does.
 * @throws CliError with every mistake, its line and the nearest name
 */
export function checkConfig(path: string, io: Io): void {
  let loaded: ReturnType<typeof loadConfig>
  try {
    loaded = loadConfig({ env: io.env, file: path })
  } catch (error) {
    if (error instanceof HocketError && error.code === 'invalidConfig') throw new CliError(error.message)
    throw error
  }
  for (const warning of loaded.warnings) io.err(`Warning: ${warning}`)
  io.out(`${path} is valid.`)
  for (const line of hubLines(loaded.config)) io.out(line)
}

function hubLines({ hubs }: Config): string[] {
  const lines = Object.entries(hubs).map(([name, settings]) => {
    const who = name === '*' ? 'every other hub' : `hub ${name.toLowerCase()}`
    const handlers = counted(settings.eventHandlers.length, 'event handler')
    const listeners = counted(settings.eventListeners.length, 'event listener')
    const anonymous = settings.anonymousConnectPolicy === 'allow' ? 'allowed' : 'denied'
    return `  ${who}: anonymous clients ${anonymous}, ping every ${settings.webSocketKeepAliveIntervalInSeconds} s${handlers}${listeners}`
  })
  if ('*' in hubs) return lines
  const rest = lines.length === 0 ? 'every hub' : 'every other hub'
  return [...lines, `  ${rest}: anonymous clients denied, ping every 20 s`]
}

function counted(n: number, what: string): string {
  return n === 0 ? '' : `, ${n} ${what}${n === 1 ? '' : 's'}`
}
