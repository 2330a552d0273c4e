/** Finds the source text of the members of a JSON object, so that values can be passed on exactly as they were written. */

const quote = 0x22
const backslash = 0x5c
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d
const colon = 0x3a
const comma = 0x2c

/**
 * The source text of one member's value, or `null` when the object has no such member. The last of several members with
 * one name counts, as in `JSON.parse`.
 * @param text an object that `JSON.parse` has accepted; only then is the answer meaningful
 */
export function memberSource(text: string, name: string): string | null {
  let found: string | null = null
  forEachMember(text, (key, start, end) => {
    if (key === name) found = text.slice(start, end)
  })
  return found
}

/** Whether an object, accepted by `JSON.parse`, names a member twice. */
export function hasDuplicateMember(text: string): boolean {
  const names = new Set<string>()
  let duplicate = false
  forEachMember(text, (key) => {
    duplicate ||= names.has(key)
    names.add(key)
  })
  return duplicate
}

function forEachMember(text: string, visit: (key: string, start: number, end: number) => void): void {
  let at = skipSpace(text, 0) + 1 // behind the opening brace
  for (;;) {
    at = skipSpace(text, at)
    if (text.charCodeAt(at) !== quote) return // the closing brace
    const keyEnd = skipString(text, at)
    const raw = text.slice(at + 1, keyEnd - 1)
    const key = raw.includes('\\') ? (JSON.parse(text.slice(at, keyEnd)) as string) : raw
    at = skipSpace(text, keyEnd)
    if (text.charCodeAt(at) !== colon) return
    const start = skipSpace(text, at + 1)
    const end = skipValue(text, start)
    visit(key, start, end)
    at = skipSpace(text, end)
    if (text.charCodeAt(at) !== comma) return
    at++
  }
}

function skipSpace(text: string, from: number): number {
  let at = from
  for (;;) {
    const c = text.charCodeAt(at)
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return at
    at++
  }
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
  if (first !== openBrace && first !== openBracket) return skipScalar(text, from)
  let depth = 0
  let at = from
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

function skipScalar(text: string, from: number): number {
  let at = from
  for (; at < text.length; at++) {
    const c = text.charCodeAt(at)
    if (c === comma || c === closeBrace || c === closeBracket || c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) break
  }
  return at
}
