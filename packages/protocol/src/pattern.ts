/** Most unescaped `*` characters in a pattern; `**` counts two. */
export const maxPatternStars = 5

/** Most UTF-16 code units in a pattern. */
export const maxPatternLength = 1024

/** A pattern with a wildcard. */
export interface Pattern {
  readonly kind: 'pattern'
  readonly source: string
  /** Whether the whole name matches. Time is bounded by the product of both lengths. */
  matches(group: string): boolean
}

export type CompiledPattern =
  /** No wildcard: exactly the group `text`, escapes resolved. */
  | { readonly kind: 'literal'; readonly text: string }
  /** `**` alone: every group. */
  | { readonly kind: 'any' }
  | Pattern
  | { readonly kind: 'invalid'; readonly reason: string }

const DOT = 0x2e
const ANY = -1

/** Pieces between stars; `ANY` stands for `?`. */
interface Segment {
  readonly codePoints: readonly number[]
  /** The segment as text, when it can be compared as such. */
  readonly text: string | null
}

/** Whether the star in front of a segment crosses dots. */
type Star = 'within' | 'across'

/**
 * Compiles the pattern of a `webpubsub.sendToGroups.<pattern>` or `webpubsub.joinLeaveGroups.<pattern>` role.
 *
 * `?` is one character except `.`, `*` any number except `.`, `**` any number; `\` escapes `\`, `*` and `?`. A character
 * is a Unicode code point, so that `?` matches an emoji. Names are compared case-sensitively and whole.
 */
export function compilePattern(pattern: string): CompiledPattern {
  if (pattern === '') return invalid('it is empty')
  if (pattern.length > maxPatternLength) {
    return invalid(`it has ${pattern.length} characters, the limit is ${maxPatternLength}`)
  }
  const segments: number[][] = [[]]
  const stars: Star[] = []
  let starCharacters = 0
  let wild = false
  for (let index = 0; index < pattern.length; ) {
    const codePoint = pattern.codePointAt(index)!
    index += codePoint > 0xffff ? 2 : 1
    switch (pattern[index - 1]) {
      case '\\': {
        const escaped = pattern[index]
        if (escaped === undefined) return invalid('it ends with a lone backslash')
        if (escaped !== '\\' && escaped !== '*' && escaped !== '?') {
          return invalid('a backslash may only stand before a backslash, * or ?')
        }
        segments.at(-1)!.push(escaped.charCodeAt(0))
        index++
        break
      }
      case '?':
        wild = true
        segments.at(-1)!.push(ANY)
        break
      case '*': {
        wild = true
        const double = pattern[index] === '*'
        if (double) index++
        starCharacters += double ? 2 : 1
        stars.push(double ? 'across' : 'within')
        segments.push([])
        break
      }
      default:
        segments.at(-1)!.push(codePoint)
    }
  }
  if (starCharacters > maxPatternStars) {
    return invalid(`it has ${starCharacters} unescaped * characters, the limit is ${maxPatternStars}`)
  }
  if (!wild) return { kind: 'literal', text: String.fromCodePoint(...segments[0]!) }
  if (pattern === '**') return { kind: 'any' }
  const matcher = segments.map(toSegment)
  return { kind: 'pattern', source: pattern, matches: (group) => matches(matcher, stars, group) }
}

function invalid(reason: string): CompiledPattern {
  return { kind: 'invalid', reason }
}

function toSegment(codePoints: readonly number[]): Segment {
  if (codePoints.includes(ANY)) return { codePoints, text: null }
  const text = String.fromCodePoint(...codePoints)
  // A lone surrogate as text would match half of a character.
  return { codePoints, text: text.isWellFormed() ? text : null }
}

/**
 * Walks the segments and keeps, in ascending order, all positions where the segments so far can end. No backtracking:
 * each segment is tried once at each position.
 */
function matches(segments: readonly Segment[], stars: readonly Star[], name: string): boolean {
  const first = endOf(segments[0]!, name, 0)
  if (first < 0) return false
  let ends = [first]
  for (const [index, star] of stars.entries()) {
    const segment = segments[index + 1]!
    const isLast = index === stars.length - 1
    if (isLast && segment.codePoints.length === 0) {
      return star === 'across' || !name.includes('.', ends.at(-1)!)
    }
    ends = endsAfterStar(star, segment, ends, name)
    if (ends.length === 0) return false
  }
  return ends.at(-1) === name.length
}

function endsAfterStar(star: Star, segment: Segment, from: readonly number[], name: string): number[] {
  const ends: number[] = []
  let reached = false
  let next = 0
  for (let position = from[0]!; position <= name.length; position += widthAt(name, position)) {
    if (from[next] === position) {
      reached = true
      next++
    }
    if (reached) {
      const end = endOf(segment, name, position)
      if (end >= 0) ends.push(end)
    }
    if (star === 'within' && name.charCodeAt(position) === DOT) reached = false
  }
  return ends
}

/** Where the segment ends that begins at a position, or -1. */
function endOf(segment: Segment, name: string, start: number): number {
  if (segment.text !== null) return name.startsWith(segment.text, start) ? start + segment.text.length : -1
  let position = start
  for (const expected of segment.codePoints) {
    const codePoint = name.codePointAt(position)
    if (codePoint === undefined || (expected === ANY ? codePoint === DOT : codePoint !== expected)) return -1
    position += codePoint > 0xffff ? 2 : 1
  }
  return position
}

/** 1 at the end of the text as well. */
function widthAt(text: string, position: number): number {
  return (text.codePointAt(position) ?? 0) > 0xffff ? 2 : 1
}
