import { randomBytes } from 'node:crypto'

/** A hub that no other test uses, so that suites can share one server. */
export function freshHub(): string {
  return `js_${randomBytes(6).toString('hex')}`
}

/** Names that a careless path, query or JSON writer breaks, each with a word for the test's title. */
export const awkwardNames: readonly (readonly [title: string, name: string])[] = [
  ['a slash', 'rooms/lobby'],
  ['several slashes', '/a//b/'],
  ['spaces', ' two words '],
  ['a percent sign', '100%'],
  ['what looks like an escape', 'a%2Fb %20'],
  ['a plus sign', 'a+b'],
  ['query characters', 'a?b=c&d#e'],
  ['quotes and backslashes', `it's "q" \\ back`],
  ['brackets and colons', '[a]:{b}|(c),d;e'],
  ['dots', 'a..b.'],
  ['emoji', 'party 🎉👩‍👩‍👧‍👦'],
  ['combining and right-to-left text', 'e\u0301 שלום'],
  ['1,024 CJK characters', '漢字仮名交'.repeat(205).slice(0, 1024)],
]
