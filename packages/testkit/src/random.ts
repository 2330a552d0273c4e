/** A source of reproducible pseudo-random choices. Not for secrets. */
export interface Random {
  /** A number in [0, 1), with 32 random bits. */
  next(): number
  /** An integer in [0, `maxExclusive`). Throws RangeError unless `maxExclusive` is an integer from 1 to 2^32. */
  int(maxExclusive: number): number
  /** One element. Throws RangeError for an empty array. */
  pick<T>(array: readonly T[]): T
  /** `true` with probability `p`; never at 0, always at 1. */
  chance(p: number): boolean
  /** The elements in random order, as a new array. */
  shuffle<T>(array: readonly T[]): T[]
}

/**
 * A generator (mulberry32) that gives the same sequence for the same seed on every runtime.
 *
 * @param seed any integer; its low 32 bits count
 */
export function createRandom(seed: number): Random {
  let state = seed >>> 0

  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  function int(maxExclusive: number): number {
    if (!Number.isInteger(maxExclusive) || maxExclusive < 1 || maxExclusive > 2 ** 32) {
      throw new RangeError(`int(${maxExclusive}): an integer from 1 to 2^32 is needed`)
    }
    return Math.floor(next() * maxExclusive)
  }

  return {
    next,
    int,
    pick<T>(array: readonly T[]): T {
      if (array.length === 0) throw new RangeError('pick() from an empty array')
      return array[int(array.length)] as T
    },
    chance: (p) => next() < p,
    shuffle<T>(array: readonly T[]): T[] {
      const shuffled = [...array]
      for (let last = shuffled.length - 1; last > 0; last--) {
        const other = int(last + 1)
        const swapped = shuffled[last] as T
        shuffled[last] = shuffled[other] as T
        shuffled[other] = swapped
      }
      return shuffled
    },
  }
}
