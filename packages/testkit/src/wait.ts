/** Waiting for a condition instead of sleeping. */

export interface UntilOptions {
  /** What is waited for; named by the error: `'every member is connected'`. */
  readonly what: string
  /** Milliseconds until it gives up. Default 10000. */
  readonly timeoutMs?: number
}

/**
 * Polls until `condition` gives a truthy value, and returns that value. A condition that throws or rejects counts as
 * not met yet.
 * @throws Error naming `what`, and the condition's last error as its cause, when the time is up.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: UntilOptions,
): Promise<Exclude<T, false | null | undefined | 0 | ''>> {
  const timeoutMs = options.timeoutMs ?? 10_000
  const deadline = performance.now() + timeoutMs
  let delayMs = 5
  let lastError: unknown
  for (;;) {
    try {
      const value = await condition()
      if (value) return value as Exclude<T, false | null | undefined | 0 | ''>
      lastError = undefined
    } catch (error) {
      lastError = error
    }
    if (performance.now() >= deadline) {
      throw new Error(`Waited ${timeoutMs} ms in vain: ${options.what}`, { cause: lastError })
    }
    await pause(delayMs)
    delayMs = Math.min(20, delayMs + 5)
  }
}

/**
 * Resolves with what `promise` resolves with.
 * @throws Error naming `what` when that takes longer than `timeoutMs` (default 10000).
 */
export async function within<T>(promise: Promise<T>, options: UntilOptions): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 10_000
  let timer: NodeJS.Timeout | undefined
  try {
    return await Promise.race([
      promise,
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`Waited ${timeoutMs} ms in vain: ${options.what}`)), timeoutMs)
      }),
    ])
  } finally {
    clearTimeout(timer)
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
