/** RFC 6455 §4.2: which requests become a WebSocket, and which HTTP status the others get. */

import { createHash } from 'node:crypto'
import type { HttpHead } from '@hocket/testkit/frames'

export interface HandshakeCase {
  readonly name: string
  /** Changes to the request that would be accepted; `undefined` takes a header out. */
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | undefined>>
  /** Lines put behind the headers as they are. */
  readonly rawLines?: readonly string[]
  /** Changes the path and query (with a valid token) that would be accepted. */
  readonly target?: (accepted: string) => string
  /** The whole request, byte for byte, in place of all the above. */
  readonly raw?: (accepted: string, host: string) => Buffer
  /** Statuses that are right. */
  readonly status: readonly number[]
  /** Statuses that are right for bare `ws`; `null` when the case concerns the service only. Default: the same. */
  readonly control?: readonly number[] | null
  /** Looks at the answer's head. */
  readonly check?: (head: HttpHead) => string | null
}

const sampleKey = 'dGhlIHNhbXBsZSBub25jZQ=='

const withQuery = (changes: Readonly<Record<string, string | null>>) => (accepted: string) => {
  const url = new URL(accepted, 'http://x')
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) url.searchParams.delete(name)
    else url.searchParams.set(name, value)
  }
  return url.pathname + url.search
}

const withPath = (path: string) => (accepted: string) => path + new URL(accepted, 'http://x').search

const accepted: HandshakeCase[] = [
  {
    name: 'accepts a request and proves that it read the key',
    headers: { 'Sec-WebSocket-Key': sampleKey },
    status: [101],
    check: (head) => {
      const expected = createHash('sha1').update(`${sampleKey}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
      const found = head.headers.get('sec-websocket-accept')
      return found === expected ? null : `Sec-WebSocket-Accept is ${found}, not ${expected}`
    },
  },
  {
    name: 'answers with the headers of an upgrade',
    status: [101],
    check: (head) =>
      head.headers.get('upgrade')?.toLowerCase() === 'websocket' &&
      head.headers.get('connection')?.toLowerCase() === 'upgrade'
        ? null
        : 'Upgrade or Connection is wrong',
  },
  {
    name: 'reads header names and tokens without regard to case',
    raw: (target, host) =>
      Buffer.from(
        `GET ${target} HTTP/1.1\r\nhOST: ${host}\r\nCONNECTION: uPGRADE\r\nupgrade: WebSocket\r\n` +
          `SEC-WEBSOCKET-VERSION: 13\r\nsec-websocket-key: ${sampleKey}\r\n\r\n`,
      ),
    status: [101],
  },
  { name: 'finds Upgrade in a Connection list', headers: { Connection: 'keep-alive, Upgrade' }, status: [101] },
  { name: 'takes spaces around header values', headers: { Upgrade: '  websocket  ' }, status: [101] },
  { name: 'accepts a request without an Origin', headers: { Origin: undefined }, status: [101] },
  { name: 'accepts a request with an Origin', headers: { Origin: 'https://app.example' }, status: [101] },
  {
    name: 'offers no compression back',
    headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' },
    status: [101],
    check: noExtension,
  },
  {
    name: 'accepts a request with unknown extensions, and chooses none',
    headers: {
      'Sec-WebSocket-Extensions': 'permessage-deflate;client_max_window_bits,deflate-frame,x-webkit-deflate-frame',
    },
    status: [101],
    check: noExtension,
  },
  {
    name: 'chooses no subprotocol when none is offered',
    status: [101],
    check: (head) => (head.headers.has('sec-websocket-protocol') ? 'a subprotocol was chosen' : null),
  },
  {
    name: 'chooses no subprotocol when only unknown ones are offered',
    headers: { 'Sec-WebSocket-Protocol': 'chat, superchat' },
    status: [101],
    control: null,
    check: (head) => (head.headers.has('sec-websocket-protocol') ? 'a subprotocol was chosen' : null),
  },
  {
    name: 'chooses the first subprotocol it knows, in the order of the offer',
    headers: { 'Sec-WebSocket-Protocol': 'chat, json.webpubsub.azure.v1, json.reliable.webpubsub.azure.v1' },
    status: [101],
    control: null,
    check: subprotocolIs('json.webpubsub.azure.v1'),
  },
  {
    name: 'knows a subprotocol in any case, and repeats the offered spelling',
    headers: { 'Sec-WebSocket-Protocol': 'JSON.WebPubSub.Azure.V1' },
    status: [101],
    control: null,
    check: subprotocolIs('JSON.WebPubSub.Azure.V1'),
  },
]

const refused: HandshakeCase[] = [
  { name: 'refuses a missing key', headers: { 'Sec-WebSocket-Key': undefined }, status: [400] },
  { name: 'refuses an empty key', headers: { 'Sec-WebSocket-Key': '' }, status: [400] },
  { name: 'refuses a key of fewer than 16 bytes', headers: { 'Sec-WebSocket-Key': 'AAAA' }, status: [400] },
  { name: 'refuses a key that is no base64', headers: { 'Sec-WebSocket-Key': '!'.repeat(24) }, status: [400] },
  {
    name: 'refuses two keys',
    rawLines: [`Sec-WebSocket-Key: ${sampleKey}`],
    status: [400],
  },
  { name: 'refuses a missing version', headers: { 'Sec-WebSocket-Version': undefined }, status: [400, 426] },
  {
    name: 'refuses another version, and names the right one',
    headers: { 'Sec-WebSocket-Version': '12' },
    status: [400, 426],
    check: (head) =>
      head.headers.get('sec-websocket-version')?.split(/, ?/).includes('13') ? null : 'version 13 is not named',
  },
  { name: 'refuses a version that is no number', headers: { 'Sec-WebSocket-Version': 'thirteen' }, status: [400, 426] },
  { name: 'refuses another method', method: 'POST', headers: { 'Content-Length': '0' }, status: [400, 405] },
  { name: 'refuses a made-up method', method: 'BREW', status: [400, 405] },
  { name: 'refuses a request without Upgrade', headers: { Upgrade: undefined }, status: [400, 426] },
  { name: 'refuses a request without Connection', headers: { Connection: undefined }, status: [400, 426] },
  {
    name: 'refuses an upgrade to something else',
    headers: { Upgrade: 'h2c', 'HTTP2-Settings': 'AAMAAABkAARAAAAAAAIAAAAA' },
    status: [400, 426],
  },
  // Node looks for a Host in requests, but not in upgrades.
  { name: 'refuses a request without a Host', headers: { Host: undefined }, status: [400], control: [101] },
  {
    name: 'refuses a subprotocol list with an empty item',
    headers: { 'Sec-WebSocket-Protocol': 'a,,b' },
    status: [400],
  },
  {
    name: 'refuses a subprotocol with characters that no token has',
    headers: { 'Sec-WebSocket-Protocol': 'json webpubsub@azure' },
    status: [400],
  },
  { name: 'refuses the same subprotocol twice', headers: { 'Sec-WebSocket-Protocol': 'a, a' }, status: [400] },
  { name: 'refuses what is no HTTP', raw: () => Buffer.from('\u0000\u0001 hello\r\n\r\n'), status: [400] },
  {
    name: 'refuses a header line without a colon',
    rawLines: ['this is no header'],
    status: [400],
  },
  {
    name: 'refuses a request head above its limit',
    headers: { 'X-Filler': 'x'.repeat(70_000) },
    status: [431],
  },
]

const onlyService: readonly HandshakeCase[] = [
  { name: 'takes a token from the Authorization header', ...bearer('Bearer'), status: [101] },
  { name: 'takes the scheme of that header in any case', ...bearer('bEARER'), status: [101] },
  { name: 'takes the token parameter in any case', target: renamedToken('ACCESS_TOKEN'), status: [101] },
  { name: 'takes the hub in any case', target: (each) => each.replace(/\/hubs\/(\w+)/, upperHub), status: [101] },
  { name: 'takes the hub from the query', target: hubInQuery('/client/'), status: [101] },
  { name: 'takes the hub from the query without a slash before it', target: hubInQuery('/client'), status: [101] },
  { name: 'refuses a request without a token', target: withQuery({ access_token: null }), status: [401] },
  { name: 'refuses an empty token', target: withQuery({ access_token: '' }), status: [401] },
  { name: 'refuses a token that is none', target: withQuery({ access_token: 'not.a.token' }), status: [401] },
  { name: 'refuses a token with one wrong character', target: wrongSignature, status: [401] },
  { name: 'refuses a token for another hub', target: withPath('/client/hubs/elsewhere'), status: [401] },
  { name: 'refuses a hub that starts with a digit', target: withPath('/client/hubs/1st'), status: [400] },
  { name: 'refuses a hub with a space', target: withPath('/client/hubs/a%20b'), status: [400] },
  { name: 'refuses a hub of 129 characters', target: withPath(`/client/hubs/${'h'.repeat(129)}`), status: [400] },
  { name: 'refuses a request without a hub', target: withPath('/client/'), status: [400] },
  { name: 'refuses an empty hub', target: withPath('/client/hubs/'), status: [400, 404] },
  { name: 'does not know another path', target: withPath('/elsewhere'), status: [404] },
  { name: 'does not know a path below a hub', target: withPath('/client/hubs/chat/rooms'), status: [404, 400] },
  {
    name: 'is not confused by a broken escape in the path',
    target: withPath('/client/hubs/%E0%A4%A'),
    status: [400, 404],
  },
  { name: 'refuses an unknown mode', target: withQuery({ webpubsub_mode: 'broadcast' }), status: [400] },
  { name: 'takes an empty mode as none', target: withQuery({ webpubsub_mode: '' }), status: [101] },
  { name: 'takes a mode in any case', target: withQuery({ webpubsub_mode: 'SENDTOGROUP' }), status: [101] },
  { name: 'refuses the group mode without a group', target: withQuery({ group: null }), status: [400] },
  { name: 'refuses the group mode with an empty group', target: withQuery({ group: '' }), status: [400] },
  { name: 'refuses the group mode with a blank group', target: withQuery({ group: '  ' }), status: [400] },
  { name: 'takes a group of 1,024 characters', target: withQuery({ group: 'g'.repeat(1024) }), status: [101] },
  { name: 'refuses a group of 1,025 characters', target: withQuery({ group: 'g'.repeat(1025) }), status: [400] },
  { name: 'refuses a noEcho that is no boolean', target: withQuery({ noEcho: 'maybe' }), status: [400] },
  { name: 'takes an empty noEcho as false', target: withQuery({ noEcho: '' }), status: [101] },
  { name: 'takes a noEcho in any case', target: withQuery({ noEcho: 'TRUE' }), status: [101] },
  {
    name: 'checks the mode even when a subprotocol is offered',
    target: withQuery({ webpubsub_mode: 'broadcast' }),
    headers: { 'Sec-WebSocket-Protocol': 'json.webpubsub.azure.v1' },
    status: [400],
  },
  {
    name: 'refuses a recovery with bad data only after the upgrade',
    target: withQuery({ awps_connection_id: 'nobody', awps_reconnection_token: 'nothing' }),
    headers: { 'Sec-WebSocket-Protocol': 'json.reliable.webpubsub.azure.v1' },
    status: [101],
  },
]

const service = onlyService.map((each): HandshakeCase => ({ ...each, control: null }))

export const handshakeCases: readonly (readonly [chapter: string, cases: readonly HandshakeCase[]])[] = [
  ['requests that become a WebSocket', accepted],
  ['requests that do not', refused],
  ['tokens, hubs and modes', service],
]

function noExtension(head: HttpHead): string | null {
  return head.headers.has('sec-websocket-extensions') ? 'an extension was chosen' : null
}

function subprotocolIs(expected: string): (head: HttpHead) => string | null {
  return (head) => {
    const found = head.headers.get('sec-websocket-protocol')
    return found === expected ? null : `the subprotocol is ${found}, not ${expected}`
  }
}

function bearer(scheme: string): Pick<HandshakeCase, 'raw'> {
  return {
    raw: (target, host) => {
      const token = new URL(target, 'http://x').searchParams.get('access_token')
      return Buffer.from(
        `GET ${withQuery({ access_token: null })(target)} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\n` +
          `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${sampleKey}\r\n` +
          `Authorization: ${scheme} ${token}\r\n\r\n`,
      )
    },
  }
}

function renamedToken(name: string): (accepted: string) => string {
  return (target) => target.replace('access_token=', `${name}=`)
}

function upperHub(path: string): string {
  return path.replace(/[^/]+$/, (hub) => hub.toUpperCase())
}

function hubInQuery(path: string): (accepted: string) => string {
  return (target) => {
    const url = new URL(target, 'http://x')
    return `${path}?hub=${url.pathname.split('/').at(-1)}&${url.search.slice(1)}`
  }
}

function wrongSignature(target: string): string {
  const token = new URL(target, 'http://x').searchParams.get('access_token')!
  const at = token.lastIndexOf('.') + 10
  const wrong = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
  return withQuery({ access_token: wrong })(target)
}
