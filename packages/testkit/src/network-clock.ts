interface Entry {
  readonly atMs: number
  readonly run: () => void
}

/**
 * Virtual time that jumps to whatever is due next: one entry per turn of the event loop, so that everything which the
 * entry set off without waiting has happened before the next one. Entries of the same moment run in the order made.
 */
export class VirtualClock {
  readonly #entries: Entry[] = []
  readonly #failures: unknown[] = []
  #nowMs = 0
  #running = false

  /** Virtual milliseconds since the start. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Runs `run` when virtual time has gone on by `delayMs`. */
  schedule(delayMs: number, run: () => void): void {
    const atMs = this.#nowMs + delayMs
    let low = 0
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#entries[middle]!.atMs <= atMs) low = middle + 1
      else high = middle
    }
    this.#entries.splice(low, 0, { atMs, run })
    if (!this.#running) {
      this.#running = true
      setImmediate(this.#turn)
    }
  }

  /**
   * Resolves when nothing is due any more and nothing new came up in a few turns.
   *
   * @throws what an entry threw since the last call; an AggregateError when there were several
   */
  async settle(): Promise<void> {
    for (let quietTurns = 0; quietTurns < 5; ) {
      await new Promise((resolve) => setImmediate(resolve))
      quietTurns = this.#entries.length === 0 ? quietTurns + 1 : 0
    }
    const failures = this.#failures.splice(0)
    if (failures.length > 1) throw new AggregateError(failures, `${failures.length} handlers failed`)
    if (failures.length === 1) throw failures[0]
  }

  readonly #turn = (): void => {
    const entry = this.#entries.shift()
    if (entry !== undefined) {
      this.#nowMs = entry.atMs
      try {
        entry.run()
      } catch (error) {
        this.#failures.push(error)
      }
    }
    this.#running = this.#entries.length > 0
    if (this.#running) setImmediate(this.#turn)
  }
}
