/** RFC 6455 §5.5 and §7: ping, pong, close. */

import { randomBytes } from 'node:crypto'
import { closeFrame, type FrameCase, frame, hex, text } from './words.ts'

const random = randomBytes(125)

const pings: FrameCase[] = [
  ...(
    [
      ['an empty payload', Buffer.alloc(0)],
      ['a text', Buffer.from('hello')],
      ['one byte', Buffer.from([0])],
      ['bytes that are no UTF-8', hex('00 ff fe fd fc fb')],
      ['the greatest payload, 125 bytes', random],
    ] as const
  ).map(
    ([title, payload]): FrameCase => ({
      name: `answers a ping with ${title} with the same`,
      send: () => [frame('ping', payload)],
      expect: { pongs: [payload] },
    }),
  ),
  {
    name: 'answers a ping that comes byte by byte',
    send: () => [frame('ping', 'slow')],
    pieceBytes: 1,
    expect: { pongs: [Buffer.from('slow')] },
  },
  {
    name: 'answers ten pings in one piece in order',
    send: () => [Buffer.concat([...'0123456789'].map((each) => frame('ping', each)))],
    expect: { pongs: [...'0123456789'].map((each) => Buffer.from(each)) },
  },
  {
    name: 'ignores a pong that nobody asked for',
    send: () => [frame('pong'), frame('pong', 'unasked'), frame('ping', 'asked')],
    expect: { pongs: [Buffer.from('asked')] },
  },
  {
    name: 'goes on after a pong of 125 bytes',
    send: () => [frame('pong', random), frame('text', 'on')],
    expect: { messages: [text('on')] },
  },
  ...(['ping', 'pong', 'close'] as const).flatMap((type): FrameCase[] => [
    {
      name: `closes 1002 on a ${type} of 126 bytes`,
      send: () => [frame(type, Buffer.alloc(126, 0x61))],
      expect: { close: 1002 },
    },
    {
      name: `closes 1002 on a ${type} whose length is written in 64-bit form`,
      send: () => [frame(type, 'abc', { lengthForm: '64-bit' })],
      expect: { close: 1002 },
    },
  ]),
  {
    name: 'closes 1002 on an oversized ping by its head alone',
    send: () => [frame('ping', Buffer.alloc(200)).subarray(0, 4)],
    expect: { close: 1002 },
  },
]

const validCodes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
const invalidCodes = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 32_768, 65_535]

const closes: FrameCase[] = [
  {
    name: 'answers a close frame without a code with one of its own',
    send: () => [frame('close')],
    expect: { close: 1005 },
  },
  ...validCodes.map(
    (code): FrameCase => ({
      name: `answers close code ${code} with the same`,
      send: () => [closeFrame(code)],
      expect: { close: code },
    }),
  ),
  ...invalidCodes.map(
    (code): FrameCase => ({
      name: `closes 1002 on close code ${code}, which must not be sent`,
      send: () => [closeFrame(code)],
      expect: { close: 1002 },
    }),
  ),
  {
    name: 'closes 1002 on a close body of one byte',
    send: () => [frame('close', hex('03'))],
    expect: { close: 1002 },
  },
  {
    name: 'takes a reason',
    send: () => [closeFrame(1000, 'good bye')],
    expect: { close: 1000 },
  },
  {
    name: 'takes a reason of several bytes per character',
    send: () => [closeFrame(3001, 'さようなら 👋')],
    expect: { close: 3001 },
  },
  {
    name: 'takes a reason of 123 bytes, the longest there is',
    send: () => [closeFrame(1000, 'r'.repeat(123))],
    expect: { close: 1000 },
  },
  {
    name: 'closes 1002 on a reason of 124 bytes',
    send: () => [closeFrame(1000, 'r'.repeat(124))],
    expect: { close: 1002 },
  },
  ...(
    [
      ['a lone continuation byte', '03e8 80'],
      ['an overlong form', '03e8 c0af'],
      ['a surrogate', '03e8 eda080'],
      ['a character cut off at the end', '03e8 61 e282'],
    ] as const
  ).map(
    ([title, body]): FrameCase => ({
      name: `closes 1007 on a reason with ${title}`,
      send: () => [frame('close', hex(body))],
      expect: { close: 1007 },
    }),
  ),
  {
    name: 'accepts what stood before a close frame, and nothing behind it',
    send: () => [Buffer.concat([frame('text', 'before'), closeFrame(1000), frame('text', 'behind')])],
    expect: { messages: [text('before')], close: 1000 },
  },
  {
    name: 'does not answer a ping behind a close frame',
    send: () => [Buffer.concat([closeFrame(1000), frame('ping', 'late')])],
    expect: { close: 1000 },
  },
  {
    name: 'answers the first of two close frames',
    send: () => [Buffer.concat([closeFrame(1001), closeFrame(3000)])],
    expect: { close: 1001 },
  },
  {
    name: 'reads a close frame that comes byte by byte',
    send: () => [closeFrame(1000, 'slowly')],
    pieceBytes: 1,
    expect: { close: 1000 },
  },
]

export const controlCases: readonly FrameCase[] = [...pings, ...closes]
