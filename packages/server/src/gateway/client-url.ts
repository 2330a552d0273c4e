/** Where a client wants to go, read from the request target of its handshake. */
export interface ClientUrl {
  /** The hub as it stands in the URL; `null` when there is none. */
  readonly hub: string | null
  readonly query: URLSearchParams
}

/**
 * Reads `/client/hubs/{hub}` and `/client/?hub={hub}`, with or without the path prefix of a public endpoint in front.
 * @returns `null` for any other path
 */
export function parseClientUrl(target: string, prefixes: readonly string[]): ClientUrl | null {
  const mark = target.indexOf('?')
  const query = new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1))
  const path = stripPrefix(mark < 0 ? target : target.slice(0, mark), prefixes)
  if (path === '/client' || path === '/client/') return { hub: query.getAll('hub').at(-1) ?? null, query }
  const match = /^\/client\/hubs\/([^/]*)\/?$/.exec(path)
  if (match === null) return null
  try {
    return { hub: decodeURIComponent(match[1]!), query }
  } catch {
    return { hub: '', query } // malformed escapes are no hub name
  }
}

/** Takes the path prefix of a public endpoint away, which a reverse proxy may have left in front. */
export function stripPrefix(path: string, prefixes: readonly string[]): string {
  for (const prefix of prefixes) if (path.startsWith(`${prefix}/`)) return path.slice(prefix.length)
  return path
}

/** The path prefixes of the public endpoints that have one: `/hocket` of `https://example.com/hocket/`. */
export function pathPrefixes(publicEndpoints: readonly string[]): string[] {
  return publicEndpoints.map((endpoint) => new URL(endpoint).pathname.replace(/\/+$/, '')).filter((path) => path !== '')
}

/** The last value of a query parameter whose name is matched without regard to case; `null` when absent or empty. */
export function lastOf(query: URLSearchParams, name: string): string | null {
  let found: string | null = null
  for (const [key, value] of query) if (key.toLowerCase() === name) found = value
  return found === '' ? null : found
}
