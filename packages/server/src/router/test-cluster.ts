import type { Encoder } from '@hocket/protocol/codec'
import type { HocketError } from '@hocket/protocol/errors'
import type { Envelope, Permission, Target } from '@hocket/protocol/message'
import { createNetwork, type Network } from '@hocket/testkit/network'
import { createRandom, type Random } from '@hocket/testkit/random'
import type { Backplane } from '../backplane/backplane.ts'
import { Hubs } from '../hub/hub.ts'
import { OutboxMeter } from '../hub/meter.ts'
import { type Lane, type PushResult, pushed, type Receiver } from '../hub/receiver.ts'
import { silentLogger } from '../log.ts'
import type { Frame } from '../transport.ts'
import { Router } from './router.ts'
import { Writer } from './writer.ts'

/** For the tests in this folder: Routers with receivers that only remember, on the in-process network. */

export const hub = 'chat'
export const everybody: Target = { kind: 'hub', hub }
export const toGroup = (group: string): Target => ({ kind: 'group', hub, group })
export const toUser = (userId: string): Target => ({ kind: 'user', hub, userId })
export const toConnection = (connectionId: string): Target => ({ kind: 'connection', hub, connectionId })

interface TextFrame extends Frame {
  readonly text: string
}

/** Its only wire form is the text of the message. */
const textEncoder: Encoder = {
  slot: 0,
  message: ({ body }) => body.data,
  sequencePrefix: null,
  control: null,
}

/** A connection without a socket: what is pushed to it counts as received. */
export class FakeReceiver implements Receiver {
  readonly hub = hub
  readonly connectionId: string
  readonly userId: string | null
  readonly protocol = null
  readonly groups = new Set<string>()
  readonly encoder = textEncoder
  readonly permissions: Receiver['permissions']
  readonly received: string[] = []
  closedBecause: string | null | undefined = undefined
  readonly #router: Router
  readonly #granted = new Set<string>()

  constructor(router: Router, connectionId: string, userId: string | null) {
    this.#router = router
    this.connectionId = connectionId
    this.userId = userId
    const key = (permission: Permission, group: string) => `${permission} ${group}`
    this.permissions = {
      grant: (permission: Permission, group: string) => {
        this.#granted.add(key(permission, group))
        return 'done'
      },
      revoke: (permission: Permission, group: string) => {
        this.#granted.delete(key(permission, group))
        return 'done'
      },
      check: (permission: Permission, group: string) => this.#granted.has(key(permission, group)),
    } as unknown as Receiver['permissions']
  }

  push(frame: Frame): PushResult {
    this.received.push((frame as TextFrame).text)
    return pushed.ok
  }

  closeByServer(reason: string | null): void {
    this.closedBecause = reason
    this.#router.remove(this)
  }

  closeFor(error: HocketError): void {
    this.closeByServer(error.message)
  }

  readonly writable = false
  readonly outboxBytes = 0
  readonly isBlocked = false
  readonly isDetached = false
  lane: Lane = 'none'
  writtenTurn = 0
  write(): number {
    return 0
  }
}

/** One node: a Router, and the connections it was given. */
export class TestNode {
  readonly nodeId: string
  readonly router: Router
  readonly #random: Random

  constructor(backplane: Backplane, random: Random) {
    this.nodeId = backplane.nodeId
    this.#random = random
    this.router = new Router({
      hubs: new Hubs(),
      backplane,
      writer: new Writer({ writeBatchConnections: 250, writeBatchBytes: 1_048_576, writeVisitBytes: 65_536 }),
      meter: new OutboxMeter(),
      prepare: (payload): TextFrame => ({
        text: String(payload),
        byteLength: payload.length,
        pieces: 1,
        expiresAtMs: Number.POSITIVE_INFINITY,
        refs: 0,
      }),
      limits: { outboxTotalMaxBytes: 1_048_576 },
      counters: { messagesOut: 0 },
      logger: silentLogger,
    })
  }

  /** Connects as a gateway does: interest first, then one synchronous step. */
  async connect(userId: string | null = null, groups: readonly string[] = []): Promise<FakeReceiver> {
    await this.router.retain(hub, userId, groups)
    const letters = Array.from({ length: 22 }, () => this.#random.pick([...'ABCDabcd0123-_']))
    const receiver = new FakeReceiver(this.router, `${letters.join('')}-${this.nodeId}`, userId)
    this.router.add(receiver, groups)
    return receiver
  }

  /** Publishes `text`; @returns the envelope. */
  publish(target: Target, text: string, more: Partial<Envelope> = {}): Envelope {
    const envelope: Envelope = {
      id: this.router.newId(),
      target,
      from: 'server',
      fromUserId: null,
      body: { dataType: 'text', data: text },
      excluded: [],
      filter: null,
      metadata: null,
      expiresAtMs: null,
      ...more,
    }
    this.router.publish(envelope)
    return envelope
  }
}

export interface TestCluster {
  readonly network: Network
  readonly nodes: readonly TestNode[]
}

const nodeIds = ['aaaaaaaa', 'bbbbbbbb', 'cccccccc']

/**
 * Starts a cluster of `size` nodes, at most three.
 *
 * @param wrap may put something around each backplane, to watch it
 */
export async function startCluster(
  size: number,
  seed: number,
  wrap: (backplane: Backplane) => Backplane = (backplane) => backplane,
): Promise<TestCluster> {
  const ids = nodeIds.slice(0, size)
  const network = createNetwork({ nodes: ids, seed })
  const random = createRandom(seed)
  const nodes = ids.map((id) => new TestNode(wrap(network.backplane(id)), random))
  await Promise.all(nodes.map(({ router }) => router.start()))
  return { network, nodes }
}
