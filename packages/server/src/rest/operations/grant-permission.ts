import { errors } from '@hocket/protocol/errors'
import { operation } from '../operation.ts'
import { changePermission } from '../permissions.ts'
import { targetNameParam } from '../query.ts'

export const grantPermission = operation({
  id: 'WebPubSub_GrantPermission',
  summary: 'Grants the connection a permission for a group.',
  method: 'PUT',
  path: '/api/hubs/{hub}/permissions/{permission}/connections/{connectionId}',
  query: { targetName: targetNameParam },
  body: null,
  success: 200,
  since: '2021-10-01',
  source: 'REST reference 2024-12-01; service code as recorded',
  serviceCodes: { connectionNotFound: 'Info.Connection.NotExisted' },
  refusals: { 404: 'There is no such connection.', 409: 'The connection has 1,000 literal rules for the permission.' },
  async run(deps, { path, query }) {
    const isFound = await changePermission(deps, 'grant', path, query.targetName)
    if (!isFound) throw errors.connectionNotFound({ id: path.connectionId })
  },
})
