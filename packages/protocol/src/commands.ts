import type { MessageBody, Metadata } from './message.ts'

/**
 * What a client asked for: one union for every subprotocol. `ackId` is the decimal source text of an unsigned 64-bit
 * integer, so that ids above 2^53 are echoed exactly; `null` means that the client wants no answer.
 */
export type Command =
  | { readonly type: 'joinGroup'; readonly group: string; readonly ackId: string | null }
  | { readonly type: 'leaveGroup'; readonly group: string; readonly ackId: string | null }
  | {
      readonly type: 'sendToGroup'
      readonly group: string
      readonly ackId: string | null
      readonly noEcho: boolean
      /** Seconds a receiver may wait for it, 1 to 300; 0 means for ever. */
      readonly ttlSeconds: number
      readonly body: MessageBody
      readonly metadata: Metadata | null
    }
  | {
      readonly type: 'event'
      readonly event: string
      readonly ackId: string | null
      readonly body: MessageBody
      readonly metadata: Metadata | null
    }
  | { readonly type: 'ping' }
  | { readonly type: 'sequenceAck'; readonly sequenceId: number }
