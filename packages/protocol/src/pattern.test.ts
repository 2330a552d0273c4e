import { describe, expect, it } from 'vitest'
import { compilePattern, maxPatternLength } from './pattern.ts'

function matches(pattern: string, group: string): boolean {
  const compiled = compilePattern(pattern)
  if (compiled.kind !== 'pattern') throw new Error(`'${pattern}' is ${JSON.stringify(compiled)}`)
  return compiled.matches(group)
}

describe('compilePattern', () => {
  it.each([
    ['chat-*', 'chat-1', true],
    ['chat-*', 'chat-room', true],
    ['chat-*', 'chat-', true],
    ['chat-*', 'chat.1', false],
    ['chat-*', 'chat-1.a', false],
    ['chat-*', 'xchat-1', false],
    ['chat-*', 'Chat-1', false],
    ['clientA.*', 'clientA.alpha', true],
    ['clientA.*', 'clientA.alpha.room1', false],
    ['clientA.*', 'clientB.alpha', false],
    ['clientA.**', 'clientA.alpha', true],
    ['clientA.**', 'clientA.alpha.room1', true],
    ['clientA.**', 'clientA.', true],
    ['clientA.**', 'clientA', false],
    ['clientA.**', 'clientB.x', false],
    ['clientA.rooms.?1', 'clientA.rooms.a1', true],
    ['clientA.rooms.?1', 'clientA.rooms.11', true],
    ['clientA.rooms.?1', 'clientA.rooms.1', false],
    ['clientA.rooms.?1', 'clientA.rooms.a.1', false],
    ['client-?', 'client-.', false],
    ['client-?', 'client-ab', false],
    ['*', 'room', true],
    ['*', '', true],
    ['*', 'room.nested', false],
    ['?', 'a', true],
    ['?', '.', false],
    ['*.*.*.*.*', 'a.b.c.d.e', true],
    ['*.*.*.*.*', 'a.b.c.d', false],
    ['*****', 'room.nested', true],
    ['\\******', '*room.nested', true],
    ['\\******', 'room.nested', false],
    ['***', 'a.b', true],
    ['**a', 'x.a', true],
    ['**a', 'x.a.b', false],
    ['**.a', '.a', true],
    ['**a*b', 'a.ab', true],
    ['**a*b', 'a.b', false],
    ['**a*b', 'ab.a.aab', true],
    ['*a**b*', 'xa.y.bz', true],
    ['*a**b*', 'x.a.b', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['a*a?', 'aaa', true],
    ['*?', '', false],
    ['*?', 'aaa', true],
    ['a\\?*', 'a?b', true],
    ['a\\?*', 'axb', false],
    ['a\\\\*', 'a\\b', true],
    ['\\**', '*x', true],
    ['room(*)+[a]', 'room(x)+[a]', true],
    ['room(*)+[a]', 'room(x)a', false],
    ['a*', 'a\nb', true],
  ])('%s on %j is %s', (pattern, group, expected) => {
    expect(matches(pattern, group)).toBe(expected)
  })

  it('takes a Unicode code point for one character', () => {
    expect(matches('room-?', 'room-😀')).toBe(true)
    expect(matches('room-??', 'room-😀')).toBe(false)
    expect(matches('room-??', 'room-é1')).toBe(true)
    expect(matches('*?', '😀')).toBe(true)
    expect(matches('*😀*', 'a😀b')).toBe(true)
    expect(matches('*\ude00', '😀')).toBe(false)
    expect(matches('\ud83d*', '😀')).toBe(false)
    expect(matches('\ud83d*', '\ud83da')).toBe(true)
  })

  it.each([
    ['room', 'room'],
    ['room.a', 'room.a'],
    ['room\\*', 'room*'],
    ['room\\?', 'room?'],
    ['room\\\\', 'room\\'],
    ['\\*\\*\\*\\*\\*\\*\\*', '*******'],
    ['😀', '😀'],
  ])('takes %s without a wildcard for the literal %s', (pattern, text) => {
    expect(compilePattern(pattern)).toEqual({ kind: 'literal', text })
  })

  it('takes ** alone for every group', () => {
    expect(compilePattern('**')).toEqual({ kind: 'any' })
  })

  it.each([
    ['', 'it is empty'],
    ['******', 'it has 6 unescaped * characters, the limit is 5'],
    ['\\*******', 'it has 6 unescaped * characters, the limit is 5'],
    ['*.*.*.*.*.*', 'it has 6 unescaped * characters, the limit is 5'],
    ['a\\', 'it ends with a lone backslash'],
    ['*\\\\\\', 'it ends with a lone backslash'],
    ['invalid-\\a', 'a backslash may only stand before a backslash, * or ?'],
    ['a\\.b*', 'a backslash may only stand before a backslash, * or ?'],
    [`${'a'.repeat(maxPatternLength)}*`, 'it has 1025 characters, the limit is 1024'],
  ])('refuses %s', (pattern, reason) => {
    expect(compilePattern(pattern)).toEqual({ kind: 'invalid', reason })
  })

  it('takes 1,024 characters', () => {
    expect(matches(`${'a'.repeat(maxPatternLength - 1)}*`, 'a'.repeat(1024))).toBe(true)
  })

  it.each([
    ['five stars between runs', Array.from({ length: 6 }, () => 'a'.repeat(169)).join('*'), `${'a'.repeat(1023)}b`],
    ['single characters between stars', '*a*a*a*a*', `${'a'.repeat(1023)}.`],
    ['question marks', `*${'?'.repeat(500)}*${'?'.repeat(500)}b`, 'a'.repeat(1024)],
    ['stars of both kinds', `**${'a?'.repeat(200)}*${'a?'.repeat(200)}**b`, 'a'.repeat(1024)],
    ['dots', `**${'a.'.repeat(250)}*${'a.'.repeat(250)}*b`, 'a.'.repeat(512)],
  ])('needs bounded time: %s', (_, pattern, group) => {
    const start = performance.now()
    for (let run = 0; run < 10; run++) expect(matches(pattern, group)).toBe(false)
    expect((performance.now() - start) / 10).toBeLessThan(100)
  })
})
