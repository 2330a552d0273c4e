/** The most recent successful ack ids of one connection: a request that comes again under one of them is not executed twice. */
export class AckWindow {
  readonly #size: number
  readonly #ids = new Set<string>()
  readonly #order: string[] = []
  #oldest = 0

  /** @param size ids remembered, default 1,000 */
  constructor(size = 1000) {
    this.#size = size
  }

  has(ackId: string): boolean {
    return this.#ids.has(ackId)
  }

  /** Remembers an id that was executed with success; beyond the size the oldest one is forgotten. */
  add(ackId: string): void {
    if (this.#ids.has(ackId)) return
    this.#ids.add(ackId)
    if (this.#order.length < this.#size) {
      this.#order.push(ackId)
      return
    }
    this.#ids.delete(this.#order[this.#oldest]!)
    this.#order[this.#oldest] = ackId
    this.#oldest = (this.#oldest + 1) % this.#size
  }
}
