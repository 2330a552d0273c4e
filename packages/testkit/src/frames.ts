/** RFC 6455 frames as bytes: building them, also wrong ones, and reading them back from a stream. */

import { randomBytes } from 'node:crypto'

export const opcodes = { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const

export interface FrameFields {
  readonly opcode: number
  /** Text is written as UTF-8. Default empty. */
  readonly payload?: Uint8Array | string
  /** Default true. */
  readonly fin?: boolean
  /** The three reserved bits as one number, 0 to 7; 4 is RSV1. Default 0. */
  readonly rsv?: number
  /** Four bytes; `null` leaves the frame unmasked, as a server sends it. Default random. */
  readonly maskKey?: Uint8Array | null
  /** How the length is written: the shortest form, or one that is longer than it has to be. Default 'shortest'. */
  readonly lengthForm?: 'shortest' | '16-bit' | '64-bit'
  /** The length that the header claims. Default the real one. */
  readonly declaredLength?: number | bigint
}

/** One frame as bytes. Nothing is validated: a test of a server's refusals needs every wrong frame. */
export function encodeFrame(fields: FrameFields): Buffer {
  const payload = typeof fields.payload === 'string' ? Buffer.from(fields.payload) : Buffer.from(fields.payload ?? [])
  const maskKey = fields.maskKey === undefined ? randomBytes(4) : fields.maskKey
  const length = BigInt(fields.declaredLength ?? payload.length)
  const form = fields.lengthForm ?? 'shortest'
  const maskBit = maskKey === null ? 0 : 0x80
  const first = ((fields.fin ?? true) ? 0x80 : 0) | ((fields.rsv ?? 0) << 4) | fields.opcode
  let head: Buffer
  if (form === 'shortest' && length < 126n) {
    head = Buffer.from([first, maskBit | Number(length)])
  } else if (form !== '64-bit' && length < 65_536n) {
    head = Buffer.from([first, maskBit | 126, 0, 0])
    head.writeUInt16BE(Number(length), 2)
  } else {
    head = Buffer.from([first, maskBit | 127, 0, 0, 0, 0, 0, 0, 0, 0])
    head.writeBigUInt64BE(length, 2)
  }
  if (maskKey === null) return Buffer.concat([head, payload])
  return Buffer.concat([head, maskKey, applyMask(payload, maskKey)])
}

/** A whole message as one masked text frame. */
export function textFrame(text: string): Buffer {
  return encodeFrame({ opcode: opcodes.text, payload: text })
}

/** A message as masked frames of at most `fragmentBytes` payload bytes each. */
export function fragmentedFrames(opcode: number, payload: Uint8Array | string, fragmentBytes: number): Buffer[] {
  const bytes = Buffer.from(payload as Uint8Array)
  const frames: Buffer[] = []
  for (let offset = 0; offset === 0 || offset < bytes.length; offset += fragmentBytes) {
    frames.push(
      encodeFrame({
        opcode: offset === 0 ? opcode : opcodes.continuation,
        payload: bytes.subarray(offset, offset + fragmentBytes),
        fin: offset + fragmentBytes >= bytes.length,
      }),
    )
  }
  return frames
}

/** The body of a close frame: status code and UTF-8 reason. */
export function closePayload(code: number, reason = ''): Buffer {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason))
  payload.writeUInt16BE(code, 0)
  payload.write(reason, 2)
  return payload
}

/** Reads the body of a close frame; `code` is 1005 when there is none, as the API of browsers has it. */
export function parseClosePayload(payload: Uint8Array): { code: number; reason: string } {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
  return bytes.length < 2
    ? { code: 1005, reason: '' }
    : { code: bytes.readUInt16BE(0), reason: bytes.toString('utf8', 2) }
}

/** Masks or unmasks (the same operation) into a new buffer. */
export function applyMask(payload: Uint8Array, maskKey: Uint8Array): Buffer {
  const out = Buffer.from(payload)
  for (let i = 0; i < out.length; i++) out[i] = out[i]! ^ maskKey[i & 3]!
  return out
}

export interface Frame {
  readonly fin: boolean
  readonly rsv: number
  readonly opcode: number
  readonly masked: boolean
  /** Unmasked. */
  readonly payload: Buffer
  /** Length of the whole frame on the wire. */
  readonly totalBytes: number
}

/** Cuts a byte stream into frames, whatever chunks it comes in. It judges nothing. */
export class FrameParser {
  #chunks: Uint8Array[] = []
  #size = 0
  /** Bytes without which no further frame can be complete: small chunks of a long frame are not joined each time. */
  #needed = 2

  /** Bytes of a frame that is not complete yet; 0 on the border between two frames. */
  get pendingBytes(): number {
    return this.#size
  }

  push(chunk: Uint8Array): Frame[] {
    this.#chunks.push(Buffer.from(chunk))
    this.#size += chunk.length
    const frames: Frame[] = []
    if (this.#size < this.#needed) return frames
    let bytes = Buffer.concat(this.#chunks)
    for (;;) {
      const frame = readFrame(bytes)
      if (typeof frame === 'number') {
        this.#needed = frame
        break
      }
      frames.push(frame)
      bytes = bytes.subarray(frame.totalBytes)
    }
    this.#chunks = bytes.length === 0 ? [] : [bytes]
    this.#size = bytes.length
    return frames
  }
}

/** The first frame, or the number of bytes that are needed to read on. */
function readFrame(bytes: Buffer): Frame | number {
  if (bytes.length < 2) return 2
  const first = bytes[0]!
  const second = bytes[1]!
  let length = second & 0x7f
  let offset = 2
  if (length === 126) {
    if (bytes.length < 4) return 4
    length = bytes.readUInt16BE(2)
    offset = 4
  } else if (length === 127) {
    if (bytes.length < 10) return 10
    length = Number(bytes.readBigUInt64BE(2))
    offset = 10
  }
  const masked = (second & 0x80) !== 0
  const keyAt = offset
  if (masked) offset += 4
  if (bytes.length < offset + length) return offset + length
  const raw = bytes.subarray(offset, offset + length)
  return {
    fin: (first & 0x80) !== 0,
    rsv: (first >> 4) & 0x7,
    opcode: first & 0xf,
    masked,
    payload: masked ? applyMask(raw, bytes.subarray(keyAt, keyAt + 4)) : Buffer.from(raw),
    totalBytes: offset + length,
  }
}

/** One message, or one control frame, with its fragments joined. */
export interface WireMessage {
  readonly opcode: number
  readonly payload: Buffer
  /** How many frames it came in. */
  readonly frames: number
}

/** Joins fragments. Control frames between fragments come out at once, where they stand. */
export class MessageAssembler {
  #opcode = 0
  #parts: Buffer[] = []

  /** @throws Error when a continuation has nothing to continue, or a new message starts inside another one. */
  push(frame: Frame): WireMessage | null {
    if (frame.opcode >= 0x8) return { opcode: frame.opcode, payload: frame.payload, frames: 1 }
    if ((frame.opcode === opcodes.continuation) !== this.#parts.length > 0) {
      throw new Error(
        frame.opcode === opcodes.continuation
          ? 'a continuation frame has no message to continue'
          : `a frame with opcode ${frame.opcode} starts inside a fragmented message`,
      )
    }
    if (this.#parts.length === 0) this.#opcode = frame.opcode
    this.#parts.push(frame.payload)
    if (!frame.fin) return null
    const message = { opcode: this.#opcode, payload: Buffer.concat(this.#parts), frames: this.#parts.length }
    this.#parts = []
    return message
  }
}

/** The start line and headers in front of the frames of an upgraded connection. */
export interface HttpHead {
  /** `GET /path HTTP/1.1` or `HTTP/1.1 101 Switching Protocols`. */
  readonly startLine: string
  /** By lower-case name; repeated ones joined by `, `. */
  readonly headers: ReadonlyMap<string, string>
}

/**
 * Reads one direction of an upgraded connection: first the HTTP head, then messages. It works from a copy of the bytes,
 * so it can listen to a stream that somebody else owns.
 */
export class WebSocketStream {
  readonly #parser = new FrameParser()
  readonly #assembler = new MessageAssembler()
  readonly #onHead: (head: HttpHead) => void
  readonly #onMessage: (message: WireMessage) => void
  #head: Buffer | null = Buffer.alloc(0)

  constructor(listeners: { onHead: (head: HttpHead) => void; onMessage: (message: WireMessage) => void }) {
    this.#onHead = listeners.onHead
    this.#onMessage = listeners.onMessage
  }

  /** Bytes of a head or a frame that is not complete yet. */
  get pendingBytes(): number {
    return this.#head === null ? this.#parser.pendingBytes : this.#head.length
  }

  push(chunk: Uint8Array): void {
    let frameBytes = chunk
    if (this.#head !== null) {
      const bytes = Buffer.concat([this.#head, chunk])
      const end = bytes.indexOf('\r\n\r\n')
      this.#head = end === -1 ? bytes : null
      if (end === -1) return
      this.#onHead(parseHead(bytes.toString('latin1', 0, end)))
      frameBytes = bytes.subarray(end + 4)
    }
    for (const frame of this.#parser.push(frameBytes)) {
      const message = this.#assembler.push(frame)
      if (message !== null) this.#onMessage(message)
    }
  }
}

/** Start line and headers of an HTTP head, given without its empty line. */
export function parseHead(text: string): HttpHead {
  const [startLine = '', ...lines] = text.split('\r\n')
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).trim().toLowerCase()
    const value = line.slice(colon + 1).trim()
    const before = headers.get(name)
    headers.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return { startLine, headers }
}

/** The request that asks for a WebSocket at `target` (path and query), byte for byte. */
export function upgradeRequest(options: {
  readonly host: string
  readonly target: string
  readonly subprotocols?: readonly string[]
  /** Added to, or put in place of, the usual ones. */
  readonly headers?: Readonly<Record<string, string>>
}): Buffer {
  const headers: Record<string, string> = {
    Host: options.host,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    ...(options.subprotocols === undefined ? {} : { 'Sec-WebSocket-Protocol': options.subprotocols.join(', ') }),
    ...options.headers,
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`GET ${options.target} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1')
}
