import { type ClientClaims, readClientClaims } from '@hocket/protocol/claims'
import { type TokenDeps, verifyKeyToken } from './access-key.ts'
import type { ExpectedAudience } from './audience.ts'
import { signHs256 } from './hs256.ts'

/**
 * Checks the token of a client and gives what it says about the client.
 * @throws HocketError `unauthorized`, or what `readClientClaims` throws.
 */
export function verifyClientToken(token: string, expected: ExpectedAudience, deps: TokenDeps): ClientClaims {
  return readClientClaims(verifyKeyToken(token, expected, deps))
}

export interface ClientTokenOptions {
  /** Where clients reach the server: `http://localhost:8080`, with a path prefix if there is one. */
  readonly endpoint: string
  readonly key: string
  readonly hub: string
  /** `null` or empty makes an anonymous user. */
  readonly userId?: string | null
  readonly roles?: readonly string[]
  /** Groups the connection is in from the start. */
  readonly groups?: readonly string[]
  /** Default 60. */
  readonly minutesToExpire?: number
  /** Epoch milliseconds; default now. */
  readonly nowMs?: number
}

/** Signs a client's token as the SDKs do, and composes the URL to connect to. */
export function signClientToken(options: ClientTokenOptions): { readonly token: string; readonly url: string } {
  const { endpoint, key, hub, userId, roles = [], groups = [], minutesToExpire = 60, nowMs = Date.now() } = options
  const baseUrl = `${endpoint.replace(/\/+$/, '')}/client/hubs/${encodeURIComponent(hub)}`
  const iat = Math.floor(nowMs / 1000)
  const token = signHs256(
    {
      aud: baseUrl,
      iat,
      exp: iat + Math.round(minutesToExpire * 60),
      ...(userId ? { sub: userId } : {}),
      ...(roles.length > 0 ? { role: roles } : {}),
      ...(groups.length > 0 ? { 'webpubsub.group': groups } : {}),
    },
    key,
  )
  return { token, url: `${baseUrl.replace(/^http/i, 'ws')}?access_token=${token}` }
}
