import { operation } from '../operation.ts'
import { unread } from '../query.ts'

const texts = { type: 'array', items: { type: 'string' } }

/** No identity can call yet, because no issuer can be configured: everybody is answered 401, as key holders are on Azure. */
export const generateClientToken = operation({
  id: 'WebPubSub_GenerateClientToken',
  summary:
    'Makes a token for a client. Only for identities of an issuer; holders of an access key sign tokens themselves.',
  method: 'POST',
  path: '/api/hubs/{hub}/:generateToken',
  query: {
    userId: unread('User of the client.', { type: 'string' }),
    role: unread('Role of the client. Repeat the parameter for more.', texts),
    minutesToExpire: unread('Lifetime of the token.', { type: 'integer', format: 'int32', minimum: 1, default: 60 }),
    group: unread('Group that the client is in from the start. Repeat the parameter for more.', texts),
    clientType: unread('Kind of client, without regard to case.', { type: 'string', default: 'Default' }),
  },
  body: null,
  success: 200,
  reply: { type: 'object', required: ['token'], properties: { token: { type: 'string' } } },
  since: '2021-10-01',
  source: 'REST reference 2024-12-01; 401 for access keys as the official emulator has it',
  access: 'identity',
  refusals: { 401: 'The caller is no identity of an issuer: nobody is yet.' },
})
