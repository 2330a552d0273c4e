import { describe, expect, it } from 'vitest'
import type { Lane, Receiver } from '../hub/receiver.ts'
import { Writer } from './writer.ts'

const limits = { writeBatchConnections: 10, writeBatchBytes: 1000, writeVisitBytes: 100 }

/** A receiver that only has bytes to write. */
class Pending {
  lane: Lane = 'none'
  writtenTurn = 0
  bytes: number
  blocked = false
  /** Turn of the event loop in which each visit came. */
  readonly visits: number[] = []
  readonly #turn: () => number

  constructor(bytes: number, turn: () => number = () => 0) {
    this.bytes = bytes
    this.#turn = turn
  }

  get writable(): boolean {
    return this.bytes > 0 && !this.blocked
  }

  write(maxBytes: number): number {
    const written = Math.min(this.bytes, maxBytes)
    this.bytes -= written
    this.visits.push(this.#turn())
    return written
  }
}

const asReceivers = (pending: readonly Pending[]) => pending as unknown as Receiver[]

function turnCounter(): () => number {
  let turn = 0
  const count = () => {
    turn++
    setImmediate(count)
  }
  setImmediate(count).unref()
  return () => turn
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('Writer', () => {
  it('writes a small fan-out in the same call', () => {
    const receivers = Array.from({ length: 5 }, () => new Pending(50))
    new Writer(limits).schedule(asReceivers(receivers))
    expect(receivers.map(({ bytes }) => bytes)).toEqual([0, 0, 0, 0, 0])
  })

  it('gives a connection one visit a turn, and the rest in one write at the end of it', async () => {
    const writer = new Writer(limits)
    const receiver = new Pending(10)
    writer.schedule(asReceivers([receiver]))
    for (let i = 0; i < 5; i++) {
      receiver.bytes += 10
      writer.schedule(asReceivers([receiver]))
    }
    expect(receiver.visits.length).toBe(1)
    await turns(2)
    expect(receiver.visits.length).toBe(2)
    expect(receiver.bytes).toBe(0)
  })

  it('spreads a large fan-out over turns, at most a batch of connections in each', async () => {
    const turn = turnCounter()
    const writer = new Writer(limits)
    const receivers = Array.from({ length: 95 }, () => new Pending(1, turn))
    writer.schedule(asReceivers(receivers))
    expect(receivers.every(({ visits }) => visits.length === 0)).toBe(true)
    await turns(15)
    expect(receivers.every(({ bytes }) => bytes === 0)).toBe(true)
    const perTurn = Map.groupBy(
      receivers.flatMap(({ visits }) => visits),
      (visit) => visit,
    )
    expect(Math.max(...[...perTurn.values()].map((visits) => visits.length))).toBeLessThanOrEqual(10)
    expect(writer.waiting).toBe(0)
  })

  it('spreads large messages over turns by bytes', async () => {
    const turn = turnCounter()
    const writer = new Writer(limits)
    const receivers = Array.from({ length: 12 }, () => new Pending(1000, turn))
    writer.schedule(asReceivers(receivers))
    await turns(20)
    expect(receivers.every(({ bytes }) => bytes === 0)).toBe(true)
    const perTurn = Map.groupBy(
      receivers.flatMap(({ visits }) => visits),
      (visit) => visit,
    )
    expect(Math.max(...[...perTurn.values()].map((visits) => visits.length))).toBeLessThanOrEqual(10)
  })

  it('serves a small fan-out between the turns of a large one', async () => {
    const turn = turnCounter()
    const writer = new Writer(limits)
    const many = Array.from({ length: 500 }, () => new Pending(1, turn))
    writer.schedule(asReceivers(many))
    await turns(5)
    const few = [new Pending(1, turn), new Pending(1, turn)]
    const since = turn()
    writer.schedule(asReceivers(few))
    await turns(3)
    expect(few.every(({ visits }) => visits[0]! - since <= 2)).toBe(true)
    expect(many.some(({ bytes }) => bytes > 0)).toBe(true)
  })

  it('does not starve the ring while the small lane is full every turn', async () => {
    const writer = new Writer(limits)
    const ring = Array.from({ length: 20 }, () => new Pending(1))
    const busy = Array.from({ length: 10 }, () => new Pending(1))
    writer.schedule(asReceivers(ring))
    for (let i = 0; i < 20; i++) {
      for (const receiver of busy) receiver.bytes = 100
      writer.schedule(asReceivers(busy))
      await turns(1)
    }
    expect(ring.every(({ bytes }) => bytes === 0)).toBe(true)
  })

  it('leaves a blocked connection alone until it is scheduled again', async () => {
    const writer = new Writer(limits)
    const receiver = new Pending(500)
    writer.schedule(asReceivers([receiver]))
    receiver.blocked = true
    await turns(5)
    expect(receiver.bytes).toBe(400)
    receiver.blocked = false
    writer.scheduleOne(asReceivers([receiver])[0]!)
    await turns(10)
    expect(receiver.bytes).toBe(0)
  })

  it('writes all at once, outside the budget, what is urgent', () => {
    const receiver = new Pending(100_000)
    new Writer(limits).writeNow(asReceivers([receiver])[0]!)
    expect(receiver.bytes).toBe(0)
  })
})
