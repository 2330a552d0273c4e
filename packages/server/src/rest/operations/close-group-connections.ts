import { close } from '../dispatch.ts'
import { operation } from '../operation.ts'
import { connectionIds, reasonParam } from '../query.ts'

export const closeGroupConnections = operation({
  id: 'WebPubSub_CloseGroupConnections',
  summary: 'Closes the connections in the group.',
  method: 'POST',
  path: '/api/hubs/{hub}/groups/{group}/:closeConnections',
  query: { excluded: connectionIds, reason: reasonParam },
  body: null,
  success: 204,
  since: '2021-10-01',
  source: 'REST reference 2024-12-01; 204 without any connection too',
  run: (deps, { path, query }) => close(deps, { kind: 'group', ...path }, query),
})
