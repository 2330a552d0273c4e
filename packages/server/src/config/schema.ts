/** The only place that knows an option. Flags, environment, file, JSON Schema and the documentation come from it. */

import { totalmem } from 'node:os'
import { z } from 'zod'
import {
  addressRangeProblem,
  developmentKey,
  endpointProblem,
  hostProblem,
  hubNameProblem,
  isLoopback,
  keyProblem,
} from './checks.ts'
import { defaultHubSettings, type HubSettings, hubSettingsSchema, strict } from './hub-settings.ts'

export { developmentKey } from './checks.ts'
export { defaultHubSettings, type HubSettings } from './hub-settings.ts'

/** What the schema says about an option beside its type, bounds and default. */
export interface OptionMeta {
  readonly flag: string
  readonly env: string
  /** Unit of the number: bytes, milliseconds, seconds. */
  readonly unit?: string
  readonly doc: string
  /** Never printed, and may be read from a file: `<flag>-file`, `<env>_FILE`. */
  readonly secret?: true
  /** The default in words, where it depends on the machine. */
  readonly defaultDoc?: string
}

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB
const minuteMs = 60_000

const int = (min: number, max: number) => z.int().min(min).max(max)

/** A string that a function from checks.ts accepts. */
const checked = (problem: (value: string) => string | null) =>
  z.string().superRefine((value, ctx) => {
    const message = problem(value)
    if (message !== null) ctx.addIssue({ code: 'custom', message })
  })

const fields = {
  host: checked(hostProblem)
    .nullable()
    .default(null)
    .meta({
      flag: '--host',
      env: 'HOCKET_HOST',
      doc: 'Address to listen on. Anything that is not loopback needs an access key of your own.',
      defaultDoc: '127.0.0.1 and ::1',
    } satisfies OptionMeta),
  port: int(0, 65_535)
    .default(8080)
    .meta({
      flag: '--port',
      env: 'HOCKET_PORT',
      doc: 'Port to listen on; 0 picks a free one and prints it.',
    } satisfies OptionMeta),
  accessKey: checked(keyProblem)
    .default(developmentKey)
    .meta({
      flag: '--access-key',
      env: 'HOCKET_ACCESS_KEY',
      secret: true,
      doc: "Key that signs REST calls and client tokens: at least 32 bytes, without `;`, control characters or outer white space. A flag shows in the machine's process list; prefer the environment or a file.",
      defaultDoc: 'the public development key, on loopback only',
    } satisfies OptionMeta),
  accessKeySecondary: checked(keyProblem)
    .nullable()
    .default(null)
    .meta({
      flag: '--access-key-secondary',
      env: 'HOCKET_ACCESS_KEY_SECONDARY',
      secret: true,
      doc: 'Second key that is accepted as well, so that keys can be changed without a stop.',
    } satisfies OptionMeta),
  publicEndpoints: z
    .array(checked(endpointProblem))
    .default([])
    .meta({
      flag: '--public-endpoints',
      env: 'HOCKET_PUBLIC_ENDPOINTS',
      doc: 'Addresses under which clients and servers reach this one, path prefix included, such as `https://realtime.example.com`. Token audiences must name one of them; links and printed URLs use the first. While it is empty, what the server listens on and the `Host` header of the request count.',
    } satisfies OptionMeta),
  strictPathDecoding: z
    .boolean()
    .default(false)
    .meta({
      flag: '--strict-path-decoding',
      env: 'HOCKET_STRICT_PATH_DECODING',
      doc: 'Keep `%2F` in a path segment as it is, instead of reading it as `/`.',
    } satisfies OptionMeta),
  strictHubNames: z
    .boolean()
    .default(false)
    .meta({
      flag: '--strict-hub-names',
      env: 'HOCKET_STRICT_HUB_NAMES',
      doc: 'Refuse `-` in hub names.',
    } satisfies OptionMeta),
  logLevel: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .meta({
      flag: '--log-level',
      env: 'HOCKET_LOG_LEVEL',
      doc: 'Least important lines that are still logged.',
    } satisfies OptionMeta),
  dataDir: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .meta({
      flag: '--data-dir',
      env: 'HOCKET_DATA_DIR',
      doc: 'Directory for anything that lasts. Without it nothing is written to disk.',
    } satisfies OptionMeta),
  metricsHost: z
    .array(checked(addressRangeProblem))
    .default([])
    .meta({
      flag: '--metrics-host',
      env: 'HOCKET_METRICS_HOST',
      doc: 'Addresses or ranges that may read `/metrics`, beside loopback.',
    } satisfies OptionMeta),
  shutdownTimeoutMs: int(0, 10 * minuteMs)
    .default(8000)
    .meta({
      flag: '--shutdown-timeout-ms',
      env: 'HOCKET_SHUTDOWN_TIMEOUT_MS',
      unit: 'milliseconds',
      doc: 'Time for connections to close and outboxes to empty after SIGTERM.',
    } satisfies OptionMeta),
  maxMessageBytes: int(1024, 64 * MiB)
    .default(MiB)
    .meta({
      flag: '--max-message-bytes',
      env: 'HOCKET_MAX_MESSAGE_BYTES',
      unit: 'bytes',
      doc: 'Largest message from a client (else close code 1009) or in a REST body (else 400).',
    } satisfies OptionMeta),
  maxRequestHeadBytes: int(8 * KiB, MiB)
    .default(64 * KiB)
    .meta({
      flag: '--max-request-head-bytes',
      env: 'HOCKET_MAX_REQUEST_HEAD_BYTES',
      unit: 'bytes',
      doc: 'Largest request line and headers together.',
    } satisfies OptionMeta),
  handshakeTimeoutMs: int(10, 5 * minuteMs)
    .default(10_000)
    .meta({
      flag: '--handshake-timeout-ms',
      env: 'HOCKET_HANDSHAKE_TIMEOUT_MS',
      unit: 'milliseconds',
      doc: 'Time for a new socket to send its request head.',
    } satisfies OptionMeta),
  requestBodyTimeoutMs: int(10, 60 * minuteMs)
    .default(30_000)
    .meta({
      flag: '--request-body-timeout-ms',
      env: 'HOCKET_REQUEST_BODY_TIMEOUT_MS',
      unit: 'milliseconds',
      doc: 'Time for a REST request to send its body.',
    } satisfies OptionMeta),
  recoveryWindowMs: int(1, 60 * minuteMs)
    .default(30_000)
    .meta({
      flag: '--recovery-window-ms',
      env: 'HOCKET_RECOVERY_WINDOW_MS',
      unit: 'milliseconds',
      doc: 'Time for which a reliable connection that lost its socket stays a member, keeps its messages and can be recovered.',
    } satisfies OptionMeta),
  reconnectionTokenTtlSeconds: int(1, 31_536_000)
    .default(604_800)
    .meta({
      flag: '--reconnection-token-ttl-seconds',
      env: 'HOCKET_RECONNECTION_TOKEN_TTL_SECONDS',
      unit: 'seconds',
      doc: 'Life of a reconnection token.',
    } satisfies OptionMeta),
  ackWindowSize: int(1, 1_000_000)
    .default(1000)
    .meta({
      flag: '--ack-window-size',
      env: 'HOCKET_ACK_WINDOW_SIZE',
      unit: 'ids',
      doc: 'Successful ack ids that a connection remembers, to answer a repeated one with `Duplicate`.',
    } satisfies OptionMeta),
  ackGraceMs: int(0, 10 * minuteMs)
    .default(3000)
    .meta({
      flag: '--ack-grace-ms',
      env: 'HOCKET_ACK_GRACE_MS',
      unit: 'milliseconds',
      doc: 'Time in which a reliable connection that takes what it is sent may be over `outboxMaxMessages`, or four times over `outboxMaxBytes`, without acknowledging any, before it is closed. The official clients acknowledge every second, in Java every five.',
    } satisfies OptionMeta),
  outboxMaxMessages: int(1, 10_000_000)
    .default(1000)
    .meta({
      flag: '--outbox-max-messages',
      env: 'HOCKET_OUTBOX_MAX_MESSAGES',
      unit: 'messages',
      doc: 'Messages queued for one connection that is blocked or detached (reliable: or that it has not acknowledged) before it is closed as too slow.',
    } satisfies OptionMeta),
  outboxMaxBytes: int(64 * KiB, GiB)
    .default(16 * MiB)
    .meta({
      flag: '--outbox-max-bytes',
      env: 'HOCKET_OUTBOX_MAX_BYTES',
      unit: 'bytes',
      doc: 'Bytes queued for one connection before it is closed as too slow.',
    } satisfies OptionMeta),
  outboxTotalMaxBytes: int(MiB, 1024 * GiB)
    .default(quarterOfMemory)
    .meta({
      flag: '--outbox-total-max-bytes',
      env: 'HOCKET_OUTBOX_TOTAL_MAX_BYTES',
      unit: 'bytes',
      doc: 'Bytes queued for all connections together, a message for many counted once; beyond it the largest blocked outboxes are closed first.',
      defaultDoc: '25 % of the memory that the container or the machine has',
    } satisfies OptionMeta),
  writeBatchConnections: int(1, 1_000_000)
    .default(250)
    .meta({
      flag: '--write-batch-connections',
      env: 'HOCKET_WRITE_BATCH_CONNECTIONS',
      unit: 'connections',
      doc: 'Connections written to in one turn of the event loop.',
    } satisfies OptionMeta),
  writeBatchBytes: int(KiB, GiB)
    .default(MiB)
    .meta({
      flag: '--write-batch-bytes',
      env: 'HOCKET_WRITE_BATCH_BYTES',
      unit: 'bytes',
      doc: 'Bytes written in one turn of the event loop.',
    } satisfies OptionMeta),
  writeVisitBytes: int(KiB, GiB)
    .default(64 * KiB)
    .meta({
      flag: '--write-visit-bytes',
      env: 'HOCKET_WRITE_VISIT_BYTES',
      unit: 'bytes',
      doc: 'Bytes written to one connection before the next one has its turn; at least one message.',
    } satisfies OptionMeta),
  blockedBytes: int(KiB, GiB)
    .default(64 * KiB)
    .meta({
      flag: '--blocked-bytes',
      env: 'HOCKET_BLOCKED_BYTES',
      unit: 'bytes',
      doc: "Unsent bytes in a connection's socket from which on it counts as blocked and is left out until they drain.",
    } satisfies OptionMeta),
  blockedTimeoutMs: int(10, 60 * minuteMs)
    .default(15_000)
    .meta({
      flag: '--blocked-timeout-ms',
      env: 'HOCKET_BLOCKED_TIMEOUT_MS',
      unit: 'milliseconds',
      doc: 'Time for which a blocked connection may make no progress before it is closed.',
    } satisfies OptionMeta),
  closeTimeoutMs: int(10, 10 * minuteMs)
    .default(5000)
    .meta({
      flag: '--close-timeout-ms',
      env: 'HOCKET_CLOSE_TIMEOUT_MS',
      unit: 'milliseconds',
      doc: 'Time for a closing connection to take its last frames and answer, before its socket is cut.',
    } satisfies OptionMeta),
  inputMaxFrames: int(1, 1_000_000)
    .default(1000)
    .meta({
      flag: '--input-max-frames',
      env: 'HOCKET_INPUT_MAX_FRAMES',
      unit: 'frames',
      doc: 'Frames of one client that may wait to be handled before its socket is paused.',
    } satisfies OptionMeta),
  inputMaxBytes: int(KiB, GiB)
    .default(MiB)
    .meta({
      flag: '--input-max-bytes',
      env: 'HOCKET_INPUT_MAX_BYTES',
      unit: 'bytes',
      doc: 'Bytes of one client that may wait to be handled before its socket is paused.',
    } satisfies OptionMeta),
  requestTimeoutMs: int(10, 10 * minuteMs)
    .default(5000)
    .meta({
      flag: '--request-timeout-ms',
      env: 'HOCKET_REQUEST_TIMEOUT_MS',
      unit: 'milliseconds',
      doc: 'Time for the other nodes of a cluster to answer a request, before it fails with 503.',
    } satisfies OptionMeta),
  keepAliveGraceMs: int(0, 10 * minuteMs)
    .default(5000)
    .meta({
      flag: '--keep-alive-grace-ms',
      env: 'HOCKET_KEEP_ALIVE_GRACE_MS',
      unit: 'milliseconds',
      doc: 'A client that sent nothing for two keep-alive intervals and this time is closed.',
    } satisfies OptionMeta),
  hubs: z
    .record(checked(hubNameProblem), hubSettingsSchema)
    .superRefine((hubs, ctx) => {
      const seen = new Map<string, string>()
      for (const name of Object.keys(hubs)) {
        const twin = seen.get(name.toLowerCase())
        if (twin !== undefined) {
          ctx.addIssue({ code: 'custom', path: [name], message: `is the same hub as '${twin}': case does not count` })
        }
        seen.set(name.toLowerCase(), name)
      }
    })
    .default({})
    .meta({
      flag: '--hubs',
      env: 'HOCKET_HUBS',
      doc: "Settings by hub, as Azure's management plane exports them; in flags and environment as JSON. The name `*` stands for every hub that is not listed.",
    } satisfies OptionMeta),
}

/** The shape of every option, without the rules between options. */
export const optionsSchema = strict('option', fields)

/** Every option of the server, with its default, bounds and documentation. */
export const configSchema = optionsSchema.superRefine((config, ctx) => {
  if (isLoopback(config.host)) return
  if (config.accessKey === developmentKey) {
    ctx.addIssue({
      code: 'custom',
      path: ['host'],
      message: `'${config.host}' can be reached from other machines, and the access key is the public development key. Set HOCKET_ACCESS_KEY to a key of your own (openssl rand -base64 48 makes one), or leave the host out to listen on this machine only`,
    })
  }
  if (config.accessKeySecondary === developmentKey) {
    ctx.addIssue({
      code: 'custom',
      path: ['accessKeySecondary'],
      message: `is the public development key, and '${config.host}' can be reached from other machines. Set HOCKET_ACCESS_KEY_SECONDARY to a key of your own, or leave it out`,
    })
  }
})

/** Every option, complete and checked. */
export type Config = z.infer<typeof configSchema>

/**
 * A complete configuration from the defaults and `overrides`, checked: for tests and for a server inside your program.
 * @throws ZodError when an option is unknown or out of its bounds.
 */
export function defaultConfig(overrides: z.input<typeof configSchema> = {}): Config {
  return configSchema.parse(overrides)
}

const byLowerCase = new WeakMap<Config['hubs'], ReadonlyMap<string, HubSettings>>()

/** The settings of a hub, whose name counts in any case: its own, those of `*`, or the built-in ones. */
export function hubSettings(config: Pick<Config, 'hubs'>, hub: string): HubSettings {
  let settings = byLowerCase.get(config.hubs)
  if (settings === undefined) {
    settings = new Map(Object.entries(config.hubs).map(([name, value]) => [name.toLowerCase(), value]))
    byLowerCase.set(config.hubs, settings)
  }
  return settings.get(hub.toLowerCase()) ?? settings.get('*') ?? defaultHubSettings
}

/** A container without a limit reports 0, or more than the machine has. */
function quarterOfMemory(): number {
  const machine = totalmem()
  const container = process.constrainedMemory() ?? 0
  const memory = container > 0 && container < machine ? container : machine
  return Math.min(1024 * GiB, Math.max(MiB, Math.floor(memory / 4)))
}
