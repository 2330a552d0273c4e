import type { Codec, Encoder, Payload } from '@hocket/protocol/codec'
import { errors, HocketError } from '@hocket/protocol/errors'
import { Permissions } from '@hocket/protocol/permissions'
import type { OutboxMeter } from '../hub/meter.ts'
import { type Lane, type PushResult, pushed, type Receiver } from '../hub/receiver.ts'
import type { PrepareFrame } from '../router/frame-cache.ts'
import type { Router } from '../router/router.ts'
import type { Writer } from '../router/writer.ts'
import { type TimerWheel, WheelTimer } from '../timers.ts'
import type { Frame, Transport, TransportEnd, TransportHandlers } from '../transport.ts'
import { AckWindow } from './ack-window.ts'
import { runCommand } from './commands.ts'
import type { SessionCause, SessionEvents } from './events.ts'
import { type Input, type InputLimits, InputQueue } from './input-queue.ts'
import { Outbox } from './outbox.ts'

export interface SessionLimits extends InputLimits {
  /** Time a reliable connection waits for recovery after its transport is lost, in milliseconds. Default 30,000. */
  readonly recoveryWindowMs: number
  /** Successful ack ids remembered per connection. Default 1,000. */
  readonly ackWindowSize: number
  /** Messages that a blocked or detached connection may have to be written, or a reliable one to be acknowledged. Default 1,000. */
  readonly outboxMaxMessages: number
  /** The same bound in bytes. Default 16 MiB. */
  readonly outboxMaxBytes: number
  /** Time in which a reader that takes what it is sent may be over these bounds (of bytes at most four times) without acknowledging any, in milliseconds. Default 3,000. */
  readonly ackGraceMs: number
  /** Bytes in the engine's buffer above which a connection is blocked. Default 64 KiB. */
  readonly blockedBytes: number
  /** Time a connection may be blocked without progress, in milliseconds. Default 15,000. */
  readonly blockedTimeoutMs: number
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
  readonly #outbox: Outbox
  readonly #input: InputQueue
  #state: 'open' | 'closing' | 'ended' = 'open'
  #transport: Transport | null = null
  #blocked = false
  /** Bytes in the transport's buffer at the last look, while blocked. */
  #blockedAtBytes = 0
  /** True while `transport.write` is on the stack: an engine may report the loss of the socket from within. */
  #writing = false
  #lostWhileWriting: TransportEnd | null = null
  #closeCode = 1000
  #closeReason = ''
  #lastFrameMs = 0
  /** When it last acknowledged something, or was first owed an acknowledgement. */
  #ackProgressMs = 0

  /** Keep-alive while open and attached; the recovery window while detached; the close time-out while closing. */
  readonly #timer = new WheelTimer(() => this.#onTimer())
  readonly #blockedTimer = new WheelTimer(() => this.#onBlockedTooLong())
  readonly #ackTimer = new WheelTimer(() => this.#onAcksOverdue())
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
    this.#outbox = new Outbox(init.codec.encoder, init.reliable, deps.meter)
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
    return this.#blocked
  }

  get outboxBytes(): number {
    return this.#outbox.bytes
  }

  get writable(): boolean {
    return this.#outbox.unwritten > 0 && this.#transport !== null && !this.#blocked
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
    this.#outbox.clear()
    // What its transport still holds goes within the close time-out: nobody else is closed for it.
    this.#clearBlocked()
    this.#beginClose(error.close ?? 1011, error.message, { kind: 'error', error })
  }

  #attach(transport: Transport): TransportHandlers {
    this.#transport = transport
    this.#outbox.healthy = true
    this.#lastFrameMs = performance.now()
    this.#ackProgressMs = this.#lastFrameMs
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
        if (this.#transport === transport) this.#unblock()
      },
      closed: (end) => {
        if (this.#transport !== transport) return
        if (this.#writing) this.#lostWhileWriting = end
        else this.#lost(end)
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
    this.#clearBlocked()
    this.#outbox.healthy = false
    this.#outbox.detach()
    this.#deps.wheel.disarm(this.#tokenTimer)
  }

  #closeInOrder(message: string, code: number, reason: string, cause: SessionCause): void {
    if (this.#state !== 'open') return
    const { control } = this.encoder
    if (control !== null && this.#transport !== null)
      this.#outbox.pushControl(this.#prepare(control.disconnected(message)))
    this.#beginClose(code, reason, cause)
  }

  #beginClose(code: number, reason: string, cause: SessionCause): void {
    const wasAttached = this.#transport !== null
    this.#closeCode = code
    this.#closeReason = cutToBytes(reason, 123)
    this.#leaveHub()
    this.#deps.events.ended(this, cause, wasAttached ? { by: 'lost', code } : null)
    if (wasAttached) {
      this.#state = 'closing'
      this.#input.close()
      this.#deps.wheel.arm(this.#timer, this.#deps.limits.closeTimeoutMs)
      this.#closeWhenDrained()
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

  /** Sends the close frame once everything before it is written. */
  #closeWhenDrained(): void {
    if (this.#state !== 'closing' || this.#transport === null) return
    if (this.#outbox.unwritten === 0) this.#transport.close(this.#closeCode, this.#closeReason)
    else this.#deps.writer.scheduleOne(this)
  }

  #finish(): void {
    this.#state = 'ended'
    this.#transport = null
    this.#clearBlocked()
    this.#outbox.clear()
    this.#input.close()
    for (const timer of [this.#timer, this.#tokenTimer, this.#ackTimer]) this.#deps.wheel.disarm(timer)
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
      this.#acknowledge(input.sequenceId)
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

  #acknowledge(sequenceId: number): void {
    const before = this.#outbox.unacked
    this.#outbox.acknowledge(sequenceId)
    if (this.#outbox.unacked < before) this.#ackProgressMs = performance.now()
  }

  // ---- frames out

  /** Sends an answer or system frame, in order with everything else. It vanishes when the transport is lost. */
  sendControl(payload: Payload): void {
    if (this.#transport === null || this.#state !== 'open') return
    this.#outbox.pushControl(this.#prepare(payload))
    if (this.#blocked && this.#outbox.unwritten > this.#deps.limits.outboxMaxMessages) this.closeFor(this.#overflow())
    else this.#deps.writer.scheduleOne(this)
  }

  push(frame: Frame): PushResult {
    const outbox = this.#outbox
    if (outbox.unacked === 0) this.#ackProgressMs = performance.now()
    outbox.pushMessage(frame)
    if (this.#isOverAckBound()) {
      outbox.dropExpired(Date.now())
      if (this.#isOverAckBound() && !this.#mayStillAcknowledge()) return pushed.full
    }
    if (this.#isOverWriteBound()) {
      if (this.#transport !== null && !this.#blocked) return pushed.urgent
      outbox.dropExpired(Date.now())
      if (this.#isOverWriteBound()) return pushed.full
    }
    return pushed.ok
  }

  /** What a blocked transport has buffered counts as its outbox. */
  #isOverWriteBound(): boolean {
    const { outboxMaxMessages, outboxMaxBytes } = this.#deps.limits
    const bytes = this.#outbox.unwrittenBytes + (this.#blocked ? this.#blockedAtBytes : 0)
    return this.#outbox.unwritten > outboxMaxMessages || bytes > outboxMaxBytes
  }

  #isOverAckBound(): boolean {
    const { outboxMaxMessages, outboxMaxBytes } = this.#deps.limits
    return this.reliable && (this.#outbox.unacked > outboxMaxMessages || this.#outbox.unackedBytes > outboxMaxBytes)
  }

  /**
   * Clients acknowledge from time to time, so one that takes what it is sent may be owed more than the bound, though never
   * more than four times its bytes, until `ackGraceMs` have passed without an acknowledgement.
   */
  #mayStillAcknowledge(): boolean {
    const { outboxMaxBytes, ackGraceMs } = this.#deps.limits
    if (this.#transport === null || this.#blocked || this.#outbox.unackedBytes > 4 * outboxMaxBytes) return false
    const leftMs = this.#ackProgressMs + ackGraceMs - performance.now()
    if (leftMs <= 0) return false
    if (!this.#ackTimer.armed) this.#deps.wheel.arm(this.#ackTimer, leftMs)
    return true
  }

  #onAcksOverdue(): void {
    if (this.#state !== 'open' || this.#transport === null || !this.#isOverAckBound()) return
    if (!this.#mayStillAcknowledge()) this.closeFor(this.#overflow())
  }

  write(maxBytes: number): number {
    const transport = this.#transport
    if (transport === null) return 0
    this.#writing = true
    transport.cork()
    const bytes = this.#outbox.write(transport, maxBytes, Date.now())
    transport.uncork()
    this.#writing = false
    this.#deps.counters.bytesOut += bytes
    if (this.#lostWhileWriting !== null) {
      const end = this.#lostWhileWriting
      this.#lostWhileWriting = null
      this.#lost(end)
    } else if (this.#state === 'closing' && this.#outbox.unwritten === 0) {
      transport.close(this.#closeCode, this.#closeReason)
    } else if (transport.bufferedBytes > this.#deps.limits.blockedBytes) {
      this.#block(transport.bufferedBytes)
    }
    return bytes
  }

  #block(bufferedBytes: number): void {
    if (this.#blocked) return
    this.#blocked = true
    this.#blockedAtBytes = bufferedBytes
    this.#deps.meter.blockedBytes += bufferedBytes
    this.#deps.meter.blockedConnections++
    this.#outbox.healthy = false
    this.#deps.wheel.arm(this.#blockedTimer, this.#deps.limits.blockedTimeoutMs)
    this.#deps.events.blocked(this)
  }

  #clearBlocked(): void {
    if (!this.#blocked) return
    this.#blocked = false
    this.#deps.meter.blockedBytes -= this.#blockedAtBytes
    this.#deps.meter.blockedConnections--
    this.#deps.wheel.disarm(this.#blockedTimer)
  }

  #unblock(): void {
    if (!this.#blocked) return
    this.#clearBlocked()
    this.#outbox.healthy = true
    this.#deps.writer.scheduleOne(this)
  }

  #onBlockedTooLong(): void {
    const transport = this.#transport
    if (transport === null) return
    const { bufferedBytes } = transport
    if (bufferedBytes < this.#blockedAtBytes) {
      this.#deps.meter.blockedBytes -= this.#blockedAtBytes - bufferedBytes
      this.#blockedAtBytes = bufferedBytes
      this.#deps.wheel.arm(this.#blockedTimer, this.#deps.limits.blockedTimeoutMs)
    } else if (this.reliable && this.#state === 'open') {
      transport.abort() // it may recover and lose nothing
    } else {
      this.closeFor(this.#overflow())
    }
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
