import type { Encoder, Payload } from '@hocket/protocol/codec'
import type { Envelope } from '@hocket/protocol/message'
import type { Frame } from '../transport.ts'

/** Makes a payload ready to write; the engine's. `expiresAtMs` is `Infinity` when it never expires. */
export type PrepareFrame = (payload: Payload, expiresAtMs: number) => Frame

/** The frames of one envelope: encoded once per wire form, on the first receiver that needs it. */
export class FrameCache {
  readonly #envelope: Envelope
  readonly #prepare: PrepareFrame
  readonly #frames: (Frame | undefined)[] = []

  constructor(envelope: Envelope, prepare: PrepareFrame) {
    this.#envelope = envelope
    this.#prepare = prepare
  }

  get(encoder: Encoder): Frame {
    const known = this.#frames[encoder.slot]
    if (known !== undefined) return known
    const frame = this.#prepare(encoder.message(this.#envelope), this.#envelope.expiresAtMs ?? Number.POSITIVE_INFINITY)
    this.#frames[encoder.slot] = frame
    return frame
  }
}
