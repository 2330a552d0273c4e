import type { Envelope, Permission, Target } from '@hocket/protocol/message'

interface At {
  readonly hub: string
  readonly connectionId: string
  readonly permission: Permission
  readonly group: string
}

/** A change. Replies are cached by `commandId`, so that a retry does it once. */
export type BackplaneCommand = { readonly commandId: string } & (
  | { readonly op: 'join'; readonly scope: Target; readonly groups: readonly string[]; readonly filter: string | null }
  | {
      readonly op: 'leave'
      readonly scope: Target
      readonly groups: readonly string[] | 'all'
      readonly filter: string | null
    }
  | {
      readonly op: 'close'
      readonly scope: Target
      readonly excluded: readonly string[]
      readonly reason: string | null
    }
  | ({ readonly op: 'grant' | 'revoke' } & At)
)

export type BackplaneQuery =
  | { readonly op: 'exists'; readonly scope: Target }
  | ({ readonly op: 'permission' } & At)
  | {
      readonly op: 'members'
      readonly hub: string
      readonly group: string
      /** Only connection ids above this one, in ordinal order; `null` starts at the first. */
      readonly after: string | null
      readonly limit: number
    }

export type BackplaneRequest = BackplaneCommand | BackplaneQuery

export interface Member {
  readonly connectionId: string
  readonly userId: string | null
}

type Changed = { readonly outcome: 'done' | 'notFound' | 'full' }

export interface Replies {
  join: { readonly matched: number }
  leave: { readonly matched: number }
  close: { readonly matched: number }
  grant: Changed
  revoke: Changed
  exists: { readonly found: boolean }
  permission: { readonly held: boolean }
  members: { readonly items: readonly Member[]; readonly more: boolean }
}

export type ReplyTo<R extends BackplaneRequest> = Replies[R['op']]

export interface Answer<T> {
  readonly replies: readonly { readonly nodeId: string; readonly reply: T }[]
  /** Nodes that were declared dead before they answered. */
  readonly missing: readonly string[]
}

/**
 * Carries envelopes and requests between nodes. Contract:
 *
 * - Between two nodes, `publish` and `request` share one FIFO: the handlers *start* in the order of the calls.
 * - `request` reaches every node concerned, this one included, and resolves when each has answered or was declared dead.
 * - `setInterest` resolves when every live node knows, so that a join may be acknowledged; it gives `undefined` when
 *   there is nobody to tell. Calls for one target take effect in the order made.
 * - A connection target goes to the node that its id names and needs no interest.
 */
export interface Backplane {
  readonly nodeId: string
  start(handlers: BackplaneHandlers): Promise<void>
  /** This node has, or no longer has, a receiver for `target`. */
  setInterest(target: Target, present: boolean): Promise<void> | undefined
  /** Hands one envelope to every *other* node that is interested in its target. */
  publish(envelope: Envelope): void
  /** @throws HocketError `backplaneUnavailable` when a live node did not answer within the request time-out. */
  request<R extends BackplaneRequest>(request: R): Promise<Answer<ReplyTo<R>>>
  /** Stops taking new work and resolves when what was handed over has left this node. */
  drain(): Promise<void>
  close(): Promise<void>
}

export interface BackplaneHandlers {
  envelope(envelope: Envelope): void
  request<R extends BackplaneRequest>(request: R): ReplyTo<R> | Promise<ReplyTo<R>>
  nodeLost(nodeId: string): void
  /** Non-null: this node may be stale. Sends are refused (retryable) and REST answers 503 until it is null again. */
  fenced(reason: string | null): void
}
