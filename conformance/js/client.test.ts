/** The official client package over both its JSON protocols, while the connection holds. */

import type { WebPubSubServiceClient } from '@azure/web-pubsub'
import { WebPubSubClient } from '@azure/web-pubsub-client'
import { until } from '@hocket/testkit/wait'
import { beforeEach, describe, expect, it } from 'vitest'
import { freshHub } from './harness/names.ts'
import { allRoles, clientProtocols, clientUrl, openSdk, SdkClient, serviceClient } from './harness/sdk.ts'
import { useServer } from './harness/server.ts'

const server = useServer()
let service: WebPubSubServiceClient

beforeEach(() => {
  service = serviceClient(server, freshHub())
})

/** The one retry that a refusal is allowed, so that a test need not wait for three. */
const oneRetry = { maxRetries: 1, retryDelayInMs: 10 }

it('without options speaks reliable JSON', async () => {
  const url = await clientUrl(server, service, { userId: 'user123' })
  await using client = await new SdkClient(server, url, {}).start()
  expect(Reflect.get(client.client, '_protocol').name).toBe('json.reliable.webpubsub.azure.v1')
  expect(Reflect.get(client.client, '_reconnectionToken')).toBeTypeOf('string')
})

it('built from a URL does nothing on the network until it is started', async () => {
  const url = await clientUrl(server, service, { userId: 'user123' })
  const client = new WebPubSubClient(url)
  expect(await service.userExists('user123')).toBe(false)
  client.stop()
})

describe.each(clientProtocols)('over %s', (_title, protocol) => {
  const open = (token = {}, options = {}) =>
    openSdk(server, service, { protocol: protocol(), token: { roles: allRoles, ...token }, ...options })

  it('a client is connected under its user, once', async () => {
    await using client = await open({ userId: 'user123' })
    await using anonymous = await open()
    expect(client.connected).toEqual([{ connectionId: client.connectionId, userId: 'user123' }])
    expect(anonymous.connected).toEqual([{ connectionId: anonymous.connectionId, userId: null }])
    expect(await service.connectionExists(client.connectionId)).toBe(true)
    expect(await service.userExists('user123')).toBe(true)
  })

  it('a client from a plain URL works like one from a credential', async () => {
    const url = await clientUrl(server, service, { userId: 'user123', roles: allRoles })
    await using client = await new SdkClient(server, url, { protocol: protocol() }).start()
    await client.client.joinGroup('g')
    await client.client.sendToGroup('g', 'hello', 'text')
    expect(await client.groupMessagesUntil(1)).toHaveLength(1)
  })

  it('a group message reaches every member with its sender, type and data', async () => {
    await using alice = await open({ userId: 'alice' })
    await using bob = await open({ userId: 'bob' })
    await using outsider = await open()
    await alice.client.joinGroup('my-group')
    await bob.client.joinGroup('my-group')
    await alice.client.sendToGroup('my-group', 'Hello from JavaScript!', 'text')
    await alice.client.sendToGroup('my-group', { nested: [1, { two: 2 }] }, 'json')
    await bob.client.sendToGroup('my-group', 42, 'json')
    for (const client of [alice, bob]) {
      expect(await client.groupMessagesUntil(3)).toMatchObject([
        { group: 'my-group', fromUserId: 'alice', dataType: 'text', data: 'Hello from JavaScript!' },
        { group: 'my-group', fromUserId: 'alice', dataType: 'json', data: { nested: [1, { two: 2 }] } },
        { group: 'my-group', fromUserId: 'bob', dataType: 'json', data: 42 },
      ])
    }
    await service.sendToAll('marker', { contentType: 'text/plain' })
    await outsider.serverMessagesUntil(1)
    expect(outsider.groupMessages).toEqual([])
  })

  it('noEcho spares the sender alone', async () => {
    await using sender = await open()
    await using member = await open()
    for (const { client } of [sender, member]) await client.joinGroup('g')
    await sender.client.sendToGroup('g', 'silent', 'text', { noEcho: true })
    await sender.client.sendToGroup('g', 'loud', 'text')
    expect((await member.groupMessagesUntil(2)).map(({ data }) => data)).toEqual(['silent', 'loud'])
    expect((await sender.groupMessagesUntil(1)).map(({ data }) => data)).toEqual(['loud'])
  })

  it('a client that left a group gets no more of it, and may still send to it', async () => {
    await using leaver = await open()
    await using member = await open()
    for (const { client } of [leaver, member]) await client.joinGroup('g')
    await leaver.client.leaveGroup('g')
    await leaver.client.leaveGroup('never joined')
    await leaver.client.sendToGroup('g', 'from outside', 'text')
    await member.groupMessagesUntil(1)
    await service.sendToAll('marker', { contentType: 'text/plain' })
    await leaver.serverMessagesUntil(1)
    expect(leaver.groupMessages).toEqual([])
  })

  it('server messages of every type arrive as what they are', async () => {
    await using client = await open({ userId: 'user123' })
    await service.sendToAll('text', { contentType: 'text/plain' })
    await service.sendToUser('user123', { a: [1] })
    await service.sendToConnection(client.connectionId, 'a JSON string')
    await service.sendToAll(Uint8Array.from([0, 128, 255]).buffer)
    const messages = await client.serverMessagesUntil(4)
    expect(messages.slice(0, 3)).toMatchObject([
      { dataType: 'text', data: 'text' },
      { dataType: 'json', data: { a: [1] } },
      { dataType: 'json', data: 'a JSON string' },
    ])
    expect(messages[3]!.dataType).toBe('binary')
    expect([...new Uint8Array(messages[3]!.data as ArrayBuffer)]).toEqual([0, 128, 255])
  })

  it('binary data travels as an ArrayBuffer, of any bytes and up to the limit', async () => {
    await using client = await open()
    await client.client.joinGroup('g')
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    await client.client.sendToGroup('g', bytes.buffer, 'binary')
    // Base64 and the frame around it stay just below 1 MiB.
    const large = new Uint8Array(786_000).fill(7)
    await client.client.sendToGroup('g', large.buffer, 'binary')
    const [small, big] = await client.groupMessagesUntil(2)
    expect(small).toMatchObject({ dataType: 'binary' })
    expect(new Uint8Array(small!.data as ArrayBuffer)).toEqual(bytes)
    expect(Buffer.from(big!.data as ArrayBuffer).equals(large)).toBe(true)
  })

  it('protobuf data travels as bytes and keeps its type', async () => {
    await using client = await open()
    await client.client.joinGroup('g')
    const any = Uint8Array.from([0x0a, 0x04, 0x74, 0x79, 0x70, 0x65, 0x12, 0x01, 0x07])
    await client.client.sendToGroup('g', any.buffer, 'protobuf')
    const [message] = await client.groupMessagesUntil(1)
    expect(message!.dataType).toBe('protobuf')
    expect(new Uint8Array(message!.data as ArrayBuffer)).toEqual(any)
  })

  it('a result names its ackId, and a repeated ackId is a success that says so', async () => {
    await using client = await open()
    const first = await client.client.joinGroup('g', { ackId: 100 })
    expect(first).toEqual({ ackId: 100, isDuplicated: false })
    expect(await client.client.sendToGroup('g', 'once', 'text', { ackId: 101 })).toEqual({
      ackId: 101,
      isDuplicated: false,
    })
    expect(await client.client.sendToGroup('g', 'twice', 'text', { ackId: 101 })).toEqual({
      ackId: 101,
      isDuplicated: true,
    })
    await client.client.sendToGroup('g', 'last', 'text')
    expect((await client.groupMessagesUntil(2)).map(({ data }) => data)).toEqual(['once', 'last'])
  })

  it('a fire-and-forget message arrives as well', async () => {
    await using client = await open()
    await client.client.joinGroup('g')
    const result = await client.client.sendToGroup('g', 'no answer', 'text', { fireAndForget: true })
    expect(result).toEqual({ isDuplicated: false })
    expect(await client.groupMessagesUntil(1)).toMatchObject([{ data: 'no answer' }])
  })

  it('without a role every group call ends in Forbidden, and the client stays connected', async () => {
    await using client = await open({ roles: [] }, { messageRetryOptions: oneRetry })
    for (const [call, verb] of [
      [() => client.client.joinGroup('my-group'), 'join'],
      [() => client.client.leaveGroup('my-group'), 'leave'],
      [() => client.client.sendToGroup('my-group', 'x', 'text'), 'send to'],
    ] as const) {
      await expect(call()).rejects.toMatchObject({
        name: 'SendMessageError',
        errorDetail: {
          name: 'Forbidden',
          message: `The client does not have permission to ${verb} group 'my-group'.`,
        },
      })
    }
    expect(client.disconnected).toEqual([])
    expect(await service.connectionExists(client.connectionId)).toBe(true)
  })

  it('a role for one group opens that group only', async () => {
    const roles = ['webpubsub.joinLeaveGroup.mine', 'webpubsub.sendToGroup.mine']
    await using client = await open({ roles }, { messageRetryOptions: oneRetry })
    await client.client.joinGroup('mine')
    await client.client.sendToGroup('mine', 'x', 'text')
    await client.groupMessagesUntil(1)
    const forbidden = { errorDetail: { name: 'Forbidden' } }
    await expect(client.client.joinGroup('theirs')).rejects.toMatchObject(forbidden)
    await expect(client.client.sendToGroup('theirs', 'x', 'text')).rejects.toMatchObject(forbidden)
  })

  it('the groups of its token are joined without a call', async () => {
    await using client = await open({ groups: ['group1', 'group2'], roles: [] })
    await service.group('group1').sendToAll('one', { contentType: 'text/plain' })
    await service.group('group2').sendToAll({ two: 2 })
    expect(await client.groupMessagesUntil(2)).toMatchObject([
      { group: 'group1', fromUserId: null, dataType: 'text', data: 'one' },
      { group: 'group2', fromUserId: null, dataType: 'json', data: { two: 2 } },
    ])
  })

  it('an event that nobody handles ends in InternalServerError, and the client stays connected', async () => {
    await using client = await open({}, { messageRetryOptions: oneRetry })
    await expect(client.client.sendEvent('order.created', { id: 1 }, 'json')).rejects.toMatchObject({
      name: 'SendMessageError',
      errorDetail: { name: 'InternalServerError' },
    })
    await client.client.sendEvent('order.created', 'x', 'text', { fireAndForget: true })
    await client.client.joinGroup('still here')
    expect(client.disconnected).toEqual([])
  })

  it('a message without a data type is refused by the package itself', async () => {
    await using client = await open({}, { messageRetryOptions: oneRetry })
    const call = client.client.sendToGroup('g', 'Hello', undefined as unknown as 'text')
    await expect(call).rejects.toThrow(/dataType/)
  })

  it('pings are answered', async () => {
    await using client = await open({}, { keepAliveIntervalInMs: 50, keepAliveTimeoutInMs: 600 })
    const later = performance.now() + 1500
    await until(() => performance.now() > later, { what: 'more than twice the timeout' })
    expect(client.disconnected).toEqual([])
    expect(client.connected).toHaveLength(1)
  })

  it('two clients of one user both receive', async () => {
    await using first = await open({ userId: 'user123' })
    await using second = await open({ userId: 'user123' })
    await service.sendToUser('user123', { n: 1 })
    for (const client of [first, second])
      expect(await client.serverMessagesUntil(1)).toMatchObject([{ data: { n: 1 } }])
  })

  it('a client that stops is gone at once, and may start again', async () => {
    const client = await open({ userId: 'user123' })
    client.client.stop()
    await until(() => client.stops === 1, { what: 'the client has stopped' })
    await until(async () => !(await service.userExists('user123')), { what: 'the connection is gone', timeoutMs: 3000 })
    await client.start()
    expect(client.connected[1]!.connectionId).not.toBe(client.connected[0]!.connectionId)
    client.client.stop()
    await until(() => client.stops === 2, { what: 'the client has stopped again' })
  })

  it('a thousand messages arrive in order, each once', async () => {
    await using sender = await open()
    await using receiver = await open()
    await receiver.client.joinGroup('g')
    const sends = Array.from({ length: 1000 }, (_, n) => sender.client.sendToGroup('g', n, 'json'))
    await Promise.all(sends)
    const messages = await receiver.groupMessagesUntil(1000, 20_000)
    expect(messages.map(({ data }) => data)).toEqual(sends.map((_, n) => n))
  })

  it('an expired or missing token is refused, and start says so', async () => {
    const expired = await clientUrl(server, service, { expirationTimeInMinutes: -10 })
    for (const url of [expired, expired.split('?')[0]!]) {
      const client = new WebPubSubClient(url, { protocol: protocol() })
      await expect(client.start()).rejects.toThrow('Unexpected server response: 401')
    }
  })
})
