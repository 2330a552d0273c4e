import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HocketError } from './errors.ts'
import { compileFilter, type Filter, type FilterSubject } from './filter.ts'

// The model: generated filters carry a naive evaluator of their own, which works on plain arrays and knows no types.
interface Model {
  readonly userId: string | null
  readonly connectionId: string
  readonly groups: readonly string[]
  readonly protocol: string | null
}

type Plain = string | number | boolean | null | readonly string[]

interface Term<T extends Plain = Plain> {
  readonly source: string
  /** How tightly its outermost operator binds: `or` 1, `and` 2, comparisons and `in` 3. Absent: it needs no parentheses. */
  readonly strength?: number
  readonly run: (model: Model) => T
}

const names = fc.constantFrom('', 'a', 'A', 'ab', 'b', "o'b", 'group1', 'ß', '😀x', 'a, b', '(a)', ' a ')
const maybeName = fc.option(names)
const models: fc.Arbitrary<Model> = fc.record({
  userId: maybeName,
  connectionId: names,
  groups: fc.uniqueArray(names, { maxLength: 4 }),
  protocol: maybeName,
})
const toSubject = (model: Model): FilterSubject => ({ ...model, groups: new Set(model.groups) })

const inside = (term: Term, strength: number) => ((term.strength ?? 4) > strength ? term.source : `(${term.source})`)

const anyCase = (name: string) =>
  fc
    .array(fc.boolean(), { minLength: name.length, maxLength: name.length })
    .map((upper) =>
      [...name].map((character, index) => (upper[index] ? character.toUpperCase() : character.toLowerCase())).join(''),
    )
const space = fc.constantFrom(' ', '  ', '\t', '\n ')
const gap = fc.constantFrom('', '', ' ')

function identifier<T extends Plain>(name: string, run: (model: Model) => T): fc.Arbitrary<Term<T>> {
  return anyCase(name).map((source) => ({ source, run }))
}

function infix<L extends Plain, R extends Plain>(
  left: fc.Arbitrary<Term<L>>,
  operator: string,
  right: fc.Arbitrary<Term<R>>,
  run: (left: L, right: R) => boolean,
): fc.Arbitrary<Term<boolean>> {
  return fc.tuple(left, space, space, right).map(([one, before, after, two]) => ({
    source: `${inside(one, 3)}${before}${operator}${after}${inside(two, 3)}`,
    strength: 3,
    run: (model) => run(one.run(model), two.run(model)),
  }))
}

function call<T extends Plain>(
  name: string,
  args: fc.Arbitrary<Term>[],
  run: (...values: Plain[]) => T,
): fc.Arbitrary<Term<T>> {
  return fc.tuple(fc.tuple(...args), gap).map(([terms, extra]) => ({
    source: `${name}${extra}(${extra}${terms.map((term) => term.source).join(`${extra},`)}${extra})`,
    run: (model) => run(...terms.map((term) => term.run(model))),
  }))
}

const asString = (value: Plain) => value as string | null
const both = (a: Plain, b: Plain, run: (a: string, b: string) => number | boolean, otherwise: number | boolean) =>
  asString(a) === null || asString(b) === null ? otherwise : run(a as string, b as string)

const changeCase = (text: string, map: (character: string) => string) =>
  [...text].map((character) => ([...map(character)].length === 1 ? map(character) : character)).join('')

const { filter: validFilter } = fc.letrec<{
  text: Term<string | null>
  int: Term<number>
  maybeInt: Term<number | null>
  condition: Term<boolean>
  any: Term
  filter: Term<boolean>
}>((tie) => {
  const groups = identifier('groups', (model) => model.groups)
  const wholeText = names.map(
    (value): Term<string | null> => ({
      source: `'${value.replaceAll("'", "''")}'`,
      run: () => value,
    }),
  )
  const strings = [tie('text'), tie('text')]
  return {
    text: fc.oneof(
      { maxDepth: 4 },
      wholeText,
      identifier('userId', (model) => model.userId),
      identifier('connectionId', (model) => model.connectionId),
      identifier('protocol', (model) => model.protocol),
      call('tolower', [tie('text')], (a) => (a === null ? null : changeCase(a as string, (c) => c.toLowerCase()))),
      call('toupper', [tie('text')], (a) => (a === null ? null : changeCase(a as string, (c) => c.toUpperCase()))),
      call('trim', [tie('text')], (a) => (a === null ? null : (a as string).trim())),
      call('concat', strings, (a, b) => (a === null && b === null ? null : `${a ?? ''}${b ?? ''}`)),
      call('substring', [tie('text'), tie('int')], (text, start) => {
        const from = start as number
        return text === null || from < 0 || from > (text as string).length ? null : (text as string).substring(from)
      }),
      call('substring', [tie('text'), tie('int'), tie('int')], (text, start, count) => {
        const [from, length] = [start as number, count as number]
        if (text === null || from < 0 || length < 0 || from + length > (text as string).length) return null
        return (text as string).substring(from, from + length)
      }),
    ),
    int: fc.oneof(
      { maxDepth: 4 },
      fc.integer({ min: -3, max: 12 }).map((value) => ({ source: String(value), run: () => value })),
      fc.nat(3).map((value) => ({ source: `+${value}`, run: () => value })),
      call('length', [groups], (list) => (list as readonly string[]).length),
      call('length', [wholeText], (text) => (text as string).length),
      call('indexof', strings, (a, b) => both(a!, b!, (x, y) => x.indexOf(y), -1) as number),
    ),
    maybeInt: fc.oneof(
      tie('int'),
      call('length', [tie('text')], (text) => (text === null ? null : (text as string).length)),
    ),
    any: fc.oneof(
      { maxDepth: 4 },
      tie('text'),
      tie('maybeInt'),
      fc.constant<Term>({ source: 'null', run: () => null }),
      tie('condition'),
      groups,
    ),
    condition: fc.oneof(
      { maxDepth: 4 },
      fc.boolean().map((value) => ({ source: String(value), run: () => value })),
      call('contains', strings, (a, b) => both(a!, b!, (x, y) => x.includes(y), false) as boolean),
      call('startswith', strings, (a, b) => both(a!, b!, (x, y) => x.startsWith(y), false) as boolean),
      call('endswith', strings, (a, b) => both(a!, b!, (x, y) => x.endsWith(y), false) as boolean),
      infix(tie('any'), 'eq', tie('any'), (a, b) => a === b),
      infix(tie('any'), 'ne', tie('any'), (a, b) => a !== b),
      infix(tie('maybeInt'), 'gt', tie('maybeInt'), (a, b) => a !== null && b !== null && a > b),
      infix(tie('maybeInt'), 'ge', tie('maybeInt'), (a, b) => a !== null && b !== null && a >= b),
      infix(tie('maybeInt'), 'lt', tie('maybeInt'), (a, b) => a !== null && b !== null && a < b),
      infix(tie('maybeInt'), 'le', tie('maybeInt'), (a, b) => a !== null && b !== null && a <= b),
      infix(tie('any'), 'in', groups, (item, list) => list.some((group) => group === item)),
      fc.tuple(tie('any'), fc.array(fc.oneof(tie('text'), tie('maybeInt'), tie('condition')), { maxLength: 4 })).map(
        ([item, list]): Term<boolean> => ({
          strength: 3,
          source: `${inside(item, 3)} in (${list.map((term) => term.source).join(', ')})`,
          run: (model) => list.some((term) => term.run(model) === item.run(model)),
        }),
      ),
      tie('condition').map(
        (term): Term<boolean> => ({ source: `not ${inside(term, 3)}`, run: (model) => !term.run(model) }),
      ),
      fc
        .tuple(fc.constantFrom('and', 'or'), fc.array(tie('condition'), { minLength: 2, maxLength: 5 }))
        .map(([operator, terms]): Term<boolean> => {
          const strength = operator === 'and' ? 2 : 1
          return {
            strength,
            source: terms.map((term) => inside(term, strength)).join(` ${operator} `),
            run: (model) =>
              operator === 'and' ? terms.every((term) => term.run(model)) : terms.some((term) => term.run(model)),
          }
        }),
    ),
    filter: tie('condition'),
  }
})

describe('filters', () => {
  it('agree with a naive evaluation, and never throw, for every subject', () => {
    fc.assert(
      fc.property(validFilter, fc.array(models, { minLength: 1, maxLength: 8 }), (term, subjects) => {
        const filter = compileFilter(term.source)
        for (const model of subjects) expect(filter(toSubject(model))).toBe(term.run(model))
      }),
      { numRuns: 5_000 },
    )
  })

  // Sources that are nearly right: these find what the grammar above cannot make.
  const words = fc.constantFrom(
    ...['userId', 'connectionId', 'groups', 'protocol', 'ab', 'true', 'false', 'null', 'not', 'and', 'or', 'eq', 'ne'],
    ...[
      'gt',
      'lt',
      'in',
      '(',
      ')',
      '(',
      ')',
      ',',
      "'a'",
      "''",
      "'",
      '1',
      '-1',
      '0',
      '1.5',
      '99999999999',
      'add',
      '=',
      '/',
    ],
    ...['length(', 'tolower(', 'trim(', 'contains(', 'indexof(', 'concat(', 'substring(', 'any(', '+', '$it', '\u0085'],
  )
  const soup = fc.array(words, { maxLength: 30 }).map((parts) => parts.join(' '))

  const compileOrRefuse = (source: string): Filter | null => {
    try {
      return compileFilter(source)
    } catch (error) {
      expect(error).toBeInstanceOf(HocketError)
      expect((error as HocketError).code).toBe('invalidFilter')
      expect((error as HocketError).message).toMatch(/^Invalid syntax for '.* \(Parameter 'filter'\)$/s)
      return null
    }
  }

  it('are refused with invalidFilter and nothing else, or answer every subject', () => {
    fc.assert(
      fc.property(
        fc.oneof(soup, fc.string(), fc.string({ unit: 'binary', maxLength: 200 })),
        fc.array(models, { minLength: 1, maxLength: 5 }),
        (source, subjects) => {
          const filter = compileOrRefuse(source)
          for (const model of subjects) if (filter !== null) expect(filter(toSubject(model))).toBeTypeOf('boolean')
        },
      ),
      { numRuns: 20_000 },
    )
  })

  it('that are valid but for one wrong word are refused or answer every subject', () => {
    fc.assert(
      fc.property(
        validFilter,
        words,
        fc.nat(),
        fc.array(models, { minLength: 1, maxLength: 5 }),
        (term, word, at, subjects) => {
          const parts = term.source.split(/(?<=[ (),])|(?=[ (),])/)
          parts[at % parts.length] = word
          const filter = compileOrRefuse(parts.join(''))
          for (const model of subjects) if (filter !== null) expect(filter(toSubject(model))).toBeTypeOf('boolean')
        },
      ),
      { numRuns: 10_000 },
    )
  })

  it('take time in proportion to their length', () => {
    const pieces = [
      "'a' in groups or ",
      '(',
      "'",
      "''",
      'not ',
      'a',
      '1',
      ',',
      ' ',
      "1 in (1,'b',",
      'concat(',
      '\ud83d',
      '&&',
    ]
    for (const piece of pieces) {
      const source = piece.repeat(Math.ceil(1_000_000 / piece.length))
      const start = performance.now()
      compileOrRefuse(source)
      expect(performance.now() - start, piece).toBeLessThan(3_000)
    }
  })
})
