/** What all outboxes hold together is bounded too: the largest of those who take nothing go first. */

import { until } from '@hocket/testkit/wait'
import { describe, expect, it } from 'vitest'
import { jsonProtocol, Peer, reliableProtocol } from './lab/peer.ts'
import { Metrics, Rest } from './lab/rest.ts'
import { clientUrl, freshHub, inThisProcess, type Target } from './lab/target.ts'

const MiB = 1024 * 1024
const chunk = 'x'.repeat(250_000)

const outboxBytes = async (target: Target) => (await Metrics.read(target)).sum('hocket_outbox_bytes')
const blocked = async (target: Target) => (await Metrics.read(target)).sum('hocket_blocked_connections')

/** Sends to one that does not read until its socket takes no more, and then `extra` chunks more. */
async function fill(target: Target, rest: Rest, peer: Peer, extra: number): Promise<void> {
  const before = await blocked(target)
  let sent = 0
  while ((await blocked(target)) === before) {
    await rest.send({ connection: peer.id }, chunk)
    if (++sent > 400) throw new Error('the socket takes everything')
  }
  for (let i = 0; i < extra; i++) await rest.send({ connection: peer.id }, chunk)
}

describe('when all outboxes together reach outboxTotalMaxBytes', () => {
  it('the largest of the blocked ones is closed first, and only as many as needed; the healthy stay', async () => {
    await using target = await inThisProcess({ outboxTotalMaxBytes: 12 * MiB, outboxMaxBytes: 16 * MiB })
    const hub = freshHub()
    const rest = new Rest(target, hub)
    const openOne = (options: object = {}) =>
      Peer.open(target, clientUrl(target, hub, { groups: ['g'] }), { protocol: jsonProtocol, ...options })
    const healthy = await Promise.all([openOne(), openOne(), openOne({ protocol: reliableProtocol })])
    const small = await openOne({ stopsReading: true })
    const large = await openOne({ stopsReading: true })
    const middle = await openOne({ stopsReading: true })
    await fill(target, rest, small, 4)
    await fill(target, rest, large, 20)
    await fill(target, rest, middle, 10)
    expect(await blocked(target)).toBe(3)
    expect(await outboxBytes(target)).toBeGreaterThan(8 * MiB)

    const exists = async () => Promise.all([small, middle, large].map(({ id }) => rest.exists({ connection: id })))
    let sent = 0
    while ((await exists()).every((each) => each)) {
      await rest.send({ connection: small.id }, chunk)
      if (++sent > 60) throw new Error('nobody is closed')
    }
    expect(await exists(), 'small, middle, large').toEqual([true, true, false])
    expect(await outboxBytes(target)).toBeLessThanOrEqual(12 * MiB)
    // Room for five megabytes has been made, so it takes some more until the next one has to go.
    sent = 0
    while ((await exists()).filter((each) => each).length === 2) {
      await rest.send({ connection: middle.id }, chunk)
      expect(await outboxBytes(target)).toBeLessThanOrEqual(12 * MiB)
      if (++sent > 60) throw new Error('nobody is closed')
    }
    expect(await exists(), 'small, middle, large').toEqual([true, false, false])
    await rest.send({ group: 'g' }, 'for everybody')
    for (const peer of healthy) {
      await peer.messagesUntil(1)
      expect(peer.data).toEqual(['for everybody'])
      expect(peer.isOpen).toBe(true)
    }
    large.readOn()
    expect(await large.closed()).toBe(1013)
    small.readOn()
    await until(() => small.data.at(-1) === 'for everybody', { what: 'the smallest one reads on and lost nothing' })
    expect((await Metrics.read(target)).sum('hocket_overflow_closes_total')).toBe(2)
    for (const peer of [...healthy, small, middle, large]) await peer[Symbol.asyncDispose]()
  }, 60_000)

  it('connections that wait for recovery do not hold more than that either', async () => {
    const limit = 8 * MiB
    await using target = await inThisProcess({ outboxTotalMaxBytes: limit, outboxMaxBytes: 16 * MiB })
    const hub = freshHub()
    const rest = new Rest(target, hub)
    await using healthy = await Peer.open(target, clientUrl(target, hub, { groups: ['g'] }), { protocol: jsonProtocol })
    const lost = await Promise.all(
      Array.from({ length: 6 }, () => Peer.open(target, clientUrl(target, hub), { protocol: reliableProtocol })),
    )
    for (const peer of lost) peer.cut()
    await until(async () => (await Metrics.read(target)).sum('hocket_connections', { hub, state: 'detached' }) === 6, {
      what: 'all are detached',
    })
    // Three megabytes for each: none reaches its own bound, together they exceed the bound of the process.
    for (let i = 0; i < 12; i++) {
      for (const { id } of lost) await rest.send({ connection: id }, chunk)
      expect(await outboxBytes(target)).toBeLessThanOrEqual(limit + MiB)
    }
    const alive = await Promise.all(lost.map(({ id }) => rest.exists({ connection: id })))
    expect(alive.filter((each) => each).length, 'only as many as needed have gone').toBeGreaterThanOrEqual(1)
    await rest.send({ group: 'g' }, 'still served')
    await healthy.messagesUntil(1)
  }, 60_000)

  it('reliable connections that read and never acknowledge do not hold more than that either', async () => {
    const limit = 8 * MiB
    await using target = await inThisProcess({ outboxTotalMaxBytes: limit, outboxMaxBytes: 16 * MiB })
    const hub = freshHub()
    const rest = new Rest(target, hub)
    await using healthy = await Peer.open(target, clientUrl(target, hub, { groups: ['g'] }), { protocol: jsonProtocol })
    const deaf = await Promise.all(
      Array.from({ length: 6 }, () =>
        Peer.open(target, clientUrl(target, hub), { protocol: reliableProtocol, keeps: false }),
      ),
    )
    for (let i = 0; i < 12; i++) {
      for (const { id } of deaf) await rest.send({ connection: id }, chunk)
      expect(await outboxBytes(target)).toBeLessThanOrEqual(limit + MiB)
    }
    const alive = await Promise.all(deaf.map(({ id }) => rest.exists({ connection: id })))
    expect(alive.filter((each) => each).length, 'only as many as needed have gone').toBeGreaterThanOrEqual(1)
    await rest.send({ group: 'g' }, 'still served')
    await healthy.messagesUntil(1)
    for (const peer of deaf) await peer[Symbol.asyncDispose]()
  }, 60_000)
})
