/** Which reliable connections may be recovered, by whom and how they are asked for. */

import { signHs256 } from '@hocket/server/internal'
import { until } from '@hocket/testkit/wait'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { jsonProtocol, Peer, recoveryUrl, reliableProtocol } from './lab/peer.ts'
import { expectRecovered, expectRefused, numbered, ReliableHub } from './lab/reliable.ts'
import { clientUrl, freshHub, inThisProcess, type Target } from './lab/target.ts'

let target: Target
let hub: ReliableHub

beforeAll(async () => {
  target = await inThisProcess()
})
afterAll(() => target[Symbol.asyncDispose]())
beforeEach(() => {
  hub = new ReliableHub(target)
})

describe('how a socket is lost decides', () => {
  it.each([
    ['a close frame with 1000', 1000],
    ['a close frame without a code', null],
  ])('%s ends the connection for good', async (_title, code) => {
    await using first = await hub.open()
    first.peer.sendClose(code)
    expect(await first.peer.closed()).toBe(code ?? 1005)
    expect(await hub.rest.exists({ connection: first.peer.id })).toBe(false)
    await expectRefused(await hub.recover(first.url, first.peer.connected))
  })

  it.each([1001, 1011, 3001, 4999])('a close frame with %i leaves it to be recovered', async (code) => {
    await using first = await hub.open()
    first.peer.sendClose(code)
    expect(await first.peer.closed()).toBe(code)
    await hub.send('meanwhile')
    await using second = await hub.recover(first.url, first.peer.connected)
    await second.messagesUntil(1)
    expect(numbered(second)).toEqual([[1, 'meanwhile']])
  })

  it('an end of the TCP connection without a close frame, in order or by a reset, leaves it to be recovered', async () => {
    await using first = await hub.open()
    await first.peer[Symbol.asyncDispose]()
    await hub.detached()
    await using second = await hub.recover(first.url, first.peer.connected)
    await hub.send('a')
    await second.messagesUntil(1)
    await hub.cut(second)
    await using third = await hub.recover(first.url, second.connected)
    await third.messagesUntil(1)
    expect(numbered(third)).toEqual([[1, 'a']])
  })

  it('a frame that is no message of the protocol ends it for good', async () => {
    await using first = await hub.open()
    first.peer.send('{"type":"nonsense"}')
    expect(await first.peer.closed()).toBe(1007)
    await expectRefused(await hub.recover(first.url, first.peer.connected))
  })
})

describe('a recovery is refused, with 101 and then 1008,', () => {
  it('when the token is missing, empty, broken, signed by somebody else, or one of another connection', async () => {
    await using first = await hub.open()
    await using other = await hub.open()
    await hub.cut(first.peer)
    const { connectionId, reconnectionToken = '' } = first.peer.connected
    const forged = signHs256(
      { iss: 'hocket', aud: connectionId, hub: hub.name, exp: Math.floor(Date.now() / 1000) + 60 },
      target.accessKey,
    )
    const none = new URL(recoveryUrl(first.url, first.peer.connected))
    none.searchParams.delete('awps_reconnection_token')
    await expectRefused(await Peer.handshake(target, none.toString(), { protocol: reliableProtocol }))
    for (const token of ['', 'x', `${reconnectionToken}x`, forged, other.peer.connected.reconnectionToken!]) {
      await expectRefused(await hub.recover(first.url, { ...first.peer.connected, reconnectionToken: token }))
    }
    await using second = await hub.recover(first.url, first.peer.connected)
    await expectRecovered(second)
  })

  it('when the id is one that never was, and when it is known in another hub only', async () => {
    await using first = await hub.open()
    await hub.cut(first.peer)
    await expectRefused(await hub.recover(first.url, { ...first.peer.connected, connectionId: 'never' }))
    const elsewhere = clientUrl(target, freshHub())
    await expectRefused(await hub.recover(elsewhere, first.peer.connected))
    await using second = await hub.recover(first.url.replace(hub.name, hub.name.toUpperCase()), first.peer.connected)
    await expectRecovered(second)
  })

  it('for a connection that is not reliable, which goes on untouched', async () => {
    const url = clientUrl(target, hub.name, { groups: ['g'] })
    await using peer = await Peer.open(target, url, { protocol: jsonProtocol })
    await using reliable = await hub.open()
    const { reconnectionToken } = reliable.peer.connected
    await expectRefused(await hub.recover(url, { ...peer.connected, reconnectionToken: reconnectionToken! }))
    await hub.send('still here')
    await peer.messagesUntil(1)
    expect(peer.data).toEqual(['still here'])
  })

  it('without harm to the connection that it was meant for', async () => {
    await using first = await hub.open()
    await expectRefused(await hub.recover(first.url, { ...first.peer.connected, reconnectionToken: 'x' }))
    await hub.send('still here')
    await first.peer.messagesUntil(1)
    expect(first.peer.isOpen).toBe(true)
  })

  it('with the offered subprotocol selected, with and without one', async () => {
    await using first = await hub.open()
    for (const protocol of [reliableProtocol, jsonProtocol, null]) {
      const peer = await hub.recover(first.url, { ...first.peer.connected, connectionId: 'never' }, protocol)
      expect(peer.head?.headers.get('sec-websocket-protocol') ?? null).toBe(protocol)
      await expectRefused(peer)
    }
  })
})

describe('a URL', () => {
  it('with an empty connection id, or with a reconnection token alone, makes a new connection', async () => {
    await using first = await hub.open()
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
    await using first = await hub.open()
    let last = first.peer
    for (const accessToken of [null, 'nonsense', signHs256({ exp: 1 }, target.accessKey)]) {
      await hub.cut(last)
      const url = new URL(first.url)
      if (accessToken === null) url.searchParams.delete('access_token')
      else url.searchParams.set('access_token', accessToken)
      last = await hub.recover(url.toString(), last.connected)
      await expectRecovered(last)
      expect(last.connected.connectionId).toBe(first.peer.id)
    }
    await last[Symbol.asyncDispose]()
  })

  it.each([
    ['another one', jsonProtocol],
    ['none', null],
  ])('of a recovery that offers %s leaves the connection its subprotocol', async (_title, protocol) => {
    await using first = await hub.open()
    await hub.send('a')
    await hub.cut(first.peer)
    await using second = await hub.recover(first.url, first.peer.connected, protocol)
    await until(() => second.texts.length === 2, { what: 'connected and the message' })
    expect(numbered(second)).toEqual([[1, 'a']])
    // A client that offered nothing may be answered nothing.
    if (protocol !== null) expect(second.head?.headers.get('sec-websocket-protocol')).toBe(reliableProtocol)
  })

  it('of a recovery that spells the subprotocol in other case is answered in that spelling', async () => {
    await using first = await hub.open()
    await hub.cut(first.peer)
    await using second = await hub.recover(first.url, first.peer.connected, 'JSON.Reliable.WebPubSub.Azure.V1')
    expect(second.head?.headers.get('sec-websocket-protocol')).toBe('JSON.Reliable.WebPubSub.Azure.V1')
  })
})
