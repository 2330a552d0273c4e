/** What a message carries: the body as its source text or bytes, and whom it goes to. */

export type DataType = 'text' | 'json' | 'binary' | 'protobuf'

/**
 * The content of a message. `json` keeps its source text and is never parsed or serialised again, so that big numbers,
 * key order and spaces reach every receiver as they were sent; `protobuf` holds an encoded `google.protobuf.Any`.
 */
export type MessageBody =
  | { readonly dataType: 'text' | 'json'; readonly data: string }
  | { readonly dataType: 'binary' | 'protobuf'; readonly data: Uint8Array }

export type Metadata = Readonly<Record<string, string>>

export type Target =
  | { readonly kind: 'hub'; readonly hub: string }
  | { readonly kind: 'group'; readonly hub: string; readonly group: string }
  | { readonly kind: 'user'; readonly hub: string; readonly userId: string }
  | { readonly kind: 'connection'; readonly hub: string; readonly connectionId: string }

/** A message with its target, ready to deliver. Immutable: every receiver gets the same object. */
export interface Envelope {
  /** Node id and a counter: unique in a cluster. */
  readonly id: string
  readonly target: Target
  readonly from: 'server' | 'group'
  /** The user of the sending connection; `null` for an anonymous one and for the server. */
  readonly fromUserId: string | null
  readonly body: MessageBody
  /** Connection ids that must not receive it; `noEcho` adds the sender's. */
  readonly excluded: readonly string[]
  /** OData source, or `null`. */
  readonly filter: string | null
  readonly metadata: Metadata | null
  /** Epoch milliseconds after which a receiver that has not got it never gets it, or `null`. */
  readonly expiresAtMs: number | null
}

export type Permission = 'sendToGroup' | 'joinLeaveGroup'
