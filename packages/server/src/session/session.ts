import type { Codec, Encoder, Payload } from '@hocket/protocol/codec'
import { errors, HocketError } from '@hocket/protocol/errors'
import { Permissions } from '@hocket/protocol/permissions'
import type { OutboxMeter } from '../hub/meter.ts'
import type { Lane, PushResult, Receiver } from '../hub/receiver.ts'
import type { PrepareFrame } from '../router/frame-cache.ts'
import type { Router } from '../router/router.ts'
import type { Writer } from '../router/writer.ts'
import { type TimerWheel, WheelTimer } from '../timers.ts'
import type { Frame, Transport, TransportEnd, TransportHandlers } from '../transport.ts'
import { AckWindow } from './ack-window.ts'
import { runCommand } from './commands.ts'
import type { SessionCause, SessionEvents } from './events.ts'
import { type Input, type InputLimits, InputQueue } from './input-queue.ts'
import { Outflow, type OutflowLimits } from './outflow.ts'

export interface SessionLimits extends InputLimits, OutflowLimits {
  /** Time a reliable connection waits for recovery after its transport is lost, in milliseconds. Default 30,000. */
  readonly recoveryWindowMs: number
  /** Successful ack ids remembered per connection. Default 1,000. */
  readonly ackWindowSize: number
  /** Time for the last frames and the closing handshake before the socket is cut, in milliseconds. Default 5,000. */
  readonly closeTimeoutMs: number
  /** Time beyond two missed keep-alive intervals without any frame before the socket is cut, in milliseconds. Default 5,000. */
  readonly keepAliveGraceMs: number
}

export interface SessionDeps {
  readonly router: Router
  readonly writer: Writer
  readonly wheel: TimerWheel
  readonly meter: OutboxMeter
  readonly prepare: PrepareFrame
  readonly limits: SessionLimits
  readonly events: SessionEvents
  readonly counters: { bytesOut: number }
  /** Makes a reconnection token for a connection of a hub. */
  issueReconnectionToken(hub: string, connectionId: string, ttlSeconds: number): string
}

export interface SessionInit {
  readonly hub: string
  readonly connectionId: string
  readonly userId: string | null
  readonly roles: readonly string[]
  /** Name of the service's subprotocol; `null` for a simple client. */
  readonly protocol: string | null
  readonly codec: Codec
  readonly reliable: boolean
  readonly keepAliveIntervalMs: number
  readonly reconnectionTokenTtlSeconds: number
}

/** One connection: it may outlive several sockets when its subprotocol is reliable. */
export class Session implements Receiver {
  readonly hub: string
  readonly connectionId: string
  readonly userId: string | null
  readonly protocol: string | null
  readonly reliable: boolean
  readonly groups = new Set<string>()
  readonly permissions: Permissions
  readonly acks: AckWindow
  lane: Lane = 'none'
  writtenTurn = 0

  readonly #deps: SessionDeps
  readonly #init: SessionInit
  readonly #out: Outflow
  readonly #input: InputQueue
  #state: 'open' | 'closing' | 'ended' = 'open'
  #transport: Transport | null = null
  #lastFrameMs = 0

  /** Keep-alive while open and attached; the recovery window while detached; the close time-out while closing. */
  readonly #timer = new WheelTimer(() => this.#onTimer())
  readonly #tokenTimer = new WheelTimer(() => this.#refreshToken())

  constructor(deps: SessionDeps, init: SessionInit) {
    this.#deps = deps
    this.#init = init
    this.hub = init.hub
    this.connectionId = init.connectionId
    this.userId = init.userId
    this.protocol = init.protocol
    this.reliable = init.reliable
    this.permissions = new Permissions(init.roles)
    this.acks = new AckWindow(deps.limits.ackWindowSize)
    this.#out = new Outflow(deps, init.codec.encoder, init.reliable, {
      schedule: () => deps.writer.scheduleOne(this),
      overflow: () => this.closeFor(this.#overflow()),
      blocked: () => deps.events.blocked(this),
      lost: (end) => this.#lost(end),
    })
    this.#input = new InputQueue(
      deps.limits,
      (input) => this.#handle(input),
      (paused) => this.#pauseReading(paused),
    )
  }

  get encoder(): Encoder {
    return this.#init.codec.encoder
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  get isDetached(): boolean {
    return this.#state === 'open' && this.#transport === null
  }

  get isBlocked(): boolean {
    return this.#out.isBlocked
  }

  get outboxBytes(): number {
    return this.#out.bytes
  }

  get writable(): boolean {
    return this.#out.writable
  }

  // ---- life cycle

  /** Goes live on its first transport, in one synchronous step: `connected` is ahead of everything, then the maps are entered. */
  open(transport: Transport, groups: Iterable<string>): TransportHandlers {
    const handlers = this.#attach(transport)
    this.#deps.router.add(this, groups)
    this.#deps.events.opened(this)
    return handlers
  }

  /** Goes on with a new transport: un-acknowledged messages are replayed, then life goes on. @returns `null` when it is over */
  recover(transport: Transport): TransportHandlers | null {
    if (this.#state !== 'open' || !this.reliable) return null
    const old = this.#transport
    if (old !== null) {
      this.#looseTransport()
      old.abort()
    }
    const handlers = this.#attach(transport)
    this.#deps.events.recovered(this, old !== null)
    this.#deps.writer.scheduleOne(this)
    return handlers
  }

  closeByServer(reason: string | null): void {
    const text = 'Application server closed the connection.'
    const message = reason === null || reason === '' ? text : `${text} Reason: ${reason}`
    // Simple clients get no `disconnected` frame: for them the reason goes into the close frame.
    const closeReason = this.encoder.control === null ? (reason ?? '') : ''
    this.#closeInOrder(message, 1000, closeReason, { kind: 'server', reason })
  }

  /** The server goes down: clients reconnect at once, to wherever the address leads then. */
  closeForShutdown(): void {
    const error = errors.shuttingDown()
    this.#closeInOrder(error.message, error.close ?? 1001, '', { kind: 'error', error })
  }

  closeFor(error: HocketError): void {
    if (this.#state !== 'open') return
    this.#out.discard()
    this.#beginClose(error.close ?? 1011, error.message, { kind: 'error', error })
    // A close frame behind so much comes too late, if ever, and no bound counts what stands before it any more.
    const transport = this.#transport
    if (transport !== null && transport.bufferedBytes > this.#deps.limits.blockedBytes * 4) transport.abort()
  }

  #attach(transport: Transport): TransportHandlers {
    this.#transport = transport
    this.#out.attach(transport)
    this.#lastFrameMs = performance.now()
    this.#deps.wheel.arm(this.#timer, this.#init.keepAliveIntervalMs)
    const connected = this.#connectedPayload()
    if (connected !== null) transport.write(this.#prepare(connected), 0, null)
    if (this.#input.isPaused) transport.pause()
    return {
      message: (data, isBinary) => {
        if (this.#transport === transport) this.#receive(data, isBinary)
      },
      alive: () => {
        this.#lastFrameMs = performance.now()
      },
      drained: () => {
        if (this.#transport === transport) this.#out.drained()
      },
      closed: (end) => {
        if (this.#transport === transport) this.#out.closed(end)
      },
    }
  }

  #lost(end: TransportEnd): void {
    if (this.#state !== 'open') {
      this.#finish()
      return
    }
    const isFinal =
      !this.reliable || end.by === 'violation' || (end.by === 'peer' && (end.code === 1000 || end.code === 1005))
    if (isFinal) {
      this.#leaveHub()
      this.#finish()
      this.#deps.events.ended(this, { kind: end.by === 'lost' ? 'lost' : 'client' }, end)
    } else {
      this.#looseTransport()
      this.#deps.wheel.arm(this.#timer, this.#deps.limits.recoveryWindowMs)
      this.#deps.events.detached(this, end)
    }
  }

  #looseTransport(): void {
    this.#transport = null
    this.#out.detach()
    this.#deps.wheel.disarm(this.#tokenTimer)
  }

  #closeInOrder(message: string, code: number, reason: string, cause: SessionCause): void {
    if (this.#state !== 'open') return
    const { control } = this.encoder
    if (control !== null && this.#transport !== null)
      this.#out.pushControl(this.#prepare(control.disconnected(message)))
    this.#beginClose(code, reason, cause)
  }

  #beginClose(code: number, reason: string, cause: SessionCause): void {
    const wasAttached = this.#transport !== null
    this.#leaveHub()
    this.#deps.events.ended(this, cause, wasAttached ? { by: 'lost', code } : null)
    if (wasAttached) {
      this.#state = 'closing'
      this.#input.close()
      this.#deps.wheel.arm(this.#timer, this.#deps.limits.closeTimeoutMs)
      this.#out.closeWhenWritten(code, cutToBytes(reason, 123))
    } else {
      this.#finish()
    }
  }

  /** From here on nothing new reaches it, and no recovery finds it. */
  #leaveHub(): void {
    this.#state = 'closing'
    this.#deps.router.remove(this)
    this.#deps.wheel.disarm(this.#tokenTimer)
  }

  #finish(): void {
    this.#state = 'ended'
    this.#transport = null
    this.#out.end()
    this.#input.close()
    this.#deps.wheel.disarm(this.#timer)
    this.#deps.wheel.disarm(this.#tokenTimer)
  }

  #onTimer(): void {
    if (this.#state === 'closing') {
      this.#transport?.abort()
    } else if (this.#transport === null) {
      const error = errors.recoveryExpired()
      this.#leaveHub()
      this.#finish()
      this.#deps.events.ended(this, { kind: 'error', error }, null)
    } else {
      this.#keepAlive(this.#transport)
    }
  }

  #keepAlive(transport: Transport): void {
    const { keepAliveIntervalMs } = this.#init
    const timeoutMs = 2 * keepAliveIntervalMs + this.#deps.limits.keepAliveGraceMs
    const now = performance.now()
    // We do not read from it, so its silence says nothing.
    if (this.#input.isPaused) this.#lastFrameMs = now
    const silentMs = now - this.#lastFrameMs
    if (silentMs >= timeoutMs) {
      transport.abort()
      return
    }
    transport.ping()
    this.#deps.wheel.arm(this.#timer, Math.min(keepAliveIntervalMs, timeoutMs - silentMs))
  }

  #connectedPayload(): Payload | null {
    const { control } = this.encoder
    if (control === null) return null
    let reconnectionToken: string | null = null
    if (this.reliable) {
      const ttlSeconds = this.#init.reconnectionTokenTtlSeconds
      reconnectionToken = this.#deps.issueReconnectionToken(this.hub, this.connectionId, ttlSeconds)
      this.#deps.wheel.arm(this.#tokenTimer, (ttlSeconds * 1000) / 2)
    }
    return control.connected({ connectionId: this.connectionId, userId: this.userId, reconnectionToken })
  }

  /** Half of the token's life is over: clients keep the newest one and raise nothing. */
  #refreshToken(): void {
    if (this.#state !== 'open' || this.#transport === null) return
    const connected = this.#connectedPayload()
    if (connected !== null) this.sendControl(connected)
  }

  // ---- frames in

  #receive(data: Uint8Array, isBinary: boolean): void {
    if (this.#state !== 'open') return
    this.#lastFrameMs = performance.now()
    let input: Input
    try {
      input = this.#init.codec.decode(data, isBinary)
    } catch (error) {
      if (!(error instanceof HocketError)) throw error
      input = error
    }
    if (input instanceof HocketError) {
      this.#input.push(input, data.byteLength)
      return
    }
    this.#deps.events.command(this, input.type, data.byteLength)
    // These two act on receipt: neither may wait behind a slow command.
    if (input.type === 'ping') {
      const { control } = this.encoder
      if (control !== null) this.sendControl(control.pong())
    } else if (input.type === 'sequenceAck') {
      this.#out.acknowledge(input.sequenceId)
    } else {
      this.#input.push(input, data.byteLength)
    }
  }

  #handle(input: Input): Promise<void> | undefined {
    if (this.#state !== 'open') return undefined
    if (input instanceof HocketError) {
      this.closeFor(input)
      return undefined
    }
    return runCommand(this, this.#deps.router, this.#deps.events, input)
  }

  #pauseReading(paused: boolean): void {
    if (paused) this.#transport?.pause()
    else this.#transport?.resume()
    this.#lastFrameMs = performance.now()
  }

  // ---- frames out

  /** Sends an answer or system frame, in order with everything else. It vanishes when the transport is lost. */
  sendControl(payload: Payload): void {
    if (this.#transport === null || this.#state !== 'open') return
    if (this.#out.pushControl(this.#prepare(payload))) this.#deps.writer.scheduleOne(this)
    else this.closeFor(this.#overflow())
  }

  push(frame: Frame): PushResult {
    return this.#out.push(frame)
  }

  write(maxBytes: number): number {
    return this.#out.write(maxBytes)
  }

  #overflow(): HocketError {
    return this.reliable ? errors.reliableBufferFull() : errors.slowReceiver()
  }

  #prepare(payload: Payload): Frame {
    return this.#deps.prepare(payload, Number.POSITIVE_INFINITY)
  }
}

/** The longest prefix of `text` with at most `maxBytes` bytes in UTF-8: a close reason has room for 123. */
export function cutToBytes(text: string, maxBytes: number): string {
  let cut = text.slice(0, maxBytes)
  while (Buffer.byteLength(cut) > maxBytes) cut = cut.slice(0, -1)
  // Never end in half of a surrogate pair.
  return cut.isWellFormed() ? cut : cut.slice(0, -1)
}
