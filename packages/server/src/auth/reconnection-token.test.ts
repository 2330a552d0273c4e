import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { signHs256 } from './hs256.ts'
import { issueReconnectionToken, verifyReconnectionToken } from './reconnection-token.ts'

const primary = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH'
const secondary = 'another-key-of-at-least-32-characters!!'
const nowMs = 1_700_000_000_000
const subject = { hub: 'chat', connectionId: 'c-1', nowMs }
const issue = (keys = [primary]) => issueReconnectionToken({ ...subject, ttlSeconds: 60 }, keys)

describe('reconnection tokens', () => {
  it('are good for their connection until they expire, to the second', () => {
    const token = issue()
    expect(verifyReconnectionToken(token, subject, [primary])).toBe(true)
    expect(verifyReconnectionToken(token, { ...subject, nowMs: nowMs + 59_999 }, [primary])).toBe(true)
    expect(verifyReconnectionToken(token, { ...subject, nowMs: nowMs + 60_000 }, [primary])).toBe(false)
  })

  it('are good for no other connection and no other hub', () => {
    expect(verifyReconnectionToken(issue(), { ...subject, connectionId: 'c-2' }, [primary])).toBe(false)
    expect(verifyReconnectionToken(issue(), { ...subject, hub: 'news' }, [primary])).toBe(false)
  })

  it('outlive a key rotation: issued with the primary key, verified with either', () => {
    expect(verifyReconnectionToken(issue([primary, secondary]), subject, [secondary, primary])).toBe(true)
    expect(verifyReconnectionToken(issue([primary, secondary]), subject, [secondary])).toBe(false)
  })

  it('are not what the access key itself signs', () => {
    const forged = signHs256({ iss: 'hocket', aud: 'c-1', hub: 'chat', exp: nowMs / 1000 + 60 }, primary)
    expect(verifyReconnectionToken(forged, subject, [primary])).toBe(false)
  })

  it('need no escape in a URL, and no two are equal', () => {
    expect(issue()).toMatch(/^[A-Za-z0-9\-_.~]+$/)
    expect(issue()).not.toBe(issue())
  })

  it('refuse arbitrary text without throwing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(verifyReconnectionToken(text, subject, [primary])).toBe(false)
      }),
    )
  })
})
