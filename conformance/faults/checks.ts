/**
 * What must hold after a run. The judge is the record of the proxy (which frames and acks passed, and when) together
 * with what the clients raised; it knows nothing of the server.
 */

import type { TransportRecord } from '@hocket/testkit/fault-proxy-tap'
import { checkConnections } from './checks-connections.ts'
import { checkDelivery } from './checks-delivery.ts'
import { isRefusedRecovery, isTangled, type Life, livesOf } from './lives.ts'

/** A message that a client handed to its application. */
export interface Raised {
  readonly client: string
  readonly sequenceId: number | null
  readonly key: string
}

/** A message sent through REST, past the proxy. */
export interface RestSend {
  readonly key: string
  /** Whether it may expire before it is delivered. */
  readonly expires: boolean
  /** The proxy's count when the request began, and whether the answer was 202. */
  readonly startedAt: number
  readonly accepted: boolean
}

export interface RunRecord {
  readonly transports: readonly TransportRecord[]
  readonly raised: readonly Raised[]
  readonly rest: readonly RestSend[]
  /** Clients that joined the group; the others only publish. */
  readonly members: readonly string[]
  readonly recoveryWindowMs: number
}

export interface Figures {
  sockets: number
  lives: number
  recoveries: number
  refusedRecoveries: number
  faults: number
  /** Sockets on which the server had half a request, or something else than a request, and said 400. */
  badRequests: number
  framesSent: number
  framesAccepted: number
  duplicateAcks: number
  restAccepted: number
  raised: number
  /** Clients that ran two connections at once (see `isTangled`): only what left the server for them is judged. */
  tangledClients: number
  /** Largest number of sequence ids that expired in one logical connection. */
  expired: number
}

/** @returns one sentence for each thing that is wrong, none when all holds */
export function violationsOf(run: RunRecord): string[] {
  const lives = livesOf(run.transports)
  return [...checkConnections(run, lives), ...checkDelivery(run, lives)]
}

export function figuresOf(run: RunRecord): Figures {
  const lives = livesOf(run.transports)
  const sends = lives.flatMap((life) => life.requests.filter((request) => request.type === 'sendToGroup'))
  const acks = lives.flatMap((life) => life.acks)
  const recoveries = run.transports.filter((transport) => transport.recoveryOf !== null)
  const refused = recoveries.filter(isRefusedRecovery)
  return {
    sockets: run.transports.length,
    lives: lives.length,
    recoveries: recoveries.filter((transport) => transport.connected !== null).length,
    refusedRecoveries: refused.length,
    faults: run.transports.reduce((sum, transport) => sum + transport.faults.length, 0),
    badRequests: run.transports.filter(({ status }) => status !== null && status !== 101).length,
    framesSent: sends.length,
    framesAccepted: lives.reduce((sum, life) => sum + acceptedSends(life).length, 0),
    duplicateAcks: acks.filter((ack) => ack.errorName === 'Duplicate').length,
    restAccepted: run.rest.filter((send) => send.accepted).length,
    raised: run.raised.length,
    tangledClients: [...Map.groupBy(lives, (life) => life.client).values()].filter(isTangled).length,
    expired: Math.max(0, ...lives.map((life) => Math.max(0, ...life.content.keys()) - life.content.size)),
  }
}

/** A send that the server acknowledged: one per ack id, whatever number of times it was sent. */
export interface AcceptedSend {
  readonly key: string
  readonly ackId: string
  /** When its first attempt was passed on to the server. It was not accepted earlier. */
  readonly at: number
}

export function acceptedSends(life: Life): AcceptedSend[] {
  const acked = new Set(life.acks.filter((ack) => ack.success || ack.errorName === 'Duplicate').map((ack) => ack.ackId))
  const accepted = new Map<string, AcceptedSend>()
  for (const { type, ackId, key, at } of life.requests) {
    if (type === 'sendToGroup' && ackId !== null && key !== null && acked.has(ackId) && !accepted.has(ackId)) {
      accepted.set(ackId, { key, ackId, at })
    }
  }
  return [...accepted.values()]
}
