import { HocketError } from '@hocket/protocol/errors'
import { describe, expect, it } from 'vitest'
import type { Logger } from '../log.ts'
import { signClientToken } from './client-token.ts'
import { signHs256 } from './hs256.ts'
import { Auth } from './mod.ts'
import { RefusalLog } from './refusal-log.ts'

const key = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH'
const secondary = 'another-key-of-at-least-32-characters!!'
const nowMs = 1_700_000_000_000
const exp = nowMs / 1000 + 60

function recordingLogger() {
  const lines: { level: string; fields: Record<string, unknown>; message: string }[] = []
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, fields: { ...fields }, message })
  }
  const logger: Logger = {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    trace: at('trace'),
    child: () => logger,
  }
  return { logger, lines }
}

function setUp({ publicEndpoints = [] as string[], accessKeySecondary = null as string | null } = {}) {
  const { logger, lines } = recordingLogger()
  const config = { accessKey: key, accessKeySecondary, publicEndpoints }
  const auth = new Auth({ config, logger, listening: () => ['http://localhost:8080'], now: () => nowMs })
  return { auth, lines }
}

function restRequest(authorization: string | null, target = '/api/hubs/chat/:send?api-version=2024-12-01') {
  const headers = new Map([['host', 'localhost:8080']])
  if (authorization !== null) headers.set('authorization', authorization)
  return { target, headers: { get: (name: string) => headers.get(name) ?? null, entries: () => headers.entries() } }
}

function outcome(run: () => unknown): string {
  try {
    run()
    return 'accepted'
  } catch (error) {
    return `${(error as HocketError).code}: ${(error as HocketError).message}`
  }
}

describe('Auth.rest', () => {
  const aud = 'http://localhost:8080/api/hubs/chat/:send'
  const good = signHs256({ aud, exp }, key)

  it.each(['Bearer', 'bearer', 'BEARER', 'Bearer '])('accepts the prefix %j', (prefix) => {
    expect(outcome(() => setUp().auth.rest(restRequest(`${prefix} ${good}`)))).toBe('accepted')
  })

  it.each([null, '', 'Bearer', 'Bearer ', `Basic ${good}`, good, `Bearer ${good} x`, `Bearer ${good}, Bearer ${good}`])(
    'refuses the header %j',
    (header) => {
      expect(outcome(() => setUp().auth.rest(restRequest(header)))).toBe(
        'unauthorized: The Authorization header has no bearer token.',
      )
    },
  )

  it('accepts the secondary key while there is one', () => {
    const token = signHs256({ aud, exp }, secondary)
    expect(outcome(() => setUp({ accessKeySecondary: secondary }).auth.rest(restRequest(`Bearer ${token}`)))).toBe(
      'accepted',
    )
    expect(outcome(() => setUp().auth.rest(restRequest(`Bearer ${token}`)))).toMatch(/signature/)
  })

  it('takes the absolute form of a request target', () => {
    const request = restRequest(`Bearer ${good}`, 'http://localhost:8080/api/hubs/chat/:send?x')
    expect(outcome(() => setUp().auth.rest(request))).toBe('accepted')
  })

  it('refuses a token of a client', () => {
    const { token } = signClientToken({ endpoint: 'http://localhost:8080', key, hub: 'chat', nowMs })
    expect(outcome(() => setUp().auth.rest(restRequest(`Bearer ${token}`)))).toBe(
      'unauthorized: The audience is invalid.',
    )
  })

  it.each(['https://webpubsub.azure.com', 'https://webpubsub.azure.com/'])(
    'says that no issuer is configured for an Entra token (%s)',
    (entra) => {
      const token = signHs256({ aud: [entra], exp }, 'a key of somebody else')
      expect(outcome(() => setUp().auth.rest(restRequest(`Bearer ${token}`)))).toMatch(/no issuer is configured/)
    },
  )

  it('names both audiences in the log line, where an operator sees it, and never the token', () => {
    const { auth, lines } = setUp({ publicEndpoints: ['https://public.example/prefix'] })
    expect(outcome(() => auth.rest(restRequest(`Bearer ${good}`)))).toMatch(/audience/)
    expect(lines).toEqual([
      {
        level: 'info',
        message: expect.stringContaining('audience'),
        fields: { expected: ['https://public.example/prefix/api/hubs/chat/:send'], found: [aud] },
      },
    ])
  })

  it('logs other refusals for debugging only', () => {
    const { auth, lines } = setUp()
    outcome(() => auth.rest(restRequest('Bearer abc')))
    expect(lines).toMatchObject([{ level: 'debug', fields: { path: '/api/hubs/chat/:send' } }])
  })
})

describe('Auth.client', () => {
  const connect = (token: string | null, target = '/client/hubs/chat?access_token=x', hub = 'chat') =>
    outcome(() => setUp().auth.client({ target, host: 'localhost:8080', hub, token }))

  it('gives what the token says', () => {
    const { token, url } = signClientToken({
      endpoint: 'http://localhost:8080/',
      key,
      hub: 'chat',
      userId: 'alice',
      roles: ['webpubsub.joinLeaveGroup'],
      groups: ['g1'],
      nowMs,
    })
    expect(url).toBe(`ws://localhost:8080/client/hubs/chat?access_token=${token}`)
    const claims = setUp().auth.client({ target: '/client/hubs/chat', host: null, hub: 'chat', token })
    expect(claims).toMatchObject({ userId: 'alice', roles: ['webpubsub.joinLeaveGroup'], groups: ['g1'] })
  })

  it('takes a token without a user', () => {
    const { token } = signClientToken({ endpoint: 'https://localhost:8080', key, hub: 'chat', userId: '', nowMs })
    const claims = setUp().auth.client({ target: '/client/hubs/chat', host: null, hub: 'Chat', token })
    expect(claims).toMatchObject({ userId: null, roles: [], groups: [], reconnectionTokenTtlSeconds: null })
  })

  it('refuses a missing, a foreign and a stale token', () => {
    expect(connect(null)).toMatch(/^unauthorized: The hub takes no anonymous clients/)
    expect(connect('')).toMatch(/^unauthorized/)
    expect(connect(signClientToken({ endpoint: 'http://localhost:8080', key, hub: 'news', nowMs }).token)).toMatch(
      /audience/,
    )
    const stale = signClientToken({ endpoint: 'http://localhost:8080', key, hub: 'chat', minutesToExpire: -6, nowMs })
    expect(connect(stale.token)).toMatch(/expired/)
  })

  it('takes the query form of an audience only for the query form of the URL', () => {
    const token = signHs256({ aud: 'http://localhost:8080/client?hub=chat', exp }, key)
    expect(connect(token, '/client/?hub=chat')).toBe('accepted')
    expect(connect(token, '/client?hub=chat')).toBe('accepted')
    expect(connect(token, '/prefix/client/?hub=chat')).toBe('accepted')
    expect(connect(token)).toMatch(/audience/)
    const named = signHs256({ aud: 'http://localhost:8080/client?hub=client', exp }, key)
    expect(connect(named, '/client/hubs/client', 'client')).toMatch(/audience/)
  })
})

describe('Auth', () => {
  it('issues reconnection tokens that it accepts, for their connection', () => {
    const { auth } = setUp()
    const token = auth.issueReconnectionToken({ hub: 'chat', connectionId: 'c', ttlSeconds: 60 })
    expect(auth.verifyReconnectionToken(token, { hub: 'chat', connectionId: 'c' })).toBe(true)
    expect(auth.verifyReconnectionToken(token, { hub: 'chat', connectionId: 'd' })).toBe(false)
  })

  it('prints links with the first public endpoint, else with the Host header', () => {
    expect(setUp({ publicEndpoints: ['https://h.example/p/', 'https://i'] }).auth.publicOrigin('x')).toBe(
      'https://h.example/p',
    )
    expect(setUp().auth.publicOrigin('x:1')).toBe('http://x:1')
    expect(setUp().auth.publicOrigin(null)).toBe('http://localhost:8080')
  })
})

describe('RefusalLog', () => {
  it('writes at most ten lines a second and says how many it kept to itself', () => {
    const { logger, lines } = recordingLogger()
    let now = 5000
    const log = new RefusalLog(logger, () => now)
    const row = { http: 401, serviceCode: null, ack: null, close: null, retry: false, text: 'no' }
    const error = new HocketError('unauthorized', row, {})
    for (let i = 0; i < 25; i += 1) log.refused('/x', error)
    expect(lines).toHaveLength(10)
    now += 1000
    log.refused('/x', error)
    expect(lines[10]?.fields).toEqual({ path: '/x', reason: 'no', suppressed: 15 })
    log.refused('/x', error)
    expect(lines[11]?.fields).toEqual({ path: '/x', reason: 'no' })
  })
})
