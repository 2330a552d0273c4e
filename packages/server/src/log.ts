/** The logger a library takes: constant message, data in fields, never tokens, never payloads. */
export interface Logger {
  error(fields: object, message: string): void
  warn(fields: object, message: string): void
  info(fields: object, message: string): void
  debug(fields: object, message: string): void
  trace(fields: object, message: string): void
  child(fields: object): Logger
}

const nothing = () => {}

/** Says nothing: the default of the library. */
export const silentLogger: Logger = {
  error: nothing,
  warn: nothing,
  info: nothing,
  debug: nothing,
  trace: nothing,
  child: () => silentLogger,
}

/** Makes text from outside safe for a log line: control characters escaped, at most `maxChars` (default 256) long. */
export function printable(text: string, maxChars = 256): string {
  const cut = text.length > maxChars ? `${text.slice(0, maxChars)}…` : text
  return cut.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
