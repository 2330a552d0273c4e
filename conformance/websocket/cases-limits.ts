/** The limits that the service sets itself: bytes of one message, and fragments. */

import { randomBytes } from 'node:crypto'
import { binary, type FrameCase, fragments, frame, maxMessageBytes, text } from './words.ts'

const most = Buffer.alloc(maxMessageBytes, '0123456789abcdef')
const noise = randomBytes(maxMessageBytes)

/** A message in `count` fragments of the same length. */
function inParts(type: 'text' | 'binary', payload: Buffer, count: number): Buffer[] {
  const size = Math.ceil(payload.length / count)
  return fragments(type, ...Array.from({ length: count }, (_, i) => payload.subarray(i * size, (i + 1) * size)))
}

export const limitCases: readonly FrameCase[] = [
  {
    name: 'takes a text of exactly 1 MiB',
    send: () => [frame('text', most)],
    expect: { messages: [text(most)] },
  },
  {
    name: 'takes a binary message of exactly 1 MiB',
    send: () => [frame('binary', noise)],
    expect: { messages: [binary(noise)] },
  },
  {
    name: 'takes a text of exactly 1 MiB whose characters have three bytes',
    send: () => [frame('text', `${'世'.repeat(349_525)}.`)],
    expect: { messages: [text(`${'世'.repeat(349_525)}.`)] },
  },
  {
    name: 'takes exactly 1 MiB in sixteen fragments',
    send: () => inParts('binary', noise, 16),
    expect: { messages: [binary(noise)] },
  },
  {
    name: 'takes two messages of 1 MiB one after the other: the limit is one message’s',
    send: () => [frame('binary', noise), frame('text', most)],
    expect: { messages: [binary(noise), text(most)] },
  },
  {
    name: 'closes 1009 on a text of 1 MiB and one byte',
    send: () => [frame('text', Buffer.alloc(maxMessageBytes + 1, 'x'))],
    expect: { close: 1009 },
  },
  {
    name: 'closes 1009 on a binary frame of 1 MiB and one byte by its head alone',
    send: () => [frame('binary', '', { declaredLength: maxMessageBytes + 1 })],
    expect: { close: 1009 },
  },
  {
    name: 'closes 1009 on fragments that are each allowed and together one byte too many',
    send: () => [frame('binary', noise, { fin: false }), frame('continuation', 'x')],
    expect: { close: 1009 },
  },
  {
    name: 'closes 1009 on fragments that never end',
    send: () => [
      frame('text', Buffer.alloc(524_288, 'x'), { fin: false }),
      frame('continuation', Buffer.alloc(524_288, 'x'), { fin: false }),
      frame('continuation', 'x', { fin: false }),
    ],
    expect: { close: 1009 },
  },
  {
    name: 'delivers what stood before a message that is too long',
    send: () => [frame('text', 'short'), frame('binary', '', { declaredLength: maxMessageBytes + 1 })],
    expect: { messages: [text('short')], close: 1009 },
  },
  {
    name: 'takes ten thousand fragments of one byte',
    send: () => [Buffer.concat(fragments('text', ...new Array(10_000).fill('x')))],
    expect: { messages: [text('x'.repeat(10_000))] },
  },
  {
    name: 'closes 1008 on a hundred thousand empty fragments: they count, though their bytes do not',
    send: () => [frame('text', '', { fin: false }), ...emptyContinuations(100_000)],
    expect: { close: 1008 },
  },
]

/** Unmasking costs nothing here, so all share one frame. */
function emptyContinuations(count: number): Buffer[] {
  const one = frame('continuation', '', { fin: false, maskKey: new Uint8Array(4) })
  return [Buffer.alloc(one.length * count, one)]
}
