import { errors } from '@hocket/protocol/errors'
import { join } from '../dispatch.ts'
import { operation } from '../operation.ts'

export const addConnectionToGroup = operation({
  id: 'WebPubSub_AddConnectionToGroup',
  summary: 'Adds the connection to the group.',
  method: 'PUT',
  path: '/api/hubs/{hub}/groups/{group}/connections/{connectionId}',
  query: {},
  body: null,
  success: 200,
  since: '2021-10-01',
  source: 'REST reference 2024-12-01',
  refusals: { 404: 'There is no such connection.' },
  async run(deps, { path: { hub, group, connectionId } }) {
    const count = await join(deps, { kind: 'connection', hub, connectionId }, [group])
    if (count === 0) throw errors.connectionNotFound({ id: connectionId })
  },
})
