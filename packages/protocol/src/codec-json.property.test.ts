import fc from 'fast-check'
import { expect, it } from 'vitest'
import { jsonCodec, jsonReliableCodec } from './codec-json.ts'
import type { Command } from './commands.ts'
import { HocketError } from './errors.ts'
import { memberSources } from './json-source.ts'
import type { Envelope, MessageBody } from './message.ts'

const utf8 = new TextEncoder()
const runs = { numRuns: 20_000 }

function decode(bytes: Uint8Array): Command | null {
  try {
    return jsonCodec.decode(bytes, false)
  } catch (error) {
    if (!(error instanceof HocketError) || error.code !== 'malformedFrame') throw error
    if (!/^[ -~]*$/.test(error.message)) throw new Error(`unsafe in a log line: ${error.message}`)
    return null
  }
}

const name = fc.constantFrom(
  ...[
    'type',
    'group',
    'ackId',
    'data',
    'dataType',
    'noEcho',
    'ttlSeconds',
    'metadata',
    'event',
    'sequenceId',
    'stream',
  ],
  ...['__proto__', 'x'],
)
const type = fc.constantFrom('joinGroup', 'leaveGroup', 'sendToGroup', 'event', 'ping', 'sequenceAck', 'invoke', 'PING')
const value = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  type,
  fc.constantFrom('text', 'json', 'binary', 'protobuf', 'g1', '', ' ', 'AAAA', 'AA==', null, true, {}, { k: 'v' }),
  fc.nat({ max: 400 }),
)
/** Objects that look like requests, with members missing, doubled and of wrong types. */
const almostRequest = fc
  .tuple(type, fc.array(fc.tuple(name, value), { maxLength: 8 }))
  .map(
    ([first, members]) =>
      `{"type":"${first}"${members.map(([key, member]) => `,"${key}":${JSON.stringify(member)}`).join('')}}`,
  )

it('answers any bytes with a command or a malformed frame, never with anything else', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 60 }),
        fc.string({ unit: 'binary' }).map((s) => utf8.encode(s)),
      ),
      (bytes) => {
        const command = decode(bytes)
        expect(command === null || typeof command.type === 'string').toBe(true)
      },
    ),
    runs,
  )
})

it('answers any JSON with a valid command or a malformed frame', () => {
  let accepted = 0
  fc.assert(
    fc.property(fc.oneof({ arbitrary: almostRequest, weight: 9 }, fc.json()), (text) => {
      const command = decode(utf8.encode(text))
      if (command === null) return
      accepted++
      checkCommand(command)
    }),
    runs,
  )
  expect(accepted).toBeGreaterThan(1000)
})

it('answers a request with bytes changed in the same way', () => {
  fc.assert(
    fc.property(
      almostRequest,
      fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 }),
      (text, changes) => {
        const bytes = utf8.encode(text)
        for (const [place, byte] of changes) bytes[place % bytes.length] = byte
        const command = decode(bytes)
        if (command !== null) checkCommand(command)
      },
    ),
    runs,
  )
})

function checkCommand(command: Command): void {
  if ('ackId' in command && command.ackId !== null && BigInt(command.ackId) >= 2n ** 64n) throw new Error('ackId')
  if (command.type === 'sequenceAck' && !Number.isSafeInteger(command.sequenceId)) throw new Error('sequenceId')
  if (command.type === 'sendToGroup' && !(command.ttlSeconds >= 0 && command.ttlSeconds <= 300)) throw new Error('ttl')
  if ('group' in command && command.group.trim() === '') throw new Error('group')
  if ('body' in command && command.body.dataType === 'json') JSON.parse(command.body.data)
  if ('metadata' in command && command.metadata !== null && Object.keys(command.metadata).length === 0) {
    throw new Error('metadata')
  }
}

const jsonSource = fc.tuple(fc.json(), fc.constantFrom('', ' ', '\n\t')).map(([json, pad]) => `${pad}${json}`)
const anyBody: fc.Arbitrary<MessageBody> = fc.oneof(
  fc.string({ unit: 'binary' }).map((data) => ({ dataType: 'text' as const, data })),
  jsonSource.map((data) => ({ dataType: 'json' as const, data })),
  fc.uint8Array().map((data) => ({ dataType: 'binary' as const, data })),
  fc.uint8Array().map((data) => ({ dataType: 'protobuf' as const, data })),
)

const anyText = fc.string({ unit: 'binary' })
const anyEnvelope: fc.Arbitrary<Envelope> = fc
  .record({
    body: anyBody,
    fromUserId: fc.option(anyText),
    metadata: fc.option(fc.dictionary(fc.stringMatching(/^[a-z_-]{1,9}$/), fc.string(), { minKeys: 1, maxKeys: 3 })),
    group: fc.option(anyText),
  })
  .map(({ group, ...rest }) => ({
    ...rest,
    id: 'n-1',
    from: group === null ? 'server' : 'group',
    target: group === null ? { kind: 'hub', hub: 'h' } : { kind: 'group', hub: 'h', group },
    excluded: [],
    filter: null,
    expiresAtMs: null,
  }))

it('makes messages that parse to what went in, with the source of JSON untouched', () => {
  fc.assert(
    fc.property(anyEnvelope, fc.nat({ max: Number.MAX_SAFE_INTEGER }), (envelope, sequenceId) => {
      const plain = jsonCodec.encoder.message(envelope) as string
      const rest = jsonReliableCodec.encoder.message(envelope) as string
      const prefix = new TextDecoder().decode(jsonReliableCodec.encoder.sequencePrefix!(sequenceId, rest.length))
      const { body, target, metadata } = envelope
      const expected = {
        type: 'message',
        from: envelope.from,
        ...(target.kind === 'group' ? { group: target.group, fromUserId: envelope.fromUserId } : {}),
        dataType: body.dataType,
        data: dataOf(body),
        ...(metadata === null ? {} : { metadata: { ...metadata } }),
      }
      expect(read(plain)).toEqual(expected)
      expect(read(prefix + rest)).toEqual({ sequenceId, ...expected })
    }),
    { numRuns: 3000 },
  )
})

/** A message, with JSON data as its source: what JSON.parse makes of names inside it is not sure (see parseMembers). */
function read(text: string): unknown {
  const message = JSON.parse(text) as { dataType: string }
  return message.dataType === 'json' ? { ...message, data: memberSources(text, ['data'])[0] } : message
}

function dataOf(body: MessageBody): string {
  if (body.dataType === 'json') return body.data.trimStart()
  return body.dataType === 'text' ? body.data : Buffer.from(body.data).toString('base64')
}

it('gives a receiver what a sender sent, through both directions', () => {
  fc.assert(
    fc.property(anyBody, fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })), (body, ackId) => {
      const data = body.dataType === 'json' ? body.data : JSON.stringify(dataOf(body))
      const frame = `{"ackId":${ackId},"data":${data},"type":"sendToGroup","dataType":"${body.dataType}","group":"g"}`
      const command = decode(utf8.encode(frame))
      if (body.dataType === 'json' && body.data.trim() === 'null') {
        expect(command).toBeNull()
        return
      }
      const exact = body.dataType === 'json' ? { dataType: 'json', data: body.data.trimStart() } : body
      expect(command).toMatchObject({ ackId: ackId === null ? null : String(ackId), body: exact })
    }),
    { numRuns: 3000 },
  )
})
