/** For the tests of this package: commands in this process, and in one of their own. */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Io } from './io.ts'
import { run } from './program.ts'

export interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs a command line in this process, with nothing in its environment but `env`. */
export async function hocket(args: readonly string[], env: Io['env'] = {}, stdin = ''): Promise<Outcome> {
  const out: string[] = []
  const err: string[] = []
  const io: Io = {
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    env,
    stdin: async () => new TextEncoder().encode(stdin),
  }
  const code = await run(args, io, new AbortController().signal)
  return { code, out: out.join('\n'), err: err.join('\n') }
}

/** A command in a process of its own. */
export class HocketProcess implements AsyncDisposable {
  readonly child: ChildProcessWithoutNullStreams
  /** The exit code; `null` when a signal ended it. */
  readonly exited: Promise<number | null>
  out = ''
  err = ''

  constructor(args: readonly string[], env: Io['env'] = {}) {
    const main = fileURLToPath(new URL('main.ts', import.meta.url))
    const clean = Object.entries(process.env).filter(([name]) => !/^(HOCKET|AZURE)_/.test(name))
    this.child = spawn(process.execPath, ['--conditions=@hocket/source', main, ...args], {
      env: { ...Object.fromEntries(clean), ...env },
    })
    this.child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      this.out += chunk
    })
    this.child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.err += chunk
    })
    this.exited = new Promise((resolve) => this.child.once('close', resolve))
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL')
    await this.exited
  }
}
