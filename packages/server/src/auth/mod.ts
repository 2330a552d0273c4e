import type { ClientClaims } from '@hocket/protocol/claims'
import { errors, HocketError } from '@hocket/protocol/errors'
import type { HttpRequest } from '../http.ts'
import type { Logger } from '../log.ts'
import { authorizeRest, type TokenDeps } from './access-key.ts'
import { clientAudience, type Origin, originsOf, restAudience } from './audience.ts'
import { verifyClientToken } from './client-token.ts'
import { issueReconnectionToken, verifyReconnectionToken } from './reconnection-token.ts'
import { RefusalLog } from './refusal-log.ts'
import { splitTarget } from './target.ts'

/** The options that decide who is let in. */
export interface AuthConfig {
  readonly accessKey: string
  readonly accessKeySecondary: string | null
  /** Addresses under which clients and servers reach this one; empty: what it listens on, and the `Host` header. */
  readonly publicEndpoints: readonly string[]
}

export interface AuthOptions {
  readonly config: AuthConfig
  readonly logger: Logger
  /** Origins the server listens on, such as `http://localhost:8080`. Asked at every check, so it may start out empty; best the same array every time. */
  readonly listening: () => readonly string[]
  /** Epoch milliseconds. Default `Date.now`. */
  readonly now?: () => number
}

/** Decides from tokens who may call the REST API, connect, and recover a connection. */
export class Auth {
  /** Access keys that are valid now, the primary one first. */
  readonly accessKeys: readonly string[]
  readonly #publicEndpoints: readonly string[]
  readonly #listening: () => readonly string[]
  readonly #refusals: RefusalLog
  readonly #now: () => number
  /** Origins for the `Host` seen last: callers hardly ever change it, and parsing them costs more than a signature. */
  #last: { host: string | null; listening: readonly string[]; origins: readonly Origin[] } | null = null

  constructor(options: AuthOptions) {
    const { accessKey, accessKeySecondary, publicEndpoints } = options.config
    this.accessKeys = accessKeySecondary === null ? [accessKey] : [accessKey, accessKeySecondary]
    this.#publicEndpoints = publicEndpoints
    this.#listening = options.listening
    this.#refusals = new RefusalLog(options.logger)
    this.#now = options.now ?? Date.now
  }

  /**
   * Lets a REST call pass or not.
   * @throws HocketError `unauthorized`.
   */
  rest(request: Pick<HttpRequest, 'target' | 'headers'>): void {
    const { path } = splitTarget(request.target)
    const expected = restAudience(this.#origins(request.headers.get('host')), path)
    this.#noting(path, () => authorizeRest(request.headers.get('authorization'), expected, this.#deps()))
  }

  /**
   * Reads and checks a client's token. Whether a client may come without one is the hub's policy, not decided here.
   * `target` is the request target, `hub` the hub as it stands there.
   * @throws HocketError `unauthorized` for a token that is missing or refused, or what its claims are refused with.
   */
  client(request: {
    readonly target: string
    readonly host: string | null
    readonly hub: string
    readonly token: string | null
  }): ClientClaims {
    const { path } = splitTarget(request.target)
    // `/client?hub=…`, perhaps with a proxy's path prefix still in front; a hub may be called "client" as well.
    const isQueryForm = /\/client\/?$/i.test(path) && !/\/client\/hubs\/[^/]*\/?$/i.test(path)
    const expected = clientAudience(this.#origins(request.host), request.hub, isQueryForm)
    return this.#noting(path, () => {
      if (request.token === null) {
        throw errors.unauthorized({
          reason: 'The hub takes no anonymous clients, and the URL has no access_token.',
        })
      }
      return verifyClientToken(request.token, expected, this.#deps())
    })
  }

  /** A token for the recovery of one connection. `hub` is in lower case. */
  issueReconnectionToken(subject: {
    readonly hub: string
    readonly connectionId: string
    readonly ttlSeconds: number
  }): string {
    return issueReconnectionToken({ ...subject, nowMs: this.#now() }, this.accessKeys)
  }

  /** Whether a token was issued for this connection, with either key, and has not expired. `hub` is in lower case. */
  verifyReconnectionToken(token: string, subject: { readonly hub: string; readonly connectionId: string }): boolean {
    return verifyReconnectionToken(token, { ...subject, nowMs: this.#now() }, this.accessKeys)
  }

  /**
   * The address to print in links that a caller will follow and sign: the first public endpoint, else the `Host` header,
   * else what the server listens on. No slash at the end.
   */
  publicOrigin(host: string | null): string {
    const configured = this.#publicEndpoints[0]
    if (configured !== undefined) return configured.replace(/\/+$/, '')
    return host === null ? (this.#listening()[0] ?? 'http://localhost') : `http://${host}`
  }

  #origins(host: string | null): readonly Origin[] {
    const listening = this.#listening()
    if (this.#last?.host !== host || this.#last.listening !== listening) {
      this.#last = { host, listening, origins: originsOf(this.#publicEndpoints, listening, host) }
    }
    return this.#last.origins
  }

  #deps(): TokenDeps {
    return { keys: this.accessKeys, nowSeconds: this.#now() / 1000 }
  }

  #noting<T>(path: string, check: () => T): T {
    try {
      return check()
    } catch (error) {
      if (error instanceof HocketError && error.code === 'unauthorized') this.#refusals.refused(path, error)
      throw error
    }
  }
}
