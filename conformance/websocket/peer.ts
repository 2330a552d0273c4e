/** A WebSocket client that writes bytes as they are given, right or wrong, and records what comes back. */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import {
  FrameParser,
  type HttpHead,
  MessageAssembler,
  opcodes,
  parseClosePayload,
  parseHead,
  type WireMessage,
} from '@hocket/testkit/frames'
import { until } from '@hocket/testkit/wait'
import type { Message } from './words.ts'

export class Peer implements AsyncDisposable {
  readonly #socket: Socket
  readonly #parser = new FrameParser()
  readonly #assembler = new MessageAssembler()
  #unread: Buffer | null = Buffer.alloc(0)
  /** The answer to the handshake. */
  head: HttpHead | null = null
  readonly messages: Message[] = []
  readonly pongs: Buffer[] = []
  /** The close frame that came; `code` 1005 when it had none. */
  close: { readonly code: number; readonly reason: string } | null = null
  /** The server has ended its direction of the TCP connection, or cut it. */
  ended = false
  /** What the server itself did against the protocol. */
  readonly violations: string[] = []
  /** The longest payload of one frame. */
  longestFrameBytes = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', () => {})
    socket.on('end', () => {
      this.ended = true
    })
    socket.on('close', () => {
      this.ended = true
    })
  }

  static async connect(port: number): Promise<Peer> {
    const socket = connect({ port, host: 'localhost' })
    await once(socket, 'connect')
    return new Peer(socket)
  }

  /** Sends a request and waits for the head of the answer. */
  async handshake(request: Uint8Array): Promise<HttpHead> {
    this.#socket.write(request)
    return until(() => this.head, { what: 'the answer to the handshake', timeoutMs: 5000 })
  }

  get status(): number {
    return Number(this.head?.startLine.split(' ')[1] ?? 0)
  }

  /** Writes each piece apart from the others, as far as TCP lets one. */
  async write(pieces: readonly Uint8Array[]): Promise<void> {
    for (const piece of pieces) {
      if (this.#socket.destroyed || this.#socket.writableEnded) return
      await new Promise<void>((resolve) => this.#socket.write(piece, () => resolve()))
    }
  }

  /** Ends the TCP connection without any close frame. */
  cut(): void {
    this.#socket.resetAndDestroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    let bytes = chunk
    if (this.#unread !== null) {
      const joined = Buffer.concat([this.#unread, chunk])
      const end = joined.indexOf('\r\n\r\n')
      this.#unread = end === -1 ? joined : null
      if (end === -1) return
      this.head = parseHead(joined.toString('latin1', 0, end))
      bytes = joined.subarray(end + 4)
    }
    if (this.status !== 101) return
    try {
      for (const frame of this.#parser.push(bytes)) {
        if (frame.masked) this.violations.push('a frame is masked')
        if (frame.rsv !== 0) this.violations.push(`reserved bits ${frame.rsv}`)
        if (this.close !== null) this.violations.push(`opcode ${frame.opcode} behind the close frame`)
        this.longestFrameBytes = Math.max(this.longestFrameBytes, frame.payload.length)
        const message = this.#assembler.push(frame)
        if (message !== null) this.#take(message)
      }
    } catch (error) {
      this.violations.push(String(error))
    }
  }

  #take({ opcode, payload }: WireMessage): void {
    switch (opcode) {
      case opcodes.text:
        this.messages.push({ type: 'text', data: payload })
        break
      case opcodes.binary:
        this.messages.push({ type: 'binary', data: payload })
        break
      case opcodes.pong:
        this.pongs.push(payload)
        break
      case opcodes.close:
        this.close = parseClosePayload(payload)
        break
      case opcodes.ping:
        break
      default:
        this.violations.push(`opcode ${opcode}`)
    }
  }
}
