/** The server under fire: starts it, watches it, and judges it after every batch of inputs. */

import { randomBytes } from 'node:crypto'
import { upgradeRequest } from '@hocket/testkit/frames'
import { type ServerProcess, startServerProcess } from '@hocket/testkit/server'
import { until } from '@hocket/testkit/wait'
import fc from 'fast-check'
import { HealthWatch } from './health-watch.ts'
import { IssuedSecrets, problemsOf } from './log-judge.ts'
import type { Recoverable } from './recovery-urls.ts'
import { claimsFor, signToken } from './tokens.ts'
import { sendFrames } from './websocket-wire.ts'
import { Witnesses } from './witness.ts'

/** A hub that everybody may enter without a token. */
const openHub = 'open'
export const hub = 'fuzz'

const everyRole = ['webpubsub.sendToGroup', 'webpubsub.joinLeaveGroup']

/** HOCKET_FUZZ_SEED and HOCKET_FUZZ_PATH repeat a run that failed; else every run has inputs of its own. */
export const seed: number = Number(process.env.HOCKET_FUZZ_SEED ?? randomBytes(4).readInt32LE())
const path = process.env.HOCKET_FUZZ_PATH

/** Inputs of one run are shared between this many senders at once. */
const senders = 8

export class Lab implements AsyncDisposable {
  readonly accessKey = randomBytes(32).toString('base64')
  readonly secondaryKey = randomBytes(32).toString('base64')
  readonly secrets = new IssuedSecrets()
  readonly counts = new Map<string, number>()
  /** The longest time for which the event loop of the server stood still. */
  longestPauseSeconds = 0
  readonly #health = new HealthWatch()
  #server: ServerProcess | null = null
  #witnesses: Witnesses | null = null
  /** Set when the server ended by itself. */
  #death: string | null = null
  /** Output of the server that has been judged already, in characters. */
  #judged = 0
  #marks = 0

  constructor() {
    this.secrets.addKey(this.accessKey)
    this.secrets.addKey(this.secondaryKey)
  }

  /** Starts the server, also again after it has died, so that a failing input can be made smaller. */
  async ready(): Promise<ServerProcess> {
    if (this.#server !== null && this.#death === null) return this.#server
    this.#death = null
    this.#judged = 0
    const server = await startServerProcess({
      // Sessions that are waiting for recovery would hide those that are never let go.
      args: [
        '--recovery-window-ms',
        '1000',
        '--hubs',
        JSON.stringify({ [openHub]: { anonymousConnectPolicy: 'allow' } }),
      ],
      env: {
        HOCKET_ACCESS_KEY: this.accessKey,
        HOCKET_ACCESS_KEY_SECONDARY: this.secondaryKey,
        HOCKET_FUZZ_SEED: undefined,
        HOCKET_FUZZ_PATH: undefined,
      },
    })
    this.#server = server
    server.exited.then((code) => {
      this.#death = `The server has ended with exit code ${code}.\n${server.stderr().slice(-4000)}`
    })
    this.#health.watch(server.endpoint)
    this.#witnesses = await Witnesses.connect(
      `${this.clientUrl('witness')}?access_token=${this.clientToken('witness')}`,
      'g',
    )
    return server
  }

  get port(): number {
    return this.#server!.port
  }

  get host(): string {
    return `localhost:${this.port}`
  }

  get endpoint(): string {
    return this.#server!.endpoint
  }

  clientUrl(toHub: string): string {
    return `${this.endpoint.replace('http', 'ws')}/client/hubs/${toHub}`
  }

  /** A token with every permission; remembered, and searched for in the log. */
  clientToken(toHub: string, claims: object = {}): string {
    const audience = `${this.endpoint}/client/hubs/${toHub}`
    return this.issue({ claims: claimsFor(audience, { role: everyRole, ...claims }), key: this.accessKey })
  }

  issue(parts: Parameters<typeof signToken>[0]): string {
    const token = signToken(parts)
    this.secrets.addToken(token)
    return token
  }

  /** A handshake of a client with every permission. */
  handshake(subprotocol: string | null, query = '', token = this.clientToken(hub)): Buffer {
    return upgradeRequest({
      host: this.host,
      target: `/client/hubs/${hub}?access_token=${token}${query}`,
      ...(subprotocol === null ? {} : { subprotocols: [subprotocol] }),
    })
  }

  /**
   * Sends at least `wanted` inputs in batches, each shared between some senders, and judges the server after every batch.
   * @throws Error with seed and path of the batch, made as small as it still fails
   */
  async fuzz<Input>(
    kind: string,
    { wanted, batch }: { wanted: number; batch: number },
    input: fc.Arbitrary<Input>,
    send: (inputs: readonly Input[]) => Promise<void>,
  ): Promise<void> {
    const inputs = fc.array(input, { minLength: 1, maxLength: batch, size: 'max' })
    const property = fc.asyncProperty(inputs, async (some) => {
      await this.ready()
      const shares = Array.from({ length: senders }, (_, i) => some.filter((_, j) => j % senders === i))
      const sent = Promise.all(shares.filter((share) => share.length > 0).map((share) => send(share)))
      // What became of the server says more than what its clients saw of that.
      await sent.catch(() => this.judge())
      await sent
      await this.judge()
      this.counts.set(kind, (this.counts.get(kind) ?? 0) + some.length)
    })
    for (let round = 0; (this.counts.get(kind) ?? 0) < wanted; round++) {
      const missing = wanted - (this.counts.get(kind) ?? 0)
      const numRuns = Math.ceil((2 * missing) / batch)
      await fc.assert(property, {
        seed: seed + round,
        numRuns,
        interruptAfterTimeLimit: 90_000,
        markInterruptAsFailure: true,
        ...(path === undefined || round > 0 ? {} : { path }),
      })
    }
    await this.#witnesses?.check()
    const pause = (await this.metrics()).get('nodejs_eventloop_lag_max_seconds') ?? 0
    this.longestPauseSeconds = Math.max(this.longestPauseSeconds, pause)
  }

  /** @throws Error when the server died, was not well, or logged what it must not */
  async judge(): Promise<void> {
    if (this.#death !== null) throw new Error(this.#death)
    const problems = [...this.#health.problems(), ...problemsOf(await this.#newOutput(), this.secrets)]
    if (problems.length > 0) throw new Error(problems.slice(0, 5).join('\n'))
  }

  /** What the server wrote since the last call. A connection whose user is named in the log marks how far that is. */
  async #newOutput(): Promise<string> {
    const server = this.#server!
    const mark = `mark-${++this.#marks}`
    const token = this.clientToken(hub, { sub: mark })
    await sendFrames({ port: server.port, request: this.handshake(null, '', token), inputs: [] })
    const output = await until(
      () => {
        const written = server.stderr().slice(this.#judged)
        return (this.#death !== null || written.includes(`"${mark}"`)) && written
      },
      { what: 'the log says that the connection of the mark was opened', timeoutMs: 20_000 },
    )
    if (this.#death !== null) throw new Error(this.#death)
    const complete = output.slice(0, output.lastIndexOf('\n') + 1)
    this.#judged += complete.length
    return complete
  }

  /** A reliable connection whose socket is gone, waiting for recovery. */
  async recoverable(): Promise<Recoverable> {
    const request = this.handshake('json.reliable.webpubsub.azure.v1')
    const { texts } = await sendFrames({ port: this.port, request, inputs: [], keepTexts: true })
    const connected: Recoverable = JSON.parse(texts[0]!)
    this.secrets.addToken(connected.reconnectionToken)
    return connected
  }

  /** How many connections there are beside those of the inputs. */
  get witnesses(): number {
    return this.#witnesses?.count ?? 0
  }

  async metrics(): Promise<ReadonlyMap<string, number>> {
    const response = await fetch(`${this.endpoint}/metrics`)
    const lines = (await response.text()).matchAll(/^(\w+(?:\{[^\n]*\})?) (\S+)$/gm)
    return new Map(Array.from(lines, ([, series, value]) => [series!, Number(value)]))
  }

  /** SIGTERM. @returns the exit code */
  async stop(): Promise<number | null> {
    this.#health.stop()
    this.#server?.kill('SIGTERM')
    return (await this.#server?.exited) ?? null
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#health.stop()
    this.#witnesses?.[Symbol.dispose]()
    await this.#server?.[Symbol.asyncDispose]()
  }
}
