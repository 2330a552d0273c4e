/** The exact frames of simple and JSON clients, as a client that knows no SDK sees them. */

import type { WebPubSubServiceClient } from '@azure/web-pubsub'
import { until } from '@hocket/testkit/wait'
import { beforeEach, describe, expect, it } from 'vitest'
import { freshHub } from './harness/names.ts'
import { HandshakeRefused, jsonProtocol, RawClient, recoveryUrl, reliableProtocol } from './harness/raw-client.ts'
import { allRoles, clientUrl, openRaw, serviceClient } from './harness/sdk.ts'
import { useServer } from './harness/server.ts'

const server = useServer()
let service: WebPubSubServiceClient

beforeEach(() => {
  service = serviceClient(server, freshHub())
})

describe.each([
  ['JSON', jsonProtocol, ''],
  ['reliable JSON', reliableProtocol, '"sequenceId":N,'],
])('a %s client', (_title, protocol, sequence) => {
  const numbered = (n: number) => sequence.replace('N', String(n))
  const open = (token: { userId?: string; roles?: string[]; groups?: string[] } = { roles: allRoles }) =>
    openRaw(server, service, { ...token, protocols: [protocol] })

  it('is greeted with its user and connection id, in this order of fields', async () => {
    await using named = await open({ userId: 'alice "a"' })
    await using anonymous = await open()
    for (const [client, userId] of [
      [named, '"alice \\"a\\""'],
      [anonymous, 'null'],
    ] as const) {
      const { connectionId, reconnectionToken } = client.connected!
      const token = protocol === reliableProtocol ? `,"reconnectionToken":"${reconnectionToken}"` : ''
      expect(client.texts).toEqual([
        `{"type":"system","event":"connected","userId":${userId},"connectionId":"${connectionId}"${token}}`,
      ])
      expect(reconnectionToken === undefined).toBe(protocol === jsonProtocol)
      if (reconnectionToken !== undefined) expect(reconnectionToken).toMatch(/^[A-Za-z0-9._~-]+$/)
    }
  })

  it('joins, sends with an echo, leaves, and is told so each time', async () => {
    await using client = await open({ userId: 'alice', roles: allRoles })
    expect(await client.request('{"type":"joinGroup","group":"g","ackId":1}', '1')).toBe(
      '{"type":"ack","ackId":1,"success":true}',
    )
    await client.request('{"type":"sendToGroup","group":"g","ackId":2,"dataType":"text","data":"hi"}', '2')
    await client.request('{"type":"sendToGroup","group":"g","ackId":3,"noEcho":true,"dataType":"text","data":"x"}', '3')
    await client.request('{"type":"leaveGroup","group":"g","ackId":4}', '4')
    await client.request('{"type":"sendToGroup","group":"g","ackId":5,"dataType":"text","data":"y"}', '5')
    expect(client.messages).toEqual([
      `{${numbered(1)}"type":"message","from":"group","group":"g","fromUserId":"alice","dataType":"text","data":"hi"}`,
    ])
    expect(client.texts.filter((text) => text.startsWith('{"type":"ack"'))).toEqual(
      [1, 2, 3, 4, 5].map((n) => `{"type":"ack","ackId":${n},"success":true}`),
    )
  })

  it('is shown the sender, the type and the metadata of a group message', async () => {
    await using receiver = await open({ groups: ['g'] })
    await using sender = await open({ userId: 'bob', roles: allRoles })
    await using anonymous = await open()
    await sender.request('{"type":"sendToGroup","group":"g","ackId":1,"data":{"a":1}}', '1')
    await sender.request('{"type":"sendToGroup","group":"g","ackId":2,"dataType":"binary","data":"AP8="}', '2')
    await sender.request(
      '{"type":"sendToGroup","group":"g","ackId":3,"dataType":"text","data":"t","metadata":{"trace":"abc"}}',
      '3',
    )
    await anonymous.request('{"type":"sendToGroup","group":"g","ackId":1,"dataType":"TEXT","data":"t"}', '1')
    const from = (user: string) => `"type":"message","from":"group","group":"g","fromUserId":${user}`
    expect(await receiver.messagesUntil(4)).toEqual([
      `{${numbered(1)}${from('"bob"')},"dataType":"json","data":{"a":1}}`,
      `{${numbered(2)}${from('"bob"')},"dataType":"binary","data":"AP8="}`,
      `{${numbered(3)}${from('"bob"')},"dataType":"text","data":"t","metadata":{"trace":"abc"}}`,
      `{${numbered(4)}${from('null')},"dataType":"text","data":"t"}`,
    ])
  })

  it('without a role may neither join, leave nor send, and stays connected', async () => {
    await using client = await open({ userId: 'alice' })
    const refused = (ackId: number, what: string) =>
      `{"type":"ack","ackId":${ackId},"success":false,"error":{"name":"Forbidden","message":"The client does not have permission to ${what} group 'g1'."}}`
    expect(await client.request('{"type":"joinGroup","group":"g1","ackId":1}', '1')).toBe(refused(1, 'join'))
    expect(await client.request('{"type":"leaveGroup","group":"g1","ackId":2}', '2')).toBe(refused(2, 'leave'))
    expect(await client.request('{"type":"sendToGroup","group":"g1","ackId":3,"data":1}', '3')).toBe(
      refused(3, 'send to'),
    )
    client.send('{"type":"joinGroup","group":"g1"}')
    client.send('{"type":"ping"}')
    await until(() => client.texts.at(-1) === '{"type":"pong"}', { what: 'the pong' })
    expect(client.texts).toHaveLength(5)
  })

  it('may try a refused request again under the same id', async () => {
    await using client = await open({ userId: 'alice' })
    const frame = '{"type":"joinGroup","group":"g","ackId":7}'
    expect(await client.request(frame, '7')).toContain('"Forbidden"')
    await service.grantPermission(client.connectionId, 'joinLeaveGroup', { targetName: 'g' })
    expect(await client.request(frame, '7')).toBe('{"type":"ack","ackId":7,"success":true}')
    expect(await client.request(frame, '7')).toContain('"Duplicate"')
    expect(await client.request('{"type":"leaveGroup","group":"g","ackId":7}', '7')).toContain('"Duplicate"')
    expect(await service.groupExists('g')).toBe(true)
  })

  it('is not answered where it gave no ackId', async () => {
    await using client = await open()
    client.send('{"type":"joinGroup","group":"g"}')
    client.send('{"type":"sendToGroup","group":"g","dataType":"text","data":"hi","ackId":null}')
    client.send('{"type":"ping"}')
    await until(() => client.texts.includes('{"type":"pong"}'), { what: 'the pong' })
    expect(client.texts.slice(1)).toEqual([
      `{${numbered(1)}"type":"message","from":"group","group":"g","fromUserId":null,"dataType":"text","data":"hi"}`,
      '{"type":"pong"}',
    ])
  })

  it('that sends an event which nobody handles is told InternalServerError, and stays connected', async () => {
    await using client = await open()
    expect(
      await client.request('{"type":"event","event":"order.created","ackId":1,"dataType":"text","data":"x"}', '1'),
    ).toBe(
      '{"type":"ack","ackId":1,"success":false,"error":{"name":"InternalServerError","message":"Internal server error"}}',
    )
    expect(client.closed).toBe(null)
  })

  it('may send frames as binary, with unknown fields, in any order and case of type', async () => {
    await using client = await open()
    client.send(Buffer.from('{"ackId":1,"x":{"y":[1]},"group":"g","type":"JOINGROUP"}'))
    await until(() => client.texts.includes('{"type":"ack","ackId":1,"success":true}'), { what: 'the ack' })
  })

  it('may acknowledge whatever it likes', async () => {
    await using client = await open()
    for (const id of [0, 1, 17, 9_007_199_254_740_991]) client.send(`{"type":"sequenceAck","sequenceId":${id}}`)
    client.send('{"type":"ping"}')
    await until(() => client.texts.at(-1) === '{"type":"pong"}', { what: 'the pong' })
  })

  it.each([
    ['no JSON', 'hello'],
    ['an empty text', ''],
    ['JSON that is no object', '[1]'],
    ['null', 'null'],
    ['an object without a type', '{"group":"g"}'],
    ['an unknown type', '{"type":"fly"}'],
    ['a type that is no string', '{"type":1}'],
    ['a missing group', '{"type":"joinGroup","ackId":1}'],
    ['a blank group', '{"type":"joinGroup","group":"  ","ackId":1}'],
    ['a group of 1,025 characters', `{"type":"joinGroup","group":"${'g'.repeat(1025)}","ackId":1}`],
    ['a group that is no string', '{"type":"joinGroup","group":1,"ackId":1}'],
    ['a message without data', '{"type":"sendToGroup","group":"g","ackId":1,"dataType":"text"}'],
    ['text that is no string', '{"type":"sendToGroup","group":"g","dataType":"text","data":1}'],
    ['JSON data that is null', '{"type":"sendToGroup","group":"g","dataType":"json","data":null}'],
    ['bytes that are no base64', '{"type":"sendToGroup","group":"g","dataType":"binary","data":"?"}'],
    ['an unknown dataType', '{"type":"sendToGroup","group":"g","dataType":"xml","data":"x"}'],
    ['a noEcho that is no boolean', '{"type":"sendToGroup","group":"g","noEcho":"yes","data":1}'],
    ['a ttl out of range', '{"type":"sendToGroup","group":"g","ttlSeconds":301,"data":1}'],
    ['metadata that is no object of strings', '{"type":"sendToGroup","group":"g","metadata":{"a":1},"data":1}'],
    ['an impossible event name', '{"type":"event","event":"1st","data":1}'],
    ['JSON with a trailing comma', '{"type":"ping",}'],
  ])('is closed with 1007 on %s, without another frame', async (_what, frame) => {
    await using client = await open()
    client.send(frame)
    expect((await client.closedWith()).code).toBe(1007)
    expect(client.texts.slice(1)).toEqual([])
    await until(async () => !(await service.connectionExists(client.connectionId)), { what: 'it is gone for good' })
  })

  it('is closed with 1009 on a frame of more than 1 MiB, and nobody gets its message', async () => {
    await using client = await open()
    await using member = await open({ groups: ['g'] })
    client.send(`{"type":"sendToGroup","group":"g","dataType":"text","data":"${'x'.repeat(1_048_576)}"}`)
    expect((await client.closedWith()).code).toBe(1009)
    await service.sendToAll({ n: 1 })
    expect((await member.messagesUntil(1)).map((text) => JSON.parse(text).from)).toEqual(['server'])
  })
})

describe('a simple client', () => {
  it('gets no greeting, and no subprotocol', async () => {
    await using client = await openRaw(server, service)
    await service.sendToAll('first', { contentType: 'text/plain' })
    await client.framesUntil(1)
    expect(client.texts).toEqual(['first'])
    expect(client.socket.protocol).toBe('')
  })

  it('is closed with 1011 when it sends an event that nobody handles', async () => {
    await using client = await openRaw(server, service)
    client.send('hello')
    expect((await client.closedWith()).code).toBe(1011)
    expect(client.received).toEqual([])
  })

  it('publishes text and bytes to a group, with or without an echo', async () => {
    const open = (noEcho: string) =>
      openRaw(server, service, {
        userId: 'pub',
        roles: ['webpubsub.sendToGroup.g'],
        groups: ['g'],
        query: `webpubsub_mode=sendToGroup&group=g${noEcho}`,
      })
    await using echoing = await open('')
    await using silent = await open('&noEcho=true')
    await using member = await openRaw(server, service, { groups: ['g'], protocols: [jsonProtocol] })
    silent.send('from the silent one')
    await member.messagesUntil(1)
    echoing.send(Buffer.from([1, 2]))
    const from = '{"type":"message","from":"group","group":"g","fromUserId":"pub"'
    expect(await member.messagesUntil(2)).toEqual([
      `${from},"dataType":"text","data":"from the silent one"}`,
      `${from},"dataType":"binary","data":"AQI="}`,
    ])
    await echoing.framesUntil(2)
    await silent.framesUntil(1)
    expect(echoing.received).toEqual([
      { data: Buffer.from('from the silent one'), isBinary: false },
      { data: Buffer.from([1, 2]), isBinary: true },
    ])
    expect(silent.received).toEqual([{ data: Buffer.from([1, 2]), isBinary: true }])
  })

  it('is closed with 1008 when it publishes without permission, and nobody gets the message', async () => {
    await using client = await openRaw(server, service, {
      roles: ['webpubsub.sendToGroup.other'],
      query: 'webpubsub_mode=sendToGroup&group=g',
    })
    await using member = await openRaw(server, service, { groups: ['g'] })
    client.send('never')
    expect((await client.closedWith()).code).toBe(1008)
    await service.sendToAll('marker', { contentType: 'text/plain' })
    await member.framesUntil(1)
    expect(member.texts).toEqual(['marker'])
  })

  it('may follow a permission that is granted while it is connected', async () => {
    await using client = await openRaw(server, service, { groups: ['g'], query: 'webpubsub_mode=sendToGroup&group=g' })
    const pager = await service.group('g').listConnections()
    const { connectionId } = (await pager.next()).value!
    await service.grantPermission(connectionId, 'sendToGroup', { targetName: 'g' })
    client.send('allowed')
    await client.framesUntil(1)
    expect(client.texts).toEqual(['allowed'])
  })
})

describe('the subprotocol', () => {
  it('is the first that the server knows', async () => {
    await using client = await openRaw(server, service, { protocols: ['custom', reliableProtocol, jsonProtocol] })
    expect(client.socket.protocol).toBe(reliableProtocol)
  })

  it('is found in any case', async () => {
    await using client = await openRaw(server, service, { protocols: ['Json.WebPubSub.Azure.V1'] })
    expect(client.socket.protocol).toBe('Json.WebPubSub.Azure.V1')
    expect(client.connected).toMatchObject({ userId: null })
  })
})

describe('a token', () => {
  it('is read from the header, and the query wins', async () => {
    const url = new URL(await clientUrl(server, service, { userId: 'query' }))
    const headers = {
      Authorization: `Bearer ${new URL(await clientUrl(server, service, { userId: 'header' })).searchParams.get('access_token')}`,
    }
    await using both = await RawClient.open(url.toString(), { headers, protocols: [jsonProtocol] })
    expect(both.connected?.userId).toBe('query')
    url.search = ''
    await using header = await RawClient.open(url.toString(), { headers, protocols: [jsonProtocol] })
    expect(header.connected?.userId).toBe('header')
    await expect(RawClient.open(url.toString(), { protocols: [jsonProtocol] })).rejects.toThrow(HandshakeRefused)
  })
})

describe('a recovery', () => {
  it('repeats what was not acknowledged, under the old numbers, behind a new greeting', async () => {
    const url = await clientUrl(server, service, { userId: 'alice', groups: ['g'] })
    const options = { protocols: [reliableProtocol], secrets: server.secrets }
    const client = await RawClient.open(url, options)
    for (const n of [1, 2, 3]) await service.group('g').sendToAll({ n })
    await client.messagesUntil(3)
    client.send('{"type":"sequenceAck","sequenceId":2}')
    client.send('{"type":"ping"}')
    await until(() => client.texts.at(-1) === '{"type":"pong"}', { what: 'the pong' })
    client.cut()
    await client.closedWith()
    await service.group('g').sendToAll({ n: 4 })
    await using back = await RawClient.open(recoveryUrl(url, client), options)
    await service.group('g').sendToAll({ n: 5 })
    const messages = (await back.messagesUntil(3)).map((text) => JSON.parse(text))
    expect(messages.map(({ sequenceId, data }) => [sequenceId, data.n])).toEqual([
      [3, 3],
      [4, 4],
      [5, 5],
    ])
    expect(back.connectionId).toBe(client.connectionId)
    expect(back.texts[0]).toContain('"event":"connected","userId":"alice"')
  })

  it('takes over a transport that is still alive, and keeps ack ids and groups', async () => {
    const url = await clientUrl(server, service, { roles: allRoles })
    const options = { protocols: [reliableProtocol], secrets: server.secrets }
    await using client = await RawClient.open(url, options)
    await client.request('{"type":"joinGroup","group":"g","ackId":1}', '1')
    await using back = await RawClient.open(recoveryUrl(url, client), options)
    expect((await client.closedWith()).code).toBe(1006)
    expect(await back.request('{"type":"joinGroup","group":"g","ackId":1}', '1')).toContain('"Duplicate"')
    await service.group('g').sendToAll({ n: 1 })
    expect(await back.messagesUntil(1)).toHaveLength(1)
  })

  it('needs no valid access token, and its subprotocol stays what it was', async () => {
    const url = await clientUrl(server, service)
    const options = { protocols: [reliableProtocol], secrets: server.secrets }
    const client = await RawClient.open(url, options)
    client.cut()
    const recovery = new URL(recoveryUrl(url, client))
    recovery.searchParams.set('access_token', 'expired.or.broken')
    await using back = await RawClient.open(recovery.toString(), options)
    expect(back.connectionId).toBe(client.connectionId)
    expect(back.socket.protocol).toBe(reliableProtocol)
  })

  it.each([
    ['a token that is none', (url: URL) => url.searchParams.set('awps_reconnection_token', 'nothing')],
    ['no token', (url: URL) => url.searchParams.delete('awps_reconnection_token')],
    ['another connection’s id', (url: URL) => url.searchParams.set('awps_connection_id', 'somebody-else')],
    [
      'another hub',
      (url: URL) => {
        url.pathname = `/client/hubs/${freshHub()}`
      },
    ],
  ])('with %s is accepted, closed with 1008, and harms nobody', async (_what, spoil) => {
    const url = await clientUrl(server, service)
    const options = { protocols: [reliableProtocol], secrets: server.secrets }
    await using client = await RawClient.open(url, options)
    const recovery = new URL(recoveryUrl(url, client))
    spoil(recovery)
    await using refused = await RawClient.open(recovery.toString(), options)
    expect(await refused.closedWith()).toEqual({ code: 1008, reason: 'The connection could not be recovered.' })
    expect(refused.received).toEqual([])
    await service.sendToAll({ n: 1 })
    expect(await client.messagesUntil(1)).toHaveLength(1)
  })

  it.each([
    ['1000', 1000],
    ['no code', undefined],
  ])('is refused after the client itself closed with %s', async (_what, code) => {
    const url = await clientUrl(server, service)
    const options = { protocols: [reliableProtocol], secrets: server.secrets }
    const client = await RawClient.open(url, options)
    client.socket.close(code)
    await client.closedWith()
    await until(async () => !(await service.connectionExists(client.connectionId)), { what: 'the connection is gone' })
    await using refused = await RawClient.open(recoveryUrl(url, client), options)
    expect((await refused.closedWith()).code).toBe(1008)
  })

  it.each([1001, 3001, 4999])('works after the client closed with %i', async (code) => {
    const url = await clientUrl(server, service)
    const options = { protocols: [reliableProtocol], secrets: server.secrets }
    const client = await RawClient.open(url, options)
    client.socket.close(code)
    await client.closedWith()
    await service.sendToAll({ n: 1 })
    await using back = await RawClient.open(recoveryUrl(url, client), options)
    expect(await back.messagesUntil(1)).toHaveLength(1)
  })
})
