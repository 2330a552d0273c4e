import type { ClientClaims } from '@hocket/protocol/claims'
import { createSimpleCodec, parseSimpleMode } from '@hocket/protocol/codec-simple'
import { errors, HocketError } from '@hocket/protocol/errors'
import { isHubName, isPinnedConnectionId, normalizeHub } from '@hocket/protocol/names'
import type { Auth } from '../auth/mod.ts'
import { newConnectionId } from '../backplane/node-id.ts'
import { type Config, developmentKey, hubSettings } from '../config/schema.ts'
import type { HttpReply, HttpRequest } from '../http.ts'
import type { Hubs } from '../hub/hub.ts'
import type { Router } from '../router/router.ts'
import { Session, type SessionDeps, type SessionInit } from '../session/session.ts'
import { type Negotiated, negotiate } from '../subprotocols/mod.ts'
import type { TransportHandlers } from '../transport.ts'
import { lastOf, parseClientUrl, pathPrefixes } from './client-url.ts'
import type { UpgradeDecision } from './engine.ts'

export interface UpgradeDeps {
  readonly config: Config
  readonly auth: Auth
  readonly hubs: Hubs
  readonly router: Router
  readonly session: SessionDeps
  readonly events: UpgradeEvents
  /** Whether the server is on its way down. */
  isClosing(): boolean
}

export interface UpgradeEvents {
  refused(status: number, hub: string | null, error: HocketError): void
  recoveryRefused(hub: string, connectionId: string): void
}

interface Handshake {
  /** The hub as it stands in the URL: tokens may be signed with that spelling. */
  readonly spelledHub: string
  readonly hub: string
  readonly query: URLSearchParams
  readonly request: HttpRequest
}

/** Connections whose handshake has not ended yet, by hub and pinned id. */
const pinnedKey = (hub: string, connectionId: string) => `${hub} ${connectionId}`

/** Decides about handshakes. The order of the checks is the service's: hub, subprotocol, recovery, token, groups, mode. */
export class Upgrades {
  readonly #deps: UpgradeDeps
  readonly #prefixes: readonly string[]
  readonly #pinned = new Set<string>()

  constructor(deps: UpgradeDeps) {
    this.#deps = deps
    this.#prefixes = pathPrefixes(deps.config.publicEndpoints)
  }

  async decide(request: HttpRequest): Promise<UpgradeDecision> {
    let hub: string | null = null
    try {
      const url = parseClientUrl(request.target, this.#prefixes)
      if (url === null) throw errors.notFound({ path: request.target.replace(/\?.*$/s, '') })
      if (this.#deps.isClosing()) throw errors.shuttingDown()
      const { strictHubNames } = this.#deps.config
      if (url.hub === null || !isHubName(url.hub, { strict: strictHubNames }))
        throw errors.invalidHub({ target: 'hub' })
      hub = normalizeHub(url.hub)
      const connectionId = lastOf(url.query, 'awps_connection_id')
      if (connectionId !== null) return this.#recover(hub, connectionId, url.query, request)
      return await this.#connect({ spelledHub: url.hub, hub, query: url.query, request })
    } catch (error) {
      if (!(error instanceof HocketError)) throw error
      const status = error.http ?? 500
      this.#deps.events.refused(status, hub, error)
      return { type: 'refuse', reply: refusal(status, error) }
    }
  }

  async #connect({ spelledHub, hub, query, request }: Handshake): Promise<UpgradeDecision> {
    const { config, router } = this.#deps
    const negotiated = negotiate(offeredProtocols(request))
    const settings = hubSettings(config, hub)
    const claims = this.#authenticate(spelledHub, query, request, settings.anonymousConnectPolicy === 'allow')
    const mode = parseSimpleMode(query)
    const connectionId = this.#connectionId(hub, query)
    const init: SessionInit = {
      hub,
      connectionId,
      userId: claims.userId,
      roles: claims.roles,
      protocol: negotiated?.subprotocol.name ?? null,
      codec: negotiated?.subprotocol.codec ?? createSimpleCodec(mode),
      reliable: negotiated?.subprotocol.reliable ?? false,
      keepAliveIntervalMs: settings.webSocketKeepAliveIntervalInSeconds * 1000,
      reconnectionTokenTtlSeconds: claims.reconnectionTokenTtlSeconds ?? config.reconnectionTokenTtlSeconds,
    }
    const pinned = pinnedKey(hub, connectionId)
    this.#pinned.add(pinned)
    try {
      // A message published anywhere after the 101 must reach the groups of the token.
      await router.retain(hub, claims.userId, claims.groups)
    } catch (error) {
      this.#pinned.delete(pinned)
      router.release(hub, claims.userId, claims.groups)
      throw error
    }
    return {
      type: 'accept',
      subprotocol: negotiated?.spelling ?? null,
      open: (transport) => {
        this.#pinned.delete(pinned)
        const session = new Session(this.#deps.session, init)
        const handlers = session.open(transport, claims.groups)
        // The server went down while the handshake was under way.
        if (this.#deps.isClosing()) session.closeForShutdown()
        return handlers
      },
      abandoned: () => {
        this.#pinned.delete(pinned)
        router.release(hub, claims.userId, claims.groups)
      },
    }
  }

  #authenticate(hub: string, query: URLSearchParams, request: HttpRequest, anonymousAllowed: boolean): ClientClaims {
    const token = lastOf(query, 'access_token') ?? bearer(request.headers.get('authorization'))
    const host = request.headers.get('host')
    if (token === null && anonymousAllowed) {
      refuseForeignOrigin(request.headers.get('origin'), host, this.#deps.config)
      return { userId: null, roles: [], groups: [], reconnectionTokenTtlSeconds: null }
    }
    return this.#deps.auth.client({ target: request.target, host, hub, token })
  }

  /** A new id, or with the development key the one that the URL pins. */
  #connectionId(hub: string, query: URLSearchParams): string {
    const { config, hubs, router } = this.#deps
    const pinned = lastOf(query, 'hocket_connection_id')
    if (pinned === null || config.accessKey !== developmentKey) return newConnectionId(router.nodeId)
    if (!isPinnedConnectionId(pinned)) throw errors.invalidConnectionId({ target: 'hocket_connection_id' })
    if (hubs.find(hub)?.connections.has(pinned) || this.#pinned.has(pinnedKey(hub, pinned))) {
      throw errors.connectionIdTaken({ id: pinned, target: 'hocket_connection_id' })
    }
    return pinned
  }

  #recover(hub: string, connectionId: string, query: URLSearchParams, request: HttpRequest): UpgradeDecision {
    const { auth, hubs, events } = this.#deps
    const token = lastOf(query, 'awps_reconnection_token') ?? ''
    const isValid = auth.verifyReconnectionToken(token, { hub, connectionId })
    const offered = negotiate(offeredProtocols(request))
    const find = (): Session | null => {
      const receiver = isValid ? hubs.find(hub)?.connections.get(connectionId) : undefined
      return receiver instanceof Session && receiver.reliable ? receiver : null
    }
    return {
      type: 'accept',
      subprotocol: spellingFor(find()?.protocol ?? null, offered),
      open: (transport) => {
        const handlers = find()?.recover(transport) ?? null
        if (handlers !== null) return handlers
        // Azure: a refusal completes the handshake and closes; on an HTTP error the SDKs would try for 30 s.
        events.recoveryRefused(hub, connectionId)
        const error = errors.recoveryRefused()
        transport.close(error.close ?? 1008, error.message)
        return deaf
      },
      abandoned: () => {},
    }
  }
}

/** A connection keeps its first subprotocol, whatever is offered for its recovery; where that is the same, in the spelling offered. */
function spellingFor(protocol: string | null, offered: Negotiated | null): string | null {
  return protocol === null || protocol === offered?.subprotocol.name ? (offered?.spelling ?? protocol) : protocol
}

const deaf: TransportHandlers = { message: () => {}, alive: () => {}, drained: () => {}, closed: () => {} }

function offeredProtocols(request: HttpRequest): string[] {
  const header = request.headers.get('sec-websocket-protocol') ?? ''
  return header
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

function bearer(authorization: string | null): string | null {
  return /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? null
}

/** Without a token a page of any site could connect in its visitor's name, so only pages of this server may. */
function refuseForeignOrigin(origin: string | null, host: string | null, config: Config): void {
  if (origin === null) return
  const own = [...config.publicEndpoints, `http://${host}`, `https://${host}`]
  const isOwn = own.some((endpoint) => URL.canParse(endpoint) && new URL(endpoint).origin === origin.toLowerCase())
  if (!isOwn) {
    throw errors.forbidden({
      reason: `Anonymous clients from the origin '${origin}' are not allowed; connect with a token.`,
    })
  }
}

function refusal(status: number, error: HocketError): HttpReply {
  const headers: Record<string, string> = { 'Content-Type': 'text/plain; charset=utf-8' }
  if (status === 401) headers['WWW-Authenticate'] = 'Bearer error="invalid_token"'
  if (status === 503) headers['Retry-After'] = '1'
  return { status, headers, body: error.message }
}
