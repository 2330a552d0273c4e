/** Tokens that are right, or wrong in any of their parts. */

import fc from 'fast-check'
import { signText, signToken } from './tokens.ts'
import { type Damage, damage, damaged, inherited, name, seldom } from './words.ts'

export interface TokenSpec {
  readonly header: unknown
  /** Claims that take the place of the right ones. */
  readonly claims: Readonly<Record<string, unknown>>
  readonly audience: 'right' | 'listed' | 'parent' | 'child' | 'other host' | 'none'
  readonly signer: 'primary' | 'secondary' | 'stranger' | 'nobody'
  readonly shape: 'token' | 'two parts' | 'four parts' | 'text' | 'list' | 'deep' | 'huge' | 'not UTF-8'
  readonly damage: Damage | null
}

const anyValue: fc.Arbitrary<unknown> = fc.oneof(
  name,
  fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 1e300, -1e300, 2 ** 53, '', [], {}, [[]], ['', null], {
    toString: 1,
  }),
  fc.array(name, { maxLength: 5 }),
  fc.jsonValue({ maxDepth: 2 }),
)

const header: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 12, arbitrary: fc.constant({ alg: 'HS256', typ: 'JWT' }) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('none', 'hs256', 'HS384', 'HS512', 'RS256', 'ES256', '', 1, null)
      .map((alg) => ({ alg })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<object>({ alg: 'HS256', crit: ['exp'] }, { alg: 'HS256', kid: '../../x' }, {}, []),
  },
  { weight: 1, arbitrary: fc.dictionary(name, anyValue, { maxKeys: 3 }) },
)

const claimNames = ['aud', 'exp', 'nbf', 'iat', 'sub', 'role', 'webpubsub.group', 'webpubsub.rtoken.ttl', ...inherited]

export const tokenSpec: fc.Arbitrary<TokenSpec> = fc.record({
  header,
  claims: fc.oneof(
    { weight: 1, arbitrary: fc.constant({}) },
    { weight: 2, arbitrary: fc.dictionary(fc.constantFrom(...claimNames), anyValue, { maxKeys: 2 }) },
  ),
  audience: fc.constantFrom('right', 'right', 'right', 'right', 'listed', 'parent', 'child', 'other host', 'none'),
  signer: fc.constantFrom('primary', 'primary', 'primary', 'secondary', 'secondary', 'stranger', 'nobody'),
  shape: fc.oneof(
    { weight: 10, arbitrary: fc.constant('token' as const) },
    { weight: 2, arbitrary: fc.constantFrom('two parts', 'four parts', 'text', 'list', 'deep', 'huge', 'not UTF-8') },
  ),
  damage: seldom(5, damage),
})

export interface Signing {
  readonly audience: string
  readonly keys: { readonly primary: string; readonly secondary: string }
}

export function buildToken(spec: TokenSpec, signing: Signing): string {
  const key = { ...signing.keys, stranger: 'k'.repeat(44), nobody: '' }[spec.signer]
  const now = Math.floor(Date.now() / 1000)
  const aud = audienceOf(spec.audience, signing.audience)
  const claims = { ...(aud === undefined ? {} : { aud }), exp: now + 600, ...spec.claims }
  const token = shaped(spec, claims, key)
  return spec.damage === null ? token : damaged(Buffer.from(token), spec.damage).toString('latin1')
}

function audienceOf(kind: TokenSpec['audience'], right: string): unknown {
  switch (kind) {
    case 'right':
      return right
    case 'listed':
      return ['https://example.com/', right]
    case 'parent':
      return right.replace(/\/[^/]*$/, '')
    case 'child':
      return `${right}/more`
    case 'other host':
      return right.replace(/^http:\/\/[^/]*/, 'http://example.com')
    case 'none':
      return undefined
    default:
      return kind satisfies never
  }
}

function shaped({ header, shape }: TokenSpec, claims: object, key: string): string {
  const token = signToken({ header, claims, key })
  const [head, payload] = token.split('.') as [string, string]
  const signed = (content: string | Uint8Array) =>
    signText(`${head}.${Buffer.from(content).toString('base64url')}`, key)
  switch (shape) {
    case 'token':
      return token
    case 'two parts':
      return `${head}.${payload}`
    case 'four parts':
      return `${token}.${head}`
    case 'text':
      return signed('not JSON')
    case 'list':
      return signed(JSON.stringify([claims]))
    case 'deep':
      return signed(`{"aud":${'['.repeat(5000)}${']'.repeat(5000)}}`)
    case 'huge':
      return signToken({ header, claims: { ...claims, padding: 'x'.repeat(20_000) }, key })
    case 'not UTF-8':
      return signed(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))
    default:
      return shape satisfies never
  }
}
