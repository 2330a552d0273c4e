import { errors } from '@hocket/protocol/errors'
import { exists } from '../dispatch.ts'
import { operation } from '../operation.ts'

export const groupExists = operation({
  id: 'WebPubSub_GroupExists',
  summary: 'Whether any connection is in the group.',
  method: 'HEAD',
  path: '/api/hubs/{hub}/groups/{group}',
  query: {},
  body: null,
  success: 200,
  since: '2021-10-01',
  source: 'REST reference 2024-12-01; service code of the official emulator',
  serviceCodes: { groupNotFound: 'Warning.Group.NotExisted' },
  refusals: { 404: 'No connection is in the group.' },
  async run(deps, { path }) {
    if (!(await exists(deps, { kind: 'group', ...path }))) throw errors.groupNotFound({ id: path.group })
  },
})
