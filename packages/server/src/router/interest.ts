import type { Target } from '@hocket/protocol/message'
import type { Backplane } from '../backplane/backplane.ts'

interface Entry {
  count: number
  /** Resolves when every live node knows; `undefined` once it does, or when it could not be confirmed. */
  ready: Promise<void> | undefined
  /** It could not be confirmed: the next receiver tries again. The backplane has noted it all the same. */
  failed: boolean
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
      if (known.failed) this.#announce(target, known)
      return known.ready
    }
    const entry: Entry = { count: 1, ready: undefined, failed: false }
    this.#entries.set(key, entry)
    this.#announce(target, entry)
    return entry.ready
  }

  #announce(target: Target, entry: Entry): void {
    entry.failed = false
    entry.ready = this.#backplane.setInterest(target, true)?.then(
      () => {
        entry.ready = undefined
      },
      (error: unknown) => {
        entry.ready = undefined
        // Whoever retained it hears of the error and releases it.
        entry.failed = true
        throw error
      },
    )
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
