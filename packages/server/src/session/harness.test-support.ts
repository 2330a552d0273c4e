import type { Codec, Encoder, Payload } from '@hocket/protocol/codec'
import { errors } from '@hocket/protocol/errors'
import type { Envelope } from '@hocket/protocol/message'
import { MemoryBackplane } from '../backplane/memory.ts'
import { Hubs } from '../hub/hub.ts'
import { OutboxMeter } from '../hub/meter.ts'
import { silentLogger } from '../log.ts'
import { Router } from '../router/router.ts'
import { Writer } from '../router/writer.ts'
import { TimerWheel } from '../timers.ts'
import type { Frame, Transport, TransportHandlers } from '../transport.ts'
import type { SessionEvents } from './events.ts'
import { Session, type SessionDeps, type SessionInit, type SessionLimits } from './session.ts'

/** Sessions on a real router and writer, with transports that record and a wire language that is easy to read. */

interface TextFrame extends Frame {
  readonly payload: string
}

/** Messages are `text`, reliable ones `7:text`; answers are `ack 1 ok`, `connected c1`, … */
function testEncoder(slot: number, reliable: boolean): Encoder {
  return {
    slot,
    message: (envelope) => String(envelope.body.data),
    sequencePrefix: reliable ? (sequenceId) => new TextEncoder().encode(`${sequenceId}:`) : null,
    control: {
      connected: ({ connectionId }) => `connected ${connectionId}`,
      disconnected: (message) => `disconnected ${message}`,
      ack: (ackId, error) => `ack ${ackId} ${error === null ? 'ok' : error.name}`,
      pong: () => 'pong',
    },
  }
}

function testCodec(slot: number, reliable: boolean): Codec {
  return {
    encoder: testEncoder(slot, reliable),
    decode(data) {
      try {
        return JSON.parse(new TextDecoder().decode(data))
      } catch {
        throw errors.malformedFrame({ reason: 'no JSON' })
      }
    },
  }
}

const plainCodec = testCodec(1, false)
const reliableCodec = testCodec(2, true)

export class FakeTransport implements Transport {
  /** What arrived, in order; the close frame as `close 1000 reason`. */
  readonly log: string[] = []
  bufferedBytes = 0
  isPaused = false
  pings = 0
  handlers: TransportHandlers | null = null
  #isGone = false

  write(frame: Frame, _piece: number, prefix: Uint8Array | null): number {
    this.log.push((prefix === null ? '' : new TextDecoder().decode(prefix)) + (frame as TextFrame).payload)
    return frame.byteLength
  }
  cork(): void {}
  uncork(): void {}
  close(code: number, reason: string): void {
    this.log.push(`close ${code} ${reason}`.trim())
  }
  abort(): void {
    this.log.push('abort')
    this.lose()
  }
  ping(): void {
    this.pings++
  }
  pause(): void {
    this.isPaused = true
  }
  resume(): void {
    this.isPaused = false
  }

  /** The socket is gone without a close frame. */
  lose(): void {
    if (this.#isGone) return
    this.#isGone = true
    this.handlers?.closed({ by: 'lost', code: 1006 })
  }
  peerCloses(code: number): void {
    this.#isGone = true
    this.handlers?.closed({ by: 'peer', code })
  }
  drain(): void {
    this.bufferedBytes = 0
    this.handlers?.drained()
  }
  receive(command: unknown): void {
    const text = typeof command === 'string' ? command : JSON.stringify(command)
    this.handlers?.message(new TextEncoder().encode(text), false)
  }
}

export interface Harness {
  readonly router: Router
  readonly hubs: Hubs
  readonly writer: Writer
  readonly meter: OutboxMeter
  /** Facts raised by sessions, as `ended c1 error reliableBufferFull` and so on. */
  readonly facts: string[]
  open(init?: Partial<SessionInit> & { readonly groups?: readonly string[] }): {
    session: Session
    transport: FakeTransport
  }
  recover(session: Session): FakeTransport | null
  /** Sends to a group, as the server does. */
  publish(text: string, options?: Partial<Envelope> & { readonly group?: string }): ReturnType<Router['publish']>
}

const defaultLimits: SessionLimits = {
  recoveryWindowMs: 30_000,
  ackWindowSize: 1000,
  outboxMaxMessages: 1000,
  outboxMaxBytes: 16_777_216,
  ackGraceMs: 3000,
  blockedBytes: 65_536,
  blockedTimeoutMs: 15_000,
  closeTimeoutMs: 5000,
  keepAliveGraceMs: 5000,
  inputMaxFrames: 1000,
  inputMaxBytes: 1_048_576,
}

export function createHarness(
  limits: Partial<SessionLimits & { outboxTotalMaxBytes: number }> = {},
  backplane = new MemoryBackplane('node0001'),
): Harness {
  const hubs = new Hubs()
  const meter = new OutboxMeter()
  const writer = new Writer({ writeBatchConnections: 250, writeBatchBytes: 1_048_576, writeVisitBytes: 65_536 })
  const wheel = new TimerWheel(100)
  const facts: string[] = []
  const prepare = (payload: Payload, expiresAtMs: number): TextFrame => ({
    payload: String(payload),
    byteLength: payload.length,
    pieces: 1,
    expiresAtMs,
    refs: 0,
  })
  const events: SessionEvents = {
    opened: (session) => void facts.push(`opened ${session.connectionId}`),
    detached: (session) => void facts.push(`detached ${session.connectionId}`),
    recovered: (session, takeOver) =>
      void facts.push(`recovered ${session.connectionId}${takeOver ? ' by take-over' : ''}`),
    ended: (session, cause) =>
      void facts.push(
        `ended ${session.connectionId} ${cause.kind}${cause.kind === 'error' ? ` ${cause.error.code}` : ''}`,
      ),
    command: () => {},
    acked: () => {},
    blocked: (session) => void facts.push(`blocked ${session.connectionId}`),
    failed: (session, error) => void facts.push(`failed ${session.connectionId} ${error}`),
  }
  const router = new Router({
    hubs,
    backplane,
    writer,
    meter,
    prepare,
    limits: { outboxTotalMaxBytes: Number.POSITIVE_INFINITY, ...limits },
    counters: { messagesOut: 0 },
    logger: silentLogger,
  })
  void router.start()
  const deps: SessionDeps = {
    router,
    writer,
    wheel,
    meter,
    prepare,
    limits: { ...defaultLimits, ...limits },
    events,
    counters: { bytesOut: 0 },
    issueReconnectionToken: () => 'token',
  }
  let connections = 0
  return {
    router,
    hubs,
    writer,
    meter,
    facts,
    open({ groups = [], ...init } = {}) {
      const reliable = init.reliable ?? true
      const session = new Session(deps, {
        hub: 'chat',
        connectionId: `c${++connections}`,
        userId: null,
        roles: ['webpubsub.sendToGroup', 'webpubsub.joinLeaveGroup'],
        protocol: reliable ? 'reliable' : 'plain',
        codec: reliable ? reliableCodec : plainCodec,
        reliable,
        keepAliveIntervalMs: 20_000,
        reconnectionTokenTtlSeconds: 604_800,
        ...init,
      })
      const transport = new FakeTransport()
      void router.retain('chat', session.userId, groups)
      transport.handlers = session.open(transport, groups)
      return { session, transport }
    },
    recover(session) {
      const transport = new FakeTransport()
      transport.handlers = session.recover(transport)
      return transport.handlers === null ? null : transport
    },
    publish(text, { group = 'g', ...envelope } = {}) {
      return router.publish({
        id: router.newId(),
        target: { kind: 'group', hub: 'chat', group },
        from: 'group',
        fromUserId: null,
        body: { dataType: 'text', data: text },
        excluded: [],
        filter: null,
        metadata: null,
        expiresAtMs: null,
        ...envelope,
      })
    },
  }
}
