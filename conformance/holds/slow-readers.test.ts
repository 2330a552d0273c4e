/** Clients that stop reading: they are closed at their bounds, cost the process no more than those, and slow nobody. */

import { textFrame } from '@hocket/testkit/frames'
import { until } from '@hocket/testkit/wait'
import { describe, expect, it } from 'vitest'
import { jsonProtocol, openMany, Peer, type PeerOptions, recoveryUrl, reliableProtocol } from './lab/peer.ts'
import { Metrics, Rest } from './lab/rest.ts'
import { clientUrl, freshHub, inItsOwnProcess, inThisProcess, type Target, withMeasuredMemory } from './lab/target.ts'
import { Watch } from './lab/watch.ts'

const slowCount = 100
const MiB = 1024 * 1024
/** What the memory of a busy process holds beside its outboxes: input, and pages that it has not given back yet. */
const garbageBytes = 96 * MiB

const healthyReaders: readonly PeerOptions[] = [
  { protocol: null },
  { protocol: jsonProtocol },
  { protocol: reliableProtocol, acknowledges: 'like the JavaScript client' },
]

interface Crowd extends AsyncDisposable {
  readonly hub: string
  readonly slow: readonly Peer[]
  readonly healthy: readonly Peer[]
  readonly publisher: Peer
}

/** A hundred clients that stop reading, half of them reliable, and a dozen healthy ones, all in group `g`. */
async function openCrowd(
  target: Target,
  slowProtocols: readonly string[] = [jsonProtocol, reliableProtocol],
): Promise<Crowd> {
  const hub = freshHub()
  const url = clientUrl(target, hub, { groups: ['g'] })
  const slow = await openMany(slowCount, (i) =>
    Peer.open(target, url, { protocol: slowProtocols[i % slowProtocols.length]!, stopsReading: true }),
  )
  const healthy = await openMany(12, (i) => Peer.open(target, url, healthyReaders[i % healthyReaders.length]!))
  const publisher = await Peer.open(target, clientUrl(target, hub), { protocol: jsonProtocol })
  return {
    hub,
    slow,
    healthy,
    publisher,
    async [Symbol.asyncDispose]() {
      for (const peer of [...slow, ...healthy, publisher]) await peer[Symbol.asyncDispose]()
    },
  }
}

/** The numbers that a healthy reader's messages begin with. */
const numbersOf = (peer: Peer, i: number) =>
  (i % healthyReaders.length === 0 ? peer.texts : peer.data).map((data) => Number.parseInt(String(data), 10))

async function expectHealthyGot({ healthy }: Crowd, count: number, timeoutMs: number): Promise<void> {
  const expected = Array.from({ length: count }, (_, i) => i)
  for (const [i, peer] of healthy.entries()) {
    await until(() => !peer.isOpen || numbersOf(peer, i).length >= count, {
      what: `a healthy reader has all ${count}; it has ${peer.received}`,
      timeoutMs,
    })
    expect(peer.close).toBeNull()
    expect(numbersOf(peer, i)).toEqual(expected)
  }
}

describe(`${slowCount} clients that stop reading`, () => {
  it('are closed at their bounds and counted; the process stays within them, and others get everything in order', async () => {
    const outboxMaxBytes = MiB
    await using target = await withMeasuredMemory(['--outbox-max-bytes', String(outboxMaxBytes), '--log-level', 'info'])
    await using crowd = await openCrowd(target)
    const rest = new Rest(target, crowd.hub)
    const own = 'x'.repeat(64 * 1024)
    const before = (await Metrics.read(target)).sum('process_resident_memory_bytes')
    const watch = new Watch(target)

    // What each slow reader is owed is shared with the group, and a part of it is its own: nobody else holds that.
    const size = 8 * 1024
    let count = 0
    const publish = async (messages: number) => {
      for (let i = 0; i < messages; i++) await rest.send({ group: 'g' }, `${count++} `.padEnd(size, 'y'))
    }
    for (let round = 0; round < 60; round++) {
      await publish(6)
      await Promise.all(crowd.slow.map((peer) => rest.send({ connection: peer.id }, own)))
    }
    await expectHealthyGot(crowd, count, 10_000)
    await watch.stop()

    const metrics = await Metrics.read(target)
    expect(metrics.sum('hocket_overflow_closes_total')).toBe(slowCount)
    expect(metrics.sum('hocket_connections', { state: 'open' })).toBe(crowd.healthy.length + 1)
    expect(metrics.sum('hocket_blocked_connections')).toBe(0)
    // A bound for each slow reader and what its socket holds at most. While the kernel takes all it is sent, a reliable
    // one looks like a reader that acknowledges late, which may be owed four times as much for a while (decision 0003).
    const perReader = outboxMaxBytes + 2 * 65_536
    const perReliableReader = 4 * outboxMaxBytes + 2 * 65_536
    const bound = (slowCount / 2) * (perReader + perReliableReader)
    expect(watch.outboxBytes).toBeLessThan(bound)
    expect(watch.memoryBytes - before).toBeLessThan(bound + garbageBytes)

    for (const [i, peer] of crowd.slow.entries()) {
      peer.readOn()
      const code = await peer.closed()
      // The close frame stands behind what its socket held; one that took too long to read is cut.
      expect([i % 2 === 0 ? 1013 : 1008, 1006]).toContain(code)
    }
  }, 60_000)

  it('slow nobody down with small messages either', async () => {
    await using target = await inItsOwnProcess(['--log-level', 'info'])
    await using crowd = await openCrowd(target)
    const rest = new Rest(target, crowd.hub)
    // Small enough that the kernel takes all of it: nothing but missing acknowledgements tells who has stopped.
    const count = 3000
    const start = performance.now()
    for (let i = 0; i < count; i++) await rest.send({ group: 'g' }, `${i}`)
    await expectHealthyGot(crowd, count, 10_000)
    // Nobody waits for those that do not acknowledge: they have their grace of three seconds, and are closed then.
    expect(performance.now() - start).toBeLessThan(15_000)
    await until(async () => (await Metrics.read(target)).sum('hocket_overflow_closes_total') === slowCount / 2, {
      what: 'the reliable ones that never acknowledge are closed',
    })
  }, 60_000)

  it('do not grow the process when a burst comes for each of them alone, and hold nothing once they are closed', async () => {
    const outboxMaxBytes = MiB
    await using target = await withMeasuredMemory([
      ...['--outbox-max-bytes', String(outboxMaxBytes), '--outbox-max-messages', '100'],
      ...['--close-timeout-ms', '120000', '--shutdown-timeout-ms', '500', '--log-level', 'info'],
    ])
    await using crowd = await openCrowd(target, [jsonProtocol])
    const rest = new Rest(target, crowd.hub)
    for (const { id } of crowd.slow) expect(await rest.addToGroup(`only ${id}`, id)).toBe(200)
    const before = await Metrics.read(target)
    const watch = new Watch(target)
    // Many frames for one reader in one write: while it looks healthy all of them are written at once.
    for (const { id } of crowd.slow) {
      const frame = textFrame(
        JSON.stringify({ type: 'sendToGroup', group: `only ${id}`, dataType: 'text', data: 'x'.repeat(10_000) }),
      )
      crowd.publisher.write(Buffer.concat(Array.from({ length: 600 }, () => frame)))
    }
    expect(await crowd.publisher.request({ type: 'joinGroup', group: 'sync' })).toBe('ok')
    await watch.stop()
    const perReader = outboxMaxBytes + 2 * 65_536
    expect(watch.outboxBytes).toBeLessThan(slowCount * perReader)
    const memory = before.sum('process_resident_memory_bytes')
    expect(watch.memoryBytes - memory).toBeLessThan(slowCount * perReader + garbageBytes)
    expect((await Metrics.read(target)).sum('hocket_overflow_closes_total')).toBeGreaterThan(slowCount * 0.9)
    for (const peer of crowd.healthy) expect(peer.isOpen).toBe(true)
    // Their sockets have two minutes to close: what still stood in front of the close frame is counted nowhere.
    const buffers = before.sum('nodejs_external_memory_bytes')
    await until(async () => (await Metrics.read(target)).sum('nodejs_external_memory_bytes') < buffers + 48 * MiB, {
      what: 'the buffers of closed connections are gone',
    })
  }, 60_000)
})

describe.concurrent('one client that reads slowly or not at all', () => {
  it('of a reliable protocol may not come back once it is closed: its recovery is refused', async () => {
    await using target = await inThisProcess({ outboxMaxMessages: 20 })
    const hub = freshHub()
    const url = clientUrl(target, hub, { groups: ['g'] })
    await using peer = await Peer.open(target, url, { protocol: reliableProtocol, stopsReading: true })
    const rest = new Rest(target, hub)
    const publishing = (async () => {
      for (let i = 0; i < 21; i++) await rest.send({ group: 'g' }, `m${i}`)
    })()
    await until(async () => !(await rest.exists({ connection: peer.id })), { what: 'the connection is closed' })
    await publishing
    peer.readOn()
    expect(await peer.closed()).toBe(1008)
    expect(peer.close?.reason).toBe('The reliable message buffer is full.')
    await using again = await Peer.handshake(target, recoveryUrl(url, peer.connected), { protocol: reliableProtocol })
    expect(await again.closed()).toBe(1008)
  })

  it('is not closed as long as it makes progress', async () => {
    await using target = await inThisProcess({ blockedTimeoutMs: 1000 })
    const hub = freshHub()
    const url = clientUrl(target, hub, { groups: ['g'] })
    await using peer = await Peer.open(target, url, { protocol: jsonProtocol, stopsReading: true })
    const rest = new Rest(target, hub)
    const size = 15 * MiB
    const each = MiB - 1000
    const count = Math.floor(size / each)
    for (let i = 0; i < count; i++) await rest.send({ group: 'g' }, `${i} `.padEnd(each, 'z'))
    // A part every half second: it takes far longer than the time-out, but never that long between two parts.
    while (peer.isOpen && peer.messages.length < count) {
      peer.readOn()
      await new Promise((resolve) => setTimeout(resolve, 2))
      peer.stopReading()
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    expect(peer.close).toBeNull()
    expect(peer.messages).toHaveLength(count)
  }, 60_000)

  it('is closed when it makes none for the time-out', async () => {
    await using target = await inThisProcess({ blockedTimeoutMs: 500, closeTimeoutMs: 500 })
    const hub = freshHub()
    const url = clientUrl(target, hub, { groups: ['g'] })
    await using simple = await Peer.open(target, url, { stopsReading: true })
    await using json = await Peer.open(target, url, { protocol: jsonProtocol, stopsReading: true })
    await using reliable = await Peer.open(target, url, { protocol: reliableProtocol, stopsReading: true })
    const rest = new Rest(target, hub)
    for (let i = 0; i < 8; i++) await rest.send({ group: 'g' }, 'x'.repeat(1_000_000))
    await until(async () => (await Metrics.read(target)).sum('hocket_connections', { hub, state: 'open' }) === 0, {
      what: 'nobody is open',
    })
    expect(await rest.exists({ connection: json.id })).toBe(false)
    // The reliable one was cut, not closed: it may come back, and then lost nothing.
    expect(await rest.exists({ connection: reliable.id })).toBe(true)
    simple.readOn()
    await using again = await Peer.open(target, recoveryUrl(url, reliable.connected), { protocol: reliableProtocol })
    await again.messagesUntil(8)
    expect(again.messages.map(({ sequenceId }) => sequenceId)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  }, 30_000)
})
