/** The server that a suite looks at: in this process with options of its own, or in a process of its own. */

import { randomBytes } from 'node:crypto'
import { type Config, defaultConfig, startServer } from '@hocket/server'
import { createPinoLogger, signClientToken, signHs256 } from '@hocket/server/internal'
import { expect } from 'vitest'
import { Secrets } from '../../js/harness/secrets.ts'
import { OwnServer } from '../../js/harness/server.ts'

export interface Target extends AsyncDisposable {
  /** Without a slash at its end. */
  readonly endpoint: string
  readonly port: number
  readonly accessKey: string
  readonly secrets: Secrets
}

export type Overrides = Partial<Config>

/**
 * A server in this process, on a free port and with a key of its own. It logs at `trace`; disposing of it drains it and
 * checks that it logged no key and no token.
 */
export async function inThisProcess(overrides: Overrides = {}): Promise<Target> {
  const accessKey = randomBytes(32).toString('base64')
  const secrets = new Secrets()
  secrets.add(accessKey, 'access key')
  const lines: string[] = []
  const logger = createPinoLogger({ level: 'trace', stream: { write: (line) => void lines.push(line) } })
  const server = await startServer({ config: defaultConfig({ port: 0, accessKey, ...overrides }), logger })
  return {
    endpoint: server.endpoint,
    port: server.port,
    accessKey,
    secrets,
    async [Symbol.asyncDispose]() {
      await server.close()
      await logger.flushed()
      expect(secrets.leaksIn(lines.join('')), 'secrets in the log').toEqual([])
    },
  }
}

export interface ProcessTarget extends Target {
  readonly pid: number
  kill(signal: NodeJS.Signals): void
  /** The exit code, or `null` when a signal ended it. */
  readonly exited: Promise<number | null>
  stderr(): string
}

/** `hocket serve` in a process of its own. Disposing of it drains it and checks its exit code and its output. */
export async function inItsOwnProcess(args: readonly string[] = []): Promise<ProcessTarget> {
  return asTarget(await OwnServer.start({ args }))
}

/** The same, with a garbage collector that is not lazy, so that the memory of the process tells what it holds. */
export async function withMeasuredMemory(args: readonly string[] = []): Promise<ProcessTarget> {
  const { NODE_OPTIONS } = process.env
  process.env.NODE_OPTIONS = `${NODE_OPTIONS ?? ''} --import=${new URL('collect-garbage.mjs', import.meta.url)}`
  try {
    return asTarget(await OwnServer.start({ args }))
  } finally {
    if (NODE_OPTIONS === undefined) delete process.env.NODE_OPTIONS
    else process.env.NODE_OPTIONS = NODE_OPTIONS
  }
}

function asTarget(own: OwnServer): ProcessTarget {
  return {
    endpoint: own.endpoint,
    port: own.port,
    accessKey: own.accessKey,
    secrets: own.secrets,
    pid: own.process.pid,
    kill: (signal) => own.process.kill(signal),
    exited: own.process.exited,
    stderr: () => own.process.stderr(),
    [Symbol.asyncDispose]: () => own[Symbol.asyncDispose](),
  }
}

export const allRoles = ['webpubsub.joinLeaveGroup', 'webpubsub.sendToGroup']

export interface ClientToken {
  readonly userId?: string
  /** Default: may join, leave and send everywhere. */
  readonly roles?: readonly string[]
  readonly groups?: readonly string[]
  readonly claims?: Readonly<Record<string, unknown>>
}

/** A URL that a client may connect to. */
export function clientUrl(target: Target, hub: string, client: ClientToken = {}): string {
  const { endpoint, accessKey: key, secrets } = target
  const { userId = null, roles = allRoles, groups = [], claims } = client
  let { token, url } = signClientToken({ endpoint, key, hub, userId, roles, groups })
  if (claims !== undefined) {
    const payload = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as object
    const withClaims = signHs256({ ...payload, ...claims }, key)
    url = url.replace(token, withClaims)
    token = withClaims
  }
  secrets.add(token, 'client token')
  return url
}

let hubs = 0
/** A hub that no other test uses. */
export const freshHub = (): string => `holds_${process.pid}_${hubs++}`
