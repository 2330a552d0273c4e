import { messageBody } from '../body.ts'
import { send } from '../dispatch.ts'
import { operation } from '../operation.ts'
import { messageTtl } from '../query.ts'

export const sendToConnection = operation({
  id: 'WebPubSub_SendToConnection',
  summary: 'Sends a message to the connection.',
  method: 'POST',
  path: '/api/hubs/{hub}/connections/{connectionId}/:send',
  query: { messageTtlSeconds: messageTtl },
  body: messageBody,
  success: 202,
  since: '2021-10-01',
  source: 'REST reference 2024-12-01',
  refusals: { 429: 'Connections have too much to be written.' },
  run: (deps, { path, query, body }) => send(deps, { kind: 'connection', ...path }, body, query),
})
