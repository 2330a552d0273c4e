import { describe, expect, it } from 'vitest'
import { HocketError } from './errors.ts'
import { compileFilter, createFilterCache, type FilterSubject, maxFilterDepth } from './filter.ts'

const anonymous: FilterSubject = { userId: null, connectionId: '', groups: new Set(), protocol: null }

function subject(fields: Partial<Omit<FilterSubject, 'groups'>> & { groups?: string[] } = {}): FilterSubject {
  return { ...anonymous, ...fields, groups: new Set(fields.groups ?? []) }
}

function holds(source: string, fields: Parameters<typeof subject>[0] = {}): boolean {
  return compileFilter(source)(subject(fields))
}

function failure(source: string): string {
  try {
    compileFilter(source)
  } catch (error) {
    expect(error).toBeInstanceOf(HocketError)
    const { code, http, serviceCode, target, message } = error as HocketError
    expect({ code, http, serviceCode, target }).toEqual({
      code: 'invalidFilter',
      http: 400,
      serviceCode: 'Error.BadRequest',
      target: 'Filter',
    })
    return message
  }
  throw new Error(`'${source}' compiled`)
}

describe('the documented examples', () => {
  it.each([
    ["'group1' in groups or 'group2' in groups", { groups: ['group2'] }, true],
    ["'group1' in groups or 'group2' in groups", { groups: ['group3'] }, false],
    ["userId in ('user1','user2','user3') and 'group1' in groups", { userId: 'user3', groups: ['group1'] }, true],
    ["userId in ('user1','user2','user3') and 'group1' in groups", { userId: 'user3' }, false],
    ["userId eq 'user1' and connectionId ne '123'", { userId: 'user1', connectionId: '124' }, true],
    ["userId eq 'user1' and (not ('group1' in groups))", { userId: 'user1', groups: ['group1'] }, false],
    ['userId eq null', {}, true],
    ["userId eq 'user''1'", { userId: "user'1" }, true],
    ["tolower(userId) eq 'user1'", { userId: 'USER1' }, true],
    ["substring(userId,5,2) eq 'ab'", { userId: '01234ab89' }, true],
    ['length(groups) gt 1', { groups: ['a', 'b'] }, true],
    ["indexof(userId,'-ab-') ge 0", { userId: 'x-ab-y' }, true],
    ["protocol eq 'json.webpubsub.azure.v1'", { protocol: 'json.webpubsub.azure.v1' }, true],
  ] as const)('%s', (source, fields, expected) => {
    expect(holds(source, fields as Parameters<typeof subject>[0])).toBe(expected)
  })
})

describe('evaluation', () => {
  it('compares strings case-sensitively and finds different types unequal', () => {
    expect(holds("userId eq 'a'", { userId: 'A' })).toBe(false)
    expect(holds("'1' eq 1")).toBe(false)
    expect(holds("'1' ne 1")).toBe(true)
    expect(holds('null eq null')).toBe(true)
    expect(holds("'' eq null")).toBe(false)
    expect(holds('groups eq groups')).toBe(true)
    expect(holds('groups ne null')).toBe(true)
  })

  it('orders integers only, and nothing is more or less than null', () => {
    expect(holds('2 gt 1 and 1 ge 1 and -1 lt +1 and 1 le 1')).toBe(true)
    expect(holds('length(userId) gt 0')).toBe(false)
    expect(holds('length(userId) le 0')).toBe(false)
    expect(holds('length(userId) gt 0', { userId: 'a' })).toBe(true)
    expect(holds("null gt 'a'")).toBe(false)
    expect(holds('2147483647 gt -2147483648')).toBe(true)
  })

  it('binds not tightest, then comparisons, then and, then or', () => {
    expect(holds('true or false and false')).toBe(true)
    expect(holds('(true or false) and false')).toBe(false)
    expect(holds('not false and false')).toBe(false)
    expect(holds('not(false and false)')).toBe(true)
    expect(holds('not not true')).toBe(true)
    expect(holds('not true eq false')).toBe(true)
    expect(holds('1 eq 1 eq true')).toBe(true)
    expect(holds('false or true eq true')).toBe(true)
  })

  it('takes identifiers in any case and functions and operators in lower case only', () => {
    expect(holds("USERID eq 'a' and ConnectionID eq '' and 'g' in GROUPS", { userId: 'a', groups: ['g'] })).toBe(true)
    expect(failure("Length('a') eq 1")).toContain("Token 'Length('a')' is not supported.")
    expect(failure("userId EQ 'a'")).toContain('Syntax error at position 9')
    expect(failure('True')).toContain("Token 'True' is not supported.")
  })

  it('needs spaces only where words would run together', () => {
    expect(holds("userId eq'a'or(length( groups )eq 0)")).toBe(true)
    expect(holds("\t'a' in('a' , 'b')\r\n")).toBe(true)
  })

  it.each([
    ["'a' in ('b', 'a')", true],
    ["'a,b' in ('a', 'b')", false],
    ["'Doe, John' in ('Doe, John')", true],
    ["'O''Brien, Jane' in ('x','O''Brien, Jane')", true],
    ["')' in (')')", true],
    ["'a' in ()", false],
    ["'a' in (,'a',,)", true],
    ["1 in ('1', 1)", true],
    ['null in (null)', true],
    ['null in (1)', false],
    ["'b' in (concat('b', null), 'c')", true],
    ["'a' in ('a', groups)", true],
    ["'g' in ('a', groups)", false],
    ["'g' in (groups)", true],
    ["'g' in ((groups))", true],
    ['null in groups', false],
    ['1 in groups', false],
    ["not ('x' in groups)", true],
  ])('in: %s is %s', (source, expected) => {
    expect(holds(source, { groups: ['g'] })).toBe(expected)
  })

  it.each([
    ["length('😀') eq 2", true],
    ['length(null) eq null', true],
    ['length(userId) eq null', true],
    ["trim(' \t\u00a0a b\u0085') eq 'a b'", true],
    ["trim('\ufeffa') eq 'a'", false],
    ['trim(null) eq null', true],
    ["toupper('aé') eq 'AÉ'", true],
    ["toupper('ß') eq 'ß'", true],
    ["toupper('ı') eq 'ı'", true],
    ["tolower('ΑΣ') eq 'ας'", false],
    ["tolower('ΑΣ') eq 'ασ'", true],
    ["tolower('İ') eq 'İ'", true],
    ["tolower('𐐀') eq '𐐨'", true],
    ["contains('abc', 'b')", true],
    ["contains('abc', 'B')", false],
    ["contains(userId, 'b')", false],
    ["contains('abc', userId)", false],
    ["startswith('abc', 'ab')", true],
    ["endswith('abc', 'bc')", true],
    ["endswith('abc', 'ab')", false],
    ["indexof('abc', 'c') eq 2", true],
    ["indexof('abc', 'x') eq -1", true],
    ["indexof(userId, 'x') eq -1", true],
    ["indexof('abc', null) eq -1", true],
    ["concat('a', 'b') eq 'ab'", true],
    ["concat(userId, 'b') eq 'b'", true],
    ["concat('a', protocol) eq 'a'", true],
    ['concat(userId, protocol) eq null', true],
    ["substring('abc', 1) eq 'bc'", true],
    ["substring('abc', 3) eq ''", true],
    ["substring('abc', 4) eq null", true],
    ["substring('abc', -1) eq null", true],
    ["substring('abc', 1, 0) eq ''", true],
    ["substring('abc', 1, 2) eq 'bc'", true],
    ["substring('abc', 1, 3) eq null", true],
    ["substring('abc', 1, -1) eq null", true],
    ["substring('abc', 2147483647, 2147483647) eq null", true],
    ['substring(userId, 0) eq null', true],
    ["substring('abc', indexof('abc', 'b'), length('a')) eq 'b'", true],
  ])('functions: %s is %s', (source, expected) => {
    expect(holds(source)).toBe(expected)
  })

  it('checks the range of substring when it evaluates, not before', () => {
    const filter = compileFilter("substring(connectionId, 1) eq 'onnection-1'")
    expect(filter(anonymous)).toBe(false)
    expect(filter(subject({ connectionId: 'connection-1' }))).toBe(true)
  })
})

describe('errors', () => {
  it('has the message that was recorded from the service', () => {
    expect(failure('invalid filter')).toBe(
      "Invalid syntax for 'invalid filter': Syntax error at position 14 in 'invalid filter'. (Parameter 'filter')",
    )
  })

  it.each([
    ["( not 'a' )", "Invalid syntax for 'not 'a'': Type 'string', expect 'bool'."],
    ['userId lt 1', "Invalid syntax for 'userId lt 1': Type 'string', expect 'int'."],
    ['invalid(ab,c)', "Invalid syntax for 'invalid(ab,c)': Token 'invalid(ab,c)' is not supported."],
    ['ab eq 1', "Invalid syntax for 'ab eq 1': Token 'ab' is not supported."],
    ['not length(userId) gt 5', "Invalid syntax for 'not length(userId)': Type 'null', expect 'bool'."],
  ])('names the sub-expression as the service does: %s', (source, message) => {
    expect(failure(source)).toBe(`${message} (Parameter 'filter')`)
  })

  it.each([
    ['true or userId', "'true or userId': Type 'string', expect 'bool'."],
    ['false and (1)', "'false and 1': Type 'int', expect 'bool'."],
    ['1 eq 1 or true or  groups  or ab', "'((1 eq 1) or true) or groups': Type 'collection', expect 'bool'."],
    ['ab or true or false', "'ab or true': Token 'ab' is not supported."],
    ['userId', "'userId': Type 'string', expect 'bool'."],
    ['null', "'null': Type 'null', expect 'bool'."],
    [' ab ', "' ab ': Token 'ab' is not supported."],
    ['not ab', "'not ab': Token 'ab' is not supported."],
    ["'a' in ( ab )", "''a' in ( ab )': Token 'ab' is not supported."],
    ["'a' in 'b'", "''a' in 'b'': Invalid token ''b''."],
    ["'a' in 1", "''a' in 1': Type 'int', expect 'collection'."],
    ["length('a','b') eq 1", "'length('a','b')': Invalid token 'length('a','b')'."],
    ['length() eq 1', "'length()': Invalid token 'length()'."],
    ['length(1) eq 1', "'length(1)': Invalid token 'length(1)'."],
    ["substring('a') eq 'a'", "'substring('a')': Invalid token 'substring('a')'."],
    ["substring('a',0,1,1) eq 'a'", "'substring('a',0,1,1)': Invalid token 'substring('a',0,1,1)'."],
    ["concat('a') eq 'a'", "'concat('a')': Invalid token 'concat('a')'."],
    ["substring('a',userId) eq 'a'", "'substring('a',userId)': Type 'string', expect 'int'."],
    ["substring('a',length(userId)) eq 'a'", "'substring('a',length(userId))': Type 'null', expect 'int'."],
    ['tolower(groups) eq null', "'tolower(groups)': Type 'collection', expect 'string'."],
    ["contains('a', true)", "'contains('a',true)': Type 'bool', expect 'string'."],
    ["length('a') gt 'a'", "'length('a') gt 'a'': Type 'string', expect 'int'."],
    ['groups/any(g) eq 1', "'groups/any(g)': Token 'groups/any(g)' is not supported."],
    ['user.name eq 1', "'user.name eq 1': Token 'user.name' is not supported."],
    ['$it eq 1', "'$it eq 1': Token '$it' is not supported."],
    ['1.5 eq 1', "'1.5 eq 1': Token '1.5' is not supported."],
    ['2147483648 eq 1', "'2147483648 eq 1': Token '2147483648' is not supported."],
    ['2026-01-01T00:00:00Z eq null', "'2026-01-01T00:00:00Z eq null': Token '2026-01-01T00:00:00Z' is not supported."],
    ['1 add 1 eq 2', "'1 add 1 eq 2': Token 'add' is not supported."],
    ['', "'': Expression expected at position 0 in ''."],
    ['  ', "'  ': Expression expected at position 2 in '  '."],
    ['true and', "'true and': Expression expected at position 8 in 'true and'."],
    ['(true', "'(true': ')' or operator expected at position 5 in '(true'."],
    ['length(userId', "'length(userId': ')' or ',' expected at position 13 in 'length(userId'."],
    ['length(,1)', "'length(,1)': Expression expected at position 7 in 'length(,1)'."],
    ["userId eq 'a''", "'userId eq 'a''': There is an unterminated string literal at position 14 in 'userId eq 'a'''."],
    ['true)', "'true)': Syntax error at position 5 in 'true)'."],
    ['userId = 1', "'userId = 1': Syntax error: character '=' is not valid at position 7 in 'userId = 1'."],
    ['- 1 eq 1', "'- 1 eq 1': Syntax error: character '-' is not valid at position 0 in '- 1 eq 1'."],
    ['ab eq 1 )', "'ab eq 1 )': Syntax error at position 9 in 'ab eq 1 )'."],
  ])('refuses: %s', (source, message) => {
    expect(failure(source)).toBe(`Invalid syntax for ${message} (Parameter 'filter')`)
  })

  it('refuses up front what would fail for some connection only', () => {
    expect(failure('tolower(userId) gt 1')).toContain("Type 'string', expect 'int'.")
    expect(failure('contains(userId, 1)')).toContain("Type 'int', expect 'string'.")
    expect(failure('length(length(userId)) eq 1')).toContain('Invalid token')
    expect(failure("substring('a', length(substring(connectionId, 1))) eq 'a'")).toContain("Type 'null', expect 'int'.")
  })

  it('cuts a long filter in its message', () => {
    expect(failure(`userId eq '${'a'.repeat(100_000)}' x`).length).toBeLessThan(2200)
  })
})

describe('size', () => {
  const nested = (depth: number) => `${'('.repeat(depth)}true${')'.repeat(depth)}`

  it('takes expressions up to the nesting limit and refuses deeper ones', () => {
    expect(holds(nested(maxFilterDepth - 1))).toBe(true)
    expect(failure(nested(maxFilterDepth))).toContain('Recursion depth exceeded')
    expect(holds(`${'not '.repeat(98)}true`)).toBe(true)
    expect(failure(`${'not '.repeat(100)}true`)).toContain('Recursion depth exceeded')
  })

  it.each([
    ['parentheses', nested(300_000)],
    ['open parentheses', '('.repeat(300_000)],
    ['not', 'not '.repeat(200_000)],
    ['calls', 'length('.repeat(100_000)],
    ['lists', "'a' in (".repeat(100_000)],
    ['comparisons', `1 eq 1${' eq true'.repeat(100_000)}`],
    ['nested comparisons', `${'('.repeat(90)}true${`${' eq true'.repeat(60)})`.repeat(90)}`],
    ['memberships', `1${' in (1)'.repeat(100_000)}`],
  ])('refuses %s without end instead of overflowing the stack', (_, source) => {
    expect(failure(source)).toContain('Recursion depth exceeded')
  })

  it('evaluates long chains of and, or and in of any length', () => {
    const rooms = Array.from({ length: 20_000 }, (_, index) => `'0~${index}' in groups`)
    const anyRoom = compileFilter(rooms.join(' or '))
    expect(anyRoom(subject({ groups: ['0~19999'] }))).toBe(true)
    expect(anyRoom(subject({ groups: ['0~20000'] }))).toBe(false)
    expect(holds(rooms.slice(0, 1000).join(' and '), { groups: ['0~1'] })).toBe(false)
    const mixed = compileFilter(`${rooms.slice(0, 500).join(' or ')} or userId eq 'a' or not ('x' in groups)`)
    expect(mixed(subject({ groups: ['x'] }))).toBe(false)
    expect(mixed(subject({ groups: ['x', '0~7'] }))).toBe(true)
    expect(mixed(subject({ groups: ['x'], userId: 'a' }))).toBe(true)
    expect(holds(`userId in (${rooms.map((_, index) => `'u${index}'`).join(',')})`, { userId: 'u7' })).toBe(true)
  })

  it('evaluates a chain of 500 rooms for 10,000 connections in far less than a second', () => {
    const filter = compileFilter(Array.from({ length: 500 }, (_, index) => `'0~${index}' in groups`).join(' or '))
    const member = subject({ groups: ['a', 'b', 'c'] })
    const start = performance.now()
    for (let index = 0; index < 10_000; index++) if (filter(member)) throw new Error('is no member')
    expect(performance.now() - start).toBeLessThan(500)
  })
})

describe('createFilterCache', () => {
  it('compiles a filter once', () => {
    const cache = createFilterCache()
    expect(cache.get("userId eq 'a'")).toBe(cache.get("userId eq 'a'"))
  })

  it('forgets the least recently used filter', () => {
    const cache = createFilterCache(2)
    const first = cache.get('1 eq 1')
    const second = cache.get('2 eq 2')
    cache.get('1 eq 1')
    cache.get('3 eq 3')
    expect(cache.get('1 eq 1')).toBe(first)
    expect(cache.get('2 eq 2')).not.toBe(second)
  })

  it('throws for an invalid filter every time', () => {
    const cache = createFilterCache()
    expect(() => cache.get('ab')).toThrow(HocketError)
    expect(() => cache.get('ab')).toThrow(HocketError)
  })
})
