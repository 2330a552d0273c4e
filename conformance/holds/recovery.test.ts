/** A reliable connection outlives its socket: what comes back with it, with raw frames. */

import { textFrame } from '@hocket/testkit/frames'
import { until } from '@hocket/testkit/wait'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { expectRefused, numbered, ReliableHub } from './lab/reliable.ts'
import { Metrics } from './lab/rest.ts'
import { inThisProcess, type Target } from './lab/target.ts'

let target: Target
let hub: ReliableHub

beforeAll(async () => {
  target = await inThisProcess()
})
afterAll(() => target[Symbol.asyncDispose]())
beforeEach(() => {
  hub = new ReliableHub(target)
})

describe('a connection whose socket is lost', () => {
  it('is greeted first and gets what it had not acknowledged, in order and under the same sequence ids', async () => {
    await using first = await hub.open()
    await hub.send('a', 'b', 'c')
    await first.peer.messagesUntil(3)
    await hub.cut(first.peer)
    await hub.send('d', 'e')
    await using second = await hub.recover(first.url, first.peer.connected)
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
    await hub.send('f')
    expect((await second.messagesUntil(6)).at(-1)).toMatchObject({ sequenceId: 6, data: 'f' })
  })

  it('is replayed live traffic only behind what it missed', async () => {
    await using first = await hub.open()
    await hub.cut(first.peer)
    for (let i = 0; i < 50; i++) await hub.send(`m${i}`)
    const sending = (async () => {
      for (let i = 50; i < 100; i++) await hub.send(`m${i}`)
    })()
    await using second = await hub.recover(first.url, first.peer.connected)
    await sending
    await second.messagesUntil(100)
    expect(numbered(second)).toEqual(Array.from({ length: 100 }, (_, i) => [i + 1, `m${i}`]))
  })

  it('is not sent again what it acknowledged, at once or bit by bit', async () => {
    await using first = await hub.open()
    await hub.send('a', 'b', 'c', 'd')
    await first.peer.messagesUntil(4)
    first.peer.acknowledge(2)
    first.peer.acknowledge(1)
    first.peer.send({ type: 'sequenceAck', sequenceId: 0 })
    expect(await first.peer.request({ type: 'joinGroup', group: 'h' })).toBe('ok')
    await hub.cut(first.peer)
    await using second = await hub.recover(first.url, first.peer.connected)
    await second.messagesUntil(2)
    expect(numbered(second)).toEqual([
      [3, 'c'],
      [4, 'd'],
    ])
    second.acknowledge(4)
    expect(await second.request({ type: 'joinGroup', group: 'h' }, 99)).toBe('ok')
    await hub.cut(second)
    await using third = await hub.recover(first.url, second.connected)
    await hub.send('e')
    await third.messagesUntil(1)
    expect(numbered(third)).toEqual([[5, 'e']])
  })

  it('may not acknowledge what it was never sent: such an acknowledgement is ignored', async () => {
    await using first = await hub.open()
    await hub.send('a', 'b')
    await first.peer.messagesUntil(2)
    first.peer.send({ type: 'sequenceAck', sequenceId: 3 })
    first.peer.send('{"type":"sequenceAck","sequenceId":18446744073709551615}')
    expect(await first.peer.request({ type: 'joinGroup', group: 'h' })).toBe('ok')
    await hub.cut(first.peer)
    await using second = await hub.recover(first.url, first.peer.connected)
    await second.messagesUntil(2)
    expect(numbered(second)).toEqual([
      [1, 'a'],
      [2, 'b'],
    ])
  })

  it('keeps its groups, its permissions as they were changed, and its user', async () => {
    await using first = await hub.open({ userId: 'alice', roles: ['webpubsub.joinLeaveGroup'] })
    expect(await first.peer.request({ type: 'joinGroup', group: 'h' })).toBe('ok')
    expect(await first.peer.request({ type: 'leaveGroup', group: 'g' })).toBe('ok')
    const grant = await hub.rest.call('PUT', `/permissions/sendToGroup/connections/${first.peer.id}`, {
      query: '&targetName=h',
    })
    expect(grant.status).toBe(200)
    await hub.cut(first.peer)
    await using second = await hub.recover(first.url, first.peer.connected)
    expect(second.status).toBe(101)
    await hub.rest.send({ group: 'g' }, 'not for it')
    expect(await second.request({ type: 'sendToGroup', group: 'h', dataType: 'text', data: 'x' }, 10)).toBe('ok')
    expect(await second.request({ type: 'sendToGroup', group: 'g', dataType: 'text', data: 'x' }, 11)).toBe('Forbidden')
    expect(second.messages).toEqual([
      { sequenceId: 1, type: 'message', from: 'group', group: 'h', fromUserId: 'alice', dataType: 'text', data: 'x' },
    ])
    expect(second.connected.userId).toBe('alice')
  })

  it('is found by REST: it exists, is in its groups, is listed, can be joined to others, sent to and closed', async () => {
    await using first = await hub.open({ userId: 'bob' })
    const { id } = first.peer
    await hub.cut(first.peer)
    expect(await hub.rest.exists({ connection: id })).toBe(true)
    expect(await hub.rest.exists({ user: 'bob' })).toBe(true)
    expect(await hub.rest.exists({ group: 'g' })).toBe(true)
    expect(await hub.rest.members('g')).toEqual([id])
    expect(await hub.rest.addToGroup('later', id)).toBe(200)
    await hub.rest.send({ group: 'later' }, '1')
    await hub.rest.send({ user: 'bob' }, '2')
    await hub.rest.send({ connection: id }, '3')
    await hub.rest.send('all', '4')
    await using second = await hub.recover(first.url, first.peer.connected)
    await second.messagesUntil(4)
    expect(second.data).toEqual(['1', '2', '3', '4'])
    await hub.cut(second)
    await hub.rest.close({ connection: id }, 'enough')
    expect(await hub.rest.exists({ connection: id })).toBe(false)
    expect(await hub.rest.exists({ group: 'g' })).toBe(false)
    await expectRefused(await hub.recover(first.url, second.connected))
  })

  it('remembers which ack ids it has done: a request that comes again is answered Duplicate and not done again', async () => {
    await using first = await hub.open()
    const hi = { type: 'sendToGroup', group: 'g', dataType: 'text', data: 'hi' }
    expect(await first.peer.request(hi, 7)).toBe('ok')
    expect(await first.peer.request({ type: 'joinGroup', group: 'h' }, 8)).toBe('ok')
    await hub.cut(first.peer)
    await using second = await hub.recover(first.url, first.peer.connected)
    expect(await second.request(hi, 7)).toBe('Duplicate')
    expect(await second.request({ type: 'joinGroup', group: 'h' }, 8)).toBe('Duplicate')
    // Whatever the request is: the id alone decides.
    expect(await second.request({ type: 'leaveGroup', group: 'h' }, 7)).toBe('Duplicate')
    expect(await hub.rest.members('h')).toEqual([first.peer.id])
    expect(await second.request({ ...hi, data: 'new' }, 9)).toBe('ok')
    expect(second.data).toEqual(['hi', 'new'])
  })

  it('does not get acks of what it asked for before the loss; the request again is answered Duplicate', async () => {
    await using first = await hub.open()
    const send = (ackId: number, data: string) => ({ type: 'sendToGroup', group: 'g', dataType: 'text', data, ackId })
    // Written together with the end of the line, so that the answers find no socket.
    first.peer.stopReading()
    first.peer.send(send(1, 'a'))
    first.peer.send(send(2, 'b'))
    await until(
      async () => (await Metrics.read(target)).sum('hocket_acks_total', { hub: hub.name, outcome: 'success' }) === 2,
      {
        what: 'both requests are done',
      },
    )
    await hub.cut(first.peer)
    await using second = await hub.recover(first.url, first.peer.connected)
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
    await using first = await hub.open()
    first.peer.stopReading()
    first.peer.send({ type: 'ping' })
    first.peer.send({ type: 'joinGroup', group: 'h', ackId: 1 })
    await until(async () => (await Metrics.read(target)).sum('hocket_acks_total', { hub: hub.name }) === 1, {
      what: 'the join',
    })
    await hub.cut(first.peer)
    await using second = await hub.recover(first.url, first.peer.connected)
    await hub.send('x')
    await second.messagesUntil(1)
    expect(second.texts.filter((text) => !text.includes('"type":"system"'))).toHaveLength(1)
  })
})

describe('a connection whose socket still looks alive', () => {
  it('is taken over: the old socket is cut without a close frame, and nothing is lost or out of order', async () => {
    await using first = await hub.open()
    await hub.send('a', 'b')
    await first.peer.messagesUntil(2)
    first.peer.acknowledge(1)
    expect(await first.peer.request({ type: 'joinGroup', group: 'h' })).toBe('ok')
    await using second = await hub.recover(first.url, first.peer.connected)
    expect(await first.peer.closed()).toBe(1006)
    expect(first.peer.texts.some((text) => text.includes('disconnected'))).toBe(false)
    await hub.send('c')
    await second.messagesUntil(2)
    expect(numbered(second)).toEqual([
      [2, 'b'],
      [3, 'c'],
    ])
    expect(second.connected.connectionId).toBe(first.peer.id)
    expect((await Metrics.read(target)).sum('hocket_recoveries_total', { hub: hub.name, outcome: 'takenOver' })).toBe(1)
  })

  it('hears nothing more from the old socket, whatever had been written there', async () => {
    await using first = await hub.open()
    const join = { type: 'joinGroup', group: 'late' }
    await using second = await hub.recover(first.url, first.peer.connected)
    await first.peer.closed()
    first.peer.send(join)
    expect(await second.request({ type: 'joinGroup', group: 'h' }, 50)).toBe('ok')
    expect(await hub.rest.exists({ group: 'late' })).toBe(false)
  })

  it('goes to one of two that come at the same time; the other one is refused or cut', async () => {
    await using first = await hub.open()
    await hub.send('a')
    const peers = await Promise.all(Array.from({ length: 4 }, () => hub.recover(first.url, first.peer.connected)))
    await until(() => peers.filter((peer) => peer.isOpen).length === 1, { what: 'one is left' })
    for (const peer of peers) if (!peer.isOpen) expect(peer.close?.code ?? 1006).toBeOneOf([1006, 1008])
    const winner = peers.find((peer) => peer.isOpen)!
    await hub.send('b')
    await winner.messagesUntil(2)
    expect(numbered(winner)).toEqual([
      [1, 'a'],
      [2, 'b'],
    ])
    expect(await hub.rest.members('g')).toEqual([first.peer.id])
    for (const peer of peers) await peer[Symbol.asyncDispose]()
  })

  it('is recovered with an older token too, as long as that is valid', async () => {
    await using first = await hub.open()
    await using second = await hub.recover(first.url, first.peer.connected)
    await until(() => second.texts.length > 0, { what: 'connected' })
    expect(second.connected.reconnectionToken).not.toBe(first.peer.connected.reconnectionToken)
    await using third = await hub.recover(first.url, first.peer.connected)
    await until(() => third.texts.length > 0, { what: 'connected again' })
    expect(third.connected.connectionId).toBe(first.peer.id)
  })

  it('gets a message whole of which the old socket had taken a part', async () => {
    await using first = await hub.open({}, { stopsReading: true })
    const large = Array.from({ length: 8 }, (_, i) => `${i}`.repeat(1_000_000))
    // More than a socket takes at once: the last one written is cut somewhere.
    await hub.send(...large)
    await using second = await hub.recover(first.url, first.peer.connected)
    await second.messagesUntil(8)
    expect(second.violations).toEqual([])
    expect(second.messages.map(({ sequenceId }) => sequenceId)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(second.messages.every(({ data }, i) => data === large[i])).toBe(true)
    first.peer.readOn()
    expect(await first.peer.closed()).toBe(1006)
  })

  it('goes on with the requests that the old socket had brought, in their order, before those of the new one', async () => {
    // A reader that acknowledges late makes the publisher's requests wait in the server.
    await using reader = await hub.open()
    await using publisher = await hub.open({ groups: [] })
    const frame = (i: number) =>
      textFrame(`{"type":"sendToGroup","group":"g","dataType":"text","data":"${i}","ackId":${i}}`)
    const frames = (from: number, to: number) =>
      Buffer.concat(Array.from({ length: to - from }, (_, i) => frame(from + i)))
    publisher.peer.write(frames(0, 900))
    await until(() => reader.peer.sequence >= 700, { what: 'the reader is near its bound' })
    await using second = await hub.recover(publisher.url, publisher.peer.connected)
    await until(() => second.texts.length > 0, { what: 'the publisher is back' })
    second.write(frames(900, 1000))
    const acknowledging = setInterval(() => reader.peer.acknowledge(), 50)
    await reader.peer.messagesUntil(1000).finally(() => clearInterval(acknowledging))
    expect(reader.peer.data).toEqual(Array.from({ length: 1000 }, (_, i) => `${i}`))
    await until(() => second.acks.some(([id]) => id === 999), { what: 'the last ack' })
    expect(second.acks.every(([, outcome]) => outcome === 'ok')).toBe(true)
  })
})
