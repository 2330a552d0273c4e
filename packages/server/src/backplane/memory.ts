import type { Answer, Backplane, BackplaneHandlers, BackplaneRequest, ReplyTo } from './backplane.ts'

/** One process alone: there is nobody to tell, so interest and publish do nothing and requests are answered here. */
export class MemoryBackplane implements Backplane {
  readonly nodeId: string
  #handlers: BackplaneHandlers | null = null

  constructor(nodeId: string) {
    this.nodeId = nodeId
  }

  async start(handlers: BackplaneHandlers): Promise<void> {
    this.#handlers = handlers
  }

  setInterest(): undefined {}

  publish(): void {}

  async request<R extends BackplaneRequest>(request: R): Promise<Answer<ReplyTo<R>>> {
    if (this.#handlers === null) throw new Error('MemoryBackplane.request before start()')
    return { replies: [{ nodeId: this.nodeId, reply: await this.#handlers.request(request) }], missing: [] }
  }

  async drain(): Promise<void> {}

  async close(): Promise<void> {
    this.#handlers = null
  }
}
