import { LruCache } from './lru.ts'
import type { Permission } from './message.ts'
import { maxPermissionLiterals, type ParsedRoles, type PermissionRules, parseRoles, type SkippedRole } from './roles.ts'

// Connections of one application mostly carry a few sets of roles; those share their rules.
const maxSharedRules = 256
const maxSharedRoleChars = 1_048_576

const shared = new LruCache<ParsedRoles>(maxSharedRules, maxSharedRoleChars)

function sharedRules(roles: readonly string[]): ParsedRoles {
  const key = JSON.stringify(roles)
  let rules = shared.get(key)
  if (rules === undefined) {
    rules = parseRoles(roles)
    shared.set(key, rules)
  }
  return rules
}

/** `full`: one more literal rule than the limit would be needed, and nothing changed. */
export type PermissionChange = 'done' | 'full'

/**
 * What one connection may do in which group: the rules of its roles, and what was granted and revoked since.
 *
 * A group's own rule decides if there is one, else the first pattern that matches, else the default.
 */
export class Permissions {
  readonly #rules: ParsedRoles
  // Most connections never see a change, so these do not exist before there is one.
  #sendToGroup: Overrides | null = null
  #joinLeaveGroup: Overrides | null = null

  /** @param roles Roles of the client token, or those that the connect event's answer replaced them with. */
  constructor(roles: readonly string[]) {
    this.#rules = sharedRules(roles)
  }

  /** Roles that grant nothing because they are invalid or surplus. */
  get skipped(): readonly SkippedRole[] {
    return this.#rules.skipped
  }

  check(permission: Permission, group: string): boolean {
    return this.#overrides(permission)?.check(group) ?? allows(this.#rules[permission], group)
  }

  /** Allows a group by its exact name. */
  grant(permission: Permission, group: string): PermissionChange {
    return this.#change(permission, group, true)
  }

  /**
   * Takes away what was granted to a group by its exact name, or denies the group if it was not granted by name. As in
   * the service, a group that a pattern or a role for all groups allows as well stays allowed after the first of these
   * and is denied by the next revoke. Memberships stay.
   */
  revoke(permission: Permission, group: string): PermissionChange {
    return this.#change(permission, group, false)
  }

  #change(permission: Permission, group: string, allowed: boolean): PermissionChange {
    const overrides = this.#overrides(permission)
    if (overrides !== null) return overrides.change(group, allowed)
    const rules = this.#rules[permission]
    // A change that changes nothing needs no overrides either.
    if (allows(rules, group) === allowed) return 'done'
    const fresh = new Overrides(rules)
    const result = fresh.change(group, allowed)
    if (result === 'done') {
      if (permission === 'sendToGroup') this.#sendToGroup = fresh
      else this.#joinLeaveGroup = fresh
    }
    return result
  }

  #overrides(permission: Permission): Overrides | null {
    return permission === 'sendToGroup' ? this.#sendToGroup : this.#joinLeaveGroup
  }
}

function allows(rules: PermissionRules, group: string): boolean {
  return rules.literals.has(group) || allowsWithoutLiterals(rules, group)
}

function allowsWithoutLiterals(rules: PermissionRules, group: string): boolean {
  if (rules.allowAll) return true
  for (const pattern of rules.patterns) if (pattern.matches(group)) return true
  return false
}

/** Literal rules of one permission, as differences from the shared ones. */
class Overrides {
  readonly #rules: PermissionRules
  /** Own rules by group; `null` says that the group's shared literal rule is gone. */
  readonly #changed = new Map<string, boolean | null>()
  /** Literal rules in force: the shared ones that are left, and the own ones. */
  #count: number

  constructor(rules: PermissionRules) {
    this.#rules = rules
    this.#count = rules.literals.size
  }

  check(group: string): boolean {
    return this.#literal(group) ?? allowsWithoutLiterals(this.#rules, group)
  }

  change(group: string, allowed: boolean): PermissionChange {
    const literal = this.#literal(group)
    if (literal === allowed) return 'done'
    if (literal !== null) {
      this.#set(group, null)
      this.#count--
      return 'done'
    }
    if (allowsWithoutLiterals(this.#rules, group) === allowed) return 'done'
    if (this.#count >= maxPermissionLiterals) return 'full'
    this.#set(group, allowed)
    this.#count++
    return 'done'
  }

  #literal(group: string): boolean | null {
    const changed = this.#changed.get(group)
    if (changed !== undefined) return changed
    return this.#rules.literals.has(group) ? true : null
  }

  #set(group: string, rule: boolean | null): void {
    const before = this.#rules.literals.has(group) ? true : null
    if (rule === before) this.#changed.delete(group)
    else this.#changed.set(group, rule)
  }
}
