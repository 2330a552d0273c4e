import { errors } from '@hocket/protocol/errors'
import type { Permission } from '@hocket/protocol/message'
import type { RestDeps } from './operation.ts'

interface At {
  readonly hub: string
  readonly connectionId: string
  readonly permission: Permission
}

/** Literal rules of one permission that a connection may have. */
const maxLiteralRules = 1000

/** Changes one permission of one connection. @throws HocketError `tooManyPermissions` @returns whether there is the connection */
export async function changePermission(
  { router }: RestDeps,
  op: 'grant' | 'revoke',
  { hub, connectionId, permission }: At,
  group: string,
): Promise<boolean> {
  const commandId = router.newId()
  const { replies } = await router.request({ op, commandId, hub, connectionId, permission, group })
  const outcomes = replies.map(({ reply }) => reply.outcome)
  if (outcomes.includes('full')) throw errors.tooManyPermissions({ id: connectionId, limit: maxLiteralRules })
  return outcomes.includes('done')
}

export async function holdsPermission({ router }: RestDeps, at: At, group: string): Promise<boolean> {
  const { hub, connectionId, permission } = at
  const { replies } = await router.request({ op: 'permission', hub, connectionId, permission, group })
  return replies.some(({ reply }) => reply.held)
}
