import { errors } from './errors.ts'
import { isGroupName } from './names.ts'

/** What a client's token says about it. */
export interface ClientClaims {
  /** `null` for an anonymous client. */
  readonly userId: string | null
  readonly roles: readonly string[]
  /** Groups it is in from the start. */
  readonly groups: readonly string[]
  /** `null`: the server's setting counts. */
  readonly reconnectionTokenTtlSeconds: number | null
}

/** The claims of a token for a client, as the official SDKs issue them. Members that say nothing are left out. */
export interface ClientTokenClaims {
  /** `{endpoint}/client/hubs/{hub}`, with the http or https scheme. */
  readonly aud: string
  /** Seconds since 1970, as the two below. Counts when the client connects; an open connection outlives its token. */
  readonly exp: number
  readonly iat?: number
  readonly nbf?: number
  /** The user id. */
  readonly sub?: string
  readonly role?: readonly string[]
  /** Groups to be in from the start. */
  readonly 'webpubsub.group'?: readonly string[]
}

/**
 * Reads the claims `sub`, `role`, `webpubsub.group` and `webpubsub.rtoken.ttl` of a verified token. An empty `sub` is no
 * user: the SDKs leave it out then.
 * @throws HocketError `unauthorized` for a claim of the wrong type, `invalidGroup` for a name that is none
 */
export function readClientClaims(payload: Readonly<Record<string, unknown>>): ClientClaims {
  const sub = payload.sub ?? null
  if (sub !== null && typeof sub !== 'string') throw wrongType('sub', 'a string')
  const ttl = payload['webpubsub.rtoken.ttl'] ?? null
  if (ttl !== null && !(Number.isSafeInteger(ttl) && (ttl as number) > 0)) {
    throw wrongType('webpubsub.rtoken.ttl', 'a whole number of seconds above 0')
  }
  const groups = strings(payload, 'webpubsub.group')
  if (!groups.every(isGroupName)) throw errors.invalidGroup({ target: 'webpubsub.group' })
  return {
    userId: sub === '' ? null : sub,
    roles: strings(payload, 'role'),
    groups,
    reconnectionTokenTtlSeconds: ttl as number | null,
  }
}

function strings(payload: Readonly<Record<string, unknown>>, claim: string): string[] {
  const value = payload[claim] ?? []
  const list: unknown[] = Array.isArray(value) ? value : [value]
  if (!list.every((item) => typeof item === 'string')) throw wrongType(claim, 'a string or a list of strings')
  return list
}

function wrongType(claim: string, wanted: string) {
  return errors.unauthorized({ reason: `The claim '${claim}' of the token must be ${wanted}.` })
}
