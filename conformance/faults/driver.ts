/** The process in which official clients run, and what it reports. */

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { nodeExecutable } from '@hocket/testkit/server'

export const clientKinds = ['js', 'python', 'python-aio'] as const
export type ClientKind = (typeof clientKinds)[number]

/** Opens a client, and joins `group` unless it is null; answered by `ready`. `restart` puts a new client in its place. */
export interface OpenCommand {
  readonly op: 'open' | 'restart'
  readonly client: string
  readonly url: string
  readonly group: string | null
  /**
   * How long it waits for a handshake (Python only). It has to be longer than any black hole: a handshake that the client
   * gave up and that completes later leaves the client without its loop of sequence acks.
   */
  readonly startTimeoutMs: number
}

/** Sends numbered texts with acks until `stopPublishing` or `limit`; answered by `publisherDone` when all are settled. */
export interface PublishCommand {
  readonly op: 'publish'
  readonly client: string
  readonly group: string
  /** Characters behind the number, taken in turn. */
  readonly sizes: readonly number[]
  /** Pause between two messages of one worker. */
  readonly everyMs: number
  /** How many workers send at the same time. */
  readonly parallel: number
  readonly limit: number
  /** Whether one ack id is used for every attempt of one message (JavaScript only). */
  readonly ownAckIds: boolean
}

export type DriverCommand = OpenCommand | PublishCommand | { readonly op: 'stopPublishing' } | { readonly op: 'quit' }

export type DriverEvent = { readonly client: string } & (
  | { readonly event: 'ready' }
  | { readonly event: 'connected'; readonly connectionId: string }
  | { readonly event: 'disconnected'; readonly connectionId: string | null }
  | { readonly event: 'stopped' }
  | { readonly event: 'rejoinFailed'; readonly error: string }
  | { readonly event: 'message'; readonly sequenceId: number | null; readonly key: string }
  | { readonly event: 'sent'; readonly number: number }
  | { readonly event: 'sendFailed'; readonly number: number; readonly error: string }
  | { readonly event: 'publisherDone' }
  | { readonly event: 'note'; readonly text: string }
  | { readonly event: 'crash'; readonly error: string }
)

export class Driver implements AsyncDisposable {
  /** Everything it reported, in the order in which it did. */
  readonly events: DriverEvent[] = []
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #exited: Promise<void>
  #stderr = ''
  #gone = false

  private constructor(child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.#child = child
    createInterface({ input: child.stdout }).on('line', (line) => this.events.push(JSON.parse(line)))
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
    child.stdin.on('error', () => {})
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#stderr += String(error)
        resolve()
      })
      child.once('close', () => resolve())
    })
    void this.#exited.then(() => {
      this.#gone = true
    })
  }

  /** @param python the interpreter that has the official packages; not used for `js` */
  static start(kind: ClientKind, python: string | null): Driver {
    const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))
    const [program, args] =
      kind === 'js'
        ? [nodeExecutable(), ['--conditions=@hocket/source', here('driver-js.ts')]]
        : [python ?? 'python3', [here('driver.py'), kind === 'python' ? 'sync' : 'aio']]
    return new Driver(spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] }))
  }

  /** Whether the process has ended; it should not before it is told to. */
  get gone(): boolean {
    return this.#gone
  }

  get stderr(): string {
    return this.#stderr
  }

  send(command: DriverCommand): void {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`)
  }

  count(event: DriverEvent['event'], client?: string): number {
    return this.events.filter((e) => e.event === event && (client === undefined || e.client === client)).length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.send({ op: 'quit' })
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 2_000)
    await this.#exited
    clearTimeout(timer)
  }
}
