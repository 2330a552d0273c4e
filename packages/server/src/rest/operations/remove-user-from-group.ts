import { leave } from '../dispatch.ts'
import { operation } from '../operation.ts'

export const removeUserFromGroup = operation({
  id: 'WebPubSub_RemoveUserFromGroup',
  summary: 'Removes every connection of the user from the group.',
  method: 'DELETE',
  path: '/api/hubs/{hub}/users/{userId}/groups/{group}',
  query: {},
  body: null,
  success: 204,
  since: '2021-10-01',
  source: 'REST reference 2024-12-01; 204 without any connection too',
  run: (deps, { path: { hub, userId, group } }) => leave(deps, { kind: 'user', hub, userId }, [group]),
})
