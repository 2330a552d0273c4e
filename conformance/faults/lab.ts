/** Two servers, one of them with a short recovery window, and a bounded number of runs at a time. */

import { type ServerProcess, startServerProcess } from '@hocket/testkit/server'
import type { ClientKind } from './driver.ts'
import { type Outcome, runSeed, type ServerUnderTest, settingOf } from './scenario.ts'

const windowsMs = { long: 30_000, short: 1_500 }

/** How many runs overlap; they share the servers, each on a hub of its own. */
export const runsAtATime = 3

export class Lab implements AsyncDisposable {
  readonly #long: ServerProcess
  readonly #short: ServerProcess
  readonly #python: string | null
  readonly #secrets = new Set<string>()
  readonly #waiting: (() => void)[] = []
  #running = 0

  private constructor(long: ServerProcess, short: ServerProcess, python: string | null) {
    this.#long = long
    this.#short = short
    this.#python = python
  }

  static async start(python: string | null): Promise<Lab> {
    const start = (windowMs: number) => startServerProcess({ args: ['--recovery-window-ms', String(windowMs)] })
    return new Lab(await start(windowsMs.long), await start(windowsMs.short), python)
  }

  /** Runs one seed as soon as there is room for it. It does not reject: what went wrong is in the outcome. */
  async run(client: ClientKind, seed: number): Promise<Outcome> {
    if (this.#running === runsAtATime) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#running++
    try {
      const outcome = await runSeed({ client, seed, server: this.#serverFor(seed), python: this.#python })
      for (const secret of outcome.secrets) this.#secrets.add(secret)
      return outcome
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }

  /** What is wrong after all runs: a server has ended, or printed a token that the runs issued or saw. */
  complaints(): string[] {
    const complaints: string[] = []
    for (const [name, server] of [
      ['long', this.#long],
      ['short', this.#short],
    ] as const) {
      const output = server.stdout() + server.stderr()
      for (const secret of this.#secrets) {
        if (output.includes(secret))
          complaints.push(`the server with the ${name} window printed ${secret.slice(0, 12)}…`)
      }
      try {
        process.kill(server.pid, 0)
      } catch {
        complaints.push(`the server with the ${name} window has ended:\n${server.stderr().slice(-4_000)}`)
      }
    }
    return complaints
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#long[Symbol.asyncDispose]()
    await this.#short[Symbol.asyncDispose]()
  }

  #serverFor(seed: number): ServerUnderTest {
    const short = settingOf(seed).shortWindow
    const { connectionString, port } = short ? this.#short : this.#long
    return { connectionString, port, recoveryWindowMs: short ? windowsMs.short : windowsMs.long }
  }
}
