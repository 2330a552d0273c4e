/** Everything secret that a suite handed to the server, to be searched for in what the server wrote. */

/** Keys and tokens by value; none may appear in the server's output. */
export class Secrets {
  readonly #values = new Map<string, string>()

  /** Remembers a key or token; `kind` says in a failure what leaked, as the value itself must not be printed. */
  add(value: string | null | undefined, kind: string): void {
    if (!value) return
    this.#values.set(value, kind)
    // A JWT leaks as soon as its signature does: head and claims are no secret.
    const signature = value.split('.')[2]
    if (signature !== undefined && signature.length >= 40) this.#values.set(signature, `signature of a ${kind}`)
  }

  /** Remembers the tokens in a client URL, recovery URLs included. */
  addUrl(url: string): void {
    const { searchParams } = new URL(url)
    this.add(searchParams.get('access_token'), 'client token')
    this.add(searchParams.get('awps_reconnection_token'), 'reconnection token')
  }

  get size(): number {
    return this.#values.size
  }

  /** One line per leak: the kind and the text in front of it. Empty when nothing leaked. */
  leaksIn(output: string): string[] {
    const leaks: string[] = []
    for (const [value, kind] of this.#values) {
      for (const form of new Set([value, encodeURIComponent(value)])) {
        const at = output.indexOf(form)
        if (at !== -1) leaks.push(`${kind} after: …${output.slice(Math.max(0, at - 160), at)}`)
      }
    }
    return leaks
  }
}
