import { describe, expect, it } from 'vitest'
import { Permissions } from './permissions.ts'
import { maxPermissionLiterals } from './roles.ts'

describe('Permissions', () => {
  it('denies everything without roles', () => {
    const permissions = new Permissions([])
    expect(permissions.check('sendToGroup', 'a')).toBe(false)
    expect(permissions.check('joinLeaveGroup', 'a')).toBe(false)
  })

  it.each([
    ['webpubsub.sendToGroup', 'any.group', true],
    ['webpubsub.sendToGroup.room', 'room', true],
    ['webpubsub.sendToGroup.room', 'Room', false],
    ['webpubsub.sendToGroup.*', '*', true],
    ['webpubsub.sendToGroup.*', 'room', false],
    ['webpubsub.sendToGroups.client-*', 'client-device', true],
    ['webpubsub.sendToGroups.client-*', 'client-device.child', false],
    ['webpubsub.sendToGroups.client-**', 'client-device.child', true],
    ['webpubsub.sendToGroups.literal-\\*', 'literal-*', true],
    ['webpubsub.sendToGroups.invalid-\\a', 'invalid-a', false],
    ['webpubsub.sendToGroups.******', 'anything', false],
  ])('%s on %s is %s, and says nothing about joining', (role, group, expected) => {
    const permissions = new Permissions([role])
    expect(permissions.check('sendToGroup', group)).toBe(expected)
    expect(permissions.check('joinLeaveGroup', group)).toBe(false)
  })

  it('grants and revokes one group of one permission', () => {
    const permissions = new Permissions([])
    expect(permissions.grant('joinLeaveGroup', 'room')).toBe('done')
    expect(permissions.check('joinLeaveGroup', 'room')).toBe(true)
    expect(permissions.check('joinLeaveGroup', 'room2')).toBe(false)
    expect(permissions.check('sendToGroup', 'room')).toBe(false)
    expect(permissions.revoke('joinLeaveGroup', 'room')).toBe('done')
    expect(permissions.check('joinLeaveGroup', 'room')).toBe(false)
  })

  it('does not change other connections with the same roles', () => {
    const roles = ['webpubsub.sendToGroup.room']
    const [one, other] = [new Permissions(roles), new Permissions([...roles])]
    one.revoke('sendToGroup', 'room')
    one.grant('sendToGroup', 'other')
    expect(one.check('sendToGroup', 'room')).toBe(false)
    expect(other.check('sendToGroup', 'room')).toBe(true)
    expect(other.check('sendToGroup', 'other')).toBe(false)
  })

  it('denies a revoked group under the role for all groups until it is granted again', () => {
    const permissions = new Permissions(['webpubsub.sendToGroup'])
    permissions.revoke('sendToGroup', 'room')
    expect(permissions.check('sendToGroup', 'room')).toBe(false)
    expect(permissions.check('sendToGroup', 'other')).toBe(true)
    permissions.grant('sendToGroup', 'room')
    expect(permissions.check('sendToGroup', 'room')).toBe(true)
  })

  it('takes the target of a change for a name, not for a pattern', () => {
    const permissions = new Permissions(['webpubsub.sendToGroup'])
    permissions.revoke('sendToGroup', '*')
    expect(permissions.check('sendToGroup', 'room')).toBe(true)
    expect(permissions.check('sendToGroup', '*')).toBe(false)
  })

  it('removes the rule of the token first, so that a pattern that matches as well decides until the next revoke', () => {
    const permissions = new Permissions(['webpubsub.sendToGroups.room*', 'webpubsub.sendToGroup.room'])
    permissions.revoke('sendToGroup', 'room')
    expect(permissions.check('sendToGroup', 'room')).toBe(true)
    permissions.revoke('sendToGroup', 'room')
    expect(permissions.check('sendToGroup', 'room')).toBe(false)
    permissions.grant('sendToGroup', 'room')
    expect(permissions.check('sendToGroup', 'room')).toBe(true)
  })

  it.each([
    ['grants', [], 'grant', 'revoke'],
    ['revocations', ['webpubsub.sendToGroup'], 'revoke', 'grant'],
  ] as const)('takes 1,000 %s, and then more only where an old one goes', (_, roles, change, undo) => {
    const permissions = new Permissions(roles)
    const before = permissions.check('sendToGroup', 'extra')
    for (let index = 0; index < maxPermissionLiterals; index++) {
      expect(permissions[change]('sendToGroup', `room${index}`)).toBe('done')
      expect(permissions.check('sendToGroup', `room${index}`)).toBe(!before)
    }
    expect(permissions[change]('sendToGroup', 'extra')).toBe('full')
    expect(permissions.check('sendToGroup', 'extra')).toBe(before)
    expect(permissions[undo]('sendToGroup', 'extra')).toBe('done')
    expect(permissions[change]('sendToGroup', 'room0')).toBe('done')
    expect(permissions[undo]('sendToGroup', 'room0')).toBe('done')
    expect(permissions[change]('sendToGroup', 'extra')).toBe('done')
    expect(permissions.check('sendToGroup', 'extra')).toBe(!before)
  })

  it('counts the literals of the token, and lets literal patterns stand beyond the limit', () => {
    const roles = Array.from({ length: 1000 }, (_, index) => `webpubsub.sendToGroup.group${index}`)
    const permissions = new Permissions([...roles, 'webpubsub.sendToGroups.room\\*'])
    expect(permissions.check('sendToGroup', 'room*')).toBe(true)
    expect(permissions.grant('sendToGroup', 'overflow')).toBe('full')
    permissions.revoke('sendToGroup', 'room*')
    expect(permissions.check('sendToGroup', 'room*')).toBe(false)
    expect(permissions.grant('sendToGroup', 'overflow')).toBe('full')
    permissions.revoke('sendToGroup', 'group0')
    expect(permissions.grant('sendToGroup', 'overflow')).toBe('done')
    expect(permissions.check('sendToGroup', 'overflow')).toBe(true)
  })

  it('allows a group beyond nine patterns by name', () => {
    const roles = Array.from({ length: 9 }, (_, index) => `webpubsub.sendToGroups.a${index}*`)
    const permissions = new Permissions([...roles, 'webpubsub.sendToGroups.z*'])
    expect(permissions.check('sendToGroup', 'z')).toBe(false)
    expect(permissions.grant('sendToGroup', 'z')).toBe('done')
    expect(permissions.check('sendToGroup', 'z')).toBe(true)
  })

  it('tells which roles were skipped', () => {
    expect(new Permissions(['webpubsub.sendToGroups.\\']).skipped).toEqual([
      { role: 'webpubsub.sendToGroups.\\', reason: 'its pattern is invalid: it ends with a lone backslash' },
    ])
  })
})
