/**
 * A client made of a TCP socket and nothing else, so that it can stop reading, keep silent, cut the line or write many
 * frames at once, and so that it sees every frame, close frames and ends of connections as they are.
 */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import {
  closePayload,
  encodeFrame,
  FrameParser,
  type HttpHead,
  MessageAssembler,
  opcodes,
  parseClosePayload,
  parseHead,
  textFrame,
  upgradeRequest,
  type WireMessage,
} from '@hocket/testkit/frames'
import { until } from '@hocket/testkit/wait'
import type { Target } from './target.ts'

export const jsonProtocol = 'json.webpubsub.azure.v1'
export const reliableProtocol = 'json.reliable.webpubsub.azure.v1'

/**
 * When a reliable client acknowledges: never by itself, or as the official JavaScript client does, at once when the id
 * jumped by more than 300 and else once a second.
 */
export type AckHabit = 'never' | 'like the JavaScript client'

export interface PeerOptions {
  /** Default `null`: a simple client. */
  readonly protocol?: string | null
  readonly acknowledges?: AckHabit
  /** Default true. */
  readonly answersPings?: boolean
  /** Answers the server's close frame. Default true. */
  readonly answersClose?: boolean
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Stops reading right behind the handshake (and `connected`). Default false. */
  readonly stopsReading?: boolean
  /** Keeps what arrives. Default true; a swarm that only counts needs no copies. */
  readonly keeps?: boolean
  /** Called with every data message. */
  readonly onMessage?: (text: string) => void
}

export interface ConnectedFrame {
  readonly connectionId: string
  readonly userId: string | null
  readonly reconnectionToken?: string
}

export interface Message {
  readonly type: 'message'
  readonly from: string
  readonly group?: string
  readonly fromUserId?: string | null
  readonly dataType: string
  readonly data: unknown
  readonly sequenceId?: number
}

const ackIntervalMs = 1000
const ackJump = 300

export class Peer implements AsyncDisposable {
  readonly #socket: Socket
  readonly #parser = new FrameParser()
  readonly #assembler = new MessageAssembler()
  readonly #options: PeerOptions
  #unread: Buffer | null = Buffer.alloc(0)
  #ackTimer: NodeJS.Timeout | null = null
  #ackedSequence = 0
  #nextAckId = 1
  /** The answer to the handshake. */
  head: HttpHead | null = null
  /** Every data message, in order. */
  readonly texts: string[] = []
  /** Data messages so far, kept or not. */
  received = 0
  /** The newest sequence id. */
  sequence = 0
  /** Pings that came from the server. */
  pings = 0
  pongs = 0
  /** The close frame that came; `code` 1005 when it had none. */
  close: { readonly code: number; readonly reason: string } | null = null
  /** How the TCP connection ended. */
  ended: 'not yet' | 'in order' | 'reset' = 'not yet'
  /** The longest payload of one frame. */
  longestFrameBytes = 0
  /** What the server did against the protocol. */
  readonly violations: string[] = []

  private constructor(socket: Socket, options: PeerOptions) {
    this.#socket = socket
    this.#options = options
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', () => {
      this.ended = 'reset'
    })
    socket.on('close', () => {
      if (this.ended === 'not yet') this.ended = 'in order'
      if (this.#ackTimer !== null) clearInterval(this.#ackTimer)
    })
    if (options.acknowledges === 'like the JavaScript client') {
      this.#ackTimer = setInterval(() => this.acknowledge(), ackIntervalMs)
    }
  }

  /** Asks for a WebSocket and resolves with whatever the answer was: see `status`. */
  static async handshake(target: Target, url: string, options: PeerOptions = {}): Promise<Peer> {
    const { pathname, search, host } = new URL(url)
    const socket = connect({ port: target.port, host: options.host ?? '127.0.0.1' })
    const peer = new Peer(socket, options)
    await once(socket, 'connect')
    const subprotocols = options.protocol == null ? [] : [options.protocol]
    socket.write(
      upgradeRequest({
        host,
        target: pathname + search,
        ...(subprotocols.length === 0 ? {} : { subprotocols }),
      }),
    )
    await until(() => peer.head, { what: 'the answer to the handshake' })
    return peer
  }

  /**
   * Resolves when the handshake is done and, with a subprotocol, `connected` has come.
   * @throws Error when the answer is no 101, or the first frame is no `connected`
   */
  static async open(target: Target, url: string, options: PeerOptions = {}): Promise<Peer> {
    const peer = await Peer.handshake(target, url, options)
    if (peer.status !== 101) throw new Error(`the handshake was refused: ${peer.head?.startLine}`)
    if (options.protocol != null) {
      await until(() => peer.#connected ?? peer.close, { what: 'the connected frame' })
      if (peer.close !== null) throw new Error(`closed before it was connected: ${JSON.stringify(peer.close)}`)
      target.secrets.add(peer.connected.reconnectionToken, 'reconnection token')
    }
    if (options.stopsReading) peer.stopReading()
    return peer
  }

  get status(): number {
    return Number(this.head?.startLine.split(' ')[1] ?? 0)
  }

  #connected: ConnectedFrame | null = null

  /** The newest `connected` frame. */
  get connected(): ConnectedFrame {
    if (this.#connected === null) throw new Error('there was no connected frame')
    return this.#connected
  }

  get id(): string {
    return this.connected.connectionId
  }

  get isOpen(): boolean {
    return this.close === null && this.ended === 'not yet'
  }

  /** Frames of the type `message`, parsed. */
  get messages(): Message[] {
    return this.texts
      .filter((text) => /^\{("sequenceId":\d+,)?"type":"message"/.test(text))
      .map((text) => JSON.parse(text))
  }

  /** The data of every message, in order. */
  get data(): unknown[] {
    return this.messages.map(({ data }) => data)
  }

  /** Frames of the type `system`, parsed. */
  get system(): { readonly event: string; readonly message?: string }[] {
    return this.texts.filter((text) => text.startsWith('{"type":"system"')).map((text) => JSON.parse(text))
  }

  /** Acks by id, as `ok` or the name of the error. */
  get acks(): [ackId: number, outcome: string][] {
    return this.texts
      .filter((text) => text.startsWith('{"type":"ack"'))
      .map((text) => JSON.parse(text))
      .map(({ ackId, success, error }) => [ackId, success ? 'ok' : error.name])
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  send(frame: object | string): void {
    this.write(textFrame(typeof frame === 'string' ? frame : JSON.stringify(frame)))
  }

  /** Sends a request under a new ack id, or the given one, and gives `ok` or the name of the error. */
  async request(frame: object, ackId: number = this.#nextAckId++): Promise<string> {
    const before = this.texts.length
    this.send({ ...frame, ackId })
    const start = `{"type":"ack","ackId":${ackId},`
    const text = await until(() => this.texts.slice(before).find((each) => each.startsWith(start)), {
      what: `the ack of ${JSON.stringify(frame).slice(0, 120)}`,
    })
    const { success, error } = JSON.parse(text)
    return success ? 'ok' : error.name
  }

  acknowledge(sequenceId: number = this.sequence): void {
    if (sequenceId === 0 || sequenceId === this.#ackedSequence || this.#socket.destroyed) return
    this.#ackedSequence = sequenceId
    this.send({ type: 'sequenceAck', sequenceId })
  }

  ping(): void {
    this.write(encodeFrame({ opcode: opcodes.ping }))
  }

  /** Sends a close frame; without a code an empty one. */
  sendClose(code: number | null = 1000, reason = ''): void {
    this.write(encodeFrame({ opcode: opcodes.close, payload: code === null ? '' : closePayload(code, reason) }))
  }

  stopReading(): void {
    this.#socket.pause()
  }

  readOn(): void {
    this.#socket.resume()
  }

  /** Ends the TCP connection without any close frame. */
  cut(): void {
    this.#socket.resetAndDestroy()
  }

  /** Waits until the server has closed, and gives the code; 1006 when no close frame came. */
  async closed(timeoutMs = 10_000): Promise<number> {
    await until(() => this.ended !== 'not yet', { what: 'the server ends the connection', timeoutMs })
    return this.close?.code ?? 1006
  }

  async messagesUntil(count: number, timeoutMs = 10_000): Promise<Message[]> {
    await until(() => this.messages.length >= count, {
      what: `${count} messages, there are ${this.messages.length}`,
      timeoutMs,
    })
    return this.messages
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
      case opcodes.binary:
        this.#takeData(payload)
        break
      case opcodes.ping:
        this.pings++
        if (this.#options.answersPings ?? true) this.write(encodeFrame({ opcode: opcodes.pong, payload }))
        break
      case opcodes.pong:
        this.pongs++
        break
      case opcodes.close:
        this.close = parseClosePayload(payload)
        if (this.#options.answersClose ?? true) this.#socket.end(encodeFrame({ opcode: opcodes.close, payload }))
        break
      default:
        this.violations.push(`opcode ${opcode}`)
    }
  }

  #takeData(payload: Buffer): void {
    const { protocol, keeps = true, onMessage } = this.#options
    this.received++
    if (protocol === reliableProtocol) this.#takeSequence(payload)
    if (!keeps && this.#connected !== null && onMessage === undefined) return
    const text = payload.toString()
    if (text.startsWith('{"type":"system","event":"connected"')) this.#connected = JSON.parse(text)
    if (keeps) this.texts.push(text)
    onMessage?.(text)
  }

  #takeSequence(payload: Buffer): void {
    const found = /^\{"sequenceId":(\d+),/.exec(payload.toString('latin1', 0, 40))
    if (found === null) return
    const jump = Number(found[1]) - this.sequence
    this.sequence = Math.max(this.sequence, Number(found[1]))
    if (jump > ackJump && this.#options.acknowledges === 'like the JavaScript client') this.acknowledge()
  }
}

/** Opens peers a few at a time, each with its own URL and options. */
export async function openMany<T>(count: number, open: (index: number) => Promise<T>, atATime = 50): Promise<T[]> {
  const opened: T[] = []
  for (let start = 0; start < count; start += atATime) {
    const indexes = Array.from({ length: Math.min(atATime, count - start) }, (_, i) => start + i)
    opened.push(...(await Promise.all(indexes.map(open))))
  }
  return opened
}

/** The URL that recovers a reliable connection. */
export function recoveryUrl(url: string, { connectionId, reconnectionToken = '' }: ConnectedFrame): string {
  const recovery = new URL(url)
  recovery.searchParams.set('awps_connection_id', connectionId)
  recovery.searchParams.set('awps_reconnection_token', reconnectionToken)
  return recovery.toString()
}
