import { type Backplane, isNodeId } from '@hocket/server/internal'
import { VirtualClock } from './network-clock.ts'
import { type NetworkLinks, type NetworkMessage, NetworkNode } from './network-node.ts'
import { createRandom, type Random } from './random.ts'

export interface NetworkOptions {
  /** Ids of the nodes, each in the shape of `createNodeId`: eight of `a-z` and `2-7`. */
  readonly nodes: readonly string[]
  /** Decides every delay. */
  readonly seed: number
  /** Upper bound of the delay of one message, in virtual milliseconds. Default 5. */
  readonly maxDelayMs?: number
  /** How long a live node has to answer a request, in real milliseconds: it bounds handlers, not links. Default 5000. */
  readonly requestTimeoutMs?: number
}

/**
 * An in-process cluster to find cluster bugs in unit tests. Messages are copied, keep their order on each link, and take
 * a seeded time on a virtual clock that jumps, so that tests are quick and repeat by seed.
 *
 * - Links are like TCP. While one is down, what was sent waits, and arrives in order when the link is up again in time.
 *   Once the sender is fenced or has declared the receiver dead, what waits is lost, and so is what is sent later until the
 *   two have exchanged their interest again.
 * - A crash is seen for what it is (a broker would tell), so the rest of the cluster shrinks and is never fenced by it: of
 *   two nodes the survivor goes on.
 * - In a partition the nodes that reach more than half of the running nodes, themselves included, go on and declare the
 *   others dead. All others are fenced, always before they are declared dead. Two nodes cut from each other are both
 *   fenced: neither can know that the other is not still serving.
 */
export interface Network {
  readonly seed: number
  /** The node's backplane, the same object at every call. */
  backplane(nodeId: string): Backplane
  /** Stops a node for ever. A random part of what it had sent, the oldest first, still arrives. */
  crash(nodeId: string): void
  /** Cuts every link between nodes of different groups; each node stands in exactly one. Replaces an earlier partition. */
  partition(groups: readonly (readonly string[])[]): void
  /** Ends the partition. */
  heal(): void
  /**
   * Resolves when nothing is under way any more.
   *
   * @throws what handlers threw meanwhile
   */
  settle(): Promise<void>
}

/** Makes a network whose nodes are all to be started. Start each of them before the first partition. */
export function createNetwork(options: NetworkOptions): Network {
  const network = new InProcessNetwork(options)
  return {
    seed: options.seed,
    backplane: (nodeId) => network.node(nodeId),
    crash: (nodeId) => network.crash(nodeId),
    partition: (groups) => network.partition(groups),
    heal: () => network.heal(),
    settle: () => network.settle(),
  }
}

interface Parcel {
  readonly message: NetworkMessage | null
  readonly settled: (() => void) | null
}

/** One direction between two nodes. */
interface Link {
  readonly from: NetworkNode
  readonly to: NetworkNode
  isUp: boolean
  parcels: Parcel[]
  /** Deliveries that came due while the link was down. */
  overdue: number
}

class InProcessNetwork implements NetworkLinks {
  readonly #clock = new VirtualClock()
  readonly #random: Random
  readonly #maxDelayMs: number
  readonly #nodes = new Map<string, NetworkNode>()
  readonly #links = new Map<string, Map<string, Link>>()
  #groupOf: ReadonlyMap<string, number> | null = null
  /** Counts changes of who is there and who reaches whom; what was planned before the last change is void. */
  #epoch = 0

  constructor({ nodes, seed, maxDelayMs = 5, requestTimeoutMs = 5000 }: NetworkOptions) {
    this.#random = createRandom(seed)
    this.#maxDelayMs = maxDelayMs
    for (const nodeId of nodes) {
      if (!isNodeId(nodeId)) throw new TypeError(`'${nodeId}' is not a node id: eight of a-z and 2-7 are needed`)
      if (this.#nodes.has(nodeId)) throw new TypeError(`node '${nodeId}' is there twice`)
      this.#nodes.set(nodeId, new NetworkNode(nodeId, this, requestTimeoutMs))
    }
    for (const from of this.#nodes.values()) {
      const links = new Map<string, Link>()
      for (const to of this.#nodes.values()) {
        if (to !== from) links.set(to.nodeId, { from, to, isUp: true, parcels: [], overdue: 0 })
      }
      this.#links.set(from.nodeId, links)
    }
  }

  node(nodeId: string): NetworkNode {
    const node = this.#nodes.get(nodeId)
    if (node === undefined) throw new TypeError(`no node '${nodeId}' in this network`)
    return node
  }

  get partitioned(): boolean {
    return this.#groupOf !== null
  }

  crash(nodeId: string): void {
    const crashed = this.node(nodeId)
    for (const link of this.#links.get(nodeId)!.values()) {
      this.#drop(link, this.#random.int(link.parcels.length + 1))
    }
    crashed.crash()
  }

  partition(groups: readonly (readonly string[])[]): void {
    const groupOf = new Map<string, number>()
    for (const [index, group] of groups.entries()) {
      for (const nodeId of group) {
        if (groupOf.has(this.node(nodeId).nodeId)) throw new TypeError(`node '${nodeId}' stands in two groups`)
        groupOf.set(nodeId, index)
      }
    }
    for (const nodeId of this.#nodes.keys()) {
      if (!groupOf.has(nodeId)) throw new TypeError(`node '${nodeId}' stands in no group`)
    }
    this.#regroup(groupOf)
  }

  heal(): void {
    this.#regroup(null)
  }

  settle(): Promise<void> {
    return this.#clock.settle()
  }

  reachable(nodeId: string): readonly string[] {
    const reachable: string[] = []
    for (const { to, isUp } of this.#links.get(nodeId)!.values()) if (isUp && to.running) reachable.push(to.nodeId)
    return reachable
  }

  send(from: string, to: string, message: NetworkMessage): void {
    // An error object has a class to keep; it is immutable, and a real network would encode it.
    this.#post(this.#link(from, to), {
      message: message.type === 'failure' ? message : structuredClone(message),
      settled: null,
    })
  }

  flush(from: string, to: string): Promise<void> {
    return new Promise((settled) => this.#post(this.#link(from, to), { message: null, settled }))
  }

  dropHeld(from: string, to: string): void {
    const link = this.#link(from, to)
    if (!link.isUp) this.#drop(link, 0)
  }

  changed(): void {
    const epoch = ++this.#epoch
    const running = [...this.#nodes.values()].filter((node) => node.running)
    for (const node of running) {
      const reachable = new Set(this.reachable(node.nodeId))
      if ((reachable.size + 1) * 2 <= running.length) {
        if (!node.fenced) this.#planFence(node, reachable.size + 1, running.length)
      } else if (node.fenced) {
        // It can only fail when its world changes again, and then the next call of `changed` takes over.
        node.rejoin(() => this.#epoch === epoch).catch(() => {})
      } else {
        for (const other of this.#nodes.keys()) {
          if (node.isLive(other) && !reachable.has(other)) this.#planLoss(node, other)
        }
      }
    }
  }

  #planFence(node: NetworkNode, reached: number, total: number): void {
    this.#plan(2 * this.#maxDelayMs + 1, () => {
      if (node.running) node.fence(`node ${node.nodeId} reaches only ${reached} of ${total} nodes`)
    })
  }

  #planLoss(node: NetworkNode, lostId: string): void {
    this.#plan(4 * this.#maxDelayMs + 2, () => {
      if (node.running) node.lose(lostId)
    })
  }

  /** Both plans leave time for every message that was under way, and the fence comes first. */
  #plan(afterMs: number, run: () => void): void {
    const epoch = this.#epoch
    this.#clock.schedule(afterMs + this.#delayMs(), () => {
      if (this.#epoch === epoch) run()
    })
  }

  #regroup(groupOf: ReadonlyMap<string, number> | null): void {
    this.#groupOf = groupOf
    for (const links of this.#links.values()) {
      for (const link of links.values()) this.#switch(link)
    }
    this.changed()
  }

  #switch(link: Link): void {
    const { from, to } = link
    const wasUp = link.isUp
    link.isUp = this.#groupOf === null || this.#groupOf.get(from.nodeId) === this.#groupOf.get(to.nodeId)
    if (wasUp || !link.isUp) return
    const isBroken = from.fenced || to.fenced || !from.isLive(to.nodeId) || !to.isLive(from.nodeId)
    if (isBroken) this.#drop(link, 0)
    const due = link.overdue
    link.overdue = 0
    for (let i = 0; i < due; i++) this.#scheduleDelivery(link)
  }

  #link(from: string, to: string): Link {
    return this.#links.get(from)!.get(to)!
  }

  #post(link: Link, parcel: Parcel): void {
    const isLost = !link.isUp && (link.from.fenced || !link.from.isLive(link.to.nodeId) || !link.from.running)
    if (isLost) {
      parcel.settled?.()
      return
    }
    link.parcels.push(parcel)
    this.#scheduleDelivery(link)
  }

  /** Deliveries name no parcel: each brings the oldest one, and so a link keeps its order whatever the delays are. */
  #scheduleDelivery(link: Link): void {
    this.#clock.schedule(this.#delayMs(), () => {
      if (!link.isUp) {
        link.overdue++
        return
      }
      const parcel = link.parcels.shift()
      parcel?.settled?.()
      if (parcel?.message) link.to.receive(link.from.nodeId, parcel.message)
    })
  }

  #drop(link: Link, keep: number): void {
    for (const parcel of link.parcels.splice(keep)) parcel.settled?.()
  }

  #delayMs(): number {
    return this.#random.next() * this.#maxDelayMs
  }
}
