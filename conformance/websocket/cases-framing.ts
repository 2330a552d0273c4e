/** RFC 6455 §5.2 and §5.3: lengths, masks, reserved bits and opcodes. */

import { randomBytes } from 'node:crypto'
import { binary, type FrameCase, frame, text } from './words.ts'

const lengths = [0, 1, 2, 124, 125, 126, 127, 128, 65_535, 65_536, 65_537, 131_072]
const filler = (length: number) => Buffer.alloc(length, 'abcdefghijklmnopqrstuvwxyz')
const random = randomBytes(131_072)

const everyLength: FrameCase[] = lengths.flatMap((length) => [
  {
    name: `takes a text frame of ${length} bytes`,
    send: () => [frame('text', filler(length))],
    expect: { messages: [text(filler(length))] },
  },
  {
    name: `takes a binary frame of ${length} bytes`,
    send: () => [frame('binary', random.subarray(0, length))],
    expect: { messages: [binary(random.subarray(0, length))] },
  },
])

// §5.2 binds the sender to the shortest form. A receiver may read the others; ws does, and nobody is harmed.
const longForms: FrameCase[] = [
  ['16-bit', 0],
  ['16-bit', 5],
  ['16-bit', 125],
  ['64-bit', 0],
  ['64-bit', 5],
  ['64-bit', 126],
  ['64-bit', 65_535],
].map(([lengthForm, length]) => ({
  name: `reads a length of ${length} that is written in ${lengthForm} form`,
  send: () => [frame('text', filler(length as number), { lengthForm: lengthForm as '16-bit' | '64-bit' })],
  expect: { messages: [text(filler(length as number))] },
}))

const impossibleLengths: FrameCase[] = [
  ['2^53', 2n ** 53n],
  ['2^63 - 1', 2n ** 63n - 1n],
  ['2^63, whose first bit must be 0', 2n ** 63n],
  ['2^64 - 1', 2n ** 64n - 1n],
].map(([title, declaredLength]) => ({
  name: `closes 1009 on a declared length of ${title}, without waiting for the payload`,
  send: () => [frame('binary', '', { lengthForm: '64-bit', declaredLength: declaredLength as bigint })],
  expect: { close: 1009 },
}))

const pieces: FrameCase[] = [1, 2, 3, 7].map((pieceBytes) => ({
  name: `reads frames that come in pieces of ${pieceBytes} byte${pieceBytes === 1 ? '' : 's'}`,
  send: () => [frame('text', 'first'), frame('binary', filler(300)), frame('text', ''), frame('text', 'last')],
  pieceBytes,
  expect: { messages: [text('first'), binary(filler(300)), text(''), text('last')] },
}))

const masks: FrameCase[] = [
  ['of zeros', [0, 0, 0, 0]],
  ['of ones', [255, 255, 255, 255]],
  ['with one bit set', [0, 0, 0, 1]],
  ['that turns the payload into zeros', [...Buffer.from('aaaa')]],
].map(([title, key]) => ({
  name: `unmasks with a key ${title}`,
  send: () => [frame('text', 'aaaaaaa', { maskKey: Uint8Array.from(key as number[]) })],
  expect: { messages: [text('aaaaaaa')] },
}))

const unmasked: FrameCase[] = (
  [
    ['text', 'abc'],
    ['text', ''],
    ['binary', 'abc'],
    ['ping', 'abc'],
    ['pong', ''],
    ['close', Buffer.from([0x03, 0xe8])],
  ] as const
).map(([type, payload]) => ({
  name: `closes 1002 on an unmasked ${type} frame${payload.length === 0 ? ' without payload' : ''}`,
  send: () => [frame(type, payload, { maskKey: null })],
  expect: { close: 1002 },
}))

const reservedBits: FrameCase[] = [
  ...[1, 2, 3, 4, 5, 6, 7].map((rsv) => ({
    name: `closes 1002 on a text frame with reserved bits ${rsv.toString(2).padStart(3, '0')}`,
    send: () => [frame('text', 'abc', { rsv })],
    expect: { close: 1002 },
  })),
  ...(['binary', 'ping', 'pong', 'close'] as const).map((type) => ({
    name: `closes 1002 on a ${type} frame with a reserved bit`,
    send: () => [frame(type, '', { rsv: 4 })],
    expect: { close: 1002 },
  })),
  {
    name: 'closes 1002 on a continuation with the bit of compression',
    send: () => [frame('text', 'a', { fin: false }), frame('continuation', 'b', { rsv: 4 })],
    expect: { close: 1002 },
  },
]

const reservedOpcodes: FrameCase[] = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => ({
  name: `closes 1002 on the reserved opcode ${opcode}`,
  send: () => [frame(opcode, opcode % 2 === 0 ? '' : 'abc')],
  expect: { close: 1002 },
}))

const sequences: FrameCase[] = [
  {
    name: 'keeps the order of frames that come in one piece',
    send: () => [Buffer.concat(['1', '2', '3', '4', '5'].map((each) => frame('text', each)))],
    expect: { messages: ['1', '2', '3', '4', '5'].map((each) => text(each)) },
  },
  {
    name: 'accepts what stood before a broken frame, and nothing behind it',
    send: () => [Buffer.concat([frame('text', 'before'), frame(3, 'broken'), frame('text', 'behind')])],
    expect: { messages: [text('before')], close: 1002 },
  },
  {
    name: 'closes 1002 on a reserved opcode between fragments',
    send: () => [frame('text', 'a', { fin: false }), frame(5), frame('continuation', 'b')],
    expect: { close: 1002 },
  },
]

export const framingCases: readonly FrameCase[] = [
  ...everyLength,
  ...longForms,
  ...impossibleLengths,
  ...pieces,
  ...masks,
  ...unmasked,
  ...reservedBits,
  ...reservedOpcodes,
  ...sequences,
]
