import fc from 'fast-check'
import { expect, it } from 'vitest'
import { countMembers, memberSources, parseMembers } from './json-source.ts'

const names = ['a', 'b', 'ackId', '', '"', '\\', '__proto__', 'ä']
const key = fc.constantFrom(...names, 'other')
const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/)

/** Some source of a string: every character as it is, or escaped in one of the ways there are. */
function stringSource(text: string): fc.Arbitrary<string> {
  return fc.array(fc.boolean(), { minLength: text.length, maxLength: text.length }).map((escapes) => {
    const units = text.split('').map((unit, i) => {
      const plain = JSON.stringify(unit).slice(1, -1)
      return escapes[i] ? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}` : plain
    })
    return `"${units.join('')}"`
  })
}

/** Sources of JSON values, with space and escapes where they may be. */
const { value } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom('null', 'true', 'false', '0', '-0', '1e3', '-1.50E-2', '9007199254740993', '1e400'),
    fc.string({ unit: 'binary', maxLength: 6 }).chain(stringSource),
    fc.constantFrom(String.raw`"\\"`, String.raw`"\\\""`, '"}"', String.raw`"\/\b]"`),
    fc.array(fc.tuple(key.chain(stringSource), tie('value')), { maxLength: 3 }).chain(objectSource),
    fc
      .tuple(fc.array(tie('value'), { maxLength: 4 }), space, space)
      .map(([items, a, b]) => `[${a}${items.join(`${b},${a}`)}${b}]`),
  ),
}))

function objectSource(members: (readonly [keySource: string, valueSource: string])[]): fc.Arbitrary<string> {
  return fc
    .tuple(space, space, space)
    .map(([a, b, c]) => `{${a}${members.map(([k, v]) => `${b}${k}${c}:${b}${v}${c}`).join(`,${a}`)}}`)
}

/** An object's text with what is in it. The model does not come from JSON.parse, which is not sure (see parseMembers). */
const object = fc
  .array(
    fc.tuple(key, value).chain(([name, source]) => stringSource(name).map((written) => ({ name, source, written }))),
    { maxLength: 6 },
  )
  .chain((members) =>
    objectSource(members.map(({ written, source }) => [written, source] as const)).map((text) => ({
      text,
      size: members.length,
      sources: new Map(members.map(({ name, source }) => [name, source])),
    })),
  )

it('finds for every member exactly the source it was written with', () => {
  fc.assert(
    fc.property(object, space, ({ text, size, sources }, pad) => {
      const padded = pad + text + pad
      expect(memberSources(padded, names)).toEqual(names.map((name) => sources.get(name) ?? null))
      expect(countMembers(padded)).toBe(size)
    }),
    { numRuns: 20_000 },
  )
})

it('parses members to the names they were written with', () => {
  fc.assert(
    fc.property(object, ({ text, sources }) => {
      const parsed = parseMembers(text) as Record<string, unknown>
      expect(Object.keys(parsed).toSorted()).toEqual([...sources.keys()].toSorted())
      for (const [name, source] of sources) {
        const parsedSource: unknown = JSON.parse(source)
        if (typeof parsedSource !== 'object') expect(parsed[name]).toBe(parsedSource)
      }
    }),
    { numRuns: 20_000 },
  )
})

it('answers any text at all, without throwing', () => {
  const fragments = fc.array(fc.constantFrom('{', '}', '"', '\\', ':', ',', '[', ']', 'a', '\\u00', ' ', '1'), {
    maxLength: 20,
  })
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fragments.map((parts) => parts.join('')),
        object.map(({ text }) => text.slice(0, -2)),
      ),
      (text) => {
        expect(memberSources(text, names)).toHaveLength(names.length)
        expect(countMembers(text)).toBeGreaterThanOrEqual(0)
      },
    ),
    { numRuns: 20_000 },
  )
})
