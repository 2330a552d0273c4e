import { newConnectionId } from '@hocket/server/internal'
import { describe, expect, it } from 'vitest'
import { until } from '../wait.ts'
import {
  type BackplaneCluster,
  type ContractNode,
  caughtUp,
  connection,
  envelope,
  exists,
  group,
  join,
} from './backplane-cluster.ts'

type Create = (requestTimeoutMs?: number) => Promise<{ cluster: BackplaneCluster; nodes: ContractNode[] }>

const unavailable = { code: 'backplaneUnavailable', retry: true }

/** The cases of the backplane contract with a crash or a partition. */
export function describeBackplaneFaults(create: Create, size: number): void {
  async function startAll(): Promise<{ cluster: Required<BackplaneCluster>; nodes: ContractNode[] }> {
    const { cluster, nodes } = await create()
    await Promise.all(nodes.map((node) => node.backplane.start(node)))
    return { cluster: cluster as Required<BackplaneCluster>, nodes }
  }

  describe('crash', () => {
    it('makes the node missing in what waits for it, and nobody asks it again', async () => {
      const { cluster, nodes } = await startAll()
      const [crashing, ...others] = nodes as [ContractNode, ...ContractNode[]]
      crashing.answer = () => new Promise(() => {})
      const asked = others.map((node) => node.backplane.request(join(node.nodeId, group('g'))))
      const one = others[0]!.backplane.request(exists(connection(newConnectionId(crashing.nodeId))))
      await until(() => crashing.started.length === others.length + 1, { what: 'the requests arrive' })
      cluster.crash(crashing.nodeId)
      for (const answer of await Promise.all(asked)) {
        expect(answer.missing).toEqual([crashing.nodeId])
        expect(answer.replies.length).toBe(others.length)
      }
      expect(await one).toEqual({ replies: [], missing: [crashing.nodeId] })
      await until(() => others.every((node) => node.lost.length > 0), { what: 'every node knows of the crash' })
      for (const node of others) {
        expect(node.lost).toEqual([crashing.nodeId])
        expect(node.fences).toEqual([])
        expect((await node.backplane.request(exists(group('g')))).missing).toEqual([])
      }
      const gone = await others[0]!.backplane.request(exists(connection(newConnectionId(crashing.nodeId))))
      expect(gone).toEqual({ replies: [], missing: [] })
    })

    it('loses nothing that was handed over before drain resolved', async () => {
      const { cluster, nodes } = await startAll()
      const [publisher, node] = nodes as [ContractNode, ContractNode]
      await node.backplane.setInterest(group('g'), true)
      const sent = Array.from({ length: 50 }, (_, index) => `e${index}`)
      for (const id of sent) publisher.backplane.publish(envelope(id, group('g')))
      await publisher.backplane.drain()
      cluster.crash(publisher.nodeId)
      await until(() => node.lost.length > 0, { what: 'the crash is noticed' })
      expect(node.envelopes.map(({ id }) => id)).toEqual(sent)
    })

    it('ends the wait for interest, and a survivor alone has nobody to tell', async () => {
      const { cluster, nodes } = await startAll()
      const [crashing, survivor] = nodes as [ContractNode, ContractNode]
      cluster.crash(crashing.nodeId)
      await survivor.backplane.setInterest(group('g'), true)
      await until(() => survivor.lost.length > 0, { what: 'the crash is noticed' })
      if (size === 2) expect(survivor.backplane.setInterest(group('h'), true)).toBeUndefined()
      else await survivor.backplane.setInterest(group('h'), true)
    })
  })

  describe('partition', () => {
    it('fences every node without a majority, and no other', async () => {
      const { cluster, nodes } = await startAll()
      const { minority, majority } = split(cluster, nodes)
      await fencedAll(minority)
      for (const node of minority) {
        expect(node.fences).toEqual([expect.stringMatching(/./)])
        await expect(node.backplane.request(exists(group('g')))).rejects.toMatchObject(unavailable)
        await expect(node.backplane.setInterest(group('g'), true)).rejects.toMatchObject(unavailable)
        await node.backplane.setInterest(group('g'), false)
        expect(node.lost).toEqual([])
      }
      for (const node of majority) {
        const { replies } = await node.backplane.request(exists(group('g')))
        expect(replies.map(({ nodeId }) => nodeId).sort()).toEqual(majority.map(({ nodeId }) => nodeId).sort())
        await node.backplane.setInterest(group('g'), true)
        expect(node.fences).toEqual([])
        expect(node.lost).toEqual(minority.map(({ nodeId }) => nodeId))
      }
    })

    it('ends what waits for the far side: missing for the majority, rejected for the minority', async () => {
      const { cluster, nodes } = await startAll()
      const { minority, majority } = split(cluster, nodes)
      const lonely = minority.flatMap((node) => [
        expect(node.backplane.request(exists(group('g')))).rejects.toMatchObject(unavailable),
        expect(node.backplane.setInterest(group('g'), true)).rejects.toMatchObject(unavailable),
      ])
      const asked = majority.map((node) => node.backplane.request(exists(group('g'))))
      const told = majority.map((node) => node.backplane.setInterest(group('g'), true))
      await Promise.all([...lonely, ...told])
      for (const answer of await Promise.all(asked)) {
        expect(answer.missing).toEqual(minority.map(({ nodeId }) => nodeId))
      }
    })

    it('is over only when interest has been exchanged again, in both directions', async () => {
      const { cluster, nodes } = await startAll()
      const [first] = nodes as [ContractNode]
      for (const node of nodes) {
        await node.backplane.setInterest(group(`old-${node.nodeId}`), true)
        await node.backplane.setInterest(group(`dropped-${node.nodeId}`), true)
      }
      const { minority } = split(cluster, nodes)
      await fencedAll(minority)
      for (const node of nodes) {
        node.backplane.setInterest(group(`new-${node.nodeId}`), true)?.catch(() => {})
        void node.backplane.setInterest(group(`dropped-${node.nodeId}`), false)
      }
      const published: string[] = []
      for (const node of minority) {
        // At the very moment in which the fence ends, everything is as if it had never been there.
        node.onFenced = () => {
          for (const other of nodes) {
            for (const name of [`old-${other.nodeId}`, `new-${other.nodeId}`, `dropped-${other.nodeId}`]) {
              node.backplane.publish(envelope(`${node.nodeId} ${name}`, group(name)))
            }
            if (other !== node)
              published.push(`${node.nodeId} old-${other.nodeId}`, `${node.nodeId} new-${other.nodeId}`)
          }
        }
      }
      cluster.heal()
      await until(() => minority.every((node) => node.fences.at(-1) === null), { what: 'every fence ends' })
      for (const node of minority) await caughtUp(node)
      const received = nodes.flatMap((node) => node.envelopes.map(({ id }) => id))
      expect(received.sort()).toEqual([...published].sort())
      for (const node of minority) expect(node.fences.length).toBe(2)

      const last = minority.at(-1)!
      const others = nodes.filter((node) => node !== last)
      for (const node of others) {
        for (const name of ['old', 'new', 'dropped']) {
          const key = `${name}-${last.nodeId}`
          node.backplane.publish(envelope(`after ${node.nodeId} ${key}`, group(key)))
        }
        await caughtUp(node)
      }
      const after = last.envelopes.map(({ id }) => id).filter((id) => id.startsWith('after'))
      expect(after.sort()).toEqual(
        others.flatMap((node) => ['new', 'old'].map((name) => `after ${node.nodeId} ${name}-${last.nodeId}`)).sort(),
      )
      const { replies, missing } = await first.backplane.request(exists(group('g')))
      expect(replies.length).toBe(size)
      expect(missing).toEqual([])
    })

    it('may come again', async () => {
      const { cluster, nodes } = await startAll()
      for (let round = 1; round <= 3; round++) {
        const { minority } = split(cluster, nodes)
        await until(() => minority.every((node) => node.fences.length === 2 * round - 1), { what: 'a fence' })
        cluster.heal()
        await until(() => minority.every((node) => node.fences.length === 2 * round), { what: 'the end of the fence' })
        for (const node of nodes) {
          expect((await node.backplane.request(exists(group('g')))).replies.length).toBe(size)
        }
      }
    })
  })
}

/** Cuts the last node off. Of two nodes neither keeps a majority. */
function split(
  cluster: Required<BackplaneCluster>,
  nodes: ContractNode[],
): { minority: ContractNode[]; majority: ContractNode[] } {
  const ids = nodes.map(({ nodeId }) => nodeId)
  cluster.partition([ids.slice(0, -1), ids.slice(-1)])
  return nodes.length === 2
    ? { minority: nodes, majority: [] }
    : { minority: nodes.slice(-1), majority: nodes.slice(0, -1) }
}

async function fencedAll(nodes: ContractNode[]): Promise<void> {
  await until(() => nodes.every((node) => node.fences.length > 0), { what: 'every node without a majority is fenced' })
}
