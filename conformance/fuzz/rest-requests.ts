/** REST calls as bytes: complete ones that Node's parser accepts, however little sense they make. */

import fc from 'fast-check'
import type { HttpRequestBytes } from './http-wire.ts'
import { jsonPayload } from './json-frames.ts'
import { name, seldom, someBytes } from './words.ts'

export interface RestCall {
  readonly method: string
  /** Below the origin, escaped as it is sent. */
  readonly path: string
  readonly query: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer | null
  readonly isChunked: boolean
  /** Whether it carries a good token for its path. */
  readonly isAuthorized: boolean
}

/** A segment of a path: mostly a name, escaped well, badly, or not at all. */
const segment: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: name.map(escaped) },
  { weight: 2, arbitrary: fc.constantFrom('a', 'g', 'c1', 'sendToGroup', 'joinLeaveGroup', '1', '2') },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ...[
        '%',
        '%zz',
        '%C0%AF',
        '%ED%A0%80',
        '%FF',
        '%00',
        '%0d%0a',
        '%F0%9F%92%A5',
        '..',
        '.',
        ';a=b',
        '+',
        '%252F',
        '',
        '\xe9\x85',
      ],
    ),
  },
)

function escaped(text: string): string {
  return encodeURIComponent(text.toWellFormed()).slice(0, 9000)
}

const paths = [
  '/api/health',
  '/api/hubs/{}/:send',
  '/api/hubs/{}/:closeConnections',
  '/api/hubs/{}/:addToGroups',
  '/api/hubs/{}/:removeFromGroups',
  '/api/hubs/{}/:generateToken',
  '/api/hubs/{}/connections/{}',
  '/api/hubs/{}/connections/{}/:send',
  '/api/hubs/{}/connections/{}/groups',
  '/api/hubs/{}/groups/{}',
  '/api/hubs/{}/groups/{}/:send',
  '/api/hubs/{}/groups/{}/:closeConnections',
  '/api/hubs/{}/groups/{}/connections',
  '/api/hubs/{}/groups/{}/connections/{}',
  '/api/hubs/{}/permissions/{}/connections/{}',
  '/api/hubs/{}/users/{}',
  '/api/hubs/{}/users/{}/:send',
  '/api/hubs/{}/users/{}/:closeConnections',
  '/api/hubs/{}/users/{}/groups/{}',
  '/api/hubs/{}/users/{}/groups',
  '/api/{}/{}',
  '/client/hubs/{}',
  '/{}',
] as const

const path: fc.Arbitrary<string> = fc
  .record({
    template: fc.constantFrom(...paths),
    hub: fc.oneof({ weight: 5, arbitrary: fc.constant('fuzz') }, { weight: 1, arbitrary: segment }),
    values: fc.tuple(segment, segment, segment),
    ending: fc.constantFrom('', '', '', '/', '//'),
    beginning: fc.constantFrom('', '', '', '', '/', '//'),
  })
  .map(({ template, hub, values, ending, beginning }) => {
    const rest = [...values]
    const filled = template.replace('/hubs/{}', () => `/hubs/${hub}`).replaceAll('{}', () => rest.shift() ?? 'x')
    return `${beginning}${filled}${ending}`
  })

const parameter: fc.Arbitrary<string> = fc
  .tuple(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.constantFrom('api-version', 'filter', 'excluded', 'reason', 'messageTtlSeconds', 'targetName'),
      },
      {
        weight: 2,
        arbitrary: fc.constantFrom('maxpagesize', 'top', 'continuationToken', 'API-VERSION', 'minutesToExpire'),
      },
      { weight: 1, arbitrary: segment },
    ),
    fc.oneof(
      segment,
      fc.constantFrom(
        '2024-12-01',
        '2021-10-01',
        '2099-01-01',
        '0',
        '300',
        '301',
        '-1',
        '1e3',
        '99999999999',
        "'g'%20in%20groups",
        'YQ.YQ',
      ),
    ),
  )
  .map(([key, value]) => `${key}=${value}`)

const query: fc.Arbitrary<string> = fc.oneof(
  { weight: 5, arbitrary: fc.array(parameter, { maxLength: 4 }).map((parameters) => parameters.join('&')) },
  { weight: 1, arbitrary: fc.constantFrom('&&&', '=', '?', '#', '%', 'a'.repeat(9000), 'excluded=x&'.repeat(900)) },
)

/** What may stand in a header so that Node still reads the request. */
const headerValue = name.map((text) =>
  Buffer.from(text, 'latin1')
    .toString('latin1')
    .replace(/[^\t -~\x80-\xff]/g, ''),
)

const contentTypes = [
  'text/plain',
  'application/json',
  'application/json; charset=utf-8',
  'application/octet-stream',
  'application/x-protobuf',
  'text/plain; charset=utf-16',
  'text/plain;charset="utf-\\8"',
  'application/json; charset=latin1; charset=utf-8',
  'text/plain; charset=__proto__',
  'multipart/form-data',
  '',
  ';;;',
  `text/plain;${' '.repeat(5000)}x`,
] as const

const header: fc.Arbitrary<readonly [string, string]> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant('Content-Type'), fc.constantFrom(...contentTypes)) },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constantFrom(
        'X-WebPubSub-Metadata-k',
        'x-webpubsub-metadata-',
        'x-webpubsub-metadata-__proto__',
        'x-webpubsub-metadata-constructor',
      ),
      headerValue,
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom(
        'Accept',
        'Origin',
        'x-ms-client-request-id',
        'X-Forwarded-For',
        'Cookie',
        'Expect',
        '__proto__',
        'constructor',
      ),
      headerValue,
    ),
  },
)

/** A complete call: Node reads it to its end, so that another one may follow. */
export const restCall: fc.Arbitrary<RestCall> = fc.record({
  method: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom('GET', 'HEAD', 'POST', 'POST', 'POST', 'PUT', 'DELETE') },
    { weight: 1, arbitrary: fc.constantFrom('PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'M-SEARCH', 'QUERY') },
  ),
  path,
  query,
  headers: fc.array(header, { maxLength: 3 }),
  body: fc.oneof(
    { weight: 2, arbitrary: fc.constant(null) },
    { weight: 2, arbitrary: someBytes },
    { weight: 2, arbitrary: jsonPayload },
    { weight: 2, arbitrary: fc.array(name, { maxLength: 3 }).map((groups) => Buffer.from(JSON.stringify({ groups }))) },
  ),
  isChunked: fc.boolean(),
  isAuthorized: seldom(8, fc.constant(true)).map((no) => no === null),
})

/** `token` is what the caller signs for this path. */
export function restBytes(call: RestCall, host: string, token: string | null): HttpRequestBytes {
  const { method, path, query, headers, body, isChunked } = call
  const lines = [`${method} ${path}${query === '' ? '' : `?${query}`} HTTP/1.1`, `Host: ${host}`]
  if (token !== null) lines.push(`Authorization: Bearer ${token}`)
  for (const [key, value] of headers) lines.push(`${key}: ${value}`)
  if (body === null) return asBytes(lines, [], method)
  if (!isChunked) return asBytes([...lines, `Content-Length: ${body.length}`], [body], method)
  const half = body.length >> 1
  const chunks = [body.subarray(0, half), body.subarray(half)].filter((chunk) => chunk.length > 0)
  const framed = chunks.flatMap((chunk) => [
    Buffer.from(`${chunk.length.toString(16)};x=y\r\n`),
    chunk,
    Buffer.from('\r\n'),
  ])
  return asBytes([...lines, 'Transfer-Encoding: chunked'], [...framed, Buffer.from('0\r\n\r\n')], method)
}

function asBytes(lines: readonly string[], body: readonly Uint8Array[], method: string): HttpRequestBytes {
  return {
    bytes: Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), ...body]),
    isHead: method === 'HEAD',
  }
}
