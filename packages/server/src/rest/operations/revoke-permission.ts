import { operation } from '../operation.ts'
import { changePermission } from '../permissions.ts'
import { targetNameParam } from '../query.ts'

export const revokePermission = operation({
  id: 'WebPubSub_RevokePermission',
  summary: 'Takes a permission for a group from the connection.',
  method: 'DELETE',
  path: '/api/hubs/{hub}/permissions/{permission}/connections/{connectionId}',
  query: { targetName: targetNameParam },
  body: null,
  success: 204,
  since: '2021-10-01',
  source: 'REST reference 2024-12-01; 204 without the connection too',
  refusals: { 409: 'The connection has 1,000 literal rules for the permission.' },
  async run(deps, { path, query }) {
    await changePermission(deps, 'revoke', path, query.targetName)
  },
})
