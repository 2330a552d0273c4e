/** The logger of the process: JSON lines on stderr (stdout belongs to the banner), with a second net against secrets. */

import { type DestinationStream, destination, pino } from 'pino'
import type { Config } from '../config/schema.ts'
import type { Logger } from '../log.ts'

export interface PinoLoggerOptions {
  /** Least important level that is written. */
  readonly level: Config['logLevel']
  /** Default: stderr, written soon, and at the latest when the process exits. */
  readonly stream?: DestinationStream
}

/** Fields that must never be logged. Code that logs does not pass them; this catches the day when it does. */
const secretFields = [
  'accessKey',
  'accessKeySecondary',
  'accessToken',
  'access_token',
  'token',
  'reconnectionToken',
  'authorization',
  'Authorization',
  'connectionString',
]

/** Secrets inside longer texts: URLs, connection strings, header values, tokens anywhere. */
const secretTexts: readonly (readonly [RegExp, string])[] = [
  [/((?:access_token=|awps_reconnection_token=|[?&]code=))[^&\s"\\]+/gi, '$1[redacted]'],
  [/(AccessKey=)[^;\s"\\]+/gi, '$1[redacted]'],
  [/(Bearer )[^\s"\\,]+/gi, '$1[redacted]'],
  [/\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g, '[redacted]'],
]

/** Bytes that may wait for a reader of stderr that has stopped; further lines are dropped. */
const maxWaitingBytes = 64 * 1024 * 1024

/** The longest an orderly end waits for a reader of stderr, in milliseconds. */
const flushTimeoutMs = 1000

export interface ProcessLogger extends Logger {
  /** Resolves when every line is written, or after a second. Await it before `process.exit`. */
  flushed(): Promise<void>
}

/** A logger that writes JSON lines with `level`, `time` (ISO 8601), `msg` and the fields of the call. */
export function createPinoLogger(options: PinoLoggerOptions): ProcessLogger {
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secretFields.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]), censor: '[redacted]' },
      serializers: { err: plainError, error: plainError, cause: plainError },
      hooks: { streamWrite: (line) => escapeControls(withoutSecrets(line)) },
    },
    // With minLength 0 its flush would not wait for the write that is under way.
    options.stream ?? destination({ dest: 2, sync: false, minLength: 1, maxLength: maxWaitingBytes }),
  )
  const flushed = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, flushTimeoutMs)
      logger.flush(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  return Object.assign(logger, { flushed })
}

/** What a log line says about an error: code, message, stack, and the same of its causes, at most four deep. */
export function plainError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error
  const { name, message, stack, cause } = error
  const code = (error as { code?: unknown }).code
  return {
    name,
    ...(code === undefined ? {} : { code }),
    message,
    stack,
    ...(cause === undefined || depth >= 3 ? {} : { cause: plainError(cause, depth + 1) }),
  }
}

/** Takes tokens and keys out of a line of log. */
export function withoutSecrets(line: string): string {
  let clean = line
  for (const [pattern, replacement] of secretTexts) clean = clean.replace(pattern, replacement)
  return clean
}

/** JSON may hold these characters as they are; terminals and readers of logs take them for commands and ends of lines. */
function escapeControls(line: string): string {
  return line.replace(/[\u007f-\u009f\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
