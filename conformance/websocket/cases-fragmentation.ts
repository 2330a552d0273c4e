/** RFC 6455 §5.4: messages in fragments, and control frames between them. */

import { randomBytes } from 'node:crypto'
import { binary, closeFrame, type FrameCase, fragments, frame, text } from './words.ts'

const bytes = randomBytes(300)

const whole: FrameCase[] = [
  {
    name: 'joins two fragments of text',
    send: () => fragments('text', 'frag', 'ment'),
    expect: { messages: [text('fragment')] },
  },
  {
    name: 'joins three fragments of binary',
    send: () => fragments('binary', bytes.subarray(0, 100), bytes.subarray(100, 101), bytes.subarray(101)),
    expect: { messages: [binary(bytes)] },
  },
  {
    name: 'joins fragments that come in one piece',
    send: () => [Buffer.concat(fragments('text', 'one', ' ', 'piece'))],
    expect: { messages: [text('one piece')] },
  },
  {
    name: 'joins fragments that come byte by byte',
    send: () => fragments('text', 'byte', ' by ', 'byte'),
    pieceBytes: 1,
    expect: { messages: [text('byte by byte')] },
  },
  {
    name: 'takes an empty first fragment',
    send: () => fragments('text', '', 'x'),
    expect: { messages: [text('x')] },
  },
  {
    name: 'takes an empty last fragment',
    send: () => fragments('text', 'x', ''),
    expect: { messages: [text('x')] },
  },
  {
    name: 'takes an empty fragment in the middle',
    send: () => fragments('text', 'x', '', 'y'),
    expect: { messages: [text('xy')] },
  },
  {
    name: 'takes an empty text message in three empty fragments',
    send: () => fragments('text', '', '', ''),
    expect: { messages: [text('')] },
  },
  {
    name: 'takes an empty binary message in two empty fragments',
    send: () => fragments('binary', '', ''),
    expect: { messages: [binary('')] },
  },
  {
    name: 'keeps the order of fragmented and whole messages',
    send: () => [...fragments('text', 'a', 'b'), frame('binary', 'c'), ...fragments('binary', 'd', 'e', 'f')],
    expect: { messages: [text('ab'), binary('c'), binary('def')] },
  },
  {
    name: 'takes the type of a message from its first fragment',
    send: () => [frame('binary', Buffer.from([0xff]), { fin: false }), frame('continuation', 'plain text')],
    expect: { messages: [binary(Buffer.concat([Buffer.from([0xff]), Buffer.from('plain text')]))] },
  },
  {
    name: 'joins a thousand fragments of one byte',
    send: () => [Buffer.concat(fragments('text', ...new Array(1000).fill('x')))],
    expect: { messages: [text('x'.repeat(1000))] },
  },
]

const interleaved: FrameCase[] = [
  {
    name: 'answers a ping between two fragments at once, and joins them',
    send: () => [frame('text', 'a', { fin: false }), frame('ping', 'now'), frame('continuation', 'b')],
    expect: { messages: [text('ab')], pongs: [Buffer.from('now')] },
  },
  {
    name: 'answers every ping between many fragments',
    send: () => [
      frame('ping', '0'),
      frame('text', 'a', { fin: false }),
      frame('ping', '1'),
      frame('continuation', 'b', { fin: false }),
      frame('ping', '2'),
      frame('ping', '3'),
      frame('continuation', 'c'),
      frame('ping', '4'),
    ],
    expect: { messages: [text('abc')], pongs: ['0', '1', '2', '3', '4'].map((each) => Buffer.from(each)) },
  },
  {
    name: 'ignores pongs between fragments',
    send: () => [
      frame('text', 'a', { fin: false }),
      frame('pong', 'unasked'),
      frame('continuation', 'b', { fin: false }),
      frame('pong'),
      frame('continuation', 'c'),
    ],
    expect: { messages: [text('abc')] },
  },
  {
    name: 'drops a message that a close frame interrupts',
    send: () => [frame('text', 'never ', { fin: false }), closeFrame(1000), frame('continuation', 'delivered')],
    expect: { close: 1000 },
  },
]

const broken: FrameCase[] = [
  {
    name: 'closes 1002 on a final continuation without a beginning',
    send: () => [frame('continuation', 'x')],
    expect: { close: 1002 },
  },
  {
    name: 'closes 1002 on a continuation without a beginning that wants to go on',
    send: () => [frame('continuation', 'x', { fin: false })],
    expect: { close: 1002 },
  },
  {
    name: 'closes 1002 on an empty continuation without a beginning',
    send: () => [frame('continuation')],
    expect: { close: 1002 },
  },
  {
    name: 'closes 1002 on a continuation behind a complete message',
    send: () => [...fragments('text', 'a', 'b'), frame('continuation', 'c')],
    expect: { messages: [text('ab')], close: 1002 },
  },
  {
    name: 'closes 1002 on a whole text frame inside a fragmented message',
    send: () => [frame('text', 'a', { fin: false }), frame('text', 'b')],
    expect: { close: 1002 },
  },
  {
    name: 'closes 1002 on a whole binary frame inside a fragmented message',
    send: () => [frame('text', 'a', { fin: false }), frame('binary', 'b'), frame('continuation', 'c')],
    expect: { close: 1002 },
  },
  {
    name: 'closes 1002 on the beginning of a second fragmented message inside a first',
    send: () => [frame('binary', 'a', { fin: false }), frame('binary', 'b', { fin: false })],
    expect: { close: 1002 },
  },
  ...(['ping', 'pong', 'close'] as const).map(
    (type): FrameCase => ({
      name: `closes 1002 on a fragmented ${type}`,
      send: () => [frame(type, '', { fin: false }), frame('continuation', '')],
      expect: { close: 1002 },
    }),
  ),
  {
    name: 'closes 1002 on a fragmented ping inside a fragmented message',
    send: () => [frame('text', 'a', { fin: false }), frame('ping', 'p', { fin: false }), frame('continuation', 'b')],
    expect: { close: 1002 },
  },
]

export const fragmentationCases: readonly FrameCase[] = [...whole, ...interleaved, ...broken]
