import { describe, expect, it } from 'vitest'
import { countMembers, memberSources, parseMembers } from './json-source.ts'

const source = (text: string, name: string) => memberSources(text, [name])[0]

describe('the source of members', () => {
  it('is exactly what stands between the colon and what follows, without the space around it', () => {
    expect(source('{"a":1}', 'a')).toBe('1')
    expect(source(' {\n"a"\t: [ 1 , { "b" : "]" } ]\r, "c":2}', 'a')).toBe('[ 1 , { "b" : "]" } ]')
    expect(source('{"a":9007199254740993 }', 'a')).toBe('9007199254740993')
    expect(source('{"a":-0.0e+1\n}', 'a')).toBe('-0.0e+1')
    expect(source('{"x":null,"a":true}', 'a')).toBe('true')
  })

  it('comes in the order of the names, with null for what is not there', () => {
    expect(memberSources('{"c":3,"a":1}', ['a', 'b', 'c'])).toEqual(['1', null, '3'])
    expect(memberSources('{}', ['a'])).toEqual([null])
    expect(memberSources(' { } ', ['a'])).toEqual([null])
  })

  it('is that of the last member with the name, however it is written', () => {
    expect(source('{"a":1,"a":2}', 'a')).toBe('2')
    expect(source(String.raw`{"a":1,"\u0061":2}`, 'a')).toBe('2')
    expect(source(String.raw`{"\u0061":2,"a":1}`, 'a')).toBe('1')
    expect(source(String.raw`{"\"":1}`, '"')).toBe('1')
    expect(source(String.raw`{"\\u0061":1}`, 'a')).toBeNull()
    expect(source(String.raw`{"\\u0061":1}`, String.raw`\u0061`)).toBe('1')
    expect(source('{"":1}', '')).toBe('1')
    expect(source('{"__proto__":1}', '__proto__')).toBe('1')
  })

  it('is not looked for inside of values', () => {
    expect(source('{"x":{"a":1},"y":["a",1],"z":"\\"a\\":1"}', 'a')).toBeNull()
    expect(source(String.raw`{"x":"\\","a":"}\"{"}`, 'a')).toBe(String.raw`"}\"{"`)
  })
})

describe('the number of members', () => {
  it('counts members of the same name each', () => {
    expect(countMembers('{}')).toBe(0)
    expect(countMembers(' { "a" : {"b":1,"c":2} } ')).toBe(1)
    expect(countMembers(String.raw`{"a":1,"\u0061":2,"":[3,4]}`)).toBe(3)
  })
})

describe('parsing members', () => {
  it('does what JSON.parse does', () => {
    for (const text of ['null', '1', '"a\\n"', '[{"a\\n":1}]', '{}', '{"a":"\\n","b":{"c":1}}']) {
      expect(parseMembers(text)).toEqual(JSON.parse(text))
    }
    for (const text of ['', '{', '{"a":1,}', String.raw`{"\x":1}`])
      expect(() => parseMembers(text)).toThrow(SyntaxError)
  })

  it('gives escaped names their right place and value', () => {
    // Node 26.10 says `\` instead of `b` here.
    parseMembers(String.raw`{"a":1,"\\":2}`)
    expect(parseMembers(String.raw`{"a":1,"\u0062":2}`)).toEqual({ a: 1, b: 2 })
    expect(parseMembers(String.raw`{"\u0061":1,"a":2}`)).toEqual({ a: 2 })
    expect(Object.keys(parseMembers(String.raw`{"__proto\u005f_":1}`) as object)).toEqual(['__proto__'])
  })
})
