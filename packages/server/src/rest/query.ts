import { errors } from '@hocket/protocol/errors'
import { compileFilter } from '@hocket/protocol/filter'
import { isGroupName } from '@hocket/protocol/names'
import { maxCursorChars } from './cursor.ts'

/** Reads one query parameter. */
export interface QueryParam<Value> {
  readonly description: string
  /** JSON Schema, for the OpenAPI document. */
  readonly schema: object
  readonly required: boolean
  /**
   * Gets every value given for the name, decoded, in order.
   * @throws HocketError `invalidQuery` and others of status 400
   */
  parse(values: readonly string[], name: string): Value
}

const invalid = (parameter: string) => errors.invalidQuery({ parameter })

/** At most one value. One that is repeated has no right answer, so it is refused instead of half obeyed. */
function only(values: readonly string[], name: string): string | null {
  if (values.length > 1) throw invalid(name)
  return values[0] ?? null
}

/** OData source that was compiled once, so that nothing is delivered for a bad one; `null` when empty or absent. */
export const filterParam: QueryParam<string | null> = {
  description: 'OData filter: only matching connections get the message. Empty: no filter.',
  schema: { type: 'string' },
  required: false,
  parse(values, name) {
    const source = only(values, name)
    if (source === null || source === '') return null
    compileFilter(source)
    return source
  },
}

/** Connection ids, compared exactly. */
export const connectionIds: QueryParam<readonly string[]> = {
  description: 'Connection that is left out. Repeat the parameter for more.',
  schema: { type: 'array', items: { type: 'string' } },
  required: false,
  parse: (values) => [...new Set(values)],
}

/** Free text; `null` when empty or absent. */
export const reasonParam: QueryParam<string | null> = {
  description: 'Why the connections are closed. Shown to the clients.',
  schema: { type: 'string' },
  required: false,
  parse: (values, name) => only(values, name) || null,
}

/** The group a permission is about. */
export const targetNameParam: QueryParam<string> = {
  description: 'The group, literally: `*` and `?` are characters like others.',
  schema: { type: 'string', minLength: 1, maxLength: 1024 },
  required: true,
  parse(values, name) {
    const group = only(values, name)
    if (group === null || !isGroupName(group)) throw invalid(name)
    return group
  },
}

/** A whole number in plain decimal digits; `null` when absent. */
export function integer(description: string, minimum: number, maximum: number): QueryParam<number | null> {
  return {
    description,
    schema: { type: 'integer', format: 'int32', minimum, maximum },
    required: false,
    parse(values, name) {
      const text = only(values, name)
      if (text === null) return null
      const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
      if (!(value >= minimum && value <= maximum)) throw invalid(name)
      return value
    },
  }
}

const ttl = integer('Seconds after which a client that has not got the message never gets it. 0: no limit.', 0, 300)

/** Seconds; `null` when absent or 0. */
export const messageTtl: QueryParam<number | null> = {
  ...ttl,
  parse: (values, name) => ttl.parse(values, name) || null,
}

/** An opaque text from a `nextLink`; what is in it is checked where hub and group are known. */
export const continuationTokenParam: QueryParam<string | null> = {
  description: 'Where to go on, from the `nextLink` of the page before.',
  schema: { type: 'string', minLength: 1, maxLength: maxCursorChars },
  required: false,
  parse(values, name) {
    const token = only(values, name)
    if (token !== null && (token.length === 0 || token.length > maxCursorChars)) throw invalid(name)
    return token
  },
}

/** Documents a parameter that is never read. */
export function unread(description: string, schema: object): QueryParam<null> {
  return { description, schema, required: false, parse: () => null }
}

/** The query of a request: names in lower case, because they have no case, with all their values. */
export class QueryString {
  readonly #values = new Map<string, string[]>()

  /** `text` is what stands behind the `?`. */
  constructor(text: string) {
    for (const [name, value] of new URLSearchParams(text)) {
      const key = name.toLowerCase()
      const values = this.#values.get(key)
      if (values === undefined) this.#values.set(key, [value])
      else values.push(value)
    }
  }

  all(name: string): readonly string[] {
    return this.#values.get(name.toLowerCase()) ?? []
  }
}
