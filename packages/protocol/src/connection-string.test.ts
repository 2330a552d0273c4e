import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatConnectionString, parseConnectionString } from './connection-string.ts'
import { HocketError } from './errors.ts'

const accessKey = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH'
const parse = parseConnectionString
const endpointOf = (endpoint: string) => parse(`Endpoint=${endpoint};AccessKey=k`).endpoint

function refusal(text: string): string {
  try {
    parse(text)
  } catch (error) {
    expect(error).toBeInstanceOf(HocketError)
    expect(error).toMatchObject({ code: 'invalidConnectionString' })
    return (error as HocketError).message.replace('Invalid connection string: ', '')
  }
  throw new Error('accepted')
}

describe('a connection string', () => {
  it('is read in the form of the portal and of a local server', () => {
    expect(parse(`Endpoint=https://name.example.net;AccessKey=${accessKey};Version=1.0;`)).toEqual({
      endpoint: 'https://name.example.net',
      accessKey,
    })
    expect(parse(`Endpoint=http://localhost;AccessKey=${accessKey};Port=8080;Version=1.0;`)).toEqual({
      endpoint: 'http://localhost:8080',
      accessKey,
    })
  })

  it('ignores case and order of names, space, empty parts and unknown names', () => {
    const text = ' ; accesskey = k== ;; VERSION=1.0;AuthType=azure.msi;ClientEndpoint=http://c ; ENDPOINT = http://h ;'
    expect(parse(text)).toEqual({ endpoint: 'http://h', accessKey: 'k==' })
    expect(parse('Endpoint=http://h;AccessKey=a=b=;x=1;x=2')).toEqual({ endpoint: 'http://h', accessKey: 'a=b=' })
  })

  it('has an endpoint that is a URL, https unless it says otherwise, without a slash at the end', () => {
    expect(endpointOf('h')).toBe('https://h')
    expect(endpointOf('localhost:8080')).toBe('https://localhost:8080')
    expect(endpointOf('HTTP://Host')).toBe('http://host')
    expect(endpointOf('https://h:443/')).toBe('https://h')
    expect(endpointOf('http://h:1/Prefix/a//')).toBe('http://h:1/Prefix/a')
    expect(endpointOf('http://[::1]:8080')).toBe('http://[::1]:8080')
  })

  it('lets Port win over the port of the endpoint', () => {
    expect(endpointOf('http://h/;Port=8080')).toBe('http://h:8080')
    expect(endpointOf('http://h:1/p/;Port=8080')).toBe('http://h:8080/p')
    expect(endpointOf('http://h:1;port= 80 ')).toBe('http://h')
  })

  it('is refused with the name of what is wrong', () => {
    expect(refusal('')).toMatch(/^Endpoint and AccessKey missing\. /)
    expect(refusal('AccessKey=k')).toMatch(/^Endpoint missing\. /)
    expect(refusal('Endpoint=http://h;AccessKey= ;')).toMatch(/^AccessKey missing\. /)
    expect(refusal('Endpoint=http://h;secret;AccessKey=k')).toMatch(/^part 2 is not 'Name=value'\. /)
    expect(refusal('Endpoint=http://h;=secret')).toMatch(/^part 2 is not 'Name=value'\. /)
    expect(refusal('Endpoint=http://h;AccessKey=a;accessKEY=b')).toBe('AccessKey is there twice.')
    for (const port of ['', '0', '65536', '-1', '80a', '1e3', '080000']) {
      expect(refusal(`Endpoint=http://h;AccessKey=k;Port=${port}`)).toBe('Port is not a number from 1 to 65535.')
    }
    for (const endpoint of ['http://', 'http://a b', 'http://h:x', 'https://h:99999', '://h']) {
      expect(refusal(`Endpoint=${endpoint};AccessKey=k`)).toBe('Endpoint is not a URL.')
    }
    expect(refusal('Endpoint=ws://h;AccessKey=k')).toBe('Endpoint does not start with http:// or https://.')
    for (const endpoint of ['http://u:p@h', 'http://h/?q', 'http://h/#f', 'http://h?AccessKey=k']) {
      expect(refusal(`Endpoint=${endpoint};AccessKey=k`)).toBe('Endpoint has more than scheme, host, port and path.')
    }
  })

  it('never shows the key, wherever it stands', () => {
    const part = fc.constantFrom('Endpoint=', 'AccessKey=', 'Port=', 'http://', ';', ';', '=', ' ', 'h', '/', '?')
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), fc.array(part, { maxLength: 6 }), (before, after) => {
        const text = `${before.join('')}s3cr3t${after.join('')}`
        try {
          parse(text)
        } catch (error) {
          expect(error).toBeInstanceOf(HocketError)
          expect((error as HocketError).message.toLowerCase()).not.toContain('s3cr3t')
          expect((error as HocketError).cause).toBeUndefined()
        }
      }),
      { numRuns: 10_000 },
    )
  })

  it('is read or refused with our error, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (endpoint, rest) => {
        try {
          expect(parse(`AccessKey=k;Endpoint=${endpoint};${rest}`).endpoint).toMatch(/^https?:\/\/[^/]/)
        } catch (error) {
          expect(error).toBeInstanceOf(HocketError)
        }
      }),
      { numRuns: 5000 },
    )
  })
})

describe('a printed connection string', () => {
  it('has exactly the form that all SDKs read', () => {
    expect(formatConnectionString({ endpoint: 'http://localhost:8080', accessKey })).toBe(
      `Endpoint=http://localhost:8080;AccessKey=${accessKey};Version=1.0;`,
    )
  })

  it('is read back to what it was made of', () => {
    const key = fc
      .string({ minLength: 1, unit: 'grapheme' })
      .filter((text) => !text.includes(';') && text.trim() === text)
    const endpoint = fc
      .webUrl({ withQueryParameters: false, withFragments: false })
      .filter((url) => !url.includes(';'))
      .map((url) => endpointOf(url))
    fc.assert(
      fc.property(endpoint, key, (url, text) => {
        const parts = { endpoint: url, accessKey: text }
        expect(parse(formatConnectionString(parts))).toEqual(parts)
      }),
      { numRuns: 3000 },
    )
  })

  it('refuses what would not be read back', () => {
    expect(() => formatConnectionString({ endpoint: 'http://h/;a', accessKey })).toThrow(/an endpoint has/)
    for (const key of ['', 'a;b', ' a', 'a\n']) {
      expect(() => formatConnectionString({ endpoint: 'http://h', accessKey: key })).toThrow(
        expect.objectContaining({ code: 'invalidConnectionString' }),
      )
    }
  })
})
