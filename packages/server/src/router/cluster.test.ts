import type { Target } from '@hocket/protocol/message'
import { describe, expect, it, onTestFailed } from 'vitest'
import type { Member } from '../backplane/backplane.ts'
import {
  everybody,
  type FakeReceiver,
  hub,
  startCluster,
  type TestCluster,
  type TestNode,
  toConnection,
  toGroup,
  toUser,
} from './test-cluster.ts'

const unavailable = { code: 'backplaneUnavailable', http: 503, retry: true }

describe.each([
  [2, 1],
  [2, 2],
  [3, 1],
  [3, 2],
  [3, 3],
])('cluster of %i nodes, seed %i', (size, seed) => {
  async function start(): Promise<TestCluster & { first: TestNode; second: TestNode; last: TestNode }> {
    onTestFailed(() => {
      process.stderr.write(`cluster of ${size} nodes: seed ${seed}\n`)
    })
    const cluster = await startCluster(size, seed)
    return { ...cluster, first: cluster.nodes[0]!, second: cluster.nodes[1]!, last: cluster.nodes.at(-1)! }
  }

  function connectAll(nodes: readonly TestNode[], groups: string[] = []): Promise<FakeReceiver[]> {
    return Promise.all(nodes.flatMap((node) => [node.connect('alice', groups), node.connect(null, groups)]))
  }

  const total = (replies: readonly { reply: { matched: number } }[]) =>
    replies.reduce((sum, { reply }) => sum + reply.matched, 0)

  it.each([
    ['a group', toGroup('g')],
    ['the hub', everybody],
  ])('brings what every node sends to %s to every member once, in order per publisher', async (_, target) => {
    const { network, nodes } = await start()
    const members = await connectAll(nodes, ['g'])
    const sent = Array.from({ length: 30 }, (_, index) => index)
    for (const index of sent) for (const { nodeId, publish } of nodes.map(bound)) publish(target, `${nodeId} ${index}`)
    await network.settle()
    for (const member of members) {
      expect(member.received.length).toBe(sent.length * size)
      for (const { nodeId } of nodes) {
        expect(member.received.filter((text) => text.startsWith(nodeId))).toEqual(
          sent.map((index) => `${nodeId} ${index}`),
        )
      }
    }
  })

  it('brings a message to the connections of a user, or to one connection, wherever they are', async () => {
    const { network, nodes, first, last } = await start()
    const members = await connectAll(nodes)
    first.publish(toUser('alice'), 'to alice')
    const one = members.at(-1)!
    first.publish(toConnection(one.connectionId), 'to one')
    last.publish(toConnection(one.connectionId), 'from near')
    first.publish(toConnection('abc123'), 'to nobody')
    await network.settle()
    for (const member of members) {
      const expected = member.userId === 'alice' ? ['to alice'] : []
      expect(member.received).toEqual(member === one ? [...expected, 'from near', 'to one'] : expected)
    }
  })

  it('applies exclusion and filter on the other nodes', async () => {
    const { network, nodes, first } = await start()
    const members = await connectAll(nodes, ['g'])
    const excluded = [members[0]!.connectionId, members.at(-1)!.connectionId]
    first.publish(toGroup('g'), 'not all', { excluded })
    first.publish(everybody, 'alice only', { filter: "userId eq 'alice'" })
    first.publish(everybody, 'both', { filter: "'g' in groups and userId eq 'alice'", excluded })
    await network.settle()
    for (const { received, connectionId, userId } of members) {
      const isIn = !excluded.includes(connectionId)
      const expected = [isIn && 'not all', userId === 'alice' && 'alice only', isIn && userId === 'alice' && 'both']
      expect(received).toEqual(expected.filter(Boolean))
    }
  })

  it('adds a user to groups on every node, and the next message from anywhere reaches them all', async () => {
    const { network, nodes, first, last } = await start()
    const members = await connectAll(nodes)
    const expected: string[] = []
    for (let round = 0; round < 20; round++) {
      const groups = [`x${round}`, `y${round}`]
      const join = { op: 'join', commandId: `${round}`, scope: toUser('alice'), groups, filter: null } as const
      const { replies, missing } = await first.router.request(join)
      expect([total(replies), missing]).toEqual([size, []])
      for (const group of groups) last.publish(toGroup(group), group)
      expected.push(...groups)
    }
    await network.settle()
    for (const { received, userId } of members) expect(received).toEqual(userId === 'alice' ? expected : [])
  })

  it('acknowledges a join of a client only when a message from another node reaches it', async () => {
    const { network, first, last } = await start()
    const member = await last.connect()
    for (let round = 0; round < 20; round++) {
      await last.router.join(member, `g${round}`)
      first.publish(toGroup(`g${round}`), `${round}`)
    }
    await network.settle()
    expect(member.received).toEqual(Array.from({ length: 20 }, (_, round) => `${round}`))
  })

  it('makes a join wait that comes while the first join of the group is not confirmed', async () => {
    const { network, first, last } = await start()
    const members = await Promise.all([last.connect(), last.connect(), last.connect()])
    const joined = members.map((member) => last.router.join(member, 'g'))
    for (const each of [...joined, last.router.join(members[0]!, 'g')]) expect(each).toBeInstanceOf(Promise)
    await joined[1]
    first.publish(toGroup('g'), 'hello')
    await network.settle()
    for (const { received } of members) expect(received).toEqual(['hello'])
    expect(last.router.join(members[0]!, 'g')).toBeUndefined()
  })

  it('tells the other nodes when the last receiver of a target is gone', async () => {
    const present = new Map<string, boolean>()
    const { nodes } = await startCluster(size, seed, (backplane) => {
      const setInterest = backplane.setInterest.bind(backplane)
      backplane.setInterest = (target, isPresent) => {
        present.set(`${backplane.nodeId} ${JSON.stringify(target)}`, isPresent)
        return setInterest(target, isPresent)
      }
      return backplane
    })
    const members = await connectAll(nodes, ['g', 'h'])
    // Of each node: the hub, alice, and both groups.
    expect([...present.values()]).toEqual(Array(4 * size).fill(true))
    for (const member of members) if (member.userId === null) member.closeByServer(null)
    expect([...present.values()]).toEqual(Array(4 * size).fill(true))
    for (const member of members) member.closeByServer(null)
    expect([...present.values()]).toEqual(Array(4 * size).fill(false))
  })

  it('selects by the filter before it changes anything', async () => {
    const { nodes, first } = await start()
    const members = await connectAll(nodes, ['old'])
    const { replies } = await first.router.request({
      op: 'leave',
      commandId: first.router.newId(),
      scope: everybody,
      groups: ['old', 'none'],
      filter: "'old' in groups and userId eq 'alice'",
    })
    expect(total(replies)).toBe(size)
    for (const { groups, userId } of members) expect([...groups]).toEqual(userId === 'alice' ? [] : ['old'])
  })

  it('removes connections from all their groups, and their nodes hear nothing more', async () => {
    const { network, nodes, first, last } = await start()
    const members = await connectAll(nodes, ['x', 'y'])
    const leave = { op: 'leave', groups: 'all', filter: null } as const
    const scope = toUser('alice')
    expect(total((await first.router.request({ ...leave, commandId: '1', scope })).replies)).toBe(size)
    last.publish(toGroup('x'), 'x')
    await network.settle()
    for (const { received, groups, userId } of members) {
      expect([received, [...groups]]).toEqual(userId === 'alice' ? [[], []] : [['x'], ['x', 'y']])
    }
  })

  it('closes connections on every node, but those excluded; they get what was sent before', async () => {
    const { network, nodes, first } = await start()
    const members = await connectAll(nodes, ['g'])
    const [spared] = members as [FakeReceiver]
    first.publish(toGroup('g'), 'before')
    const excluded = [spared.connectionId]
    const close = { op: 'close', commandId: '1', scope: toGroup('g'), excluded, reason: 'bye' } as const
    const { replies } = await first.router.request(close)
    first.publish(toGroup('g'), 'after')
    await network.settle()
    expect(total(replies)).toBe(2 * size - 1)
    for (const member of members) {
      const isSpared = member === spared
      expect(member.received).toEqual(isSpared ? ['before', 'after'] : ['before'])
      expect(member.closedBecause).toBe(isSpared ? undefined : 'bye')
      const { replies } = await first.router.request({ op: 'exists', scope: toConnection(member.connectionId) })
      expect(replies.some(({ reply }) => reply.found)).toBe(isSpared)
    }
  })

  it('knows of connections, users and groups on every node, and of those that are gone', async () => {
    const { nodes, last } = await start()
    const member = await last.connect('bob', ['g'])
    const exists = async (node: TestNode, scope: Target) => {
      const { replies, missing } = await node.router.request({ op: 'exists', scope })
      expect(missing).toEqual([])
      return replies.some(({ reply }) => reply.found)
    }
    const scopes = [everybody, toUser('bob'), toGroup('g'), toConnection(member.connectionId)]
    for (const node of nodes) {
      for (const scope of scopes) expect(await exists(node, scope), scope.kind).toBe(true)
      for (const scope of [
        toUser('bo'),
        toGroup('bob'),
        toConnection('abc123'),
        { kind: 'hub', hub: 'other' } as const,
      ]) {
        expect(await exists(node, scope), scope.kind).toBe(false)
      }
    }
    last.router.remove(member)
    for (const node of nodes) for (const scope of scopes) expect(await exists(node, scope), scope.kind).toBe(false)
  })

  it('grants, checks and revokes permissions of a connection on another node', async () => {
    const { first, last } = await start()
    const { connectionId } = await last.connect()
    const at = { hub, connectionId, permission: 'sendToGroup', group: 'g' } as const
    const held = async () => (await first.router.request({ op: 'permission', ...at })).replies.map(({ reply }) => reply)
    expect(await held()).toEqual([{ held: false }])
    const granted = await first.router.request({ op: 'grant', commandId: '1', ...at })
    expect(granted.replies).toEqual([{ nodeId: last.nodeId, reply: { outcome: 'done' } }])
    expect(await held()).toEqual([{ held: true }])
    await first.router.request({ op: 'revoke', commandId: '2', ...at })
    await first.router.request({ op: 'grant', commandId: '1', ...at })
    expect(await held()).toEqual([{ held: false }])
    const gone = { ...at, connectionId: `${connectionId.slice(0, 21)}Z-${last.nodeId}` }
    const { replies } = await first.router.request({ op: 'revoke', commandId: '3', ...gone })
    expect(replies.map(({ reply }) => reply)).toEqual([{ outcome: 'notFound' }])
  })

  it('lists members in pages that merge to ordinal order over all nodes', async () => {
    const { nodes, first } = await start()
    const connected = await Promise.all(
      Array.from({ length: 17 }, (_, index) => nodes[index % size]!.connect(`user${index}`, ['g'])),
    )
    const expected: Member[] = connected
      .map(({ connectionId, userId }) => ({ connectionId, userId }))
      .sort((a, b) => (a.connectionId < b.connectionId ? -1 : 1))
    for (const limit of [1, 4, 17, 100]) {
      const listed: Member[] = []
      for (let after: string | null = null, more = true; more; ) {
        const { replies } = await first.router.request({ op: 'members', hub, group: 'g', after, limit })
        for (const { reply } of replies) expect(reply.items.length).toBeLessThanOrEqual(limit)
        const merged: Member[] = replies
          .flatMap(({ reply }) => reply.items)
          .sort((a, b) => (a.connectionId < b.connectionId ? -1 : 1))
        more = merged.length > limit || replies.some(({ reply }) => reply.more)
        listed.push(...merged.slice(0, limit))
        after = listed.at(-1)!.connectionId
      }
      expect(listed, `limit ${limit}`).toEqual(expected)
    }
  })

  it('answers without a crashed node: missing while it was asked, not there afterwards', async () => {
    const { network, nodes, first, last } = await start()
    const members = await connectAll(nodes, ['g'])
    const lost = members.at(-1)!
    const scope = toConnection(lost.connectionId)
    const asked = first.router.request({ op: 'exists', scope })
    const all = first.router.request({
      op: 'join',
      commandId: '1',
      scope: toUser('alice'),
      groups: ['x'],
      filter: null,
    })
    network.crash(last.nodeId)
    expect(await asked).toEqual({ replies: [], missing: [last.nodeId] })
    const { replies, missing } = await all
    expect([total(replies), missing]).toEqual([size - 1, [last.nodeId]])
    expect(await first.router.request({ op: 'exists', scope })).toEqual({ replies: [], missing: [] })
    first.publish(toGroup('g'), 'after')
    await network.settle()
    for (const member of members)
      expect(member.received).toEqual(member.connectionId.endsWith(last.nodeId) ? [] : ['after'])
  })

  it('refuses sends, joins and requests on a node that is cut off, and takes them again when it is back', async () => {
    const { network, nodes, first, last } = await start()
    const members = await connectAll(nodes, ['g'])
    const own = members.at(-1)!
    const ids = nodes.map(({ nodeId }) => nodeId)
    network.partition([ids.slice(0, -1), ids.slice(-1)])
    await network.settle()
    expect(() => last.publish(toGroup('g'), 'refused')).toThrow(expect.objectContaining(unavailable))
    await expect(last.router.request({ op: 'exists', scope: everybody })).rejects.toMatchObject(unavailable)
    await expect(last.router.join(own, 'new')).rejects.toMatchObject(unavailable)
    expect([...own.groups]).toEqual(['g'])
    if (size === 2) expect(() => first.publish(toGroup('g'), 'refused')).toThrow(expect.objectContaining(unavailable))
    else first.publish(toGroup('g'), 'majority')
    await network.settle()
    for (const { received, connectionId } of members) {
      expect(received).toEqual(size === 2 || connectionId.endsWith(last.nodeId) ? [] : ['majority'])
    }

    network.heal()
    await network.settle()
    await last.router.join(own, 'new')
    first.publish(toGroup('new'), 'to new')
    last.publish(toGroup('g'), 'to all')
    await network.settle()
    expect(own.received).toEqual(expect.arrayContaining(['to new', 'to all']))
    for (const member of members) expect(member.received.at(-1)).toBe(member === own ? 'to new' : 'to all')
    expect((await first.router.request({ op: 'exists', scope: everybody })).replies.length).toBe(size)
  })
})

function bound(node: TestNode): { nodeId: string; publish: TestNode['publish'] } {
  return { nodeId: node.nodeId, publish: node.publish.bind(node) }
}
