import { describe, expect, it } from 'vitest'
import { Secrets } from './secrets.ts'

const signature = 's'.repeat(43)
const token = `eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJ4In0.${signature}`

function secretsWith(...values: string[]): Secrets {
  const secrets = new Secrets()
  for (const value of values) secrets.add(value, 'token')
  return secrets
}

describe('the search for secrets', () => {
  it('finds a key, a token, and the signature of a token alone', () => {
    expect(secretsWith('a+key/').leaksIn('before a+key/ behind')).toEqual(['token after: …before '])
    expect(secretsWith(token).leaksIn(`access_token=${token}`)).toHaveLength(2)
    expect(secretsWith(token).leaksIn(`...${signature}...`)).toEqual(['signature of a token after: …...'])
  })

  it('finds a value that is percent-encoded', () => {
    expect(secretsWith('a+key/').leaksIn('?key=a%2Bkey%2F')).toHaveLength(1)
  })

  it('finds the tokens of client and recovery URLs', () => {
    const secrets = new Secrets()
    secrets.addUrl(`ws://localhost/client/hubs/h?access_token=${token}&awps_reconnection_token=r.e.c`)
    expect(secrets.leaksIn(`${token} r.e.c`)).toHaveLength(3)
  })

  it('names no value, and finds nothing in clean output', () => {
    const secrets = secretsWith(token, 'key')
    expect(secrets.leaksIn('{"msg":"listening"}')).toEqual([])
    expect(secrets.leaksIn(`x ${token}`).join()).not.toContain(token)
    expect(secretsWith('').size).toBe(0)
  })
})
