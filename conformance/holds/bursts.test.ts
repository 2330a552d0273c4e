/** Many small messages at one moment, and one big message for many: neither harms anybody who reads. */

import { once } from 'node:events'
import { connect } from 'node:net'
import { textFrame } from '@hocket/testkit/frames'
import { until } from '@hocket/testkit/wait'
import { describe, expect, it } from 'vitest'
import { jsonProtocol, openMany, Peer, type PeerOptions, reliableProtocol } from './lab/peer.ts'
import { Metrics, type Recipient, Rest } from './lab/rest.ts'
import { clientUrl, freshHub, inItsOwnProcess, inThisProcess, type Target } from './lab/target.ts'

const full = process.env.HOCKET_FULL === '1'

const burst = 9000

const readers: readonly (readonly [kind: string, PeerOptions])[] = [
  ['simple', { protocol: null }],
  ['JSON', { protocol: jsonProtocol }],
  ['reliable JSON', { protocol: reliableProtocol, acknowledges: 'like the JavaScript client' }],
]

const openReaders = (target: Target, hub: string) =>
  Promise.all(readers.map(([, options]) => Peer.open(target, clientUrl(target, hub, { groups: ['g'], userId: 'u' }), options)))

/** The data of a reader's messages, whatever its protocol. */
const dataOf = (peer: Peer, protocol: string | null | undefined) => (protocol == null ? peer.texts : peer.data)

/** Waits until nothing more comes for `peers` and holds what came against `count` messages `m0`, `m1`, … in order. */
async function expectAll(peers: readonly Peer[], count: number): Promise<void> {
  const expected = Array.from({ length: count }, (_, i) => `m${i}`)
  for (const [i, [kind, { protocol }]] of readers.entries()) {
    const peer = peers[i]!
    await until(() => !peer.isOpen || peer.received >= count + (protocol == null ? 0 : 1), {
      what: `all messages for the ${kind} reader, which has ${peer.received}`,
      timeoutMs: 45_000,
    })
    expect(peer.close, `the ${kind} reader is connected`).toBeNull()
    expect(dataOf(peer, protocol), `what the ${kind} reader got`).toEqual(expected)
    expect(peer.violations).toEqual([])
  }
}

describe('9,000 small messages in one turn of the event loop', () => {
  it('from one client, in one write, reach every reader and close none', async () => {
    await using target = await inItsOwnProcess()
    const hub = freshHub()
    const peers = await openReaders(target, hub)
    const publisher = await Peer.open(target, clientUrl(target, hub), { protocol: jsonProtocol, keeps: false })
    const frames = Array.from({ length: burst }, (_, i) =>
      textFrame(`{"type":"sendToGroup","group":"g","dataType":"text","data":"m${i}"}`),
    )
    publisher.write(Buffer.concat(frames))
    await expectAll(peers, burst)
    expect(publisher.isOpen).toBe(true)
    expect((await Metrics.read(target)).sum('hocket_overflow_closes_total')).toBe(0)
  })

  it.each<[string, Recipient]>([
    ['a group', { group: 'g' }],
  ])('from REST calls to %s, pipelined in one write, reach every reader and close none', async (_title, to) => {
    await using target = await inItsOwnProcess()
    const hub = freshHub()
    const peers = await openReaders(target, hub)
    const rest = new Rest(target, hub)
    const calls = Array.from({ length: burst }, (_, i) => rest.rawSend(to, `m${i}`))
    const socket = connect(target.port, '127.0.0.1')
    await once(socket, 'connect')
    let answers = ''
    socket.on('data', (chunk) => {
      answers += chunk
    })
    socket.write(Buffer.concat(calls))
    await expectAll(peers, burst)
    await until(() => answers.match(/^HTTP\/1\.1 202 /gm)?.length === burst, { what: '9,000 answers' })
    socket.destroy()
    expect((await Metrics.read(target)).sum('hocket_overflow_closes_total')).toBe(0)
  })
})
