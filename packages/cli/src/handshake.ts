/** Why a WebSocket handshake failed: the global WebSocket does not tell, so the same request is made once by hand. */

import { randomBytes } from 'node:crypto'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { messageOf, refused, unreachable } from './rest.ts'

export interface HandshakeFailure {
  readonly message: string
  /** The server answered, and would answer the same again. */
  readonly isFinal: boolean
}

/** `null` when the handshake succeeds after all. */
export function explainHandshake(
  clientUrl: string,
  subprotocol: string,
  endpoint: string,
): Promise<HandshakeFailure | null> {
  const url = new URL(clientUrl.replace(/^ws/, 'http'))
  return new Promise((resolve) => {
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      headers: {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
        'Sec-WebSocket-Protocol': subprotocol,
      },
      timeout: 10_000,
    })
    request.on('upgrade', (_, socket) => {
      socket.destroy()
      resolve(null)
    })
    request.on('response', async (response) => {
      const status = response.statusCode ?? 0
      const message = refused(status, endpoint, messageOf(await textOf(response)))
      resolve({ message, isFinal: status >= 400 && status < 500 && status !== 409 && status !== 429 })
    })
    request.on('timeout', () => request.destroy(new Error('no answer within 10 seconds')))
    request.on('error', (error) => resolve({ message: unreachable(endpoint, error), isFinal: false }))
    request.end()
  })
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  response.setEncoding('utf8')
  try {
    for await (const chunk of response) {
      text += chunk
      if (text.length > 10_000) break
    }
  } catch {
    // What has come so far says enough.
  }
  return text
}
