import { errors, type HocketError } from '@hocket/protocol/errors'
import { splitTarget } from '../auth/target.ts'
import type { HttpReply, HttpRequest } from '../http.ts'
import { printable } from '../log.ts'
import { type ApiVersion, apiVersions, newestApiVersion, type Operation, type RestDeps } from './operation.ts'
import { operations } from './operations/mod.ts'
import { readPathValue } from './path.ts'
import { QueryString } from './query.ts'
import { failure, success } from './respond.ts'
import { Routes } from './routes.ts'

export interface RestApi {
  /** Answers every path below `/api/`, the unknown ones too. Never rejects. */
  handle(request: HttpRequest): Promise<HttpReply>
}

/** The REST API: 25 operations, each declared in a file of its own below `operations/`. */
export function createRestApi(deps: RestDeps): RestApi {
  const routes = new Routes(operations)

  async function handle(request: HttpRequest): Promise<HttpReply> {
    let operation: Operation | null = null
    let allowed: readonly string[] = []
    let reply: HttpReply
    try {
      const { path, query } = splitTarget(request.target)
      const route = routes.find(request.method, path)
      if (!route.found) {
        allowed = route.allowed
        throw notRouted(request.method, path, allowed)
      }
      operation = route.operation
      const value = await run(deps, operation, route.values, new QueryString(query), request)
      reply = success(operation.success, value)
    } catch (error) {
      reply = failure(error, { operation, allowed, logger: deps.logger })
    }
    deps.onReply?.(operation?.id ?? null, reply.status)
    deps.logger.debug({ operation: operation?.id ?? null, status: reply.status }, 'REST call')
    return reply
  }

  return { handle }
}

/** The order of the checks is the service's: who, version, names and query, filter, length, type, body, metadata. */
async function run(
  deps: RestDeps,
  operation: Operation,
  values: Readonly<Record<string, string>>,
  query: QueryString,
  request: HttpRequest,
): Promise<unknown> {
  authorize(deps, operation, request)
  const apiVersion = readVersion(query)
  const path = mapValues(values, (segment, name) => readPathValue(name, segment, deps.config))
  const parameters = mapValues(operation.query, (param, name) => param.parse(query.all(name), name))
  const body = operation.body === null ? null : await operation.body.read(request, deps.config.maxMessageBytes)
  return operation.run?.(deps, { path, query: parameters, body, apiVersion, request })
}

function authorize(deps: RestDeps, operation: Operation, request: HttpRequest): void {
  if (operation.access === 'anyone') return
  deps.auth.rest(request)
  if (operation.access === 'identity') {
    throw errors.unauthorized({
      reason: 'This operation is for identities of an issuer. With an access key, sign client tokens yourself.',
    })
  }
}

/** One of the GA versions, once; the newest where there is none. */
function readVersion(query: QueryString): ApiVersion {
  const found = query.all('api-version')
  if (found.length === 0) return newestApiVersion
  const version = apiVersions.find((known) => known === found[0])
  if (version === undefined || found.length > 1) throw errors.unsupportedApiVersion()
  return version
}

function notRouted(method: string, path: string, allowed: readonly string[]): HocketError {
  const shown = printable(path)
  return allowed.length === 0
    ? errors.notFound({ path: shown })
    : errors.methodNotAllowed({ method: printable(method, 32), path: shown, allowed: allowed.join(', ') })
}

function mapValues<From, To>(from: Readonly<Record<string, From>>, map: (value: From, name: string) => To) {
  return Object.fromEntries(Object.entries(from).map(([name, value]) => [name, map(value, name)] as const))
}
