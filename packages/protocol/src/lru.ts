/**
 * A map that forgets what was not used for longest, bounded by the number of entries and by the total length of their
 * keys, so that a few huge keys cannot hold the memory that many small ones may.
 */
export class LruCache<Value> {
  readonly #entries = new Map<string, Value>()
  readonly #maxEntries: number
  readonly #maxKeyChars: number
  #keyChars = 0

  /**
   * @param maxEntries Most entries kept; at least 1.
   * @param maxKeyChars Most UTF-16 code units kept over all keys. A longer key is never stored.
   */
  constructor(maxEntries: number, maxKeyChars: number) {
    this.#maxEntries = maxEntries
    this.#maxKeyChars = maxKeyChars
  }

  get size(): number {
    return this.#entries.size
  }

  /** The value, which becomes the most recently used one, or `undefined`. */
  get(key: string): Value | undefined {
    const value = this.#entries.get(key)
    if (value === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, value)
    return value
  }

  set(key: string, value: Value): void {
    if (this.#entries.delete(key)) this.#keyChars -= key.length
    if (key.length > this.#maxKeyChars) return
    this.#entries.set(key, value)
    this.#keyChars += key.length
    // A Map iterates in order of insertion, so its first key is the least recently used one.
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#maxEntries && this.#keyChars <= this.#maxKeyChars) return
      this.#entries.delete(oldest)
      this.#keyChars -= oldest.length
    }
  }
}
