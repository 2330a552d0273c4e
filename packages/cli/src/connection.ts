/** Which server a command talks to. */

import { parseConnectionString } from '@hocket/protocol/connection-string'
import { developmentKey } from '@hocket/server/internal'
import { CliError, type Io, oneLine } from './io.ts'

export interface ServerOptions {
  readonly connectionString?: string
  /** Replaces the endpoint of the connection string. */
  readonly endpoint?: string
}

export interface Server {
  /** Without a slash at its end. */
  readonly endpoint: string
  readonly accessKey: string
}

/**
 * The server that the flags name, else the one of AZURE_WEBPUBSUB_CONNECTION_STRING, else local development.
 * @throws HocketError `invalidConnectionString`; CliError for an endpoint that is none
 */
export function resolveServer(options: ServerOptions, env: Io['env']): Server {
  const text = options.connectionString ?? (env.AZURE_WEBPUBSUB_CONNECTION_STRING || null)
  const { endpoint, accessKey } =
    text === null ? { endpoint: 'http://localhost:8080', accessKey: developmentKey } : parseConnectionString(text)
  return { endpoint: withoutSlash(checked(options.endpoint ?? endpoint)), accessKey }
}

function checked(endpoint: string): string {
  if (/^https?:\/\/[^/?#]/i.test(endpoint) && URL.canParse(endpoint) && !/[?#]/.test(endpoint)) return endpoint
  throw new CliError(`'${oneLine(endpoint)}' is not an endpoint such as http://localhost:8080`, 2)
}

const withoutSlash = (endpoint: string) => endpoint.replace(/\/+$/, '')
