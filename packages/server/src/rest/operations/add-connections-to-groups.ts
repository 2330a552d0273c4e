import { groupsBody } from '../body.ts'
import { join } from '../dispatch.ts'
import { operation } from '../operation.ts'

export const addConnectionsToGroups = operation({
  id: 'WebPubSub_AddConnectionsToGroups',
  summary: 'Adds the connections that match the filter to groups.',
  method: 'POST',
  path: '/api/hubs/{hub}/:addToGroups',
  query: {},
  body: groupsBody,
  success: 200,
  since: '2023-07-01',
  source: 'REST reference 2024-12-01; 200 when nothing matches too',
  async run(deps, { path, body }) {
    await join(deps, { kind: 'hub', ...path }, body.groups, body.filter)
  },
})
