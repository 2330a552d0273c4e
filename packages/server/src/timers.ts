/**
 * One timing wheel for pings, recovery windows, close time-outs and the like: connections own no timer of the runtime.
 * A deadline fires up to one tick late, never early.
 */
export class TimerWheel {
  readonly #tickMs: number
  readonly #slots: Set<WheelTimer>[] = Array.from({ length: 512 }, () => new Set())
  #tick = 0
  #startMs = 0
  #pending = 0
  #interval: ReturnType<typeof setInterval> | null = null

  /** @param tickMs resolution in milliseconds, default 100 */
  constructor(tickMs = 100) {
    this.#tickMs = tickMs
  }

  /** Arms `timer` to fire in `delayMs`; a timer that is armed already is moved. */
  arm(timer: WheelTimer, delayMs: number): void {
    this.disarm(timer)
    if (this.#interval === null) {
      this.#startMs = performance.now() - this.#tick * this.#tickMs
      this.#interval = setInterval(() => this.#advance(), this.#tickMs)
      this.#interval.unref?.()
    }
    const dueMs = performance.now() - this.#startMs + delayMs
    timer.dueTick = Math.max(this.#tick + 1, Math.ceil(dueMs / this.#tickMs))
    this.#put(timer)
    this.#pending++
  }

  disarm(timer: WheelTimer): void {
    if (timer.slot === null) return
    timer.slot.delete(timer)
    timer.slot = null
    this.#pending--
  }

  /** Forgets every timer. */
  stop(): void {
    if (this.#interval !== null) clearInterval(this.#interval)
    this.#interval = null
    for (const slot of this.#slots) {
      for (const timer of slot) timer.slot = null
      slot.clear()
    }
    this.#pending = 0
  }

  #advance(): void {
    const now = Math.floor((performance.now() - this.#startMs) / this.#tickMs)
    while (this.#tick < now) {
      this.#tick++
      // What fires may arm or disarm timers of this very slot: a Set allows that while it is walked, and a timer that
      // is put here again is due a whole turn of the wheel later.
      for (const timer of this.#slots[this.#tick & 511]!) {
        if (timer.dueTick > this.#tick) continue
        this.disarm(timer)
        timer.fire()
      }
    }
    if (this.#pending === 0 && this.#interval !== null) {
      clearInterval(this.#interval)
      this.#interval = null
    }
  }

  #put(timer: WheelTimer): void {
    const slot = this.#slots[timer.dueTick & 511]!
    slot.add(timer)
    timer.slot = slot
  }
}

/** A thing the wheel can fire. Belongs to one wheel; one deadline at a time. */
export class WheelTimer {
  readonly fire: () => void
  /** Wheel bookkeeping. */
  dueTick = 0
  slot: Set<WheelTimer> | null = null

  constructor(fire: () => void) {
    this.fire = fire
  }

  get armed(): boolean {
    return this.slot !== null
  }
}
