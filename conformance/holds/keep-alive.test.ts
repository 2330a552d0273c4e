/** The server finds out who is gone by itself, and leaves those alone that answer. */

import { until } from '@hocket/testkit/wait'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jsonProtocol, Peer, type PeerOptions, recoveryUrl, reliableProtocol } from './lab/peer.ts'
import { pass } from './lab/reliable.ts'
import { Metrics, Rest } from './lab/rest.ts'
import { clientUrl, freshHub, inThisProcess, type Target } from './lab/target.ts'

const intervalMs = 1000
const graceMs = 400
const timeoutMs = 2 * intervalMs + graceMs

const hubDefaults = { anonymousConnectPolicy: 'deny' as const, eventHandlers: [], eventListeners: [] }

// One hub for all: the tests run side by side, since most of their time is waiting.
const hub = freshHub()
let target: Target
let rest: Rest

beforeAll(async () => {
  const everyHub = { ...hubDefaults, webSocketKeepAliveIntervalInSeconds: intervalMs / 1000 }
  target = await inThisProcess({ hubs: { '*': everyHub }, keepAliveGraceMs: graceMs })
  rest = new Rest(target, hub)
})
afterAll(() => target[Symbol.asyncDispose]())

const open = (options: PeerOptions) => Peer.open(target, clientUrl(target, hub), options)

const clients: readonly (readonly [title: string, protocol: string | null])[] = [
  ['simple', null],
  ['JSON', jsonProtocol],
  ['reliable JSON', reliableProtocol],
]

// The longest come first: a handful of tests runs at a time.
describe.concurrent('with an interval of one second', () => {
  it('a reliable client that was cut for its silence is kept for recovery, however long that takes in the window', async () => {
    await using peer = await open({ protocol: reliableProtocol, answersPings: false })
    const url = clientUrl(target, hub)
    expect(await peer.closed()).toBe(1006)
    await rest.send({ connection: peer.id }, 'while it was away')
    // A detached connection has nobody to ping, so the keep-alive cannot end it.
    await pass(timeoutMs + intervalMs)
    expect(await rest.exists({ connection: peer.id })).toBe(true)
    await using again = await Peer.open(target, recoveryUrl(url, peer.connected), { protocol: reliableProtocol })
    await again.messagesUntil(1)
    expect(again.data).toEqual(['while it was away'])
    expect(again.id).toBe(peer.id)
    await pass(timeoutMs + intervalMs)
    expect(again.isOpen, 'the new socket is kept by its pongs').toBe(true)
    expect(again.pings).toBeGreaterThanOrEqual(2)
  })

  it('a client that sends pings of its own, or anything else, stays without answering any', async () => {
    await using pinging = await open({ protocol: null, answersPings: false })
    await using talking = await open({ protocol: jsonProtocol, answersPings: false })
    const start = performance.now()
    while (performance.now() - start < timeoutMs + intervalMs) {
      pinging.ping()
      talking.send({ type: 'ping' })
      await pass(intervalMs / 2)
    }
    expect(pinging.isOpen).toBe(true)
    expect(talking.isOpen).toBe(true)
    expect(pinging.pongs).toBeGreaterThan(4)
    expect(talking.texts.filter((text) => text === '{"type":"pong"}').length).toBeGreaterThan(4)
  })

  it.each(clients)(
    'a %s client is pinged every interval, and stays as long as it answers',
    async (_title, protocol) => {
      await using peer = await open({ protocol })
      await pass(timeoutMs + 2 * intervalMs)
      expect(peer.isOpen).toBe(true)
      // Four intervals and a half have passed; a busy machine may be late with one.
      expect(peer.pings).toBeGreaterThanOrEqual(3)
      expect(peer.pings).toBeLessThanOrEqual(5)
    },
  )

  it.each(clients)(
    'a %s client that answers nothing is cut after two intervals and the grace',
    async (_title, protocol) => {
      await using peer = await open({ protocol, answersPings: false })
      const start = performance.now()
      expect(await peer.closed(), 'it is cut without a close frame').toBe(1006)
      const tookMs = performance.now() - start
      expect(tookMs).toBeGreaterThan(timeoutMs - 200)
      expect(tookMs).toBeLessThan(timeoutMs + 1500)
      expect(peer.pings).toBeGreaterThanOrEqual(1)
      expect(peer.texts.filter((text) => text.includes('disconnected'))).toEqual([])
    },
  )

  it('what a client is sent does not keep it: only what it sends counts', async () => {
    await using peer = await open({ protocol: jsonProtocol, answersPings: false })
    const start = performance.now()
    while (peer.isOpen && performance.now() - start < timeoutMs + 2000) {
      await rest.send({ connection: peer.id }, 'x')
      await pass(200)
    }
    expect(peer.isOpen).toBe(false)
  })

  it('a JSON client that was cut for its silence is gone', async () => {
    await using peer = await open({ protocol: jsonProtocol, answersPings: false })
    await peer.closed()
    expect(await rest.exists({ connection: peer.id })).toBe(false)
    expect((await Metrics.read(target)).sum('hocket_disconnects_total', { hub, code: 'lost' })).toBeGreaterThan(0)
  })

  it('a hub has its own interval', async () => {
    await using own = await inThisProcess({
      hubs: {
        fast: { ...hubDefaults, webSocketKeepAliveIntervalInSeconds: 1 },
        '*': { ...hubDefaults, webSocketKeepAliveIntervalInSeconds: 120 },
      },
    })
    await using fast = await Peer.open(own, clientUrl(own, 'Fast'), { protocol: jsonProtocol })
    await using slow = await Peer.open(own, clientUrl(own, 'other'), { protocol: jsonProtocol })
    await until(() => fast.pings >= 2, { what: 'two pings' })
    expect(slow.pings).toBe(0)
  })
})
