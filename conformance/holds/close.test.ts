/** How the server ends connections: through REST, for broken frames, and when it goes down itself. */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { encodeFrame, opcodes } from '@hocket/testkit/frames'
import { until, within } from '@hocket/testkit/wait'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { OwnServer } from '../js/harness/server.ts'
import { jsonProtocol, Peer, recoveryUrl, reliableProtocol } from './lab/peer.ts'
import { Rest } from './lab/rest.ts'
import { clientUrl, freshHub, inItsOwnProcess, inThisProcess, type Target } from './lab/target.ts'

const subprotocols = [
  ['JSON', jsonProtocol],
  ['reliable JSON', reliableProtocol],
] as const

let target: Target
let hub: string
let rest: Rest

beforeAll(async () => {
  target = await inThisProcess({ maxMessageBytes: 65_536 })
})
afterAll(() => target[Symbol.asyncDispose]())
beforeEach(() => {
  hub = freshHub()
  rest = new Rest(target, hub)
})

const open = (protocol: string | null, groups: readonly string[] = ['g']) => {
  const url = clientUrl(target, hub, { groups, userId: 'u' })
  return Peer.open(target, url, { protocol }).then((peer) => ({ peer, url }))
}

async function expectRefused(url: string, of: Peer, on = target): Promise<void> {
  await using again = await Peer.handshake(on, recoveryUrl(url, of.connected), { protocol: reliableProtocol })
  expect(again.status).toBe(101)
  expect(await again.closed()).toBe(1008)
}

describe('a close through REST', () => {
  it.each(subprotocols)(
    'tells a %s client the reason in its last frame, then closes with 1000',
    async (_title, protocol) => {
      const { peer } = await open(protocol)
      await rest.send({ group: 'g' }, 'last words')
      await rest.close({ connection: peer.id }, 'the "shop" is closed')
      expect(await peer.closed()).toBe(1000)
      expect(peer.close?.reason).toBe('')
      expect(peer.data).toEqual(['last words'])
      expect(JSON.parse(peer.texts.at(-1)!)).toEqual({
        type: 'system',
        event: 'disconnected',
        message: 'Application server closed the connection. Reason: the "shop" is closed',
      })
      expect(peer.violations).toEqual([])
      expect(await rest.exists({ connection: peer.id })).toBe(false)
    },
  )

  it.each(subprotocols)('without a reason tells a %s client that the server did it', async (_title, protocol) => {
    const { peer } = await open(protocol)
    await rest.close({ connection: peer.id })
    expect(await peer.closed()).toBe(1000)
    expect(peer.system.at(-1)).toEqual({
      type: 'system',
      event: 'disconnected',
      message: 'Application server closed the connection.',
    })
  })

  it('puts the reason into the close frame of a simple client, cut to what fits there', async () => {
    const { peer } = await open(null)
    await rest.send({ group: 'g' }, 'last words')
    await rest.close({ user: 'u' }, `${'é'.repeat(100)} and much more`)
    expect(await peer.closed()).toBe(1000)
    expect(peer.texts).toEqual(['last words'])
    expect(peer.close?.reason).toBe('é'.repeat(61))
  })

  it('is final for a reliable client: its recovery is refused', async () => {
    const { peer, url } = await open(reliableProtocol)
    await rest.close({ group: 'g' }, 'bye')
    expect(await peer.closed()).toBe(1000)
    await expectRefused(url, peer)
  })

  it('takes the connection out of everything before it is answered', async () => {
    const { peer } = await open(jsonProtocol)
    peer.stopReading()
    await rest.close({ connection: peer.id })
    expect(await rest.exists({ connection: peer.id })).toBe(false)
    expect(await rest.exists({ user: 'u' })).toBe(false)
    expect(await rest.exists({ group: 'g' })).toBe(false)
    await rest.send({ group: 'g' }, 'too late')
    await rest.send({ connection: peer.id }, 'too late')
    peer.readOn()
    expect(await peer.closed()).toBe(1000)
    expect(peer.data).toEqual([])
  })

  it('does nothing more with what the client sends afterwards', async () => {
    const { peer } = await open(jsonProtocol)
    const { peer: witness } = await open(jsonProtocol, ['h'])
    peer.stopReading()
    await rest.close({ connection: peer.id })
    peer.send({ type: 'sendToGroup', group: 'h', dataType: 'text', data: 'from the grave', ackId: 1 })
    peer.readOn()
    await peer.closed()
    await rest.send({ group: 'h' }, 'alive')
    await witness.messagesUntil(1)
    expect(witness.data).toEqual(['alive'])
    expect(peer.acks).toEqual([])
    await witness[Symbol.asyncDispose]()
  })

  it('cuts a client that does not answer the close frame', async () => {
    await using own = await inThisProcess({ closeTimeoutMs: 200 })
    const url = clientUrl(own, hub)
    await using peer = await Peer.open(own, url, { protocol: jsonProtocol, answersClose: false })
    await new Rest(own, hub).close({ connection: peer.id })
    expect(await peer.closed()).toBe(1000)
  })

  it('cuts a client that does not read', async () => {
    await using own = await inThisProcess({ closeTimeoutMs: 300, outboxMaxBytes: 64 * 1024 * 1024 })
    const its = new Rest(own, hub)
    await using peer = await Peer.open(own, clientUrl(own, hub, { groups: ['g'] }), {
      protocol: jsonProtocol,
      stopsReading: true,
    })
    for (let i = 0; i < 16; i++) await its.send({ group: 'g' }, 'x'.repeat(1_000_000))
    await its.close({ connection: peer.id })
    const start = performance.now()
    await until(() => performance.now() - start > 800, { what: 'the close time-out is over' })
    peer.readOn()
    expect(await peer.closed(), 'the close frame never came').toBe(1006)
  })
})

describe('a frame that breaks the rules', () => {
  const cases: readonly (readonly [title: string, code: number, frames: readonly Uint8Array[]])[] = [
    ['is no JSON', 1007, [encodeFrame({ opcode: opcodes.text, payload: '{"type":' })]],
    ['has an unknown type', 1007, [encodeFrame({ opcode: opcodes.text, payload: '{"type":"x"}' })]],
    ['is no UTF-8', 1007, [encodeFrame({ opcode: opcodes.text, payload: Buffer.from([0xff, 0xfe]) })]],
    ['is too long', 1009, [encodeFrame({ opcode: opcodes.text, payload: 'x'.repeat(65_537) })]],
    ['is not masked', 1002, [encodeFrame({ opcode: opcodes.text, payload: '{"type":"ping"}', maskKey: null })]],
    ['has a reserved opcode', 1002, [encodeFrame({ opcode: 3, payload: 'x' })]],
  ]

  describe.each(subprotocols)('of %s', (_protocol, protocol) => {
    it.each(cases)(
      'because it %s closes with %i, without a disconnected frame, and for good',
      async (_title, code, frames) => {
        const { peer, url } = await open(protocol)
        const { peer: witness } = await open(jsonProtocol)
        for (const frame of frames) peer.write(frame)
        expect(await peer.closed()).toBe(code)
        expect(peer.system.map(({ event }) => event)).toEqual(['connected'])
        await rest.send({ group: 'g' }, 'for others')
        await witness.messagesUntil(1)
        expect(await rest.exists({ connection: peer.id })).toBe(false)
        if (protocol === reliableProtocol) await expectRefused(url, peer)
        await witness[Symbol.asyncDispose]()
      },
    )

    it('acknowledges what came before it and nothing behind it', async () => {
      const { peer } = await open(protocol)
      peer.write(
        Buffer.concat(
          [
            '{"type":"joinGroup","group":"a","ackId":1}',
            '{"type":"joinGroup","group":"","ackId":2}',
            '{"type":"joinGroup","group":"b","ackId":3}',
          ].map((payload) => encodeFrame({ opcode: opcodes.text, payload })),
        ),
      )
      expect(await peer.closed()).toBe(1007)
      expect(peer.acks.every(([id]) => id === 1)).toBe(true)
      expect(await rest.exists({ group: 'b' })).toBe(false)
    })
  })

  it('closes a simple client with 1011 when nobody handles its event, and with 1008 when it may not send', async () => {
    const { peer } = await open(null)
    peer.send('an event')
    expect(await peer.closed()).toBe(1011)
    const url = `${clientUrl(target, hub, { roles: [] })}&webpubsub_mode=sendToGroup&group=g`
    await using publisher = await Peer.open(target, url)
    publisher.send('x')
    expect(await publisher.closed()).toBe(1008)
  })
})

describe('SIGTERM', () => {
  it('tells every client to come back and closes with 1001, and exits with 0', async () => {
    const own = await inItsOwnProcess()
    const peers = await Promise.all(
      [null, jsonProtocol, reliableProtocol].map((protocol) =>
        Peer.open(own, clientUrl(own, hub, { groups: ['g'] }), { protocol }),
      ),
    )
    const its = new Rest(own, hub)
    for (let i = 0; i < 20; i++) await its.send({ group: 'g' }, `m${i}`)
    own.kill('SIGTERM')
    for (const peer of peers) expect(await peer.closed()).toBe(1001)
    const expected = Array.from({ length: 20 }, (_, i) => `m${i}`)
    expect(peers[0]!.texts).toEqual(expected)
    for (const peer of peers.slice(1)) {
      expect(peer.data).toEqual(expected)
      expect(peer.system.map(({ event }) => event)).toEqual(['connected', 'disconnected'])
      expect(peer.texts.at(-1)).toContain('"event":"disconnected"')
    }
    await own[Symbol.asyncDispose]()
  })

  it('lets a REST call that is under way come to its answer, and then exits without waiting for more', async () => {
    const own = await inItsOwnProcess()
    const its = new Rest(own, hub)
    await using peer = await Peer.open(own, clientUrl(own, hub, { groups: ['g'] }), { protocol: jsonProtocol })
    const request = its.rawSend({ group: 'g' }, 'in the last moment')
    const socket = connect(own.port, '127.0.0.1')
    await once(socket, 'connect')
    const answer = collect(socket)
    socket.write(request.subarray(0, -5))
    await its.send({ group: 'g' }, 'before')
    own.kill('SIGTERM')
    expect(await peer.closed()).toBe(1001)
    socket.write(request.subarray(-5))
    await until(() => answer().includes('\r\n\r\n'), { what: 'the answer' })
    expect(answer()).toMatch(/^HTTP\/1\.1 202 /)
    const answeredAt = performance.now()
    expect(await within(own.exited, { what: 'the process ends', timeoutMs: 12_000 })).toBe(0)
    // The socket is one that may be kept for the next request: that must not keep the process.
    expect(performance.now() - answeredAt).toBeLessThan(3000)
    socket.destroy()
    await own[Symbol.asyncDispose]()
  })

  it('ends within the shutdown time-out although clients neither read nor answer, and calls never end', async () => {
    const own = await inItsOwnProcess(['--shutdown-timeout-ms', '2000', '--outbox-max-bytes', '67108864'])
    const its = new Rest(own, hub)
    const stuck = await Promise.all(
      [null, jsonProtocol, reliableProtocol].map((protocol) =>
        Peer.open(own, clientUrl(own, hub, { groups: ['g'] }), { protocol, stopsReading: true }),
      ),
    )
    const silent = await Peer.open(own, clientUrl(own, hub), { protocol: jsonProtocol, answersClose: false })
    const half = connect(own.port, '127.0.0.1')
    await once(half, 'connect')
    half.on('error', () => {})
    half.write(its.rawSend({ group: 'g' }, 'never ends').subarray(0, -2))
    const none = connect(own.port, '127.0.0.1')
    none.on('error', () => {})
    await once(none, 'connect')
    for (let i = 0; i < 16; i++) await its.send({ group: 'g' }, 'x'.repeat(1_000_000))
    const start = performance.now()
    own.kill('SIGTERM')
    expect(await within(own.exited, { what: 'the process ends', timeoutMs: 12_000 })).toBe(0)
    expect(performance.now() - start).toBeLessThan(2000 + 1500)
    for (const socket of [half, none]) socket.destroy()
    for (const peer of [...stuck, silent]) await peer[Symbol.asyncDispose]()
    await own[Symbol.asyncDispose]()
  })

  it('frees the port at once: a server that starts then on the same one serves, and refuses old recoveries', async () => {
    const first = await OwnServer.start()
    const on = { ...first, port: first.port, [Symbol.asyncDispose]: async () => {} } as unknown as Target
    const url = clientUrl(first as unknown as Target, hub, { groups: ['g'] })
    await using peer = await Peer.open(on, url, { protocol: reliableProtocol })
    await first.stop()
    expect(await peer.closed()).toBe(1001)
    await using second = await OwnServer.start({ port: first.port, accessKey: first.accessKey, secrets: first.secrets })
    expect(second.endpoint).toBe(first.endpoint)
    await expectRefused(url, peer, on)
    await using again = await Peer.open(on, url, { protocol: reliableProtocol })
    expect(again.id).not.toBe(peer.id)
  })

  it('refuses new connections and answers nothing new while it drains', async () => {
    const own = await inItsOwnProcess(['--shutdown-timeout-ms', '1500', '--close-timeout-ms', '60000'])
    const silent = await Peer.open(own, clientUrl(own, hub), { protocol: jsonProtocol, answersClose: false })
    own.kill('SIGTERM')
    await until(() => silent.close !== null, { what: 'the drain has begun' })
    for (const host of ['127.0.0.1', '::1']) {
      const socket = connect(own.port, host)
      const [error] = await once(socket, 'error')
      expect((error as NodeJS.ErrnoException).code).toBe('ECONNREFUSED')
    }
    expect(await within(own.exited, { what: 'the process ends', timeoutMs: 12_000 })).toBe(0)
    await silent[Symbol.asyncDispose]()
    await own[Symbol.asyncDispose]()
  })
})

function collect(socket: Socket): () => string {
  let text = ''
  socket.setEncoding('utf8')
  socket.on('error', () => {})
  socket.on('data', (chunk: string) => {
    text += chunk
  })
  return () => text
}
