import { printable } from '../log.ts'
import { percentDecode } from './target.ts'

/**
 * Compares the audience of a token with a request. Scheme and query are not compared (a token is good for every page of
 * its path), host and port are, and so is the path: segment by segment, after percent-decoding each side once, because
 * clients sign another spelling than they send (Python aio). `%2F` therefore never equals a `/` that separates segments,
 * and neither a parent nor a child of the path matches: a token made for one narrow call must not open a wider one.
 */

/** A place under which this server can be addressed. */
export interface Origin {
  /** As configured or received, without a trailing slash: `https://example.com/prefix`. */
  readonly url: string
  /** Lower case; the port only where it is not the scheme's default. */
  readonly host: string
  /** Decoded path segments in front of `/api` and `/client`. */
  readonly prefix: readonly string[]
}

/** What a request wants an audience to name. */
export interface ExpectedAudience {
  readonly origins: readonly Origin[]
  /** Path below the origin as an operator should read it. */
  readonly path: string
  matches(segments: readonly string[], query: string): boolean
}

const defaultPorts: Readonly<Record<string, string>> = { http: '80', ws: '80', https: '443', wss: '443' }

/** Reads an endpoint such as `https://example.com/prefix`; `null` when it is none. */
export function parseOrigin(endpoint: string): Origin | null {
  const parsed = parseUrl(endpoint)
  if (parsed === null) return null
  return {
    url: endpoint.replace(/[?#].*$/s, '').replace(/\/+$/, ''),
    host: parsed.host,
    prefix: parsed.segments.filter((segment) => segment !== '').map((segment) => percentDecode(segment) ?? segment),
  }
}

/**
 * Where a request may have been sent: the public endpoints alone once any is configured; else what the server listens
 * on, and what the `Host` header says.
 */
export function originsOf(
  publicEndpoints: readonly string[],
  listening: readonly string[],
  host: string | null,
): readonly Origin[] {
  if (publicEndpoints.length > 0) return parseAll(publicEndpoints)
  // The scheme in front of a proxy is unknown, so a spelled-out default port of either scheme counts as none.
  const received = host === null || /[/?#\\]/.test(host) ? [] : [`http://${host}`, `https://${host}`]
  const origins = parseAll([...listening, ...received])
  return origins.filter((origin, i) => origins.findIndex((other) => other.host === origin.host) === i)
}

/** Expects the path of a REST call, as it was sent. */
export function restAudience(origins: readonly Origin[], path: string): ExpectedAudience {
  const expected = withoutLeadingEmpty(splitPath(path))
  return {
    origins,
    path,
    matches: (segments) =>
      segments.length === expected.length && segments.every((segment, i) => isSame(segment, expected[i]!)),
  }
}

/**
 * Expects the URL of a client of `hub`. Hubs have no case, and the SDKs differ in whether they escape or lower-case it.
 * `isQueryForm`: the client used `/client?hub=…`, so that the audience may be spelled like that too.
 */
export function clientAudience(origins: readonly Origin[], hub: string, isQueryForm: boolean): ExpectedAudience {
  const expected = ['client', 'hubs', hub]
  return {
    origins,
    path: `/client/hubs/${hub}`,
    matches: (segments, query) =>
      isQueryForm && segments.length === 1
        ? isSame(segments[0]!, 'client', true) && isHubQuery(query, hub)
        : segments.length === expected.length && segments.every((segment, i) => isSame(segment, expected[i]!, true)),
  }
}

/** Whether any of a token's audiences (the claim `aud`: a string or an array of strings) is what the request expects. */
export function matchesAudience(audience: unknown, expected: ExpectedAudience): boolean {
  return listAudiences(audience).some((text) => {
    const found = parseUrl(text)
    if (found === null) return false
    return expected.origins.some((origin) => {
      if (origin.host !== found.host) return false
      if (!origin.prefix.every((segment, i) => isSame(found.segments[i] ?? '', segment, true, true))) return false
      // An endpoint written with a trailing slash gives `prefix//api` in some SDKs (Java).
      const below = withoutLeadingEmpty(found.segments.slice(origin.prefix.length))
      return expected.matches(below, found.query)
    })
  })
}

/** The audiences of a token, which are its claim `aud`. Anything but strings is left out. */
export function listAudiences(audience: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(audience) ? audience : [audience]
  return list.filter((item) => typeof item === 'string')
}

/** Both sides of a mismatch, safe for a log line: queries are cut off, control characters escaped. */
export class AudienceMismatch {
  readonly expected: readonly string[]
  readonly found: readonly string[]

  constructor(audience: unknown, expected: ExpectedAudience) {
    const spellings = expected.origins.map((origin) => printable(`${origin.url}${expected.path}`, 512))
    this.expected = [...new Set(spellings)].slice(0, 10)
    this.found = listAudiences(audience)
      .slice(0, 10)
      .map((text) => printable(text.replace(/[?#].*$/s, ''), 512))
  }
}

interface ParsedUrl {
  readonly host: string
  /** Path segments as they were written; the slash at the end is ignored. */
  readonly segments: readonly string[]
  readonly query: string
}

/** Hand-made because `URL` rewrites what it reads: dots, escapes and spaces would compare equal that are not. */
function parseUrl(text: string): ParsedUrl | null {
  const parts = /^(https?|wss?):\/\/([^/?#\\]+)([^?#]*)(?:\?([^#]*))?/i.exec(text)
  if (parts === null) return null
  const [, scheme, authority, path, query] = parts
  const address = /^(\[[0-9a-f:.]+\]|[^@:[\]\s]+)(?::(\d{1,5}))?$/i.exec(authority!)
  if (address === null) return null
  const [, name, port] = address
  const isDefault = port === undefined || Number(port) === Number(defaultPorts[scheme!.toLowerCase()])
  const host = isDefault ? name!.toLowerCase() : `${name!.toLowerCase()}:${Number(port)}`
  return { host, segments: splitPath(path!), query: query ?? '' }
}

function splitPath(path: string): string[] {
  const trimmed = path.replace(/^\//, '').replace(/\/$/, '')
  return trimmed === '' ? [] : trimmed.split('/')
}

function withoutLeadingEmpty(segments: readonly string[]): readonly string[] {
  const first = segments.findIndex((segment) => segment !== '')
  return first <= 0 ? segments : segments.slice(first)
}

function parseAll(endpoints: readonly string[]): Origin[] {
  return endpoints.map(parseOrigin).filter((origin) => origin !== null)
}

function isSame(found: string, expected: string, ignoreCase = false, isDecoded = false): boolean {
  if (found === expected) return true
  const left = percentDecode(found)
  const right = isDecoded ? expected : percentDecode(expected)
  if (left === null || right === null) return ignoreCase && found.toLowerCase() === expected.toLowerCase()
  return ignoreCase ? left.toLowerCase() === right.toLowerCase() : left === right
}

function isHubQuery(query: string, hub: string): boolean {
  const found = new URLSearchParams(query).getAll('hub')
  return found.length === 1 && isSame(found[0]!, hub, true, false)
}
