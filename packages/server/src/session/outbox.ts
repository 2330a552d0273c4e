import type { Encoder } from '@hocket/protocol/codec'
import type { OutboxMeter } from '../hub/meter.ts'
import type { Frame, Transport } from '../transport.ts'

const firstCapacity = 8
/** Arrays of the first size, to be used again: most outboxes go from empty to one entry and back with every message. */
const spareFrames: (Frame | null)[][] = []
const spareSequences: number[][] = []
const maxSpares = 1024

/**
 * The frames of one connection, in the order in which they were accepted: a ring with a written mark. On a reliable
 * connection it is the replay buffer as well: message entries have a sequence id and stay until they are acknowledged;
 * control entries (acks, pong) keep their place, go when written and vanish when the transport is lost. An entry that
 * has gone from the middle leaves a hole. An empty outbox owns no array.
 */
export class Outbox {
  readonly #reliable: boolean
  readonly #encoder: Encoder
  readonly #meter: OutboxMeter
  #frames: (Frame | null)[] | null = null
  /** Sequence id of each entry; 0 for control entries and on connections without sequence ids. */
  #sequences: number[] | null = null
  #capacity = 0
  #head = 0
  #length = 0
  /** Entries behind the head that have been written; only a reliable outbox keeps such entries. */
  #written = 0
  /** Pieces of the entry at the written mark that have left already. */
  #piece = 0
  #nextSequence = 1
  #lastWrittenSequence = 0
  #healthy = true
  /** No entry expires before this; some may have gone since. */
  #firstExpiryMs = Number.POSITIVE_INFINITY

  /** Entries that still have to be written. */
  unwritten = 0
  unwrittenBytes = 0
  /** Messages with a sequence id that have not been acknowledged, written or not. */
  unacked = 0
  unackedBytes = 0

  constructor(encoder: Encoder, reliable: boolean, meter: OutboxMeter) {
    this.#encoder = encoder
    this.#reliable = reliable
    this.#meter = meter
  }

  /** Whether its unwritten entries count as backlog that publishers are slowed for: attached and not blocked. */
  set healthy(healthy: boolean) {
    if (this.#healthy === healthy) return
    this.#healthy = healthy
    this.#meter.healthyUnwritten += healthy ? this.unwritten : -this.unwritten
  }

  get bytes(): number {
    return this.#reliable ? Math.max(this.unackedBytes, this.unwrittenBytes) : this.unwrittenBytes
  }

  pushMessage(frame: Frame): void {
    if (this.#reliable) {
      this.unacked++
      this.unackedBytes += frame.byteLength
      this.#push(frame, this.#nextSequence++)
    } else {
      this.#push(frame, 0)
    }
  }

  pushControl(frame: Frame): void {
    this.#push(frame, 0)
  }

  /** Writes in order until `maxBytes` are exceeded or nothing is left; at least one piece. @returns bytes written */
  write(transport: Transport, maxBytes: number, nowMs: number): number {
    let bytes = 0
    while (this.#written < this.#length && bytes < maxBytes) {
      const place = (this.#head + this.#written) & (this.#capacity - 1)
      const frame = this.#frames![place]!
      if (frame === null) {
        this.#pass(place)
        continue
      }
      const sequence = this.#sequences![place]!
      if (this.#piece === 0) {
        if (frame.expiresAtMs <= nowMs) {
          this.#expire(place, frame)
          this.#pass(place)
          continue
        }
        bytes += transport.write(
          frame,
          0,
          sequence === 0 ? null : this.#encoder.sequencePrefix!(sequence, frame.byteLength),
        )
      } else {
        bytes += transport.write(frame, this.#piece, null)
      }
      if (++this.#piece < frame.pieces) continue
      this.#piece = 0
      this.#countWritten(frame)
      if (sequence === 0) this.#drop(place, frame)
      else if (sequence > this.#lastWrittenSequence) this.#lastWrittenSequence = sequence
      this.#pass(place)
    }
    if (this.#length === 0) this.#freeArrays()
    return bytes
  }

  /** Releases every message up to `sequenceId`. An id that was never written is ignored. */
  acknowledge(sequenceId: number): void {
    if (sequenceId > this.#lastWrittenSequence) return
    while (this.#length > 0) {
      const frame = this.#frames![this.#head]!
      if (frame !== null) {
        const sequence = this.#sequences![this.#head]!
        if (sequence === 0 || sequence > sequenceId) break
        // Half of it has left: the peer needs the rest before anything else can follow.
        if (this.#written === 0 && this.#piece > 0) break
        if (this.#written === 0) this.#countWritten(frame)
        this.#forget(frame)
        this.#drop(this.#head, frame)
      }
      this.#shift()
    }
    if (this.#length === 0) this.#freeArrays()
  }

  /** The transport is lost: control entries vanish, and every un-acknowledged message is to be written again. */
  detach(): void {
    const kept: { frame: Frame; sequence: number }[] = []
    for (let i = 0; i < this.#length; i++) {
      const place = (this.#head + i) & (this.#capacity - 1)
      const frame = this.#frames![place]!
      if (frame === null) continue
      const sequence = this.#sequences![place]!
      if (sequence === 0) this.#meter.release(frame)
      else kept.push({ frame, sequence })
    }
    if (this.#healthy) this.#meter.healthyUnwritten += kept.length - this.unwritten
    this.#freeArrays()
    this.#head = 0
    this.#length = 0
    this.#written = 0
    this.#piece = 0
    this.unwritten = kept.length
    this.unwrittenBytes = this.unackedBytes
    for (const { frame, sequence } of kept) this.#append(frame, sequence)
  }

  /** Takes expired messages that are not partly written out, so that only what counts is held against the bounds. */
  dropExpired(nowMs: number): void {
    if (this.#firstExpiryMs > nowMs) return
    this.#firstExpiryMs = Number.POSITIVE_INFINITY
    for (let i = 0; i < this.#length; i++) {
      const place = (this.#head + i) & (this.#capacity - 1)
      const frame = this.#frames![place]!
      if (frame === null) continue
      if (frame.expiresAtMs > nowMs || (i === this.#written && this.#piece > 0)) {
        this.#firstExpiryMs = Math.min(this.#firstExpiryMs, frame.expiresAtMs)
        continue
      }
      if (i < this.#written) {
        this.#forget(frame)
        this.#drop(place, frame)
      } else {
        this.#expire(place, frame)
      }
    }
    while (this.#length > 0 && this.#frames![this.#head] === null && !(this.#written === 0 && this.#piece > 0))
      this.#shift()
    if (this.#length === 0) this.#freeArrays()
  }

  /** Lets everything go. */
  clear(): void {
    for (let i = 0; i < this.#length; i++) {
      const frame = this.#frames![(this.#head + i) & (this.#capacity - 1)]!
      if (frame !== null) this.#meter.release(frame)
    }
    if (this.#healthy) this.#meter.healthyUnwritten -= this.unwritten
    this.#freeArrays()
    this.#head = 0
    this.#length = 0
    this.#written = 0
    this.#piece = 0
    this.unwritten = 0
    this.unwrittenBytes = 0
    this.unacked = 0
    this.unackedBytes = 0
  }

  #push(frame: Frame, sequence: number): void {
    this.unwritten++
    this.unwrittenBytes += frame.byteLength
    if (frame.expiresAtMs < this.#firstExpiryMs) this.#firstExpiryMs = frame.expiresAtMs
    if (this.#healthy) this.#meter.healthyUnwritten++
    this.#meter.hold(frame)
    this.#append(frame, sequence)
  }

  #append(frame: Frame, sequence: number): void {
    if (this.#frames === null) {
      this.#frames = spareFrames.pop() ?? new Array<Frame | null>(firstCapacity).fill(null)
      this.#sequences = spareSequences.pop() ?? new Array<number>(firstCapacity).fill(0)
      this.#capacity = firstCapacity
      this.#head = 0
    } else if (this.#length === this.#capacity) {
      this.#grow()
    }
    const place = (this.#head + this.#length) & (this.#capacity - 1)
    this.#frames![place] = frame
    this.#sequences![place] = sequence
    this.#length++
  }

  #grow(): void {
    const frames = new Array<Frame | null>(this.#capacity * 2).fill(null)
    const sequences = new Array<number>(this.#capacity * 2).fill(0)
    for (let i = 0; i < this.#length; i++) {
      const place = (this.#head + i) & (this.#capacity - 1)
      frames[i] = this.#frames![place]!
      sequences[i] = this.#sequences![place]!
    }
    this.#frames = frames
    this.#sequences = sequences
    this.#capacity *= 2
    this.#head = 0
  }

  #freeArrays(): void {
    if (this.#frames === null || this.#sequences === null) return
    if (this.#capacity === firstCapacity && spareFrames.length < maxSpares) {
      spareFrames.push(this.#frames.fill(null))
      spareSequences.push(this.#sequences)
    }
    this.#frames = null
    this.#sequences = null
    this.#capacity = 0
    this.#written = 0
  }

  /** Moves the written mark over the entry at `place`; holes at the front go at once. */
  #pass(place: number): void {
    this.#written++
    if (this.#frames![place] === null && this.#written === 1) this.#shift()
  }

  #shift(): void {
    this.#frames![this.#head] = null
    this.#head = (this.#head + 1) & (this.#capacity - 1)
    this.#length--
    if (this.#written > 0) this.#written--
  }

  #countWritten(frame: Frame): void {
    this.unwritten--
    this.unwrittenBytes -= frame.byteLength
    if (this.#healthy) this.#meter.healthyUnwritten--
  }

  /** Makes a hole. */
  #drop(place: number, frame: Frame): void {
    this.#frames![place] = null
    this.#meter.release(frame)
  }

  /** Takes a message off the account of those that wait for an acknowledgement. */
  #forget(frame: Frame): void {
    this.unacked--
    this.unackedBytes -= frame.byteLength
  }

  /** Drops an unwritten entry whose time is over. */
  #expire(place: number, frame: Frame): void {
    this.#meter.expired++
    this.#countWritten(frame)
    if (this.#sequences![place] !== 0) this.#forget(frame)
    this.#drop(place, frame)
  }
}
