import type { Filter } from '@hocket/protocol/filter'
import type { Target } from '@hocket/protocol/message'
import { Group } from './group.ts'
import type { Receiver } from './receiver.ts'

const nobody: readonly Receiver[] = []

/** The connections, users and groups of one hub on this node. Synchronous, in memory, no I/O. */
export class Hub {
  readonly name: string
  readonly connections = new Map<string, Receiver>()
  readonly users = new Map<string, Set<Receiver>>()
  readonly groups = new Map<string, Group>()

  constructor(name: string) {
    this.name = name
  }

  get isEmpty(): boolean {
    return this.connections.size === 0
  }

  add(receiver: Receiver): void {
    if (this.connections.has(receiver.connectionId))
      throw new Error(`connection ${receiver.connectionId} is in the hub already`)
    this.connections.set(receiver.connectionId, receiver)
    if (receiver.userId !== null) {
      const connections = this.users.get(receiver.userId)
      if (connections === undefined) this.users.set(receiver.userId, new Set([receiver]))
      else connections.add(receiver)
    }
  }

  /** Takes a connection out of every map. @returns the groups it was in, or `null` when it was not in the hub */
  remove(receiver: Receiver): readonly string[] | null {
    if (this.connections.get(receiver.connectionId) !== receiver) return null
    this.connections.delete(receiver.connectionId)
    if (receiver.userId !== null) {
      const connections = this.users.get(receiver.userId)
      connections?.delete(receiver)
      if (connections?.size === 0) this.users.delete(receiver.userId)
    }
    const groups = [...receiver.groups]
    for (const group of groups) this.leave(receiver, group)
    return groups
  }

  has(receiver: Receiver): boolean {
    return this.connections.get(receiver.connectionId) === receiver
  }

  /** @returns false when it is a member already */
  join(receiver: Receiver, group: string): boolean {
    let members = this.groups.get(group)
    if (members === undefined) {
      members = new Group()
      this.groups.set(group, members)
    }
    if (!members.add(receiver)) return false
    receiver.groups.add(group)
    return true
  }

  /** @returns false when it was no member */
  leave(receiver: Receiver, group: string): boolean {
    const members = this.groups.get(group)
    if (members === undefined || !members.remove(receiver)) return false
    receiver.groups.delete(group)
    if (members.members.length === 0) this.groups.delete(group)
    return true
  }

  /** The receivers of a target on this node. Not a copy: do not change memberships while walking it. */
  receivers(target: Target): Iterable<Receiver> {
    switch (target.kind) {
      case 'hub':
        return this.connections.values()
      case 'group':
        return this.groups.get(target.group)?.members ?? nobody
      case 'user':
        return this.users.get(target.userId) ?? nobody
      case 'connection': {
        const receiver = this.connections.get(target.connectionId)
        return receiver === undefined ? nobody : [receiver]
      }
      default:
        return target satisfies never
    }
  }

  /** The receivers of a target as a list of their own, chosen now: less those excluded and those that the filter refuses. */
  select(target: Target, excluded: readonly string[] = [], filter: Filter | null = null): Receiver[] {
    const without = excluded.length > 8 ? new Set(excluded) : null
    const chosen: Receiver[] = []
    for (const receiver of this.receivers(target)) {
      const id = receiver.connectionId
      if (without === null ? excluded.includes(id) : without.has(id)) continue
      if (filter !== null && !filter(receiver)) continue
      chosen.push(receiver)
    }
    return chosen
  }

  /** The members of a group with ids above `after` in ordinal order, at most `limit`. */
  members(group: string, after: string | null, limit: number): { items: Receiver[]; more: boolean } {
    const items = [...(this.groups.get(group)?.members ?? [])]
      .filter((member) => after === null || member.connectionId > after)
      .sort((a, b) => (a.connectionId < b.connectionId ? -1 : 1))
    return { items: items.slice(0, limit), more: items.length > limit }
  }
}

/** Every hub that has, or is about to have, a connection on this node. */
export class Hubs {
  readonly #hubs = new Map<string, Hub>()

  find(name: string): Hub | undefined {
    return this.#hubs.get(name)
  }

  open(name: string): Hub {
    let hub = this.#hubs.get(name)
    if (hub === undefined) {
      hub = new Hub(name)
      this.#hubs.set(name, hub)
    }
    return hub
  }

  /** Forgets a hub that has become empty. */
  prune(hub: Hub): void {
    if (hub.isEmpty && this.#hubs.get(hub.name) === hub) this.#hubs.delete(hub.name)
  }

  all(): Iterable<Hub> {
    return this.#hubs.values()
  }
}
