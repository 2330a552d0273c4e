/** Tokens made by hand, so that every part of them can be wrong. */

import { createHmac } from 'node:crypto'

export interface TokenParts {
  readonly header?: unknown
  readonly claims: unknown
  readonly key: string
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value) ?? '').toString('base64url')

/** A JSON Web Token with an HS256 signature, whatever its header says. */
export function signToken({ header = { alg: 'HS256', typ: 'JWT' }, claims, key }: TokenParts): string {
  return signText(`${encode(header)}.${encode(claims)}`, key)
}

/** Signs two parts as they are. */
export function signText(text: string, key: string): string {
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
}

/** Claims that open `audience` for an hour. */
export function claimsFor(audience: string, more: object = {}): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1000)
  return { aud: audience, iat: now, exp: now + 3600, ...more }
}
