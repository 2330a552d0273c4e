/** What may not be in the output of a server, whatever it was sent. */

/** Lines of the log, checked as they are read. Every problem names the line, cut to its start. */
export function problemsOf(output: string, secrets: IssuedSecrets): string[] {
  const problems: string[] = []
  for (const line of output.split('\n')) {
    if (line === '') continue
    const problem = problemOf(line)
    if (problem !== null) problems.push(`${problem}: ${JSON.stringify(line.slice(0, 2000))}`)
  }
  return [...problems, ...secrets.leaksIn(output)]
}

/** Control characters of ASCII and Latin-1, and the two line ends that only JavaScript has. */
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/

function problemOf(line: string): string | null {
  if (control.test(line)) return 'raw control character'
  let entry: { level?: unknown; msg?: unknown }
  try {
    entry = JSON.parse(line)
  } catch {
    return 'not a line of the log'
  }
  if (/unexpectedly|uncaught/i.test(String(entry.msg))) return 'something that nobody expected'
  // An error is for an operator to act on, and so nothing that a client can cause.
  return entry.level === 'error' || entry.level === 'fatal' ? 'a client caused an error' : null
}

const probeLength = 16

/** Keys and tokens that were handed out, to be searched for in megabytes of log. */
export class IssuedSecrets {
  readonly #keys = new Set<string>()
  /** The first characters of every part of every token. */
  readonly #probes = new Set<string>()

  addKey(key: string): void {
    this.#keys.add(key)
    this.#keys.add(encodeURIComponent(key))
    this.#keys.add(Buffer.from(key).toString('base64'))
  }

  addToken(token: string): void {
    for (const part of token.split('.')) {
      if (/^[\w-]+$/.test(part) && part.length >= probeLength) this.#probes.add(part.slice(0, probeLength))
    }
  }

  get size(): number {
    return this.#keys.size + this.#probes.size
  }

  /** One line per leak. */
  leaksIn(output: string): string[] {
    const leaks: string[] = []
    const at = (place: number) => `…${JSON.stringify(output.slice(Math.max(0, place - 200), place))}`
    for (const key of this.#keys) {
      const place = output.indexOf(key)
      if (place >= 0) leaks.push(`an access key stands in the output behind ${at(place)}`)
    }
    // Head and claims begin with a brace, which is `ey` in base64; a signature stands behind a dot.
    for (const match of output.matchAll(/(?=ey[\w-]{14})|(?<=\.)(?=[\w-]{43})/g)) {
      if (this.#probes.has(output.slice(match.index, match.index + probeLength)))
        leaks.push(`a token stands in the output behind ${at(match.index)}`)
    }
    return leaks
  }
}
