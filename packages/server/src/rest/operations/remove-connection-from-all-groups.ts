import { leave } from '../dispatch.ts'
import { operation } from '../operation.ts'

export const removeConnectionFromAllGroups = operation({
  id: 'WebPubSub_RemoveConnectionFromAllGroups',
  summary: 'Removes the connection from every group.',
  method: 'DELETE',
  path: '/api/hubs/{hub}/connections/{connectionId}/groups',
  query: {},
  body: null,
  success: 204,
  since: '2022-11-01',
  source: 'REST reference 2024-12-01; 204 without the connection too',
  run: (deps, { path }) => leave(deps, { kind: 'connection', ...path }, 'all'),
})
