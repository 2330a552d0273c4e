/** The product in a process of its own, started as a newcomer's shell would start it. */

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { until } from './wait.ts'

const repository = fileURLToPath(new URL('../../../', import.meta.url))

export interface ServerProcessOptions {
  /** Further arguments of `hocket serve`. */
  readonly args?: readonly string[]
  /** Added to this process's environment; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Default 0: a free one. */
  readonly port?: number
  /** Default 'trace': suites search the output for what must never be in it. */
  readonly logLevel?: string
  /** Milliseconds until the connection string must be printed. Default 20000. */
  readonly startTimeoutMs?: number
}

export interface ServerProcess extends AsyncDisposable {
  /** `Endpoint=http://localhost:…;AccessKey=…;Version=1.0;` as it was printed. */
  readonly connectionString: string
  /** `http://localhost:…`, without a slash at its end. */
  readonly endpoint: string
  readonly port: number
  readonly pid: number
  stdout(): string
  stderr(): string
  kill(signal?: NodeJS.Signals): void
  /** The exit code, or `null` when a signal ended it. */
  readonly exited: Promise<number | null>
}

/** A Node that can run the sources: this one, or the one that npm installed for this repository. */
export function nodeExecutable(): string {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (process.versions.bun === undefined && (major > 22 || (major === 22 && minor >= 18))) return process.execPath
  const pinned = join(repository, 'node_modules/.bin/node')
  return existsSync(pinned) ? pinned : process.execPath
}

/**
 * Starts `hocket serve` from source and waits until it printed its connection string.
 * @throws Error with the whole output when it exits, or prints nothing in time.
 */
export async function startServerProcess(options: ServerProcessOptions = {}): Promise<ServerProcess> {
  const child = spawn(
    nodeExecutable(),
    [
      '--conditions=@hocket/source',
      join(repository, 'packages/cli/src/main.ts'),
      'serve',
      ...['--port', String(options.port ?? 0)],
      ...['--log-level', options.logLevel ?? 'trace'],
      ...(options.args ?? []),
    ],
    { cwd: repository, env: { ...process.env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const out = collect(child.stdout)
  const err = collect(child.stderr)
  const exited = exitOf(child)
  let gone = false
  exited.then(() => {
    gone = true
  })
  const stop = async () => {
    if (!gone) child.kill('SIGKILL')
    await exited
  }

  let connectionString: string
  try {
    connectionString = await until(
      () => {
        if (gone) return 'gone'
        return /Endpoint=[^;\s]+;[^\s"']*AccessKey=[^;\s"']+;[^\s"']*/.exec(out())?.[0]
      },
      { what: 'the server prints its connection string', timeoutMs: options.startTimeoutMs ?? 20_000 },
    )
    if (connectionString === 'gone') throw new Error(`the server exited with code ${await exited}`)
  } catch (error) {
    await stop()
    throw new Error(`The server did not start.\n--- stdout\n${out()}\n--- stderr\n${err()}`, { cause: error })
  }
  const endpoint = /Endpoint=([^;]+)/.exec(connectionString)![1]!.replace(/\/$/, '')
  return {
    connectionString,
    endpoint,
    port: Number(new URL(endpoint).port),
    pid: child.pid!,
    stdout: out,
    stderr: err,
    kill: (signal = 'SIGTERM') => {
      if (!gone) child.kill(signal)
    },
    exited,
    [Symbol.asyncDispose]: stop,
  }
}

function collect(stream: Readable): () => string {
  const chunks: string[] = []
  stream.setEncoding('utf8')
  stream.on('data', (chunk: string) => chunks.push(chunk))
  return () => {
    if (chunks.length > 1) chunks.splice(0, chunks.length, chunks.join(''))
    return chunks[0] ?? ''
  }
}

function exitOf(child: ChildProcessByStdio<null, Readable, Readable>): Promise<number | null> {
  return new Promise((resolve) => {
    // A program that cannot be started emits 'error' and, on some platforms, no 'close'.
    child.once('error', () => resolve(null))
    child.once('close', (code) => resolve(code))
  })
}
