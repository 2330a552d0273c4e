/** What a client may send where HTTP is expected: heads and bodies that lie, break off or never were HTTP. */

import fc from 'fast-check'
import { damage, damaged, readable, someBytes } from './words.ts'

/** Written in this order, each on its own. */
export type Pieces = readonly Buffer[]

/** Stands for a token that opens `sendPath`: without one no body is read. */
const tokenPlace = '(token)'
export const sendPath = '/api/hubs/fuzz/:send'

const anonymous = `POST ${sendPath} HTTP/1.1\r\nHost: localhost\r\n`
const post = `${anonymous}Authorization: Bearer ${tokenPlace}\r\n`
const get = 'GET /api/hubs/fuzz/groups/g/connections HTTP/1.1\r\nHost: localhost\r\n'
const upgrade = 'GET /client/hubs/fuzz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
const manyHeaders = (count: number) => Array.from({ length: count }, (_, i) => `x-${i}: ${i}\r\n`).join('')

const templates = [
  // Lengths and chunks that lie.
  `${anonymous}Content-Length: 5\r\n\r\nab`,
  `${anonymous}Content-Length: 2\r\n\r\nabcdef`,
  `${post}Content-Length: 2000000\r\n\r\n${'x'.repeat(100_000)}`,
  `${post}Content-Length: 300000\r\n\r\n${'x'.repeat(100_000)}`,
  `${post}Transfer-Encoding: chunked\r\n\r\n${`4000\r\n${'x'.repeat(0x4000)}\r\n`.repeat(70)}`,
  `${post}Content-Length: 5\r\n\r\nab`,
  `${post}Content-Length: 2\r\n\r\nabcdef`,
  `${post}Content-Length: -1\r\n\r\n`,
  `${post}Content-Length: 99999999999999999999\r\n\r\n`,
  `${post}Content-Length: 1048577\r\n\r\n`,
  `${post}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`,
  `${post}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  `${post}Transfer-Encoding: chunked\r\n\r\n5\r\nabc\r\n0\r\n\r\n`,
  `${post}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n`,
  `${post}Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n`,
  `${post}Transfer-Encoding: chunked\r\n\r\n3;${'e'.repeat(20_000)}\r\nabc\r\n0\r\n\r\n`,
  `${post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n${manyHeaders(100)}\r\n`,
  `${post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  `${post}Transfer-Encoding: identity\r\n\r\nabc`,
  `${post}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n`,
  `${post}Expect: something\r\nContent-Length: 3\r\n\r\nabc`,
  // Heads that are too long, too many, or malformed.
  `${get}x: ${'y'.repeat(66_000)}\r\n\r\n`,
  `${get}${'y'.repeat(66_000)}: x\r\n\r\n`,
  `GET /${'p'.repeat(66_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  `GET /api/hubs/fuzz/groups/g/connections?${'q'.repeat(60_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  `${get}${manyHeaders(3000)}\r\n`,
  `${get}x: a\0b\r\n\r\n`,
  `${get}x : b\r\n\r\n`,
  `${get}x: a\r\n folded\r\n\r\n`,
  `${get}x: a\nSmuggled: b\r\n\r\n`,
  `${get}: nameless\r\n\r\n`,
  `${get}Authorization: Bearer ${'é'.repeat(100)}\r\n\r\n`,
  `${get}Host: other\r\n\r\n`,
  'GET /api/health HTTP/1.1\r\n\r\n',
  'GET /api/health HTTP/1.1\r\nHost: a b"<>\\^`{|}\r\n\r\n',
  `GET /api/hubs/fuzz/users/u HTTP/1.1\r\nHost: ${'h'.repeat(3000)}:99999\r\n\r\n`,
  // Start lines.
  'GET  /api/health  HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'GET /api/health HTTP/1.0\r\n\r\n',
  'GET /api/health HTTP/9.9\r\nHost: localhost\r\n\r\n',
  'GET /api/health\r\n\r\n',
  'GET /api/\0health HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'GET /api/h\x80\x85\xffealth HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'GET http://localhost/api/health HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'GET http://[::1]:x/api/health HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'GET * HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'GET //////////// HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'get /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  // Upgrades.
  `${upgrade}${key}\r\n`,
  `${upgrade}\r\n`,
  `${upgrade}Sec-WebSocket-Version: 99\r\nSec-WebSocket-Key: x\r\n\r\n`,
  `${upgrade}${key}Sec-WebSocket-Protocol: ,,json.webpubsub.azure.v1,,\r\n\r\n`,
  `${upgrade}${key}Sec-WebSocket-Protocol: ${'p, '.repeat(9000)}\r\n\r\n`,
  `${upgrade}${key}Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99\r\n\r\n`,
  `${upgrade}${key}Authorization: Bearer a.b.c\r\nOrigin: https://example.com\r\n\r\n`,
  `POST /client/hubs/fuzz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}Content-Length: 3\r\n\r\nabc`,
  'GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
  `GET /client/?hub=open HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: WebSocket, x\r\n${key}\r\n`,
  `GET /client/hubs/open HTTP/1.1\r\nHost: localhost\r\nOrigin: http://%\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n\x81\x85abcd`,
  // Pipelines.
  `${get}\r\n`.repeat(30),
  `HEAD /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n${get}\r\n\0\0\0`,
  `${post}Content-Length: 1\r\n\r\nx`.repeat(20),
].map((text) => Buffer.from(text, 'latin1'))

const whole: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...templates) },
  {
    weight: 5,
    arbitrary: fc.tuple(fc.constantFrom(...templates), damage).map(([bytes, change]) => damaged(bytes, change)),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...templates), someBytes).map((parts) => Buffer.concat(parts)) },
  { weight: 1, arbitrary: someBytes },
)

/** One input: all at once, or cut somewhere. */
export const httpBytes: fc.Arbitrary<Pieces> = fc
  .tuple(
    whole,
    fc.oneof(
      { weight: 3, arbitrary: fc.constant(null) },
      { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
    ),
  )
  .map(([bytes, cut]) => {
    if (cut === null) return [readable(bytes)]
    const place = Math.floor(cut * bytes.length)
    return [readable(bytes.subarray(0, place)), readable(bytes.subarray(place))]
  })

/** The pieces with a token in its place. */
export function withToken(pieces: Pieces, token: string): Pieces {
  return pieces.map((piece) => Buffer.from(piece.toString('latin1').replaceAll(tokenPlace, token), 'latin1'))
}
