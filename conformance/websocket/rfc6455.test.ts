/**
 * The table of RFC 6455 cases against the service and, as a control, against bare `ws`: a case that both fail is a
 * mistake of the table. The service is reached as a simple client that publishes every message to a group it is in, so
 * that what it accepts comes back as an echo; an observer in the same group sees what others get.
 */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { WebPubSubServiceClient } from '@azure/web-pubsub'
import { upgradeRequest } from '@hocket/testkit/frames'
import { until } from '@hocket/testkit/wait'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocketServer } from 'ws'
import { freshHub } from '../js/harness/names.ts'
import { clientUrl, serviceClient } from '../js/harness/sdk.ts'
import { useServer } from '../js/harness/server.ts'
import { frameCases } from './cases.ts'
import { type HandshakeCase, handshakeCases } from './cases-handshake.ts'
import { Peer } from './peer.ts'
import { frame, type Message, maxMessageBytes, type Outcome, text } from './words.ts'

const probe = Buffer.from('are you still there')
const sentinel = text('the last message of this case')

/** Cuts everything into pieces of a length, whatever the frames are. */
function cutInto(pieces: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const whole = Buffer.concat(pieces)
  return Array.from({ length: Math.ceil(whole.length / bytes) }, (_, i) => whole.subarray(i * bytes, (i + 1) * bytes))
}

/** Long payloads would make a failure unreadable. */
function brief(messages: readonly Message[]): string[] {
  return messages.map(({ type, data }) =>
    data.length <= 200
      ? `${type} ${data.toString('latin1')}`
      : `${type} of ${data.length} bytes, ${data.subarray(0, 40).toString('latin1')}…`,
  )
}

function expectMessages(found: readonly Message[], expected: readonly Message[]): void {
  expect(brief(found)).toEqual(brief(expected))
  for (const [i, { data }] of expected.entries())
    expect(found[i]!.data.equals(data), `bytes of message ${i}`).toBe(true)
}

/** Sends a case and holds the outcome against the expectation. */
async function expectOutcome(peer: Peer, pieces: readonly Uint8Array[], expected: Outcome): Promise<void> {
  const messages = expected.messages ?? []
  const pongs = expected.pongs ?? []
  const writing = peer.write(pieces)
  if (expected.close === undefined) {
    await writing
    await peer.write([frame('ping', probe), frame('text', sentinel.data)])
    await until(() => peer.close !== null || peer.messages.length > messages.length, { what: 'the echo of everything' })
    expect(peer.close, 'the connection goes on').toBe(null)
    await until(() => peer.pongs.length > pongs.length, { what: 'the pong' })
    expectMessages(peer.messages, [...messages, sentinel])
    expect(peer.pongs.map(String)).toEqual([...pongs, probe].map(String))
    expect(peer.pongs.every((pong, i) => pong.equals([...pongs, probe][i]!))).toBe(true)
  } else {
    await until(() => peer.close !== null || peer.ended, { what: 'a close frame' })
    expect(peer.close?.code ?? 'TCP closed without a close frame').toBe(expected.close)
    // Echoes that were on their way may be lost by a close, but nothing else may come.
    expectMessages(peer.messages, messages.slice(0, peer.messages.length))
    expect(peer.pongs.map(String)).toEqual(pongs.map(String))
    await until(() => peer.ended, { what: 'the server ends the TCP connection', timeoutMs: 8000 })
    await writing
  }
  expect(peer.violations).toEqual([])
}

describe('the service', () => {
  const server = useServer()
  const hub = freshHub()
  let service: WebPubSubServiceClient
  let nextGroup = 0

  beforeAll(() => {
    service = serviceClient(server, hub)
  })

  async function acceptedTarget(group: string): Promise<{ target: string; host: string; port: number }> {
    const url = await clientUrl(server, service, { roles: ['webpubsub.sendToGroup'], groups: [group] })
    const { pathname, search, host, port } = new URL(url)
    const query = `webpubsub_mode=sendToGroup&group=${encodeURIComponent(group)}&noEcho=false`
    return { target: `${pathname}${search}&${query}`, host, port: Number(port) }
  }

  async function openPeer(group: string): Promise<Peer> {
    const { target, host, port } = await acceptedTarget(group)
    const peer = await Peer.connect(port)
    await peer.handshake(upgradeRequest({ host, target }))
    expect(peer.status).toBe(101)
    return peer
  }

  describe.each(frameCases)('%s', (_chapter, cases) => {
    it.each(cases)('$name', async ({ send, pieceBytes, expect: expected }) => {
      const group = `case-${nextGroup++}`
      await using observer = await openPeer(group)
      await using peer = await openPeer(group)
      const pieces = pieceBytes === undefined ? send() : cutInto(send(), pieceBytes)
      await expectOutcome(peer, pieces, expected)

      const seen = [...(expected.messages ?? []), ...(expected.close === undefined ? [sentinel] : [])]
      await observer.write([frame('text', 'the observer’s own')])
      await until(() => observer.messages.length > seen.length || observer.close !== null, { what: 'what others get' })
      expectMessages(observer.messages, [...seen, text('the observer’s own')])
      expect(observer.violations).toEqual([])
      expect(observer.longestFrameBytes, 'long messages leave in fragments').toBeLessThanOrEqual(65_536)
    })
  })

  describe.each(handshakeCases)('%s', (_chapter, cases) => {
    it.each(cases)('$name', async (each) => {
      const { target, host, port } = await acceptedTarget(`case-${nextGroup++}`)
      await expectHandshake(each, each.status, target, host, port)
    })
  })

  it('reads frames that come in one piece with the handshake', async () => {
    const { target, host, port } = await acceptedTarget('early')
    await using peer = await Peer.connect(port)
    await peer.handshake(Buffer.concat([upgradeRequest({ host, target }), frame('text', 'early'), frame('ping', 'p')]))
    await until(() => peer.messages.length === 1 && peer.pongs.length === 1, { what: 'the echo and the pong' })
    expectMessages(peer.messages, [text('early')])
  })

  it('reads a handshake that comes byte by byte', async () => {
    const { target, host, port } = await acceptedTarget('slow')
    await using peer = await Peer.connect(port)
    await peer.write(cutInto([upgradeRequest({ host, target })], 1))
    await until(() => peer.head !== null, { what: 'the answer' })
    await expectOutcome(peer, [frame('text', 'slow')], { messages: [text('slow')] })
  })

  it('survives peers that cut the connection inside a frame, a fragmented message and a handshake', async () => {
    const { target, host, port } = await acceptedTarget('cut')
    await using witness = await openPeer('cut')
    const beginnings = [
      [frame('text', 'a broken frame').subarray(0, 9)],
      [frame('text', 'no end', { fin: false })],
      [frame('text', 'whole'), frame('ping', 'p').subarray(0, 1)],
    ]
    for (const pieces of beginnings) {
      const peer = await openPeer('cut')
      await peer.write(pieces)
      peer.cut()
    }
    const half = await Peer.connect(port)
    await half.write([upgradeRequest({ host, target }).subarray(0, 60)])
    half.cut()
    await until(() => witness.messages.length === 1, { what: 'the one whole message' })
    await expectOutcome(witness, [], { messages: [text('whole')] })
  })
})

describe('bare ws, as a control', () => {
  let echo: WebSocketServer
  let port = 0

  beforeAll(async () => {
    echo = new WebSocketServer({ port: 0, maxPayload: maxMessageBytes, perMessageDeflate: false })
    echo.on('connection', (socket) => {
      socket.on('error', () => {})
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
    })
    await once(echo, 'listening')
    port = (echo.address() as AddressInfo).port
  })

  afterAll(async () => {
    for (const socket of echo.clients) socket.terminate()
    echo.close()
    await once(echo, 'close')
  })

  describe.each(frameCases)('%s', (_chapter, cases) => {
    it.each(cases.filter(({ control }) => control !== null))('$name', async (each) => {
      const { send, pieceBytes, expect: expected, control } = each
      await using peer = await Peer.connect(port)
      await peer.handshake(upgradeRequest({ host: `localhost:${port}`, target: '/' }))
      await expectOutcome(peer, pieceBytes === undefined ? send() : cutInto(send(), pieceBytes), control ?? expected)
    })
  })

  const shared = handshakeCases
    .map(([chapter, cases]) => [chapter, cases.filter(({ control }) => control !== null)] as const)
    .filter(([, cases]) => cases.length > 0)
  describe.each(shared)('%s', (_chapter, cases) => {
    it.each(cases)('$name', async (each) => {
      await expectHandshake(each, each.control ?? each.status, '/', `localhost:${port}`, port)
    })
  })
})

/** Sends the request of a case and looks at the status and head of the answer. */
async function expectHandshake(
  each: HandshakeCase,
  statuses: readonly number[],
  acceptedTarget: string,
  host: string,
  port: number,
): Promise<void> {
  await using peer = await Peer.connect(port)
  const head = await peer.handshake(requestOf(each, acceptedTarget, host))
  expect(statuses, `status of ${head.startLine}`).toContain(peer.status)
  expect(each.check?.(head) ?? null).toBe(null)
  // An answer to what was no upgrade at all may leave the connection open, and says so.
  if (peer.status !== 101 && head.headers.get('connection')?.toLowerCase() !== 'keep-alive') {
    await until(() => peer.ended, { what: 'the server ends a refused connection', timeoutMs: 8000 })
  }
}

function requestOf(each: HandshakeCase, acceptedTarget: string, host: string): Buffer {
  if (each.raw !== undefined) return each.raw(acceptedTarget, host)
  const target = each.target?.(acceptedTarget) ?? acceptedTarget
  const headers: Record<string, string | undefined> = {
    Host: host,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'AAECAwQFBgcICQoLDA0ODw==',
    ...each.headers,
  }
  const lines = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]))
  return Buffer.from(
    [`${each.method ?? 'GET'} ${target} HTTP/1.1`, ...lines, ...(each.rawLines ?? []), '', ''].join('\r\n'),
  )
}
