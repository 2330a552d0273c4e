import type { Receiver } from './receiver.ts'

/** The members of one group on this node: an array to walk, with O(1) removal. */
export class Group {
  readonly members: Receiver[] = []
  readonly #places = new Map<Receiver, number>()

  /** @returns false when it is a member already */
  add(receiver: Receiver): boolean {
    if (this.#places.has(receiver)) return false
    this.#places.set(receiver, this.members.length)
    this.members.push(receiver)
    return true
  }

  /** The last member takes the place of the removed one. @returns false when it is no member */
  remove(receiver: Receiver): boolean {
    const place = this.#places.get(receiver)
    if (place === undefined) return false
    this.#places.delete(receiver)
    const last = this.members.pop()!
    if (last !== receiver) {
      this.members[place] = last
      this.#places.set(last, place)
    }
    return true
  }
}
