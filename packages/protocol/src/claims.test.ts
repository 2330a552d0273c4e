import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ClientTokenClaims, readClientClaims } from './claims.ts'
import { HocketError } from './errors.ts'

const nobody = { userId: null, roles: [], groups: [], reconnectionTokenTtlSeconds: null }

describe('the claims of a client token', () => {
  it('give an anonymous client without rights when there are none', () => {
    expect(readClientClaims({ aud: 'x', exp: 1 })).toEqual(nobody)
    expect(readClientClaims({ sub: null, role: null, 'webpubsub.group': null, 'webpubsub.rtoken.ttl': null })).toEqual(
      nobody,
    )
    expect(readClientClaims({ sub: '', role: [], 'webpubsub.group': [] })).toEqual(nobody)
  })

  it('are read as the SDKs write them, lists or single strings', () => {
    const issued: ClientTokenClaims = {
      aud: 'http://localhost:8080/client/hubs/chat',
      exp: 2,
      sub: 'alice',
      role: ['webpubsub.sendToGroup', 'webpubsub.joinLeaveGroup.g'],
      'webpubsub.group': ['g1', 'g 2'],
    }
    expect(readClientClaims({ ...issued })).toEqual({
      userId: 'alice',
      roles: ['webpubsub.sendToGroup', 'webpubsub.joinLeaveGroup.g'],
      groups: ['g1', 'g 2'],
      reconnectionTokenTtlSeconds: null,
    })
    expect(readClientClaims({ sub: ' ', role: 'r', 'webpubsub.group': 'g', 'webpubsub.rtoken.ttl': 60 })).toEqual({
      userId: ' ',
      roles: ['r'],
      groups: ['g'],
      reconnectionTokenTtlSeconds: 60,
    })
  })

  it('are refused with 401 when one has the wrong type', () => {
    const refused: [Record<string, unknown>, string][] = [
      [{ sub: 7 }, "The claim 'sub' of the token must be a string."],
      [{ sub: ['a'] }, "The claim 'sub' of the token must be a string."],
      [{ role: 5 }, "The claim 'role' of the token must be a string or a list of strings."],
      [{ role: ['a', 5] }, "The claim 'role' of the token must be a string or a list of strings."],
      [{ 'webpubsub.group': {} }, "The claim 'webpubsub.group' of the token must be a string or a list of strings."],
      ...[0, -1, 1.5, '60', Number.NaN, 1e300].map((ttl): [Record<string, unknown>, string] => [
        { 'webpubsub.rtoken.ttl': ttl },
        "The claim 'webpubsub.rtoken.ttl' of the token must be a whole number of seconds above 0.",
      ]),
    ]
    for (const [payload, message] of refused) {
      expect(() => readClientClaims(payload)).toThrow(
        expect.objectContaining({ code: 'unauthorized', http: 401, message }),
      )
    }
  })

  it('are refused with 400 when a group cannot have that name', () => {
    for (const group of ['', ' ', 'x'.repeat(1025), ['g', '']]) {
      expect(() => readClientClaims({ 'webpubsub.group': group })).toThrow(
        expect.objectContaining({ code: 'invalidGroup', http: 400, target: 'webpubsub.group' }),
      )
    }
  })

  it('give claims or our error, whatever a token says', () => {
    const names = fc.constantFrom('sub', 'role', 'webpubsub.group', 'webpubsub.rtoken.ttl')
    fc.assert(
      fc.property(fc.dictionary(names, fc.jsonValue({ maxDepth: 2 })), (payload) => {
        try {
          const { userId, roles, groups } = readClientClaims(payload)
          for (const text of [userId ?? '', ...roles, ...groups]) expect(typeof text).toBe('string')
        } catch (error) {
          expect(error).toBeInstanceOf(HocketError)
        }
      }),
      { numRuns: 5000 },
    )
  })
})
