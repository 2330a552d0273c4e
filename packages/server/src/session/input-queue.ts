import type { Command } from '@hocket/protocol/commands'
import type { HocketError } from '@hocket/protocol/errors'

/** A decoded client frame, or what was wrong with it. */
export type Input = Command | HocketError

export interface InputLimits {
  /** Frames of one connection that may wait before reading pauses. Default 1,000. */
  readonly inputMaxFrames: number
  /** Bytes of waiting frames before reading pauses. Default 1 MiB. */
  readonly inputMaxBytes: number
}

/**
 * Runs the frames of one session in order, one at a time. Nothing waits and nothing is allocated while the handler
 * answers at once. The queue belongs to the session, so it survives a change of transport.
 */
export class InputQueue {
  readonly #limits: InputLimits
  readonly #handle: (input: Input) => Promise<void> | undefined
  readonly #onPause: (paused: boolean) => void
  #waiting: { input: Input; bytes: number }[] = []
  #waitingBytes = 0
  #busy = false
  #paused = false
  #closed = false

  /** @param handle must not reject */
  constructor(
    limits: InputLimits,
    handle: (input: Input) => Promise<void> | undefined,
    onPause: (paused: boolean) => void,
  ) {
    this.#limits = limits
    this.#handle = handle
    this.#onPause = onPause
  }

  get isPaused(): boolean {
    return this.#paused
  }

  push(input: Input, bytes: number): void {
    if (this.#closed) return
    if (!this.#busy) {
      this.#run(input)
      return
    }
    this.#waiting.push({ input, bytes })
    this.#waitingBytes += bytes
    const { inputMaxFrames, inputMaxBytes } = this.#limits
    if (!this.#paused && (this.#waiting.length >= inputMaxFrames || this.#waitingBytes >= inputMaxBytes)) {
      this.#paused = true
      this.#onPause(true)
    }
  }

  /** Drops what waits and takes nothing more. */
  close(): void {
    this.#closed = true
    this.#waiting = []
    this.#waitingBytes = 0
  }

  #run(input: Input): void {
    const wait = this.#handle(input)
    if (wait === undefined) return
    this.#busy = true
    wait.then(() => this.#continue())
  }

  #continue(): void {
    this.#busy = false
    let done = 0
    while (done < this.#waiting.length && !this.#busy) {
      const { input, bytes } = this.#waiting[done++]!
      this.#waitingBytes -= bytes
      this.#run(input)
    }
    this.#waiting.splice(0, done)
    if (this.#paused && !this.#busy && !this.#closed) {
      this.#paused = false
      this.#onPause(false)
    }
  }
}
