import type { BackplaneHandlers, BackplaneRequest, ReplyTo } from './backplane.ts'

/** Bounds of the reply cache. */
export interface ReplyCacheLimits {
  /** Replies kept; the oldest goes first. Default 10,000. */
  readonly maxReplies?: number
  /** How long a reply is kept, in milliseconds. Default 60,000: well over any request time-out. */
  readonly keepMs?: number
  /** Milliseconds of a clock that never goes back. Default `performance.now`. */
  readonly now?: () => number
}

interface Entry {
  readonly atMs: number
  readonly reply: unknown
}

/**
 * The handlers of `start()`, with commands done once per `commandId`: a retry gets the reply of the first try, also while
 * that one still works. A command that failed is not kept, so its retry tries again. Every implementation of `Backplane`
 * wraps its handlers in this, so that it stands in one place and the sender's own node is covered too.
 */
export function cacheReplies(handlers: BackplaneHandlers, limits: ReplyCacheLimits = {}): BackplaneHandlers {
  const { maxReplies = 10_000, keepMs = 60_000, now = () => performance.now() } = limits
  // In order of insertion, and so in order of age.
  const entries = new Map<string, Entry>()

  function makeRoom(nowMs: number): void {
    for (const [commandId, entry] of entries) {
      if (entries.size < maxReplies && nowMs - entry.atMs < keepMs) return
      entries.delete(commandId)
    }
  }

  function request<R extends BackplaneRequest>(request: R): ReplyTo<R> | Promise<ReplyTo<R>> {
    if (!('commandId' in request)) return handlers.request(request)
    const { commandId } = request
    const nowMs = now()
    makeRoom(nowMs)
    const known = entries.get(commandId)
    if (known !== undefined) return known.reply as ReplyTo<R> | Promise<ReplyTo<R>>
    const reply = handlers.request(request)
    const entry: Entry = { atMs: nowMs, reply }
    entries.set(commandId, entry)
    if (reply instanceof Promise) {
      reply.catch(() => {
        if (entries.get(commandId) === entry) entries.delete(commandId)
      })
    }
    return reply
  }

  return {
    envelope: (envelope) => handlers.envelope(envelope),
    request,
    nodeLost: (nodeId) => handlers.nodeLost(nodeId),
    fenced: (reason) => handlers.fenced(reason),
  }
}
