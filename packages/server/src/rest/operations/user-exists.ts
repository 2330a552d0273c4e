import { errors } from '@hocket/protocol/errors'
import { exists } from '../dispatch.ts'
import { operation } from '../operation.ts'

export const userExists = operation({
  id: 'WebPubSub_UserExists',
  summary: 'Whether the user has any connection.',
  method: 'HEAD',
  path: '/api/hubs/{hub}/users/{userId}',
  query: {},
  body: null,
  success: 200,
  since: '2021-10-01',
  source: 'REST reference 2024-12-01; service code as recorded',
  serviceCodes: { userNotFound: 'Warning.User.NotExisted' },
  refusals: { 404: 'The user has no connection.' },
  async run(deps, { path }) {
    if (!(await exists(deps, { kind: 'user', ...path }))) throw errors.userNotFound({ id: path.userId })
  },
})
