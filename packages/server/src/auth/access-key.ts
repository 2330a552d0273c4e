import { errors } from '@hocket/protocol/errors'
import { AudienceMismatch, type ExpectedAudience, listAudiences, matchesAudience } from './audience.ts'
import { checkLifetime, readUnverifiedClaims, type Secret, verifyHs256 } from './hs256.ts'

/** What checking a token needs from its surroundings. */
export interface TokenDeps {
  /** Primary key first. */
  readonly keys: readonly Secret[]
  readonly nowSeconds: number
}

/**
 * Checks signature, lifetime and audience of a token signed with an access key, and gives its claims.
 * @throws HocketError `unauthorized`, with an `AudienceMismatch` as its cause where the audience is to blame.
 */
export function verifyKeyToken(token: string, expected: ExpectedAudience, deps: TokenDeps): Record<string, unknown> {
  const claims = verifyHs256(token, deps.keys)
  checkLifetime(claims, deps.nowSeconds)
  if (!matchesAudience(claims.aud, expected)) {
    throw errors.unauthorized({
      reason: 'The audience is invalid.',
      cause: new AudienceMismatch(claims.aud, expected),
    })
  }
  return claims
}

/**
 * Checks the `Authorization` header of a REST call. A client's token does not pass: its audience is another path.
 * @throws HocketError `unauthorized`.
 */
export function authorizeRest(authorization: string | null, expected: ExpectedAudience, deps: TokenDeps): void {
  const token = readBearer(authorization)
  if (token === null) throw errors.unauthorized({ reason: 'The Authorization header has no bearer token.' })
  try {
    verifyKeyToken(token, expected, deps)
  } catch (error) {
    // Only now, so that a good token is not read twice. A malformed one is refused with the same words by both.
    if (!isEntraAudience(readUnverifiedClaims(token).aud)) throw error
    throw errors.unauthorized({
      reason: 'The token is an Entra token, but no issuer is configured. Use an access key.',
    })
  }
}

/** The token of `Authorization: Bearer <token>` (`Bearer` in any case), or `null`. */
export function readBearer(authorization: string | null): string | null {
  return /^bearer +([^\s,]+)\s*$/i.exec(authorization ?? '')?.[1] ?? null
}

/** Tokens for the service as a whole, which an identity provider issues, name this audience. */
const isEntraAudience = (audience: unknown) =>
  listAudiences(audience).some((item) => /^https:\/\/webpubsub\.azure\.com\/?$/i.test(item))
