import { errors } from '@hocket/protocol/errors'
import type { MessageBody, Target } from '@hocket/protocol/message'
import { newConnectionId } from '@hocket/server/internal'
import { afterEach, describe, expect, it } from 'vitest'
import { until } from '../wait.ts'
import {
  type BackplaneCluster,
  type BackplaneContractSubject,
  ContractNode,
  caughtUp,
  connection,
  envelope,
  exists,
  group,
  join,
} from './backplane-cluster.ts'
import { describeBackplaneFaults } from './backplane-faults.ts'

export type { BackplaneCluster, BackplaneClusterOptions, BackplaneContractSubject } from './backplane-cluster.ts'

/**
 * The cases that every `Backplane` passes. Defines one vitest suite; cases that need more nodes than `subject` has, or
 * faults that it cannot make, are left out.
 *
 * @example
 * describeBackplaneContract('memory', {
 *   nodes: 1,
 *   canFail: false,
 *   create: () => ({ backplanes: [new MemoryBackplane(createNodeId())] }),
 * })
 */
export function describeBackplaneContract(name: string, subject: BackplaneContractSubject): void {
  describe(`backplane contract: ${name}`, () => {
    let cluster: BackplaneCluster | undefined

    async function create(requestTimeoutMs = 5000): Promise<{ cluster: BackplaneCluster; nodes: ContractNode[] }> {
      cluster = await subject.create({ requestTimeoutMs })
      const nodes = cluster.backplanes.map((backplane) => new ContractNode(backplane))
      expect(nodes.length).toBe(subject.nodes)
      return { cluster, nodes }
    }

    async function startAll(requestTimeoutMs?: number): Promise<ContractNode[]> {
      const { nodes } = await create(requestTimeoutMs)
      await Promise.all(nodes.map((node) => node.backplane.start(node)))
      return nodes
    }

    afterEach(async () => {
      cluster?.heal?.()
      await Promise.all(cluster?.backplanes.map((backplane) => backplane.close()) ?? [])
      await cluster?.dispose?.()
      cluster = undefined
    })

    describeLifeCycle(startAll, create)
    describeRequests(startAll, subject.nodes)
    if (subject.nodes > 1) {
      describePublish(startAll)
      describeRequestsBetweenNodes(startAll)
      describeMembership(startAll, create)
    }
    if (subject.canFail) describeBackplaneFaults(create, subject.nodes)
  })
}

type StartAll = (requestTimeoutMs?: number) => Promise<ContractNode[]>
type Create = (requestTimeoutMs?: number) => Promise<{ cluster: BackplaneCluster; nodes: ContractNode[] }>

function describeLifeCycle(startAll: StartAll, create: Create): void {
  describe('life cycle', () => {
    it('refuses requests before start, and a second start', async () => {
      const { nodes } = await create()
      const [node] = nodes as [ContractNode]
      await expect(node.backplane.request(exists(group('g')))).rejects.toThrow(/before start/)
      await Promise.all(nodes.map((each) => each.backplane.start(each)))
      await expect(node.backplane.start(node)).rejects.toThrow(/starts once/)
    })

    it('rejects requests after drain and after close, and calls no handler', async () => {
      const [node] = (await startAll()) as [ContractNode]
      await node.backplane.drain()
      await expect(node.backplane.request(exists(group('g')))).rejects.toMatchObject({ code: 'backplaneUnavailable' })
      await node.backplane.drain()
      await node.backplane.close()
      await expect(node.backplane.request(exists(group('g')))).rejects.toMatchObject({ code: 'backplaneUnavailable' })
      await node.backplane.close()
      await node.backplane.drain()
      expect(node.started).toEqual([])
      expect(node.lost).toEqual([])
      expect(node.fences).toEqual([])
    })

    it('closes without having been started, and does not start afterwards', async () => {
      const { nodes } = await create()
      const [node] = nodes as [ContractNode]
      await node.backplane.close()
      await expect(node.backplane.start(node)).rejects.toThrow(/starts once/)
    })

    it('takes interest back quietly after drain and close', async () => {
      const [node] = (await startAll()) as [ContractNode]
      await node.backplane.setInterest(group('g'), true)
      await node.backplane.drain()
      await node.backplane.setInterest(group('g'), false)
      await node.backplane.close()
      await node.backplane.setInterest(group('g'), false)
    })
  })
}

function describeRequests(startAll: StartAll, size: number): void {
  describe('requests', () => {
    it('reach every node, this one included, with one reply each', async () => {
      const nodes = await startAll()
      nodes.forEach((node, index) => {
        node.answer = () => ({ matched: 10 ** index })
      })
      for (const asker of nodes) {
        const { replies, missing } = await asker.backplane.request(join(`from-${asker.nodeId}`, group('g')))
        expect(missing).toEqual([])
        expect(replies.map(({ nodeId }) => nodeId).sort()).toEqual(nodes.map(({ nodeId }) => nodeId).sort())
        expect(replies.reduce((sum, { reply }) => sum + reply.matched, 0)).toBe([0, 1, 11, 111][size])
      }
    })

    it('start the handler of this node within the call, in the order of the calls', async () => {
      const [node] = (await startAll()) as [ContractNode]
      let finishFirst = () => {}
      node.answer = (request) => {
        if (!('commandId' in request) || request.commandId !== '1') return { matched: 0 }
        return new Promise((resolve) => {
          finishFirst = () => resolve({ matched: 1 })
        })
      }
      const first = node.backplane.request(join('1', group('g')))
      expect(node.started).toEqual(['1'])
      const second = node.backplane.request(join('2', group('g')))
      expect(node.started).toEqual(['1', '2'])
      await second
      finishFirst()
      expect((await first).replies).toContainEqual({ nodeId: node.nodeId, reply: { matched: 1 } })
    })

    it('do a command once per node, however often it is sent, and repeat the first replies', async () => {
      const nodes = await startAll()
      let calls = 0
      for (const node of nodes) node.answer = () => Promise.resolve({ matched: ++calls })
      const { backplane } = nodes[0]!
      const [first, meanwhile] = await Promise.all([
        backplane.request(join('same', group('g'))),
        backplane.request(join('same', group('g'))),
      ])
      const later = await backplane.request(join('same', group('g')))
      expect(calls).toBe(nodes.length)
      const byNode = (answer: typeof first) =>
        new Map(answer.replies.map(({ nodeId, reply }) => [nodeId, reply.matched]))
      expect(byNode(meanwhile)).toEqual(byNode(first))
      expect(byNode(later)).toEqual(byNode(first))
    })

    it('answer a query anew each time', async () => {
      const [node] = (await startAll()) as [ContractNode]
      await node.backplane.request(exists(group('g')))
      await node.backplane.request(exists(group('g')))
      expect(node.requests.length).toBe(2)
    })

    it.each(['throws', 'rejects'])('reject when a handler %s, and a retry tries again', async (how) => {
      const nodes = await startAll()
      const failing = nodes.at(-1)!
      const failure = (error: Error) => {
        if (how === 'throws') throw error
        return Promise.reject(error)
      }
      const { backplane } = nodes[0]!
      failing.answer = () => failure(new TypeError('a bug'))
      await expect(backplane.request(join('1', group('g')))).rejects.toMatchObject({ code: 'backplaneUnavailable' })
      failing.answer = () => failure(errors.invalidGroup())
      await expect(backplane.request(join('1', group('g')))).rejects.toMatchObject({
        code: 'invalidGroup',
        http: 400,
        message: 'Invalid group name.',
      })
      failing.answer = () => ({ matched: 5 })
      const { replies } = await backplane.request(join('1', group('g')))
      expect(replies).toContainEqual({ nodeId: failing.nodeId, reply: { matched: 5 } })
      if (failing !== nodes[0]) expect(nodes[0]!.requests.length).toBe(1)
    })

    it('about a connection of this node are answered by this node alone', async () => {
      const nodes = await startAll()
      const connectionId = newConnectionId(nodes[0]!.nodeId)
      const { replies, missing } = await nodes[0]!.backplane.request(exists(connection(connectionId)))
      expect(replies).toEqual([{ nodeId: nodes[0]!.nodeId, reply: { found: true } }])
      expect(missing).toEqual([])
      for (const other of nodes.slice(1)) expect(other.started).toEqual([])
    })

    it('about a connection id that names no node ask every node', async () => {
      const nodes = await startAll()
      const { replies } = await nodes[0]!.backplane.request(exists(connection('abc123')))
      expect(replies.length).toBe(nodes.length)
    })

    it('carry every operation unchanged', async () => {
      const nodes = await startAll()
      const at = { hub: 'chat', connectionId: 'abc123', permission: 'joinLeaveGroup', group: 'ü/😀' } as const
      const scope: Target = { kind: 'user', hub: 'chat', userId: 'alice' }
      const groups = ['a', '']
      const requests = [
        { op: 'join', commandId: '1', scope, groups, filter: "userId eq 'a'" },
        { op: 'leave', commandId: '2', scope, groups: 'all', filter: null },
        { op: 'close', commandId: '3', scope: { kind: 'hub', hub: 'chat' }, excluded: ['x'], reason: 'why' },
        { op: 'grant', commandId: '4', ...at },
        { op: 'revoke', commandId: '5', ...at },
        { op: 'exists', scope },
        { op: 'permission', ...at },
        { op: 'members', hub: 'chat', group: 'g', after: null, limit: 20 },
      ] as const
      for (const request of requests) await nodes[0]!.backplane.request(request)
      for (const node of nodes) expect(node.requests).toEqual(requests)
    })
  })
}

function describePublish(startAll: StartAll): void {
  describe('publish', () => {
    it('reaches the nodes that are interested, once and unchanged, and nobody else', async () => {
      const nodes = await startAll()
      const [publisher, interested, ...others] = nodes as [ContractNode, ContractNode, ...ContractNode[]]
      const targets: Target[] = [{ kind: 'hub', hub: 'chat' }, group('g'), { kind: 'user', hub: 'chat', userId: 'g' }]
      for (const target of targets) await interested.backplane.setInterest(target, true)
      for (const other of others) await other.backplane.setInterest(group('other'), true)
      const bodies: MessageBody[] = [
        { dataType: 'json', data: '{"n": 9007199254740993}' },
        { dataType: 'binary', data: new Uint8Array([0, 255, 1]) },
        { dataType: 'protobuf', data: new Uint8Array() },
      ]
      const envelopes = targets.map((target, index) => ({
        ...envelope(`e${index}`, target),
        body: bodies[index]!,
        excluded: ['x'],
        filter: 'f',
        metadata: { k: 'v' },
        fromUserId: 'alice',
        expiresAtMs: 1234,
      }))
      for (const each of envelopes) publisher.backplane.publish(each)
      publisher.backplane.publish(envelope('no-member', group('nobody')))
      publisher.backplane.publish(envelope('other-hub', { kind: 'group', hub: 'chat2', group: 'g' }))
      await caughtUp(publisher)
      expect(interested.envelopes).toEqual(envelopes)
      for (const node of [publisher, ...others]) expect(node.envelopes).toEqual([])
    })

    it('never comes back to its own node', async () => {
      const nodes = await startAll()
      for (const node of nodes) await node.backplane.setInterest(group('g'), true)
      nodes[0]!.backplane.publish(envelope('e', group('g')))
      nodes[0]!.backplane.publish(envelope('f', connection(newConnectionId(nodes[0]!.nodeId))))
      await caughtUp(nodes[0]!)
      expect(nodes.map((node) => node.envelopes.length)).toEqual(nodes.map((_, index) => (index === 0 ? 0 : 1)))
    })

    it('goes to the node that a connection id names, without interest; to every node when it names none', async () => {
      const [publisher, named, ...others] = (await startAll()) as [ContractNode, ContractNode, ...ContractNode[]]
      publisher.backplane.publish(envelope('named', connection(newConnectionId(named.nodeId))))
      publisher.backplane.publish(envelope('pinned', connection('abc123')))
      publisher.backplane.publish(envelope('unknown', connection(newConnectionId('zzzzzzzz'))))
      await caughtUp(publisher)
      expect(named.envelopes.map(({ id }) => id)).toEqual(['named', 'pinned'])
      for (const other of others) expect(other.envelopes.map(({ id }) => id)).toEqual(['pinned'])
    })

    it('ends once a removal of interest has resolved, and calls for one target take effect in order', async () => {
      const [publisher, node] = (await startAll()) as [ContractNode, ContractNode]
      void node.backplane.setInterest(group('on'), true)
      void node.backplane.setInterest(group('on'), false)
      void node.backplane.setInterest(group('off'), true)
      await Promise.all([
        node.backplane.setInterest(group('on'), true),
        node.backplane.setInterest(group('off'), false),
      ])
      publisher.backplane.publish(envelope('on', group('on')))
      publisher.backplane.publish(envelope('off', group('off')))
      await caughtUp(publisher)
      expect(node.envelopes.map(({ id }) => id)).toEqual(['on'])
    })

    it('loses nothing that is published elsewhere after interest was confirmed', async () => {
      const nodes = await startAll()
      const expected = new Map(nodes.map((node) => [node, [] as string[]]))
      for (let round = 0; round < 200; round++) {
        const joiner = nodes[round % nodes.length]!
        const publisher = nodes[(round + 1 + (round % (nodes.length - 1))) % nodes.length]!
        // Other work keeps the links busy, so that confirmations of different age are under way.
        for (const node of nodes) void node.backplane.setInterest(group(`noise-${round % 7}`), round % 2 === 0)
        await joiner.backplane.setInterest(group(`r${round}`), true)
        publisher.backplane.publish(envelope(`r${round}`, group(`r${round}`)))
        expected.get(joiner)!.push(`r${round}`)
      }
      for (const node of nodes) await caughtUp(node)
      for (const [node, ids] of expected) {
        expect(node.envelopes.map(({ id }) => id).sort()).toEqual([...ids].sort())
      }
    })

    it('has handed everything over when drain resolves, and refuses more', async () => {
      const [publisher, node] = (await startAll()) as [ContractNode, ContractNode]
      await node.backplane.setInterest(group('g'), true)
      const ids = Array.from({ length: 50 }, (_, index) => `e${index}`)
      for (const id of ids) publisher.backplane.publish(envelope(id, group('g')))
      await publisher.backplane.drain()
      const refused = expect.objectContaining({ code: 'backplaneUnavailable' })
      expect(() => publisher.backplane.publish(envelope('late', group('g')))).toThrow(refused)
      await expect(publisher.backplane.setInterest(group('late'), true)).rejects.toEqual(refused)
      await publisher.backplane.close()
      await until(() => node.envelopes.length === ids.length, { what: 'everything handed over arrives' })
      expect(node.envelopes.map(({ id }) => id)).toEqual(ids)
      expect(() => publisher.backplane.publish(envelope('late', group('g')))).toThrow(refused)
    })
  })
}

function describeRequestsBetweenNodes(startAll: StartAll): void {
  describe('requests between nodes', () => {
    it('start in one order with what was published, also while earlier handlers wait', async () => {
      const [sender, receiver] = (await startAll()) as [ContractNode, ContractNode]
      await receiver.backplane.setInterest(group('g'), true)
      const waiting: (() => void)[] = []
      receiver.answer = () => new Promise((resolve) => waiting.push(() => resolve({ matched: 1 })))
      const sent: string[] = []
      const answers: Promise<unknown>[] = []
      for (let index = 0; index < 60; index++) {
        const id = `${index}`
        sent.push(id)
        if (index % 3 === 1) answers.push(sender.backplane.request(join(id, group('g'))))
        else sender.backplane.publish(envelope(id, group('g')))
      }
      await until(() => receiver.started.length === sent.length, { what: 'every handler has started' })
      expect(receiver.started).toEqual(sent)
      for (const finish of waiting.reverse()) finish()
      await Promise.all(answers)
    })

    it('do not lock each other when their handlers wait for interest', async () => {
      const nodes = await startAll()
      for (const node of nodes) {
        node.answer = async (request) => {
          if (request.op === 'join') await node.backplane.setInterest(group(request.groups[0]!), true)
          return { matched: 1 }
        }
      }
      const answers = await Promise.all(
        nodes.flatMap((node) =>
          ['x', 'y'].map((name) => node.backplane.request(join(`${node.nodeId}-${name}`, group('all'), name))),
        ),
      )
      for (const { replies, missing } of answers) {
        expect(missing).toEqual([])
        expect(replies.length).toBe(nodes.length)
      }
      nodes[0]!.backplane.publish(envelope('e', group('y')))
      await caughtUp(nodes[0]!)
      for (const node of nodes.slice(1)) expect(node.envelopes.length).toBe(1)
    })

    it('about a connection go to the named node alone; nobody answers for a node that is not there', async () => {
      const [asker, named, ...others] = (await startAll()) as [ContractNode, ContractNode, ...ContractNode[]]
      const at = { hub: 'chat', permission: 'sendToGroup', group: 'g' } as const
      const connectionId = newConnectionId(named.nodeId)
      const answer = await asker.backplane.request({ op: 'grant', commandId: '1', ...at, connectionId })
      expect(answer).toEqual({ replies: [{ nodeId: named.nodeId, reply: { outcome: 'done' } }], missing: [] })
      await asker.backplane.request({ op: 'permission', ...at, connectionId })
      expect(named.started).toEqual(['1', 'permission'])
      const unknown = newConnectionId('zzzzzzzz')
      const nobody = await asker.backplane.request({ op: 'grant', commandId: '2', ...at, connectionId: unknown })
      expect(nobody).toEqual({ replies: [], missing: [] })
      for (const node of [asker, ...others]) expect(node.started).toEqual([])
    })

    it('reject when a live node does not answer in time', async () => {
      const [asker, silent] = (await startAll(150)) as [ContractNode, ContractNode]
      silent.answer = () => new Promise(() => {})
      await expect(asker.backplane.request(exists(group('g')))).rejects.toMatchObject({
        code: 'backplaneUnavailable',
        http: 503,
        retry: true,
        message: expect.stringContaining(silent.nodeId),
      })
      silent.answer = () => ({ found: false })
      expect((await asker.backplane.request(exists(group('g')))).missing).toEqual([])
    })

    it('are still answered by a node that drains', async () => {
      const [asker, draining] = (await startAll()) as [ContractNode, ContractNode]
      await draining.backplane.drain()
      const { replies } = await asker.backplane.request(exists(group('g')))
      expect(replies.map(({ nodeId }) => nodeId)).toContain(draining.nodeId)
    })
  })
}

function describeMembership(startAll: StartAll, create: Create): void {
  describe('membership', () => {
    it('gives a node alone nobody to tell, and a newcomer the interest of those before it', async () => {
      const { nodes } = await create()
      const [first, ...others] = nodes as [ContractNode, ...ContractNode[]]
      await first.backplane.start(first)
      expect(first.backplane.setInterest(group('g'), true)).toBeUndefined()
      first.backplane.publish(envelope('nobody', group('g')))
      for (const other of others) {
        await other.backplane.start(other)
        expect((await other.backplane.request(exists(group('g')))).replies.map((reply) => reply.nodeId)).toContain(
          first.nodeId,
        )
        other.backplane.publish(envelope(other.nodeId, group('g')))
        await caughtUp(other)
      }
      expect(first.envelopes.map(({ id }) => id)).toEqual(others.map(({ nodeId }) => nodeId))
      for (const node of nodes) expect(node.fences).toEqual([])
    })

    it('tells the others when a node closes, and waits for it no more', async () => {
      const [leaver, ...others] = (await startAll()) as [ContractNode, ...ContractNode[]]
      await leaver.backplane.setInterest(group('g'), true)
      leaver.answer = () => new Promise(() => {})
      const asked = others[0]!.backplane.request(exists(group('g')))
      const own = leaver.backplane.request(exists(group('g')))
      const ownEnd = expect(own).rejects.toMatchObject({ code: 'backplaneUnavailable' })
      await until(() => leaver.started.length === 2, { what: 'both requests reach the leaving node' })
      await leaver.backplane.close()
      await ownEnd
      expect((await asked).missing).toEqual([leaver.nodeId])
      for (const other of others) {
        await until(() => other.lost.length > 0, { what: 'the node is missed' })
        expect(other.lost).toEqual([leaver.nodeId])
        const { replies, missing } = await other.backplane.request(exists(group('g')))
        expect(replies.length).toBe(others.length)
        expect(missing).toEqual([])
        await other.backplane.setInterest(group('h'), true)
        expect(other.fences).toEqual([])
      }
      expect(leaver.started.length).toBe(2)
      expect(leaver.lost).toEqual([])
    })
  })
}
