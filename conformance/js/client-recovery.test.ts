/** The official client package when its connection does not hold. */

import type { WebPubSubServiceClient } from '@azure/web-pubsub'
import { WebPubSubJsonProtocol, WebPubSubJsonReliableProtocol } from '@azure/web-pubsub-client'
import { until } from '@hocket/testkit/wait'
import { beforeEach, describe, expect, it } from 'vitest'
import { Forwarder } from './harness/forwarder.ts'
import { freshHub } from './harness/names.ts'
import { allRoles, clientProtocols, type OpenSdkOptions, openSdk, serviceClient } from './harness/sdk.ts'
import { isExternal, useServer } from './harness/server.ts'

const server = useServer()
let service: WebPubSubServiceClient

beforeEach(() => {
  service = serviceClient(server, freshHub())
})

const startForwarder = () => Forwarder.start(Number(new URL(server.endpoint).port || 80))
const openVia = (forwarder: Forwarder, options: OpenSdkOptions = {}) =>
  openSdk(server, service, { via: (url) => forwarder.via(url), ...options })

const texts = (messages: readonly { data: unknown }[]) => messages.map(({ data }) => data)

// An external server may refuse a client that comes under another host.
describe.skipIf(isExternal)('a cut TCP connection', () => {
  it('is recovered over reliable JSON: same connection id, nothing missed, nothing twice', async () => {
    await using forwarder = await startForwarder()
    await using client = await openVia(forwarder)
    await client.client.joinGroup('g')
    const id = client.connectionId
    const group = service.group('g')
    const send = (text: string) => group.sendToAll(text, { contentType: 'text/plain' })
    await send('before')
    await client.groupMessagesUntil(1)

    forwarder.refusing = true
    forwarder.cut()
    for (let n = 0; n < 20; n++) await send(`away ${n}`)
    expect(await service.connectionExists(id)).toBe(true)
    forwarder.refusing = false
    await client.groupMessagesUntil(21, 15_000)
    await send('after')
    const expected = ['before', ...Array.from({ length: 20 }, (_, n) => `away ${n}`), 'after']
    expect(texts(await client.groupMessagesUntil(22))).toEqual(expected)
    expect(client.groupMessages.map(({ sequenceId }) => sequenceId)).toEqual(expected.map((_, i) => i + 1))
    expect(client.connected).toEqual([{ connectionId: id, userId: null }])
    expect(client.disconnected).toEqual([])
    expect(forwarder.accepted).toBeGreaterThan(1)
    await client.client.joinGroup('another')
  })

  it('again and again loses nothing over reliable JSON', async () => {
    await using forwarder = await startForwarder()
    await using client = await openVia(forwarder)
    await client.client.joinGroup('g')
    const total = 60
    for (let n = 0; n < total; n++) {
      if (n % 20 === 10) forwarder.cut()
      await service.group('g').sendToAll({ n })
    }
    const messages = await client.groupMessagesUntil(total, 30_000)
    expect(messages.map(({ data }) => (data as { n: number }).n)).toEqual(Array.from({ length: total }, (_, n) => n))
    expect(client.connected).toHaveLength(1)
  })

  it('is not recovered over JSON: a new connection, and its groups are joined again', async () => {
    await using forwarder = await startForwarder()
    await using client = await openVia(forwarder, { protocol: WebPubSubJsonProtocol() })
    await client.client.joinGroup('g')
    await client.client.joinGroup('left')
    await client.client.leaveGroup('left')
    await service.group('given').addConnection(client.connectionId)
    forwarder.cut()
    await until(() => client.connected.length === 2, { what: 'the client is connected again' })
    const [first, second] = client.connected
    expect(second!.connectionId).not.toBe(first!.connectionId)
    expect(client.disconnected).toMatchObject([{ connectionId: first!.connectionId }])
    await until(async () => !(await service.connectionExists(first!.connectionId)), { what: 'the old one is gone' })
    await service.group('g').sendToAll('back', { contentType: 'text/plain' })
    expect(texts(await client.groupMessagesUntil(1))).toEqual(['back'])
    expect(await service.groupExists('left')).toBe(false)
    expect(await service.groupExists('given')).toBe(false)
    expect(client.rejoinFailures).toEqual([])
  })

  it('without autoRejoinGroups leaves the groups to the application', async () => {
    await using forwarder = await startForwarder()
    await using client = await openVia(forwarder, { protocol: WebPubSubJsonProtocol(), autoRejoinGroups: false })
    await client.client.joinGroup('g')
    forwarder.cut()
    await until(() => client.connected.length === 2, { what: 'the client is connected again' })
    await until(async () => !(await service.groupExists('g')), { what: 'nobody is in the group' })
  })

  it('without autoReconnect stops the client over JSON', async () => {
    await using forwarder = await startForwarder()
    await using client = await openVia(forwarder, { protocol: WebPubSubJsonProtocol(), autoReconnect: false })
    forwarder.cut()
    await until(() => client.stops === 1, { what: 'the client stops' })
    expect(client.disconnected).toHaveLength(1)
  })

  it('that cannot be recovered is followed by a new connection and a rejoin over reliable JSON', async () => {
    await using forwarder = await startForwarder()
    await using client = await openVia(forwarder)
    await client.client.joinGroup('g')
    forwarder.refusing = true
    forwarder.cut()
    // Closed while it is away: the recovery must be refused.
    await service.closeConnection(client.connectionId, { reason: 'gone' })
    forwarder.refusing = false
    await until(() => client.connected.length === 2, { what: 'the client is connected again', timeoutMs: 15_000 })
    await service.group('g').sendToAll('back', { contentType: 'text/plain' })
    expect(texts(await client.groupMessagesUntil(1))).toEqual(['back'])
    expect(client.connected[1]!.connectionId).not.toBe(client.connected[0]!.connectionId)
  })

  it('answers Duplicate to what was done before the cut and is sent again', async () => {
    await using forwarder = await startForwarder()
    await using client = await openVia(forwarder)
    await client.client.joinGroup('g', { ackId: 1000 })
    await client.client.sendToGroup('g', 'once', 'text', { ackId: 1001 })
    await client.groupMessagesUntil(1)
    const before = forwarder.accepted
    forwarder.cut()
    await until(() => forwarder.accepted > before, { what: 'the recovery' })
    await until(
      async () => {
        const again = await client.client.sendToGroup('g', 'once', 'text', { ackId: 1001 })
        return again.isDuplicated
      },
      { what: 'the duplicate' },
    )
    await client.client.sendToGroup('g', 'last', 'text')
    expect(texts(await client.groupMessagesUntil(2))).toEqual(['once', 'last'])
  })
})

describe.each(clientProtocols)('a REST close over %s', (_title, protocol) => {
  it('is told with its reason, and followed by a new connection that is back in its groups', async () => {
    await using client = await openSdk(server, service, {
      protocol: protocol(),
      token: { userId: 'user123', roles: allRoles },
    })
    await client.client.joinGroup('g')
    const id = client.connectionId
    await service.closeConnection(id, { reason: 'Session ended' })
    await until(() => client.connected.length === 2, { what: 'the client is connected again' })
    expect(client.disconnected).toMatchObject([
      {
        connectionId: id,
        message: { message: 'Application server closed the connection. Reason: Session ended' },
      },
    ])
    expect(client.connectionId).not.toBe(id)
    expect(await service.connectionExists(id)).toBe(false)
    await service.group('g').sendToAll('back', { contentType: 'text/plain' })
    expect(texts(await client.groupMessagesUntil(1))).toEqual(['back'])
  })

  it('without autoReconnect is the end', async () => {
    await using client = await openSdk(server, service, {
      protocol: protocol(),
      autoReconnect: false,
      token: { userId: 'user123' },
    })
    await service.closeUserConnections('user123')
    await until(() => client.stops === 1, { what: 'the client stops' })
    expect(client.disconnected).toHaveLength(1)
    expect(await service.userExists('user123')).toBe(false)
  })
})

it('a reliable client’s own stop is final: nothing is kept for a recovery', async () => {
  const client = await openSdk(server, service, { protocol: WebPubSubJsonReliableProtocol() })
  const id = client.connectionId
  await client[Symbol.asyncDispose]()
  await until(async () => !(await service.connectionExists(id)), { what: 'the connection is gone', timeoutMs: 3000 })
})
