/** Frames of the JSON subprotocols as text: right ones, and ones that are wrong in one place or everywhere. */

import fc from 'fast-check'
import { damage, damaged, inherited, name, readable, seldom } from './words.ts'

/** Source text of a JSON value, or of something that is nearly one. */
type Source = string

const textOf = (value: string): Source => JSON.stringify(value)

const numbers = [
  '0',
  '1',
  '-1',
  '-0',
  '1.0',
  '1e3',
  '1E400',
  '-1e-400',
  '007',
  '+1',
  '.5',
  '9007199254740993',
  '18446744073709551615',
  '18446744073709551616',
  '300',
  '301',
  '9'.repeat(400),
  'NaN',
  'Infinity',
  '0x10',
  '1n',
] as const

const scalar: fc.Arbitrary<Source> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('true', 'false', 'null', '""', '{}', '[]') },
  { weight: 3, arbitrary: fc.constantFrom(...numbers) },
  { weight: 3, arbitrary: name.map(textOf) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('undefined', "'x'", '"\\ud800"', '"\\u0000"', '"\\x"', '"\u0007"', '"', '{', ']'),
  },
)

/** Brackets within brackets, closed or not. */
const nest: fc.Arbitrary<Source> = fc
  .tuple(fc.constantFrom('[', '{"a":'), fc.constantFrom(10, 100, 5000, 50_000), fc.boolean())
  .map(([open, depth, isClosed]) => {
    const close = open === '[' ? ']' : '}'
    return `${open.repeat(depth)}${open === '[' ? '' : '1'}${isClosed ? close.repeat(depth) : ''}`
  })

const member = (value: fc.Arbitrary<Source>): fc.Arbitrary<Source> =>
  fc.tuple(name, value).map(([key, source]) => `${textOf(key)}:${source}`)

const object = (value: fc.Arbitrary<Source>): fc.Arbitrary<Source> =>
  fc.array(member(value), { maxLength: 4 }).map((members) => `{${members.join(',')}}`)

const shallow: fc.Arbitrary<Source> = fc.oneof(
  { weight: 6, arbitrary: scalar },
  { weight: 1, arbitrary: object(scalar) },
  { weight: 1, arbitrary: fc.array(scalar, { maxLength: 4 }).map((items) => `[${items.join(',')}]`) },
)

const anything: fc.Arbitrary<Source> = fc.oneof(
  { weight: 12, arbitrary: shallow },
  { weight: 2, arbitrary: object(shallow) },
  { weight: 1, arbitrary: nest },
)

const metadataOf = (keys: readonly string[]): Source => `{${keys.map((key) => `${textOf(key)}:"v"`).join(',')}}`

/** Values that the member of this name may have. */
const right: Readonly<Record<string, fc.Arbitrary<Source>>> = {
  type: fc.constantFrom(
    ...[
      'joinGroup',
      'leaveGroup',
      'sendToGroup',
      'event',
      'ping',
      'sequenceAck',
      'SENDTOGROUP',
      'cancelInvocation',
    ].map(textOf),
  ),
  group: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom('"chat"', '"room.1"', '"g"', ...inherited.map(textOf)) },
    { weight: 1, arbitrary: name.map(textOf) },
  ),
  event: fc.constantFrom('"hello"', '"a.b-c_d"', ...inherited.map(textOf)),
  ackId: fc.oneof(fc.nat(50).map(String), fc.constantFrom('null', '18446744073709551615', '9007199254740993')),
  sequenceId: fc.oneof(fc.nat(20).map(String), fc.constantFrom('18446744073709551615')),
  noEcho: fc.constantFrom('true', 'false'),
  ttlSeconds: fc.constantFrom('0', '1', '300', 'null'),
  dataType: fc.constantFrom('"json"', '"text"', '"binary"', '"protobuf"', '"JSON"'),
  data: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom('"aGk="', '"aGk="', '"text"', '{"a":1}', '[1,2]', '9007199254740993') },
    { weight: 1, arbitrary: anything },
  ),
  metadata: fc.oneof(
    fc.constantFrom('null', '{}', '{"k":"v"}'),
    fc.uniqueArray(fc.constantFrom(...inherited), { maxLength: 3 }).map(metadataOf),
    fc.oneof(
      fc.constantFrom('{"k":"v","k":"w"}', `{"k":"${'v'.repeat(1025)}"}`),
      fc.array(name, { maxLength: 3 }).map(metadataOf),
    ),
  ),
  stream: fc.constantFrom('null', '{"streamId":"s"}'),
}

const membersOf: Readonly<Record<string, readonly string[]>> = {
  '"joinGroup"': ['type', 'group', 'ackId'],
  '"leaveGroup"': ['type', 'group', 'ackId'],
  '"sendToGroup"': ['type', 'group', 'ackId', 'dataType', 'data'],
  '"event"': ['type', 'event', 'ackId', 'dataType', 'data'],
  '"ping"': ['type'],
  '"sequenceAck"': ['type', 'sequenceId'],
}

const types = Object.keys(membersOf)
const optional = ['noEcho', 'ttlSeconds', 'metadata', 'ackId', 'group']

/** One frame: a type with its members, some of them left out, added, doubled, misspelt or of a wrong type. */
const command: fc.Arbitrary<Source> = fc
  .record({
    type: fc.constantFrom(...types),
    values: fc.record(right),
    added: fc.subarray(optional, { maxLength: 2 }),
    wrong: seldom(4, fc.tuple(fc.constantFrom(...Object.keys(right)), anything)),
    doubled: seldom(6, fc.tuple(fc.oneof(fc.constantFrom(...Object.keys(right)), name), shallow)),
    left: seldom(8, fc.constantFrom(...Object.keys(right))),
    space: fc.constantFrom('', '', ' ', '\n\t '),
  })
  .map(({ type, values, added, wrong, doubled, left, space }) => {
    const sources: Record<string, Source> = { ...values, type }
    if (wrong !== null) sources[wrong[0]] = wrong[1]
    const names = [...membersOf[type]!, ...added].filter((key) => key !== left)
    const members = names.map((key) => `${textOf(key)}${space}:${space}${sources[key]}`)
    if (doubled !== null) members.push(`${textOf(doubled[0])}:${doubled[1]}`)
    return `${space}{${members.join(`,${space}`)}}`
  })

/** Payload of one text or binary message. */
export const jsonPayload: fc.Arbitrary<Buffer> = fc
  .oneof(
    { weight: 20, arbitrary: command.map((source) => Buffer.from(source)) },
    { weight: 3, arbitrary: fc.tuple(command, damage).map(([source, change]) => damaged(Buffer.from(source), change)) },
    { weight: 1, arbitrary: anything.map((source) => Buffer.from(source)) },
  )
  .map(readable)
