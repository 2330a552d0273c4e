/** REST calls with tokens of one's own making, and what `/metrics` says. */

import { signHs256 } from '@hocket/server/internal'
import type { Target } from './target.ts'

const apiVersion = 'api-version=2024-12-01'

export type Recipient = { readonly group: string } | { readonly user: string } | { readonly connection: string } | 'all'

export interface SendOptions {
  /** Default `text/plain`. */
  readonly contentType?: string
  readonly ttlSeconds?: number
}

function pathOf(to: Recipient): string {
  if (to === 'all') return ''
  if ('group' in to) return `/groups/${encodeURIComponent(to.group)}`
  if ('user' in to) return `/users/${encodeURIComponent(to.user)}`
  return `/connections/${encodeURIComponent(to.connection)}`
}

/** The REST API for one hub. */
export class Rest {
  readonly #target: Target
  readonly #hub: string
  readonly #tokens = new Map<string, string>()

  constructor(target: Target, hub: string) {
    this.#target = target
    this.#hub = hub
  }

  /** @throws Error when the answer is not 202 */
  async send(to: Recipient, data: string, options: SendOptions = {}): Promise<void> {
    const { contentType = 'text/plain', ttlSeconds } = options
    const query = ttlSeconds === undefined ? '' : `&messageTtlSeconds=${ttlSeconds}`
    const answer = await this.call('POST', `${pathOf(to)}/:send`, {
      query,
      body: data,
      headers: { 'Content-Type': contentType },
    })
    if (answer.status !== 202) throw new Error(`send to ${JSON.stringify(to)}: ${answer.status} ${answer.text}`)
  }

  async close(to: Exclude<Recipient, 'all'>, reason?: string): Promise<void> {
    const path = 'connection' in to ? pathOf(to) : `${pathOf(to)}/:closeConnections`
    const query = reason === undefined ? '' : `&reason=${encodeURIComponent(reason)}`
    const { status, text } = await this.call('connection' in to ? 'DELETE' : 'POST', path, { query })
    if (status !== 204) throw new Error(`close: ${status} ${text}`)
  }

  async exists(what: Exclude<Recipient, 'all'>): Promise<boolean> {
    const { status } = await this.call('HEAD', pathOf(what))
    if (status !== 200 && status !== 404) throw new Error(`exists: ${status}`)
    return status === 200
  }

  /** Ids of the connections in a group. */
  async members(group: string): Promise<string[]> {
    const { text } = await this.call('GET', `${pathOf({ group })}/connections`)
    return (JSON.parse(text) as { value: { connectionId: string }[] }).value.map(({ connectionId }) => connectionId)
  }

  async addToGroup(group: string, connectionId: string): Promise<number> {
    const path = `${pathOf({ group })}/connections/${encodeURIComponent(connectionId)}`
    return (await this.call('PUT', path)).status
  }

  async call(
    method: string,
    path: string,
    options: { readonly query?: string; readonly body?: string; readonly headers?: Record<string, string> } = {},
  ): Promise<{ readonly status: number; readonly text: string }> {
    const url = this.#url(path)
    const answer = await fetch(`${url}?${apiVersion}${options.query ?? ''}`, {
      method,
      headers: { Authorization: `Bearer ${this.#token(url)}`, ...options.headers },
      ...(options.body === undefined ? {} : { body: options.body }),
    })
    return { status: answer.status, text: await answer.text() }
  }

  /** A send as the bytes of an HTTP request, to be written together with others. */
  rawSend(to: Recipient, data: string): Buffer {
    const url = this.#url(`${pathOf(to)}/:send`)
    const { host, pathname } = new URL(url)
    return Buffer.from(
      `POST ${pathname}?${apiVersion} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${this.#token(url)}\r\n` +
        `Content-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(data)}\r\n\r\n${data}`,
    )
  }

  #url(path: string): string {
    return `${this.#target.endpoint}/api/hubs/${this.#hub}${path}`
  }

  #token(url: string): string {
    const known = this.#tokens.get(url)
    if (known !== undefined) return known
    const iat = Math.floor(Date.now() / 1000)
    const token = signHs256({ aud: url, iat, exp: iat + 3600 }, this.#target.accessKey)
    this.#target.secrets.add(token, 'REST token')
    this.#tokens.set(url, token)
    return token
  }
}

/** What `/metrics` says now. */
export class Metrics {
  readonly #lines: readonly string[]

  private constructor(text: string) {
    this.#lines = text.split('\n')
  }

  static async read(target: Target): Promise<Metrics> {
    const answer = await fetch(`${target.endpoint}/metrics`)
    if (answer.status !== 200) throw new Error(`/metrics answers ${answer.status}`)
    return new Metrics(await answer.text())
  }

  /** The sum of a metric's samples whose labels contain the given ones; 0 when there is none. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    let sum = 0
    for (const line of this.#lines) {
      if (!line.startsWith(name) || (line[name.length] !== ' ' && line[name.length] !== '{')) continue
      if (!Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`))) continue
      sum += Number(line.slice(line.lastIndexOf(' ')))
    }
    return sum
  }
}
