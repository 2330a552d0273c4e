import { close } from '../dispatch.ts'
import { operation } from '../operation.ts'
import { connectionIds, reasonParam } from '../query.ts'

export const closeUserConnections = operation({
  id: 'WebPubSub_CloseUserConnections',
  summary: 'Closes the connections of the user.',
  method: 'POST',
  path: '/api/hubs/{hub}/users/{userId}/:closeConnections',
  query: { excluded: connectionIds, reason: reasonParam },
  body: null,
  success: 204,
  since: '2021-10-01',
  source: 'REST reference 2024-12-01; 204 without any connection too',
  run: (deps, { path, query }) => close(deps, { kind: 'user', ...path }, query),
})
