/** What was sent arrives as it was sent: numbers, key order, spaces, escapes, bytes, ids. */

import { createHmac, randomBytes } from 'node:crypto'
import type { WebPubSubServiceClient } from '@azure/web-pubsub'
import { beforeEach, describe, expect, it } from 'vitest'
import { freshHub } from './harness/names.ts'
import { jsonProtocol, type RawClient, reliableProtocol } from './harness/raw-client.ts'
import { allRoles, clientProtocols, openRaw, openSdk, serviceClient } from './harness/sdk.ts'
import { useServer } from './harness/server.ts'

const server = useServer()
let service: WebPubSubServiceClient
let hub: string

beforeEach(() => {
  hub = freshHub()
  service = serviceClient(server, hub)
})

/** JSON that no parser and writer gives back unchanged. */
const sources = [
  ['an integer above 2^53', '9007199254740993'],
  ['a number with more digits than a double has', '3.14159265358979323846264338327950288419716939937510'],
  ['a number beyond the doubles', '1e999'],
  ['a negative zero', '-0.0'],
  ['an exponent', '[1E5,1e+05,0.1e-1]'],
  ['an object whose keys are in an order of their own', '{"z":1,"a":2,"10":3,"9":4}'],
  ['an object with a key twice', '{"a":1,"a":2}'],
  ['an object with __proto__', '{"__proto__":{"x":1}}'],
  ['spaces and line breaks', '{ "a" : [ 1 ,\n\t2 ] }'],
  ['escapes', '"\\u00e9\\/\\ud83d\\ude00 \\u2028"'],
  ['a lone surrogate', '"\\ud800"'],
  ['raw characters', '"é/😀 \u2028"'],
  ['null', 'null'],
  ['deep nesting', '['.repeat(500) + ']'.repeat(500)],
] as const

/** Sends a JSON body as it stands, which the package, writing it itself, cannot. */
async function postJson(path: string, body: string): Promise<number> {
  const claims = { aud: server.endpoint + path, exp: Math.floor(Date.now() / 1000) + 600 }
  const text = [{ alg: 'HS256', typ: 'JWT' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  const token = `${text}.${createHmac('sha256', server.accessKey).update(text).digest('base64url')}`
  server.secrets.add(token, 'REST token')
  const answer = await fetch(server.endpoint + path, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body,
  })
  return answer.status
}

describe.each(sources)('%s', (_title, source) => {
  it('arrives as its source text from REST, at every kind of client', async () => {
    await using simple = await openRaw(server, service)
    await using json = await openRaw(server, service, { protocols: [jsonProtocol] })
    await using reliable = await openRaw(server, service, { protocols: [reliableProtocol] })
    expect(await postJson(`/api/hubs/${hub}/:send`, source)).toBe(202)
    await simple.framesUntil(1)
    expect(simple.texts).toEqual([source])
    expect(await json.messagesUntil(1)).toEqual([
      `{"type":"message","from":"server","dataType":"json","data":${source}}`,
    ])
    expect(await reliable.messagesUntil(1)).toEqual([
      `{"sequenceId":1,"type":"message","from":"server","dataType":"json","data":${source}}`,
    ])
  })

  it.skipIf(source === 'null')('arrives as its source text from another client', async () => {
    const member = (protocols: string[]) => openRaw(server, service, { groups: ['g'], protocols })
    await using simple = await openRaw(server, service, { groups: ['g'] })
    await using json = await member([jsonProtocol])
    await using reliable = await member([reliableProtocol])
    await using sender = await openRaw(server, service, { userId: 'u', roles: allRoles, protocols: [jsonProtocol] })
    const frames = [
      `{"type":"sendToGroup","group":"g","ackId":1,"dataType":"json","data":${source}}`,
      `{"data":${source},"ackId":2,"group":"g","type":"sendToGroup"}`,
      `\n{ "type" : "sendToGroup" , "data" : ${source} , "group" : "g", "ackId" : 3 }\t`,
    ]
    for (const [i, frame] of frames.entries()) {
      expect(await sender.request(frame, String(i + 1))).toBe(`{"type":"ack","ackId":${i + 1},"success":true}`)
    }
    await simple.framesUntil(3)
    expect(simple.texts).toEqual([source, source, source])
    const rest = `"type":"message","from":"group","group":"g","fromUserId":"u","dataType":"json","data":${source}}`
    expect(await json.messagesUntil(3)).toEqual([1, 2, 3].map(() => `{${rest}`))
    expect(await reliable.messagesUntil(3)).toEqual([1, 2, 3].map((n) => `{"sequenceId":${n},${rest}`))
  })
})

describe('an ackId', () => {
  it.each(['0', '1', '9007199254740992', '9007199254740993', '18446744073709551615'])(
    'of %s is echoed digit by digit, and known again',
    async (ackId) => {
      await using client = await openRaw(server, service, { roles: allRoles, protocols: [jsonProtocol] })
      const frame = `{"type":"joinGroup","group":"g","ackId":${ackId}}`
      expect(await client.request(frame, ackId)).toBe(`{"type":"ack","ackId":${ackId},"success":true}`)
      expect(await client.request(frame, ackId)).toBe(
        `{"type":"ack","ackId":${ackId},"success":false,"error":{"name":"Duplicate","message":"Message with ack-id: ${ackId} has been processed"}}`,
      )
    },
  )

  it('above 2^53 is not taken for its neighbour', async () => {
    await using client = await openRaw(server, service, { roles: allRoles, protocols: [jsonProtocol] })
    for (const ackId of ['9007199254740992', '9007199254740993', '9007199254740994']) {
      expect(await client.request(`{"type":"joinGroup","group":"g","ackId":${ackId}}`, ackId)).toContain(
        '"success":true',
      )
    }
  })

  it.each(['-1', '1.5', '"1"', '18446744073709551616', '1e3', 'true'])('of %s is malformed: 1007', async (ackId) => {
    await using client = await openRaw(server, service, { roles: allRoles, protocols: [jsonProtocol] })
    client.send(`{"type":"joinGroup","group":"g","ackId":${ackId}}`)
    expect((await client.closedWith()).code).toBe(1007)
    expect(client.texts.slice(1)).toEqual([])
  })
})

describe('text and bytes', () => {
  const text = 'line\r\nbreaks \u0000\u0001\u007f "quotes" \\ / \u2028\u2029 naïve 世界 👩‍👩‍👧‍👦 \ufeff'

  it('arrive unchanged from REST', async () => {
    const bytes = randomBytes(70_000)
    await using simple = await openRaw(server, service)
    await using json = await openRaw(server, service, { protocols: [jsonProtocol] })
    await service.sendToAll(text, { contentType: 'text/plain' })
    await service.sendToAll(bytes)
    await simple.framesUntil(2)
    expect(simple.received[0]).toEqual({ data: Buffer.from(text), isBinary: false })
    expect(simple.received[1]!.isBinary && simple.received[1]!.data.equals(bytes)).toBe(true)
    const [first, second] = (await json.messagesUntil(2)).map((each) => JSON.parse(each))
    expect(first.data).toBe(text)
    expect(second.data === bytes.toString('base64')).toBe(true)
  })

  it.each(clientProtocols)('arrive unchanged between official clients over %s', async (_title, protocol) => {
    await using sender = await openSdk(server, service, { protocol: protocol() })
    await using receiver = await openSdk(server, service, { protocol: protocol(), token: { groups: ['g'] } })
    await using simple: RawClient = await openRaw(server, service, { groups: ['g'] })
    const bytes = Uint8Array.from(randomBytes(70_000))
    const json = { z: [1, 2.5, null, true], a: { 世: '界 😀' }, '': '' }
    await sender.client.sendToGroup('g', text, 'text')
    await sender.client.sendToGroup('g', bytes.buffer, 'binary')
    await sender.client.sendToGroup('g', json, 'json')
    await sender.client.sendToGroup('g', '', 'text')
    await sender.client.sendToGroup('g', new ArrayBuffer(0), 'binary')
    const [first, second, third, fourth, fifth] = await receiver.groupMessagesUntil(5)
    expect(first).toMatchObject({ dataType: 'text', data: text })
    expect(second!.dataType).toBe('binary')
    expect(Buffer.from(second!.data as ArrayBuffer).equals(bytes)).toBe(true)
    expect(third).toMatchObject({ dataType: 'json', data: json })
    expect(fourth).toMatchObject({ dataType: 'text', data: '' })
    expect(fifth!.dataType).toBe('binary')
    expect((fifth!.data as ArrayBuffer).byteLength).toBe(0)
    await simple.framesUntil(5)
    expect(simple.received.map(({ isBinary }) => isBinary)).toEqual([false, true, false, false, true])
    expect(simple.texts[2]).toBe(JSON.stringify(json))
  })
})
