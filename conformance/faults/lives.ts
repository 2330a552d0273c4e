/** From sockets to logical connections: what one `connectionId` did over all the sockets that carried it. */

import type { AckRecord, MessageRecord, RequestRecord, TransportRecord } from '@hocket/testkit/fault-proxy-tap'

/** One logical connection. A client whose recovery is refused begins a new life with another id. */
export interface Life {
  readonly id: string
  readonly client: string
  /** The sockets that carried it, recoveries that were refused not among them. */
  readonly transports: readonly TransportRecord[]
  /** Commands that were passed on to the server, first ones first. */
  readonly requests: readonly RequestRecord[]
  readonly acks: readonly AckRecord[]
  /** What each sequence id carried. */
  readonly content: ReadonlyMap<number, string>
  /** Number of sequence ids that carried this content. */
  readonly copies: ReadonlyMap<string, number>
  /** When the ack of its first successful join left the server; `null` while it has none. */
  readonly joinedAt: number | null
  /** Whether one of its sockets still stands. */
  readonly standing: boolean
}

export function isRefusedRecovery(transport: TransportRecord): boolean {
  return transport.recoveryOf !== null && transport.connected === null && transport.serverClose?.code === 1008
}

/** The logical connections of every client, in the order in which they began. */
export function livesOf(transports: readonly TransportRecord[]): Life[] {
  const byId = new Map<string, TransportRecord[]>()
  for (const transport of transports) {
    if (isRefusedRecovery(transport)) continue
    // A recovery may have been accepted although its `connected` frame was never seen.
    const id = transport.connectionId ?? transport.recoveryOf
    if (id === null) continue
    const known = byId.get(id)
    if (known === undefined) byId.set(id, [transport])
    else known.push(transport)
  }
  return [...byId].map(([id, own]) => lifeOf(id, own))
}

/**
 * Whether a client had two connections at once. The sync Python client does so now and then: its recovery and its
 * reconnection run in threads of their own, and when both succeed, what arrives on two sockets goes through one memory of
 * sequence ids. What such a client raises says nothing about the server.
 */
export function isTangled(own: readonly Life[]): boolean {
  return own.some((later, index) => {
    const began = later.transports[0]?.connected?.at
    if (began === undefined) return false
    const isHeld = (transport: TransportRecord) => transport.connected !== null && heldUntil(transport) > began
    return own.slice(0, index).some((earlier) => earlier.transports.some(isHeld))
  })
}

/** When the client's end of a socket was over. */
function heldUntil({ clientSideLost, clientClose, serverClose }: TransportRecord): number {
  return Math.min(...[clientSideLost, clientClose, serverClose].map((end) => end?.at ?? Number.POSITIVE_INFINITY))
}

export function succeeded(ack: AckRecord): boolean {
  return ack.success || ack.errorName === 'Duplicate'
}

function lifeOf(id: string, transports: readonly TransportRecord[]): Life {
  const byMoment = (a: { at: number }, b: { at: number }) => a.at - b.at
  const requests = transports.flatMap((transport) => transport.requests).sort(byMoment)
  const acks = transports.flatMap((transport) => transport.acks).sort(byMoment)
  const content = new Map<number, string>()
  for (const message of allMessages(transports)) {
    if (message.sequenceId !== null && !content.has(message.sequenceId)) content.set(message.sequenceId, message.key)
  }
  const copies = new Map<string, number>()
  for (const key of content.values()) copies.set(key, (copies.get(key) ?? 0) + 1)
  const joins = new Set(requests.filter((request) => request.type === 'joinGroup').map((request) => request.ackId))
  return {
    id,
    client: transports[0]?.client ?? '',
    transports,
    requests,
    acks,
    content,
    copies,
    joinedAt: acks.find((ack) => joins.has(ack.ackId) && succeeded(ack))?.at ?? null,
    standing: transports.some((transport) => transport.connected !== null && transport.serverSideLost === null),
  }
}

function allMessages(transports: readonly TransportRecord[]): MessageRecord[] {
  return transports.flatMap((transport) => transport.messages)
}
