/** Where a command reads and writes: the process, or a test. */

export interface Io {
  /** Writes text and a line break to stdout: the answer. */
  out(text: string): void
  /** Writes text and a line break to stderr: everything about the way there. */
  err(text: string): void
  readonly env: Readonly<Record<string, string | undefined>>
  /** All of stdin. */
  stdin(): Promise<Uint8Array>
}

/** Something the user can mend. The message is all that is shown. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly exitCode: number

  /** @param exitCode default 1; 2 for a wrong command line or configuration */
  constructor(message: string, exitCode = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Control characters, and what turns or hides text on a terminal. */
const unsafe = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** Text from outside for one line of a terminal. */
export function oneLine(text: string): string {
  return text.replace(unsafe, (c) => (c === '\n' ? '\\n' : c === '\t' ? '\\t' : escaped(c)))
}

/** A JSON text for one line of a terminal; it stays the same JSON: white space is only ever raw between values. */
export function oneLineOfJson(text: string): string {
  return text.replace(unsafe, (c) => (/\s/.test(c) && c < ' ' ? ' ' : escaped(c)))
}

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
}
