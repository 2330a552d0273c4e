import {
  type CallErrors,
  definite,
  type FilterSubject,
  filterFunctions,
  filterIdentifiers,
  isGroups,
  type Kind,
  nullOperand,
  type Operand,
  type Value,
} from './filter-functions.ts'
import {
  type Comparison,
  type Expression,
  filterError,
  parseFilter,
  printChain,
  printExpression,
} from './filter-parser.ts'
import { LruCache } from './lru.ts'

export type { FilterSubject } from './filter-functions.ts'
export { maxFilterDepth } from './filter-parser.ts'

/** Says whether a connection is meant. Never throws, whatever the subject. */
export type Filter = (subject: FilterSubject) => boolean

/** Filters a cache keeps. Default of `createFilterCache`. */
export const maxCachedFilters = 1000

/** UTF-16 code units of source text a cache keeps over all its filters; a longer filter is compiled every time. */
export const maxCachedFilterChars = 4_194_304

/**
 * Compiles an OData filter, `'group1' in groups and userId ne null` say, to a predicate.
 *
 * All types are checked here, for every connection there may be: a filter that compiled cannot fail later. That is a
 * little stricter than the service, which evaluates once for a connection without user and groups and so lets
 * `tolower(userId) gt 1` pass until the first user appears. Nesting is limited to `maxFilterDepth`, the length of a chain
 * of `and` or `or` is not.
 *
 * The empty string is an error here: callers take it for "no filter".
 *
 * @throws HocketError `invalidFilter`, target `Filter`, with the service's wording
 * @example
 * const isMember = compileFilter("'room' in groups")
 * isMember({ userId: null, connectionId: 'c', groups: new Set(['room']), protocol: null }) // true
 */
export function compileFilter(source: string): Filter {
  const expression = parseFilter(source)
  const operand = compile(expression, () => source)
  requireBool(operand, () => printExpression(expression))
  // An operand of kind bool is never null.
  return operand.evaluate as Filter
}

/** Compiles each filter once and forgets the least recently used ones. */
export interface FilterCache {
  /** @throws HocketError `invalidFilter`; nothing is kept then */
  get(source: string): Filter
}

/** @param maxEntries Most filters kept. Default 1000. Their total length is bounded by `maxCachedFilterChars`. */
export function createFilterCache(maxEntries: number = maxCachedFilters): FilterCache {
  const filters = new LruCache<Filter>(maxEntries, maxCachedFilterChars)
  return {
    get(source) {
      let filter = filters.get(source)
      if (filter === undefined) {
        filter = compileFilter(source)
        filters.set(source, filter)
      }
      return filter
    },
  }
}

/** The text an error quotes: the innermost operator or call around the fault. Made only when there is one. */
type Quote = () => string

function compile(expression: Expression, around: Quote): Operand {
  const here = () => printExpression(expression)
  switch (expression.type) {
    case 'literal':
      return literal(expression.value)
    case 'name': {
      const operand = filterIdentifiers.get(expression.name.toLowerCase())
      if (operand === undefined) throw filterError(around(), `Token '${expression.name}' is not supported.`)
      return operand
    }
    case 'unsupported':
    case 'list':
      throw filterError(around(), `Token '${expression.text}' is not supported.`)
    case 'not': {
      const operand = compile(expression.operand, around)
      requireBool(operand, here)
      const { evaluate } = operand
      return definite('bool', (subject) => !evaluate(subject))
    }
    case 'and':
      return allOf(compileChain('and', expression.operands))
    case 'or':
      return anyOf(expression.operands, compileChain('or', expression.operands))
    case 'compare':
      return compare(expression.operator, compile(expression.left, here), compile(expression.right, here), here)
    case 'in':
      return contained(compile(expression.item, here), expression.collection, here)
    case 'call': {
      const apply = filterFunctions.get(expression.name)
      if (apply === undefined) throw filterError(here(), `Token '${here()}' is not supported.`)
      return apply(
        expression.args.map((arg) => compile(arg, here)),
        callErrors(here),
      )
    }
    default:
      return expression satisfies never
  }
}

function literal(value: string | number | boolean | null): Operand {
  switch (typeof value) {
    case 'string':
      return definite('string', () => value)
    case 'number':
      return definite('int', () => value)
    case 'boolean':
      return definite('bool', () => value)
    default:
      return nullOperand
  }
}

function typeError(quote: Quote, found: Kind, expected: Kind): never {
  throw filterError(quote(), `Type '${found}', expect '${expected}'.`)
}

function requireBool(operand: Operand, quote: Quote): void {
  if (operand.kind !== 'bool') typeError(quote, operand.word, 'bool')
}

function callErrors(quote: Quote): CallErrors {
  return {
    type: (found, expected) => typeError(quote, found, expected),
    token: () => {
      throw filterError(quote(), `Invalid token '${quote()}'.`)
    },
  }
}

/** Both sides of `and` and `or` must be of type bool, also where the first one decides. */
function compileChain(operator: 'and' | 'or', operands: readonly Expression[]): Operand[] {
  return operands.map((expression, index) => {
    const quote = () => printChain(operator, operands, Math.max(index + 1, 2))
    const operand = compile(expression, quote)
    requireBool(operand, quote)
    return operand
  })
}

function allOf(operands: readonly Operand[]): Operand {
  const conditions = operands.map((operand) => operand.evaluate)
  return definite('bool', (subject) => {
    for (const condition of conditions) if (!condition(subject)) return false
    return true
  })
}

/**
 * Servers that shard their rooms send hundreds of `'literal' in groups or …`. These become one set, and the smaller one
 * of it and the connection's groups is walked.
 */
function anyOf(expressions: readonly Expression[], operands: readonly Operand[]): Operand {
  const groups = new Set<string>()
  const conditions: Operand['evaluate'][] = []
  for (const [index, expression] of expressions.entries()) {
    const group = literalInGroups(expression)
    if (group === null) conditions.push(operands[index]!.evaluate)
    else groups.add(group)
  }
  return definite('bool', (subject) => {
    if (groups.size > 0 && intersects(groups, subject.groups)) return true
    for (const condition of conditions) if (condition(subject)) return true
    return false
  })
}

function literalInGroups(expression: Expression): string | null {
  if (expression.type !== 'in' || !isGroups(expression.collection)) return null
  const { item } = expression
  return item.type === 'literal' && typeof item.value === 'string' ? item.value : null
}

function intersects(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  const [small, large] = one.size < other.size ? [one, other] : [other, one]
  for (const entry of small) if (large.has(entry)) return true
  return false
}

const orders: Record<Exclude<Comparison, 'eq' | 'ne'>, (left: number, right: number) => boolean> = {
  gt: (left, right) => left > right,
  ge: (left, right) => left >= right,
  lt: (left, right) => left < right,
  le: (left, right) => left <= right,
}

function compare(operator: Comparison, left: Operand, right: Operand, quote: Quote): Operand {
  // Values of different types are unequal; a collection equals itself only.
  if (operator === 'eq') return definite('bool', (subject) => left.evaluate(subject) === right.evaluate(subject))
  if (operator === 'ne') return definite('bool', (subject) => left.evaluate(subject) !== right.evaluate(subject))
  if (left.kind === 'null' || right.kind === 'null') return definite('bool', () => false)
  if (left.kind !== 'int') typeError(quote, left.kind, 'int')
  if (right.kind !== 'int') typeError(quote, right.kind, 'int')
  const holds = orders[operator]
  return definite('bool', (subject) => {
    const first = left.evaluate(subject) as number | null
    const second = right.evaluate(subject) as number | null
    return first !== null && second !== null && holds(first, second)
  })
}

function contained(item: Operand, expression: Expression, quote: Quote): Operand {
  if (expression.type === 'list') return inList(item, expression.items, quote)
  const collection = compile(expression, quote)
  if (collection.kind === 'collection') return inCollection(item, collection)
  if (collection.kind !== 'string') typeError(quote, collection.word, 'collection')
  throw filterError(quote(), `Invalid token '${printExpression(expression)}'.`)
}

function inCollection(item: Operand, collection: Operand): Operand {
  return definite('bool', (subject) => {
    const value = item.evaluate(subject)
    return typeof value === 'string' && (collection.evaluate(subject) as ReadonlySet<string>).has(value)
  })
}

function inList(item: Operand, expressions: readonly Expression[], quote: Quote): Operand {
  const entries = expressions.map((expression) => compile(expression, quote))
  // The grammar allows parentheses around a collection: 'a' in (groups).
  if (entries.length === 1 && entries[0]!.kind === 'collection') return inCollection(item, entries[0]!)
  const constants = new Set<Value>()
  const others: Operand['evaluate'][] = []
  for (const [index, expression] of expressions.entries()) {
    if (expression.type === 'literal') constants.add(expression.value)
    else others.push(entries[index]!.evaluate)
  }
  return definite('bool', (subject) => {
    const value = item.evaluate(subject)
    if (constants.has(value)) return true
    for (const evaluate of others) if (evaluate(subject) === value) return true
    return false
  })
}
