import { describe, expect, it } from 'vitest'
import { maxPermissionLiterals, maxRolePatterns, parseRoles } from './roles.ts'

const nothing = { allowAll: false, literals: new Set(), patterns: [] }

describe('parseRoles', () => {
  it('allows nothing without roles', () => {
    expect(parseRoles([])).toEqual({ sendToGroup: nothing, joinLeaveGroup: nothing, skipped: [] })
  })

  it('keeps the two permissions apart', () => {
    const parsed = parseRoles(['webpubsub.sendToGroup', 'webpubsub.joinLeaveGroup.a.b'])
    expect(parsed.sendToGroup).toEqual({ ...nothing, allowAll: true })
    expect(parsed.joinLeaveGroup).toEqual({ ...nothing, literals: new Set(['a.b']) })
  })

  it('takes what stands behind a literal role as it is, wildcards and spaces included', () => {
    const { literals } = parseRoles(['webpubsub.sendToGroup.*', 'webpubsub.sendToGroup. a']).sendToGroup
    expect(literals).toEqual(new Set(['*', ' a']))
  })

  it('sorts the roles and puts the newest pattern first', () => {
    const { patterns } = parseRoles(['webpubsub.sendToGroups.b*', 'webpubsub.sendToGroups.a*']).sendToGroup
    expect(patterns.map(({ source }) => source)).toEqual(['b*', 'a*'])
  })

  it('takes a pattern without a wildcard for a literal, and ** for every group', () => {
    const parsed = parseRoles(['webpubsub.sendToGroups.a\\*', 'webpubsub.joinLeaveGroups.**'])
    expect(parsed.sendToGroup).toEqual({ ...nothing, literals: new Set(['a*']) })
    expect(parsed.joinLeaveGroup).toEqual({ ...nothing, allowAll: true })
  })

  it('leaves out literals that a role before them covers', () => {
    const all = parseRoles(['webpubsub.sendToGroup.a', 'webpubsub.sendToGroup'])
    expect(all.sendToGroup).toEqual({ ...nothing, allowAll: true })
    const pattern = parseRoles(['webpubsub.sendToGroups.a*', 'webpubsub.sendToGroups.ab'])
    expect(pattern.sendToGroup.literals).toEqual(new Set())
  })

  it.each([
    ['webpubsub.sendtogroup'],
    [' webpubsub.sendToGroup'],
    ['webpubsub.sendToGroup '],
    ['webpubsub.sendToGroups'],
    ['webpubsub.sendToGroupX'],
    ['webpubsub.invokeEvent'],
    ['admin'],
    [''],
  ])('ignores the unknown role %j', (role) => {
    expect(parseRoles([role])).toEqual({ sendToGroup: nothing, joinLeaveGroup: nothing, skipped: [] })
  })

  it.each([
    ['webpubsub.sendToGroup.', 'its group name is blank or too long'],
    ['webpubsub.sendToGroup.  ', 'its group name is blank or too long'],
    [`webpubsub.sendToGroup.${'a'.repeat(1025)}`, 'its group name is blank or too long'],
    ['webpubsub.sendToGroups.', 'its pattern is invalid: it is empty'],
    ['webpubsub.sendToGroups.a\\', 'its pattern is invalid: it ends with a lone backslash'],
    ['webpubsub.sendToGroups.******', 'its pattern is invalid: it has 6 unescaped * characters, the limit is 5'],
  ])('skips %.40s with the reason', (role, reason) => {
    expect(parseRoles([role])).toEqual({ sendToGroup: nothing, joinLeaveGroup: nothing, skipped: [{ role, reason }] })
  })

  it('takes nine patterns per permission, counts duplicates and skips the ones that sort last', () => {
    const nine = Array.from({ length: maxRolePatterns }, (_, index) => `webpubsub.sendToGroups.a${index}*`)
    const parsed = parseRoles(['webpubsub.sendToGroups.z*', ...nine, 'webpubsub.joinLeaveGroups.z*'])
    expect(parsed.sendToGroup.patterns.map(({ source }) => source)).not.toContain('z*')
    expect(parsed.sendToGroup.patterns).toHaveLength(9)
    expect(parsed.joinLeaveGroup.patterns).toHaveLength(1)
    expect(parsed.skipped).toEqual([{ role: 'webpubsub.sendToGroups.z*', reason: 'there are more than 9 patterns' }])

    const same = Array.from({ length: maxRolePatterns }, () => 'webpubsub.sendToGroups.a*')
    expect(parseRoles([...same, 'webpubsub.sendToGroups.b*']).sendToGroup.patterns.map((p) => p.source)).toEqual(
      same.map(() => 'a*'),
    )
  })

  it('sorts as a language does: a before B, ä before z', () => {
    const eight = Array.from({ length: 8 }, (_, index) => `webpubsub.sendToGroups.a${index}*`)
    const kept = (...patterns: string[]) =>
      parseRoles([...eight, ...patterns.map((pattern) => `webpubsub.sendToGroups.${pattern}`)])
        .sendToGroup.patterns.map(({ source }) => source)
        .filter((source) => patterns.includes(source))
    expect(kept('z*', 'ä*')).toEqual(['ä*'])
    expect(kept('C*', 'b*')).toEqual(['b*'])
    expect(kept('B*', 'c*')).toEqual(['B*'])
  })

  it('takes 1,000 literals per permission, and literal patterns beyond that', () => {
    const literals = Array.from({ length: 1001 }, (_, index) => `webpubsub.sendToGroup.group${index}`)
    const parsed = parseRoles([...literals, 'webpubsub.sendToGroup.group1', 'webpubsub.sendToGroups.room'])
    expect(parsed.sendToGroup.literals.size).toBe(maxPermissionLiterals + 1)
    expect(parsed.sendToGroup.literals.has('room')).toBe(true)
    expect(parsed.skipped).toEqual([
      { role: 'webpubsub.sendToGroup.group999', reason: 'there are more than 1000 group names' },
    ])
  })
})
