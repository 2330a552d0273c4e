import { errors, type HocketError } from './errors.ts'

/** Deepest nesting of an expression: parentheses, `not`, function arguments and lists. Source: the service's limit. */
export const maxFilterDepth = 100

const maxQuotedChars = 1024

export type Comparison = 'eq' | 'ne' | 'gt' | 'ge' | 'lt' | 'le'

/**
 * A parsed filter. `height` is the number of nodes on the longest way down and never exceeds `maxFilterDepth`, so
 * whoever walks the tree may recurse. Chains of `and` and `or` are one node, however long.
 */
export type Expression = { readonly height: number } & (
  | { readonly type: 'literal'; readonly value: string | number | boolean | null }
  | { readonly type: 'name'; readonly name: string }
  | { readonly type: 'unsupported'; readonly text: string }
  | { readonly type: 'not'; readonly operand: Expression }
  | { readonly type: 'and' | 'or'; readonly operands: readonly Expression[] }
  | { readonly type: 'compare'; readonly operator: Comparison; readonly left: Expression; readonly right: Expression }
  | { readonly type: 'in'; readonly item: Expression; readonly collection: Expression }
  | { readonly type: 'list'; readonly items: readonly Expression[]; readonly text: string }
  | { readonly type: 'call'; readonly name: string; readonly args: readonly Expression[] }
)

/** The error for a filter, quoting the offending (sub-)expression; long ones are cut. */
export function filterError(quoted: string, reason: string): HocketError<'invalidFilter'> {
  return errors.invalidFilter({ source: shorten(quoted), reason, target: 'Filter' })
}

function shorten(text: string): string {
  return text.length > maxQuotedChars ? `${text.slice(0, maxQuotedChars)}…` : text
}

interface Token {
  readonly kind: 'end' | 'string' | 'number' | 'word' | '(' | ')' | ','
  /** Source text; of a string its value. */
  readonly text: string
  readonly start: number
  readonly end: number
}

const LOWEST = 0
const OR = 1
const AND = 2
const COMPARISON = 3

const binding = new Map<string, number>([
  ['or', OR],
  ['and', AND],
  ...['eq', 'ne', 'gt', 'ge', 'lt', 'le', 'in'].map((operator) => [operator, COMPARISON] as const),
])

/** OData operators that the service does not evaluate. */
const unsupportedOperators = new Set(['add', 'sub', 'mul', 'div', 'divby', 'mod', 'has'])

/**
 * Parses the OData subset of filters; says nothing about types or unknown names.
 * @throws HocketError `invalidFilter`
 */
export function parseFilter(source: string): Expression {
  return new Parser(source).parse()
}

class Parser {
  readonly #source: string
  #token: Token
  /** Where the last token ended that was left behind. */
  #previousEnd = 0

  constructor(source: string) {
    this.#source = source
    this.#token = this.#scan(0)
  }

  parse(): Expression {
    const expression = this.#expression(LOWEST, 1)
    if (this.#token.kind !== 'end') throw this.#syntaxError()
    return expression
  }

  #expression(tighterThan: number, depth: number): Expression {
    let left = this.#prefix(depth)
    for (;;) {
      const operator = this.#token.kind === 'word' ? this.#token.text : ''
      if (unsupportedOperators.has(operator)) {
        throw filterError(this.#source, `Token '${operator}' is not supported.`)
      }
      const strength = binding.get(operator) ?? LOWEST
      if (strength <= tighterThan) return left
      if (operator === 'or' || operator === 'and') {
        const operands = [left]
        while (this.#token.kind === 'word' && this.#token.text === operator) {
          this.#advance()
          operands.push(this.#expression(strength, depth))
        }
        left = this.#node({ type: operator, operands }, operands)
      } else {
        this.#advance()
        if (operator === 'in') {
          const collection = this.#token.kind === '(' ? this.#list(depth) : this.#expression(strength, depth)
          left = this.#node({ type: 'in', item: left, collection }, [left, collection])
        } else {
          const right = this.#expression(strength, depth)
          left = this.#node({ type: 'compare', operator: operator as Comparison, left, right }, [left, right])
        }
      }
    }
  }

  #prefix(depth: number): Expression {
    if (depth > maxFilterDepth) throw this.#tooDeep()
    const token = this.#token
    switch (token.kind) {
      case 'string':
        this.#advance()
        return this.#node({ type: 'literal', value: token.text }, [])
      case 'number':
        this.#advance()
        return this.#node(numberNode(token.text), [])
      case 'word':
        this.#advance()
        return token.text === 'not' ? this.#not(depth) : this.#named(token.text, depth)
      case '(': {
        this.#advance()
        const inner = this.#expression(LOWEST, depth + 1)
        if (!this.#took(')')) throw this.#expected("')' or operator")
        return inner
      }
      default:
        throw this.#expected('Expression')
    }
  }

  #not(depth: number): Expression {
    const operand = this.#prefix(depth + 1)
    return this.#node({ type: 'not', operand }, [operand])
  }

  #named(name: string, depth: number): Expression {
    if (this.#token.kind === '(') {
      const args = this.#items(depth + 1, false)
      return this.#node({ type: 'call', name, args }, args)
    }
    switch (name) {
      case 'true':
        return this.#node({ type: 'literal', value: true }, [])
      case 'false':
        return this.#node({ type: 'literal', value: false }, [])
      case 'null':
        return this.#node({ type: 'literal', value: null }, [])
      default:
        return this.#node({ type: 'name', name }, [])
    }
  }

  #list(depth: number): Expression {
    const start = this.#token.start
    const items = this.#items(depth + 1, true)
    return this.#node({ type: 'list', items, text: this.#source.slice(start, this.#previousEnd) }, items)
  }

  /** `( a, b )`. The service skips the empty items of a list, but not those of a call. */
  #items(depth: number, skipEmpty: boolean): Expression[] {
    this.#advance()
    const items: Expression[] = []
    if (this.#took(')')) return items
    for (;;) {
      const empty = this.#token.kind === ',' || this.#token.kind === ')'
      if (!(empty && skipEmpty)) items.push(this.#expression(LOWEST, depth))
      if (this.#took(')')) return items
      if (!this.#took(',')) throw this.#expected("')' or ','")
    }
  }

  #node(parts: ExpressionParts, children: readonly Expression[]): Expression {
    let height = 0
    for (const child of children) if (child.height > height) height = child.height
    if (height >= maxFilterDepth) throw this.#tooDeep()
    return { ...parts, height: height + 1 }
  }

  #took(kind: Token['kind']): boolean {
    if (this.#token.kind !== kind) return false
    this.#advance()
    return true
  }

  #advance(): void {
    this.#previousEnd = this.#token.end
    this.#token = this.#scan(this.#token.end)
  }

  #scan(from: number): Token {
    const source = this.#source
    let start = from
    while (start < source.length && isSpace(source.charCodeAt(start))) start++
    if (start === source.length) return { kind: 'end', text: '', start, end: start }
    const first = source[start]!
    if (first === '(' || first === ')' || first === ',') return { kind: first, text: first, start, end: start + 1 }
    if (first === "'") return this.#scanString(start)
    const digits = first === '+' || first === '-' ? start + 1 : start
    if (isDigit(source.charCodeAt(digits))) {
      const end = this.#wordEnd(digits, isNumberPart)
      return { kind: 'number', text: source.slice(start, end), start, end }
    }
    const end = this.#wordEnd(start, isWordPart)
    if (end > start) return { kind: 'word', text: source.slice(start, end), start, end }
    const character = String.fromCodePoint(source.codePointAt(start)!)
    throw filterError(source, `Syntax error: character '${character}' is not valid ${this.#at(start)}`)
  }

  #scanString(start: number): Token {
    let quote = start
    for (;;) {
      quote = this.#source.indexOf("'", quote + 1)
      if (quote < 0) {
        const at = this.#at(this.#source.length)
        throw filterError(this.#source, `There is an unterminated string literal ${at}`)
      }
      if (this.#source[quote + 1] !== "'") break
      quote++
    }
    const text = this.#source.slice(start + 1, quote).replaceAll("''", "'")
    return { kind: 'string', text, start, end: quote + 1 }
  }

  #wordEnd(start: number, isPart: (codePoint: number) => boolean): number {
    let end = start
    while (end < this.#source.length) {
      const codePoint = this.#source.codePointAt(end)!
      if (!isPart(codePoint)) break
      end += codePoint > 0xffff ? 2 : 1
    }
    return end
  }

  /** Recorded from Azure: the position is the end of the offending token. */
  #syntaxError(): HocketError {
    return filterError(this.#source, `Syntax error ${this.#at(this.#token.end)}`)
  }

  #expected(what: string): HocketError {
    return filterError(this.#source, `${what} expected ${this.#at(this.#token.start)}`)
  }

  #tooDeep(): HocketError {
    return filterError(this.#source, `Recursion depth exceeded allowed limit of ${maxFilterDepth}.`)
  }

  #at(position: number): string {
    return `at position ${position} in '${shorten(this.#source)}'.`
  }
}

type WithoutHeight<T> = T extends unknown ? Omit<T, 'height'> : never
type ExpressionParts = WithoutHeight<Expression>

function numberNode(text: string): ExpressionParts {
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
  // The service knows 32-bit integers only; decimals, dates and longer integers parse but are not supported.
  return value === (value | 0) ? { type: 'literal', value: value | 0 } : { type: 'unsupported', text }
}

/** White space as .NET sees it, which counts U+0085 and not the byte order mark, the reverse of JavaScript. */
export function isSpace(unit: number): boolean {
  if (unit < 0x80) return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d)
  return unit === 0x85 || (unit !== 0xfeff && /\s/.test(String.fromCharCode(unit)))
}

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39
}

const letterOrMark = /^[\p{L}\p{N}\p{M}\p{Pc}]$/u

/** Letters, digits and marks, and what joins paths (`a/b`, `a.b`, `$it`), which then are names that do not exist. */
function isWordPart(codePoint: number): boolean {
  if (codePoint >= 0x80) return letterOrMark.test(String.fromCodePoint(codePoint))
  return /[\w$@./]/.test(String.fromCharCode(codePoint))
}

/** Also what occurs in dates, times and decimals, so that an error names the whole of it. */
function isNumberPart(codePoint: number): boolean {
  return codePoint < 0x80 && /[\w.:+-]/.test(String.fromCharCode(codePoint))
}

/** The expression as the service prints it in errors: single spaces, and parentheses around operators in operators. */
export function printExpression(expression: Expression): string {
  switch (expression.type) {
    case 'literal':
      return typeof expression.value === 'string' ? `'${expression.value}'` : String(expression.value)
    case 'name':
      return expression.name
    case 'unsupported':
    case 'list':
      return expression.text
    case 'not':
      return `not ${wrap(expression.operand)}`
    case 'and':
    case 'or':
      return printChain(expression.type, expression.operands, expression.operands.length)
    case 'compare':
      return `${wrap(expression.left)} ${expression.operator} ${wrap(expression.right)}`
    case 'in':
      return `${printExpression(expression.item)} in ${printExpression(expression.collection)}`
    case 'call':
      return `${expression.name}(${expression.args.map(printExpression).join(',')})`
    default:
      return expression satisfies never
  }
}

/** The first operands of a chain, which the service reads from the left: `(a or b) or c`. */
export function printChain(operator: 'and' | 'or', operands: readonly Expression[], count: number): string {
  let text = wrap(operands[0]!)
  for (let index = 1; index < count; index++) {
    text = `${index > 1 ? `(${text})` : text} ${operator} ${wrap(operands[index]!)}`
  }
  return text
}

function wrap(expression: Expression): string {
  const text = printExpression(expression)
  switch (expression.type) {
    case 'not':
    case 'and':
    case 'or':
    case 'compare':
    case 'in':
      return `(${text})`
    default:
      return text
  }
}
