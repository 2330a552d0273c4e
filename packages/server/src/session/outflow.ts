import type { Encoder } from '@hocket/protocol/codec'
import type { OutboxMeter } from '../hub/meter.ts'
import { type PushResult, pushed } from '../hub/receiver.ts'
import { type TimerWheel, WheelTimer } from '../timers.ts'
import type { Frame, Transport, TransportEnd } from '../transport.ts'
import { Outbox } from './outbox.ts'

export interface OutflowLimits {
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
}

export interface OutflowDeps {
  readonly wheel: TimerWheel
  readonly meter: OutboxMeter
  readonly limits: OutflowLimits
  readonly counters: { bytesOut: number }
}

/** What the outflow tells its session. */
export interface OutflowOwner {
  /** There is something to be written. */
  schedule(): void
  /** A bound was passed some time ago, and nothing got better. */
  overflow(): void
  blocked(): void
  lost(end: TransportEnd): void
}

/** Late acknowledgers may be owed so many times the bound of bytes. */
const lateBytesFactor = 4

/**
 * Everything on its way to one client: the outbox, the transport it is written to, whether that is blocked, and the
 * bounds that hold. It never closes a connection by itself.
 */
export class Outflow {
  readonly #deps: OutflowDeps
  readonly #owner: OutflowOwner
  readonly #reliable: boolean
  readonly #outbox: Outbox
  #transport: Transport | null = null
  #closing: { readonly code: number; readonly reason: string } | null = null
  #blocked = false
  /** Bytes in the transport's buffer at the last look, while blocked. */
  #blockedAtBytes = 0
  /** True while `transport.write` is on the stack: an engine may report the loss of the socket from within. */
  #writing = false
  #lostWhileWriting: TransportEnd | null = null
  /** When the client last acknowledged something, or was first owed an acknowledgement. */
  #ackProgressMs = 0
  readonly #blockedTimer = new WheelTimer(() => this.#onBlockedTooLong())
  readonly #ackTimer = new WheelTimer(() => this.#onAcksOverdue())

  constructor(deps: OutflowDeps, encoder: Encoder, reliable: boolean, owner: OutflowOwner) {
    this.#deps = deps
    this.#owner = owner
    this.#reliable = reliable
    this.#outbox = new Outbox(encoder, reliable, deps.meter)
    this.#outbox.healthy = false
  }

  get isBlocked(): boolean {
    return this.#blocked
  }

  /** Bytes that the outbox keeps alive. */
  get bytes(): number {
    return this.#outbox.bytes
  }

  get writable(): boolean {
    return this.#outbox.unwritten > 0 && this.#transport !== null && !this.#blocked
  }

  attach(transport: Transport): void {
    this.#transport = transport
    this.#outbox.healthy = true
    this.#ackProgressMs = performance.now()
  }

  /** The transport is lost: what is not acknowledged waits for the next one. */
  detach(): void {
    this.#transport = null
    this.#clearBlocked()
    this.#outbox.healthy = false
    this.#outbox.detach()
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

  /** @returns false when a blocked client asks for more answers than it may have waiting */
  pushControl(frame: Frame): boolean {
    this.#outbox.pushControl(frame)
    return !this.#blocked || this.#outbox.unwritten <= this.#deps.limits.outboxMaxMessages
  }

  acknowledge(sequenceId: number): void {
    const before = this.#outbox.unacked
    this.#outbox.acknowledge(sequenceId)
    if (this.#outbox.unacked < before) this.#ackProgressMs = performance.now()
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
      this.#owner.lost(end)
    } else if (this.#closing !== null && this.#outbox.unwritten === 0) {
      transport.close(this.#closing.code, this.#closing.reason)
    } else if (transport.bufferedBytes > this.#deps.limits.blockedBytes) {
      this.#block(transport.bufferedBytes)
    }
    return bytes
  }

  /** Sends a close frame behind everything that waits now. */
  closeWhenWritten(code: number, reason: string): void {
    this.#closing = { code, reason }
    if (this.#outbox.unwritten === 0) this.#transport?.close(code, reason)
    else this.#owner.schedule()
  }

  /** Drops everything. What the transport still holds goes within the close time-out: nobody else is closed for it. */
  discard(): void {
    this.#outbox.clear()
    this.#clearBlocked()
  }

  end(): void {
    this.#transport = null
    this.discard()
    this.#deps.wheel.disarm(this.#ackTimer)
  }

  /** The transport's buffer is empty again. */
  drained(): void {
    if (!this.#blocked) return
    this.#clearBlocked()
    this.#outbox.healthy = true
    this.#owner.schedule()
  }

  /** The transport is gone. */
  closed(end: TransportEnd): void {
    if (this.#writing) this.#lostWhileWriting = end
    else this.#owner.lost(end)
  }

  /** What a blocked transport has buffered counts as its outbox. */
  #isOverWriteBound(): boolean {
    const { outboxMaxMessages, outboxMaxBytes } = this.#deps.limits
    const bytes = this.#outbox.unwrittenBytes + (this.#blocked ? this.#blockedAtBytes : 0)
    return this.#outbox.unwritten > outboxMaxMessages || bytes > outboxMaxBytes
  }

  #isOverAckBound(): boolean {
    const { outboxMaxMessages, outboxMaxBytes } = this.#deps.limits
    return this.#reliable && (this.#outbox.unacked > outboxMaxMessages || this.#outbox.unackedBytes > outboxMaxBytes)
  }

  /** Clients acknowledge from time to time (decision 0003), so one that takes what it is sent has a while to do so. */
  #mayStillAcknowledge(): boolean {
    const { outboxMaxBytes, ackGraceMs } = this.#deps.limits
    if (this.#transport === null || this.#blocked) return false
    if (this.#outbox.unackedBytes > lateBytesFactor * outboxMaxBytes) return false
    const leftMs = this.#ackProgressMs + ackGraceMs - performance.now()
    if (leftMs <= 0) return false
    if (!this.#ackTimer.armed) this.#deps.wheel.arm(this.#ackTimer, leftMs)
    return true
  }

  #onAcksOverdue(): void {
    if (this.#transport === null || this.#closing !== null || !this.#isOverAckBound()) return
    if (!this.#mayStillAcknowledge()) this.#owner.overflow()
  }

  #block(bufferedBytes: number): void {
    if (this.#blocked) return
    this.#blocked = true
    this.#blockedAtBytes = bufferedBytes
    this.#deps.meter.blockedBytes += bufferedBytes
    this.#deps.meter.blockedConnections++
    this.#outbox.healthy = false
    this.#deps.wheel.arm(this.#blockedTimer, this.#deps.limits.blockedTimeoutMs)
    this.#owner.blocked()
  }

  #clearBlocked(): void {
    if (!this.#blocked) return
    this.#blocked = false
    this.#deps.meter.blockedBytes -= this.#blockedAtBytes
    this.#deps.meter.blockedConnections--
    this.#deps.wheel.disarm(this.#blockedTimer)
  }

  #onBlockedTooLong(): void {
    const transport = this.#transport
    if (transport === null) return
    const { bufferedBytes } = transport
    if (bufferedBytes < this.#blockedAtBytes) {
      this.#deps.meter.blockedBytes -= this.#blockedAtBytes - bufferedBytes
      this.#blockedAtBytes = bufferedBytes
      this.#deps.wheel.arm(this.#blockedTimer, this.#deps.limits.blockedTimeoutMs)
    } else if (this.#reliable && this.#closing === null) {
      transport.abort() // it may recover and lose nothing
    } else {
      this.#owner.overflow()
    }
  }
}
