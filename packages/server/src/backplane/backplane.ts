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
  /** One for each node that was asked and answered; in no particular order. */
  readonly replies: readonly { readonly nodeId: string; readonly reply: T }[]
  /** Nodes that were asked, and left or were declared dead before they answered. */
  readonly missing: readonly string[]
}

/**
 * Carries envelopes and requests between nodes. Contract:
 *
 * - Between two nodes, `publish` and `request` share one FIFO: the handlers *start* in the order of the calls. The handler
 *   of this node starts within the call of `request`.
 * - `request` reaches every node concerned, this one included, and resolves when each has answered or was declared dead.
 *   A request about one connection concerns the node that the connection's id names (every node, when it names none).
 * - A command is done once per node and `commandId`, however often it is sent; a retry gets the first reply. (Each
 *   implementation passes its handlers through `cacheReplies`.) What failed is tried again.
 * - When a handler fails, `request` rejects: with its HocketError as it is, else with `backplaneUnavailable`.
 * - `setInterest` resolves when every live node knows, so that a join may be acknowledged; it gives `undefined` when
 *   there is nobody to tell. Calls for one target take effect in the order made. A removal never rejects. An addition
 *   that rejects has been noted nevertheless: take it back with `setInterest(target, false)`.
 * - A connection target goes to the node that its id names and needs no interest.
 * - While a node is fenced its requests and additions of interest reject with `backplaneUnavailable`; before
 *   `fenced(null)` all interest has been exchanged again, but envelopes of the meantime are gone.
 * - Handlers that are synchronous run to their end before the next one starts.
 */
export interface Backplane {
  readonly nodeId: string
  /** Resolves when every live node knows this one. Handlers may be called before that. Once only. */
  start(handlers: BackplaneHandlers): Promise<void>
  /**
   * This node has, or no longer has, a receiver for `target`.
   *
   * @throws HocketError `backplaneUnavailable` (as a rejection) for an addition that a live node did not confirm in time,
   *   while fenced, and after `drain()`.
   */
  setInterest(target: Target, present: boolean): Promise<void> | undefined
  /**
   * Hands one envelope to every *other* node that is interested in its target.
   *
   * @throws HocketError `backplaneUnavailable` after `drain()`, when there could be anybody to hand it to.
   */
  publish(envelope: Envelope): void
  /**
   * @throws HocketError `backplaneUnavailable` when a live node did not answer within the request time-out, while fenced,
   *   and after `drain()`.
   */
  request<R extends BackplaneRequest>(request: R): Promise<Answer<ReplyTo<R>>>
  /**
   * Stops taking new work and resolves when what was handed over has left this node. Requests of other nodes are still
   * answered, and own requests still get their answers.
   */
  drain(): Promise<void>
  /** Leaves the cluster. Open requests reject; no handler is called afterwards. */
  close(): Promise<void>
}

export interface BackplaneHandlers {
  envelope(envelope: Envelope): void
  request<R extends BackplaneRequest>(request: R): ReplyTo<R> | Promise<ReplyTo<R>>
  /** Another node left or was declared dead: its connections are gone. A node that comes back from a partition is live again without a call. */
  nodeLost(nodeId: string): void
  /** Non-null: this node may be stale. Sends are refused (retryable) and REST answers 503 until it is null again. */
  fenced(reason: string | null): void
}
