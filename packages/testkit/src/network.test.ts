import type { Backplane, BackplaneHandlers } from '@hocket/server/internal'
import { describe, expect, it } from 'vitest'
import { describeBackplaneContract } from './contracts/backplane.ts'
import { ContractNode, caughtUp, connection, envelope, exists, group, join } from './contracts/backplane-cluster.ts'
import { createNetwork, type Network } from './network.ts'

const [a, b, c] = ['aaaaaaaa', 'bbbbbbbb', 'cccccccc'] as const

for (const ids of [
  [a, b],
  [a, b, c],
]) {
  for (const seed of [1, 2, 3]) {
    describeBackplaneContract(`network of ${ids.length} nodes, seed ${seed}`, {
      nodes: ids.length,
      canFail: true,
      create({ requestTimeoutMs }) {
        const network = createNetwork({ nodes: ids, seed, requestTimeoutMs })
        return {
          backplanes: ids.map((id) => network.backplane(id)),
          crash: network.crash,
          partition: network.partition,
          heal: network.heal,
          dispose: network.settle,
        }
      },
    })
  }
}

async function started(options: { ids?: string[]; seed?: number; maxDelayMs?: number } = {}): Promise<{
  network: Network
  nodes: ContractNode[]
}> {
  const { ids = [a, b, c], seed = 1, maxDelayMs = 5 } = options
  const network = createNetwork({ nodes: ids, seed, maxDelayMs })
  const nodes = ids.map((id) => new ContractNode(network.backplane(id)))
  await Promise.all(nodes.map((node) => node.backplane.start(node)))
  return { network, nodes }
}

const ids = (node: ContractNode) => node.envelopes.map(({ id }) => id)

describe('createNetwork', () => {
  it('refuses node ids that a connection id cannot name, unknown nodes, and groups that do not add up', () => {
    expect(() => createNetwork({ nodes: ['node-1'], seed: 1 })).toThrow(/not a node id/)
    expect(() => createNetwork({ nodes: [a, a], seed: 1 })).toThrow(/twice/)
    const network = createNetwork({ nodes: [a, b], seed: 1 })
    expect(() => network.backplane(c)).toThrow(/no node 'cccccccc'/)
    expect(() => network.partition([[a]])).toThrow(/no group/)
    expect(() => network.partition([[a, b], [a]])).toThrow(/two groups/)
    expect(network.backplane(a)).toBe(network.backplane(a))
  })

  it('repeats the same run for the same seed, and other orders for other seeds', async () => {
    async function run(seed: number): Promise<string[]> {
      const { network, nodes } = await started({ seed })
      const [first, second, third] = nodes as [ContractNode, ContractNode, ContractNode]
      await third.backplane.setInterest(group('g'), true)
      for (let index = 0; index < 20; index++) {
        first.backplane.publish(envelope(`a${index}`, group('g')))
        second.backplane.publish(envelope(`b${index}`, group('g')))
      }
      await network.settle()
      for (const prefix of ['a', 'b']) {
        expect(ids(third).filter((id) => id.startsWith(prefix))).toEqual(
          Array.from({ length: 20 }, (_, index) => `${prefix}${index}`),
        )
      }
      return ids(third)
    }
    const runs = await Promise.all([run(1), run(1), run(2), run(3)])
    expect(runs[1]).toEqual(runs[0])
    expect(new Set(runs.map((run) => run.join())).size).toBe(3)
  })

  it('gives every node its own copy of a message', async () => {
    const { network, nodes } = await started()
    for (const node of nodes) await node.backplane.setInterest(group('g'), true)
    const data = new Uint8Array([1])
    nodes[0]!.backplane.publish({ ...envelope('e', group('g')), body: { dataType: 'binary', data } })
    data[0] = 2
    await network.settle()
    for (const node of nodes.slice(1)) expect(node.envelopes[0]!.body.data).toEqual(new Uint8Array([1]))
  })

  it('loses nothing in a partition that heals before it is noticed', async () => {
    const { network, nodes } = await started()
    const [first, , third] = nodes as [ContractNode, ContractNode, ContractNode]
    await third.backplane.setInterest(group('g'), true)
    first.backplane.publish(envelope('before', group('g')))
    network.partition([[a, b], [c]])
    first.backplane.publish(envelope('within', group('g')))
    const answer = first.backplane.request(join('1', group('g')))
    const interest = third.backplane.setInterest(group('h'), true)
    await new Promise((resolve) => setImmediate(resolve))
    network.heal()
    first.backplane.publish(envelope('after', group('g')))
    expect((await answer).replies.length).toBe(3)
    await interest
    await network.settle()
    expect(third.started).toEqual(['before', 'within', '1', 'after'])
    for (const node of nodes) {
      expect(node.fences).toEqual([])
      expect(node.lost).toEqual([])
    }
  })

  it('drops what waited for a node that was declared dead, and knows it again after the fence', async () => {
    const { network, nodes } = await started()
    const [first, , third] = nodes as [ContractNode, ContractNode, ContractNode]
    await third.backplane.setInterest(group('g'), true)
    network.partition([[a, b], [c]])
    first.backplane.publish(envelope('within', group('g')))
    third.backplane.publish(envelope('out', connection('abc123')))
    await network.settle()
    first.backplane.publish(envelope('dead', group('g')))
    network.heal()
    await network.settle()
    first.backplane.publish(envelope('after', group('g')))
    await caughtUp(first)
    expect(ids(third)).toEqual(['after'])
    expect(ids(first)).toEqual([])
  })

  it.each([0, 5])('fences a node before the others declare it dead (delay up to %i ms)', async (maxDelayMs) => {
    for (let seed = 1; seed <= 20; seed++) {
      const { network, nodes } = await started({ seed, maxDelayMs })
      const [first, second, third] = nodes as [ContractNode, ContractNode, ContractNode]
      let lostBeforeFence = 0
      const check = (node: ContractNode): void => {
        const nodeLost = node.nodeLost.bind(node)
        node.nodeLost = (nodeId) => {
          if (third.fences.length === 0) lostBeforeFence++
          nodeLost(nodeId)
        }
      }
      check(first)
      check(second)
      network.partition([[a, b], [c]])
      await network.settle()
      expect([lostBeforeFence, first.lost, second.lost], `seed ${seed}`).toEqual([0, [c], [c]])
    }
  })

  it('moves the fence when the majority moves', async () => {
    const { network, nodes } = await started()
    const [first, second, third] = nodes as [ContractNode, ContractNode, ContractNode]
    network.partition([[a, b], [c]])
    await network.settle()
    network.partition([[a], [b, c]])
    await network.settle()
    expect(first.fences).toEqual([expect.stringContaining('1 of 3')])
    expect(third.fences).toEqual([expect.stringContaining('1 of 3'), null])
    expect(second.fences).toEqual([])
    expect((await third.backplane.request(exists(group('g')))).replies.length).toBe(2)
    network.heal()
    await network.settle()
    expect(first.fences.at(-1)).toBeNull()
    for (const node of nodes) expect((await node.backplane.request(exists(group('g')))).replies.length).toBe(3)
  })

  it('ends a fence when the far side crashes: a broker would tell', async () => {
    const { network, nodes } = await started({ ids: [a, b] })
    const [first] = nodes as [ContractNode]
    network.partition([[a], [b]])
    await network.settle()
    network.crash(b)
    await network.settle()
    expect(first.fences).toEqual([expect.stringContaining('1 of 2'), null])
    expect(first.lost).toEqual([b])
    expect((await first.backplane.request(exists(group('g')))).replies.length).toBe(1)
  })

  it('delivers the first part of what a crashed node had sent, and never a later part alone', async () => {
    const lengths = new Set<number>()
    const sent = Array.from({ length: 10 }, (_, index) => `e${index}`)
    for (let seed = 1; seed <= 20; seed++) {
      const { network, nodes } = await started({ seed })
      const [first, second] = nodes as [ContractNode, ContractNode]
      await second.backplane.setInterest(group('g'), true)
      for (const id of sent) first.backplane.publish(envelope(id, group('g')))
      const pending = expect(first.backplane.request(exists(group('g')))).rejects.toMatchObject({
        code: 'backplaneUnavailable',
      })
      network.crash(a)
      await pending
      await network.settle()
      expect(ids(second), `seed ${seed}`).toEqual(sent.slice(0, second.envelopes.length))
      lengths.add(second.envelopes.length)
    }
    expect(lengths.size).toBeGreaterThan(3)
  })

  it('shows what a handler throws, and goes on', async () => {
    const network = createNetwork({ nodes: [a, b], seed: 1 })
    const quiet = new ContractNode(network.backplane(a))
    const received: string[] = []
    const failing: BackplaneHandlers = {
      envelope({ id }) {
        received.push(id)
        if (id !== 'fine') throw new Error(`cannot take ${id}`)
      },
      request: () => expect.unreachable('nobody asks'),
      nodeLost() {},
      fenced() {},
    }
    const backplane: Backplane = network.backplane(b)
    await Promise.all([quiet.backplane.start(quiet), backplane.start(failing)])
    await backplane.setInterest(group('g'), true)
    quiet.backplane.publish(envelope('one', group('g')))
    await expect(network.settle()).rejects.toThrow('cannot take one')
    for (const id of ['two', 'fine', 'three']) quiet.backplane.publish(envelope(id, group('g')))
    await expect(network.settle()).rejects.toThrow('2 handlers failed')
    await network.settle()
    expect(received).toEqual(['one', 'two', 'fine', 'three'])
  })

  it('starts no node during a partition', async () => {
    const network = createNetwork({ nodes: [a, b], seed: 1 })
    const node = new ContractNode(network.backplane(a))
    network.partition([[a], [b]])
    await expect(node.backplane.start(node)).rejects.toThrow(/before the first partition/)
    network.heal()
    await node.backplane.start(node)
  })
})
