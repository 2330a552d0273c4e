/** Calls to the REST API of a server, signed with its access key. */

import { signHs256 } from '@hocket/server/internal'
import type { Server } from './connection.ts'
import { CliError, oneLine } from './io.ts'

export interface RestCall {
  readonly method: 'POST' | 'PUT' | 'DELETE' | 'HEAD' | 'GET'
  /** Percent-encoded, from `/api/` on. */
  readonly path: string
  readonly contentType?: string
  readonly body?: string | Uint8Array<ArrayBuffer>
}

const apiVersion = '2024-12-01'
const tokenTtlSeconds = 300
const timeoutMs = 30_000

/**
 * Calls an operation and waits until it is accepted.
 * @throws CliError that says what the server answered, or that there is none
 */
export async function callRest(server: Server, call: RestCall): Promise<void> {
  const url = `${server.endpoint}${call.path}`
  const token = signHs256({ aud: url, exp: Math.floor(Date.now() / 1000) + tokenTtlSeconds }, server.accessKey)
  let response: Response
  try {
    response = await fetch(`${url}?api-version=${apiVersion}`, {
      method: call.method,
      headers: {
        Authorization: `Bearer ${token}`,
        ...(call.contentType === undefined ? {} : { 'Content-Type': call.contentType }),
      },
      body: call.body ?? null,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    })
  } catch (error) {
    throw new CliError(unreachable(server.endpoint, error))
  }
  if (response.ok) return
  throw new CliError(refused(response.status, server.endpoint, await reasonOf(response)))
}

/** Why no answer came, and what to do. */
export function unreachable(endpoint: string, error: unknown): string {
  const cause = (error as { cause?: { code?: string; message?: string } }).cause
  const code = cause?.code ?? (error as { code?: string }).code
  if ((error as Error).name === 'TimeoutError') return `No answer from ${endpoint} within ${timeoutMs / 1000} seconds.`
  if (code === 'ECONNREFUSED') {
    return `No server answers at ${endpoint}. Start one with "hocket serve", or name another one with --endpoint or --connection-string.`
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `The host of ${endpoint} is not known.`
  return `The call to ${endpoint} failed: ${code ?? cause?.message ?? (error as Error).message}`
}

/** What a refusal means for somebody at a terminal. */
export function refused(status: number, endpoint: string, reason: string): string {
  const said = reason === '' ? '' : ` It says: ${oneLine(reason)}`
  if (status === 401) {
    return `The server at ${endpoint} refuses the access key or the address (401).${said} Give the connection string that the server prints with --connection-string or AZURE_WEBPUBSUB_CONNECTION_STRING; behind a proxy, the server's option publicEndpoints must name ${endpoint}.`
  }
  if (status === 404) return `${endpoint} answers, but not as a Web PubSub service (404).${said}`
  if (status === 429) return `The server is too busy now, try again (429).${said}`
  return `The server at ${endpoint} refuses (${status}).${said}`
}

async function reasonOf(response: Response): Promise<string> {
  const text = await response.text().catch(() => '')
  return messageOf(text) || (response.headers.get('x-ms-error-code') ?? '')
}

/** The message of an error body, or its first characters. */
export function messageOf(body: string): string {
  try {
    const { message } = JSON.parse(body) as { message?: unknown }
    if (typeof message === 'string') return message
  } catch {
    // Not ours: a proxy's page, perhaps.
  }
  return body.slice(0, 200)
}
