import type { Receiver } from '../hub/receiver.ts'

export interface WriterLimits {
  /** Connections written to in one turn of the event loop. Default 250. */
  readonly writeBatchConnections: number
  /** Bytes written in one turn. Default 1 MiB. */
  readonly writeBatchBytes: number
  /** Bytes written to one connection in one visit; at least one piece of a frame is written. Default 64 KiB. */
  readonly writeVisitBytes: number
}

/**
 * Spreads the writing over turns of the event loop. Two lanes share one budget a turn: what is owed to few connections
 * is written in the same call, or at the end of the turn when the connection had its visit already; what is owed to many
 * joins a ring that is served turn by turn. Everybody else is served in between, and load coalesces by itself.
 */
export class Writer {
  readonly #limits: WriterLimits
  #turn = 1
  #connections = 0
  #bytes = 0
  #armed = false
  #late: Receiver[] = []
  readonly #ring: Receiver[] = []
  #ringHead = 0

  constructor(limits: WriterLimits) {
    this.#limits = limits
  }

  /** Receivers waiting for a visit. */
  get waiting(): number {
    return this.#late.length + this.#ring.length - this.#ringHead
  }

  /** Sees to it that what the receivers of one message hold gets written. */
  schedule(receivers: readonly Receiver[]): void {
    if (receivers.length > this.#limits.writeBatchConnections) {
      for (const receiver of receivers) this.#toRing(receiver)
    } else {
      for (const receiver of receivers) this.scheduleOne(receiver)
    }
  }

  scheduleOne(receiver: Receiver): void {
    if (receiver.lane === 'late' || !receiver.writable) return
    const roomLeft =
      this.#connections < this.#limits.writeBatchConnections && this.#bytes < this.#limits.writeBatchBytes
    if (!roomLeft || receiver.writtenTurn === this.#turn) this.#toLate(receiver)
    else if (this.#visit(receiver)) this.#toLate(receiver)
  }

  /** Writes all that a receiver holds, outside the budget: it is healthy and at its bound. */
  writeNow(receiver: Receiver): void {
    if (receiver.writable) receiver.write(Number.POSITIVE_INFINITY)
  }

  /** @returns whether it has more to write */
  #visit(receiver: Receiver): boolean {
    this.#arm()
    receiver.writtenTurn = this.#turn
    this.#connections++
    this.#bytes += receiver.write(this.#limits.writeVisitBytes)
    return receiver.writable
  }

  #toLate(receiver: Receiver): void {
    // One that waits in the ring as well keeps its place there: it has nothing left to write when its turn comes.
    receiver.lane = 'late'
    this.#late.push(receiver)
    this.#arm()
  }

  #toRing(receiver: Receiver): void {
    if (receiver.lane !== 'none' || !receiver.writable) return
    receiver.lane = 'ring'
    this.#ring.push(receiver)
    this.#arm()
  }

  #arm(): void {
    if (this.#armed) return
    this.#armed = true
    setImmediate(this.#endTurn)
  }

  readonly #endTurn = (): void => {
    this.#armed = false
    this.#turn++
    this.#connections = 0
    this.#bytes = 0
    const { writeBatchConnections, writeBatchBytes } = this.#limits
    // While the ring waits, the late lane leaves it a quarter of the turn.
    const share = this.#ringHead < this.#ring.length ? 0.75 : 1
    this.#serveLate(writeBatchConnections * share, writeBatchBytes * share)
    this.#serveRing(writeBatchConnections, writeBatchBytes)
    if (this.waiting > 0) this.#arm()
  }

  #serveLate(maxConnections: number, maxBytes: number): void {
    const late = this.#late
    this.#late = []
    for (const [i, receiver] of late.entries()) {
      if (this.#connections >= maxConnections || this.#bytes >= maxBytes) {
        for (let rest = i; rest < late.length; rest++) this.#late.push(late[rest]!)
        return
      }
      receiver.lane = 'none'
      if (receiver.writable && this.#visit(receiver)) this.#toLate(receiver)
    }
  }

  #serveRing(maxConnections: number, maxBytes: number): void {
    while (this.#ringHead < this.#ring.length && this.#connections < maxConnections && this.#bytes < maxBytes) {
      const receiver = this.#ring[this.#ringHead++]!
      if (receiver.lane !== 'ring') continue
      receiver.lane = 'none'
      if (receiver.writable && this.#visit(receiver)) this.#toRing(receiver)
    }
    if (this.#ringHead === this.#ring.length) {
      this.#ring.length = 0
      this.#ringHead = 0
    } else if (this.#ringHead > 4096 && this.#ringHead * 2 > this.#ring.length) {
      this.#ring.splice(0, this.#ringHead)
      this.#ringHead = 0
    }
  }
}
