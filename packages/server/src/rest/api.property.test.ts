import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { signHs256 } from '../auth/hs256.ts'
import { parseContentType } from './content-type.ts'
import { accessKey, createFixture, createRequest, nowMs } from './fixture.ts'
import { operations } from './operations/mod.ts'

const fixture = createFixture()
const documented = new Set([200, 202, 204, 400, 401, 404, 405, 409, 415])

const junk = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom(
      '%',
      '2',
      'F',
      'f',
      '/',
      ':',
      '?',
      '&',
      '=',
      "'",
      '(',
      ')',
      ' ',
      '+',
      'a',
      '群',
      '\u0000',
      '\ud800',
    ),
    maxLength: 40,
  }),
)
const names = [
  'api-version',
  'filter',
  'excluded',
  'messageTtlSeconds',
  'reason',
  'targetName',
  'maxpagesize',
  'top',
  'continuationToken',
  '__proto__',
]
const values = ['2024-12-01', '1', '0', '300', 'userId eq null', "'g' in groups", 'x', '']
const query = fc
  .array(fc.tuple(fc.constantFrom(...names), fc.oneof(fc.constantFrom(...values), junk)), { maxLength: 4 })
  .map((pairs) => pairs.map(([name, value]) => `${name}=${/[&#]/.test(value) ? value : encode(value)}`).join('&'))
const segment = fc.oneof(
  junk.map(encode),
  junk,
  fc.constantFrom('chat', 'my-hub', 'c1', 'sendToGroup', '1', '', '%2F', '..'),
)
const known = fc.constantFrom(...operations).chain(({ method, path }) =>
  fc.array(segment, { minLength: 4, maxLength: 4 }).map((parts) => {
    let i = 0
    return { method: method as string, path: path.replace(/\{\w+\}/g, () => parts[i++]!) }
  }),
)
const unknown = fc.record({
  method: fc.oneof(fc.constantFrom('GET', 'POST', 'HEAD', 'TRACE'), junk),
  path: junk.map((text) => `/api/${text}`),
})
const headers = fc.array(
  fc.tuple(
    fc.oneof(
      fc.constantFrom('content-type', 'content-length', 'x-webpubsub-metadata-k', 'authorization', 'host'),
      junk.map((name) => `x-webpubsub-metadata-${name}`.toLowerCase()),
    ),
    fc.oneof(fc.constantFrom('text/plain', 'application/json', 'application/json; charset=utf-16', '5', ''), junk),
  ),
  { maxLength: 4 },
)
const body = fc.oneof(
  fc.uint8Array({ maxLength: 60 }),
  junk,
  fc.json(),
  fc.constantFrom('{"groups":["g"],"filter":"true"}', '{"groups":["__proto__"]}'),
)

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}

function isSigned(target: string): string {
  const aud = `http://localhost:8080${target.replace(/[?#].*$/s, '')}`
  return signHs256({ aud, exp: nowMs / 1000 + 60 }, accessKey)
}

describe('the REST API', () => {
  it('answers anything with a documented status and never throws', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof({ weight: 5, arbitrary: known }, unknown),
        query,
        headers,
        body,
        fc.boolean(),
        async (call, query, headers, body, signs) => {
          const target = `${call.path}?${query}`
          const all: [string, string][] = [['host', 'localhost:8080'], ...headers]
          if (signs && !headers.some(([name]) => name === 'authorization' || name === 'host')) {
            all.push(['authorization', `Bearer ${isSigned(target)}`])
          }
          const reply = await fixture.handle(createRequest(call.method, target, all, body))
          expect([...documented], JSON.stringify({ call, query, headers })).toContain(reply.status)
          if (reply.status >= 400) expect(reply.headers['x-ms-error-code']).toMatch(/^(Error|Info|Warning)\./)
          for (const value of Object.values(reply.headers)) expect(value).toMatch(/^[\x20-\x7e]*$/)
          if (reply.body !== null) {
            expect(reply.headers['Content-Length']).toBe(String(Buffer.byteLength(reply.body)))
            expect(() => JSON.parse(String(reply.body))).not.toThrow()
          }
        },
      ),
      { numRuns: 5000 },
    )
    expect(fixture.router.published.length).toBeGreaterThan(0)
    expect(fixture.router.requests.length).toBeGreaterThan(0)
    for (const { level } of fixture.lines) expect(['debug', 'info']).toContain(level)
  })

  it('reads any content type without throwing', () => {
    fc.assert(
      fc.property(junk, (text) => {
        const type = parseContentType(text)
        expect(type === null || type.mediaType.includes('/')).toBe(true)
      }),
    )
  })
})
