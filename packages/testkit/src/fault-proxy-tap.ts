/** What passed through the fault proxy, read from the frames of both directions on the JSON subprotocols. */

import { crc32 } from 'node:zlib'
import { type HttpHead, opcodes, parseClosePayload, WebSocketStream, type WireMessage } from './frames.ts'

/** A moment: `at` orders everything one proxy saw, `atMs` is `performance.now()`. */
export interface Moment {
  readonly at: number
  readonly atMs: number
}

/** A command that was passed on to the server completely. */
export interface RequestRecord extends Moment {
  readonly type: string
  /** Decimal text, or `null` when the client wants no ack. */
  readonly ackId: string | null
  readonly group: string | null
  /** {@link contentKey} of its data, `null` when it has none. */
  readonly key: string | null
}

/** An ack that left the server, whether or not it reached the client. */
export interface AckRecord extends Moment {
  readonly ackId: string
  readonly success: boolean
  readonly errorName: string | null
}

/** A message that left the server. */
export interface MessageRecord extends Moment {
  readonly sequenceId: number | null
  readonly key: string
  /** Whether it was handed to the client's socket completely. That socket may have died with it. */
  passedOn: boolean
}

export interface CloseRecord extends Moment {
  readonly code: number
  readonly reason: string
}

/** One socket of a client, and the socket to the server behind it. */
export interface TransportRecord {
  readonly client: string
  /** Counts the sockets of this client from 0. */
  readonly ordinal: number
  readonly accepted: Moment
  /** When a whole and proper request had passed; `null` before, when it was cut, and when it was none. */
  requested: Moment | null
  /** Connection id that the request wants to recover, `null` for a new connection or no complete request. */
  recoveryOf: string | null
  /** Status of the server's answer and when it left, `null` when none came. */
  status: number | null
  answered: Moment | null
  /** From the `connected` frame: `null` until it left the server. */
  connectionId: string | null
  userId: string | null
  connected: Moment | null
  readonly requests: RequestRecord[]
  readonly acks: AckRecord[]
  readonly messages: MessageRecord[]
  readonly sequenceAcks: (Moment & { readonly sequenceId: number })[]
  readonly reconnectionTokens: string[]
  /** Text of the `disconnected` frame. */
  disconnected: string | null
  serverClose: CloseRecord | null
  clientClose: CloseRecord | null
  /** When the server could first have noticed that this socket is gone; `null` while it stands. */
  serverSideLost: Moment | null
  clientSideLost: Moment | null
  /** What the proxy did to it, with milliseconds since it was accepted. */
  readonly faults: string[]
  /** What could not be understood. Empty unless somebody broke the protocol. */
  readonly problems: string[]
}

/**
 * A short name of a message's content: its first word, its length in bytes and a checksum. Equal for equal content,
 * however large.
 */
export function contentKey(data: string): string {
  const bytes = Buffer.from(data)
  const space = data.indexOf(' ')
  const word = (space === -1 ? data : data.slice(0, space)).slice(0, 40)
  return `${word}|${bytes.length}|${crc32(bytes).toString(16)}`
}

/** Everything one proxy saw. */
export class TrafficRecord {
  readonly transports: TransportRecord[] = []
  #at = 0

  now(): Moment {
    return { at: ++this.#at, atMs: performance.now() }
  }

  add(client: string, ordinal: number): TransportRecord {
    const transport: TransportRecord = {
      client,
      ordinal,
      accepted: this.now(),
      requested: null,
      recoveryOf: null,
      status: null,
      answered: null,
      connectionId: null,
      userId: null,
      connected: null,
      requests: [],
      acks: [],
      messages: [],
      sequenceAcks: [],
      reconnectionTokens: [],
      disconnected: null,
      serverClose: null,
      clientClose: null,
      serverSideLost: null,
      clientSideLost: null,
      faults: [],
      problems: [],
    }
    this.transports.push(transport)
    return transport
  }
}

/**
 * Where bytes are looked at: `toServer` and `toClient` when they are handed to that socket, `fromServer` when they arrive.
 */
export type TapPoint = 'toServer' | 'fromServer' | 'toClient'

/** Reads the two directions of one transport into its record. */
export class TransportTap {
  readonly #streams: Record<TapPoint, WebSocketStream>
  readonly #record: TransportRecord
  readonly #now: () => Moment
  #messagesPassedOn = 0

  constructor(record: TransportRecord, now: () => Moment) {
    this.#record = record
    this.#now = now
    this.#streams = {
      toServer: new WebSocketStream({
        onHead: (head) => this.#onRequestHead(head),
        onMessage: (message) => this.#guard(() => this.#onClientMessage(message)),
      }),
      fromServer: new WebSocketStream({
        onHead: (head) => this.#onAnswerHead(head),
        onMessage: (message) => this.#guard(() => this.#onServerMessage(message)),
      }),
      toClient: new WebSocketStream({
        onHead: () => {},
        onMessage: (message) => this.#guard(() => this.#onPassedOn(message)),
      }),
    }
  }

  push(point: TapPoint, chunk: Uint8Array): void {
    this.#guard(() => this.#streams[point].push(chunk))
  }

  /** Whether the last byte that passed lies inside of a head or a frame. */
  isInsideFrame(point: TapPoint): boolean {
    return this.#streams[point].pendingBytes > 0
  }

  #guard(read: () => void): void {
    try {
      read()
    } catch (error) {
      this.#record.problems.push(String(error))
    }
  }

  #onRequestHead(head: HttpHead): void {
    if (!/^GET \S+ HTTP\/1\.1$/.test(head.startLine)) {
      // The sync Python client may send on a socket whose handshake has not begun: a frame in front of the request.
      const start = Buffer.from(head.startLine.slice(0, 8), 'latin1').toString('hex')
      this.#record.faults.push(`the client sent ${start}… in front of its request`)
      return
    }
    this.#record.requested = this.#now()
    const target = head.startLine.split(' ')[1] ?? ''
    const query = new URLSearchParams(target.slice(target.indexOf('?') + 1))
    this.#record.recoveryOf = query.get('awps_connection_id')
  }

  #onAnswerHead(head: HttpHead): void {
    this.#record.status = Number(head.startLine.split(' ')[1])
    this.#record.answered = this.#now()
  }

  #onClientMessage(message: WireMessage): void {
    if (message.opcode === opcodes.close) {
      this.#record.clientClose ??= { ...this.#now(), ...parseClosePayload(message.payload) }
    }
    if (message.opcode !== opcodes.text) return
    const frame = JSON.parse(message.payload.toString())
    if (frame.type === 'sequenceAck') {
      this.#record.sequenceAcks.push({ ...this.#now(), sequenceId: frame.sequenceId })
    } else if (frame.type !== 'ping') {
      this.#record.requests.push({
        ...this.#now(),
        type: frame.type,
        ackId: frame.ackId == null ? null : String(frame.ackId),
        group: frame.group ?? null,
        key: frame.data === undefined ? null : contentKey(asText(frame.data)),
      })
    }
  }

  #onServerMessage(message: WireMessage): void {
    const record = this.#record
    if (message.opcode === opcodes.close) {
      record.serverClose ??= { ...this.#now(), ...parseClosePayload(message.payload) }
    }
    if (message.opcode !== opcodes.text) return
    const frame = JSON.parse(message.payload.toString())
    switch (frame.type) {
      case 'system':
        this.#onSystem(frame)
        break
      case 'ack':
        record.acks.push({
          ...this.#now(),
          ackId: String(frame.ackId),
          success: frame.success,
          errorName: frame.error?.name ?? null,
        })
        break
      case 'message':
        record.messages.push({
          ...this.#now(),
          sequenceId: frame.sequenceId ?? null,
          key: contentKey(asText(frame.data)),
          passedOn: false,
        })
        break
      case 'pong':
        break
      default:
        record.problems.push(`the server sent a frame of type ${JSON.stringify(frame.type)}`)
    }
  }

  #onSystem(frame: Record<string, string | null>): void {
    const record = this.#record
    if (frame.event === 'disconnected') {
      record.disconnected = frame.message ?? ''
      return
    }
    if (record.connected === null && record.messages.length + record.acks.length > 0) {
      record.problems.push('a message or an ack left the server in front of the connected frame')
    }
    if (typeof frame.reconnectionToken === 'string') record.reconnectionTokens.push(frame.reconnectionToken)
    record.connected ??= this.#now()
    record.connectionId ??= frame.connectionId ?? null
    record.userId ??= frame.userId ?? null
  }

  /** Messages are passed on in the order in which they left the server. */
  #onPassedOn(message: WireMessage): void {
    if (message.opcode !== opcodes.text || JSON.parse(message.payload.toString()).type !== 'message') return
    const passed = this.#record.messages[this.#messagesPassedOn++]
    if (passed !== undefined) passed.passedOn = true
  }
}

function asText(data: unknown): string {
  return typeof data === 'string' ? data : JSON.stringify(data)
}
