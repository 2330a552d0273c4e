import { close } from '../dispatch.ts'
import { operation } from '../operation.ts'
import { connectionIds, reasonParam } from '../query.ts'

export const closeAllConnections = operation({
  id: 'WebPubSub_CloseAllConnections',
  summary: 'Closes the connections of the hub.',
  method: 'POST',
  path: '/api/hubs/{hub}/:closeConnections',
  query: { excluded: connectionIds, reason: reasonParam },
  body: null,
  success: 204,
  since: '2021-10-01',
  source: 'REST reference 2024-12-01; 204 without any connection too',
  run: (deps, { path, query }) => close(deps, { kind: 'hub', ...path }, query),
})
