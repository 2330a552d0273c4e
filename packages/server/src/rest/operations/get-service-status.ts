import { errors } from '@hocket/protocol/errors'
import { operation } from '../operation.ts'

export const getServiceStatus = operation({
  id: 'HealthApi_GetServiceStatus',
  summary: 'Whether the service takes requests.',
  method: 'HEAD',
  path: '/api/health',
  query: {},
  body: null,
  success: 200,
  since: '2021-10-01',
  source: 'REST reference 2024-12-01; needs no token',
  access: 'anyone',
  run({ isHealthy }) {
    if (!isHealthy()) throw errors.shuttingDown()
  },
})
