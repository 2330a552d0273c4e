import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HocketError } from './errors.ts'
import { checkMetadata, metadataFromHeaders } from './metadata.ts'

const sized = (count: number, bytes: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'v'.repeat(bytes - `k${i}`.length)]))

describe('metadata', () => {
  it('is fine up to every limit', () => {
    const fine = [
      {},
      { k: '' },
      { k: '\0\x7f' },
      { "!#$%&'*+-.^_`|~09aZ": 'v' },
      { ['k'.repeat(256)]: 'v'.repeat(1024) },
    ]
    for (const metadata of [...fine, sized(8, 1024)]) expect(checkMetadata(metadata)).toBeNull()
  })

  it('is refused one byte above', () => {
    expect(checkMetadata({ ['k'.repeat(257)]: 'v' })).toBe('a metadata key is longer than 256 bytes')
    expect(checkMetadata({ k: 'v'.repeat(1025) })).toBe("the metadata value is longer than 1024 bytes for key 'k'")
    expect(checkMetadata({ ...sized(8, 1024), x: '' })).toBe('the metadata is longer than 8192 bytes in all')
  })

  it('has keys of token characters and values of ASCII', () => {
    for (const key of ['', ' ', 'a b', 'a:b', 'a/b', 'ä', '\u212a', 'a\n', '(', '"', '{}']) {
      expect(checkMetadata({ [key]: 'v' })).toBe(
        'a metadata key is empty or has a character that HTTP tokens do not have',
      )
    }
    expect(checkMetadata({ k: 'é' })).toBe("the metadata value is not ASCII for key 'k'")
    expect(checkMetadata({ k: '\x80' })).toBe("the metadata value is not ASCII for key 'k'")
  })

  it('may have a key that objects inherit', () => {
    expect(checkMetadata(JSON.parse('{"__proto__":"v","constructor":"é"}'))).toContain("'constructor'")
  })
})

describe('metadata headers', () => {
  it('give keys in lower case, and nothing when there are none', () => {
    expect(metadataFromHeaders([])).toBeNull()
    expect(
      metadataFromHeaders([
        ['content-type', 'x'],
        ['x-webpubsub-metadata', 'x'],
      ]),
    ).toBeNull()
    expect(metadataFromHeaders([['X-WebPubSub-Metadata-Trace-ID', ' Abc ']])).toEqual({ 'trace-id': 'Abc' })
    expect(metadataFromHeaders(new Headers({ 'x-webpubsub-metadata-a': '1' }).entries())).toEqual({ a: '1' })
  })

  it('count the last of several, and what is behind the last comma', () => {
    expect(
      metadataFromHeaders([
        ['x-webpubsub-metadata-a', '1'],
        ['X-WEBPUBSUB-METADATA-A', '2, 3 ,4'],
        ['x-webpubsub-metadata-b', 'x,'],
      ]),
    ).toEqual({ a: '4', b: '' })
  })

  it('keep a key that objects inherit', () => {
    expect(Object.keys(metadataFromHeaders([['x-webpubsub-metadata-__proto__', '1']])!)).toEqual(['__proto__'])
  })

  it('are refused with what is wrong', () => {
    const refused: [string, string, string][] = [
      ['', 'v', 'A metadata key is empty or has a character that HTTP tokens do not have.'],
      ['a b', 'v', 'A metadata key is empty or has a character that HTTP tokens do not have.'],
      ['k', 'é', "The metadata value is not ASCII for key 'k'."],
      ['k'.repeat(257), 'v', 'A metadata key is longer than 256 bytes.'],
    ]
    for (const [key, value, message] of refused) {
      expect(() => metadataFromHeaders([[`x-webpubsub-metadata-${key}`, value]])).toThrow(
        expect.objectContaining({ code: 'invalidMetadata', http: 400, target: 'Request', message }),
      )
    }
  })

  it('give valid metadata or our error, whatever they hold', () => {
    const header = fc.tuple(
      fc.oneof(
        fc.string(),
        fc.string({ unit: 'binary' }).map((key) => `x-WebPubSub-metadata-${key}`),
      ),
      fc.string({ unit: 'binary' }),
    )
    fc.assert(
      fc.property(fc.array(header, { maxLength: 4 }), (headers) => {
        try {
          expect(checkMetadata(metadataFromHeaders(headers) ?? {})).toBeNull()
        } catch (error) {
          expect(error).toBeInstanceOf(HocketError)
          expect(error).toMatchObject({ code: 'invalidMetadata' })
        }
      }),
      { numRuns: 5000 },
    )
  })
})
