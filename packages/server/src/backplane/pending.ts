import { errors, HocketError } from '@hocket/protocol/errors'
import type { Answer } from './backplane.ts'

interface Open {
  readonly waiting: Set<string>
  readonly replies: { nodeId: string; reply: unknown }[]
  readonly missing: string[]
  readonly resolve: (answer: Answer<unknown>) => void
  readonly reject: (error: Error) => void
  timer: ReturnType<typeof setTimeout> | null
}

/** Questions that were put to several nodes: each ends when every node has answered or is lost, or when its time is up. */
export class PendingAnswers {
  readonly #timeoutMs: number
  readonly #open = new Map<string, Open>()

  /** @param timeoutMs how long every node has to answer, in milliseconds */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
  }

  /** How many questions are open. */
  get size(): number {
    return this.#open.size
  }

  /**
   * Opens question `id`, to be answered by each of `nodes`.
   *
   * @returns the replies in order of arrival, and the nodes that were lost before they answered
   * @throws HocketError `backplaneUnavailable` when a node is silent for `timeoutMs`
   */
  open<T>(id: string, nodes: Iterable<string>): Promise<Answer<T>> {
    const waiting = new Set(nodes)
    if (waiting.size === 0) return Promise.resolve({ replies: [], missing: [] })
    return new Promise<Answer<T>>((resolve, reject) => {
      const open: Open = {
        waiting,
        replies: [],
        missing: [],
        resolve: resolve as Open['resolve'],
        reject,
        timer: null,
      }
      open.timer = setTimeout(() => {
        const reason = `no answer from ${[...waiting].join(', ')} within ${this.#timeoutMs} ms`
        this.fail(id, errors.backplaneUnavailable({ reason }))
      }, this.#timeoutMs)
      this.#open.set(id, open)
    })
  }

  /** A node answered. Answers nobody waits for (late, or twice) are ignored. */
  reply(id: string, nodeId: string, reply: unknown): void {
    const open = this.#open.get(id)
    if (open?.waiting.delete(nodeId) !== true) return
    open.replies.push({ nodeId, reply })
    this.#settleWhenComplete(id, open)
  }

  /** A node will never answer: it becomes `missing` in every question that waits for it. */
  lost(nodeId: string): void {
    for (const [id, open] of this.#open) {
      if (!open.waiting.delete(nodeId)) continue
      open.missing.push(nodeId)
      this.#settleWhenComplete(id, open)
    }
  }

  /** Ends one question with an error. */
  fail(id: string, error: Error): void {
    const open = this.#open.get(id)
    if (open === undefined) return
    this.#close(id, open)
    open.reject(error)
  }

  /** Ends every open question with an error. */
  failAll(error: Error): void {
    for (const id of [...this.#open.keys()]) this.fail(id, error)
  }

  #settleWhenComplete(id: string, open: Open): void {
    if (open.waiting.size > 0) return
    this.#close(id, open)
    open.resolve({ replies: open.replies, missing: open.missing })
  }

  #close(id: string, open: Open): void {
    if (open.timer !== null) clearTimeout(open.timer)
    this.#open.delete(id)
  }
}

/** What the asker gets when a handler failed: our own errors as they are, anything else as `backplaneUnavailable`. */
export function handlerFailure(nodeId: string, cause: unknown): HocketError {
  if (cause instanceof HocketError) return cause
  return errors.backplaneUnavailable({ reason: `node ${nodeId} failed to handle the request`, cause })
}
