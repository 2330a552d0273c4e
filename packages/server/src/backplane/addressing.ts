import type { Target } from '@hocket/protocol/message'
import type { BackplaneRequest } from './backplane.ts'
import { nodeOf } from './node-id.ts'

/** A text that is equal for equal targets and different for all others. */
export function targetKey(target: Target): string {
  // The hub's length stands first, so that no hub and name together read like another pair.
  return `${target.kind}:${target.hub.length}:${target.hub}${nameOf(target)}`
}

function nameOf(target: Target): string {
  switch (target.kind) {
    case 'hub':
      return ''
    case 'group':
      return target.group
    case 'user':
      return target.userId
    case 'connection':
      return target.connectionId
  }
}

/** The only node that a request concerns, or `null` when it concerns every node. */
export function nodeOfRequest(request: BackplaneRequest): string | null {
  if ('connectionId' in request) return nodeOf(request.connectionId)
  if ('scope' in request && request.scope.kind === 'connection') return nodeOf(request.scope.connectionId)
  return null
}

/** Which of the other nodes have a receiver for which target, as they told us. */
export class PeerInterest {
  readonly #nodesOf = new Map<string, Set<string>>()
  readonly #keysOf = new Map<string, Set<string>>()

  /** @param key from `targetKey` */
  set(nodeId: string, key: string, present: boolean): void {
    if (present) {
      entry(this.#nodesOf, key).add(nodeId)
      entry(this.#keysOf, nodeId).add(key)
    } else {
      discard(this.#nodesOf, key, nodeId)
      discard(this.#keysOf, nodeId, key)
    }
  }

  /** Forgets what was known about `nodeId` and takes `keys` instead. */
  replace(nodeId: string, keys: Iterable<string>): void {
    this.remove(nodeId)
    for (const key of keys) this.set(nodeId, key, true)
  }

  remove(nodeId: string): void {
    for (const key of this.#keysOf.get(nodeId) ?? []) discard(this.#nodesOf, key, nodeId)
    this.#keysOf.delete(nodeId)
  }

  /** The nodes with a receiver for the target, connection targets aside: those need no interest. */
  nodes(key: string): Iterable<string> {
    return this.#nodesOf.get(key) ?? []
  }

  /** Targets that at least one node is interested in. */
  get size(): number {
    return this.#nodesOf.size
  }
}

function entry(sets: Map<string, Set<string>>, key: string): Set<string> {
  let set = sets.get(key)
  if (set === undefined) {
    set = new Set()
    sets.set(key, set)
  }
  return set
}

function discard(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key)
  if (set === undefined) return
  set.delete(value)
  if (set.size === 0) sets.delete(key)
}
