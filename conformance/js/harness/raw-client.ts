/** A WebSocket client that knows no subprotocol: it shows exactly what arrived. */

import { until } from '@hocket/testkit/wait'
import WebSocket from 'ws'
import type { Secrets } from './secrets.ts'

export const jsonProtocol = 'json.webpubsub.azure.v1'
export const reliableProtocol = 'json.reliable.webpubsub.azure.v1'

export interface Received {
  readonly data: Buffer
  readonly isBinary: boolean
}

export interface RawOptions {
  /** Subprotocols to offer, in order. Default none: a simple client. */
  readonly protocols?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
  readonly secrets?: Secrets
}

/** Thrown when the server refuses the handshake with an HTTP status. */
export class HandshakeRefused extends Error {
  readonly status: number
  readonly body: string
  constructor(status: number, body: string) {
    super(`the handshake was refused: ${status} ${body}`)
    this.status = status
    this.body = body
  }
}

export class RawClient implements AsyncDisposable {
  readonly socket: WebSocket
  readonly received: Received[] = []
  closed: { readonly code: number; readonly reason: string } | null = null
  readonly #secrets: Secrets | undefined

  private constructor(socket: WebSocket, secrets: Secrets | undefined) {
    this.socket = socket
    this.#secrets = secrets
    socket.on('message', (data: Buffer, isBinary: boolean) => this.received.push({ data, isBinary }))
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() }
    })
  }

  /**
   * Resolves when the handshake is done; for a client of a subprotocol, when its first frame has come as well.
   * @throws HandshakeRefused when the answer is no 101
   */
  static async open(url: string, options: RawOptions = {}): Promise<RawClient> {
    options.secrets?.addUrl(url)
    const socket = new WebSocket(url, [...(options.protocols ?? [])], {
      perMessageDeflate: false,
      headers: { ...options.headers },
    })
    const client = new RawClient(socket, options.secrets)
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('unexpected-response', (_request, response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () =>
          reject(new HandshakeRefused(response.statusCode ?? 0, Buffer.concat(chunks).toString())),
        )
      })
      socket.once('error', reject)
    })
    socket.on('error', () => {})
    if (options.protocols !== undefined && socket.protocol !== '') {
      await until(() => client.received.length > 0 || client.closed !== null, { what: 'the first frame' })
      options.secrets?.add(client.connected?.reconnectionToken, 'reconnection token')
    }
    return client
  }

  /** Every frame as text, in order. */
  get texts(): string[] {
    return this.received.map(({ data }) => data.toString('utf8'))
  }

  /** The text frames behind the first `connected`, without `ack` frames. */
  get messages(): string[] {
    return this.texts.filter((text) => !/^\{"type":"(system|ack|pong)"/.test(text))
  }

  /** The last `connected` frame, parsed. */
  get connected(): { connectionId: string; userId: string | null; reconnectionToken?: string } | undefined {
    const text = this.texts.filter((each) => each.startsWith('{"type":"system","event":"connected"')).at(-1)
    return text === undefined ? undefined : JSON.parse(text)
  }

  get connectionId(): string {
    const id = this.connected?.connectionId
    if (id === undefined) throw new Error('a simple client is not told its connection id')
    return id
  }

  send(data: string | Uint8Array): void {
    this.socket.send(data)
  }

  /** Sends a frame, given as JSON text, and gives the text of the ack with that id (its source text). */
  async request(frame: string, ackId: string): Promise<string> {
    const before = this.received.length
    this.send(frame)
    const start = `{"type":"ack","ackId":${ackId},`
    return until(() => this.texts.slice(before).find((text) => text.startsWith(start)), {
      what: `the ack of ${frame.slice(0, 200)}`,
    })
  }

  /** Waits until `count` frames that are neither `system`, `ack` nor `pong` have arrived, and gives them. */
  async messagesUntil(count: number): Promise<string[]> {
    await until(() => this.messages.length >= count, { what: `${count} messages, got ${this.messages.length}` })
    return this.messages
  }

  /** Waits until `count` frames of any kind have arrived. */
  async framesUntil(count: number): Promise<Received[]> {
    await until(() => this.received.length >= count, { what: `${count} frames` })
    return this.received
  }

  async closedWith(timeoutMs = 10_000): Promise<{ readonly code: number; readonly reason: string }> {
    return until(() => this.closed, { what: 'the server closes the connection', timeoutMs })
  }

  /** The transport is gone without a close frame, as when a cable is cut. */
  cut(): void {
    this.#secrets?.add(this.connected?.reconnectionToken, 'reconnection token')
    this.socket.terminate()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.closed !== null) return
    this.#secrets?.add(this.connected?.reconnectionToken, 'reconnection token')
    this.socket.close(1000)
    await until(() => this.closed !== null, { what: 'the close handshake', timeoutMs: 5000 }).catch(() =>
      this.socket.terminate(),
    )
  }
}

/** The URL that recovers a reliable client's connection. */
export function recoveryUrl(originalUrl: string, client: RawClient): string {
  const url = new URL(originalUrl)
  url.searchParams.set('awps_connection_id', client.connectionId)
  url.searchParams.set('awps_reconnection_token', client.connected?.reconnectionToken ?? '')
  return url.toString()
}
