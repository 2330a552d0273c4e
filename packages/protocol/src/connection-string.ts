import { errors } from './errors.ts'

export interface ConnectionString {
  /** Scheme, host, port and path prefix; no slash at the end. */
  readonly endpoint: string
  readonly accessKey: string
}

/**
 * Reads `Endpoint=…;AccessKey=…;Port=…;Version=1.0;`. Names have no case, a value may contain `=`, unknown names are
 * ignored, and `Port` replaces the port of `Endpoint`. The error never shows the key.
 * @throws HocketError `invalidConnectionString`
 */
export function parseConnectionString(text: string): ConnectionString {
  const values = new Map<string, string>()
  for (const segment of text.split(';')) {
    if (segment.trim() === '') continue
    const equals = segment.indexOf('=')
    if (equals < 0) throw invalid(`a part of ${segment.trim().length} characters has no '='. Parts are 'Name=value', separated by ';'`)
    values.set(segment.slice(0, equals).trim().toLowerCase(), segment.slice(equals + 1).trim())
  }
  const endpoint = values.get('endpoint')
  const accessKey = values.get('accesskey')
  if (!endpoint) throw invalid("'Endpoint' is missing")
  if (!accessKey) throw invalid("'AccessKey' is missing")
  return { endpoint: readEndpoint(endpoint, values.get('port')), accessKey }
}

/** What every official SDK reads. */
export function formatConnectionString({ endpoint, accessKey }: ConnectionString): string {
  return `Endpoint=${endpoint};AccessKey=${accessKey};Version=1.0;`
}

function readEndpoint(endpoint: string, port: string | undefined): string {
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(endpoint) ? endpoint : `https://${endpoint}`
  if (!URL.canParse(withScheme)) throw invalid("'Endpoint' is no URL")
  const url = new URL(withScheme)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw invalid("'Endpoint' must start with http:// or https://")
  if (port !== undefined) {
    if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) throw invalid("'Port' must be from 1 to 65535")
    url.port = port
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '')
}

function invalid(reason: string) {
  return errors.invalidConnectionString({ reason })
}
