/** A reliable connection outlives its socket: every rule of recovery, with raw frames. */

import { signHs256 } from '@hocket/server/internal'
import { until } from '@hocket/testkit/wait'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ConnectedFrame, jsonProtocol, Peer, recoveryUrl, reliableProtocol } from './lab/peer.ts'
import { Metrics, Rest } from './lab/rest.ts'
import { type ClientToken, clientUrl, freshHub, inThisProcess, type Target } from './lab/target.ts'

const refusal = { code: 1008, reason: 'The connection could not be recovered.' }

let target: Target
let hub: string
let rest: Rest

beforeAll(async () => {
  target = await inThisProcess()
})
afterAll(() => target[Symbol.asyncDispose]())
beforeEach(() => {
  hub = freshHub()
  rest = new Rest(target, hub)
})

interface Opened extends AsyncDisposable {
  readonly peer: Peer
  readonly url: string
}

/** A reliable client that acknowledges nothing by itself. */
async function open(client: ClientToken = {}, on = target, inHub = hub): Promise<Opened> {
  const url = clientUrl(on, inHub, { groups: ['g'], ...client })
  const peer = await Peer.open(on, url, { protocol: reliableProtocol })
  return { peer, url, [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose]() }
}

/** Comes back for a connection; what the answer was is for the caller to see. */
function recover(url: string, of: ConnectedFrame, protocol: string | null = reliableProtocol, on = target): Promise<Peer> {
  return Peer.handshake(on, recoveryUrl(url, of), { protocol })
}

async function expectRefused(peer: Peer): Promise<void> {
  expect(peer.status).toBe(101)
  await peer.closed()
  expect(peer.close).toEqual(refusal)
  expect(peer.texts, 'the close frame comes alone').toEqual([])
}

/** Sends a text to the group and gives it. */
const sendEach = async (...texts: string[]) => {
  for (const text of texts) await rest.send({ group: 'g' }, text)
}

const numbered = (peer: Peer) => peer.messages.map(({ sequenceId, data }) => [sequenceId, data])

/** The server has noticed that the socket is gone. */
const detached = (on = target, inHub = hub) =>
  until(async () => (await Metrics.read(on)).sum('hocket_connections', { hub: inHub, state: 'detached' }) > 0, {
    what: 'the connection is detached',
  })

async function cut(peer: Peer, on = target, inHub = hub): Promise<void> {
  peer.cut()
  await detached(on, inHub)
}

describe('a connection whose socket is lost', () => {
  it('is greeted first and gets what it had not acknowledged, in order and under the same sequence ids', async () => {
    await using first = await open()
    await sendEach('a', 'b', 'c')
    await first.peer.messagesUntil(3)
    await cut(first.peer)
    await sendEach('d', 'e')
    await using second = await recover(first.url, first.peer.connected)
    await second.messagesUntil(5)
    expect(numbered(second)).toEqual([
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
      [4, 'd'],
      [5, 'e'],
    ])
    expect(second.texts[0]).toContain('"event":"connected"')
    expect(second.connected.connectionId).toBe(first.peer.id)
    expect(second.connected.reconnectionToken).toMatch(/^[\w.~-]+$/)
    await sendEach('f')
    expect((await second.messagesUntil(6)).at(-1)).toMatchObject({ sequenceId: 6, data: 'f' })
  })

  it('is replayed live traffic only behind what it missed', async () => {
    await using first = await open()
    await cut(first.peer)
    for (let i = 0; i < 50; i++) await sendEach(`m${i}`)
    const sending = (async () => {
      for (let i = 50; i < 100; i++) await sendEach(`m${i}`)
    })()
    await using second = await recover(first.url, first.peer.connected)
    await sending
    await second.messagesUntil(100)
    expect(numbered(second)).toEqual(Array.from({ length: 100 }, (_, i) => [i + 1, `m${i}`]))
  })

  it('is not sent again what it acknowledged, at once or bit by bit', async () => {
    await using first = await open()
    await sendEach('a', 'b', 'c', 'd')
    await first.peer.messagesUntil(4)
    first.peer.acknowledge(2)
    first.peer.acknowledge(1)
    first.peer.send({ type: 'sequenceAck', sequenceId: 0 })
    expect(await first.peer.request({ type: 'joinGroup', group: 'h' })).toBe('ok')
    await cut(first.peer)
    await using second = await recover(first.url, first.peer.connected)
    await second.messagesUntil(2)
    expect(numbered(second)).toEqual([
      [3, 'c'],
      [4, 'd'],
    ])
    second.acknowledge(4)
    expect(await second.request({ type: 'joinGroup', group: 'h' }, 99)).toBe('ok')
    await cut(second)
    await using third = await recover(first.url, second.connected)
    await sendEach('e')
    await third.messagesUntil(1)
    expect(numbered(third)).toEqual([[5, 'e']])
  })

  it('may not acknowledge what it was never sent: such an acknowledgement is ignored', async () => {
    await using first = await open()
    await sendEach('a', 'b')
    await first.peer.messagesUntil(2)
    first.peer.send({ type: 'sequenceAck', sequenceId: 3 })
    first.peer.send('{"type":"sequenceAck","sequenceId":18446744073709551615}')
    expect(await first.peer.request({ type: 'joinGroup', group: 'h' })).toBe('ok')
    await cut(first.peer)
    await using second = await recover(first.url, first.peer.connected)
    await second.messagesUntil(2)
    expect(numbered(second)).toEqual([
      [1, 'a'],
      [2, 'b'],
    ])
  })

  it('keeps its groups, its permissions as they were changed, and its user', async () => {
    await using first = await open({ userId: 'alice', roles: ['webpubsub.joinLeaveGroup'] })
    expect(await first.peer.request({ type: 'joinGroup', group: 'h' })).toBe('ok')
    expect(await first.peer.request({ type: 'leaveGroup', group: 'g' })).toBe('ok')
    const grant = await rest.call('PUT', `/permissions/sendToGroup/connections/${first.peer.id}`, { query: '&targetName=h' })
    expect(grant.status).toBe(200)
    await cut(first.peer)
    await using second = await recover(first.url, first.peer.connected)
    expect(second.status).toBe(101)
    await rest.send({ group: 'g' }, 'not for it')
    expect(await second.request({ type: 'sendToGroup', group: 'h', dataType: 'text', data: 'x' }, 10)).toBe('ok')
    expect(await second.request({ type: 'sendToGroup', group: 'g', dataType: 'text', data: 'x' }, 11)).toBe('Forbidden')
    expect(second.messages).toEqual([
      { sequenceId: 1, type: 'message', from: 'group', group: 'h', fromUserId: 'alice', dataType: 'text', data: 'x' },
    ])
    expect(second.connected.userId).toBe('alice')
  })

  it('is found by REST: it exists, is in its groups, is listed, can be joined to others, sent to and closed', async () => {
    await using first = await open({ userId: 'bob' })
    const { id } = first.peer
    await cut(first.peer)
    expect(await rest.exists({ connection: id })).toBe(true)
    expect(await rest.exists({ user: 'bob' })).toBe(true)
    expect(await rest.exists({ group: 'g' })).toBe(true)
    expect(await rest.members('g')).toEqual([id])
    expect(await rest.addToGroup('later', id)).toBe(200)
    await rest.send({ group: 'later' }, '1')
    await rest.send({ user: 'bob' }, '2')
    await rest.send({ connection: id }, '3')
    await rest.send('all', '4')
    await using second = await recover(first.url, first.peer.connected)
    await second.messagesUntil(4)
    expect(second.data).toEqual(['1', '2', '3', '4'])
    await cut(second)
    await rest.close({ connection: id }, 'enough')
    expect(await rest.exists({ connection: id })).toBe(false)
    expect(await rest.exists({ group: 'g' })).toBe(false)
    await expectRefused(await recover(first.url, second.connected))
  })

  it('remembers which ack ids it has done: a request that comes again is answered Duplicate and not done again', async () => {
    await using first = await open()
    const hi = { type: 'sendToGroup', group: 'g', dataType: 'text', data: 'hi' }
    expect(await first.peer.request(hi, 7)).toBe('ok')
    expect(await first.peer.request({ type: 'joinGroup', group: 'h' }, 8)).toBe('ok')
    await cut(first.peer)
    await using second = await recover(first.url, first.peer.connected)
    expect(await second.request(hi, 7)).toBe('Duplicate')
    expect(await second.request({ type: 'joinGroup', group: 'h' }, 8)).toBe('Duplicate')
    // Whatever the request is: the id alone decides.
    expect(await second.request({ type: 'leaveGroup', group: 'h' }, 7)).toBe('Duplicate')
    expect(await rest.members('h')).toEqual([first.peer.id])
    expect(await second.request({ ...hi, data: 'new' }, 9)).toBe('ok')
    expect(second.data).toEqual(['hi', 'new'])
  })

  it('does not get acks of what it asked for before the loss; the request again is answered Duplicate', async () => {
    await using first = await open()
    const send = (ackId: number, data: string) => ({ type: 'sendToGroup', group: 'g', dataType: 'text', data, ackId })
    // Written together with the end of the line, so that the answers find no socket.
    first.peer.stopReading()
    first.peer.send(send(1, 'a'))
    first.peer.send(send(2, 'b'))
    await until(async () => (await Metrics.read(target)).sum('hocket_acks_total', { hub, outcome: 'success' }) === 2, {
      what: 'both requests are done',
    })
    await cut(first.peer)
    await using second = await recover(first.url, first.peer.connected)
    await second.messagesUntil(2)
    expect(second.acks).toEqual([])
    second.send(send(1, 'a'))
    second.send(send(2, 'b'))
    await until(() => second.acks.length === 2, { what: 'both acks' })
    expect(second.acks).toEqual([
      [1, 'Duplicate'],
      [2, 'Duplicate'],
    ])
    expect(numbered(second)).toEqual([
      [1, 'a'],
      [2, 'b'],
    ])
  })

  it('gets no pong for a ping from before the loss', async () => {
    await using first = await open()
    first.peer.stopReading()
    first.peer.send({ type: 'ping' })
    first.peer.send({ type: 'joinGroup', group: 'h', ackId: 1 })
    await until(async () => (await Metrics.read(target)).sum('hocket_acks_total', { hub }) === 1, { what: 'the join' })
    await cut(first.peer)
    await using second = await recover(first.url, first.peer.connected)
    await sendEach('x')
    await second.messagesUntil(1)
    expect(second.texts.filter((text) => !text.includes('"type":"system"'))).toHaveLength(1)
  })
})

describe('how a socket is lost decides', () => {
  it.each([
    ['a close frame with 1000', 1000],
    ['a close frame without a code', null],
  ])('%s ends the connection for good', async (_title, code) => {
    await using first = await open()
    first.peer.sendClose(code)
    expect(await first.peer.closed()).toBe(code ?? 1005)
    expect(await rest.exists({ connection: first.peer.id })).toBe(false)
    await expectRefused(await recover(first.url, first.peer.connected))
  })

  it.each([1001, 1011, 3001, 4999])('a close frame with %i leaves it to be recovered', async (code) => {
    await using first = await open()
    first.peer.sendClose(code)
    expect(await first.peer.closed()).toBe(code)
    await sendEach('meanwhile')
    await using second = await recover(first.url, first.peer.connected)
    await second.messagesUntil(1)
    expect(numbered(second)).toEqual([[1, 'meanwhile']])
  })

  it('an end of the TCP connection without a close frame, in order or by a reset, leaves it to be recovered', async () => {
    await using first = await open()
    await first.peer[Symbol.asyncDispose]()
    await detached()
    await using second = await recover(first.url, first.peer.connected)
    await sendEach('a')
    await second.messagesUntil(1)
    await cut(second)
    await using third = await recover(first.url, second.connected)
    await third.messagesUntil(1)
    expect(numbered(third)).toEqual([[1, 'a']])
  })

  it('a frame that is no message of the protocol ends it for good', async () => {
    await using first = await open()
    first.peer.send('{"type":"nonsense"}')
    expect(await first.peer.closed()).toBe(1007)
    await expectRefused(await recover(first.url, first.peer.connected))
  })
})

describe('a recovery is refused, with 101 and then 1008,', () => {
  it('when the token is missing, empty, broken, signed by somebody else, or one of another connection', async () => {
    await using first = await open()
    await using other = await open()
    await cut(first.peer)
    const { connectionId, reconnectionToken = '' } = first.peer.connected
    const forged = signHs256({ iss: 'hocket', aud: connectionId, hub, exp: Math.floor(Date.now() / 1000) + 60 }, target.accessKey)
    const none = new URL(recoveryUrl(first.url, first.peer.connected))
    none.searchParams.delete('awps_reconnection_token')
    await expectRefused(await Peer.handshake(target, none.toString(), { protocol: reliableProtocol }))
    for (const token of ['', 'x', `${reconnectionToken}x`, forged, other.peer.connected.reconnectionToken!]) {
      await expectRefused(await recover(first.url, { ...first.peer.connected, reconnectionToken: token }))
    }
    await using second = await recover(first.url, first.peer.connected)
    await until(() => second.texts.length > 0, { what: 'the right token still works' })
    expect(second.close).toBeNull()
  })

  it('when the id is one that never was, and when it is known in another hub only', async () => {
    await using first = await open()
    await cut(first.peer)
    await expectRefused(await recover(first.url, { ...first.peer.connected, connectionId: 'never' }))
    const elsewhere = clientUrl(target, freshHub())
    await expectRefused(await recover(elsewhere, first.peer.connected))
    await using second = await recover(first.url.replace(hub, hub.toUpperCase()), first.peer.connected)
    await until(() => second.texts.length > 0, { what: 'the case of the hub does not count' })
    expect(second.close).toBeNull()
  })

  it('for a connection that is not reliable, which goes on untouched', async () => {
    const url = clientUrl(target, hub, { groups: ['g'] })
    await using peer = await Peer.open(target, url, { protocol: jsonProtocol })
    await using reliable = await open()
    const { reconnectionToken } = reliable.peer.connected
    await expectRefused(await recover(url, { ...peer.connected, reconnectionToken: reconnectionToken! }))
    await sendEach('still here')
    await peer.messagesUntil(1)
    expect(peer.data).toEqual(['still here'])
  })

  it('without harm to the connection that it was meant for', async () => {
    await using first = await open()
    await expectRefused(await recover(first.url, { ...first.peer.connected, reconnectionToken: 'x' }))
    await sendEach('still here')
    await first.peer.messagesUntil(1)
    expect(first.peer.isOpen).toBe(true)
  })

  it('with the offered subprotocol selected, with and without one', async () => {
    await using first = await open()
    for (const protocol of [reliableProtocol, jsonProtocol, null]) {
      const peer = await recover(first.url, { ...first.peer.connected, connectionId: 'never' }, protocol)
      expect(peer.head?.headers.get('sec-websocket-protocol') ?? null).toBe(protocol)
      await expectRefused(peer)
    }
  })

  it('when the window is over: the connection is gone then', async () => {
    await using own = await inThisProcess({ recoveryWindowMs: 300 })
    await using first = await open({ userId: 'u' }, own)
    await cut(first.peer, own)
    const its = new Rest(own, hub)
    expect(await its.exists({ connection: first.peer.id })).toBe(true)
    await until(async () => !(await its.exists({ connection: first.peer.id })), { what: 'the window is over' })
    expect(await its.exists({ user: 'u' })).toBe(false)
    expect(await its.exists({ group: 'g' })).toBe(false)
    await expectRefused(await recover(first.url, first.peer.connected, reliableProtocol, own))
  })

  it('but the window starts again with every loss', async () => {
    await using own = await inThisProcess({ recoveryWindowMs: 1500 })
    await using first = await open({}, own)
    let last = first.peer
    const start = performance.now()
    while (performance.now() - start < 2500) {
      await cut(last, own)
      await until(() => true, { what: 'a moment' })
      const pausedUntil = performance.now() + 400
      await until(() => performance.now() >= pausedUntil, { what: 'a part of the window' })
      last = await recover(first.url, last.connected, reliableProtocol, own)
      await until(() => last.texts.length > 0 || last.close !== null, { what: 'the answer' })
      expect(last.close).toBeNull()
    }
    await last[Symbol.asyncDispose]()
  })

  it('when too much had to be kept meanwhile, by number or by size', async () => {
    await using own = await inThisProcess({ outboxMaxMessages: 20, outboxMaxBytes: 65_536 })
    const its = new Rest(own, hub)
    await using byNumber = await open({ groups: ['n'] }, own)
    await using bySize = await open({ groups: ['s'] }, own)
    await using enough = await open({ groups: ['n20'] }, own)
    for (const { peer } of [byNumber, bySize, enough]) peer.cut()
    await until(async () => (await Metrics.read(own)).sum('hocket_connections', { state: 'detached' }) === 3, {
      what: 'all are detached',
    })
    for (let i = 0; i < 20; i++) await its.send({ group: 'n20' }, `m${i}`)
    for (let i = 0; i < 21; i++) await its.send({ group: 'n' }, `m${i}`)
    for (let i = 0; i < 3; i++) await its.send({ group: 's' }, 'x'.repeat(30_000))
    expect(await its.exists({ connection: byNumber.peer.id })).toBe(false)
    expect(await its.exists({ connection: bySize.peer.id })).toBe(false)
    expect((await Metrics.read(own)).sum('hocket_overflow_closes_total')).toBe(2)
    await expectRefused(await recover(byNumber.url, byNumber.peer.connected, reliableProtocol, own))
    await expectRefused(await recover(bySize.url, bySize.peer.connected, reliableProtocol, own))
    await using back = await recover(enough.url, enough.peer.connected, reliableProtocol, own)
    expect((await back.messagesUntil(20)).map(({ sequenceId }) => sequenceId)).toEqual(
      Array.from({ length: 20 }, (_, i) => i + 1),
    )
  })
})

describe('a URL', () => {
  it('with an empty connection id, or with a reconnection token alone, makes a new connection', async () => {
    await using first = await open()
    for (const change of [
      (url: URL) => url.searchParams.set('awps_connection_id', ''),
      (url: URL) => url.searchParams.delete('awps_connection_id'),
    ]) {
      const url = new URL(recoveryUrl(first.url, first.peer.connected))
      change(url)
      await using peer = await Peer.open(target, url.toString(), { protocol: reliableProtocol })
      expect(peer.id).not.toBe(first.peer.id)
    }
    expect(first.peer.isOpen).toBe(true)
  })

  it('of a recovery needs no access token, and does not mind one that is expired or for somebody else', async () => {
    await using first = await open()
    let last = first.peer
    for (const accessToken of [null, 'nonsense', signHs256({ exp: 1 }, target.accessKey)]) {
      await cut(last)
      const url = new URL(first.url)
      if (accessToken === null) url.searchParams.delete('access_token')
      else url.searchParams.set('access_token', accessToken)
      last = await recover(url.toString(), last.connected)
      await until(() => last.texts.length > 0 || last.close !== null, { what: 'the answer' })
      expect(last.close).toBeNull()
      expect(last.connected.connectionId).toBe(first.peer.id)
    }
    await last[Symbol.asyncDispose]()
  })

  it.each([
    ['another one', jsonProtocol],
    ['none', null],
  ])('of a recovery that offers %s leaves the connection its subprotocol', async (_title, protocol) => {
    await using first = await open()
    await sendEach('a')
    await cut(first.peer)
    await using second = await recover(first.url, first.peer.connected, protocol)
    await until(() => second.texts.length === 2, { what: 'connected and the message' })
    expect(numbered(second)).toEqual([[1, 'a']])
    // A client that offered nothing may be answered nothing.
    if (protocol !== null) expect(second.head?.headers.get('sec-websocket-protocol')).toBe(reliableProtocol)
  })

  it('of a recovery that spells the subprotocol in other case is answered in that spelling', async () => {
    await using first = await open()
    await cut(first.peer)
    await using second = await recover(first.url, first.peer.connected, 'JSON.Reliable.WebPubSub.Azure.V1')
    expect(second.head?.headers.get('sec-websocket-protocol')).toBe('JSON.Reliable.WebPubSub.Azure.V1')
  })
})

describe('a connection whose socket still looks alive', () => {
  it('is taken over: the old socket is cut without a close frame, and nothing is lost or out of order', async () => {
    await using first = await open()
    await sendEach('a', 'b')
    await first.peer.messagesUntil(2)
    first.peer.acknowledge(1)
    expect(await first.peer.request({ type: 'joinGroup', group: 'h' })).toBe('ok')
    await using second = await recover(first.url, first.peer.connected)
    expect(await first.peer.closed()).toBe(1006)
    expect(first.peer.texts.some((text) => text.includes('disconnected'))).toBe(false)
    await sendEach('c')
    await second.messagesUntil(2)
    expect(numbered(second)).toEqual([
      [2, 'b'],
      [3, 'c'],
    ])
    expect(second.connected.connectionId).toBe(first.peer.id)
    expect((await Metrics.read(target)).sum('hocket_recoveries_total', { hub, outcome: 'takenOver' })).toBe(1)
  })

  it('hears nothing more from the old socket, whatever had been written there', async () => {
    await using first = await open()
    const join = { type: 'joinGroup', group: 'late' }
    await using second = await recover(first.url, first.peer.connected)
    await first.peer.closed()
    first.peer.send(join)
    expect(await second.request({ type: 'joinGroup', group: 'h' }, 50)).toBe('ok')
    expect(await rest.exists({ group: 'late' })).toBe(false)
  })

  it('goes to one of two that come at the same time; the other one is refused or cut', async () => {
    await using first = await open()
    await sendEach('a')
    const peers = await Promise.all(Array.from({ length: 4 }, () => recover(first.url, first.peer.connected)))
    await until(() => peers.filter((peer) => peer.isOpen).length === 1, { what: 'one is left' })
    for (const peer of peers) if (!peer.isOpen) expect(peer.close?.code ?? 1006).toBeOneOf([1006, 1008])
    const winner = peers.find((peer) => peer.isOpen)!
    await sendEach('b')
    await winner.messagesUntil(2)
    expect(numbered(winner)).toEqual([
      [1, 'a'],
      [2, 'b'],
    ])
    expect(await rest.members('g')).toEqual([first.peer.id])
    for (const peer of peers) await peer[Symbol.asyncDispose]()
  })

  it('is recovered with an older token too, as long as that is valid', async () => {
    await using first = await open()
    await using second = await recover(first.url, first.peer.connected)
    await until(() => second.texts.length > 0, { what: 'connected' })
    expect(second.connected.reconnectionToken).not.toBe(first.peer.connected.reconnectionToken)
    await using third = await recover(first.url, first.peer.connected)
    await until(() => third.texts.length > 0, { what: 'connected again' })
    expect(third.connected.connectionId).toBe(first.peer.id)
  })
})

describe('the time to live of a message', () => {
  it('leaves a gap where the time is over, and the others come', async () => {
    await using first = await open()
    await cut(first.peer)
    await rest.send({ group: 'g' }, 'stays 1')
    await rest.send({ group: 'g' }, 'goes', { ttlSeconds: 1 })
    await rest.send({ group: 'g' }, 'stays 2', { ttlSeconds: 300 })
    const expired = Date.now() + 1100
    await until(() => Date.now() >= expired, { what: 'the time is over' })
    await using second = await recover(first.url, first.peer.connected)
    await sendEach('live')
    await second.messagesUntil(3)
    expect(numbered(second)).toEqual([
      [1, 'stays 1'],
      [3, 'stays 2'],
      [4, 'live'],
    ])
    second.acknowledge(4)
    expect(await second.request({ type: 'joinGroup', group: 'h' }, 30)).toBe('ok')
    expect((await Metrics.read(target)).sum('hocket_expired_messages_total')).toBeGreaterThan(0)
  })

  it('counts for messages of clients as well, and not for what was delivered in time', async () => {
    await using first = await open()
    const send = (data: string, ttlSeconds: number) =>
      first.peer.request({ type: 'sendToGroup', group: 'g', dataType: 'text', data, ttlSeconds })
    expect(await send('in time', 1)).toBe('ok')
    expect(first.peer.data).toEqual(['in time'])
    first.peer.acknowledge(1)
    await using publisher = await open({ groups: [] })
    await cut(first.peer)
    const late = { type: 'sendToGroup', group: 'g', dataType: 'text', data: 'late', ttlSeconds: 1 }
    expect(await publisher.peer.request(late)).toBe('ok')
    expect(await publisher.peer.request({ ...late, data: 'any time', ttlSeconds: 0 })).toBe('ok')
    const expired = Date.now() + 1100
    await until(() => Date.now() >= expired, { what: 'the time is over' })
    await using second = await recover(first.url, first.peer.connected)
    await second.messagesUntil(1)
    expect(numbered(second)).toEqual([[3, 'any time']])
  })

  it('frees room: expired messages are not held against a lost connection', async () => {
    await using own = await inThisProcess({ outboxMaxMessages: 10 })
    const its = new Rest(own, hub)
    await using first = await open({}, own)
    await cut(first.peer, own)
    for (let i = 0; i < 10; i++) await its.send({ group: 'g' }, 'old', { ttlSeconds: 1 })
    const expired = Date.now() + 1100
    await until(() => Date.now() >= expired, { what: 'the time is over' })
    for (let i = 0; i < 10; i++) await its.send({ group: 'g' }, `new ${i}`)
    await using second = await recover(first.url, first.peer.connected, reliableProtocol, own)
    await second.messagesUntil(10)
    expect(numbered(second)).toEqual(Array.from({ length: 10 }, (_, i) => [i + 11, `new ${i}`]))
  })
})

describe('the reconnection token', () => {
  it('is renewed by a further connected frame at half of its life, and both work until they expire', async () => {
    await using first = await open({ claims: { 'webpubsub.rtoken.ttl': 2 } })
    const old = first.peer.connected
    await until(() => first.peer.system.length === 2, { what: 'the second connected frame' })
    const renewed = first.peer.connected
    expect(renewed.connectionId).toBe(old.connectionId)
    expect(renewed.reconnectionToken).not.toBe(old.reconnectionToken)
    await cut(first.peer)
    await using second = await recover(first.url, renewed)
    await until(() => second.texts.length > 0, { what: 'connected' })
    expect(second.connected.connectionId).toBe(old.connectionId)
    const expired = Date.now() + 3100
    await until(() => Date.now() >= expired, { what: 'the first tokens have expired' })
    await expectRefused(await recover(first.url, old))
    await expectRefused(await recover(first.url, renewed))
    await using third = await recover(first.url, second.connected)
    await until(() => third.texts.length > 0, { what: 'connected with the newest token' })
    expect(third.close).toBeNull()
  })
})
