import { leave } from '../dispatch.ts'
import { operation } from '../operation.ts'

export const removeUserFromAllGroups = operation({
  id: 'WebPubSub_RemoveUserFromAllGroups',
  summary: 'Removes every connection of the user from every group.',
  method: 'DELETE',
  path: '/api/hubs/{hub}/users/{userId}/groups',
  query: {},
  body: null,
  success: 204,
  since: '2021-10-01',
  source: 'REST reference 2024-12-01; 204 without any connection too',
  run: (deps, { path }) => leave(deps, { kind: 'user', ...path }, 'all'),
})
