import { percentDecode } from '../auth/target.ts'
import type { Operation } from './operation.ts'

/** What a request's method and path mean. The values are still as they were sent. */
export type Route =
  | { readonly found: true; readonly operation: Operation; readonly values: Readonly<Record<string, string>> }
  | {
      readonly found: false /** Methods that the path has; empty: there is no such path. */
      readonly allowed: string[]
    }

interface Pattern {
  readonly operation: Operation
  /** A literal, or the name of a value. */
  readonly parts: readonly ({ readonly literal: string } | { readonly name: string })[]
}

/**
 * Finds operations by the segments of an undecoded path, so that an escaped slash never separates anything. A slash at
 * the end is ignored, unless an operation with an empty name at the end would fit: `…/users/u/groups/` is the group
 * without a name, which is refused, and not every group of the user.
 */
export class Routes {
  readonly #patterns: readonly Pattern[]

  constructor(operations: readonly Operation[]) {
    this.#patterns = operations.map((operation) => ({ operation, parts: split(operation.path).map(readPart) }))
  }

  find(method: string, path: string): Route {
    const segments = split(path)
    const candidates = [segments]
    if (segments.at(-1) === '') candidates.push(segments.slice(0, -1))
    const allowed = new Set<string>()
    for (const candidate of candidates) {
      for (const { operation, parts } of this.#patterns) {
        const values = match(parts, candidate)
        if (values === null) continue
        if (operation.method === method) return { found: true, operation, values }
        allowed.add(operation.method)
      }
    }
    return { found: false, allowed: [...allowed].sort() }
  }
}

/** Segments behind the first slash; more slashes in front of it come from endpoints that end with one (Java). */
const split = (path: string) => path.replace(/^\/+/, '').split('/')

function readPart(part: string): Pattern['parts'][number] {
  return part.startsWith('{') ? { name: part.slice(1, -1) } : { literal: part }
}

function match(parts: Pattern['parts'], segments: readonly string[]): Record<string, string> | null {
  if (parts.length !== segments.length) return null
  const values: Record<string, string> = {}
  for (const [i, part] of parts.entries()) {
    const segment = segments[i]!
    if ('name' in part) values[part.name] = segment
    else if (part.literal !== segment && part.literal !== percentDecode(segment)) return null
  }
  return values
}
