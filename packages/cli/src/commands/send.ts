import { resolveServer, type ServerOptions } from '../connection.ts'
import type { Io } from '../io.ts'
import { callRest } from '../rest.ts'

export interface SendOptions extends ServerOptions {
  readonly hub: string
  readonly group?: string
  readonly user?: string
  readonly connection?: string
  readonly contentType: string
}

/**
 * Sends one message through the REST API: to a group, a user, a connection, or the whole hub.
 * @param text the message; `-` reads stdin, byte for byte
 * @throws CliError when the server does not accept it
 */
export async function send(text: string, options: SendOptions, io: Io): Promise<void> {
  const server = resolveServer(options, io.env)
  const { path, receiver } = targetOf(options)
  await callRest(server, {
    method: 'POST',
    path: `/api/hubs/${encodeURIComponent(options.hub)}${path}/:send`,
    contentType: options.contentType,
    body: text === '-' ? new Uint8Array(await io.stdin()) : text,
  })
  io.err(`Accepted for ${receiver}.`)
}

function targetOf(options: SendOptions): { path: string; receiver: string } {
  const { hub, group, user, connection } = options
  if (group !== undefined)
    return { path: `/groups/${encodeURIComponent(group)}`, receiver: `group ${group} of hub ${hub}` }
  if (user !== undefined) return { path: `/users/${encodeURIComponent(user)}`, receiver: `user ${user} of hub ${hub}` }
  if (connection !== undefined) {
    return {
      path: `/connections/${encodeURIComponent(connection)}`,
      receiver: `connection ${connection} of hub ${hub}`,
    }
  }
  return { path: '', receiver: `hub ${hub}` }
}
