import { describe, expect, it } from 'vitest'
import { nodeOfRequest, PeerInterest, targetKey } from './addressing.ts'
import type { BackplaneRequest } from './backplane.ts'
import { newConnectionId } from './node-id.ts'

describe('targetKey', () => {
  it('is the same for equal targets and differs in kind, hub and name', () => {
    const keys = [
      targetKey({ kind: 'hub', hub: 'ab' }),
      targetKey({ kind: 'group', hub: 'a', group: 'b' }),
      targetKey({ kind: 'group', hub: 'ab', group: '' }),
      targetKey({ kind: 'user', hub: 'a', userId: 'b' }),
      targetKey({ kind: 'connection', hub: 'a', connectionId: 'b' }),
      targetKey({ kind: 'group', hub: 'a', group: '1:b' }),
      targetKey({ kind: 'group', hub: 'a1:', group: 'b' }),
    ]
    expect(new Set(keys).size).toBe(keys.length)
    expect(targetKey({ kind: 'group', hub: 'a', group: 'b' })).toBe(keys[1])
  })
})

describe('nodeOfRequest', () => {
  const at = { hub: 'h', permission: 'sendToGroup', group: 'g' } as const
  const own = newConnectionId('abcdefgh')

  it.each<[string, BackplaneRequest]>([
    ['a connection scope', { op: 'exists', scope: { kind: 'connection', hub: 'h', connectionId: own } }],
    ['a permission query', { op: 'permission', ...at, connectionId: own }],
    ['a grant', { op: 'grant', commandId: '1', ...at, connectionId: own }],
  ])('is the named node for %s', (_, request) => {
    expect(nodeOfRequest(request)).toBe('abcdefgh')
  })

  it.each<[string, BackplaneRequest]>([
    ['a pinned connection id', { op: 'exists', scope: { kind: 'connection', hub: 'h', connectionId: 'abc123' } }],
    ['a revoke at a pinned id', { op: 'revoke', commandId: '1', ...at, connectionId: 'abc123' }],
    ['a group', { op: 'exists', scope: { kind: 'group', hub: 'h', group: own } }],
    [
      'a user',
      { op: 'leave', commandId: '1', scope: { kind: 'user', hub: 'h', userId: own }, groups: 'all', filter: null },
    ],
    ['a list of members', { op: 'members', hub: 'h', group: 'g', after: own, limit: 1 }],
  ])('is every node for %s', (_, request) => {
    expect(nodeOfRequest(request)).toBeNull()
  })
})

describe('PeerInterest', () => {
  it('knows who is interested, and forgets the target with the last of them', () => {
    const table = new PeerInterest()
    table.set('a', 'x', true)
    table.set('b', 'x', true)
    table.set('a', 'x', true)
    expect([...table.nodes('x')]).toEqual(['a', 'b'])
    table.set('a', 'x', false)
    table.set('a', 'y', false)
    expect([...table.nodes('x')]).toEqual(['b'])
    table.set('b', 'x', false)
    expect([...table.nodes('x')]).toEqual([])
    expect(table.size).toBe(0)
  })

  it('replaces or removes all that one node said', () => {
    const table = new PeerInterest()
    table.replace('a', ['x', 'y'])
    table.replace('b', ['y'])
    table.replace('a', ['z'])
    expect([...table.nodes('x')]).toEqual([])
    expect([...table.nodes('y')]).toEqual(['b'])
    expect([...table.nodes('z')]).toEqual(['a'])
    table.remove('a')
    table.remove('b')
    table.remove('c')
    expect(table.size).toBe(0)
  })
})
