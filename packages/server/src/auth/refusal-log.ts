import type { HocketError } from '@hocket/protocol/errors'
import { type Logger, printable } from '../log.ts'
import { AudienceMismatch } from './audience.ts'

/** Log lines about refused tokens, at most ten a second, so that a flood of bad tokens does not fill a disk. */
export class RefusalLog {
  readonly #logger: Logger
  readonly #now: () => number
  #windowStartMs = Number.NEGATIVE_INFINITY
  #written = 0
  #suppressed = 0

  /** `now` gives milliseconds of a clock that only goes forward. */
  constructor(logger: Logger, now: () => number = () => performance.now()) {
    this.#logger = logger
    this.#now = now
  }

  refused(path: string, error: HocketError): void {
    const suppressed = this.#admit()
    if (suppressed === null) return
    if (error.cause instanceof AudienceMismatch) {
      // An operator has to see this one: a proxy whose address is in no publicEndpoints looks exactly like it.
      const { expected, found } = error.cause
      this.#logger.info({ expected, found, ...suppressed }, 'token refused: its audience is not the address called')
    } else {
      this.#logger.debug({ path: printable(path), reason: error.message, ...suppressed }, 'token refused')
    }
  }

  #admit(): object | null {
    const now = this.#now()
    if (now - this.#windowStartMs >= 1000) {
      this.#windowStartMs = now
      this.#written = 0
    }
    if (this.#written >= 10) {
      this.#suppressed += 1
      return null
    }
    this.#written += 1
    const suppressed = this.#suppressed
    this.#suppressed = 0
    return suppressed === 0 ? {} : { suppressed }
  }
}
