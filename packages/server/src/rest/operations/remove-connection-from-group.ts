import { leave } from '../dispatch.ts'
import { operation } from '../operation.ts'

export const removeConnectionFromGroup = operation({
  id: 'WebPubSub_RemoveConnectionFromGroup',
  summary: 'Removes the connection from the group.',
  method: 'DELETE',
  path: '/api/hubs/{hub}/groups/{group}/connections/{connectionId}',
  query: {},
  body: null,
  success: 204,
  since: '2021-10-01',
  source: 'REST reference 2024-12-01; 204 without the connection too',
  run: (deps, { path: { hub, group, connectionId } }) =>
    leave(deps, { kind: 'connection', hub, connectionId }, [group]),
})
