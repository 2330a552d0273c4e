import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Permission } from './message.ts'
import { Permissions } from './permissions.ts'

/** The algorithm as the service describes it: a default, patterns, and one map of rules by name. */
class Model {
  readonly #allowAll: boolean
  readonly #patterns: RegExp[] = []
  readonly #rules = new Map<string, boolean>()

  constructor(roles: readonly string[], permission: Permission) {
    const name = `webpubsub.${permission}`
    this.#allowAll = roles.includes(name)
    for (const role of roles.filter((role) => role.startsWith(`${name}.`))) {
      this.change(role.slice(name.length + 1), true, Number.POSITIVE_INFINITY)
    }
    for (const role of roles.filter((role) => role.startsWith(`${name}s.`))) {
      const pattern = role
        .slice(name.length + 2)
        .replaceAll('.', '\\.')
        .replaceAll('*', '[^.]*')
      this.#patterns.push(new RegExp(`^${pattern}$`))
    }
  }

  #default(group: string): boolean {
    return this.#allowAll || this.#patterns.some((pattern) => pattern.test(group))
  }

  check(group: string): boolean {
    return this.#rules.get(group) ?? this.#default(group)
  }

  change(group: string, allowed: boolean, limit: number): 'done' | 'full' {
    const rule = this.#rules.get(group)
    if (rule === allowed) return 'done'
    if (rule === !allowed) this.#rules.delete(group)
    else if (this.#default(group) !== allowed) {
      if (this.#rules.size >= limit) return 'full'
      this.#rules.set(group, allowed)
    }
    return 'done'
  }
}

const permission = fc.constantFrom<Permission>('sendToGroup', 'joinLeaveGroup')
const group = fc.constantFrom('a', 'ab', 'abc', 'b', 'b.c', 'x', '')
const role = fc.oneof(
  permission.map((name) => `webpubsub.${name}`),
  fc.tuple(permission, fc.constantFrom('a', 'ab', 'b.c', 'x')).map(([name, own]) => `webpubsub.${name}.${own}`),
  fc.tuple(permission, fc.constantFrom('a*', 'b*', '*c', '*.*')).map(([name, own]) => `webpubsub.${name}s.${own}`),
)
const steps = fc.array(
  fc.record({ permission, group, action: fc.constantFrom('grant' as const, 'revoke' as const, 'check' as const) }),
  { maxLength: 60 },
)

describe('Permissions', () => {
  it('agree with a naive model over grants, revocations and checks', () => {
    fc.assert(
      fc.property(fc.array(role, { maxLength: 6 }), fc.nat(3), steps, (roles, room, actions) => {
        // Fill up with other groups, so that the limit is near.
        const send = roles.includes('webpubsub.sendToGroup') ? 'revoke' : 'grant'
        const models = {
          sendToGroup: new Model(roles, 'sendToGroup'),
          joinLeaveGroup: new Model(roles, 'joinLeaveGroup'),
        }
        const permissions = new Permissions(roles)
        for (let index = 0; index < 1000 - room; index++) {
          const result = models.sendToGroup.change(`fill${index}`, send === 'grant', 1000)
          expect(permissions[send]('sendToGroup', `fill${index}`)).toBe(result)
        }
        for (const step of actions) {
          const model = models[step.permission]
          if (step.action !== 'check') {
            const result = model.change(step.group, step.action === 'grant', 1000)
            expect(permissions[step.action](step.permission, step.group)).toBe(result)
          }
          expect(permissions.check(step.permission, step.group)).toBe(model.check(step.group))
        }
      }),
      { numRuns: 500 },
    )
  })
})
