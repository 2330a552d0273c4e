import { createHmac } from 'node:crypto'
import { HocketError } from '@hocket/protocol/errors'
import { describe, expect, it } from 'vitest'
import { checkLifetime, maxTokenChars, readUnverifiedClaims, signHs256, verifyHs256 } from './hs256.ts'

const key = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH'
const other = 'another-key-of-at-least-32-characters!!'
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const sign = (signed: string, algorithm = 'sha256') => createHmac(algorithm, key).update(signed).digest('base64url')
const token = (header: unknown, claims: unknown) => {
  const signed = `${part(header)}.${part(claims)}`
  return `${signed}.${sign(signed)}`
}

function refusal(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(HocketError)
    expect((error as HocketError).code).toBe('unauthorized')
    return (error as HocketError).message
  }
  return 'accepted'
}

describe('verifyHs256', () => {
  it('accepts what signHs256 made', () => {
    expect(verifyHs256(signHs256({ aud: 'x', exp: 1 }, key), [key])).toEqual({ aud: 'x', exp: 1 })
  })

  it('accepts a token of jwt.io with a known signature, so that both sides cannot be wrong together', () => {
    const known =
      'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c'
    expect(verifyHs256(known, ['your-256-bit-secret'])).toMatchObject({ sub: '1234567890' })
  })

  it('takes the key as UTF-8 text and never decodes it', () => {
    const text = Buffer.from(key).toString('base64')
    expect(refusal(() => verifyHs256(signHs256({}, key), [text]))).toMatch(/signature/)
    expect(verifyHs256(signHs256({ a: 'ü' }, 'schlüssel'), [Buffer.from('schlüssel')])).toEqual({ a: 'ü' })
  })

  it('tries the secondary key after the primary one, whatever kid says', () => {
    expect(verifyHs256(signHs256({ a: 1 }, other, { kid: 'x' }), [key, other])).toEqual({ a: 1 })
    expect(refusal(() => verifyHs256(signHs256({ a: 1 }, other, { kid: 'x' }), [key]))).toMatch(/signature/)
  })

  it('does without typ', () => {
    expect(verifyHs256(token({ alg: 'HS256' }, { a: 1 }), [key])).toEqual({ a: 1 })
  })

  it.each(['none', 'None', 'RS256', 'HS512', 'HS384', 'hs256', '', null, 256, undefined])('refuses alg %j', (alg) => {
    expect(refusal(() => verifyHs256(token({ alg, typ: 'JWT' }, { a: 1 }), [key]))).toMatch(/HS256/)
  })

  it('refuses an HS512 signature under a header that says HS256', () => {
    const signed = `${part({ alg: 'HS256' })}.${part({})}`
    expect(refusal(() => verifyHs256(`${signed}.${sign(signed, 'sha512')}`, [key]))).toMatch(/signature/)
  })

  it('refuses crit', () => {
    expect(refusal(() => verifyHs256(token({ alg: 'HS256', crit: ['exp'] }, {}), [key]))).toMatch(/crit/)
  })

  it('has no way to let a caller of signHs256 choose another algorithm', () => {
    expect(verifyHs256(signHs256({}, key, { alg: 'none' }), [key])).toEqual({})
  })

  it.each([
    ['nothing', ''],
    ['one part', 'abc'],
    ['two parts', 'abc.def'],
    ['four parts', `${signHs256({}, key)}.abc`],
    ['an empty signature', `${part({ alg: 'HS256' })}.${part({})}.`],
    ['padding', `${signHs256({}, key)}=`],
    ['spaces', ` ${signHs256({}, key)}`],
    ['a line end', `${signHs256({}, key)}\n`],
    ['the other base64 alphabet', token({ alg: 'HS256' }, {}).replace('.', '+.')],
    ['an array as claims', token({ alg: 'HS256' }, [1])],
    ['a string as claims', token({ alg: 'HS256' }, 'x')],
    ['null as a header', token(null, {})],
    ['claims that are no JSON', `${part({ alg: 'HS256' })}.${Buffer.from('{').toString('base64url')}.${sign('x')}`],
    [
      'claims that are no UTF-8',
      `${part({ alg: 'HS256' })}.${Buffer.from([0x22, 0xff, 0x22]).toString('base64url')}.AA`,
    ],
    ['a length that base64 cannot have', `${part({ alg: 'HS256' })}.abcde.AAAA`],
  ])('refuses %s as malformed', (_, text) => {
    expect(refusal(() => verifyHs256(text, [key]))).toBe('The token is not a well-formed JSON Web Token.')
  })

  it('refuses a token above the size cap before it decodes it', () => {
    const big = signHs256({ pad: 'x'.repeat(maxTokenChars) }, key)
    expect(refusal(() => verifyHs256(big, [key]))).toContain(String(maxTokenChars))
  })

  it('refuses every single changed character of a signature', () => {
    const good = signHs256({ a: 1 }, key)
    const start = good.lastIndexOf('.') + 1
    for (let i = start; i < good.length; i += 1) {
      const changed = good.slice(0, i) + (good[i] === 'A' ? 'B' : 'A') + good.slice(i + 1)
      expect(refusal(() => verifyHs256(changed, [key]))).toMatch(/signature/)
    }
  })

  it('keeps every part of the token out of the reason', () => {
    const text = signHs256({ secret: 'hush' }, other)
    const reason = refusal(() => verifyHs256(text, [key]))
    for (const piece of text.split('.')) expect(reason).not.toContain(piece)
  })
})

describe('readUnverifiedClaims', () => {
  it('reads claims of a token with any algorithm', () => {
    expect(readUnverifiedClaims(token({ alg: 'RS256' }, { aud: 'x' }))).toEqual({ aud: 'x' })
  })
})

describe('checkLifetime', () => {
  const now = 1_000_000
  it.each([
    ['without exp', {}, /no expiry/],
    ['with a text as exp', { exp: '2000000' }, /exp/],
    ['with an infinite exp', { exp: Number.POSITIVE_INFINITY }, /exp/],
    ['that expired more than the skew ago', { exp: now - 300 }, /expired/],
    ['that starts later than the skew', { exp: now + 9999, nbf: now + 301 }, /not valid yet/],
    ['issued later than the skew', { exp: now + 9999, iat: now + 301 }, /not valid yet/],
    ['with a text as nbf', { exp: now + 9999, nbf: '0' }, /nbf/],
    ['with null as iat', { exp: now + 9999, iat: null }, /iat/],
  ])('refuses a token %s', (_, claims, reason) => {
    expect(refusal(() => checkLifetime(claims, now))).toMatch(reason)
  })

  it.each([
    ['expired within the skew', { exp: now - 299 }],
    ['starting within the skew', { exp: now + 1, nbf: now + 300, iat: now + 300 }],
    ['without nbf and iat', { exp: now + 60 }],
    ['with fractions', { exp: now + 0.5, iat: now - 0.5 }],
  ])('accepts a token %s', (_, claims) => {
    expect(refusal(() => checkLifetime(claims, now))).toBe('accepted')
  })

  it('allows no skew when told so', () => {
    expect(refusal(() => checkLifetime({ exp: now }, now, 0))).toMatch(/expired/)
    expect(refusal(() => checkLifetime({ exp: now + 1 }, now, 0))).toBe('accepted')
  })
})
