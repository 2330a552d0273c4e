/** What time and bounds do to reliable connections: windows, messages and tokens that are over, buffers that are full. */

import { until } from '@hocket/testkit/wait'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectRecovered, expectRefused, numbered, pass, ReliableHub } from './lab/reliable.ts'
import { Metrics } from './lab/rest.ts'
import { inThisProcess, type Target } from './lab/target.ts'

let target: Target
beforeAll(async () => {
  target = await inThisProcess()
})
afterAll(() => target[Symbol.asyncDispose]())

describe.concurrent('the window for recovery', () => {
  it('ends the connection when it is over: it is nowhere then, and its recovery is refused', async () => {
    await using own = await inThisProcess({ recoveryWindowMs: 300 })
    const hub = new ReliableHub(own)
    await using first = await hub.open({ userId: 'u' })
    await hub.cut(first.peer)
    const connection = first.peer.id
    expect(await hub.rest.exists({ connection })).toBe(true)
    await until(async () => !(await hub.rest.exists({ connection })), { what: 'the window is over' })
    expect(await hub.rest.exists({ user: 'u' })).toBe(false)
    expect(await hub.rest.exists({ group: 'g' })).toBe(false)
    await expectRefused(await hub.recover(first.url, first.peer.connected))
  })

  it('starts again with every loss', async () => {
    const windowMs = 1500
    await using own = await inThisProcess({ recoveryWindowMs: windowMs })
    const hub = new ReliableHub(own)
    await using first = await hub.open()
    let last = first.peer
    const start = performance.now()
    while (performance.now() - start < windowMs + 500) {
      await hub.cut(last)
      await pass(windowMs / 4)
      last = await hub.recover(first.url, last.connected)
      await expectRecovered(last)
    }
    await last[Symbol.asyncDispose]()
  })
})

describe.concurrent('the buffer of a connection that waits for recovery', () => {
  it('ends the connection when it is full, by number or by size, and not before', async () => {
    await using own = await inThisProcess({ outboxMaxMessages: 20, outboxMaxBytes: 65_536 })
    const hub = new ReliableHub(own)
    await using byNumber = await hub.open({ groups: ['21'] })
    await using bySize = await hub.open({ groups: ['large'] })
    await using enough = await hub.open({ groups: ['20'] })
    for (const { peer } of [byNumber, bySize, enough]) peer.cut()
    await hub.detached(3)
    for (let i = 0; i < 20; i++) await hub.rest.send({ group: '20' }, `m${i}`)
    for (let i = 0; i < 21; i++) await hub.rest.send({ group: '21' }, `m${i}`)
    for (let i = 0; i < 3; i++) await hub.rest.send({ group: 'large' }, 'x'.repeat(30_000))
    for (const { peer, url } of [byNumber, bySize]) {
      expect(await hub.rest.exists({ connection: peer.id })).toBe(false)
      await expectRefused(await hub.recover(url, peer.connected))
    }
    expect((await Metrics.read(own)).sum('hocket_overflow_closes_total')).toBe(2)
    await using back = await hub.recover(enough.url, enough.peer.connected)
    await back.messagesUntil(20)
    expect(numbered(back)).toEqual(Array.from({ length: 20 }, (_, i) => [i + 1, `m${i}`]))
  })

  it('has room again when messages in it expire', async () => {
    await using own = await inThisProcess({ outboxMaxMessages: 10 })
    const hub = new ReliableHub(own)
    await using first = await hub.open()
    await hub.cut(first.peer)
    for (let i = 0; i < 10; i++) await hub.rest.send({ group: 'g' }, 'old', { ttlSeconds: 1 })
    await pass(1100)
    for (let i = 0; i < 10; i++) await hub.send(`new ${i}`)
    await using second = await hub.recover(first.url, first.peer.connected)
    await second.messagesUntil(10)
    expect(numbered(second)).toEqual(Array.from({ length: 10 }, (_, i) => [i + 11, `new ${i}`]))
  })
})

describe.concurrent('the time to live of a message', () => {
  it('leaves a gap where it is over, and the others come', async () => {
    const hub = new ReliableHub(target)
    await using first = await hub.open()
    await hub.cut(first.peer)
    await hub.send('stays 1')
    await hub.rest.send({ group: 'g' }, 'goes', { ttlSeconds: 1 })
    await hub.rest.send({ group: 'g' }, 'stays 2', { ttlSeconds: 300 })
    await pass(1100)
    await using second = await hub.recover(first.url, first.peer.connected)
    await hub.send('live')
    await second.messagesUntil(3)
    expect(numbered(second)).toEqual([
      [1, 'stays 1'],
      [3, 'stays 2'],
      [4, 'live'],
    ])
    second.acknowledge(4)
    expect(await second.request({ type: 'joinGroup', group: 'h' })).toBe('ok')
    expect((await Metrics.read(target)).sum('hocket_expired_messages_total')).toBeGreaterThan(0)
    await hub.cut(second)
    await using third = await hub.recover(first.url, second.connected)
    await expectRecovered(third)
    await hub.send('after the gap')
    await third.messagesUntil(1)
    expect(numbered(third)).toEqual([[5, 'after the gap']])
  })

  it('counts for messages of clients as well, and not for what was delivered in time', async () => {
    const hub = new ReliableHub(target)
    await using first = await hub.open()
    const message = { type: 'sendToGroup', group: 'g', dataType: 'text' }
    expect(await first.peer.request({ ...message, data: 'in time', ttlSeconds: 1 })).toBe('ok')
    expect(first.peer.data).toEqual(['in time'])
    first.peer.acknowledge(1)
    await using publisher = await hub.open({ groups: [] })
    await hub.cut(first.peer)
    expect(await publisher.peer.request({ ...message, data: 'late', ttlSeconds: 1 })).toBe('ok')
    expect(await publisher.peer.request({ ...message, data: 'any time', ttlSeconds: 0 })).toBe('ok')
    await pass(1100)
    await using second = await hub.recover(first.url, first.peer.connected)
    await second.messagesUntil(1)
    expect(numbered(second)).toEqual([[3, 'any time']])
  })
})

describe.concurrent('the reconnection token', () => {
  it('is renewed by a further connected frame at half of its life, and works until it expires', async () => {
    const hub = new ReliableHub(target)
    await using first = await hub.open({ claims: { 'webpubsub.rtoken.ttl': 2 } })
    const old = first.peer.connected
    await until(() => first.peer.system.length === 2, { what: 'the second connected frame' })
    const renewed = first.peer.connected
    expect(renewed.connectionId).toBe(old.connectionId)
    expect(renewed.reconnectionToken).not.toBe(old.reconnectionToken)
    await hub.cut(first.peer)
    await using second = await hub.recover(first.url, renewed)
    await expectRecovered(second)
    expect(second.connected.connectionId).toBe(old.connectionId)
    await pass(3100)
    await expectRefused(await hub.recover(first.url, old))
    await expectRefused(await hub.recover(first.url, renewed))
    await using third = await hub.recover(first.url, second.connected)
    await expectRecovered(third)
  })
})
