/** Nearest names, for whoever mistyped one. */

/** The known name that is closest to `name`, or `null` when none is close. Case, `-` and `_` do not count as mistakes. */
export function nearest(name: string, known: Iterable<string>): string | null {
  const wanted = fold(name)
  let best: string | null = null
  let least = Math.max(2, Math.floor(wanted.length / 3)) + 1
  for (const candidate of known) {
    const edits = distance(wanted, fold(candidate))
    if (edits < least) {
      least = edits
      best = candidate
    }
  }
  return best
}

/** `unknown option 'prot', did you mean 'port'?` */
export function unknownName(what: string, name: string, known: Iterable<string>): string {
  const names = [...known]
  const close = nearest(name, names)
  if (close !== null) return `unknown ${what} '${name}', did you mean '${close}'?`
  return names.length > 12 ? `unknown ${what} '${name}'` : `unknown ${what} '${name}', known are ${names.join(', ')}`
}

function fold(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '').slice(0, 80)
}

/** Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`. */
function distance(a: string, b: string): number {
  let beforePrevious: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      let edits = Math.min(previous[j]! + 1, row[j - 1]! + 1, replaced)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        edits = Math.min(edits, beforePrevious[j - 2]! + 1)
      }
      row.push(edits)
    }
    beforePrevious = previous
    previous = row
  }
  return previous[b.length]!
}
