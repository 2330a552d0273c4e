import { errors } from '@hocket/protocol/errors'
import { exists } from '../dispatch.ts'
import { operation } from '../operation.ts'

export const connectionExists = operation({
  id: 'WebPubSub_ConnectionExists',
  summary: 'Whether there is the connection.',
  method: 'HEAD',
  path: '/api/hubs/{hub}/connections/{connectionId}',
  query: {},
  body: null,
  success: 200,
  since: '2021-10-01',
  source: 'REST reference 2024-12-01; service code by analogy with users and groups',
  serviceCodes: { connectionNotFound: 'Warning.Connection.NotExisted' },
  refusals: { 404: 'There is no such connection.' },
  async run(deps, { path }) {
    if (!(await exists(deps, { kind: 'connection', ...path })))
      throw errors.connectionNotFound({ id: path.connectionId })
  },
})
