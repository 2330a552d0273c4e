import type { Command } from '@hocket/protocol/commands'
import type { HocketError } from '@hocket/protocol/errors'
import type { TransportEnd } from '../transport.ts'
import type { Session } from './session.ts'

/** Each operational fact of a session, named once. The implementation is where log line and counter meet. */
export interface SessionEvents {
  opened(session: Session): void
  /** The transport is lost; the session waits for recovery. */
  detached(session: Session, end: TransportEnd): void
  /** A new transport took over; `takeOver` when the old one still looked alive. */
  recovered(session: Session, takeOver: boolean): void
  /** The session is over. Raised once. `end` is `null` when no transport was attached. */
  ended(session: Session, cause: SessionCause, end: TransportEnd | null): void
  command(session: Session, type: Command['type'], bytes: number): void
  acked(session: Session, outcome: 'success' | 'duplicate' | 'failure'): void
  blocked(session: Session): void
  /** A command failed for a reason that is ours. */
  failed(session: Session, error: unknown): void
}

export type SessionCause =
  | { readonly kind: 'client' }
  | { readonly kind: 'lost' }
  | { readonly kind: 'server'; readonly reason: string | null }
  | { readonly kind: 'error'; readonly error: HocketError }
