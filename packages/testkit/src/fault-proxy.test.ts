import { createHash } from 'node:crypto'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { FaultProxy } from './fault-proxy.ts'
import { defaultFaultProfile, describeFault, planOutages, planSocket } from './fault-proxy-plan.ts'
import { closePayload, encodeFrame, opcodes, textFrame, upgradeRequest, WebSocketStream } from './frames.ts'
import { until, within } from './wait.ts'

/** A server that says `connected`, acknowledges every frame that has an ackId and echoes it as a message. */
class EchoServer implements AsyncDisposable {
  readonly #server: Server
  readonly sockets = new Set<Socket>()
  readonly received: string[] = []
  readonly ends: string[] = []

  private constructor() {
    this.#server = createServer((socket) => this.#serve(socket))
  }

  static async start(): Promise<EchoServer> {
    const echo = new EchoServer()
    await new Promise<void>((resolve) => echo.#server.listen(0, '127.0.0.1', resolve))
    return echo
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port
  }

  #serve(socket: Socket): void {
    this.sockets.add(socket)
    let sequenceId = 0
    const send = (frame: object) =>
      socket.write(encodeFrame({ opcode: opcodes.text, payload: JSON.stringify(frame), maskKey: null }))
    const stream = new WebSocketStream({
      onHead: (head) => {
        const accept = createHash('sha1')
          .update(`${head.headers.get('sec-websocket-key')}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
          .digest('base64')
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
        )
        if (head.startLine.includes('refused')) {
          const payload = closePayload(1008, 'The connection could not be recovered.')
          socket.end(encodeFrame({ opcode: opcodes.close, payload, maskKey: null }))
          return
        }
        send({ type: 'system', event: 'connected', userId: 'u', connectionId: 'c1', reconnectionToken: 'secret' })
      },
      onMessage: (message) => {
        if (message.opcode === opcodes.close) {
          socket.end(encodeFrame({ opcode: opcodes.close, payload: message.payload, maskKey: null }))
        }
        if (message.opcode !== opcodes.text) return
        const text = String(message.payload)
        this.received.push(text)
        const frame = JSON.parse(text)
        if (frame.ackId === undefined) return
        send({ type: 'message', sequenceId: ++sequenceId, from: 'group', dataType: 'text', data: frame.data })
        send({ type: 'ack', ackId: frame.ackId, success: true })
      },
    })
    socket.on('data', (chunk: Buffer) => stream.push(chunk))
    socket.on('error', (error: NodeJS.ErrnoException) => this.ends.push(error.code ?? 'error'))
    socket.on('end', () => this.ends.push('end'))
    socket.on('close', () => this.sockets.delete(socket))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

let resources: AsyncDisposable[] = []
afterEach(async () => {
  for (const resource of resources.reverse()) await resource[Symbol.asyncDispose]()
  resources = []
})

async function setUp(seed = 1) {
  const server = await EchoServer.start()
  const proxy = new FaultProxy({ targetPort: server.port, seed })
  resources.push(server, proxy)
  const endpoint = await proxy.listen('a')
  return { server, proxy, endpoint }
}

async function openClient(endpoint: string, query = '') {
  const socket = new WebSocket(`${endpoint.replace('http', 'ws')}/client/hubs/h${query}`)
  const messages: string[] = []
  socket.addEventListener('message', (event) => messages.push(String(event.data)))
  const closed = new Promise<number>((resolve) => socket.addEventListener('close', (event) => resolve(event.code)))
  await within(
    new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve)
      socket.addEventListener('error', reject)
    }),
    { what: 'the client opens' },
  )
  return { socket, messages, closed }
}

const request = (ackId: number, data: string) =>
  JSON.stringify({ type: 'sendToGroup', group: 'g', ackId, dataType: 'text', data })

describe('FaultProxy without faults', () => {
  it('passes everything on and records requests, acks, messages and sequence acks', async () => {
    const { proxy, endpoint } = await setUp()
    const { socket, messages } = await openClient(endpoint, '?awps_connection_id=c1&awps_reconnection_token=t')
    socket.send(request(7, 'one and more'))
    socket.send(JSON.stringify({ type: 'sequenceAck', sequenceId: 1 }))
    await until(() => messages.length === 3, { what: 'connected, message and ack arrive' })
    await until(() => proxy.record.transports[0]?.sequenceAcks.length === 1, { what: 'the sequence ack is recorded' })
    socket.close()
    await until(() => proxy.openSockets('a') === 0, { what: 'both sockets are closed' })

    const [record] = proxy.record.transports
    expect(record).toMatchObject({
      client: 'a',
      ordinal: 0,
      recoveryOf: 'c1',
      status: 101,
      connectionId: 'c1',
      userId: 'u',
      reconnectionTokens: ['secret'],
      clientClose: { code: 1005 },
      problems: [],
      faults: [],
    })
    expect(record?.requests).toMatchObject([{ type: 'sendToGroup', ackId: '7', group: 'g' }])
    expect(record?.acks).toMatchObject([{ ackId: '7', success: true, errorName: null }])
    expect(record?.messages).toMatchObject([{ sequenceId: 1, key: record?.requests[0]?.key, passedOn: true }])
    expect(record!.requests[0]!.at).toBeLessThan(record!.acks[0]!.at)
  })

  it('records a refused recovery: 101, then close 1008', async () => {
    const { proxy, endpoint } = await setUp()
    const { closed } = await openClient(endpoint, '?awps_connection_id=refused')
    expect(await closed).toBe(1008)
    expect(proxy.record.transports[0]).toMatchObject({
      recoveryOf: 'refused',
      status: 101,
      connectionId: null,
      serverClose: { code: 1008, reason: 'The connection could not be recovered.' },
    })
  })

  it('tells a request from something in front of it', async () => {
    const { proxy, endpoint } = await setUp()
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(endpoint).port) })
    socket.write(Buffer.concat([textFrame('too early'), upgradeRequest({ host: 'h', target: '/client/hubs/h' })]))
    await until(() => proxy.record.transports[0]?.status != null, { what: 'the server answers' })
    socket.destroy()
    expect(proxy.record.transports[0]).toMatchObject({
      requested: null,
      faults: [expect.stringMatching(/^the client sent 8189[0-9a-f]{12}… in front of its request$/)],
    })
  })

  it('resets the client when there is no server', async () => {
    const { server, proxy, endpoint } = await setUp()
    await server[Symbol.asyncDispose]()
    resources = [proxy]
    await expect(openClient(endpoint)).rejects.toBeDefined()
    expect(proxy.record.transports[0]?.status).toBeNull()
  })
})

describe('faults', () => {
  it('reset both ends with RST, and end them with FIN', async () => {
    const { server, proxy, endpoint } = await setUp()
    const first = await openClient(endpoint)
    proxy.inflict('a', { kind: 'reset' })
    expect(await first.closed).toBe(1006)
    await until(() => server.ends.includes('ECONNRESET'), { what: 'the server sees a reset' })
    expect(proxy.record.transports[0]?.serverSideLost).not.toBeNull()

    const second = await openClient(endpoint)
    server.ends.length = 0
    proxy.inflict('a', { kind: 'fin' })
    expect(await second.closed).toBe(1006)
    await until(() => server.ends.includes('end'), { what: 'the server sees an end' })
  })

  it('cut inside a frame: the frame is never complete, and not recorded as passed on', async () => {
    const { server, proxy, endpoint } = await setUp()
    for (const fraction of [0, 0.5, 0.999]) {
      const { socket, closed } = await openClient(endpoint)
      proxy.inflict('a', { kind: 'cut', direction: 'toServer', fraction, ending: 'fin' })
      socket.send(request(1, 'x'.repeat(500)))
      expect(await closed).toBe(1006)
    }
    expect(server.received).toEqual([])
    expect(proxy.record.transports.flatMap((record) => record.requests)).toEqual([])

    const { socket, messages, closed } = await openClient(endpoint)
    await until(() => messages.length === 1, { what: 'connected arrives' })
    proxy.inflict('a', { kind: 'cut', direction: 'toClient', fraction: 0.01, ending: 'reset' })
    socket.send(request(1, 'y'))
    expect(await closed).toBe(1006)
    expect(proxy.record.transports.at(-1)).toMatchObject({
      requests: [{ ackId: '1' }],
      messages: [{ sequenceId: 1, passedOn: false }],
    })
    expect(messages.length).toBe(1)
  })

  it('hold one direction back, then pass on what was held', async () => {
    const { server, proxy, endpoint } = await setUp()
    const { socket, messages } = await openClient(endpoint)
    await until(() => messages.length === 1, { what: 'connected arrives' })
    proxy.inflict('a', { kind: 'half-open', direction: 'toClient', durationMs: 60_000, outcome: 'resume' })
    socket.send(request(1, 'held'))
    await until(() => server.received.length === 1, { what: 'the server has the request' })
    await until(() => proxy.record.transports[0]?.acks.length === 1, { what: 'the ack left the server' })
    expect(messages.length).toBe(1)
    proxy.heal()
    await until(() => messages.length === 3, { what: 'message and ack arrive after all' })
  })

  it('swallow everything, a close included, until the black hole ends', async () => {
    const { server, proxy, endpoint } = await setUp()
    const { socket, closed } = await openClient(endpoint)
    proxy.inflict('a', { kind: 'black-hole', durationMs: 60_000, outcome: 'reset' })
    socket.send(request(1, 'lost'))
    socket.close()
    await until(() => proxy.openSockets('a') === 1, { what: 'the socket stands' })
    expect(server.ends).toEqual([])
    proxy.heal()
    expect(await closed).toBe(1006)
    await until(() => server.ends.length > 0, { what: 'the server learns of it' })
    expect(server.received).toEqual([])
  })

  it('reset one end and leave the other one with a socket that nobody answers', async () => {
    const { server, proxy, endpoint } = await setUp()
    const first = await openClient(endpoint)
    proxy.inflict('a', { kind: 'one-sided', side: 'client', durationMs: 60_000 })
    expect(await first.closed).toBe(1006)
    expect(server.ends).toEqual([])
    expect(proxy.record.transports[0]).toMatchObject({ serverSideLost: null })
    server.sockets.values().next().value?.destroy()
    await until(() => proxy.openSockets('a') === 0, { what: 'the server has given the old socket up' })

    const second = await openClient(endpoint)
    await until(() => second.messages.length === 1, { what: 'connected arrives' })
    proxy.inflict('a', { kind: 'one-sided', side: 'server', durationMs: 60_000 })
    await until(() => server.ends.includes('ECONNRESET'), { what: 'the server sees a reset' })
    second.socket.send(request(1, 'to nobody'))
    expect(second.socket.readyState).toBe(WebSocket.OPEN)
    proxy.heal()
    expect(await second.closed).toBe(1006)
    expect(server.received).toEqual([])
  })

  it('make every chunk late, in order', async () => {
    const { proxy, endpoint } = await setUp()
    const { socket, messages } = await openClient(endpoint)
    await until(() => messages.length === 1, { what: 'connected arrives' })
    proxy.inflict('a', { kind: 'delay', latencyMs: 60, durationMs: 60_000 })
    const startMs = performance.now()
    for (let i = 1; i <= 20; i++) socket.send(request(i, `n${i}`))
    await until(() => messages.length === 41, { what: 'twenty echoes and acks arrive' })
    expect(performance.now() - startMs).toBeGreaterThan(110)
    const ids = messages.map((text) => JSON.parse(text)).filter((frame) => frame.type === 'message')
    expect(ids.map((frame) => frame.sequenceId)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
  })

  it('happen as the seed says, and stop when the proxy heals', async () => {
    const { proxy, endpoint } = await setUp(5)
    proxy.startFaults(2_000)
    await until(
      async () => {
        const { socket, closed } = await openClient(endpoint)
        socket.send(request(1, 'data'))
        await within(closed, { what: 'the socket breaks', timeoutMs: 500 }).catch(() => socket.close())
        return proxy.record.transports.length >= 3
      },
      { what: 'three sockets were broken', timeoutMs: 15_000 },
    )
    expect(proxy.describe()).toMatch(/^seed 5\na\/0 at 0 ms: new, answer /)
    expect(proxy.record.transports.some((record) => record.faults.length > 0)).toBe(true)
    proxy.heal()
    const { socket, messages } = await openClient(endpoint)
    socket.send(request(1, 'whole'))
    await until(() => messages.length === 3, { what: 'everything passes again' })
    expect(proxy.record.transports.at(-1)?.faults).toEqual([])
  }, 20_000)
})

describe('planSocket', () => {
  it('gives the same plan for the same seed, client and socket, and others for others', () => {
    const plan = (seed: number, client: string, ordinal: number) =>
      JSON.stringify(planSocket(seed, client, ordinal, defaultFaultProfile))
    expect(plan(1, 'a', 0)).toBe(plan(1, 'a', 0))
    const different = new Set([plan(1, 'a', 0), plan(2, 'a', 0), plan(1, 'b', 0), plan(1, 'a', 1)])
    expect(different.size).toBe(4)
  })

  it('uses every kind of fault, ends with a final one, and never stalls for more than 5 s', () => {
    const kinds = new Set<string>()
    for (let seed = 0; seed < 300; seed++) {
      const plan = planSocket(seed, 'a', 0, { ...defaultFaultProfile, maxStallMs: 60_000 })
      let afterMs = 0
      for (const planned of plan) {
        expect(planned.afterMs).toBeGreaterThanOrEqual(afterMs)
        afterMs = planned.afterMs
        kinds.add(planned.fault.kind)
        expect(describeFault(planned.fault)).not.toBe('')
        if ('durationMs' in planned.fault) {
          expect(planned.fault.durationMs).toBeLessThanOrEqual(5_000)
        }
      }
    }
    expect([...kinds].sort()).toEqual(['black-hole', 'cut', 'delay', 'fin', 'half-open', 'one-sided', 'reset'])
  })
})

describe('planOutages', () => {
  it('gives outages within the profile, in order', () => {
    for (let seed = 0; seed < 50; seed++) {
      const outages = planOutages(seed, 'a', 3_000, { ...defaultFaultProfile, outages: 3 })
      expect(outages.length).toBeGreaterThanOrEqual(3)
      expect(outages).toEqual([...outages].sort((a, b) => a.fromMs - b.fromMs))
      for (const { fromMs, untilMs } of outages) {
        expect(fromMs).toBeLessThan(3_000)
        expect(untilMs - fromMs).toBeGreaterThanOrEqual(100)
        expect(untilMs - fromMs).toBeLessThanOrEqual(1_500)
      }
    }
  })
})
