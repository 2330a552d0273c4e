/** A request target in its two parts, percent-escapes untouched. */
export interface SplitTarget {
  /** Starts with `/`. */
  readonly path: string
  /** Without the `?`; empty when there is none. */
  readonly query: string
}

/** Splits a request target. Also takes the absolute form (`http://host/path`), which a server must accept (RFC 9112, 3.2.2). */
export function splitTarget(target: string): SplitTarget {
  const origin = /^https?:\/\/[^/?#]*/i.exec(target)?.[0] ?? ''
  const fragment = target.indexOf('#')
  const rest = target.slice(origin.length, fragment < 0 ? undefined : fragment)
  const mark = rest.indexOf('?')
  const path = mark < 0 ? rest : rest.slice(0, mark)
  return { path: path === '' ? '/' : path, query: mark < 0 ? '' : rest.slice(mark + 1) }
}

/** Percent-decodes once; `+` stays a plus; `null` when an escape is malformed or the bytes are not UTF-8. */
export function percentDecode(text: string): string | null {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
