import { randomUUID } from 'node:crypto'
import { HocketError } from '@hocket/protocol/errors'
import { deriveKey } from './derived-key.ts'
import { checkLifetime, signHs256, verifyHs256 } from './hs256.ts'

/** The connection a reconnection token is made for. */
export interface ReconnectionSubject {
  /** In lower case. */
  readonly hub: string
  readonly connectionId: string
  /** Epoch milliseconds. */
  readonly nowMs: number
}

const issuer = 'hocket'
const purpose = 'reconnection token'

/**
 * The token with which one connection, and no other, may be recovered: opaque to clients, only characters that need no
 * escape in a URL, valid for `ttlSeconds`. Signed with a key derived from the first access key.
 */
export function issueReconnectionToken(
  subject: ReconnectionSubject & { readonly ttlSeconds: number },
  accessKeys: readonly string[],
): string {
  const claims = {
    iss: issuer,
    aud: subject.connectionId,
    hub: subject.hub,
    jti: randomUUID(),
    exp: Math.floor(subject.nowMs / 1000) + subject.ttlSeconds,
  }
  return signHs256(claims, deriveKey(accessKeys[0]!, purpose))
}

/** Whether the token was issued, with any of the access keys, for this connection and has not expired. No clock skew: the clock is ours. */
export function verifyReconnectionToken(
  token: string,
  subject: ReconnectionSubject,
  accessKeys: readonly string[],
): boolean {
  const keys = accessKeys.map((key) => deriveKey(key, purpose))
  try {
    const claims = verifyHs256(token, keys)
    checkLifetime(claims, subject.nowMs / 1000, 0)
    return claims.iss === issuer && claims.aud === subject.connectionId && claims.hub === subject.hub
  } catch (error) {
    if (error instanceof HocketError) return false // refused; the gateway answers 101 and 1008 and counts it
    throw error
  }
}
