import { errors } from '@hocket/protocol/errors'
import { join } from '../dispatch.ts'
import { operation } from '../operation.ts'

export const addUserToGroup = operation({
  id: 'WebPubSub_AddUserToGroup',
  summary: 'Adds every current connection of the user to the group.',
  method: 'PUT',
  path: '/api/hubs/{hub}/users/{userId}/groups/{group}',
  query: {},
  body: null,
  success: 200,
  since: '2021-10-01',
  source: 'REST reference 2024-12-01; 404 as the official emulator has it',
  refusals: { 404: 'The user has no connection.' },
  async run(deps, { path: { hub, userId, group } }) {
    const count = await join(deps, { kind: 'user', hub, userId }, [group])
    if (count === 0) throw errors.userNotFound({ id: userId })
  },
})
