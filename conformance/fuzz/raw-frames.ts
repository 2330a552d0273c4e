/** WebSocket frames as bytes, from a well-made one to noise. */

import { closePayload, encodeFrame, opcodes } from '@hocket/testkit/frames'
import fc from 'fast-check'
import { damage, damaged, readable, seldom, someBytes } from './words.ts'

const payload: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 20, arbitrary: someBytes },
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      ...['', 'text', '{"type":"ping"}', '{"type":"joinGroup","group":"a","ackId":1}', '💥'].map((text) =>
        Buffer.from(text),
      ),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(125, 126, 127, 65_535, 65_536, 200_000).map((length) => Buffer.alloc(length, 0x61)),
  },
)

const maskKey = fc.uint8Array({ minLength: 4, maxLength: 4 })

const wellMade: fc.Arbitrary<Buffer> = fc
  .record({
    opcode: fc.constantFrom(opcodes.text, ...Array(5).fill(opcodes.binary), opcodes.ping, opcodes.pong),
    payload,
    maskKey,
  })
  .map((fields) => {
    const isControl = fields.opcode >= 8
    return encodeFrame(isControl ? { ...fields, payload: fields.payload.subarray(0, 125) } : fields)
  })

/** Two to four fragments, with a control frame between some of them. */
const fragmented: fc.Arbitrary<Buffer> = fc
  .record({
    opcode: fc.constantFrom(opcodes.text, opcodes.binary, opcodes.binary),
    parts: fc.array(payload, { minLength: 2, maxLength: 4 }),
    pings: fc.boolean(),
    isFinished: fc.integer({ min: 0, max: 7 }).map((n) => n > 0),
    maskKey,
  })
  .map(({ opcode, parts, pings, isFinished, maskKey }) =>
    Buffer.concat(
      parts.flatMap((part, i) => [
        ...(pings && i > 0 ? [encodeFrame({ opcode: opcodes.ping, payload: 'between', maskKey })] : []),
        encodeFrame({
          opcode: i === 0 ? opcode : opcodes.continuation,
          payload: part,
          fin: isFinished && i === parts.length - 1,
          maskKey,
        }),
      ]),
    ),
  )

const anyFields: fc.Arbitrary<Buffer> = fc
  .record({
    opcode: fc.nat(15),
    payload,
    fin: fc.boolean(),
    rsv: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(7) }),
    isMasked: fc.integer({ min: 0, max: 7 }).map((n) => n > 0),
    maskKey,
    lengthForm: fc.constantFrom('shortest', 'shortest', '16-bit', '64-bit'),
    lie: seldom(6, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
  })
  .map(({ lie, isMasked, ...known }) => {
    const fields = isMasked ? known : { ...known, maskKey: null }
    const isTooLong = fields.lengthForm === '16-bit' && (lie ?? BigInt(fields.payload.length)) > 65_535n
    const lengthForm = isTooLong ? '64-bit' : fields.lengthForm
    return encodeFrame({ ...fields, lengthForm, ...(lie === null ? {} : { declaredLength: lie }) })
  })

const closing: fc.Arbitrary<Buffer> = fc
  .record({
    code: fc.oneof(fc.constantFrom(1000, 1001, 1005, 1006, 1011, 1015, 2999, 3000, 4999), fc.nat(65_535)),
    reason: fc.oneof(fc.constant(Buffer.alloc(0)), someBytes),
    cut: fc.nat(2),
    maskKey,
  })
  .map(({ code, reason, cut, maskKey }) => {
    const body = Buffer.concat([closePayload(code), reason])
    return encodeFrame({ opcode: opcodes.close, payload: cut === 0 ? body : body.subarray(0, cut), maskKey })
  })

/** One input: usually one frame. */
export const rawFrame: fc.Arbitrary<Buffer> = fc
  .oneof(
    { weight: 12, arbitrary: wellMade },
    { weight: 3, arbitrary: fragmented },
    { weight: 3, arbitrary: anyFields },
    { weight: 1, arbitrary: closing },
    { weight: 2, arbitrary: fc.tuple(wellMade, damage).map(([frame, change]) => damaged(frame, change)) },
    { weight: 1, arbitrary: someBytes },
  )
  .map(readable)
