import type { ErrorCode } from '@hocket/protocol/errors'
import type { Envelope, Permission } from '@hocket/protocol/message'
import type { Auth } from '../auth/mod.ts'
import type { Answer, BackplaneRequest, ReplyTo } from '../backplane/backplane.ts'
import type { HttpRequest } from '../http.ts'
import type { Logger } from '../log.ts'
import type { BodyReader } from './body.ts'
import type { QueryParam } from './query.ts'

/** What the REST operations need of the router. */
export interface RestRouter {
  publish(envelope: Envelope): { relieved(): Promise<void> } | null
  request<R extends BackplaneRequest>(request: R): Promise<Answer<ReplyTo<R>>>
  newId(): string
  /** Healthy receivers have so much to be written that sends are refused for a moment. */
  readonly overloaded: boolean
}

/** The options that REST reads. */
export interface RestConfig {
  /** Bytes of a request body. */
  readonly maxMessageBytes: number
  /** Whether `%2F` in a path stays the three characters it is, as on Azure, instead of a `/` in a name. */
  readonly strictPathDecoding: boolean
  /** Whether hub names with `-` are refused, as on Azure. */
  readonly strictHubNames: boolean
}

export interface RestDeps {
  readonly router: RestRouter
  readonly auth: Pick<Auth, 'rest' | 'publicOrigin' | 'accessKeys'>
  readonly config: RestConfig
  readonly logger: Logger
  isHealthy(): boolean
  /** Told of every answer; the operation is `null` where no path and method matched. */
  onReply?(operation: string | null, status: number): void
  /** Epoch milliseconds. Default `Date.now`. */
  readonly now?: () => number
}

/** All GA api-versions, as the header `api-supported-versions` spells them. */
export const apiVersions = ['2021-10-01', '2022-11-01', '2023-07-01', '2024-01-01', '2024-12-01'] as const

export type ApiVersion = (typeof apiVersions)[number]

export const newestApiVersion: ApiVersion = '2024-12-01'

type PathNames<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | PathNames<Rest>
  : never

/** Values of the `{names}` in a path. The hub is in lower case. */
export type PathValues<Path extends string> = {
  readonly [Name in PathNames<Path>]: Name extends 'permission' ? Permission : string
}

export type QueryParams = Readonly<Record<string, QueryParam<unknown>>>

export type QueryValues<Query extends QueryParams> = {
  readonly [Name in keyof Query]: Query[Name] extends QueryParam<infer Value> ? Value : never
}

export interface Input<Path extends string, Query extends QueryParams, Body> {
  readonly path: PathValues<Path>
  readonly query: QueryValues<Query>
  readonly body: Body
  readonly apiVersion: ApiVersion
  readonly request: HttpRequest
}

/**
 * One REST operation. Routing, validation, error bodies, the OpenAPI document and the docs table come from it.
 * `run` gives the value of a JSON answer, or nothing.
 */
export interface Operation<
  Id extends string = string,
  Path extends string = string,
  Query extends QueryParams = QueryParams,
  Body = unknown,
> {
  /** The operation's name in Azure's specification. */
  readonly id: Id
  readonly summary: string
  readonly method: 'DELETE' | 'GET' | 'HEAD' | 'POST' | 'PUT'
  readonly path: Path
  readonly query: Query
  readonly body: BodyReader<Body> | null
  readonly success: 200 | 202 | 204
  /** JSON Schema of a successful answer's body. */
  readonly reply?: object
  /** First GA version that has it. Every version is answered all the same. */
  readonly since: ApiVersion
  /** Where its behaviour is written down. */
  readonly source: string
  /**
   * Who may call: with an access key (default), anyone, or only an identity of an issuer. Nobody can be the last while
   * no issuer can be configured, so such an operation needs no `run`.
   */
  readonly access?: 'accessKey' | 'anyone' | 'identity'
  /** Service codes that this operation uses instead of the ones in the error table. */
  readonly serviceCodes?: Partial<Record<ErrorCode, string>>
  /** Statuses it answers besides those that every operation can, with the reason. For the documents. */
  readonly refusals?: Readonly<Record<number, string>>
  run?(deps: RestDeps, input: Input<Path, Query, Body>): unknown
}

/** Declares an operation; only gives its types to `run`. */
export function operation<
  const Id extends string,
  const Path extends string,
  const Query extends QueryParams,
  Body = null,
>(definition: Operation<Id, Path, Query, Body>): Operation<Id, Path, Query, Body> {
  return definition
}
