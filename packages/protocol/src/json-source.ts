/** Reads JSON objects with the source text of their members, so that values can be passed on exactly as they were written. */

const quote = 0x22
const backslash = 0x5c
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d
const comma = 0x2c

type SourcesOf<Names extends readonly string[]> = { -readonly [Place in keyof Names]: string | null }

/**
 * `JSON.parse`, with every member of an object at the top under its right name.
 *
 * V8 takes an escaped name for another one when an object with a backslash in a name was parsed before
 * (https://github.com/nodejs/node/issues/63785, still in Node 26.10): one client could change what others said.
 * @throws SyntaxError as `JSON.parse`
 */
export function parseMembers(text: string): unknown {
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !text.includes('\\')) return value
  let at = firstMember(text)
  let hasEscapedName = false
  while (text.charCodeAt(at) === quote) {
    const keyEnd = skipString(text, at)
    hasEscapedName ||= hasEscape(text, at, keyEnd)
    at = nextMember(text, skipValue(text, valueStart(text, keyEnd)))
  }
  return hasEscapedName ? parseEach(text) : value
}

function parseEach(text: string): unknown {
  const entries: [name: string, value: unknown][] = []
  let at = firstMember(text)
  while (text.charCodeAt(at) === quote) {
    const keyEnd = skipString(text, at)
    const start = valueStart(text, keyEnd)
    const end = skipValue(text, start)
    entries.push([unescaped(text.slice(at, keyEnd)), JSON.parse(text.slice(start, end))])
    at = nextMember(text, end)
  }
  return Object.fromEntries(entries)
}

/**
 * The source text of the values of some members, in the order of `names`; `null` where the object has no such member. Of
 * several members with one name the last counts, as in `JSON.parse`. One pass over the text.
 *
 * The answers may share memory with `text` and keep all of it alive: copy what is to be kept for long.
 * @param text an object that `JSON.parse` accepts. For any other text the answer means nothing, but none throws.
 */
export function memberSources<const Names extends readonly string[]>(text: string, names: Names): SourcesOf<Names> {
  const found: (string | null)[] = new Array(names.length).fill(null)
  let at = firstMember(text)
  while (text.charCodeAt(at) === quote) {
    const keyEnd = skipString(text, at)
    const start = valueStart(text, keyEnd)
    const end = skipValue(text, start)
    const place = placeOf(text, at, keyEnd, names)
    if (place >= 0) found[place] = text.slice(start, end)
    at = nextMember(text, end)
  }
  return found as SourcesOf<Names>
}

/** How many members an object has in its text, members with the same name counted each. `text` as in `memberSources`. */
export function countMembers(text: string): number {
  let count = 0
  let at = firstMember(text)
  while (text.charCodeAt(at) === quote) {
    count++
    at = nextMember(text, skipValue(text, valueStart(text, skipString(text, at))))
  }
  return count
}

function firstMember(text: string): number {
  return skipSpace(text, skipSpace(text, 0) + 1) // behind the opening brace
}

function valueStart(text: string, keyEnd: number): number {
  return skipSpace(text, skipSpace(text, keyEnd) + 1) // behind the colon
}

/** @returns the opening quote of the next name, or the place of anything else at the end of the object */
function nextMember(text: string, valueEnd: number): number {
  const at = skipSpace(text, valueEnd)
  return text.charCodeAt(at) === comma ? skipSpace(text, at + 1) : text.length
}

/** Which of `names` stands between the quotes. */
function placeOf(text: string, keyStart: number, keyEnd: number, names: readonly string[]): number {
  const length = keyEnd - keyStart - 2
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!
    if (name.length === length && text.startsWith(name, keyStart + 1)) return i
  }
  // An escaped name is longer than the name, and can be any of them.
  return hasEscape(text, keyStart, keyEnd) ? names.indexOf(unescaped(text.slice(keyStart, keyEnd))) : -1
}

function hasEscape(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (text.charCodeAt(at) === backslash) return true
  return false
}

function unescaped(key: string): string {
  try {
    return JSON.parse(key) as string
  } catch {
    return key // Not JSON: see memberSources.
  }
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (isSpace(text.charCodeAt(at))) at++
  return at
}

function isSpace(c: number): boolean {
  return c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09
}

/** @returns the place behind the closing quote */
function skipString(text: string, from: number): number {
  let at = from + 1
  for (;;) {
    const end = text.indexOf('"', at)
    if (end < 0) return text.length
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes++
    if (slashes % 2 === 0) return end + 1
    at = end + 1
  }
}

function skipValue(text: string, from: number): number {
  const first = text.charCodeAt(from)
  if (first === quote) return skipString(text, from)
  let at = from
  if (first !== openBrace && first !== openBracket) {
    while (at < text.length && !endsScalar(text.charCodeAt(at))) at++
    return at
  }
  let depth = 0
  while (at < text.length) {
    const c = text.charCodeAt(at)
    if (c === quote) {
      at = skipString(text, at)
      continue
    }
    at++
    if (c === openBrace || c === openBracket) depth++
    else if ((c === closeBrace || c === closeBracket) && --depth === 0) return at
  }
  return at
}

function endsScalar(c: number): boolean {
  return c === comma || c === closeBrace || isSpace(c)
}
