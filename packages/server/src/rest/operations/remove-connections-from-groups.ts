import { groupsBody } from '../body.ts'
import { leave } from '../dispatch.ts'
import { operation } from '../operation.ts'

export const removeConnectionsFromGroups = operation({
  id: 'WebPubSub_RemoveConnectionsFromGroups',
  summary: 'Removes the connections that match the filter from groups.',
  method: 'POST',
  path: '/api/hubs/{hub}/:removeFromGroups',
  query: {},
  body: groupsBody,
  success: 200,
  since: '2023-07-01',
  source: 'REST reference 2024-12-01; 200 when nothing matches too',
  async run(deps, { path, body }) {
    await leave(deps, { kind: 'hub', ...path }, body.groups, body.filter)
  },
})
