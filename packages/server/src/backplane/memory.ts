import { errors } from '@hocket/protocol/errors'
import type { Answer, Backplane, BackplaneHandlers, BackplaneRequest, ReplyTo } from './backplane.ts'
import { handlerFailure } from './pending.ts'
import { cacheReplies } from './reply-cache.ts'

/**
 * One process alone: there is nobody to tell, so interest and publish do nothing and every request is answered here,
 * whatever node a connection id names.
 */
export class MemoryBackplane implements Backplane {
  readonly nodeId: string
  #handlers: BackplaneHandlers | null = null
  #state: 'new' | 'open' | 'drained' | 'closed' = 'new'

  constructor(nodeId: string) {
    this.nodeId = nodeId
  }

  async start(handlers: BackplaneHandlers): Promise<void> {
    if (this.#state !== 'new') throw new Error('a backplane starts once')
    this.#state = 'open'
    this.#handlers = cacheReplies(handlers)
  }

  setInterest(): undefined {}

  publish(): void {}

  async request<R extends BackplaneRequest>(request: R): Promise<Answer<ReplyTo<R>>> {
    if (this.#handlers === null && this.#state === 'new') throw new Error('request() before start()')
    if (this.#handlers === null || this.#state !== 'open') {
      throw errors.backplaneUnavailable({ reason: `node ${this.nodeId} is shutting down` })
    }
    try {
      return { replies: [{ nodeId: this.nodeId, reply: await this.#handlers.request(request) }], missing: [] }
    } catch (error) {
      throw handlerFailure(this.nodeId, error)
    }
  }

  async drain(): Promise<void> {
    if (this.#state === 'open') this.#state = 'drained'
  }

  async close(): Promise<void> {
    this.#state = 'closed'
    this.#handlers = null
  }
}
