import { messageBody } from '../body.ts'
import { send } from '../dispatch.ts'
import { operation } from '../operation.ts'
import { filterParam, messageTtl } from '../query.ts'

export const sendToUser = operation({
  id: 'WebPubSub_SendToUser',
  summary: 'Sends a message to every connection of the user.',
  method: 'POST',
  path: '/api/hubs/{hub}/users/{userId}/:send',
  query: { filter: filterParam, messageTtlSeconds: messageTtl },
  body: messageBody,
  success: 202,
  since: '2021-10-01',
  source: 'REST reference 2024-12-01',
  refusals: { 429: 'Connections have too much to be written.' },
  run: (deps, { path, query, body }) => send(deps, { kind: 'user', ...path }, body, query),
})
