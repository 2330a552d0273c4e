import { errors } from '@hocket/protocol/errors'
import type { Target } from '@hocket/protocol/message'
import { newConnectionId } from '@hocket/server/internal'
import { describe, expect, it } from 'vitest'
import { until } from '../wait.ts'
import { type ContractNode, caughtUp, connection, envelope, exists, group, join } from './backplane-cluster.ts'

/** Creates and starts every node of a case. */
export type StartAll = (requestTimeoutMs?: number) => Promise<ContractNode[]>

/** Requests that one node can be asked for; on more nodes they say more. */
export function describeRequests(startAll: StartAll, size: number): void {
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

/** Requests that need two nodes. */
export function describeRequestsBetweenNodes(startAll: StartAll): void {
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
