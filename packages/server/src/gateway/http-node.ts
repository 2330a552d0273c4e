import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { errors, HocketError } from '@hocket/protocol/errors'
import type { HttpReply, HttpRequest } from '../http.ts'

/** Node's request as the rest of the server sees requests. */
export function toHttpRequest(incoming: IncomingMessage): HttpRequest {
  return {
    method: incoming.method ?? 'GET',
    target: incoming.url ?? '/',
    remoteAddress: incoming.socket.remoteAddress ?? '',
    headers: {
      get(name) {
        const value = incoming.headers[name]
        return value === undefined ? null : Array.isArray(value) ? value.join(', ') : value
      },
      *entries() {
        const raw = incoming.rawHeaders
        for (let i = 0; i + 1 < raw.length; i += 2) yield [raw[i]!.toLowerCase(), raw[i + 1]!]
      },
    },
    body: (maxBytes) => readBody(incoming, maxBytes),
  }
}

async function readBody(incoming: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const announced = Number(incoming.headers['content-length'] ?? 0)
  if (announced > maxBytes) throw errors.bodyTooLarge({ size: announced, limit: maxBytes, target: 'Request' })
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > maxBytes) throw errors.bodyTooLarge({ size, limit: maxBytes, target: 'Request' })
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof HocketError) throw error
    // The client broke off, which is its own affair: nobody is there to read the answer.
    throw errors.invalidBody({ reason: 'The request broke off before its body was complete.', cause: error })
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size)
}

/** Sends a reply, and ends the connection when `isLast`; a body that was not read to its end ends the connection, as it could not be told from a next request. */
export function sendReply(
  incoming: IncomingMessage,
  response: ServerResponse,
  reply: HttpReply,
  isLast: boolean,
): void {
  if (response.destroyed) return
  const body = reply.body === null ? null : typeof reply.body === 'string' ? Buffer.from(reply.body) : reply.body
  const headers: Record<string, string> = { ...reply.headers }
  if (body !== null) headers['Content-Length'] = String(body.byteLength)
  if (isLast || !incoming.complete) headers.Connection = 'close'
  response.writeHead(reply.status, headers)
  response.end(body !== null && incoming.method !== 'HEAD' ? body : undefined)
  // What is left of the body is read and thrown away, so that the reply is not lost in a reset; the time-outs bound it.
  if (!incoming.complete) incoming.resume()
}

/** Time for the peer of a refused socket to close its side, in milliseconds. */
const refusalLingerMs = 1000

/** Answers a request for an upgrade with plain HTTP, and ends its socket. */
export function refuseUpgrade(socket: Duplex, reply: HttpReply): void {
  // Nobody reads this socket any more. Unread bytes would hide its end, and keep it until the process ends.
  socket.resume()
  setTimeout(() => socket.destroy(), refusalLingerMs).unref()
  const body = reply.body === null ? Buffer.alloc(0) : Buffer.from(reply.body)
  const lines = [`HTTP/1.1 ${reply.status} ${STATUS_CODES[reply.status] ?? ''}`]
  for (const [name, value] of Object.entries(reply.headers)) {
    if (name.toLowerCase() !== 'content-length') lines.push(`${name}: ${value}`)
  }
  lines.push(`Content-Length: ${body.length}`, 'Connection: close', '', '')
  socket.end(Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), body]))
}
