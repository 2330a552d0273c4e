import { errors } from './errors.ts'
import { isGroupName } from './names.ts'

/** What a client's token says about it. */
export interface ClientClaims {
  /** `null` for an anonymous client. */
  readonly userId: string | null
  readonly roles: readonly string[]
  /** Groups it is in from the start. */
  readonly groups: readonly string[]
  readonly reconnectionTokenTtlSeconds: number | null
}

/**
 * Reads the claims `sub`, `role`, `webpubsub.group` and `webpubsub.rtoken.ttl` of a verified token.
 * @throws HocketError `unauthorized` for a claim of the wrong type, `invalidGroup` for a name that is none
 */
export function readClientClaims(payload: Readonly<Record<string, unknown>>): ClientClaims {
  const sub = payload.sub ?? null
  if (sub !== null && typeof sub !== 'string') throw wrongType('sub', 'a string')
  const ttl = payload['webpubsub.rtoken.ttl'] ?? null
  if (ttl !== null && !(typeof ttl === 'number' && Number.isInteger(ttl) && ttl > 0)) {
    throw wrongType('webpubsub.rtoken.ttl', 'a positive whole number of seconds')
  }
  const groups = strings(payload, 'webpubsub.group')
  if (!groups.every(isGroupName)) throw errors.invalidGroup({ target: 'webpubsub.group' })
  return { userId: sub === '' ? null : sub, roles: strings(payload, 'role'), groups, reconnectionTokenTtlSeconds: ttl }
}

function strings(payload: Readonly<Record<string, unknown>>, claim: string): string[] {
  const value = payload[claim] ?? []
  const list: unknown[] = Array.isArray(value) ? value : [value]
  if (!list.every((item) => typeof item === 'string')) throw wrongType(claim, 'a string or a list of strings')
  return list
}

function wrongType(claim: string, wanted: string) {
  return errors.unauthorized({ reason: `The claim '${claim}' of the token is not ${wanted}.` })
}
