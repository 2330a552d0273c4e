import { errors, type HocketError } from '@hocket/protocol/errors'
import type { Envelope, Target } from '@hocket/protocol/message'
import type { Answer, Backplane, BackplaneHandlers, BackplaneRequest, ReplyTo } from '@hocket/server/internal'
import {
  cacheReplies,
  handlerFailure,
  nodeOf,
  nodeOfRequest,
  PeerInterest,
  PendingAnswers,
  targetKey,
} from '@hocket/server/internal'

/** What one node of the in-process network tells another. */
export type NetworkMessage =
  | { readonly type: 'hello'; readonly id: string; readonly interest: readonly string[] }
  | { readonly type: 'welcome'; readonly id: string; readonly interest: readonly string[] }
  | { readonly type: 'interest'; readonly id: string; readonly key: string; readonly present: boolean }
  | { readonly type: 'known'; readonly id: string }
  | { readonly type: 'envelope'; readonly envelope: Envelope }
  | { readonly type: 'request'; readonly id: string; readonly request: BackplaneRequest }
  | { readonly type: 'reply'; readonly id: string; readonly reply: unknown }
  | { readonly type: 'failure'; readonly id: string; readonly error: HocketError }
  | { readonly type: 'bye' }

/** What a node needs of the network around it. */
export interface NetworkLinks {
  readonly partitioned: boolean
  /** The other nodes that run and can be reached. */
  reachable(nodeId: string): readonly string[]
  send(from: string, to: string, message: NetworkMessage): void
  /** Resolves when everything sent from one node to the other has arrived or is lost. */
  flush(from: string, to: string): Promise<void>
  /** Loses what waits for a link that is down. */
  dropHeld(from: string, to: string): void
  /** A node joined or left: who has the majority, and who is dead, must be looked at again. */
  changed(): void
}

/** One node's `Backplane` on the in-process network. `createNetwork` makes it. */
export class NetworkNode implements Backplane {
  readonly nodeId: string
  readonly #links: NetworkLinks
  readonly #pending: PendingAnswers
  readonly #peers = new PeerInterest()
  readonly #own = new Set<string>()
  /** Nodes that this one believes to be there. */
  readonly #live = new Set<string>()
  #handlers: BackplaneHandlers | null = null
  #state: 'new' | 'running' | 'drained' | 'closed' | 'crashed' = 'new'
  #fencedReason: string | null = null
  #lastId = 0

  constructor(nodeId: string, links: NetworkLinks, requestTimeoutMs: number) {
    this.nodeId = nodeId
    this.#links = links
    this.#pending = new PendingAnswers(requestTimeoutMs)
  }

  /** Started, and neither closed nor crashed. */
  get running(): boolean {
    return this.#state === 'running' || this.#state === 'drained'
  }

  get fenced(): boolean {
    return this.#fencedReason !== null
  }

  isLive(nodeId: string): boolean {
    return this.#live.has(nodeId)
  }

  async start(handlers: BackplaneHandlers): Promise<void> {
    if (this.#state !== 'new') throw new Error('a backplane starts once')
    if (this.#links.partitioned) throw new Error('start every node before the first partition')
    this.#state = 'running'
    this.#handlers = cacheReplies(handlers)
    this.#links.changed()
    await this.#greet(this.#links.reachable(this.nodeId))
  }

  setInterest(target: Target, present: boolean): Promise<void> | undefined {
    if (target.kind === 'connection') return undefined
    if (this.#state === 'new') throw new Error('setInterest() before start()')
    if (this.#state !== 'running') return present ? Promise.reject(this.#unavailable()) : undefined
    const key = targetKey(target)
    if (present) this.#own.add(key)
    else this.#own.delete(key)
    if (this.#live.size === 0) return undefined
    const id = this.#newId()
    this.#sendAll(this.#live, { type: 'interest', id, key, present })
    if (this.fenced) return present ? Promise.reject(this.#unavailable()) : undefined
    const known = this.#pending.open(id, this.#live).then(() => {})
    // Nobody depends on a removal: a node that does not hear of it sends a few envelopes too many.
    return present ? known : known.catch(() => {})
  }

  publish(envelope: Envelope): void {
    if (this.#state === 'new') throw new Error('publish() before start()')
    if (this.#state !== 'running') throw this.#unavailable()
    this.#sendAll(this.#receiversOf(envelope.target), { type: 'envelope', envelope })
  }

  #receiversOf(target: Target): Iterable<string> {
    if (target.kind !== 'connection') return this.#peers.nodes(targetKey(target))
    const named = nodeOf(target.connectionId)
    if (named === null) return this.#live
    return this.#live.has(named) ? [named] : []
  }

  async request<R extends BackplaneRequest>(request: R): Promise<Answer<ReplyTo<R>>> {
    if (this.#state === 'new') throw new Error('request() before start()')
    if (this.#state !== 'running' || this.fenced) throw this.#unavailable()
    const named = nodeOfRequest(request)
    const others = [...this.#live].filter((nodeId) => named === null || named === nodeId)
    const isHere = named === null || named === this.nodeId
    const id = this.#newId()
    const answer = this.#pending.open<ReplyTo<R>>(id, isHere ? [...others, this.nodeId] : others)
    this.#sendAll(others, { type: 'request', id, request })
    if (isHere) {
      this.#handle(
        request,
        (reply) => this.#pending.reply(id, this.nodeId, reply),
        (error) => this.#pending.fail(id, error),
      )
    }
    return answer
  }

  async drain(): Promise<void> {
    if (this.#state === 'running') this.#state = 'drained'
    await Promise.all(Array.from(this.#live, (to) => this.#links.flush(this.nodeId, to)))
  }

  async close(): Promise<void> {
    if (this.running) {
      this.#sendAll(this.#live, { type: 'bye' })
      this.#stop('closed')
      await Promise.all(Array.from(this.#live, (to) => this.#links.flush(this.nodeId, to)))
    } else if (this.#state === 'new') {
      this.#state = 'closed'
    }
  }

  /** The process is gone: whatever it waited for rejects, so that tests do not hang. */
  crash(): void {
    this.#stop('crashed')
  }

  #stop(state: 'closed' | 'crashed'): void {
    this.#state = state
    this.#handlers = null
    this.#pending.failAll(this.#unavailable())
    this.#links.changed()
  }

  /** Another node has been declared dead. */
  lose(nodeId: string): void {
    if (!this.#live.delete(nodeId)) return
    this.#peers.remove(nodeId)
    this.#links.dropHeld(this.nodeId, nodeId)
    this.#pending.lost(nodeId)
    this.#handlers?.nodeLost(nodeId)
  }

  /** This node cannot reach the majority any more. */
  fence(reason: string): void {
    this.#fencedReason = reason
    const reachable = this.#links.reachable(this.nodeId)
    for (const nodeId of this.#live) {
      if (!reachable.includes(nodeId)) this.#links.dropHeld(this.nodeId, nodeId)
    }
    this.#pending.failAll(this.#unavailable())
    this.#handlers?.fenced(reason)
  }

  /** This node, fenced before, reaches the majority again: exchanges interest with it and goes on, if that is still true. */
  async rejoin(isStillTrue: () => boolean): Promise<void> {
    const reachable = this.#links.reachable(this.nodeId)
    for (const nodeId of [...this.#live]) {
      if (!reachable.includes(nodeId)) this.lose(nodeId)
    }
    await this.#greet(reachable)
    if (!this.running || !this.fenced || !isStillTrue()) return
    this.#fencedReason = null
    this.#handlers?.fenced(null)
  }

  async #greet(peers: readonly string[]): Promise<void> {
    const id = this.#newId()
    for (const nodeId of peers) this.#live.add(nodeId)
    const welcomed = this.#pending.open(id, peers)
    this.#sendAll(peers, { type: 'hello', id, interest: [...this.#own] })
    await welcomed
  }

  /** A message arrived. */
  receive(from: string, message: NetworkMessage): void {
    if (!this.running) return
    if (!this.#live.has(from) && message.type !== 'hello') return
    switch (message.type) {
      case 'hello':
        this.#live.add(from)
        this.#peers.replace(from, message.interest)
        this.#links.send(this.nodeId, from, { type: 'welcome', id: message.id, interest: [...this.#own] })
        return
      case 'welcome':
        this.#peers.replace(from, message.interest)
        this.#pending.reply(message.id, from, null)
        return
      case 'interest':
        this.#peers.set(from, message.key, message.present)
        this.#links.send(this.nodeId, from, { type: 'known', id: message.id })
        return
      case 'known':
        this.#pending.reply(message.id, from, null)
        return
      case 'envelope':
        this.#handlers?.envelope(message.envelope)
        return
      case 'request': {
        const { id } = message
        this.#handle(
          message.request,
          (reply) => this.#reply(from, { type: 'reply', id, reply }),
          (error) => this.#reply(from, { type: 'failure', id, error }),
        )
        return
      }
      case 'reply':
        this.#pending.reply(message.id, from, message.reply)
        return
      case 'failure':
        this.#pending.fail(message.id, message.error)
        return
      case 'bye':
        this.lose(from)
        return
      default:
        message satisfies never
    }
  }

  #handle<R extends BackplaneRequest>(
    request: R,
    done: (reply: ReplyTo<R>) => void,
    failed: (error: HocketError) => void,
  ): void {
    const fail = (error: unknown) => failed(handlerFailure(this.nodeId, error))
    try {
      const reply = this.#handlers!.request(request)
      if (reply instanceof Promise) reply.then(done, fail)
      else done(reply)
    } catch (error) {
      fail(error)
    }
  }

  #reply(to: string, message: NetworkMessage): void {
    if (this.running) this.#links.send(this.nodeId, to, message)
  }

  #sendAll(nodeIds: Iterable<string>, message: NetworkMessage): void {
    for (const nodeId of nodeIds) this.#links.send(this.nodeId, nodeId, message)
  }

  #newId(): string {
    this.#lastId++
    return `${this.nodeId}/${this.#lastId}`
  }

  #unavailable(): HocketError {
    const reason =
      this.running && this.#fencedReason !== null ? this.#fencedReason : `node ${this.nodeId} is shutting down`
    return errors.backplaneUnavailable({ reason })
  }
}
