/** Names and texts that programs stumble over. */

import fc from 'fast-check'

/** Members that every JavaScript object inherits, or that decide about its prototype. */
export const inherited = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'valueOf',
  'hasOwnProperty',
  'isPrototypeOf',
  '__defineGetter__',
  '__lookupSetter__',
  'then',
  'length',
  'toJSON',
] as const

const awkward = [
  '',
  ' ',
  '\0',
  '\n',
  '\r\nInjected: yes',
  '\u0085',
  '\u2028',
  '\ufeff',
  '\ud800',
  '\udfff\ud800',
  '💥',
  '%',
  '%2F',
  '%00',
  '%E0%A4%A',
  '../..',
  '*',
  '**',
  '?',
  "'",
  '"',
  '\\',
  '#{7*7}',
  '<script>',
  'null',
  'undefined',
  'NaN',
  '群'.repeat(1024),
  'g'.repeat(1025),
  'x'.repeat(20_000),
] as const

/** A name of a group, user, hub or anything else: plain, inherited, awkward, random. */
export const name: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('chat', 'room.1', 'a', 'Ärger', 'g-1') },
  { weight: 3, arbitrary: fc.constantFrom(...inherited) },
  { weight: 2, arbitrary: fc.constantFrom(...awkward) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 24 }) },
)

/** The value in one case out of `n`, else `null`. */
export function seldom<T>(n: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.oneof({ weight: n - 1, arbitrary: fc.constant(null) }, { weight: 1, arbitrary })
}

/** Short bytes of every value. */
export const someBytes: fc.Arbitrary<Buffer> = fc
  .uint8Array({ maxLength: 64, size: 'max' })
  .map((bytes) => Buffer.from(bytes))

/** The same bytes, which a failing test prints as text. */
export function readable(bytes: Buffer): Buffer {
  const print = () => `Buffer.from(${JSON.stringify(bytes.toString('latin1'))}, 'latin1')`
  return Object.defineProperty(bytes, fc.toStringMethod, { value: print, configurable: true })
}

/** A change of a few bytes of something that was right before. */
export interface Damage {
  readonly kind: 'none' | 'flip' | 'insert' | 'delete' | 'repeat'
  /** Share of the length at which it happens, 0 to 1. */
  readonly at: number
  readonly byte: number
}

export const damage: fc.Arbitrary<Damage> = fc.record({
  kind: fc.constantFrom('none', 'flip', 'insert', 'delete', 'repeat'),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  byte: fc.nat(255),
})

export function damaged(bytes: Buffer, { kind, at, byte }: Damage): Buffer {
  const place = Math.min(bytes.length, Math.floor(at * bytes.length))
  const [before, after] = [bytes.subarray(0, place), bytes.subarray(place)]
  switch (kind) {
    case 'none':
      return bytes
    case 'flip':
      return Buffer.concat([before, Buffer.from([(after[0] ?? 0) ^ (1 << (byte & 7))]), after.subarray(1)])
    case 'insert':
      return Buffer.concat([before, Buffer.from([byte]), after])
    case 'delete':
      return Buffer.concat([before, after.subarray(1 + (byte & 3))])
    case 'repeat':
      return Buffer.concat([before, after, after])
    default:
      return kind satisfies never
  }
}
