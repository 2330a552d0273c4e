import { errors } from '@hocket/protocol/errors'
import { createFilterCache } from '@hocket/protocol/filter'
import type { Envelope, Target } from '@hocket/protocol/message'
import type { Answer, Backplane, BackplaneRequest, ReplyTo } from '../backplane/backplane.ts'
import type { Hubs } from '../hub/hub.ts'
import type { OutboxMeter } from '../hub/meter.ts'
import { type Congestion, pushed, type Receiver } from '../hub/receiver.ts'
import type { Logger } from '../log.ts'
import { FrameCache, type PrepareFrame } from './frame-cache.ts'
import { InterestTable } from './interest.ts'
import { answerRequest } from './requests.ts'
import type { Writer } from './writer.ts'

export interface RouterDeps {
  readonly hubs: Hubs
  readonly backplane: Backplane
  readonly writer: Writer
  readonly meter: OutboxMeter
  readonly prepare: PrepareFrame
  readonly limits: RouterLimits
  readonly counters: { messagesOut: number }
  readonly logger: Logger
}

export interface RouterLimits {
  /** Bytes that all outboxes of this process may hold; the largest blocked ones are closed first. */
  readonly outboxTotalMaxBytes: number
  /** Unwritten entries of healthy connections from which on publishers are slowed. Default 200,000. */
  readonly backlogMaxEntries?: number
}

const defaultBacklogMaxEntries = 200_000
/** Longest time a publisher waits for the backlog to shrink, in milliseconds. */
const backlogWaitMs = 5000

/** Resolves a target to receivers on this node and on the others, and delivers. There is no other way for a message in. */
export class Router {
  readonly #deps: RouterDeps
  readonly #interest: InterestTable
  readonly #filters = createFilterCache()
  readonly #backlogMaxEntries: number
  #counter = 0
  #fencedBecause: string | null = null
  #backlogWait: Promise<void> | null = null

  constructor(deps: RouterDeps) {
    this.#deps = deps
    this.#interest = new InterestTable(deps.backplane)
    this.#backlogMaxEntries = deps.limits.backlogMaxEntries ?? defaultBacklogMaxEntries
  }

  async start(): Promise<void> {
    await this.#deps.backplane.start({
      envelope: (envelope) => void this.deliver(envelope),
      request: (request) => answerRequest(this, this.#deps.hubs, (source) => this.#filters.get(source), request),
      nodeLost: (nodeId) => this.#deps.logger.warn({ nodeId }, 'node lost'),
      fenced: (reason) => {
        this.#fencedBecause = reason
        if (reason === null) this.#deps.logger.info({}, 'node joined the cluster again')
        else this.#deps.logger.error({ reason }, 'node is cut off, sends are refused')
      },
    })
  }

  get nodeId(): string {
    return this.#deps.backplane.nodeId
  }

  /** A new id for an envelope or a command, unique in the cluster. */
  newId(): string {
    return `${this.nodeId}-${++this.#counter}`
  }

  /** False while this node may be stale. */
  get isHealthy(): boolean {
    return this.#fencedBecause === null
  }

  /** Whether healthy connections have so much to be written that new sends should be refused for a moment. */
  get overloaded(): boolean {
    return this.#deps.meter.healthyUnwritten >= this.#backlogMaxEntries * 2
  }

  /**
   * Delivers to the receivers here, and hands the envelope to the other nodes.
   * @returns what the publisher should wait for before it sends more, or `null`
   * @throws HocketError `backplaneUnavailable` while this node may be stale; nothing was delivered then
   */
  publish(envelope: Envelope): Congestion | null {
    if (this.#fencedBecause !== null) throw errors.backplaneUnavailable({ reason: this.#fencedBecause })
    const congestion = this.deliver(envelope) // receivers here never wait for the network
    this.#deps.backplane.publish(envelope)
    return congestion
  }

  deliver(envelope: Envelope): Congestion | null {
    const { hubs, prepare, writer, meter, counters } = this.#deps
    const hub = hubs.find(envelope.target.hub)
    if (hub === undefined) return null
    const filter = envelope.filter === null ? null : this.#filters.get(envelope.filter)
    const receivers = hub.select(envelope.target, envelope.excluded, filter)
    const frames = new FrameCache(envelope, prepare)
    const urgent: Receiver[] = []
    const full: Receiver[] = []
    for (const receiver of receivers) {
      const result = receiver.push(frames.get(receiver.encoder))
      if (result === pushed.ok) continue
      if (result === pushed.urgent) urgent.push(receiver)
      else full.push(receiver)
    }
    counters.messagesOut += receivers.length
    for (const receiver of full) receiver.closeFor(overflow(receiver))
    for (const receiver of urgent) writer.writeNow(receiver)
    writer.schedule(receivers)
    if (meter.totalBytes > this.#deps.limits.outboxTotalMaxBytes) this.#shed()
    return meter.healthyUnwritten < this.#backlogMaxEntries ? null : this.#backlog
  }

  readonly #backlog: Congestion = {
    relieved: () => {
      this.#backlogWait ??= this.#backlogShrinks().finally(() => {
        this.#backlogWait = null
      })
      return this.#backlogWait
    },
  }

  async #backlogShrinks(): Promise<void> {
    const giveUpAt = performance.now() + backlogWaitMs
    while (this.#deps.meter.healthyUnwritten >= this.#backlogMaxEntries / 2 && performance.now() < giveUpAt) {
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Adds a connection with its groups; its interests were retained before. One synchronous step. */
  add(receiver: Receiver, groups: Iterable<string>): void {
    const hub = this.#deps.hubs.open(receiver.hub)
    hub.add(receiver)
    for (const group of groups) hub.join(receiver, group)
  }

  /** Takes a connection out of hub, user and groups, and tells the other nodes. */
  remove(receiver: Receiver): void {
    const hub = this.#deps.hubs.find(receiver.hub)
    const groups = hub?.remove(receiver) ?? null
    if (hub === undefined || groups === null) return
    this.#deps.hubs.prune(hub)
    for (const target of targetsOf(receiver.hub, receiver.userId, groups)) this.#interest.release(target)
  }

  /** Announces a connection that is about to come. @returns a promise while some node does not know yet */
  retain(hub: string, userId: string | null, groups: Iterable<string>): Promise<void> | undefined {
    const waits: Promise<void>[] = []
    for (const target of targetsOf(hub, userId, groups)) {
      const ready = this.#interest.retain(target)
      if (ready !== undefined) waits.push(ready)
    }
    return waits.length === 0 ? undefined : Promise.all(waits).then(() => {})
  }

  /** Takes `retain` back for a connection that did not come. */
  release(hub: string, userId: string | null, groups: Iterable<string>): void {
    for (const target of targetsOf(hub, userId, groups)) this.#interest.release(target)
  }

  /** @returns a promise while some node does not know yet: the join may be acknowledged when it resolves */
  join(receiver: Receiver, group: string): Promise<void> | undefined {
    const hub = this.#deps.hubs.find(receiver.hub)
    if (hub === undefined || !hub.has(receiver)) return undefined
    const target: Target = { kind: 'group', hub: receiver.hub, group }
    if (!hub.join(receiver, group)) return this.#interest.pending(target)
    return this.#interest.retain(target)?.catch((error: unknown) => {
      this.leave(receiver, group)
      throw error
    })
  }

  leave(receiver: Receiver, group: string): void {
    if (this.#deps.hubs.find(receiver.hub)?.leave(receiver, group)) {
      this.#interest.release({ kind: 'group', hub: receiver.hub, group })
    }
  }

  /**
   * Asks, or commands, every node concerned, this one included.
   * @throws HocketError `backplaneUnavailable`
   */
  async request<R extends BackplaneRequest>(request: R): Promise<Answer<ReplyTo<R>>> {
    if (this.#fencedBecause !== null) throw errors.backplaneUnavailable({ reason: this.#fencedBecause })
    return this.#deps.backplane.request(request)
  }

  /**
   * Closes outboxes until the process is under its bound again: blocked readers first, then those that are away, then
   * those that do not acknowledge, and of each kind the largest first.
   */
  #shed(): void {
    const { hubs, meter, limits, logger } = this.#deps
    const holders: Receiver[] = []
    for (const hub of hubs.all()) {
      for (const receiver of hub.connections.values())
        if (receiver.outboxBytes > 0 || receiver.isBlocked) holders.push(receiver)
    }
    const rank = (receiver: Receiver) => (receiver.isBlocked ? 0 : receiver.isDetached ? 1 : 2)
    holders.sort((a, b) => rank(a) - rank(b) || b.outboxBytes - a.outboxBytes)
    let closed = 0
    for (const receiver of holders) {
      if (meter.totalBytes <= limits.outboxTotalMaxBytes) break
      // What is written in a moment anyway, and kept for nobody, is no reason to close.
      if (rank(receiver) === 2 && receiver.encoder.sequencePrefix === null) continue
      receiver.closeFor(overflow(receiver))
      closed++
    }
    logger.warn(
      { closed, totalBytes: meter.totalBytes, limit: limits.outboxTotalMaxBytes },
      'outboxes of this process are at their bound, slow readers closed',
    )
  }
}

function overflow(receiver: Receiver) {
  return receiver.encoder.sequencePrefix === null ? errors.slowReceiver() : errors.reliableBufferFull()
}

function* targetsOf(hub: string, userId: string | null, groups: Iterable<string>): Generator<Target> {
  yield { kind: 'hub', hub }
  if (userId !== null) yield { kind: 'user', hub, userId }
  for (const group of new Set(groups)) yield { kind: 'group', hub, group }
}
