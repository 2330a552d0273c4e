/** Handshakes, recoveries, acks and sequence ids of each logical connection. */

import type { TransportRecord } from '@hocket/testkit/fault-proxy-tap'
import type { RunRecord } from './checks.ts'
import { expiringKeys } from './checks-delivery.ts'
import { isRefusedRecovery, type Life } from './lives.ts'

/** How much earlier than the window a refusal may seem to be, for clocks and timers that round. */
const windowSlackMs = 30

export function checkConnections(run: RunRecord, lives: readonly Life[]): string[] {
  return [
    ...run.transports.flatMap(checkTransport),
    ...run.transports.filter(isRefusedRecovery).flatMap((transport) => checkRefusal(run, lives, transport)),
    ...lives.flatMap((life) => [...checkSequence(run, life), ...checkAcks(life)]),
  ]
}

const nameOf = (transport: TransportRecord) => `${transport.client}/${transport.ordinal}`

function checkTransport(transport: TransportRecord): string[] {
  const name = nameOf(transport)
  const violations = transport.problems.map((problem) => `${name}: ${problem}`)
  // Half a request, or something that is none, may be answered with 400.
  if (transport.requested !== null && transport.status !== null && transport.status !== 101) {
    violations.push(`${name}: the handshake was answered with ${transport.status}`)
  }
  const { recoveryOf, connectionId, serverClose, clientClose } = transport
  if (recoveryOf !== null && connectionId !== null && recoveryOf !== connectionId) {
    violations.push(`${name}: wanted to recover ${recoveryOf} and was connected as ${connectionId}`)
  }
  if (serverClose !== null && !isRefusedRecovery(transport) && clientClose === null) {
    violations.push(`${name}: the server closed ${connectionId} with ${serverClose.code} "${serverClose.reason}"`)
  }
  return violations
}

/** A session may only be refused when its window is over, or when it was closed for good. */
function checkRefusal(run: RunRecord, lives: readonly Life[], refused: TransportRecord): string[] {
  const name = nameOf(refused)
  const violations: string[] = []
  // The sync Python client may ask for one connection twice, from two threads: what followed the first refusal counts.
  const own = run.transports.filter(({ client }) => client === refused.client)
  const first = own.find((other) => isRefusedRecovery(other) && other.recoveryOf === refused.recoveryOf) ?? refused
  const successor = own.find((later) => later.accepted.at > first.accepted.at && later.recoveryOf === null)
  if (successor === undefined) violations.push(`${name}: no new connection followed the refused recovery`)

  const life = lives.find((candidate) => candidate.id === refused.recoveryOf)
  if (life === undefined) return [...violations, `${name}: wanted to recover ${refused.recoveryOf}, which never was`]
  const closedForGood = life.transports.some(
    (transport) => transport.serverClose !== null || transport.clientClose !== null,
  )
  if (closedForGood) return violations
  const refusedAtMs = refused.answered?.atMs ?? refused.accepted.atMs
  const carriers = life.transports.filter(
    (transport) => transport.connected !== null && transport.accepted.at < refused.accepted.at,
  )
  const standing = carriers.find(
    (transport) => transport.serverSideLost === null || transport.serverSideLost.atMs > refusedAtMs,
  )
  if (standing !== undefined) {
    return [...violations, `${name}: ${life.id} was refused while its socket ${nameOf(standing)} stood`]
  }
  const lostAtMs = Math.max(...carriers.map((transport) => transport.serverSideLost?.atMs ?? 0))
  const sinceMs = Math.round(refusedAtMs - lostAtMs)
  if (sinceMs < run.recoveryWindowMs - windowSlackMs) {
    violations.push(`${name}: ${life.id} was refused ${sinceMs} ms after its socket was lost`)
  }
  return violations
}

/** On every socket the ids go up one by one, but for those that the client has acknowledged. */
function checkSequence(run: RunRecord, life: Life): string[] {
  const violations: string[] = []
  const mayExpire = expiringKeys(run)
  const isGap = (id: number) => {
    const key = life.content.get(id)
    return key !== undefined && !mayExpire.has(key)
  }
  const sequenceAcks = life.transports.flatMap((transport) => transport.sequenceAcks)
  /** What the client had acknowledged by then. A replay leaves it out, also when the ack comes in its middle. */
  const ackedBefore = (at: number) =>
    sequenceAcks.reduce((highest, ack) => (ack.at < at ? Math.max(highest, ack.sequenceId) : highest), 0)
  for (const transport of life.transports) {
    const name = `${nameOf(transport)} (${life.id})`
    let previous = 0
    for (const { at, sequenceId, key } of transport.messages) {
      if (sequenceId === null) {
        violations.push(`${name}: a message has no sequenceId`)
        continue
      }
      if (life.content.get(sequenceId) !== key) {
        violations.push(`${name}: ${sequenceId} carried ${life.content.get(sequenceId)} and later ${key}`)
      }
      if (sequenceId <= previous) violations.push(`${name}: ${sequenceId} came after ${previous}`)
      if (sequenceId > previous + 1) {
        for (let id = Math.max(previous, ackedBefore(at)) + 1; id < sequenceId; id++) {
          if (isGap(id)) violations.push(`${name}: ${id} is missing before ${sequenceId}`)
        }
      }
      previous = sequenceId
    }
  }
  return violations
}

/** One success per ack id, `Duplicate` only for an id that was sent before, and an answer for all on a socket that stands. */
function checkAcks(life: Life): string[] {
  const violations: string[] = []
  const sent = countBy(life.requests.map((request) => request.ackId))
  const successes = countBy(life.acks.filter((ack) => ack.success).map((ack) => ack.ackId))
  for (const ack of life.acks) {
    const attempts = sent.get(ack.ackId) ?? 0
    if (attempts === 0) violations.push(`${life.id}: ack ${ack.ackId} answers nothing`)
    if (!ack.success && ack.errorName !== 'Duplicate') {
      violations.push(`${life.id}: ack ${ack.ackId} says ${ack.errorName}`)
    }
    if (ack.errorName === 'Duplicate' && attempts < 2) {
      violations.push(`${life.id}: ack ${ack.ackId} says Duplicate, but it was sent once`)
    }
  }
  for (const [ackId, count] of successes) {
    if (count > 1) violations.push(`${life.id}: ack id ${ackId} succeeded ${count} times`)
  }
  for (const transport of life.transports) {
    if (transport.serverSideLost !== null) continue
    const answered = countBy(transport.acks.map((ack) => ack.ackId))
    for (const [ackId, count] of countBy(transport.requests.map((request) => request.ackId))) {
      if (ackId !== null && (answered.get(ackId) ?? 0) < count) {
        violations.push(`${nameOf(transport)}: ${count} commands with ackId ${ackId}, ${answered.get(ackId) ?? 0} acks`)
      }
    }
  }
  return violations
}

function countBy<T>(values: readonly T[]): Map<T, number> {
  const counts = new Map<T, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}
