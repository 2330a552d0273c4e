/** URLs of recovery attempts for connections of one's own, of others, and of nobody. */

import fc from 'fast-check'
import { type Damage, damage, damaged, name } from './words.ts'

/** What the server said in `connected` to a reliable client. */
export interface Recoverable {
  readonly connectionId: string
  readonly reconnectionToken: string
}

/** A parameter: the value of one of two connections, that of the first damaged, a text, or none. */
type Part =
  | { readonly of: 'own' | 'other' }
  | { readonly of: 'damaged'; readonly change: Damage }
  | { readonly text: string }
  | null

const part: fc.Arbitrary<Part> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Part>({ of: 'own' }) },
  { weight: 2, arbitrary: fc.constant<Part>({ of: 'other' }) },
  { weight: 3, arbitrary: damage.map((change): Part => ({ of: 'damaged', change })) },
  { weight: 2, arbitrary: name.map((text): Part => ({ text: text.slice(0, 3000).toWellFormed() })) },
  { weight: 1, arbitrary: fc.constantFrom<Part>(null, { text: 'a.b.c' }, { text: 'eyJhbGciOiJub25lIn0.e30.' }) },
)

export interface RecoveryUrl {
  readonly hub: string
  readonly connectionId: Part
  readonly token: Part
  readonly subprotocol: string | null
  readonly extra: string
}

export const recoveryUrl: fc.Arbitrary<RecoveryUrl> = fc.record({
  hub: fc.oneof(
    { weight: 6, arbitrary: fc.constant('fuzz') },
    { weight: 1, arbitrary: name.map((text) => text.slice(0, 200).toWellFormed()) },
  ),
  connectionId: part,
  token: part,
  subprotocol: fc.constantFrom(
    'json.reliable.webpubsub.azure.v1',
    'json.reliable.webpubsub.azure.v1',
    'JSON.webpubsub.azure.v1',
    'mqtt',
    null,
  ),
  extra: fc.constantFrom(
    '',
    '',
    '',
    '&awps_connection_id=',
    '&AWPS_CONNECTION_ID=x',
    '&awps_reconnection_token=y',
    '&access_token=x',
    '&webpubsub_mode=sendToGroup',
  ),
})

export function recoveryTarget(url: RecoveryUrl, own: Recoverable, other: Recoverable): string {
  const value = (part: Part, field: keyof Recoverable): string | null => {
    if (part === null) return null
    if ('text' in part) return part.text
    if (part.of === 'damaged') return damaged(Buffer.from(own[field]), part.change).toString('latin1')
    return (part.of === 'own' ? own : other)[field]
  }
  const query = [
    ['awps_connection_id', value(url.connectionId, 'connectionId')],
    ['awps_reconnection_token', value(url.token, 'reconnectionToken')],
  ].flatMap(([key, text]) => (text === null ? [] : [`${key}=${encodeURIComponent(text!)}`]))
  return `/client/hubs/${encodeURIComponent(url.hub)}?${query.join('&')}${url.extra}`
}
