import { createHmac, timingSafeEqual } from 'node:crypto'
import { errors } from '@hocket/protocol/errors'
import { parseMembers } from '@hocket/protocol/json-source'

/** An HMAC key: text is used as its UTF-8 bytes, as the SDKs do, and is never base64-decoded. */
export type Secret = string | Uint8Array

/** Characters of a whole token. Longer ones are refused before anything is decoded. */
export const maxTokenChars = 65_536

/** Clock difference between us and whoever signed, in seconds. Azure's emulator allows the same. */
export const clockSkewSeconds = 300

/** Makes an HS256 token. `header` is merged over `{ alg: 'HS256', typ: 'JWT' }`; `alg` stays HS256. */
export function signHs256(claims: object, key: Secret, header: object = {}): string {
  const head = encode({ typ: 'JWT', ...header, alg: 'HS256' })
  const signed = `${head}.${encode(claims)}`
  return `${signed}.${signatureOf(signed, key)}`
}

/**
 * Checks the form, the algorithm and the signature of a token, and gives its claims. The lifetime and the audience are
 * the caller's to check. `kid` is ignored: every key is tried, in the order given.
 * @throws HocketError `unauthorized`; the reason never contains a part of the token.
 */
export function verifyHs256(token: string, keys: readonly Secret[]): Record<string, unknown> {
  const { header, claims, signed, signature } = parseToken(token)
  if (header.alg !== 'HS256') throw errors.unauthorized({ reason: 'The token must be signed with HS256.' })
  if ('crit' in header) throw errors.unauthorized({ reason: 'The token demands an extension (crit).' })
  if (!keys.some((key) => isSame(signature, signatureOf(signed, key)))) {
    throw errors.unauthorized({ reason: 'The signature of the token is invalid.' })
  }
  return claims
}

/** The claims of a token nobody has verified: good for choosing how to verify it, and for nothing else. */
export function readUnverifiedClaims(token: string): Record<string, unknown> {
  return parseToken(token).claims
}

/**
 * Checks `exp` (required), `nbf` and `iat` against `nowSeconds`, allowing `skewSeconds` (default 300) either way.
 * @throws HocketError `unauthorized`.
 */
export function checkLifetime(
  claims: Readonly<Record<string, unknown>>,
  nowSeconds: number,
  skewSeconds: number = clockSkewSeconds,
): void {
  const expires = readTime(claims, 'exp')
  if (expires === null) throw errors.unauthorized({ reason: 'The token has no expiry (exp).' })
  if (nowSeconds >= expires + skewSeconds) throw errors.unauthorized({ reason: 'The token has expired.' })
  for (const name of ['nbf', 'iat']) {
    const time = readTime(claims, name)
    if (time !== null && time > nowSeconds + skewSeconds) {
      throw errors.unauthorized({ reason: 'The token is not valid yet.' })
    }
  }
}

interface ParsedToken {
  readonly header: Record<string, unknown>
  readonly claims: Record<string, unknown>
  readonly signed: string
  readonly signature: string
}

function parseToken(token: string): ParsedToken {
  if (token.length > maxTokenChars) {
    throw errors.unauthorized({ reason: `The token is longer than ${maxTokenChars} characters.` })
  }
  const [head, payload, signature, ...more] = token.split('.')
  if (head === undefined || payload === undefined || signature === undefined || more.length > 0) throw malformed()
  const header = decode(head)
  const claims = decode(payload)
  if (header === null || claims === null || !isBase64Url(signature)) throw malformed()
  return { header, claims, signed: `${head}.${payload}`, signature }
}

const malformed = () => errors.unauthorized({ reason: 'The token is not a well-formed JSON Web Token.' })

function readTime(claims: Readonly<Record<string, unknown>>, name: string): number | null {
  const value = claims[name]
  if (value === undefined) return null
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw errors.unauthorized({ reason: `The claim ${name} of the token is not a number.` })
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value), 'utf8').toString('base64url')
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decode(part: string): Record<string, unknown> | null {
  if (!isBase64Url(part)) return null
  try {
    const value: unknown = parseMembers(utf8.decode(Buffer.from(part, 'base64url')))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null // not UTF-8, or not JSON: the caller refuses the token
  }
}

const isBase64Url = (part: string) => part.length % 4 !== 1 && /^[A-Za-z0-9_-]+$/.test(part)

const signatureOf = (signed: string, key: Secret) => createHmac('sha256', key).update(signed).digest('base64url')

/** Compares the encoded signatures, so that a signature has exactly one spelling. Their length is no secret. */
function isSame(found: string, expected: string): boolean {
  return found.length === expected.length && timingSafeEqual(Buffer.from(found), Buffer.from(expected))
}
