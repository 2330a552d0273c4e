import type { Payload } from '@hocket/protocol/codec'
import type { Frame } from '../transport.ts'

/**
 * Longest payload of one WebSocket frame. Netty-based clients, the official Java SDK among them, break on a longer one,
 * and a reliable client then recovers and breaks again for ever; every client joins fragments.
 */
export const maxFragmentBytes = 65_536
/** Room that the first fragment keeps for a receiver's prefix. */
const prefixRoom = 64
const headerRoom = 10

const opText = 0x1
const opBinary = 0x2
const opContinuation = 0x0
const fin = 0x80

/** A payload as complete, unmasked WebSocket frames, ready for the socket. */
export class NodeFrame implements Frame {
  readonly byteLength: number
  readonly expiresAtMs: number
  refs = 0
  readonly #opcode: number
  /** The first fragment: header (without prefix) and payload. */
  readonly #first: Buffer
  readonly #firstHeaderBytes: number
  /** The other fragments, complete. */
  readonly #rest: readonly Buffer[]

  constructor(payload: Payload, expiresAtMs: number) {
    this.expiresAtMs = expiresAtMs
    const isText = typeof payload === 'string'
    this.#opcode = isText ? opText : opBinary
    const byteLength = isText ? Buffer.byteLength(payload) : payload.byteLength
    this.byteLength = byteLength
    const whole = Buffer.allocUnsafe(headerRoom + byteLength)
    if (isText) whole.write(payload, headerRoom)
    else whole.set(payload, headerRoom)

    const fragments = byteLength <= maxFragmentBytes - prefixRoom ? [] : cutFragments(whole, isText)
    const firstEnd = fragments[0]?.start ?? whole.length
    const firstBytes = firstEnd - headerRoom
    const headerBytes = headerLength(firstBytes)
    writeHeader(whole, headerRoom - headerBytes, this.#opcode | (fragments.length === 0 ? fin : 0), firstBytes)
    this.#first = whole.subarray(headerRoom - headerBytes, firstEnd)
    this.#firstHeaderBytes = headerBytes
    this.#rest = fragments.map(({ start, end }, i) => {
      const bytes = end - start
      const fragment = Buffer.allocUnsafe(headerLength(bytes) + bytes)
      writeHeader(fragment, 0, opContinuation | (i === fragments.length - 1 ? fin : 0), bytes)
      whole.copy(fragment, headerLength(bytes), start, end)
      return fragment
    })
  }

  get pieces(): number {
    return 1 + this.#rest.length
  }

  /** The bytes of a piece for a receiver without a prefix. */
  piece(index: number): Buffer {
    return index === 0 ? this.#first : this.#rest[index - 1]!
  }

  /** The payload of the first piece, to go behind `prefixHeader`. */
  get firstBody(): Buffer {
    return this.#first.subarray(this.#firstHeaderBytes)
  }

  /** Header and prefix of the first piece, and room for `extraBytes` behind them. */
  prefixHeader(prefix: Uint8Array, extraBytes: number): Buffer {
    const bodyBytes = this.#first.length - this.#firstHeaderBytes + prefix.length
    const headerBytes = headerLength(bodyBytes)
    const head = Buffer.allocUnsafe(headerBytes + prefix.length + extraBytes)
    writeHeader(head, 0, this.#opcode | (this.#rest.length === 0 ? fin : 0), bodyBytes)
    head.set(prefix, headerBytes)
    return head
  }
}

function headerLength(payloadBytes: number): number {
  return payloadBytes < 126 ? 2 : payloadBytes < 65_536 ? 4 : 10
}

function writeHeader(target: Buffer, at: number, firstByte: number, payloadBytes: number): void {
  target[at] = firstByte
  if (payloadBytes < 126) {
    target[at + 1] = payloadBytes
  } else if (payloadBytes < 65_536) {
    target[at + 1] = 126
    target.writeUInt16BE(payloadBytes, at + 2)
  } else {
    target[at + 1] = 127
    target.writeUInt32BE(0, at + 2)
    target.writeUInt32BE(payloadBytes, at + 6)
  }
}

/** Where the fragments behind the first one start and end; a text is cut between characters. */
function cutFragments(whole: Buffer, isText: boolean): { start: number; end: number }[] {
  const fragments: { start: number; end: number }[] = []
  let start = cutPoint(whole, headerRoom + maxFragmentBytes - prefixRoom, isText)
  while (start < whole.length) {
    const end = cutPoint(whole, start + maxFragmentBytes, isText)
    fragments.push({ start, end })
    start = end
  }
  return fragments
}

function cutPoint(whole: Buffer, wanted: number, isText: boolean): number {
  if (wanted >= whole.length) return whole.length
  let point = wanted
  if (isText) while ((whole[point]! & 0xc0) === 0x80) point--
  return point
}
