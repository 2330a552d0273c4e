import { FrameParser, MessageAssembler, opcodes } from '@hocket/testkit/frames'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { maxFragmentBytes, NodeFrame } from './frame-node.ts'

const never = Number.POSITIVE_INFINITY

/** What a receiver gets: the payload and the sizes of the WebSocket frames it came in. */
function received(
  frame: NodeFrame,
  prefix: Uint8Array | null,
): { data: Buffer; isBinary: boolean; frameBytes: number[] } {
  const pieces = Array.from({ length: frame.pieces }, (_, i) => {
    if (i > 0 || prefix === null) return frame.piece(i)
    return Buffer.concat([frame.prefixHeader(prefix, 0), frame.firstBody])
  })
  const frames = new FrameParser().push(Buffer.concat(pieces))
  const assembler = new MessageAssembler()
  const messages = frames.map((frame) => assembler.push(frame)).filter((message) => message !== null)
  expect(messages.length).toBe(1)
  expect(frames.every(({ masked, rsv }) => !masked && rsv === 0)).toBe(true)
  const { payload, opcode } = messages[0]!
  return { data: payload, isBinary: opcode === opcodes.binary, frameBytes: frames.map(({ payload }) => payload.length) }
}

describe('NodeFrame', () => {
  it('is one WebSocket frame up to 64 KiB less the room for a prefix', () => {
    for (const bytes of [0, 1, 125, 126, 65_472]) {
      const frame = new NodeFrame('x'.repeat(bytes), never)
      expect(frame.pieces).toBe(1)
      const { data, isBinary } = received(frame, null)
      expect(data.toString()).toBe('x'.repeat(bytes))
      expect(isBinary).toBe(false)
    }
  })

  it('leaves in fragments of at most 64 KiB when it is longer, with or without a prefix', () => {
    const payload = new Uint8Array(1_048_576).map((_, i) => i)
    const frame = new NodeFrame(payload, never)
    expect(frame.byteLength).toBe(1_048_576)
    const prefix = new TextEncoder().encode('{"sequenceId":18446744073709551615,')
    for (const given of [null, prefix]) {
      const { data, isBinary, frameBytes } = received(frame, given)
      expect(isBinary).toBe(true)
      expect(Buffer.compare(data, Buffer.concat([given ?? Buffer.alloc(0), payload]))).toBe(0)
      expect(Math.max(...frameBytes)).toBeLessThanOrEqual(maxFragmentBytes)
    }
  })

  it('gives every receiver its text whole, whatever its length, characters and prefix', () => {
    const text = fc
      .tuple(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), fc.integer({ min: 0, max: 200_000 }))
      .map(([unit, bytes]) => unit.repeat(Math.ceil(bytes / Buffer.byteLength(unit))))
    fc.assert(
      fc.property(text, fc.option(fc.integer({ min: 1, max: 2 ** 53 })), (text, sequenceId) => {
        const prefix = sequenceId === null ? '' : `{"sequenceId":${sequenceId},`
        const frame = new NodeFrame(text, never)
        const { data, frameBytes } = received(frame, prefix === '' ? null : Buffer.from(prefix))
        expect(data.toString()).toBe(prefix + text)
        expect(Math.max(...frameBytes)).toBeLessThanOrEqual(maxFragmentBytes)
      }),
      { numRuns: 200 },
    )
  })
})
