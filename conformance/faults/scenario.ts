/** One seeded run: members and publishers talk through the fault proxy, things break, heal, settle, and are judged. */

import { WebPubSubServiceClient } from '@azure/web-pubsub'
import { FaultProxy } from '@hocket/testkit/fault-proxy'
import type { FaultProfile } from '@hocket/testkit/fault-proxy-plan'
import { contentKey } from '@hocket/testkit/fault-proxy-tap'
import { createRandom } from '@hocket/testkit/random'
import { until } from '@hocket/testkit/wait'
import { type Figures, figuresOf, type RestSend, type RunRecord, violationsOf } from './checks.ts'
import { expiringKeys } from './checks-delivery.ts'
import { type ClientKind, Driver } from './driver.ts'
import { isTangled, livesOf } from './lives.ts'

const receivers = ['r0', 'r1', 'r2', 'r3']
const publishers = ['p0', 'p1', 'p2']
/** One publisher is a member as well, so that its own messages and its acks share a connection. */
const members = [...receivers, 'p0']
const group = 'choir'
const workers = 3
/** All messages together stay far below the thousand that a connection may have unacknowledged. */
const messagesOfWorker = 45

/** What a seed decides besides the faults. */
export interface Setting {
  /** Whether the server's recovery window is short, so that recoveries are refused. */
  readonly shortWindow: boolean
  readonly faultsMs: number
  readonly profile: Partial<FaultProfile>
  /** Whether publishers keep one ack id over their retries. */
  readonly ownAckIds: boolean
  /** Whether messages that expire after a second are sent as well. */
  readonly expiring: boolean
}

export function settingOf(seed: number): Setting {
  const random = createRandom(seed)
  const shortWindow = seed % 3 === 1
  // Every tenth run has stalls of up to 5 s, and the time for them.
  const long = seed % 10 === 0
  return {
    shortWindow,
    faultsMs: long ? 6_500 : 2_500 + random.int(1_500),
    profile: {
      meanMsBetweenFaults: 300 + random.int(700),
      maxStallMs: long ? 5_000 : 1_500,
      handshakeFaultChance: random.next() * 0.35,
      outages: shortWindow ? 1 : random.int(3),
      outageMs: shortWindow ? [400, 2_200] : [100, 1_000],
    },
    ownAckIds: seed % 2 === 0,
    expiring: seed % 5 === 2,
  }
}

export interface ServerUnderTest {
  readonly connectionString: string
  readonly port: number
  readonly recoveryWindowMs: number
}

export interface Outcome {
  readonly client: ClientKind
  readonly seed: number
  readonly violations: readonly string[]
  readonly figures: Figures & { clientRestarts: number; sendsGivenUp: number; tookMs: number }
  /** What every socket went through, for the output of a failure. */
  readonly story: string
  /** Every token that the run issued or saw; none may be in the server's output. */
  readonly secrets: readonly string[]
}

export interface RunOptions {
  readonly client: ClientKind
  readonly seed: number
  /** The server with the window that {@link settingOf} asks for. */
  readonly server: ServerUnderTest
  /** Interpreter with the official Python packages. */
  readonly python: string | null
}

export async function runSeed(options: RunOptions): Promise<Outcome> {
  const startMs = performance.now()
  const run = new Run(options)
  const violations: string[] = []
  try {
    await run.execute()
  } catch (error) {
    violations.push(error instanceof Error ? error.message : String(error))
  }
  const record = run.record()
  violations.push(...run.complaints(), ...violationsOf(record))
  const outcome: Outcome = {
    client: options.client,
    seed: options.seed,
    violations,
    figures: {
      ...figuresOf(record),
      clientRestarts: run.restartReasons.length,
      sendsGivenUp: run.driver.count('sendFailed'),
      tookMs: Math.round(performance.now() - startMs),
    },
    story: run.story(),
    secrets: run.secrets(),
  }
  await run[Symbol.asyncDispose]()
  return outcome
}

class Run implements AsyncDisposable {
  readonly driver: Driver
  readonly #options: RunOptions
  readonly #setting: Setting
  readonly #proxy: FaultProxy
  readonly #hub: string
  readonly #rest: RestSend[] = []
  readonly #urls = new Map<string, string>()
  readonly restartReasons: string[] = []

  constructor(options: RunOptions) {
    this.#options = options
    this.#setting = settingOf(options.seed)
    this.#proxy = new FaultProxy({
      targetPort: options.server.port,
      seed: options.seed,
      profile: this.#setting.profile,
    })
    this.#hub = `faults-${options.client}-${options.seed}-${Math.random().toString(36).slice(2, 8)}`
    this.driver = Driver.start(options.client, options.python)
  }

  async execute(): Promise<void> {
    await this.#openAll()
    this.#proxy.startFaults(this.#setting.faultsMs)
    this.#publishAll()
    await this.#sendThroughRest(this.#setting.faultsMs)
    this.driver.send({ op: 'stopPublishing' })
    this.#proxy.heal()
    await this.#settle()
    await this.#sendMarker()
  }

  record(): RunRecord {
    return {
      transports: this.#proxy.record.transports,
      raised: this.driver.events.filter((event) => event.event === 'message'),
      rest: this.#rest,
      members,
      recoveryWindowMs: this.#options.server.recoveryWindowMs,
    }
  }

  /** What the driver itself found wrong. */
  complaints(): string[] {
    const crashes = this.driver.events.flatMap((event) => (event.event === 'crash' ? [`client: ${event.error}`] : []))
    return this.driver.gone ? [...crashes, `the driver ended: ${this.driver.stderr.slice(-2_000)}`] : crashes
  }

  story(): string {
    const notes = this.driver.events.flatMap((event) => {
      if (event.event === 'note') return [`${event.client}: ${event.text}`]
      if (event.event === 'rejoinFailed') return [`${event.client} could not rejoin: ${event.error}`]
      return event.event === 'stopped' ? [`${event.client} stopped by itself`] : []
    })
    return [
      `${this.#options.client}, hub ${this.#hub}, ${JSON.stringify(this.#setting)}`,
      this.#proxy.describe(),
      ...this.restartReasons,
      ...notes,
      this.driver.stderr.slice(-3_000),
    ].join('\n')
  }

  secrets(): string[] {
    const tokens = [...this.#urls.values()].map((url) => new URL(url).searchParams.get('access_token') ?? '')
    return [...tokens, ...this.#proxy.record.transports.flatMap((transport) => transport.reconnectionTokens)]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.driver[Symbol.asyncDispose]()
    await this.#proxy[Symbol.asyncDispose]()
  }

  get #startTimeoutMs(): number {
    return (this.#setting.profile.maxStallMs ?? 0) + 1_500
  }

  async #openAll(): Promise<void> {
    for (const client of [...receivers, ...publishers]) {
      const endpoint = await this.#proxy.listen(client)
      const service = this.#service(endpoint)
      const roles = ['webpubsub.joinLeaveGroup', 'webpubsub.sendToGroup']
      const { url } = await service.getClientAccessToken({ userId: client, roles })
      this.#urls.set(client, url)
      this.#open('open', client)
    }
    await until(() => this.driver.count('ready') === receivers.length + publishers.length || this.driver.gone, {
      what: 'every client is connected, and the members have joined',
      timeoutMs: 20_000,
    })
  }

  #open(op: 'open' | 'restart', client: string): void {
    const url = this.#urls.get(client) ?? ''
    const startTimeoutMs = this.#startTimeoutMs
    this.driver.send({ op, client, url, group: members.includes(client) ? group : null, startTimeoutMs })
  }

  #publishAll(): void {
    const random = createRandom(this.#options.seed + 1)
    const sizes = Array.from({ length: 7 }, () => random.pick([0, 20, 200, 3_000, 20_000, 70_000]))
    for (const client of publishers) {
      this.driver.send({
        op: 'publish',
        client,
        group,
        sizes,
        everyMs: Math.round(this.#setting.faultsMs / messagesOfWorker),
        parallel: workers,
        limit: workers * messagesOfWorker,
        ownAckIds: this.#setting.ownAckIds,
      })
    }
  }

  async #sendThroughRest(durationMs: number): Promise<void> {
    const endMs = performance.now() + durationMs
    for (let number = 1; performance.now() < endMs; number++) {
      await this.#sendRest(`rest-${number}`, null)
      if (this.#setting.expiring) await this.#sendRest(`expiring-${number}`, 1)
      await new Promise((resolve) => setTimeout(resolve, 150))
    }
  }

  async #sendRest(data: string, messageTtlSeconds: number | null): Promise<void> {
    const startedAt = this.#proxy.record.now().at
    let accepted = true
    try {
      const options = messageTtlSeconds === null ? {} : { messageTtlSeconds }
      await this.#service()
        .group(group)
        .sendToAll(data, { contentType: 'text/plain', ...options })
    } catch {
      accepted = false
    }
    this.#rest.push({ key: contentKey(data), expires: messageTtlSeconds !== null, startedAt, accepted })
  }

  /** Waits until publishers are done and every client is connected, the members in their group. */
  async #settle(): Promise<void> {
    const idleSinceMs = new Map<string, number>()
    const isBack = (client: string) => {
      const life = livesOf(this.#proxy.record.transports.filter((transport) => transport.client === client)).at(-1)
      return life?.standing === true && (life.joinedAt !== null || !members.includes(client))
    }
    await until(
      () => {
        if (this.driver.gone) return true
        for (const client of [...receivers, ...publishers]) this.#restartIfDead(client, idleSinceMs)
        return this.driver.count('publisherDone') === publishers.length && [...receivers, ...publishers].every(isBack)
      },
      { what: 'every client is connected and back in its group after the faults', timeoutMs: 20_000 },
    )
  }

  /**
   * A client that has not even tried to connect for so long (they try every second; the sync Python client can sleep
   * through a start timeout in between) has given up for good: a defect of its own that no server can help. It is
   * started anew and counted.
   */
  #restartIfDead(client: string, idleSinceMs: Map<string, number>): void {
    if (this.#proxy.openSockets(client) > 0) {
      idleSinceMs.delete(client)
      return
    }
    const sinceMs = idleSinceMs.get(client) ?? performance.now()
    idleSinceMs.set(client, sinceMs)
    if (performance.now() - sinceMs < this.#startTimeoutMs + 3_000) return
    idleSinceMs.delete(client)
    this.restartReasons.push(`${client} had given up and was started anew`)
    this.#open('restart', client)
  }

  /** The last message: who has it and everything before it has all. */
  async #sendMarker(): Promise<void> {
    await this.#sendRest('marker', null)
    const key = contentKey('marker')
    const expiring = expiringKeys({ rest: this.#rest })
    await until(
      () => {
        const lives = livesOf(this.#proxy.record.transports)
        return members.every((client) => {
          const own = this.driver.events.filter((event) => event.event === 'message' && event.client === client)
          const raised = new Set(own.map((event) => event.event === 'message' && `${event.sequenceId} ${event.key}`))
          const life = lives.findLast((candidate) => candidate.client === client)
          if (life === undefined || !life.copies.has(key)) return false
          if (isTangled(lives.filter((candidate) => candidate.client === client))) return true
          return [...life.content].every(([id, content]) => raised.has(`${id} ${content}`) || expiring.has(content))
        })
      },
      { what: 'every member raised everything up to the last message', timeoutMs: 8_000 },
    )
  }

  #service(endpoint?: string): WebPubSubServiceClient {
    const { connectionString } = this.#options.server
    const target =
      endpoint === undefined ? connectionString : connectionString.replace(/Endpoint=[^;]+/, `Endpoint=${endpoint}`)
    return new WebPubSubServiceClient(target, this.#hub, { allowInsecureConnection: true })
  }
}

/** One line about a run. */
export function summaryOf({ client, seed, violations, figures }: Outcome): string {
  const { sockets, framesAccepted, refusedRecoveries, duplicateAcks, clientRestarts, tookMs } = figures
  return (
    `${client} seed ${seed}: ${violations.length === 0 ? 'holds' : `${violations.length} violations`}, ` +
    `${sockets} sockets, ${framesAccepted} accepted, ${refusedRecoveries} refused recoveries, ` +
    `${duplicateAcks} duplicates, ${clientRestarts} restarts, ${tookMs} ms`
  )
}
