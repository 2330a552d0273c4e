/** Sends of the official service package: every content type and option, and what each kind of client is shown. */

import { odata, type WebPubSubServiceClient } from '@azure/web-pubsub'
import { until } from '@hocket/testkit/wait'
import { beforeEach, describe, expect, it } from 'vitest'
import { freshHub } from './harness/names.ts'
import { jsonProtocol, RawClient as Raw, type RawClient, recoveryUrl, reliableProtocol } from './harness/raw-client.ts'
import { clientUrl, openRaw, refusalOf, serviceClient, statusOf } from './harness/sdk.ts'
import { useServer } from './harness/server.ts'

const server = useServer()
let service: WebPubSubServiceClient

beforeEach(() => {
  service = serviceClient(server, freshHub())
})

/** Nothing more is under way to a client when a last message has arrived: deliveries keep their order. */
async function everythingUntilMarker(...clients: RawClient[]): Promise<string[][]> {
  await service.sendToAll('marker', { contentType: 'text/plain' })
  const isMarker = (text: string) => text === 'marker' || text.includes('"data":"marker"')
  return Promise.all(
    clients.map(async (client) => {
      await until(() => client.messages.some(isMarker), { what: 'the marker' })
      return client.messages.filter((text) => !isMarker(text))
    }),
  )
}

describe('a broadcast', () => {
  const contents = [
    {
      what: 'plain text',
      send: (to: WebPubSubServiceClient) => to.sendToAll('Hello everyone!', { contentType: 'text/plain' }),
      frame: 'Hello everyone!',
      isBinary: false,
      fields: '"dataType":"text","data":"Hello everyone!"',
    },
    {
      what: 'text of several scripts',
      send: (to: WebPubSubServiceClient) => to.sendToAll('naïve 世界 😀\n"\\', { contentType: 'text/plain' }),
      frame: 'naïve 世界 😀\n"\\',
      isBinary: false,
      fields: '"dataType":"text","data":"naïve 世界 😀\\n\\"\\\\"',
    },
    {
      what: 'an empty text',
      send: (to: WebPubSubServiceClient) => to.sendToAll('', { contentType: 'text/plain' }),
      frame: '',
      isBinary: false,
      fields: '"dataType":"text","data":""',
    },
    {
      what: 'an object',
      send: (to: WebPubSubServiceClient) => to.sendToAll({ type: 'notification', data: 'Hello' }),
      frame: '{"type":"notification","data":"Hello"}',
      isBinary: false,
      fields: '"dataType":"json","data":{"type":"notification","data":"Hello"}',
    },
    {
      what: 'a string without a content type, which is JSON',
      send: (to: WebPubSubServiceClient) => to.sendToAll('hi'),
      frame: '"hi"',
      isBinary: false,
      fields: '"dataType":"json","data":"hi"',
    },
    {
      what: 'a number',
      send: (to: WebPubSubServiceClient) => to.sendToAll(12.5),
      frame: '12.5',
      isBinary: false,
      fields: '"dataType":"json","data":12.5',
    },
    {
      what: 'a boolean',
      send: (to: WebPubSubServiceClient) => to.sendToAll(false),
      frame: 'false',
      isBinary: false,
      fields: '"dataType":"json","data":false',
    },
    {
      what: 'null',
      send: (to: WebPubSubServiceClient) => to.sendToAll(null as unknown as object),
      frame: 'null',
      isBinary: false,
      fields: '"dataType":"json","data":null',
    },
    {
      what: 'an array',
      send: (to: WebPubSubServiceClient) => to.sendToAll([1, ['two'], { three: 3 }]),
      frame: '[1,["two"],{"three":3}]',
      isBinary: false,
      fields: '"dataType":"json","data":[1,["two"],{"three":3}]',
    },
    {
      what: 'an ArrayBuffer',
      send: (to: WebPubSubServiceClient) => to.sendToAll(Uint8Array.from([0, 255, 128, 10]).buffer),
      frame: Buffer.from([0, 255, 128, 10]),
      isBinary: true,
      fields: '"dataType":"binary","data":"AP+ACg=="',
    },
    {
      what: 'a Buffer',
      send: (to: WebPubSubServiceClient) => to.sendToAll(Buffer.from('Hello World')),
      frame: Buffer.from('Hello World'),
      isBinary: true,
      fields: '"dataType":"binary","data":"SGVsbG8gV29ybGQ="',
    },
    {
      what: 'an empty ArrayBuffer',
      send: (to: WebPubSubServiceClient) => to.sendToAll(new ArrayBuffer(0)),
      frame: Buffer.alloc(0),
      isBinary: true,
      fields: '"dataType":"binary","data":""',
    },
  ]

  it.each(contents)('of $what reaches every kind of client in its form', async ({ send, frame, isBinary, fields }) => {
    await using simple = await openRaw(server, service)
    await using json = await openRaw(server, service, { protocols: [jsonProtocol] })
    await using reliable = await openRaw(server, service, { protocols: [reliableProtocol] })
    await send(service)
    await simple.framesUntil(1)
    expect(simple.received).toEqual([{ data: Buffer.from(frame as string), isBinary }])
    expect(await json.messagesUntil(1)).toEqual([`{"type":"message","from":"server",${fields}}`])
    expect(await reliable.messagesUntil(1)).toEqual([`{"sequenceId":1,"type":"message","from":"server",${fields}}`])
    expect(json.received.every((each) => !each.isBinary)).toBe(true)
  })

  it('is accepted with 202, also when nobody is there', async () => {
    expect(await statusOf((options) => service.sendToAll({ a: 1 }, options))).toBe(202)
    expect(await statusOf((options) => service.sendToAll('t', { ...options, contentType: 'text/plain' }))).toBe(202)
    expect(await statusOf((options) => service.sendToAll(Buffer.from('b'), options))).toBe(202)
  })

  it('numbers the messages of a reliable client', async () => {
    await using reliable = await openRaw(server, service, { protocols: [reliableProtocol] })
    for (const n of [1, 2, 3]) await service.sendToAll({ n })
    expect((await reliable.messagesUntil(3)).map((text) => JSON.parse(text))).toMatchObject(
      [1, 2, 3].map((n) => ({ sequenceId: n, data: { n } })),
    )
  })

  it('leaves out the excluded connections', async () => {
    await using first = await openRaw(server, service, { protocols: [jsonProtocol] })
    await using second = await openRaw(server, service, { protocols: [jsonProtocol] })
    await using third = await openRaw(server, service, { protocols: [jsonProtocol] })
    const excludedConnections = [first.connectionId, third.connectionId, 'nobody']
    expect(await statusOf((options) => service.sendToAll({ n: 1 }, { ...options, excludedConnections }))).toBe(202)
    const [toFirst, toSecond, toThird] = await everythingUntilMarker(first, second, third)
    expect(toFirst).toEqual([])
    expect(toSecond).toEqual(['{"type":"message","from":"server","dataType":"json","data":{"n":1}}'])
    expect(toThird).toEqual([])
  })

  it('of 1 MiB arrives whole, and one byte more is refused', async () => {
    await using simple = await openRaw(server, service)
    const most = 'x'.repeat(1_048_576)
    await service.sendToAll(most, { contentType: 'text/plain' })
    await simple.framesUntil(1)
    expect(simple.texts[0] === most).toBe(true)
    const refusal = await refusalOf(service.sendToAll(`${most}x`, { contentType: 'text/plain' }))
    expect(refusal).toMatchObject({ statusCode: 400, code: 'Error.BadRequest', headerCode: 'Error.BadRequest' })
  })
})

describe('a filter', () => {
  const cases = [
    ["userId eq 'alice'", ['alice']],
    [odata`userId ne ${'alice'}`, ['bob', "o'hara", 'anonymous']],
    [odata`userId eq ${"o'hara"}`, ["o'hara"]],
    ['userId eq null', ['anonymous']],
    ["'red' in groups", ['alice', 'bob']],
    ["'red' in groups and not ('blue' in groups)", ['alice']],
    ["userId in ('alice','bob')", ['alice', 'bob']],
    ["startswith(userId, 'o') or length(groups) gt 1", ['bob', "o'hara"]],
    ["tolower(connectionId) eq 'nobody'", []],
  ] as const

  it.each(cases)('%s chooses %j', async (filter, expected) => {
    await using alice = await openRaw(server, service, { userId: 'alice', groups: ['red'] })
    await using bob = await openRaw(server, service, { userId: 'bob', groups: ['red', 'blue'] })
    await using hara = await openRaw(server, service, { userId: "o'hara" })
    await using anonymous = await openRaw(server, service)
    await service.sendToAll('chosen', { contentType: 'text/plain', filter })
    const got = await everythingUntilMarker(alice, bob, hara, anonymous)
    const names = ['alice', 'bob', "o'hara", 'anonymous']
    expect(names.filter((_, i) => got[i]!.length > 0)).toEqual(expected)
  })

  it('narrows sends to a user and to a group', async () => {
    await using inside = await openRaw(server, service, { userId: 'alice', groups: ['g', 'extra'] })
    await using outside = await openRaw(server, service, { userId: 'alice', groups: ['g'] })
    const filter = "'extra' in groups"
    expect(await statusOf((options) => service.sendToUser('alice', { n: 1 }, { ...options, filter }))).toBe(202)
    expect(await statusOf((options) => service.group('g').sendToAll({ n: 2 }, { ...options, filter }))).toBe(202)
    expect(await everythingUntilMarker(inside, outside)).toEqual([['{"n":1}', '{"n":2}'], []])
  })

  it.each([
    'invalid filter',
    "userId eq 'open",
    'nobody eq 1',
    'userId lt 1',
    'userId',
    "userId eq 'a' and",
    'unknown(userId)',
  ])('%s is refused with 400, and nobody gets the message', async (filter) => {
    await using client = await openRaw(server, service, { userId: 'alice', groups: ['g'] })
    for (const call of [
      () => service.sendToAll({ n: 1 }, { filter }),
      () => service.sendToUser('alice', { n: 2 }, { filter }),
      () => service.group('g').sendToAll({ n: 3 }, { filter }),
    ]) {
      const refusal = await refusalOf(call())
      expect(refusal).toMatchObject({ statusCode: 400, headerCode: 'Error.BadRequest' })
      expect(refusal.contentType).toMatch(/^application\/problem\+json/)
      expect(JSON.parse(refusal.message)).toMatchObject({ code: 'Error.BadRequest', target: 'Filter', status: 400 })
      expect(refusal.message).toContain('Invalid syntax for ')
    }
    expect(await everythingUntilMarker(client)).toEqual([[]])
  })

  it('with a syntax error is answered with its position', async () => {
    const refusal = await refusalOf(service.sendToAll({ n: 1 }, { filter: 'invalid filter' }))
    expect(refusal.message).toMatch(/Syntax error at position \d+ in 'invalid filter'/)
  })
})

describe('a send to one target', () => {
  it('to a user reaches each of the user’s connections and nobody else', async () => {
    await using phone = await openRaw(server, service, { userId: 'user123' })
    await using laptop = await openRaw(server, service, { userId: 'user123', protocols: [jsonProtocol] })
    await using other = await openRaw(server, service, { userId: 'User123' })
    expect(
      await statusOf((options) =>
        service.sendToUser('user123', 'Hello user', { ...options, contentType: 'text/plain' }),
      ),
    ).toBe(202)
    await service.sendToUser('user123', { n: 1 })
    await service.sendToUser('user123', Buffer.from('raw'))
    const [toPhone, toLaptop, toOther] = await everythingUntilMarker(phone, laptop, other)
    expect(toPhone).toEqual(['Hello user', '{"n":1}', 'raw'])
    expect(toLaptop).toEqual([
      '{"type":"message","from":"server","dataType":"text","data":"Hello user"}',
      '{"type":"message","from":"server","dataType":"json","data":{"n":1}}',
      '{"type":"message","from":"server","dataType":"binary","data":"cmF3"}',
    ])
    expect(toOther).toEqual([])
  })

  it('to a group reaches its members as a message of the group', async () => {
    await using simple = await openRaw(server, service, { groups: ['my-group'] })
    await using json = await openRaw(server, service, { groups: ['my-group'], protocols: [jsonProtocol] })
    await using reliable = await openRaw(server, service, { groups: ['my-group'], protocols: [reliableProtocol] })
    await using other = await openRaw(server, service, { groups: ['My-group'] })
    const group = service.group('my-group')
    expect(await statusOf((options) => group.sendToAll('text', { ...options, contentType: 'text/plain' }))).toBe(202)
    await group.sendToAll({ a: [1] })
    await group.sendToAll(Uint8Array.from([1, 2]).buffer)
    const [toSimple, toJson, toReliable, toOther] = await everythingUntilMarker(simple, json, reliable, other)
    expect(toSimple).toEqual(['text', '{"a":[1]}', '\u0001\u0002'])
    const frames = [
      '"type":"message","from":"group","group":"my-group","fromUserId":null,"dataType":"text","data":"text"}',
      '"type":"message","from":"group","group":"my-group","fromUserId":null,"dataType":"json","data":{"a":[1]}}',
      '"type":"message","from":"group","group":"my-group","fromUserId":null,"dataType":"binary","data":"AQI="}',
    ]
    expect(toJson).toEqual(frames.map((each) => `{${each}`))
    expect(toReliable).toEqual(frames.map((each, i) => `{"sequenceId":${i + 1},${each}`))
    expect(toOther).toEqual([])
  })

  it('to a group leaves out the excluded connections', async () => {
    await using first = await openRaw(server, service, { groups: ['g'], protocols: [jsonProtocol] })
    await using second = await openRaw(server, service, { groups: ['g'] })
    await service.group('g').sendToAll({ n: 1 }, { excludedConnections: [first.connectionId] })
    expect(await everythingUntilMarker(first, second)).toEqual([[], ['{"n":1}']])
  })

  it('to a connection reaches only that one', async () => {
    await using first = await openRaw(server, service, { userId: 'same', protocols: [jsonProtocol] })
    await using second = await openRaw(server, service, { userId: 'same', protocols: [jsonProtocol] })
    const id = first.connectionId
    expect(
      await statusOf((options) => service.sendToConnection(id, 'only you', { ...options, contentType: 'text/plain' })),
    ).toBe(202)
    await service.sendToConnection(id, { n: 1 })
    await service.sendToConnection(id, Buffer.from([7]))
    const [toFirst, toSecond] = await everythingUntilMarker(first, second)
    expect(toFirst).toEqual([
      '{"type":"message","from":"server","dataType":"text","data":"only you"}',
      '{"type":"message","from":"server","dataType":"json","data":{"n":1}}',
      '{"type":"message","from":"server","dataType":"binary","data":"Bw=="}',
    ])
    expect(toSecond).toEqual([])
  })

  it('is accepted with 202 when the target does not exist', async () => {
    expect(await statusOf((options) => service.sendToUser('nobody', { n: 1 }, options))).toBe(202)
    expect(await statusOf((options) => service.sendToConnection('nobody', { n: 1 }, options))).toBe(202)
    expect(await statusOf((options) => service.group('nobody').sendToAll({ n: 1 }, options))).toBe(202)
  })

  it('arrives in the order of the answers', async () => {
    await using client = await openRaw(server, service, {
      userId: 'alice',
      groups: ['a', 'b'],
      protocols: [jsonProtocol],
    })
    for (let n = 0; n < 40; n += 4) {
      await service.group('a').sendToAll({ n })
      await service.sendToUser('alice', { n: n + 1 })
      await service.group('b').sendToAll({ n: n + 2 })
      await service.sendToConnection(client.connectionId, { n: n + 3 })
    }
    const numbers = (await client.messagesUntil(40)).map((text) => JSON.parse(text).data.n)
    expect(numbers).toEqual(Array.from({ length: 40 }, (_, n) => n))
  })
})

describe('a time to live', () => {
  it.each([0, 1, 300])('of %i seconds is accepted by every send', async (messageTtlSeconds) => {
    await using client = await openRaw(server, service, {
      userId: 'alice',
      groups: ['g'],
      protocols: [jsonProtocol],
    })
    await service.sendToAll({ n: 1 }, { messageTtlSeconds })
    await service.sendToUser('alice', { n: 2 }, { messageTtlSeconds })
    await service.group('g').sendToAll({ n: 3 }, { messageTtlSeconds })
    await service.sendToConnection(client.connectionId, { n: 4 }, { messageTtlSeconds })
    expect((await client.messagesUntil(4)).map((text) => JSON.parse(text).data.n)).toEqual([1, 2, 3, 4])
  })

  it.each([-1, 301, 1.5])('of %d seconds is refused, and nobody gets the message', async (messageTtlSeconds) => {
    await using client = await openRaw(server, service)
    const refusal = await refusalOf(service.sendToAll({ n: 1 }, { messageTtlSeconds }))
    expect(refusal).toMatchObject({ statusCode: 400, code: 'Error.BadRequest', headerCode: 'Error.BadRequest' })
    expect(refusal.message).toContain('messageTtlSeconds')
    expect(await everythingUntilMarker(client)).toEqual([[]])
  })

  it('spares a client that comes back too late what has expired, and nothing else', async () => {
    const url = await clientUrl(server, service, { groups: ['g'] })
    const client = await Raw.open(url, { protocols: [reliableProtocol], secrets: server.secrets })
    client.cut()
    await client.closedWith()
    const group = service.group('g')
    await group.sendToAll({ n: 'kept for ever' })
    await group.sendToAll({ n: 'expired' }, { messageTtlSeconds: 1 })
    await group.sendToAll({ n: 'kept a minute' }, { messageTtlSeconds: 60 })
    const expired = performance.now() + 1200
    await until(() => performance.now() > expired, { what: 'the second is over' })
    await using back = await Raw.open(recoveryUrl(url, client), {
      protocols: [reliableProtocol],
      secrets: server.secrets,
    })
    await group.sendToAll({ n: 'live' })
    const messages = (await back.messagesUntil(3)).map((text) => JSON.parse(text))
    expect(messages.map(({ sequenceId, data }) => [sequenceId, data.n])).toEqual([
      [1, 'kept for ever'],
      [3, 'kept a minute'],
      [4, 'live'],
    ])
  })
})
