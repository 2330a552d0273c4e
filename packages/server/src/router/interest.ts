import type { Target } from '@hocket/protocol/message'
import type { Backplane } from '../backplane/backplane.ts'

interface Entry {
  count: number
  /** Resolves when every live node knows; `undefined` once it does. */
  ready: Promise<void> | undefined
}

/**
 * Counts the receivers, and those about to come, of every target on this node, and tells the backplane of the first and
 * of the last one.
 */
export class InterestTable {
  readonly #backplane: Backplane
  readonly #entries = new Map<string, Entry>()

  constructor(backplane: Backplane) {
    this.#backplane = backplane
  }

  /** One receiver more. @returns a promise while some node does not know yet; it rejects when the nodes cannot be told */
  retain(target: Target): Promise<void> | undefined {
    const key = keyOf(target)
    const known = this.#entries.get(key)
    if (known !== undefined) {
      known.count++
      return known.ready
    }
    const entry: Entry = { count: 1, ready: this.#backplane.setInterest(target, true) }
    this.#entries.set(key, entry)
    entry.ready = entry.ready?.then(
      () => {
        entry.ready = undefined
      },
      (error: unknown) => {
        // The next retain tries again; whoever holds this entry releases it by itself.
        if (this.#entries.get(key) === entry) this.#entries.delete(key)
        throw error
      },
    )
    return entry.ready
  }

  /** @returns a promise while some node does not know of a target that is retained already */
  pending(target: Target): Promise<void> | undefined {
    return this.#entries.get(keyOf(target))?.ready
  }

  release(target: Target): void {
    const key = keyOf(target)
    const entry = this.#entries.get(key)
    if (entry === undefined || --entry.count > 0) return
    this.#entries.delete(key)
    // Nobody waits for it: a node that learns late sends an envelope that finds no receiver.
    this.#backplane.setInterest(target, false)?.catch(() => {})
  }
}

function keyOf(target: Target): string {
  switch (target.kind) {
    case 'hub':
      return `h ${target.hub}`
    case 'group':
      return `g ${target.hub} ${target.group}`
    case 'user':
      return `u ${target.hub} ${target.userId}`
    case 'connection':
      throw new Error('a connection target is addressed by its node and has no interest')
    default:
      return target satisfies never
  }
}
