/** Many small messages at one moment, and one big message for many: neither harms anybody who reads. */

import { once } from 'node:events'
import { connect } from 'node:net'
import { textFrame } from '@hocket/testkit/frames'
import { until } from '@hocket/testkit/wait'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jsonProtocol, openMany, Peer, type PeerOptions, reliableProtocol } from './lab/peer.ts'
import { Metrics, type Recipient, Rest } from './lab/rest.ts'
import { clientUrl, freshHub, inItsOwnProcess, type ProcessTarget, type Target } from './lab/target.ts'
import { Watch } from './lab/watch.ts'

const full = process.env.HOCKET_FULL === '1'

const burst = 9000
const MiB = 1024 * 1024

const readers: readonly (readonly [kind: string, PeerOptions])[] = [
  ['simple', { protocol: null }],
  ['JSON', { protocol: jsonProtocol }],
  ['reliable JSON', { protocol: reliableProtocol, acknowledges: 'like the JavaScript client' }],
]

const openReaders = (target: Target, hub: string) =>
  Promise.all(
    readers.map(([, options]) => Peer.open(target, clientUrl(target, hub, { groups: ['g'], userId: 'u' }), options)),
  )

/** The data of a reader's messages, whatever its protocol. */
const dataOf = (peer: Peer, protocol: string | null | undefined) => (protocol == null ? peer.texts : peer.data)

/** Waits until nothing more comes for `peers` and holds what came against `count` messages `m0`, `m1`, … in order. */
async function expectAll(peers: readonly Peer[], count: number): Promise<void> {
  const expected = Array.from({ length: count }, (_, i) => `m${i}`)
  for (const [i, [kind, { protocol }]] of readers.entries()) {
    const peer = peers[i]!
    await until(() => !peer.isOpen || peer.received >= count + (protocol == null ? 0 : 1), {
      what: `all messages for the ${kind} reader, which has ${peer.received}`,
      timeoutMs: 30_000,
    })
    expect(peer.close, `the ${kind} reader is connected`).toBeNull()
    expect(dataOf(peer, protocol), `what the ${kind} reader got`).toEqual(expected)
    expect(peer.violations).toEqual([])
  }
}

const frameOf = (i: number) => textFrame(`{"type":"sendToGroup","group":"g","dataType":"text","data":"m${i}"}`)
const frames = (from: number, to: number) =>
  Buffer.concat(Array.from({ length: to - from }, (_, i) => frameOf(from + i)))

const overflows = async (target: Target) => (await Metrics.read(target)).sum('hocket_overflow_closes_total')

/** Waits for all readers, whatever the order: senders of their own have none between them. */
async function expectAllInAnyOrder(peers: readonly Peer[], count: number): Promise<void> {
  for (const [i, [kind, { protocol }]] of readers.entries()) {
    const peer = peers[i]!
    await until(() => !peer.isOpen || dataOf(peer, protocol).length >= count, {
      what: `all messages for the ${kind} reader`,
      timeoutMs: 30_000,
    })
    expect(peer.close, `the ${kind} reader is connected`).toBeNull()
    expect(new Set(dataOf(peer, protocol)).size, `what the ${kind} reader got`).toBe(count)
    expect(peer.violations).toEqual([])
  }
}

// Most of the time goes by with waiting for acknowledgements, of which a reliable client sends one a second.
describe.concurrent('9,000 small messages in one turn of the event loop', () => {
  let target: ProcessTarget
  beforeAll(async () => {
    target = await inItsOwnProcess()
  })
  afterAll(async () => {
    expect(await overflows(target)).toBe(0)
    await target[Symbol.asyncDispose]()
  })

  it('from one client, in one write, reach every reader in order and close none', async () => {
    const hub = freshHub()
    const peers = await openReaders(target, hub)
    await using publisher = await Peer.open(target, clientUrl(target, hub), { protocol: jsonProtocol, keeps: false })
    publisher.write(frames(0, burst))
    await expectAll(peers, burst)
    expect(publisher.isOpen).toBe(true)
    for (const peer of peers) await peer[Symbol.asyncDispose]()
  })

  it('from two reliable clients at a time, each of which gets those of both, close neither', async () => {
    const hub = freshHub()
    const peers = await openReaders(target, hub)
    const url = clientUrl(target, hub, { groups: ['g'] })
    await using other = await Peer.open(target, url, readers[2]![1])
    peers[2]!.write(frames(0, burst / 2))
    other.write(frames(burst / 2, burst))
    await expectAllInAnyOrder(peers, burst)
    await expectAllInAnyOrder([peers[0]!, peers[1]!, other], burst)
    for (const peer of peers) await peer[Symbol.asyncDispose]()
  })

  it('from a reliable client to itself and others reach it as well', async () => {
    const hub = freshHub()
    const peers = await openReaders(target, hub)
    // Its acknowledgements stand behind its messages in the same socket.
    peers[2]!.write(frames(0, burst))
    await expectAll(peers, burst)
    for (const peer of peers) await peer[Symbol.asyncDispose]()
  })

  it('from 600 clients at a time close no reader', async () => {
    const hub = freshHub()
    const peers = await openReaders(target, hub)
    const url = clientUrl(target, hub)
    const publishers = await openMany(600, () => Peer.open(target, url, { protocol: jsonProtocol, keeps: false }))
    for (const [i, publisher] of publishers.entries()) publisher.write(frames(i * 15, i * 15 + 15))
    await expectAllInAnyOrder(peers, burst)
    for (const peer of [...publishers, ...peers]) await peer[Symbol.asyncDispose]()
  })

  it('from REST calls, pipelined in one write or by 300 callers, to a group, a user and a hub, close no reader', async () => {
    const pipelined = async (to: Recipient) => {
      const hub = freshHub()
      const peers = await openReaders(target, hub)
      const rest = new Rest(target, hub)
      const socket = connect(target.port, '127.0.0.1')
      await once(socket, 'connect')
      let answers = ''
      socket.on('data', (chunk) => {
        answers += chunk
      })
      socket.write(Buffer.concat(Array.from({ length: burst }, (_, i) => rest.rawSend(to, `m${i}`))))
      await expectAllInAnyOrder(peers, burst)
      await until(() => answers.match(/^HTTP\/1\.1 202 /gm)?.length === burst, { what: '9,000 answers with 202' })
      socket.destroy()
      for (const peer of peers) await peer[Symbol.asyncDispose]()
    }
    const sideBySide = async (callers: number) => {
      const hub = freshHub()
      const peers = await openReaders(target, hub)
      const rest = new Rest(target, hub)
      const each = burst / callers
      const call = async (caller: number) => {
        for (let i = 0; i < each; i++) await rest.send({ group: 'g' }, `m${caller * each + i}`)
      }
      await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)))
      await expectAllInAnyOrder(peers, burst)
      for (const peer of peers) await peer[Symbol.asyncDispose]()
    }
    await Promise.all([pipelined({ group: 'g' }), pipelined({ user: 'u' }), pipelined('all'), sideBySide(300)])
  })
})

describe('a broadcast of 1 MiB', () => {
  const connections = full ? 2000 : 300
  // A fifth of what is delivered in all: a message that counted once per receiver would be far over it.
  const totalMaxBytes = connections * 200 * 1024

  it(`to ${connections} connections reaches everybody whole, in short frames, and stays under outboxTotalMaxBytes`, async () => {
    await using target = await inItsOwnProcess(['--outbox-total-max-bytes', String(totalMaxBytes)])
    const hub = freshHub()
    const text = 'Größe '.repeat(MiB / 8)
    expect(Buffer.byteLength(text)).toBe(MiB)
    let whole = 0
    const onMessage = (got: string) => {
      if (got.startsWith('{"type":"system"')) return
      const data = got.startsWith('{') ? JSON.parse(got).data : got
      if (data === text) whole++
    }
    const url = clientUrl(target, hub, { groups: ['g'] })
    const peers = await openMany(connections, (i) =>
      Peer.open(target, url, { ...readers[i % readers.length]![1], keeps: false, onMessage }),
    )
    const watch = new Watch(target)
    await new Rest(target, hub).send({ group: 'g' }, text)
    await until(() => whole === connections || peers.some((peer) => !peer.isOpen), {
      what: 'everybody has all of it',
      timeoutMs: 60_000,
    })
    await watch.stop()
    expect(whole).toBe(connections)
    for (const peer of peers) {
      expect(peer.isOpen).toBe(true)
      expect(peer.longestFrameBytes).toBeLessThanOrEqual(65_536)
      expect(peer.violations).toEqual([])
    }
    expect(watch.outboxBytes, `the most in ${watch.looks} looks`).toBeLessThan(totalMaxBytes)
    expect(await overflows(target)).toBe(0)
    for (const peer of peers) await peer[Symbol.asyncDispose]()
  }, 120_000)
})
