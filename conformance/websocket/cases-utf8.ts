/** RFC 6455 §8.1: text is UTF-8, in every message as a whole. */

import { binary, type FrameCase, fragments, frame, hex, text } from './words.ts'

const valid: readonly (readonly [title: string, bytes: Buffer])[] = [
  ['words of several scripts', Buffer.from('κόσμε мир 世界 שלום')],
  ['the least and greatest character of two bytes', hex('c280 dfbf')],
  ['the least and greatest character of three bytes', hex('e0a080 efbfbf')],
  ['the least and greatest character of four bytes', hex('f0908080 f48fbfbf')],
  ['the characters around the surrogates', hex('ed9fbf ee8080')],
  ['noncharacters', hex('efb790 efbfbe f09fbfbf')],
  ['NUL and control characters', hex('00 01 1f 7f')],
  ['the replacement character', hex('efbfbd')],
  ['a byte order mark at the beginning, which stays', hex('efbbbf 61')],
  ['nothing but a byte order mark', hex('efbbbf')],
  ['a joined emoji', Buffer.from('👩‍👩‍👧‍👦')],
  // Longer texts take another validator than short ones, in ws and in many other libraries.
  ['a long text of four-byte characters', Buffer.from('𝄞'.repeat(5000))],
]

const invalid: readonly (readonly [title: string, bytes: Buffer])[] = [
  ['a lone continuation byte 80', hex('80')],
  ['a lone continuation byte BF', hex('bf')],
  ['a first byte of two without its second', hex('c2 20')],
  ['a first byte of three without its last', hex('e282 20')],
  ['a first byte of four without its last', hex('f09f98 20')],
  ['a text that ends inside a character of two bytes', hex('6162 c3')],
  ['a text that ends inside a character of three bytes', hex('6162 e282')],
  ['a text that ends inside a character of four bytes', hex('6162 f09f98')],
  ['an overlong form of two bytes', hex('c0af')],
  ['the greatest overlong form of two bytes', hex('c1bf')],
  ['an overlong form of three bytes', hex('e080af')],
  ['the greatest overlong form of three bytes', hex('e09fbf')],
  ['an overlong form of four bytes', hex('f08080af')],
  ['an overlong NUL', hex('c080')],
  ['the least surrogate', hex('eda080')],
  ['the greatest surrogate', hex('edbfbf')],
  ['a pair of surrogates', hex('eda0bd edb880')],
  ['a character above 10FFFF', hex('f4908080')],
  ['a form of five bytes', hex('f888808080')],
  ['a form of six bytes', hex('fc8480808080')],
  ['the byte FE', hex('fe')],
  ['the byte FF', hex('ff')],
  ['one wrong byte at the end of a long text', Buffer.concat([Buffer.from('ä'.repeat(5000)), hex('ff')])],
  ['one wrong byte at the beginning of a long text', Buffer.concat([hex('80'), Buffer.from('ä'.repeat(5000))])],
]

const euro = hex('e282ac')
const clef = hex('f09d849e')

const split: FrameCase[] = [
  ...[1, 2].map((at) => ({
    name: `joins a character of three bytes that is split behind byte ${at}`,
    send: () => fragments('text', euro.subarray(0, at), euro.subarray(at)),
    expect: { messages: [text('€')] },
  })),
  ...[1, 2, 3].map((at) => ({
    name: `joins a character of four bytes that is split behind byte ${at}`,
    send: () => fragments('text', clef.subarray(0, at), clef.subarray(at)),
    expect: { messages: [text('𝄞')] },
  })),
  {
    name: 'joins a text whose fragments have one byte each',
    send: () => fragments('text', ...[...Buffer.from('κόσμε 𝄞')].map((each) => Uint8Array.of(each))),
    expect: { messages: [text('κόσμε 𝄞')] },
  },
  {
    name: 'joins a character that is split around a ping',
    send: () => [
      frame('text', euro.subarray(0, 1), { fin: false }),
      frame('ping', '€'),
      frame('continuation', euro.subarray(1)),
    ],
    expect: { messages: [text('€')], pongs: [Buffer.from('€')] },
  },
  {
    name: 'joins a character that TCP splits',
    send: () => [frame('text', '€𝄞')],
    pieceBytes: 1,
    expect: { messages: [text('€𝄞')] },
  },
  {
    name: 'closes 1007 on a surrogate that is split over fragments',
    send: () => fragments('text', hex('ed'), hex('a080')),
    expect: { close: 1007 },
  },
  {
    name: 'closes 1007 on a message whose last fragment ends inside a character',
    send: () => fragments('text', 'abc', hex('e282')),
    expect: { close: 1007 },
  },
  {
    name: 'closes 1007 on a message whose first fragment is wrong, whatever follows',
    send: () => fragments('text', hex('ff'), 'right', 'again'),
    expect: { close: 1007 },
  },
  {
    name: 'closes 1007 on a character that begins in one message and ends in the next',
    send: () => [frame('text', euro.subarray(0, 2)), frame('text', euro.subarray(2))],
    expect: { close: 1007 },
  },
]

export const utf8Cases: readonly FrameCase[] = [
  ...valid.map(([title, bytes]) => ({
    name: `takes ${title}`,
    send: () => [frame('text', bytes)],
    expect: { messages: [text(bytes)] },
  })),
  ...invalid.map(([title, bytes]) => ({
    name: `closes 1007 on ${title}`,
    send: () => [frame('text', bytes)],
    expect: { close: 1007 },
  })),
  ...split,
  {
    name: 'accepts what stood before an invalid text',
    send: () => [frame('text', 'valid'), frame('text', hex('ff')), frame('text', 'late')],
    expect: { messages: [text('valid')], close: 1007 },
  },
  {
    name: 'takes every byte in a binary frame',
    send: () => [
      frame(
        'binary',
        Uint8Array.from({ length: 256 }, (_, i) => i),
      ),
    ],
    expect: { messages: [binary(Uint8Array.from({ length: 256 }, (_, i) => i))] },
  },
  {
    name: 'takes a binary message whose fragments are no UTF-8',
    send: () => fragments('binary', hex('ff fe'), hex('c0 80')),
    expect: { messages: [binary(hex('ff fe c0 80'))] },
  },
]
