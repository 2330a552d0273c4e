/**
 * Every error Hocket can show anybody, in one table. A row says how the error looks on each border: the REST status and
 * service code, the name in an `ack` frame, and the WebSocket close code. Nobody types a code twice.
 */

/** How one error looks on every border. `null` means that it cannot reach that border. */
export interface ErrorRow {
  /** Status of the REST answer or of a refused handshake. */
  readonly http: number | null
  /** `code` of the REST error body and value of `x-ms-error-code`. An operation may choose another one. */
  readonly serviceCode: string | null
  /** `error.name` of the `ack` frame. */
  readonly ack: string | null
  /** WebSocket close code. */
  readonly close: number | null
  /** Whether the same request may succeed later without a change. */
  readonly retry: boolean
  /** Message with `{name}` placeholders: what was found, what is allowed, what to do. */
  readonly text: string
}

export class HocketError<Code extends string = string> extends Error {
  override readonly name = 'HocketError'
  readonly code: Code
  readonly http: number | null
  readonly serviceCode: string | null
  readonly ack: string | null
  readonly close: number | null
  readonly retry: boolean
  /** What a REST error body names as its target: `Connection`, `Filter`, `Request` … */
  readonly target: string | null

  constructor(code: Code, row: ErrorRow, params: ErrorParams) {
    super(fill(row.text, params), params.cause === undefined ? undefined : { cause: params.cause })
    this.code = code
    this.http = row.http
    this.serviceCode = row.serviceCode
    this.ack = row.ack
    this.close = row.close
    this.retry = row.retry
    this.target = params.target ?? null
  }
}

/** Values for the placeholders of a row's text; `target` and `cause` are kept on the error as well. */
export interface ErrorParams {
  readonly [placeholder: string]: unknown
  readonly target?: string
  readonly cause?: unknown
}

function fill(text: string, params: ErrorParams): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in params ? String(params[name]) : whole))
}

type ErrorFactories<Rows extends Record<string, ErrorRow>> = {
  readonly [Code in keyof Rows & string]: (params?: ErrorParams) => HocketError<Code>
}

function defineErrors<const Rows extends Record<string, ErrorRow>>(rows: Rows): ErrorFactories<Rows> {
  const factories: Record<string, (params?: ErrorParams) => HocketError> = {}
  for (const [code, row] of Object.entries(rows)) {
    factories[code] = (params = {}) => new HocketError(code, row, params)
  }
  return factories as ErrorFactories<Rows>
}

/** A REST-only row: bad input that changed nothing. */
const bad = (text: string): ErrorRow => ({
  http: 400,
  serviceCode: 'Error.BadRequest',
  ack: null,
  close: null,
  retry: false,
  text,
})

export const errors = defineErrors({
  // Requests that cannot be understood.
  unsupportedApiVersion: bad('The specified API version is not supported.'),
  invalidHub: bad('Invalid hub name.'),
  invalidGroup: bad('Invalid group name.'),
  invalidConnectionId: bad('Invalid connection ID.'),
  invalidUserId: bad('Invalid user ID.'),
  invalidPermission: bad(
    "Invalid permission '{found}'. Allowed are 'sendToGroup' and 'joinLeaveGroup' (or their numbers 1 and 2).",
  ),
  invalidQuery: bad('Invalid {parameter}.'),
  invalidFilter: bad("Invalid syntax for '{source}': {reason} (Parameter 'filter')"),
  invalidBody: bad('{reason}'),
  invalidMetadata: bad('{reason}'),
  bodyTooLarge: bad('Invalid Content-Length header. The body has {size} bytes or more, the limit is {limit} bytes.'),
  unsupportedContentType: {
    http: 415,
    serviceCode: 'Error.UnsupportedMediaType',
    ack: null,
    close: null,
    retry: false,
    text: "The content type '{found}' is not supported. Allowed are {allowed}.",
  },

  // Who may ask.
  unauthorized: {
    http: 401,
    serviceCode: 'Error.Unauthorized',
    ack: null,
    close: null,
    retry: false,
    text: '{reason}',
  },
  forbidden: {
    http: 403,
    serviceCode: 'Error.Forbidden',
    ack: 'Forbidden',
    close: null,
    retry: false,
    text: '{reason}',
  },
  sendForbidden: {
    http: null,
    serviceCode: null,
    ack: 'Forbidden',
    close: 1008,
    retry: false,
    text: "The client does not have permission to send to group '{group}'.",
  },
  joinForbidden: {
    http: null,
    serviceCode: null,
    ack: 'Forbidden',
    close: null,
    retry: false,
    text: "The client does not have permission to join group '{group}'.",
  },
  leaveForbidden: {
    http: null,
    serviceCode: null,
    ack: 'Forbidden',
    close: null,
    retry: false,
    text: "The client does not have permission to leave group '{group}'.",
  },

  // What is not there, or not possible now.
  notFound: {
    http: 404,
    serviceCode: 'Error.NotFound',
    ack: null,
    close: null,
    retry: false,
    text: "No operation at '{path}'. Paths start with /api/hubs/{hub}/ or /client/hubs/{hub}.",
  },
  methodNotAllowed: {
    http: 405,
    serviceCode: 'Error.MethodNotAllowed',
    ack: null,
    close: null,
    retry: false,
    text: "The method {method} is not allowed at '{path}'. Allowed: {allowed}.",
  },
  connectionNotFound: {
    http: 404,
    serviceCode: 'Error.Connection.NotExisted',
    ack: null,
    close: null,
    retry: false,
    text: 'Connection `{id}` is not found.',
  },
  userNotFound: {
    http: 404,
    serviceCode: 'Error.User.NotExisted',
    ack: null,
    close: null,
    retry: false,
    text: 'User `{id}` is not found.',
  },
  groupNotFound: {
    http: 404,
    serviceCode: 'Warning.Group.NotExisted',
    ack: null,
    close: null,
    retry: false,
    text: 'Group `{id}` is not found.',
  },
  permissionNotFound: {
    http: 404,
    serviceCode: 'Info.Connection.NotExisted',
    ack: null,
    close: null,
    retry: false,
    text: 'Connection `{id}` is not found, or it does not hold the permission.',
  },
  tooManyPermissions: {
    http: 409,
    serviceCode: 'Error.Connection.Conflict',
    ack: null,
    close: null,
    retry: false,
    text: 'Connection `{id}` has {limit} literal rules for this permission already, which is the limit.',
  },
  connectionIdTaken: {
    http: 409,
    serviceCode: 'Error.Connection.Conflict',
    ack: null,
    close: null,
    retry: true,
    text: 'Connection `{id}` is live already. Close it first, or choose another hocket_connection_id.',
  },
  tooManyRequests: {
    http: 429,
    serviceCode: 'Error.TooManyRequests',
    ack: null,
    close: null,
    retry: true,
    text: '{reason}',
  },
  internal: {
    http: 500,
    serviceCode: 'Error.Internal',
    ack: 'InternalServerError',
    close: 1011,
    retry: true,
    text: 'Internal server error (trace {traceId}).',
  },
  backplaneUnavailable: {
    http: 503,
    serviceCode: 'Error.ServiceUnavailable',
    ack: 'InternalServerError',
    close: null,
    retry: true,
    text: 'Not every node of the cluster answered: {reason}',
  },
  shuttingDown: {
    http: 503,
    serviceCode: 'Error.ServiceUnavailable',
    ack: null,
    close: 1001,
    retry: true,
    text: 'Service reloading, reconnect',
  },

  // What a client can do wrong.
  malformedFrame: {
    http: null,
    serviceCode: null,
    ack: null,
    close: 1007,
    retry: false,
    text: 'The client message is not a valid protocol message: {reason}',
  },
  wrongOpcode: {
    http: null,
    serviceCode: null,
    ack: null,
    close: 1003,
    retry: false,
    text: 'The subprotocol {subprotocol} does not take {opcode} frames.',
  },
  messageTooBig: {
    http: null,
    serviceCode: null,
    ack: null,
    close: 1009,
    retry: false,
    text: 'The client message is too large, the limit is {limit} bytes.',
  },
  duplicateAckId: {
    http: null,
    serviceCode: null,
    ack: 'Duplicate',
    close: null,
    retry: false,
    text: 'Message with ack-id: {ackId} has been processed',
  },
  eventUnhandled: {
    http: null,
    serviceCode: null,
    ack: 'InternalServerError',
    close: 1011,
    retry: false,
    text: 'Internal server error',
  },
  recoveryRefused: {
    http: null,
    serviceCode: null,
    ack: null,
    close: 1008,
    retry: false,
    text: 'The connection could not be recovered.',
  },
  recoveryExpired: {
    http: null,
    serviceCode: null,
    ack: null,
    close: null,
    retry: false,
    text: 'The connection recovery timeout expired.',
  },
  slowReceiver: {
    http: null,
    serviceCode: null,
    ack: null,
    close: 1013,
    retry: true,
    text: 'The outbound message queue is full.',
  },
  reliableBufferFull: {
    http: null,
    serviceCode: null,
    ack: null,
    close: 1008,
    retry: false,
    text: 'The reliable message buffer is full.',
  },
  keepAliveTimeout: {
    http: null,
    serviceCode: null,
    ack: null,
    close: null,
    retry: true,
    text: 'No frame arrived for {seconds} seconds.',
  },

  // What a caller of ours can do wrong.
  invalidConnectionString: {
    http: null,
    serviceCode: null,
    ack: null,
    close: null,
    retry: false,
    text: 'Invalid connection string: {reason}',
  },
  invalidConfig: {
    http: null,
    serviceCode: null,
    ack: null,
    close: null,
    retry: false,
    text: 'Invalid configuration: {reason}',
  },
})

/** The code of every error in the table. */
export type ErrorCode = keyof typeof errors
