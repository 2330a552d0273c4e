import { errors } from '@hocket/protocol/errors'
import type { Envelope } from '@hocket/protocol/message'
import { signHs256 } from '../auth/hs256.ts'
import { Auth } from '../auth/mod.ts'
import type { Answer, BackplaneRequest, Replies, ReplyTo } from '../backplane/backplane.ts'
import type { HttpReply, HttpRequest } from '../http.ts'
import type { Logger } from '../log.ts'
import { createRestApi } from './api.ts'
import type { RestConfig, RestRouter } from './operation.ts'

/** What the unit tests of the REST API share: the API over a router that records what it is asked. */

export const accessKey = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH'
export const secondaryKey = 'another-key-of-at-least-32-characters!!'
export const nowMs = 1_700_000_000_000

type Answers = { [Op in keyof Replies]: readonly Replies[Op][] }

/** Records envelopes and requests; `answers` holds one reply per node for each kind of request. */
export class FakeRouter implements RestRouter {
  readonly published: Envelope[] = []
  readonly requests: BackplaneRequest[] = []
  overloaded = false
  congestion: { relieved(): Promise<void> } | null = null
  /** Thrown by the next publish or request. */
  failure: unknown = null
  answer: (request: BackplaneRequest) => readonly Replies[keyof Replies][] = (request) => this.answers[request.op]
  answers: Answers = {
    join: [{ matched: 0 }, { matched: 1 }],
    leave: [{ matched: 1 }],
    close: [{ matched: 1 }],
    grant: [{ outcome: 'done' }],
    revoke: [{ outcome: 'done' }],
    exists: [{ found: false }, { found: true }],
    permission: [{ held: true }],
    members: [{ items: [], more: false }],
  }
  #counter = 0

  newId(): string {
    this.#counter += 1
    return `n-${this.#counter}`
  }

  publish(envelope: Envelope): { relieved(): Promise<void> } | null {
    if (this.failure !== null) throw this.failure
    this.published.push(envelope)
    return this.congestion
  }

  async request<R extends BackplaneRequest>(request: R): Promise<Answer<ReplyTo<R>>> {
    if (this.failure !== null) throw this.failure
    this.requests.push(request)
    const replies = this.answer(request).map((reply, i) => ({ nodeId: `n${i}`, reply: reply as ReplyTo<R> }))
    return { replies, missing: [] }
  }
}

export interface LogLine {
  readonly level: string
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>> | readonly (readonly [string, string])[]
  readonly body?: string | Uint8Array
  /** `null` sends no `Authorization`. Default: a good token for the path. */
  readonly token?: string | null
  readonly host?: string
}

export interface FixtureOptions extends Partial<RestConfig> {
  readonly publicEndpoints?: readonly string[]
  readonly accessKey?: string
  readonly accessKeySecondary?: string | null
}

export function createFixture(options: FixtureOptions = {}) {
  const router = new FakeRouter()
  const lines: LogLine[] = []
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, fields: { ...fields }, message })
  }
  const logger: Logger = {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    trace: at('trace'),
    child: () => logger,
  }
  const config = {
    accessKey,
    accessKeySecondary: null,
    publicEndpoints: [],
    maxMessageBytes: 1_048_576,
    strictPathDecoding: false,
    strictHubNames: false,
    ...options,
  }
  const auth = new Auth({ config, logger, listening: () => ['http://localhost:8080'], now: () => nowMs })
  const health = { isHealthy: true }
  const replies: [operation: string | null, status: number][] = []
  const api = createRestApi({
    router,
    auth,
    config,
    logger,
    isHealthy: () => health.isHealthy,
    now: () => nowMs,
    onReply: (...reply) => replies.push(reply),
  })

  /** Calls the API; `target` is the path with its query. */
  function call(method: string, target: string, options: CallOptions = {}): Promise<HttpReply> {
    const host = options.host ?? 'localhost:8080'
    const given: [string, string][] = []
    const list = options.headers ?? {}
    for (const [name, value] of Array.isArray(list) ? list : Object.entries(list))
      given.push([name.toLowerCase(), value])
    const origin = config.publicEndpoints[0] ?? `http://${host}`
    const token =
      options.token === undefined
        ? signHs256({ aud: `${origin}${target}`, exp: nowMs / 1000 + 60 }, config.accessKey)
        : options.token
    given.push(['host', host])
    if (token !== null) given.push(['authorization', `Bearer ${token}`])
    return api.handle(createRequest(method, target, given, options.body ?? ''))
  }

  return { router, lines, replies, health, auth, call, handle: api.handle }
}

export function createRequest(
  method: string,
  target: string,
  headers: readonly (readonly [string, string])[],
  body: string | Uint8Array,
): HttpRequest {
  return {
    method,
    target,
    remoteAddress: '127.0.0.1',
    headers: {
      get(name) {
        const values = headers.filter(([key]) => key === name).map(([, value]) => value)
        return values.length === 0 ? null : values.join(', ')
      },
      entries: () => headers,
    },
    async body(maxBytes) {
      const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
      if (bytes.length > maxBytes) throw errors.bodyTooLarge({ size: bytes.length, limit: maxBytes })
      return bytes
    },
  }
}

/** The body of an error of the plain shape, as text. */
export function plainError(code: string, message: string, target: string): string {
  return JSON.stringify({ code, message, target, details: null, innererror: null })
}
