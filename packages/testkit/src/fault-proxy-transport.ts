/** One client socket of the fault proxy, the server socket behind it, and what goes wrong between them. */

import { connect, type Socket } from 'node:net'
import { type Direction, describeFault, type Fault, type PlannedFault } from './fault-proxy-plan.ts'
import { type TapPoint, type TrafficRecord, type TransportRecord, TransportTap } from './fault-proxy-tap.ts'

const finGraceMs = 300
const heldBytesLimit = 4_194_304

export class Transport {
  readonly record: TransportRecord
  readonly #client: Socket
  readonly #server: Socket
  readonly #traffic: TrafficRecord
  readonly #pipes: Record<Direction, Pipe>
  readonly #onGone: () => void
  readonly #timers = new Set<NodeJS.Timeout>()
  /** The stall that is going on, and how it is to end. */
  #stall: { readonly outcome: 'resume' | 'reset' } | null = null
  #lostWhileStalled = false
  #ending = false
  /** One socket was reset, the other one stands and is not answered. */
  #oneSided = false

  constructor(client: Socket, targetPort: number, record: TransportRecord, traffic: TrafficRecord, onGone: () => void) {
    this.record = record
    this.#client = client
    this.#traffic = traffic
    this.#onGone = onGone
    this.#server = connect({ host: '127.0.0.1', port: targetPort, allowHalfOpen: true, noDelay: true })
    const tap = new TransportTap(record, () => traffic.now())
    this.#pipes = {
      toServer: new Pipe(client, this.#server, tap, { out: 'toServer' }, () => this.#markLost('serverSideLost')),
      toClient: new Pipe(this.#server, client, tap, { in: 'fromServer', out: 'toClient' }, () => {}),
    }
    this.#watch(client, 'clientSideLost')
    this.#watch(this.#server, 'serverSideLost')
  }

  /** Lets the faults of `plan` happen, counted from now. */
  follow(plan: readonly PlannedFault[]): void {
    for (const { afterMs, fault } of plan) {
      if (afterMs === 0) this.#apply(fault)
      else this.#after(afterMs, () => this.#apply(fault))
    }
  }

  reset(why: string): void {
    if (this.#ending) return
    this.#log(why)
    this.#destroy()
  }

  /** Ends what is going on as it was meant to end, and forgets what was planned. */
  heal(): void {
    this.#clearTimers()
    for (const pipe of Object.values(this.#pipes)) {
      pipe.latencyMs = 0
      pipe.cut = null
    }
    this.#endStall()
    if (this.#oneSided) this.#destroy()
  }

  #apply(fault: Fault): void {
    if (this.#ending) return
    this.#log(describeFault(fault))
    switch (fault.kind) {
      case 'reset':
        this.#destroy()
        break
      case 'fin':
        this.#finish()
        break
      case 'cut':
        this.#pipes[fault.direction].cut = {
          fraction: fault.fraction,
          done: () => (fault.ending === 'reset' ? this.#destroy() : this.#finish()),
        }
        break
      case 'delay':
        for (const pipe of Object.values(this.#pipes)) pipe.latencyMs = fault.latencyMs
        this.#after(fault.durationMs, () => {
          for (const pipe of Object.values(this.#pipes)) pipe.latencyMs = 0
        })
        break
      case 'half-open':
        this.#beginStall(fault.outcome, fault.durationMs, [this.#pipes[fault.direction]])
        break
      case 'one-sided':
        this.#ending = this.#oneSided = true
        for (const pipe of Object.values(this.#pipes)) pipe.stop()
        this.#markLost(fault.side === 'client' ? 'clientSideLost' : 'serverSideLost')
        reset(fault.side === 'client' ? this.#client : this.#server)
        this.#after(fault.durationMs, () => this.#destroy())
        break
      case 'black-hole':
        this.#beginStall(fault.outcome, fault.durationMs, Object.values(this.#pipes))
        break
      default:
        fault satisfies never
    }
  }

  #beginStall(outcome: 'resume' | 'reset', durationMs: number, pipes: readonly Pipe[]): void {
    this.#stall = { outcome }
    for (const pipe of pipes) pipe.held = true
    this.#after(durationMs, () => this.#endStall())
  }

  #endStall(): void {
    const stall = this.#stall
    this.#stall = null
    if (stall === null || this.#ending) return
    this.#log(stall.outcome)
    if (stall.outcome === 'reset') {
      this.#destroy()
      return
    }
    for (const pipe of Object.values(this.#pipes)) pipe.release()
    if (this.#lostWhileStalled) this.#destroy()
  }

  #watch(socket: Socket, lost: 'clientSideLost' | 'serverSideLost'): void {
    // A reset shows up as 'error' and then 'close'; the code does not matter here.
    socket.on('error', () => {})
    socket.on('end', () => {
      this.#markLost(lost)
      if (this.#oneSided) socket.destroy()
    })
    socket.on('close', () => {
      this.#markLost(lost)
      const other = socket === this.#client ? this.#server : this.#client
      if (other.destroyed) {
        this.#clearTimers()
        this.#ending = true
        this.#onGone()
      } else if (this.#oneSided) return
      else if (this.#stall !== null) this.#lostWhileStalled = true
      else if (socket.errored !== null) this.#destroy()
      else setTimeout(() => this.#destroy(), finGraceMs)
    })
  }

  #destroy(): void {
    this.#ending = true
    this.#markLost('clientSideLost')
    this.#markLost('serverSideLost')
    for (const pipe of Object.values(this.#pipes)) pipe.stop()
    reset(this.#client)
    reset(this.#server)
  }

  #finish(): void {
    this.#ending = true
    this.#markLost('clientSideLost')
    this.#markLost('serverSideLost')
    for (const pipe of Object.values(this.#pipes)) pipe.stop()
    this.#client.end()
    this.#server.end()
    setTimeout(() => {
      this.#client.destroy()
      this.#server.destroy()
    }, finGraceMs)
  }

  #markLost(side: 'clientSideLost' | 'serverSideLost'): void {
    this.record[side] ??= this.#traffic.now()
  }

  #log(what: string): void {
    this.record.faults.push(`${Math.round(performance.now() - this.record.accepted.atMs)} ms ${what}`)
  }

  #after(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      act()
    }, ms)
    this.#timers.add(timer)
  }

  #clearTimers(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }
}

/**
 * Ends a socket with RST. After `end()` Node's `resetAndDestroy` can fail (libuv refuses it while a FIN is on its way)
 * and then leaves a handle that nobody closes; the process would spin for ever at its exit.
 */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

/** One direction: what arrives is queued, and leaves when nothing holds it back. */
class Pipe {
  latencyMs = 0
  held = false
  /** Armed: the next chunk that can be cut inside a frame is cut there, and then `done` is called. */
  cut: { readonly fraction: number; readonly done: () => void } | null = null
  readonly #from: Socket
  readonly #to: Socket
  readonly #tap: TransportTap
  readonly #outPoint: TapPoint
  readonly #onEnded: () => void
  readonly #queue: { readonly chunk: Buffer | null; readonly dueMs: number }[] = []
  #queuedBytes = 0
  #timer: NodeJS.Timeout | null = null
  #stopped = false

  constructor(
    from: Socket,
    to: Socket,
    tap: TransportTap,
    points: { readonly in?: TapPoint; readonly out: TapPoint },
    onEnded: () => void,
  ) {
    this.#from = from
    this.#to = to
    this.#tap = tap
    this.#outPoint = points.out
    this.#onEnded = onEnded
    from.on('data', (chunk: Buffer) => {
      if (points.in !== undefined) tap.push(points.in, chunk)
      this.#enqueue(chunk)
    })
    from.on('end', () => this.#enqueue(null))
    to.on('drain', () => from.resume())
  }

  release(): void {
    this.held = false
    this.#pump()
    this.#from.resume()
  }

  /** Nothing leaves any more; what arrives is still read, since it has left its sender. */
  stop(): void {
    this.#stopped = true
    this.#queue.length = 0
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#from.resume()
  }

  /** `null` stands for the end of the stream. */
  #enqueue(chunk: Buffer | null): void {
    if (this.#stopped) return
    const earliestMs = this.#queue.at(-1)?.dueMs ?? 0
    this.#queue.push({ chunk, dueMs: Math.max(earliestMs, performance.now() + this.latencyMs) })
    this.#queuedBytes += chunk?.length ?? 0
    if (this.#queuedBytes > heldBytesLimit) this.#from.pause()
    this.#pump()
  }

  #pump(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    while (!this.held && !this.#stopped && this.#queue.length > 0) {
      const { chunk, dueMs } = this.#queue[0]!
      const waitMs = dueMs - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pump(), Math.ceil(waitMs))
        return
      }
      this.#queue.shift()
      this.#queuedBytes -= chunk?.length ?? 0
      if (chunk === null) {
        this.#to.end()
        this.#onEnded()
      } else if (!this.#cutInside(chunk)) this.#forward(chunk)
    }
    if (this.#queuedBytes <= heldBytesLimit && !this.#to.writableNeedDrain) this.#from.resume()
  }

  #forward(chunk: Buffer): void {
    this.#tap.push(this.#outPoint, chunk)
    if (this.#to.writable && !this.#to.write(chunk)) this.#from.pause()
  }

  #cutInside(chunk: Buffer): boolean {
    const cut = this.cut
    if (cut === null) return false
    const size = Math.max(1, Math.floor(chunk.length * cut.fraction))
    this.#forward(chunk.subarray(0, size))
    if (!this.#tap.isInsideFrame(this.#outPoint)) this.#forward(chunk.subarray(size, size + 1))
    if (!this.#tap.isInsideFrame(this.#outPoint)) return true
    this.cut = null
    this.#stopped = true
    setImmediate(cut.done)
    return true
  }
}
