import { errors } from '@hocket/protocol/errors'
import type { Target } from '@hocket/protocol/message'
import type { Answer } from '../backplane/backplane.ts'
import type { Message } from './body.ts'
import type { RestDeps } from './operation.ts'

export interface SendOptions {
  readonly excluded?: readonly string[]
  readonly filter?: string | null
  readonly messageTtlSeconds: number | null
}

/**
 * Publishes what a caller sent. Resolves when receivers can take more, so that a caller who waits for answers is slowed
 * for them. Whether there is any receiver does not matter: 202 promises none.
 * @throws HocketError `tooManyRequests`, `backplaneUnavailable`
 */
export async function send(deps: RestDeps, target: Target, message: Message, options: SendOptions): Promise<void> {
  const { router, now = Date.now } = deps
  if (router.overloaded) {
    throw errors.tooManyRequests({ reason: 'Connections have too much to be written. Try again in a second.' })
  }
  const { excluded = [], filter = null, messageTtlSeconds } = options
  const congestion = router.publish({
    id: router.newId(),
    target,
    from: target.kind === 'group' ? 'group' : 'server',
    fromUserId: null,
    body: message.body,
    excluded,
    filter,
    metadata: message.metadata,
    expiresAtMs: messageTtlSeconds === null ? null : now() + messageTtlSeconds * 1000,
  })
  await congestion?.relieved()
}

export async function exists({ router }: RestDeps, scope: Target): Promise<boolean> {
  const { replies } = await router.request({ op: 'exists', scope })
  return replies.some(({ reply }) => reply.found)
}

/** Joins the connections of a scope to groups. @returns how many connections there were */
export async function join(
  { router }: RestDeps,
  scope: Target,
  groups: readonly string[],
  filter: string | null = null,
): Promise<number> {
  return matched(await router.request({ op: 'join', commandId: router.newId(), scope, groups, filter }))
}

export async function leave(
  { router }: RestDeps,
  scope: Target,
  groups: readonly string[] | 'all',
  filter: string | null = null,
): Promise<void> {
  await router.request({ op: 'leave', commandId: router.newId(), scope, groups, filter })
}

export async function close(
  { router }: RestDeps,
  scope: Target,
  { reason, excluded = [] }: { readonly reason: string | null; readonly excluded?: readonly string[] },
): Promise<void> {
  await router.request({ op: 'close', commandId: router.newId(), scope, excluded, reason })
}

/** Connections over all nodes. A node that died has none, so nothing is said about `missing`. */
function matched(answer: Answer<{ readonly matched: number }>): number {
  return answer.replies.reduce((sum, { reply }) => sum + reply.matched, 0)
}
