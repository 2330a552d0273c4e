import type { Command } from './commands.ts'
import type { Envelope } from './message.ts'

/** The content of one WebSocket message: a string leaves as a text message, bytes as a binary one. */
export type Payload = string | Uint8Array

export interface AckError {
  readonly name: string
  readonly message: string
}

export interface ConnectedInfo {
  readonly connectionId: string
  readonly userId: string | null
  /** Only on reliable subprotocols. */
  readonly reconnectionToken: string | null
}

/** Envelope → payload. One object per wire form; receivers that share it share the frames it makes. */
export interface Encoder {
  /** Small integer, unique among encoders: the place of this wire form in a frame cache. */
  readonly slot: number
  /**
   * The payload of a message. Of an encoder with `sequencePrefix` it is the part that all receivers share, to be sent
   * right behind the prefix of each.
   */
  message(envelope: Envelope): Payload
  /** The bytes in front of a shared message payload of `restBytes` bytes that carry the receiver's sequence id. */
  readonly sequencePrefix: ((sequenceId: number, restBytes: number) => Uint8Array) | null
  /** System and answer frames; `null` where the subprotocol has no such frame (simple clients). */
  readonly control: ControlEncoder | null
}

export interface ControlEncoder {
  connected(info: ConnectedInfo): Payload
  disconnected(message: string): Payload
  ack(ackId: string, error: AckError | null): Payload
  pong(): Payload
}

/** A pure pair of functions for one subprotocol. */
export interface Codec {
  readonly encoder: Encoder
  /**
   * One client message → command.
   * @throws HocketError `malformedFrame` or `wrongOpcode`, never anything else.
   */
  decode(data: Uint8Array, isBinary: boolean): Command
}
