import fc from 'fast-check'
import { expect, it } from 'vitest'
import { fromBase64, fromBase64Portable, toBase64, toBase64Portable } from './base64.ts'

const decoders = [fromBase64, fromBase64Portable]
const encoders = [toBase64, toBase64Portable]

it('gives back any bytes, and the same text in every runtime', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const text = Buffer.from(bytes).toString('base64')
      for (const encode of encoders) expect(encode(bytes)).toBe(text)
      for (const decode of decoders) expect(decode(text)).toEqual(bytes)
    }),
    { numRuns: 3000 },
  )
})

it('takes as much as a message can hold', () => {
  const bytes = new Uint8Array(1024 * 1024).map((_, i) => i * 7)
  for (const encode of encoders) {
    const text = encode(bytes)
    for (const decode of decoders) expect(Buffer.compare(decode(text)!, bytes)).toBe(0)
  }
})

it('refuses white space, missing padding, the URL alphabet and everything else, in every runtime alike', () => {
  const refused = [
    'A',
    'AA',
    'AAA',
    'AA=',
    'A===',
    '====',
    '=AAA',
    'AA==AAAA',
    'AA=A',
    'AA-_',
    'AAA ',
    ' AAA',
    'AA A',
    'AAA\n',
  ]
  for (const text of [...refused, 'AAA AAA=', 'AAAA    ', 'AA==    ', 'AAAé', 'AAA\0', '    ', '"AA"']) {
    for (const decode of decoders) expect(decode(text)).toBeNull()
  }
})

it('ignores bits behind the last byte', () => {
  for (const decode of decoders) expect(decode('AB==')).toEqual(new Uint8Array([0]))
})

it('judges every text in the same way as the strict pattern', () => {
  const pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
  const near = fc.array(fc.constantFrom('A', 'z', '/', '+', '=', ' ', '\n', '-', '\ufeff'), { maxLength: 12 })
  const mostly = fc.array(fc.constantFrom('A', 'B', '9', '='), { maxLength: 12 })
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        near.map((c) => c.join('')),
        mostly.map((c) => c.join('')),
      ),
      (text) => {
        for (const decode of decoders) expect(decode(text) !== null).toBe(pattern.test(text))
      },
    ),
    { numRuns: 20_000 },
  )
})
