/** The words in which the table of cases is written. */

import { closePayload, encodeFrame, opcodes } from '@hocket/testkit/frames'

/** The limit of one message in bytes, which both servers under test are given. */
export const maxMessageBytes = 1_048_576

export interface Message {
  readonly type: 'text' | 'binary'
  readonly data: Buffer
}

/** What becomes of a connection that was sent some bytes. */
export interface Outcome {
  /** Messages that the server accepts, in order: they are echoed, and everybody else in the group gets them. */
  readonly messages?: readonly Message[]
  /** Payloads of the pongs that answer, in order. */
  readonly pongs?: readonly Buffer[]
  /** Status code of the server's close frame; 1005 is one without a code. Absent: the connection goes on to work. */
  readonly close?: number
}

export interface FrameCase {
  /** Behaviour as a sentence, without its subject: the server. */
  readonly name: string
  /** The bytes behind the handshake, cut into the pieces in which they are written. */
  readonly send: () => readonly Uint8Array[]
  /** Cuts them into pieces of this many bytes instead. */
  readonly pieceBytes?: number
  readonly expect: Outcome
  /** The outcome with bare `ws`, where it differs; `null` when the case concerns the service only. */
  readonly control?: Outcome | null
}

export function text(data: string | Uint8Array): Message {
  return { type: 'text', data: Buffer.from(data as Uint8Array) }
}

export function binary(data: string | Uint8Array): Message {
  return { type: 'binary', data: Buffer.from(data as Uint8Array) }
}

type FrameOptions = Omit<Parameters<typeof encodeFrame>[0], 'opcode' | 'payload'>

export function frame(
  type: keyof typeof opcodes | number,
  payload: Uint8Array | string = '',
  options: FrameOptions = {},
): Buffer {
  return encodeFrame({ opcode: typeof type === 'number' ? type : opcodes[type], payload, ...options })
}

/** A message in fragments with the given payloads. */
export function fragments(type: 'text' | 'binary', ...payloads: readonly (Uint8Array | string)[]): Buffer[] {
  return payloads.map((payload, i) =>
    frame(i === 0 ? type : 'continuation', payload, { fin: i === payloads.length - 1 }),
  )
}

export function closeFrame(code: number, reason = ''): Buffer {
  return frame('close', closePayload(code, reason))
}

export function hex(bytes: string): Buffer {
  return Buffer.from(bytes.replaceAll(' ', ''), 'hex')
}
