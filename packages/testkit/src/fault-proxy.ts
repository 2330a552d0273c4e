/**
 * A TCP proxy that breaks connections. It stands between clients and a server, does to every socket what a plan made
 * from a seed says, and keeps a record of the WebSocket frames that passed: what a suite needs to tell a lost message
 * from one that was never accepted.
 */

import { createServer, type Server, type Socket } from 'node:net'
import {
  defaultFaultProfile,
  type Fault,
  type FaultProfile,
  type Outage,
  planOutages,
  planSocket,
} from './fault-proxy-plan.ts'
import { TrafficRecord, type TransportRecord } from './fault-proxy-tap.ts'
import { Transport } from './fault-proxy-transport.ts'

const turnAwayAfterMs = 10

export interface FaultProxyOptions {
  /** Port of the server on 127.0.0.1. */
  readonly targetPort: number
  readonly seed: number
  /** What differs from {@link defaultFaultProfile}. */
  readonly profile?: Partial<FaultProfile>
}

export class FaultProxy implements AsyncDisposable {
  readonly seed: number
  readonly record: TrafficRecord = new TrafficRecord()
  readonly #targetPort: number
  readonly #profile: FaultProfile
  readonly #listeners = new Map<string, Listener>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #faultsSinceMs: number | null = null

  constructor(options: FaultProxyOptions) {
    this.seed = options.seed
    this.#targetPort = options.targetPort
    this.#profile = { ...defaultFaultProfile, ...options.profile }
  }

  /**
   * Opens a listener that is `client`'s alone, so that a client meets the same faults whoever else connects when.
   * @returns its base address, `http://127.0.0.1:…`
   */
  async listen(client: string): Promise<string> {
    const transports = new Set<Transport>()
    let ordinal = 0
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#accept(client, ordinal++, socket, transports)
    })
    const listener: Listener = { server, transports, outages: [] }
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', resolve)
    })
    this.#listeners.set(client, listener)
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('the listener has no port')
    return `http://127.0.0.1:${address.port}`
  }

  /** Begins to break things. The sockets that stand meet the plan of a socket accepted now. */
  startFaults(durationMs: number): void {
    this.#faultsSinceMs = performance.now()
    for (const [client, listener] of this.#listeners) {
      listener.outages = planOutages(this.seed, client, durationMs, this.#profile)
      for (const outage of listener.outages) {
        this.#after(outage.fromMs, () => {
          for (const transport of listener.transports) transport.reset('outage')
        })
      }
      for (const transport of listener.transports) {
        transport.follow(planSocket(this.seed, client, transport.record.ordinal, this.#profile))
      }
    }
  }

  /** Ends every fault: what is held back resumes, or is reset where the plan says so, and nothing new breaks. */
  heal(): void {
    this.#faultsSinceMs = null
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    for (const listener of this.#listeners.values()) {
      listener.outages = []
      for (const transport of listener.transports) transport.heal()
    }
  }

  /** Lets one fault happen now to every socket of `client` that stands. */
  inflict(client: string, fault: Fault): void {
    for (const transport of this.#listeners.get(client)?.transports ?? []) transport.follow([{ afterMs: 0, fault }])
  }

  /** Number of sockets of `client` that stand. */
  openSockets(client: string): number {
    return this.#listeners.get(client)?.transports.size ?? 0
  }

  /** What happened to every socket, one line each: print it beside the seed when a run fails. */
  describe(): string {
    const startMs = this.record.transports[0]?.accepted.atMs ?? 0
    const lines = this.record.transports.map((transport) => {
      const kind = transport.recoveryOf === null ? 'new' : `recovers ${transport.recoveryOf}`
      const close = transport.serverClose === null ? '' : `, server close ${transport.serverClose.code}`
      return (
        `${transport.client}/${transport.ordinal} at ${Math.round(transport.accepted.atMs - startMs)} ms: ${kind}, ` +
        `answer ${transport.status ?? 'none'}, connection ${transport.connectionId ?? 'unknown'}${close}; ` +
        `faults: ${transport.faults.join('; ') || 'none'}`
      )
    })
    return [`seed ${this.seed}`, ...lines].join('\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.heal()
    await Promise.all(
      [...this.#listeners.values()].map(({ server, transports }) => {
        const closed = new Promise<void>((resolve) => server.close(() => resolve()))
        for (const transport of transports) transport.reset('proxy closed')
        return closed
      }),
    )
    this.#listeners.clear()
  }

  #accept(client: string, ordinal: number, socket: Socket, transports: Set<Transport>): void {
    const record = this.record.add(client, ordinal)
    const sinceMs = this.#faultsSinceMs === null ? -1 : performance.now() - this.#faultsSinceMs
    const outages = this.#listeners.get(client)?.outages ?? []
    if (outages.some((outage) => outage.fromMs <= sinceMs && sinceMs < outage.untilMs)) {
      this.#turnAway(socket, record)
      return
    }
    const transport = new Transport(socket, this.#targetPort, record, this.record, () => transports.delete(transport))
    transports.add(transport)
    if (sinceMs >= 0) transport.follow(planSocket(this.seed, client, ordinal, this.#profile))
  }

  /** Not at once: the official Python client loses its wake-up when a connection fails that fast. */
  #turnAway(socket: Socket, record: TransportRecord): void {
    record.faults.push('turned away')
    record.clientSideLost = record.serverSideLost = this.record.now()
    socket.on('error', () => {})
    setTimeout(() => socket.resetAndDestroy(), turnAwayAfterMs)
  }

  #after(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      act()
    }, ms)
    this.#timers.add(timer)
  }
}

interface Listener {
  readonly server: Server
  readonly transports: Set<Transport>
  outages: readonly Outage[]
}
