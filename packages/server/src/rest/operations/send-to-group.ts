import { messageBody } from '../body.ts'
import { send } from '../dispatch.ts'
import { operation } from '../operation.ts'
import { connectionIds, filterParam, messageTtl } from '../query.ts'

export const sendToGroup = operation({
  id: 'WebPubSub_SendToGroup',
  summary: 'Sends a message to every connection in the group.',
  method: 'POST',
  path: '/api/hubs/{hub}/groups/{group}/:send',
  query: { excluded: connectionIds, filter: filterParam, messageTtlSeconds: messageTtl },
  body: messageBody,
  success: 202,
  since: '2021-10-01',
  source: 'REST reference 2024-12-01',
  refusals: { 429: 'Connections have too much to be written.' },
  run: (deps, { path, query, body }) => send(deps, { kind: 'group', ...path }, body, query),
})
