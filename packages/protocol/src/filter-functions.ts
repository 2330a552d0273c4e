import { type Expression, isSpace } from './filter-parser.ts'

/** What a filter looks at: one connection. */
export interface FilterSubject {
  /** `null` for an anonymous connection. */
  readonly userId: string | null
  readonly connectionId: string
  /** Groups the connection is in now. */
  readonly groups: ReadonlySet<string>
  /** Negotiated subprotocol; `null` for a simple client. */
  readonly protocol: string | null
}

export type Value = string | number | boolean | null | ReadonlySet<string>

export type Kind = 'null' | 'bool' | 'string' | 'int' | 'collection'

/**
 * A compiled expression with what is known about its value for every subject: `evaluate` gives a value of `kind`, or
 * `null` if `nullable`, and never throws.
 */
export interface Operand {
  readonly kind: Kind
  readonly nullable: boolean
  /**
   * How the service names its type. It finds types by evaluating for a connection without user, groups and protocol,
   * where functions of null have the type null, but the identifiers themselves are strings.
   */
  readonly word: Kind
  /** Whether it is null for that connection. */
  readonly blank: boolean
  readonly evaluate: (subject: FilterSubject) => Value
}

/** Throws the errors of one call. */
export interface CallErrors {
  type(found: Kind, expected: Kind): never
  /** Wrong number or kind of arguments. */
  token(): never
}

export const nullOperand: Operand = {
  kind: 'null',
  nullable: true,
  word: 'null',
  blank: true,
  evaluate: () => null,
}

/** An operand that is never null. */
export function definite(kind: 'bool' | 'string' | 'int' | 'collection', evaluate: Operand['evaluate']): Operand {
  return { kind, nullable: false, word: kind, blank: false, evaluate }
}

/** An operand that is null when all of the given ones are. */
function following(sources: readonly Operand[], kind: 'string' | 'int', evaluate: Operand['evaluate']): Operand {
  const blank = sources.every((source) => source.blank)
  return { kind, nullable: sources.every((source) => source.nullable), word: blank ? 'null' : kind, blank, evaluate }
}

type FilterFunction = (args: readonly Operand[], errors: CallErrors) => Operand

/** The functions of the language by name; case-sensitive. */
export const filterFunctions: ReadonlyMap<string, FilterFunction> = new Map<string, FilterFunction>([
  ['length', length],
  ['tolower', transform(toLowerInvariant)],
  ['toupper', transform(toUpperInvariant)],
  ['trim', transform(trimSpace)],
  ['contains', predicate((text, part) => text.includes(part))],
  ['startswith', predicate((text, part) => text.startsWith(part))],
  ['endswith', predicate((text, part) => text.endsWith(part))],
  ['indexof', indexOf],
  ['concat', concat],
  ['substring', substring],
])

/** The identifiers of the language by their lower-case name; filters may spell them in any case. */
export const filterIdentifiers: ReadonlyMap<string, Operand> = new Map<string, Operand>([
  ['userid', identifier((subject) => subject.userId)],
  ['protocol', identifier((subject) => subject.protocol)],
  ['connectionid', definite('string', (subject) => subject.connectionId)],
  ['groups', definite('collection', (subject) => subject.groups)],
])

function identifier(evaluate: (subject: FilterSubject) => string | null): Operand {
  return { kind: 'string', nullable: true, word: 'string', blank: true, evaluate }
}

export function isGroups(expression: Expression): boolean {
  return expression.type === 'name' && expression.name.toLowerCase() === 'groups'
}

function length(args: readonly Operand[], errors: CallErrors): Operand {
  const [value] = args
  if (value === undefined || args.length !== 1) return errors.token()
  const { evaluate } = value
  switch (value.kind) {
    case 'null':
      return nullOperand
    case 'string':
      return following(args, 'int', (subject) => {
        const text = evaluate(subject) as string | null
        return text === null ? null : text.length
      })
    case 'collection':
      return definite('int', (subject) => (evaluate(subject) as ReadonlySet<string>).size)
    default:
      return errors.token()
  }
}

function transform(change: (text: string) => string): FilterFunction {
  return (args, errors) => {
    const [value] = args
    if (value === undefined || args.length !== 1) return errors.token()
    if (value.kind === 'null') return nullOperand
    if (value.kind !== 'string') return errors.type(value.kind, 'string')
    const { evaluate } = value
    return following(args, 'string', (subject) => {
      const text = evaluate(subject) as string | null
      return text === null ? null : change(text)
    })
  }
}

/** A function of two strings that has the value `otherwise` when one of them is null. */
function ofTwoStrings<Result extends boolean | number>(
  kind: 'bool' | 'int',
  otherwise: Result,
  combine: (text: string, part: string) => Result,
): FilterFunction {
  return (args, errors) => {
    const [left, right] = args
    if (left === undefined || right === undefined || args.length !== 2) return errors.token()
    if (left.kind === 'null' || right.kind === 'null') return definite(kind, () => otherwise)
    if (left.kind !== 'string') return errors.type(left.kind, 'string')
    if (right.kind !== 'string') return errors.type(right.kind, 'string')
    return definite(kind, (subject) => {
      const text = left.evaluate(subject) as string | null
      const part = right.evaluate(subject) as string | null
      return text === null || part === null ? otherwise : combine(text, part)
    })
  }
}

function predicate(holds: (text: string, part: string) => boolean): FilterFunction {
  return ofTwoStrings('bool', false, holds)
}

function indexOf(args: readonly Operand[], errors: CallErrors): Operand {
  return ofTwoStrings('int', -1, (text, part) => text.indexOf(part))(args, errors)
}

function concat(args: readonly Operand[], errors: CallErrors): Operand {
  const [left, right] = args
  if (left === undefined || right === undefined || args.length !== 2) return errors.token()
  if (left.kind !== 'string' && left.kind !== 'null') return errors.type(left.kind, 'string')
  if (right.kind !== 'string' && right.kind !== 'null') return errors.type(right.kind, 'string')
  if (left.kind === 'null') return right
  if (right.kind === 'null') return left
  return following(args, 'string', (subject) => {
    const head = left.evaluate(subject) as string | null
    const tail = right.evaluate(subject) as string | null
    if (head === null) return tail
    return tail === null ? head : head + tail
  })
}

function substring(args: readonly Operand[], errors: CallErrors): Operand {
  const [value, start, count] = args
  if (value === undefined || start === undefined || args.length > 3) return errors.token()
  requireInt(start, errors)
  if (count !== undefined) requireInt(count, errors)
  if (value.kind === 'null') return nullOperand
  if (value.kind !== 'string') return errors.type(value.kind, 'string')
  const evaluate = (subject: FilterSubject): string | null => {
    const text = value.evaluate(subject) as string | null
    if (text === null) return null
    const from = start.evaluate(subject) as number
    const to = count === undefined ? text.length : from + (count.evaluate(subject) as number)
    return from < 0 || to < from || to > text.length ? null : text.slice(from, to)
  }
  const { blank } = value
  return { kind: 'string', nullable: true, word: blank ? 'null' : 'string', blank, evaluate }
}

function requireInt(operand: Operand, errors: CallErrors): void {
  if (operand.kind !== 'int') errors.type(operand.word, 'int')
  if (operand.nullable) errors.type('null', 'int')
}

// The invariant culture maps single characters to single characters: ß has no upper case, a final Σ is σ like any other,
// and the Turkish i without or with dot stays as it is.
const plainAscii = /^[\0-\x7f]*$/

function toLowerInvariant(text: string): string {
  return plainAscii.test(text) ? text.toLowerCase() : mapCharacters(text, (character) => character.toLowerCase())
}

function toUpperInvariant(text: string): string {
  return plainAscii.test(text) ? text.toUpperCase() : mapCharacters(text, (character) => character.toUpperCase())
}

function mapCharacters(text: string, map: (character: string) => string): string {
  let result = ''
  for (const character of text) {
    const mapped = map(character)
    result += mapped.length === character.length && character !== 'ı' ? mapped : character
  }
  return result
}

function trimSpace(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}
