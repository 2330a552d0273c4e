import type { Target } from '@hocket/protocol/message'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { BackplaneCommand } from '../backplane/backplane.ts'
import {
  everybody,
  type FakeReceiver,
  hub,
  startCluster,
  type TestNode,
  toConnection,
  toGroup,
  toUser,
} from './test-cluster.ts'

/** What one process alone would do, in the plainest words. */
interface Modelled {
  readonly receiver: FakeReceiver
  readonly nodeId: string
  readonly userId: string | null
  readonly groups: Set<string>
  readonly permissions: Set<string>
  readonly received: string[]
}

interface FilterChoice {
  readonly source: string | null
  readonly allows: (connection: Modelled) => boolean
}

const filters: readonly FilterChoice[] = [
  { source: null, allows: () => true },
  { source: "userId eq 'u1'", allows: ({ userId }) => userId === 'u1' },
  { source: "not ('g1' in groups)", allows: ({ groups }) => !groups.has('g1') },
  { source: "'g0' in groups and userId ne null", allows: ({ groups, userId }) => groups.has('g0') && userId !== null },
]

const at = fc.nat(2)
const pick = fc.nat(1000)
const group = fc.constantFrom('g0', 'g1', 'g2')
const groups = fc.uniqueArray(group, { maxLength: 2 })
const user = fc.constantFrom('u0', 'u1', null)
const filter = fc.constantFrom(...filters)
/** Connections are chosen by number among those that are, or were, there. */
const scope = fc.oneof(
  fc.record({ kind: fc.constant('hub' as const) }),
  fc.record({ kind: fc.constant('group' as const), group }),
  fc.record({ kind: fc.constant('user' as const), userId: fc.constantFrom('u0', 'u1', 'u2') }),
  fc.record({ kind: fc.constant('connection' as const), pick }),
)
const permission = fc.constantFrom('sendToGroup' as const, 'joinLeaveGroup' as const)

const operation = fc.oneof(
  { weight: 3, arbitrary: fc.record({ op: fc.constant('connect' as const), at, user, groups }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('disconnect' as const), pick }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('clientJoin' as const), pick, group, nextAt: at }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('clientLeave' as const), pick, group }) },
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('publish' as const),
      at,
      scope,
      filter,
      excluded: fc.array(pick, { maxLength: 2 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('join' as const), at, scope, groups, filter, nextAt: at }) },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('leave' as const),
      at,
      scope,
      groups: fc.oneof(groups, fc.constant('all' as const)),
      filter,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('close' as const), at, scope, excluded: fc.array(pick, { maxLength: 2 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constantFrom('grant' as const, 'revoke' as const), at, pick, permission, group }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('permission' as const), at, pick, permission, group }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('exists' as const), at, scope }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('members' as const), at, group, limit: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('retry' as const), at }) },
)
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never
type Scope = typeof scope extends fc.Arbitrary<infer T> ? T : never

class Run {
  readonly #nodes: readonly TestNode[]
  readonly #settle: () => Promise<void>
  /** In order of connecting; closed ones stay, so that they are asked for as well. */
  readonly #all: Modelled[] = []
  readonly #live = new Set<Modelled>()
  /** Nodes whose messages may still be under way: a change elsewhere could overtake them. */
  readonly #publishers = new Set<TestNode>()
  #lastCommand: { command: BackplaneCommand; summary: unknown } | null = null
  #messages = 0

  constructor(nodes: readonly TestNode[], settle: () => Promise<void>) {
    this.#nodes = nodes
    this.#settle = settle
  }

  async step(operation: Operation): Promise<void> {
    switch (operation.op) {
      case 'connect': {
        const node = this.#node(operation.at)
        await this.#before(node)
        const receiver = await node.connect(operation.user, operation.groups)
        const modelled: Modelled = {
          receiver,
          nodeId: node.nodeId,
          userId: operation.user,
          groups: new Set(operation.groups),
          permissions: new Set(),
          received: [],
        }
        this.#all.push(modelled)
        this.#live.add(modelled)
        return
      }
      case 'disconnect': {
        const connection = this.#connection(operation.pick)
        if (connection === undefined) return
        const node = this.#nodeOf(connection)
        await this.#before(node)
        node.router.remove(connection.receiver)
        this.#live.delete(connection)
        return
      }
      case 'clientJoin':
      case 'clientLeave': {
        const connection = this.#connection(operation.pick)
        if (connection === undefined || !this.#live.has(connection)) return
        const { router } = this.#nodeOf(connection)
        await this.#before(this.#nodeOf(connection))
        if (operation.op === 'clientJoin') {
          await router.join(connection.receiver, operation.group)
          connection.groups.add(operation.group)
          this.#publish(operation.nextAt, { kind: 'group', group: operation.group })
        } else {
          router.leave(connection.receiver, operation.group)
          connection.groups.delete(operation.group)
        }
        return
      }
      case 'publish': {
        const node = this.#node(operation.at)
        const excluded = this.#ids(operation.excluded)
        const text = `${node.nodeId} ${this.#messages++}`
        node.publish(this.#target(operation.scope), text, { excluded, filter: operation.filter.source })
        for (const connection of this.#select(operation.scope, operation.filter, excluded))
          connection.received.push(text)
        this.#publishers.add(node)
        return
      }
      case 'join':
      case 'leave': {
        const selected = this.#select(operation.scope, operation.filter)
        const matched = await this.#command(operation.at, {
          op: operation.op,
          scope: this.#target(operation.scope),
          groups: operation.groups,
          filter: operation.filter.source,
        } as never)
        expect(matched).toBe(selected.length)
        for (const { groups } of selected) {
          const changed = operation.groups === 'all' ? [...groups] : operation.groups
          for (const name of changed) {
            if (operation.op === 'join') groups.add(name)
            else groups.delete(name)
          }
        }
        if (operation.op === 'join') {
          for (const name of operation.groups) this.#publish(operation.nextAt, { kind: 'group', group: name })
        }
        return
      }
      case 'close': {
        const excluded = this.#ids(operation.excluded)
        const selected = this.#select(operation.scope, filters[0]!, excluded)
        const scope = this.#target(operation.scope)
        expect(await this.#command(operation.at, { op: 'close', scope, excluded, reason: null } as never)).toBe(
          selected.length,
        )
        for (const connection of selected) {
          expect(connection.receiver.closedBecause).toBeNull()
          this.#live.delete(connection)
        }
        return
      }
      case 'grant':
      case 'revoke': {
        const connection = this.#connection(operation.pick)
        if (connection === undefined) return
        const { connectionId } = connection.receiver
        const { permission, group } = operation
        const outcomes = await this.#command(operation.at, {
          op: operation.op,
          hub,
          connectionId,
          permission,
          group,
        } as never)
        expect(outcomes).toBe(this.#live.has(connection) ? 'done' : 'notFound')
        if (operation.op === 'grant') connection.permissions.add(`${permission} ${group}`)
        else connection.permissions.delete(`${permission} ${group}`)
        return
      }
      case 'permission': {
        const connection = this.#connection(operation.pick)
        if (connection === undefined) return
        const { connectionId } = connection.receiver
        const { permission, group } = operation
        const { replies } = await this.#node(operation.at).router.request({
          op: 'permission',
          hub,
          connectionId,
          permission,
          group,
        })
        const isHeld = this.#live.has(connection) && connection.permissions.has(`${permission} ${group}`)
        expect(replies.map(({ reply }) => reply.held)).toEqual([isHeld])
        return
      }
      case 'exists': {
        const { replies } = await this.#node(operation.at).router.request({
          op: 'exists',
          scope: this.#target(operation.scope),
        })
        expect(replies.some(({ reply }) => reply.found)).toBe(this.#select(operation.scope, filters[0]!).length > 0)
        return
      }
      case 'members': {
        const { group, limit } = operation
        const listed: string[] = []
        for (let after: string | null = null, more = true; more; after = listed.at(-1) ?? null) {
          const { replies } = await this.#node(operation.at).router.request({ op: 'members', hub, group, after, limit })
          const page = replies.flatMap(({ reply }) => reply.items.map(({ connectionId }) => connectionId)).sort()
          more = page.length > limit || replies.some(({ reply }) => reply.more)
          listed.push(...page.slice(0, limit))
        }
        const members = this.#select({ kind: 'group', group }, filters[0]!)
        expect(listed).toEqual(members.map(({ receiver }) => receiver.connectionId).sort())
        return
      }
      case 'retry': {
        if (this.#lastCommand === null) return
        const { command, summary } = this.#lastCommand
        await this.#before(this.#node(operation.at))
        const { replies } = await this.#node(operation.at).router.request(command)
        expect(summarize(replies)).toEqual(summary)
        return
      }
      default:
        operation satisfies never
    }
  }

  async check(): Promise<void> {
    await this.#settle()
    for (const { receiver, received } of this.#all) {
      for (const { nodeId } of this.#nodes) {
        const from = (texts: readonly string[]) => texts.filter((text) => text.startsWith(nodeId))
        expect(from(receiver.received), receiver.connectionId).toEqual(from(received))
      }
    }
    for (const { receiver, groups } of this.#live) {
      expect([...receiver.groups].sort(), receiver.connectionId).toEqual([...groups].sort())
    }
  }

  #publish(at: number, scope: Scope, filter = filters[0]!, excluded: readonly string[] = []): void {
    const node = this.#node(at)
    const text = `${node.nodeId} ${this.#messages++}`
    node.publish(this.#target(scope), text, { excluded, filter: filter.source })
    for (const connection of this.#select(scope, filter, excluded)) connection.received.push(text)
    this.#publishers.add(node)
  }

  /** @returns the sum of `matched`, or the outcome */
  async #command(at: number, command: BackplaneCommand): Promise<unknown> {
    const node = this.#node(at)
    await this.#before(node)
    const identified = { ...command, commandId: node.router.newId() }
    const { replies, missing } = await node.router.request(identified)
    expect(missing).toEqual([])
    const summary = summarize(replies)
    this.#lastCommand = { command: identified, summary }
    return summary
  }

  /** `node` is about to change something. What it published itself stays ahead of that; what others did has to arrive first. */
  async #before(node: TestNode): Promise<void> {
    const othersPublished = [...this.#publishers].some((publisher) => publisher !== node)
    if (!othersPublished) return
    await this.#settle()
    this.#publishers.clear()
  }

  #select(scope: Scope, filter: FilterChoice, excluded: readonly string[] = []): Modelled[] {
    const chosen = scope.kind === 'connection' ? this.#connection(scope.pick) : undefined
    return [...this.#live].filter((connection) => {
      if (excluded.includes(connection.receiver.connectionId) || !filter.allows(connection)) return false
      switch (scope.kind) {
        case 'hub':
          return true
        case 'group':
          return connection.groups.has(scope.group)
        case 'user':
          return connection.userId === scope.userId
        case 'connection':
          return connection === chosen
        default:
          return scope satisfies never
      }
    })
  }

  #target(scope: Scope): Target {
    switch (scope.kind) {
      case 'hub':
        return everybody
      case 'group':
        return toGroup(scope.group)
      case 'user':
        return toUser(scope.userId)
      case 'connection':
        return toConnection(this.#connection(scope.pick)?.receiver.connectionId ?? 'abc123')
    }
  }

  #ids(picks: readonly number[]): string[] {
    return picks.flatMap((pick) => this.#connection(pick)?.receiver.connectionId ?? [])
  }

  #connection(pick: number): Modelled | undefined {
    return this.#all[pick % Math.max(1, this.#all.length)]
  }

  #node(at: number): TestNode {
    return this.#nodes[at % this.#nodes.length]!
  }

  #nodeOf({ nodeId }: Modelled): TestNode {
    return this.#nodes.find((node) => node.nodeId === nodeId)!
  }
}

function summarize(replies: readonly { reply: unknown }[]): unknown {
  const all = replies.map(({ reply }) => reply as { matched?: number; outcome?: string })
  return all[0]?.outcome ?? all.reduce((sum, { matched = 0 }) => sum + matched, 0)
}

it.each([1, 2, 3])('random operations from random nodes (%i of them) agree with one process', async (size) => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(),
      fc.array(operation, { minLength: 10, maxLength: 80, size: 'max' }),
      async (seed, operations) => {
        const { network, nodes } = await startCluster(size, seed)
        const run = new Run(nodes, network.settle)
        for (const each of operations) await run.step(each)
        await run.check()
      },
    ),
    { numRuns: 100 },
  )
})
