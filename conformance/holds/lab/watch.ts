import { Metrics } from './rest.ts'
import type { Target } from './target.ts'

const intervalMs = 20

/** Reads `/metrics` again and again until it is stopped, and keeps the highest values. */
export class Watch {
  readonly #target: Target
  readonly #done: Promise<void>
  #stopped = false
  /** Resident memory of the process. */
  memoryBytes = 0
  outboxBytes = 0
  looks = 0

  constructor(target: Target) {
    this.#target = target
    this.#done = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#done
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const metrics = await Metrics.read(this.#target)
      this.memoryBytes = Math.max(this.memoryBytes, metrics.sum('process_resident_memory_bytes'))
      this.outboxBytes = Math.max(this.outboxBytes, metrics.sum('hocket_outbox_bytes'))
      this.looks++
      await new Promise((resolve) => setTimeout(resolve, intervalMs))
    }
  }
}
