import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compilePattern } from './pattern.ts'

/** The same pattern as a regular expression: right, but not bounded in time. */
function toRegExp(pattern: string): RegExp {
  const translated = pattern.replace(/\\[\\*?]|\*\*|./gsu, (token) => {
    if (token === '**') return '.*'
    if (token === '*') return '[^.]*'
    if (token === '?') return '[^.]'
    return (token.length > 1 && token[0] === '\\' ? token.slice(1) : token).replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
  })
  return new RegExp(`^${translated}$`, 'su')
}

const pieces = fc.constantFrom('a', 'a', 'b', '.', '.', '😀', '?', '*', '**', '\\*', '\\?', '\\\\', '(', '$', '\n')
const patterns = fc.array(pieces, { minLength: 1, maxLength: 12 }).map((parts) => parts.join(''))
const groups = fc
  .array(fc.constantFrom('a', 'a', 'b', '.', '.', '😀', '*', '?', '\\', '(', '$', '\n'), { maxLength: 14 })
  .map((parts) => parts.join(''))

describe('patterns', () => {
  it('match what the equivalent regular expression matches', () => {
    fc.assert(
      fc.property(patterns, fc.array(groups, { minLength: 1, maxLength: 10 }), (pattern, names) => {
        const compiled = compilePattern(pattern)
        fc.pre(compiled.kind !== 'invalid')
        const model = toRegExp(pattern)
        for (const name of names) {
          const found =
            compiled.kind === 'any' ||
            (compiled.kind === 'literal' && compiled.text === name) ||
            (compiled.kind === 'pattern' && compiled.matches(name))
          expect(found).toBe(model.test(name))
        }
      }),
      { numRuns: 10_000 },
    )
  })

  it('never throw, whatever the pattern and the group', () => {
    fc.assert(
      fc.property(
        fc.oneof(patterns, fc.string({ unit: 'binary' })),
        fc.oneof(groups, fc.string({ unit: 'binary' })),
        (pattern, name) => {
          const compiled = compilePattern(pattern)
          if (compiled.kind === 'pattern') expect(compiled.matches(name)).toBeTypeOf('boolean')
        },
      ),
      { numRuns: 10_000 },
    )
  })
})
