import { randomUUID } from 'node:crypto'
import { type ErrorCode, errors, HocketError } from '@hocket/protocol/errors'
import type { HttpReply } from '../http.ts'
import type { Logger } from '../log.ts'
import { apiVersions, type Operation } from './operation.ts'

const supportedVersions = { 'api-supported-versions': apiVersions.join(', ') }

/** The answer of an operation that did what it was asked; `value` is the JSON of the body, if any. */
export function success(status: 200 | 202 | 204, value: unknown): HttpReply {
  if (status === 204) return { status, headers: supportedVersions, body: null }
  if (value === undefined) return { status, headers: { ...supportedVersions, 'Content-Length': '0' }, body: null }
  return withJson(status, supportedVersions, 'application/json', value)
}

export interface FailureContext {
  /** `null` when the request met none. */
  readonly operation: Operation | null
  /** Methods of the path, when it was not the method that the request had. */
  readonly allowed: readonly string[]
  readonly logger: Logger
}

/**
 * The answer to whatever went wrong. Anything of status 500 and above is logged with a trace id, and the body tells
 * only that.
 */
export function failure(cause: unknown, context: FailureContext): HttpReply {
  const { operation } = context
  const error = cause instanceof HocketError && cause.http !== null ? cause : errors.internal({ traceId: '', cause })
  const status = error.http!
  const code = operation?.serviceCodes?.[error.code as ErrorCode] ?? error.serviceCode ?? 'Error.Internal'
  const headers = { 'x-ms-error-code': code, ...supportedVersions, ...extraHeaders(error, context) }
  if (status >= 500) return serverFailure(cause, status, headers, context)
  // The service answers these two without a body.
  if (status === 401 || status === 415) return { status, headers: { ...headers, 'Content-Length': '0' }, body: null }
  if (error.code === 'invalidFilter') return filterFailure(error.message)
  return withJson(status, headers, 'application/json', {
    code,
    message: error.message,
    target: error.target ?? targets[error.code] ?? 'Request',
    details: null,
    innererror: null,
  })
}

/** The shape of ASP.NET's validation errors, which the service has for filters only, and without the version header. */
function filterFailure(message: string): HttpReply {
  const code = 'Error.BadRequest'
  return withJson(400, { 'x-ms-error-code': code }, 'application/problem+json', {
    code,
    message,
    target: 'Filter',
    errors: { Filter: [message] },
    type: null,
    title: 'One or more validation errors occurred.',
    status: 400,
    detail: null,
    instance: null,
    extensions: {},
  })
}

function serverFailure(
  cause: unknown,
  status: number,
  headers: Readonly<Record<string, string>>,
  { operation, logger }: FailureContext,
): HttpReply {
  const traceId = randomUUID()
  const fields = { traceId, status, operation: operation?.id ?? null, err: cause }
  // Shutting down is no news: whoever stopped the process reads it elsewhere, and health is asked often.
  if (cause instanceof HocketError && cause.code === 'shuttingDown')
    logger.debug(fields, 'REST call while shutting down')
  else if (status === 503) logger.warn(fields, 'REST call not possible now')
  else logger.error(fields, 'REST call failed')
  return withJson(status, headers, 'application/json', {
    code: headers['x-ms-error-code'],
    message:
      status === 503 ? `The service is unavailable (trace ${traceId}).` : `Internal server error (trace ${traceId}).`,
    target: 'Request',
    details: null,
    innererror: null,
  })
}

/** What an error of the table is about, where it is not the request as a whole. */
const targets: Readonly<Record<string, string>> = {
  unsupportedApiVersion: 'api-version',
  connectionNotFound: 'Connection',
  permissionNotFound: 'Connection',
  tooManyPermissions: 'Connection',
  userNotFound: 'User',
  groupNotFound: 'Group',
}

function extraHeaders(error: HocketError, { operation, allowed }: FailureContext): Record<string, string> {
  switch (error.http) {
    case 405:
      return { Allow: allowed.join(', ') }
    case 401:
      return { 'WWW-Authenticate': `Bearer error="invalid_token", error_description="${quotable(error.message)}"` }
    case 415:
      return { Accept: (operation?.body?.contentTypes ?? []).join(', ') }
    case 429:
    case 503:
      return { 'Retry-After': '1' }
    default:
      return {}
  }
}

/** Only what may stand in a quoted string of a header. */
const quotable = (text: string) => text.replace(/[^ !#-[\]-~]/g, '')

function withJson(
  status: number,
  headers: Readonly<Record<string, string>>,
  mediaType: string,
  value: unknown,
): HttpReply {
  const body = JSON.stringify(value)
  return {
    status,
    headers: {
      ...headers,
      'Content-Type': `${mediaType}; charset=utf-8`,
      'Content-Length': String(Buffer.byteLength(body)),
    },
    body,
  }
}
