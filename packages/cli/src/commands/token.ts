import { signClientToken } from '@hocket/server/internal'
import { resolveServer, type ServerOptions } from '../connection.ts'
import type { Io } from '../io.ts'

export interface TokenOptions extends ServerOptions {
  readonly hub: string
  readonly user?: string
  readonly role: readonly string[]
  readonly group: readonly string[]
  readonly minutes: number
}

/** Prints a URL that a client connects to. The server is not asked. */
export function token(options: TokenOptions, io: Io): void {
  const { endpoint, accessKey } = resolveServer(options, io.env)
  const { url } = signClientToken({
    endpoint,
    key: accessKey,
    hub: options.hub,
    userId: options.user ?? null,
    roles: options.role,
    groups: options.group,
    minutesToExpire: options.minutes,
  })
  io.out(url)
}
