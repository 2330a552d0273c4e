import type { Encoder } from '@hocket/protocol/codec'
import type { HocketError } from '@hocket/protocol/errors'
import type { FilterSubject } from '@hocket/protocol/filter'
import type { Permissions } from '@hocket/protocol/permissions'
import type { Frame } from '../transport.ts'

/** What became of a pushed frame; the caller acts on it after its loop over the receivers, `push` itself never calls out. */
export const pushed = {
  ok: 0,
  /** Healthy, and at its bound of unwritten entries: write it at once, outside the budget of the turn. */
  urgent: 1,
  /** Over a bound that holds: close it. */
  full: 2,
} as const

export type PushResult = (typeof pushed)[keyof typeof pushed]

/** Something a publisher can wait for before it hands over more. */
export interface Congestion {
  /** Resolves when there is room again, or after a bounded time. */
  relieved(): Promise<void>
}

/** A connection as hub, router and writer see it. The session implements it. */
export interface Receiver extends FilterSubject {
  readonly hub: string
  readonly groups: Set<string>
  readonly encoder: Encoder
  readonly permissions: Permissions
  /** Puts a message frame at the end of the outbox. */
  push(frame: Frame): PushResult
  /** Writes from the outbox, always in order, until `maxBytes` are written or it has to wait. @returns bytes written */
  write(maxBytes: number): number
  /** Whether `write` would write something now: entries wait, and there is a transport that takes them. */
  readonly writable: boolean
  /** Bytes its outbox keeps alive, shared frames included. */
  readonly outboxBytes: number
  /** Whether its transport takes no more for now. */
  readonly isBlocked: boolean
  /** Whether it has no transport now, and waits for recovery. */
  readonly isDetached: boolean
  /** Ends the connection in order: what was pushed before still arrives, then a `disconnected` frame, then the close. */
  closeByServer(reason: string | null): void
  /** Ends the connection at once: the queue is discarded. */
  closeFor(error: HocketError): void
  /** Where the writer has it queued, and the turn in which it wrote it last. */
  lane: Lane
  writtenTurn: number
}

export type Lane = 'none' | 'late' | 'ring'
