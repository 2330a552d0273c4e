import type { Permission } from './message.ts'
import { isGroupName } from './names.ts'
import { compilePattern, type Pattern } from './pattern.ts'

/** Most pattern rules a token can give for one permission, duplicates counted; the default is the service's tenth. */
export const maxRolePatterns = 9

/** Most literal rules for one permission of one connection, those of the token and those set at run time together. */
export const maxPermissionLiterals = 1000

/** What the roles of a token say about one permission. Immutable; connections with the same roles share it. */
export interface PermissionRules {
  /** Whether groups that no rule names are allowed. */
  readonly allowAll: boolean
  /** Groups allowed by name. Groups that a role before them in the order covers are left out. */
  readonly literals: ReadonlySet<string>
  /** Groups allowed by pattern, newest rule first. */
  readonly patterns: readonly Pattern[]
}

export interface SkippedRole {
  readonly role: string
  /** Why it grants nothing, as the second half of a sentence about it. */
  readonly reason: string
}

export interface ParsedRoles extends Readonly<Record<Permission, PermissionRules>> {
  /** Invalid and surplus group roles, for the log: they are no error. Roles of others are not mentioned. */
  readonly skipped: readonly SkippedRole[]
}

// Which of too many rules count depends on the order, and the service sorts by the rules of a language, where a comes
// before B and ä before z.
const { compare } = new Intl.Collator('en')

/**
 * Reads the roles of a client token or of a connect event's answer.
 *
 * `webpubsub.sendToGroup` allows every group, `webpubsub.sendToGroup.<group>` one (dots belong to the name),
 * `webpubsub.sendToGroups.<pattern>` those that match; the same with `joinLeaveGroup`. Roles are case-sensitive and not
 * trimmed; they are sorted first. A pattern without a wildcard is a literal that takes no place within the limits, `**`
 * is the same as the role without a group. Never throws.
 */
export function parseRoles(roles: readonly string[]): ParsedRoles {
  const sorted = roles.toSorted(compare)
  const skipped: SkippedRole[] = []
  return {
    sendToGroup: rulesOf('webpubsub.sendToGroup', sorted, skipped),
    joinLeaveGroup: rulesOf('webpubsub.joinLeaveGroup', sorted, skipped),
    skipped,
  }
}

function rulesOf(name: string, sorted: readonly string[], skipped: SkippedRole[]): PermissionRules {
  let allowAll = false
  const literals = new Set<string>()
  const patterns: Pattern[] = []
  const literalPrefix = `${name}.`
  const patternPrefix = `${name}s.`
  const covered = (group: string) => allowAll || literals.has(group) || patterns.some((rule) => rule.matches(group))

  for (const role of sorted) {
    if (role === name) {
      allowAll = true
    } else if (role.startsWith(literalPrefix)) {
      const group = role.slice(literalPrefix.length)
      if (!isGroupName(group)) skipped.push({ role, reason: 'its group name is blank or too long' })
      else if (covered(group)) continue
      else if (literals.size < maxPermissionLiterals) literals.add(group)
      else skipped.push({ role, reason: `there are more than ${maxPermissionLiterals} group names` })
    } else if (role.startsWith(patternPrefix)) {
      const pattern = compilePattern(role.slice(patternPrefix.length))
      switch (pattern.kind) {
        case 'invalid':
          skipped.push({ role, reason: `its pattern is invalid: ${pattern.reason}` })
          break
        case 'any':
          allowAll = true
          break
        case 'literal':
          if (!covered(pattern.text)) literals.add(pattern.text)
          break
        case 'pattern':
          if (patterns.length < maxRolePatterns) patterns.unshift(pattern)
          else skipped.push({ role, reason: `there are more than ${maxRolePatterns} patterns` })
          break
        default:
          pattern satisfies never
      }
    }
  }
  return { allowAll, literals, patterns }
}
