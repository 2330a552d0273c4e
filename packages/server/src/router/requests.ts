import type { Filter } from '@hocket/protocol/filter'
import type { BackplaneRequest, Replies, ReplyTo } from '../backplane/backplane.ts'
import type { Hub, Hubs } from '../hub/hub.ts'
import type { Receiver } from '../hub/receiver.ts'

/** What a request needs of the router. */
export interface Memberships {
  join(receiver: Receiver, group: string): Promise<void> | undefined
  leave(receiver: Receiver, group: string): void
}

/** Answers a request of any node for the connections of this one. The connections concerned are chosen before the first change. */
export function answerRequest<R extends BackplaneRequest>(
  memberships: Memberships,
  hubs: Hubs,
  compile: (source: string) => Filter,
  request: R,
): ReplyTo<R> | Promise<ReplyTo<R>> {
  return answer(memberships, hubs, compile, request) as ReplyTo<R> | Promise<ReplyTo<R>>
}

function answer(
  memberships: Memberships,
  hubs: Hubs,
  compile: (source: string) => Filter,
  request: BackplaneRequest,
): Replies[keyof Replies] | Promise<Replies[keyof Replies]> {
  const hub = hubs.find('scope' in request ? request.scope.hub : request.hub)
  switch (request.op) {
    case 'join':
      return join(memberships, select(hub, request, compile), request.groups)
    case 'leave': {
      const receivers = select(hub, request, compile)
      for (const receiver of receivers) {
        for (const group of request.groups === 'all' ? [...receiver.groups] : request.groups) {
          memberships.leave(receiver, group)
        }
      }
      return { matched: receivers.length }
    }
    case 'close': {
      const receivers = hub?.select(request.scope, request.excluded) ?? []
      for (const receiver of receivers) receiver.closeByServer(request.reason)
      return { matched: receivers.length }
    }
    case 'grant':
    case 'revoke': {
      const receiver = hub?.connections.get(request.connectionId)
      if (receiver === undefined) return { outcome: 'notFound' }
      return { outcome: receiver.permissions[request.op](request.permission, request.group) }
    }
    case 'exists':
      return { found: (hub?.select(request.scope).length ?? 0) > 0 }
    case 'permission': {
      const receiver = hub?.connections.get(request.connectionId)
      return { held: receiver?.permissions.check(request.permission, request.group) ?? false }
    }
    case 'members': {
      const { items, more } = hub?.members(request.group, request.after, request.limit) ?? { items: [], more: false }
      return { items: items.map(({ connectionId, userId }) => ({ connectionId, userId })), more }
    }
    default:
      return request satisfies never
  }
}

function select(
  hub: Hub | undefined,
  request: Extract<BackplaneRequest, { op: 'join' | 'leave' }>,
  compile: (source: string) => Filter,
): Receiver[] {
  const filter = request.filter === null ? null : compile(request.filter)
  return hub?.select(request.scope, [], filter) ?? []
}

function join(
  memberships: Memberships,
  receivers: readonly Receiver[],
  groups: readonly string[],
): Replies['join'] | Promise<Replies['join']> {
  const waits: Promise<void>[] = []
  for (const receiver of receivers) {
    for (const group of groups) {
      const ready = memberships.join(receiver, group)
      if (ready !== undefined) waits.push(ready)
    }
  }
  const reply = { matched: receivers.length }
  return waits.length === 0 ? reply : Promise.all(waits).then(() => reply)
}
