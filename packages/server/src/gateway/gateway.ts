import { errors, HocketError } from '@hocket/protocol/errors'
import type { Config } from '../config/schema.ts'
import type { HttpReply, HttpRequest } from '../http.ts'
import { type Logger, printable } from '../log.ts'
import { pathPrefixes, stripPrefix } from './client-url.ts'
import type { EngineHandlers } from './engine.ts'
import type { Upgrades } from './upgrade.ts'

export interface GatewayDeps {
  readonly config: Config
  readonly rest: { handle(request: HttpRequest): Promise<HttpReply> }
  readonly upgrades: Upgrades
  readonly metrics: { readonly contentType: string; render(): Promise<string> }
  /** Whether a request may read the metrics. */
  mayReadMetrics(request: HttpRequest): boolean
  readonly logger: Logger
}

/** Sends every request where it belongs. */
export function createGateway(deps: GatewayDeps): EngineHandlers {
  const { config, rest, upgrades, metrics, mayReadMetrics, logger } = deps
  const prefixes = pathPrefixes(config.publicEndpoints)

  async function request(request: HttpRequest): Promise<HttpReply> {
    // Java's SDK writes `//api` behind an endpoint that ends in a slash.
    const target = stripPrefix(request.target, prefixes).replace(/^\/{2,}/, '/')
    const path = target.replace(/[?#].*$/s, '')
    if (path.startsWith('/api/')) return rest.handle(target === request.target ? request : { ...request, target })
    if (path === '/metrics' && request.method === 'GET') return renderMetrics(request)
    if (path === '/client' || path.startsWith('/client/')) {
      return text(400, 'Clients connect here with a WebSocket: this request did not ask for an upgrade.')
    }
    if (path === '/' && (request.method === 'GET' || request.method === 'HEAD')) {
      return text(200, 'Hocket is running. Clients connect to /client/hubs/{hub}, servers call /api/hubs/{hub}.')
    }
    const error = errors.notFound({ path: printable(path) })
    return text(404, error.message)
  }

  async function renderMetrics(request: HttpRequest): Promise<HttpReply> {
    if (!mayReadMetrics(request)) {
      return text(403, 'Metrics are for loopback only. The option metricsHost lets other addresses read them.')
    }
    return { status: 200, headers: { 'Content-Type': metrics.contentType }, body: await metrics.render() }
  }

  return {
    request,
    upgrade: (request) => upgrades.decide(request),
    failed: (error, what) => {
      if (error instanceof HocketError) logger.warn({ err: error, what }, 'request failed')
      else logger.error({ err: error, what }, 'request failed unexpectedly')
    },
  }
}

function text(status: number, body: string): HttpReply {
  return { status, headers: { 'Content-Type': 'text/plain; charset=utf-8' }, body: `${body}\n` }
}
