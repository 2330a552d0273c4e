import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import type { Frame, Transport, TransportEnd, TransportHandlers } from '../transport.ts'
import type { NodeFrame } from './frame-node.ts'

/** Bodies up to this size are copied behind their prefix: one small buffer is cheaper to write than two. */
const joinBelowBytes = 2048

/** Time for the peer to close its end of a socket whose closing handshake is over, in milliseconds. */
const closedLingerMs = 500

/**
 * One WebSocket of `ws`. Frames that are ready made are written straight to the socket; `ws` reads, answers pings and
 * does the closing handshake. Both write whole frames in the same call, so they never mix within one.
 */
export class NodeTransport implements Transport {
  readonly #ws: WebSocket
  readonly #socket: Socket
  #violationCode: number | null = null
  #handlers: TransportHandlers | null = null
  #isGone = false
  #end: TransportEnd | null = null

  constructor(ws: WebSocket, socket: Socket) {
    this.#ws = ws
    this.#socket = socket
    // Listeners before anything else: an error without one would end the process.
    ws.on('error', (error: Error & { code?: string }) => {
      if (error.code?.startsWith('WS_ERR_')) this.#violationCode = closeCodeOf(error.code)
    })
    ws.on('close', (code) => this.#closed(code))
    socket.on('drain', () => this.#handlers?.drained())
    // The closing handshake is over and our end is sent. Some clients (Python's sync one) keep theirs open for seconds.
    socket.once('finish', () => setTimeout(() => socket.destroy(), closedLingerMs).unref())
  }

  /** Connects the handlers; events from before have waited. */
  attach(handlers: TransportHandlers): void {
    this.#handlers = handlers
    this.#ws.on('message', (data, isBinary) => handlers.message(data as Buffer, isBinary))
    this.#ws.on('ping', handlers.alive)
    this.#ws.on('pong', handlers.alive)
    if (this.#end !== null) handlers.closed(this.#end)
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength
  }

  write(frame: Frame, piece: number, prefix: Uint8Array | null): number {
    const nodeFrame = frame as NodeFrame
    if (prefix === null || piece > 0) {
      const bytes = nodeFrame.piece(piece)
      if (this.#isOpen) this.#socket.write(bytes)
      return bytes.length
    }
    const body = nodeFrame.firstBody
    if (body.length <= joinBelowBytes) {
      const joined = nodeFrame.prefixHeader(prefix, body.length)
      body.copy(joined, joined.length - body.length)
      if (this.#isOpen) this.#socket.write(joined)
      return joined.length
    }
    const head = nodeFrame.prefixHeader(prefix, 0)
    if (this.#isOpen) {
      this.#socket.write(head)
      this.#socket.write(body)
    }
    return head.length + body.length
  }

  cork(): void {
    this.#socket.cork()
  }

  uncork(): void {
    this.#socket.uncork()
  }

  close(code: number, reason: string): void {
    this.#ws.close(code, reason)
  }

  abort(): void {
    this.#ws.terminate()
  }

  ping(): void {
    if (this.#isOpen) this.#ws.ping()
  }

  pause(): void {
    this.#ws.pause()
  }

  resume(): void {
    this.#ws.resume()
  }

  /** After a close frame has been sent nothing may follow it, so what is written then is dropped. */
  get #isOpen(): boolean {
    return this.#ws.readyState === WebSocket.OPEN
  }

  #closed(code: number): void {
    if (this.#isGone) return
    this.#isGone = true
    if (this.#violationCode !== null) this.#end = { by: 'violation', code: this.#violationCode }
    else if (code === 1006) this.#end = { by: 'lost', code }
    else this.#end = { by: 'peer', code }
    this.#handlers?.closed(this.#end)
  }
}

function closeCodeOf(wsErrorCode: string): number {
  switch (wsErrorCode) {
    case 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH':
      return 1009
    case 'WS_ERR_TOO_MANY_BUFFERED_PARTS':
      return 1008
    case 'WS_ERR_INVALID_UTF8':
      return 1007
    default:
      return 1002
  }
}
