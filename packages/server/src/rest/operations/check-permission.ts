import { errors } from '@hocket/protocol/errors'
import { operation } from '../operation.ts'
import { holdsPermission } from '../permissions.ts'
import { targetNameParam } from '../query.ts'

export const checkPermission = operation({
  id: 'WebPubSub_CheckPermission',
  summary: 'Whether the connection holds a permission for a group.',
  method: 'HEAD',
  path: '/api/hubs/{hub}/permissions/{permission}/connections/{connectionId}',
  query: { targetName: targetNameParam },
  body: null,
  success: 200,
  since: '2021-10-01',
  source: 'REST reference 2024-12-01; service code of the official emulator',
  refusals: { 404: 'There is no such connection, or it does not hold the permission.' },
  async run(deps, { path, query }) {
    const isHeld = await holdsPermission(deps, path, query.targetName)
    if (!isHeld) throw errors.permissionNotFound({ id: path.connectionId })
  },
})
