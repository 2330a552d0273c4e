/** The server that a suite talks to: a process of its own, or the one that HOCKET_CONNECTION_STRING names. */

import { randomBytes } from 'node:crypto'
import { type ServerProcess, startServerProcess } from '@hocket/testkit/server'
import { within } from '@hocket/testkit/wait'
import { afterAll, beforeAll, expect } from 'vitest'
import { developmentKey } from './development-key.ts'
import { Secrets } from './secrets.ts'

const external = process.env.HOCKET_CONNECTION_STRING || undefined

/** Whether HOCKET_CONNECTION_STRING names the server; then nothing can be said about its process or its options. */
export const isExternal = external !== undefined

export interface Target {
  readonly connectionString: string
  /** Without a slash at its end. */
  readonly endpoint: string
  readonly accessKey: string
  readonly secrets: Secrets
}

export interface StartOptions {
  readonly args?: readonly string[]
  /** Default: a fresh random one. `null` leaves the development key in place. */
  readonly accessKey?: string | null
  readonly secondaryKey?: string
  readonly port?: number
  readonly secrets?: Secrets
}

/** A server process that must exit with code 0 on SIGTERM, and whose output must be free of secrets. */
export class OwnServer implements Target, AsyncDisposable {
  readonly secrets: Secrets
  readonly process: ServerProcess
  readonly connectionString: string
  readonly endpoint: string
  readonly accessKey: string
  /** Where it listens; its endpoint may be another one, in front of it. */
  readonly port: number
  #stopped = false

  private constructor(process: ServerProcess, accessKey: string, secrets: Secrets) {
    this.process = process
    this.secrets = secrets
    this.endpoint = process.endpoint
    this.accessKey = accessKey
    // A key of one's own is not printed: the printed string has a placeholder in its place.
    this.connectionString = process.connectionString.replace(/AccessKey=[^;]*/, `AccessKey=${accessKey}`)
    this.port = Number(/listens on .*?(\d+)$/m.exec(process.stdout())![1])
    secrets.add(accessKey, 'access key')
  }

  static async start(options: StartOptions = {}): Promise<OwnServer> {
    const key = options.accessKey === undefined ? randomBytes(32).toString('base64') : options.accessKey
    const secrets = options.secrets ?? new Secrets()
    secrets.add(options.secondaryKey, 'secondary access key')
    const process = await startServerProcess({
      args: options.args ?? [],
      env: { HOCKET_ACCESS_KEY: key ?? undefined, HOCKET_ACCESS_KEY_SECONDARY: options.secondaryKey },
      ...(options.port === undefined ? {} : { port: options.port }),
    })
    try {
      return new OwnServer(process, key ?? developmentKey, secrets)
    } catch (error) {
      await process[Symbol.asyncDispose]()
      throw error
    }
  }

  /** SIGTERM, then the checks of exit code and output. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    this.process.kill('SIGTERM')
    const code = await within(this.process.exited, { what: 'the server exits on SIGTERM', timeoutMs: 12_000 })
    expect(this.secrets.leaksIn(this.process.stderr()), 'secrets in the log').toEqual([])
    expect(this.secrets.leaksIn(this.#unexpectedStdout()), 'secrets on stdout').toEqual([])
    expect(code, `exit code after SIGTERM\n${this.process.stderr().slice(-4000)}`).toBe(0)
  }

  /** The connection string with the development key, which is public, is printed on purpose, on stdout only. */
  #unexpectedStdout(): string {
    const stdout = this.process.stdout()
    return this.accessKey === developmentKey ? stdout.replaceAll(this.connectionString, '') : stdout
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.stop()
    } finally {
      await this.process[Symbol.asyncDispose]()
    }
  }
}

/** One server for all tests of a file: call it at the top level, or inside a `describe`. */
export function useServer(options: StartOptions = {}): Target {
  const secrets = new Secrets()
  let target: Target | undefined
  beforeAll(async () => {
    if (external === undefined) {
      target = await OwnServer.start({ ...options, secrets })
      return
    }
    const endpoint = /Endpoint=([^;]+)/i.exec(external)![1]!.replace(/\/$/, '')
    target = { connectionString: external, endpoint, accessKey: accessKeyOf(external), secrets }
  })
  afterAll(async () => {
    if (target instanceof OwnServer) await target[Symbol.asyncDispose]()
  })
  const running = () => target ?? raise('the server is not running yet: use it inside a test or a hook')
  return {
    secrets,
    get connectionString() {
      return running().connectionString
    },
    get endpoint() {
      return running().endpoint
    },
    get accessKey() {
      return running().accessKey
    },
  }
}

function accessKeyOf(connectionString: string): string {
  return /AccessKey=([^;]+)/i.exec(connectionString)![1]!
}

function raise(message: string): never {
  throw new Error(message)
}
