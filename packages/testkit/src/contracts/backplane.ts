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
} from './backplane-cluster.ts'
import { describeBackplaneFaults } from './backplane-faults.ts'
import { describeRequests, describeRequestsBetweenNodes, type StartAll } from './backplane-requests.ts'

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
