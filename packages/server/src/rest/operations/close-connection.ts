import { close } from '../dispatch.ts'
import { operation } from '../operation.ts'
import { reasonParam } from '../query.ts'

export const closeConnection = operation({
  id: 'WebPubSub_CloseConnection',
  summary: 'Closes the connection.',
  method: 'DELETE',
  path: '/api/hubs/{hub}/connections/{connectionId}',
  query: { reason: reasonParam },
  body: null,
  success: 204,
  since: '2021-10-01',
  source: 'REST reference 2024-12-01; 204 without the connection too',
  run: (deps, { path, query }) => close(deps, { kind: 'connection', ...path }, query),
})
