/** Every accepted message arrives, once, in order. */

import { acceptedSends, type Raised, type RunRecord } from './checks.ts'
import { isTangled, type Life } from './lives.ts'

export function checkDelivery(run: RunRecord, lives: readonly Life[]): string[] {
  return [
    ...run.members.flatMap((client) => {
      const own = lives.filter((life) => life.client === client)
      const raised = run.raised.filter((message) => message.client === client)
      return checkMember(run, client, lives, own, raised)
    }),
    ...checkPublisherOrder(run, lives),
    ...checkCommonOrder(run, lives),
  ]
}

function checkMember(
  run: RunRecord,
  client: string,
  lives: readonly Life[],
  own: readonly Life[],
  raised: readonly Raised[],
): string[] {
  const current = own.at(-1)
  if (current === undefined) return [`${client} never connected`]
  const violations: string[] = []
  if (!current.standing) violations.push(`${client} is not connected at the end (last: ${current.id})`)
  if (current.joinedAt === null) violations.push(`${client} is not back in its group: ${current.id} has no join ack`)

  if (isTangled(own)) return [...violations, ...own.flatMap((life) => checkCopies(run, lives, life, life === current))]
  const expiring = expiringKeys(run)
  const raisedCounts = new Map<string, number>()
  for (const { sequenceId, key } of raised) {
    const name = `${sequenceId} ${key}`
    raisedCounts.set(name, (raisedCounts.get(name) ?? 0) + 1)
  }
  for (const [name, count] of raisedCounts) {
    const carriers = own.filter((life) => {
      const [sequenceId, key] = splitName(name)
      return life.content.get(sequenceId) === key
    })
    if (carriers.length === 0) violations.push(`${client} raised ${name}, which never left the server for it`)
    else if (count > carriers.length) violations.push(`${client} raised ${name} ${count} times`)
  }
  for (const life of own) {
    const wasRaised = (sequenceId: number) => raisedCounts.has(`${sequenceId} ${life.content.get(sequenceId)}`)
    const ids = [...life.content.keys()].sort((a, b) => a - b)
    // A life that ended may have lost its tail, one that stands nothing.
    const last = life === current ? ids.at(-1) : ids.findLast(wasRaised)
    // What left the server with a socket that died may have expired before it could be replayed.
    const mayExpire = (id: number) => expiring.has(life.content.get(id) ?? '')
    const missed = ids.filter((id) => id <= (last ?? 0) && !wasRaised(id) && !mayExpire(id))
    if (missed.length > 0) {
      const fate = missed.map((id) => `${id} (${passedOn(life, id) ? 'handed to its socket' : 'lost with a socket'})`)
      violations.push(`${client} did not raise ${list(fate)} of ${life.id}, but later ones`)
    }
    violations.push(...checkCopies(run, lives, life, life === current))
  }
  return violations
}

/** Lower and upper bound of how often each content must be in a life. */
function checkCopies(run: RunRecord, lives: readonly Life[], life: Life, isCurrent: boolean): string[] {
  const violations: string[] = []
  const least = new Map<string, number>()
  const most = new Map<string, number>()
  const add = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1)
  const joinedAt = life.joinedAt ?? Number.POSITIVE_INFINITY
  for (const publisher of lives) {
    for (const { key, at } of acceptedSends(publisher)) if (at > joinedAt) add(least, key)
    const counted = new Set<string>()
    for (const { type, ackId, key } of publisher.requests) {
      if (type !== 'sendToGroup' || key === null || counted.has(String(ackId))) continue
      counted.add(String(ackId))
      add(most, key)
    }
  }
  for (const transport of run.transports) {
    // A socket that was never named may still have carried commands that the server executed.
    if (transport.connectionId !== null || transport.recoveryOf !== null) continue
    for (const { key } of transport.requests) if (key !== null) add(most, key)
  }
  for (const send of run.rest) {
    add(most, send.key)
    if (send.accepted && !send.expires && send.startedAt > joinedAt) add(least, send.key)
  }
  if (isCurrent) {
    for (const [key, count] of least) {
      const found = life.copies.get(key) ?? 0
      if (found < count) {
        violations.push(`${life.client} (${life.id}) has ${key} ${found} times, it was accepted ${count} times`)
      }
    }
  }
  for (const [key, found] of life.copies) {
    const limit = most.get(key) ?? 0
    if (found > limit)
      violations.push(`${life.client} (${life.id}) has ${key} ${found} times, it was sent ${limit} times`)
  }
  violations.push(...checkGaps(run, life))
  return violations
}

/** Ids that never left the server must be those of messages that could expire. */
function checkGaps(run: RunRecord, life: Life): string[] {
  const last = Math.max(0, ...life.content.keys())
  const missing = Array.from({ length: last }, (_, i) => i + 1).filter((id) => !life.content.has(id))
  const expired = run.rest.filter((send) => send.expires && !life.copies.has(send.key)).length
  if (missing.length <= expired) return []
  return [`${life.client} (${life.id}) has no ${list(missing)}, and only ${expired} messages can have expired`]
}

export function expiringKeys({ rest }: Pick<RunRecord, 'rest'>): Set<string> {
  return new Set(rest.filter((send) => send.expires).map((send) => send.key))
}

/** What one connection sent first is delivered first. Content that was sent more than once says nothing about order. */
function checkPublisherOrder(run: RunRecord, lives: readonly Life[]): string[] {
  const unique = uniqueKeys(run)
  const violations: string[] = []
  for (const publisher of lives) {
    const order = publisher.requests.flatMap(({ key }) => (key !== null && unique.has(key) ? [key] : []))
    for (const life of lives) {
      const place = placesOf(life)
      const delivered = order.filter((key) => place.has(key))
      const wrong = firstDescent(delivered, place)
      if (wrong !== null)
        violations.push(`${life.client} (${life.id}) has ${wrong} out of the order of ${publisher.id}`)
    }
  }
  return violations
}

/** Any two connections see what both of them have in the same order. */
function checkCommonOrder(run: RunRecord, lives: readonly Life[]): string[] {
  const unique = uniqueKeys(run)
  const violations: string[] = []
  for (const [index, first] of lives.entries()) {
    const order = [...placesOf(first).keys()].filter((key) => unique.has(key))
    for (const second of lives.slice(index + 1)) {
      const place = placesOf(second)
      const wrong = firstDescent(
        order.filter((key) => place.has(key)),
        place,
      )
      if (wrong !== null) violations.push(`${first.id} and ${second.id} have ${wrong} in different orders`)
    }
  }
  return violations
}

function uniqueKeys(run: RunRecord): Set<string> {
  const counts = new Map<string, number>()
  const keys = [
    ...run.transports.flatMap((transport) => transport.requests.map((request) => request.key)),
    ...run.rest.map((send) => send.key),
  ]
  for (const key of keys) if (key !== null) counts.set(key, (counts.get(key) ?? 0) + 1)
  return new Set([...counts].filter(([, count]) => count === 1).map(([key]) => key))
}

/** Content → sequence id, in the order of the ids. */
function placesOf(life: Life): Map<string, number> {
  return new Map([...life.content].sort(([a], [b]) => a - b).map(([id, key]) => [key, id]))
}

function firstDescent(keys: readonly string[], place: ReadonlyMap<string, number>): string | null {
  for (const [index, key] of keys.entries()) {
    const before = keys[index - 1]
    if (before !== undefined && (place.get(before) ?? 0) > (place.get(key) ?? 0)) return `${before} and ${key}`
  }
  return null
}

function passedOn(life: Life, sequenceId: number): boolean {
  return life.transports.some((transport) => transport.messages.some((m) => m.sequenceId === sequenceId && m.passedOn))
}

function splitName(name: string): [number, string] {
  const space = name.indexOf(' ')
  return [Number(name.slice(0, space)), name.slice(space + 1)]
}

function list(values: readonly unknown[]): string {
  const shown = values.slice(0, 8).join(', ')
  return values.length > 8 ? `${shown} and ${values.length - 8} more` : shown
}
