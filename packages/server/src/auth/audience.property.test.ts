import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AudienceMismatch, clientAudience, matchesAudience, originsOf, parseOrigin, restAudience } from './audience.ts'
import { percentDecode, splitTarget } from './target.ts'

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom('/', '%', '2', 'F', '?', '#', ':', 'a', 'é', '\n', '[', ']', '@', 'http://', 'h'),
  }),
)
const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((value) => value.isWellFormed())

describe('audiences', () => {
  it('never throw, whatever the strings', () => {
    fc.assert(
      fc.property(fc.oneof(text, fc.array(text), fc.anything()), text, text, text, (aud, path, host, endpoint) => {
        for (const endpoints of [[], [endpoint]]) {
          const origins = originsOf(endpoints, ['http://localhost:8080'], host)
          for (const expected of [restAudience(origins, path), clientAudience(origins, path, true)]) {
            expect(typeof matchesAudience(aud, expected)).toBe('boolean')
            expect(new AudienceMismatch(aud, expected).expected.join()).not.toMatch(/[\n\u001b]/)
          }
        }
        parseOrigin(endpoint)
        percentDecode(path)
        expect(splitTarget(path).path).not.toBe('')
      }),
      { numRuns: 2000 },
    )
  })

  it('match the request they were signed for, however each side escapes the name', () => {
    const escapeAll = (value: string) =>
      [...Buffer.from(value)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
    fc.assert(
      fc.property(name, fc.boolean(), fc.boolean(), (group, signsAll, sendsAll) => {
        const spell = (all: boolean) => (all ? escapeAll(group) : encodeURIComponent(group))
        const expected = restAudience(originsOf([], [], 'h'), `/api/hubs/x/groups/${spell(sendsAll)}/:send`)
        expect(matchesAudience(`http://h/api/hubs/x/groups/${spell(signsAll)}/:send?q=1`, expected)).toBe(true)
      }),
    )
  })

  it('match no request for another name', () => {
    fc.assert(
      fc.property(name, name, (signed, sent) => {
        fc.pre(signed !== sent)
        const expected = restAudience(originsOf([], [], 'h'), `/api/hubs/x/groups/${encodeURIComponent(sent)}`)
        const aud = `http://h/api/hubs/x/groups/${encodeURIComponent(signed)}`
        expect(matchesAudience(aud, expected)).toBe(false)
      }),
    )
  })
})
