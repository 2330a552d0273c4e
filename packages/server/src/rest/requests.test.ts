import { beforeEach, describe, expect, it } from 'vitest'
import { signHs256 } from '../auth/hs256.ts'
import { accessKey, createFixture, nowMs, plainError, secondaryKey } from './fixture.ts'

let fixture = createFixture()
beforeEach(() => {
  fixture = createFixture()
})

const text = { headers: { 'Content-Type': 'text/plain' }, body: 'hi' }
const exp = nowMs / 1000 + 60

describe('routing', () => {
  it.each([
    '/api',
    '/api/',
    '/api/x',
    '/api/hubs',
    '/api/hubs/h',
    '/api/hubs/h/x',
    '/api/hubs/h/:sendx',
    '/api/hubs/h/groups/g/users/u',
    '/api/hubs/h/users/u/connections/c',
    '/api/health/x',
    '/api/hubs/h/groups/a/b/:send',
    '/api/hubs/h/groups/a/b/c/d/e/f',
  ])('answers 404 for %s, without a token as well', async (path) => {
    for (const token of [undefined, null]) {
      const reply = await fixture.call('POST', path, token === undefined ? {} : { token })
      expect(reply.status).toBe(404)
      expect(reply.headers['x-ms-error-code']).toBe('Error.NotFound')
      expect(JSON.parse(String(reply.body))).toMatchObject({ code: 'Error.NotFound', target: 'Request' })
    }
  })

  it.each([
    ['GET', '/api/health', 'HEAD'],
    ['GET', '/api/hubs/h/:send', 'POST'],
    ['POST', '/api/hubs/h/connections/c', 'DELETE, HEAD'],
    ['PATCH', '/api/hubs/h/groups/g/connections/c', 'DELETE, PUT'],
    ['get', '/api/hubs/h/groups/g/connections', 'GET'],
    ['POST', '/api/hubs/h/permissions/1/connections/c', 'DELETE, HEAD, PUT'],
    ['OPTIONS', '/api/hubs/h/users/u/groups', 'DELETE'],
  ])('answers 405 for %s %s and names what is allowed', async (method, path, allow) => {
    const reply = await fixture.call(method, path)
    expect(reply.status).toBe(405)
    expect(reply.headers).toMatchObject({ Allow: allow, 'x-ms-error-code': 'Error.MethodNotAllowed' })
  })

  it.each(['/api/hubs/h/%3Asend', '/api/hubs/h/%3asend', '/%61pi/hubs/h/:send', '//api/hubs/h/:send'])(
    'takes %s for /:send',
    async (path) => {
      expect((await fixture.call('POST', path, text)).status).toBe(202)
    },
  )

  it('takes the absolute form of a target', async () => {
    const token = signHs256({ aud: 'http://localhost:8080/api/hubs/h/:send', exp }, accessKey)
    const reply = await fixture.call('POST', 'http://localhost:8080/api/hubs/h/:send?api-version=2024-12-01', {
      ...text,
      token,
    })
    expect(reply.status).toBe(202)
  })

  it('shows no control characters of a path', async () => {
    const reply = await fixture.call('GET', '/api/\u001b[31m', { token: null })
    expect(reply.body).not.toContain('\u001b')
  })
})

describe('names in a path', () => {
  const connect = (name: string) => `/api/hubs/h/connections/${name}/:send`
  const group = (name: string) => `/api/hubs/h/groups/${name}/:send`
  const user = (name: string) => `/api/hubs/h/users/${name}/:send`
  const hub = (name: string) => `/api/hubs/${name}/:send`

  it.each([
    ...[
      '',
      '%20',
      '1chat',
      '_chat',
      '-chat',
      'ch@t',
      'a%2Fb',
      'a%20b',
      '群',
      '%E7%BE%A4',
      '%zz',
      '%ff',
      '%',
      'x'.repeat(129),
    ].map((name) => [hub(name), 'Invalid hub name.']),
    ...['', '%20', '%20%09', '%zz', '%ff', '%E7%BE', '%', '%2', 'x'.repeat(1025), 'a b', 'é'].map((name) => [
      group(name),
      'Invalid group name.',
    ]),
    ...['', '%20', '%E2%80%83', '%zz'].map((name) => [user(name), 'Invalid user ID.']),
    ...['', '%20', '%zz'].map((name) => [connect(name), 'Invalid connection ID.']),
    ['/api/hubs/h/groups//connections/c', 'Invalid group name.', 'PUT'],
    ['/api/hubs/h/groups/g/connections/', 'Invalid connection ID.', 'PUT'],
    ['/api/hubs/h/connections/', 'Invalid connection ID.', 'HEAD'],
    ['/api/hubs/h/users//groups', 'Invalid user ID.', 'DELETE'],
    ['/api/hubs/h/users/u/groups/', 'Invalid group name.', 'DELETE'],
  ])('refuses %.60s: %s', async (path, message, method = 'POST') => {
    const reply = await fixture.call(method, path, text)
    expect(reply.status).toBe(400)
    expect(reply.headers['x-ms-error-code']).toBe('Error.BadRequest')
    expect(reply.body).toBe(plainError('Error.BadRequest', message, 'Request'))
    expect(fixture.router.published.length + fixture.router.requests.length).toBe(0)
  })

  it.each([
    ['alice%20smith', 'alice smith'],
    ['alice+bob', 'alice+bob'],
    ['room%3Fa%23', 'room?a#'],
    ['a%2Fb', 'a/b'],
    ['a%2fb', 'a/b'],
    ['tenant%252Falice', 'tenant%2Falice'],
    ['100%25', '100%'],
    ['%F0%9F%98%80', '😀'],
    ["$a&b'c*d;e=f:g@h", "$a&b'c*d;e=f:g@h"],
    ['%5Bx%5D', '[x]'],
    ['*', '*'],
    ['..%2F..', '../..'],
    ['Case', 'Case'],
    ['%E7%BE%A4'.repeat(1024), '群'.repeat(1024)],
  ])('decodes %.30s once', async (spelled, name) => {
    await fixture.call('POST', group(spelled), text)
    await fixture.call('POST', user(spelled), text)
    await fixture.call('POST', connect(spelled), text)
    expect(fixture.router.published.map(({ target }) => target)).toEqual([
      { kind: 'group', hub: 'h', group: name },
      { kind: 'user', hub: 'h', userId: name },
      { kind: 'connection', hub: 'h', connectionId: name },
    ])
  })

  it.each([
    ['a%2Fb', 'a%2Fb'],
    ['a%2fb', 'a%2fb'],
    ['a%252Fb', 'a%2Fb'],
    ['%E7%BE%A4%2F%20', '群%2F '],
    ['a+b', 'a+b'],
  ])('decodes %s as Azure does when told so', async (spelled, name) => {
    const strict = createFixture({ strictPathDecoding: true })
    await strict.call('POST', group(spelled), text)
    expect(strict.router.published[0]?.target).toMatchObject({ group: name })
  })

  it.each(['chat', 'Chat_1', 'my-hub', 'a', 'a%5B1%5D', 'a`,.%5D', `x${'1'.repeat(127)}`])(
    'accepts the hub %.20s, in lower case',
    async (name) => {
      expect((await fixture.call('POST', hub(name), text)).status).toBe(202)
      expect(fixture.router.published[0]?.target.hub).toBe(decodeURIComponent(name).toLowerCase())
    },
  )

  it('refuses a hyphen in a hub when told to be strict', async () => {
    const strict = createFixture({ strictHubNames: true })
    expect((await strict.call('POST', hub('my-hub'), text)).status).toBe(400)
    expect((await strict.call('POST', hub('myhub'), text)).status).toBe(202)
  })
})

describe('who may call', () => {
  const path = '/api/hubs/h/groups/a%26b/:send'
  const send = (claims: object, key = accessKey, options = {}) =>
    fixture.call('POST', `${path}?api-version=2024-12-01`, { ...text, ...options, token: signHs256(claims, key) })

  it('is whoever signed the URL, in whatever spelling', async () => {
    for (const aud of [
      `http://localhost:8080${path}`,
      `http://localhost:8080/api/hubs/h/groups/a&b/:send?x=y`,
      [`wss://localhost:8080${path}/`],
    ]) {
      expect((await send({ aud, exp })).status).toBe(202)
    }
  })

  it('is nobody else, and the reason is in the challenge', async () => {
    const reply = await send({ aud: 'http://localhost:8080/api/hubs/h/groups/a%26b', exp })
    expect(reply.status).toBe(401)
    expect(reply.headers['WWW-Authenticate']).toBe(
      'Bearer error="invalid_token", error_description="The audience is invalid."',
    )
    expect((await send({ aud: `http://localhost:8080${path}` })).status).toBe(401)
    expect((await send({ aud: `http://localhost:8080${path}`, exp: 1 })).status).toBe(401)
    expect((await send({ aud: `http://localhost:8080${path}`, exp }, secondaryKey)).status).toBe(401)
  })

  it('is checked before anything else of the request', async () => {
    const reply = await fixture.call('POST', '/api/hubs/1/groups/%zz/:send?api-version=x&filter=)', { token: null })
    expect(reply.status).toBe(401)
  })

  it('is nobody for :generateToken, whatever the query', async () => {
    for (const query of ['', '?minutesToExpire=0', '?clientType=nonsense']) {
      const reply = await fixture.call('POST', `/api/hubs/h/:generateToken${query}`)
      expect(reply.status).toBe(401)
      expect(reply.headers['WWW-Authenticate']).toContain('sign client tokens yourself')
      expect(reply.body).toBeNull()
    }
  })
})

describe('query parameters', () => {
  it.each(['-1', '301', 'x', '', '1.5', '1e2', '%201', '0x10', '+5', '99999999999', '5&messageTtlSeconds=5'])(
    'refuse messageTtlSeconds=%s',
    async (value) => {
      const reply = await fixture.call('POST', `/api/hubs/h/:send?messageTtlSeconds=${value}`, text)
      expect(reply.status).toBe(400)
      expect(reply.body).toBe(plainError('Error.BadRequest', 'Invalid messageTtlSeconds.', 'Request'))
      expect(fixture.router.published).toEqual([])
    },
  )

  it('have no case in their names', async () => {
    await fixture.call('POST', '/api/hubs/h/:send?MESSAGETTLSECONDS=7&API-Version=2024-12-01', text)
    expect(fixture.router.published[0]?.expiresAtMs).toBe(nowMs + 7000)
  })

  it('refuse a filter given twice instead of obeying one of them', async () => {
    const reply = await fixture.call('POST', '/api/hubs/h/:send?filter=true&filter=false', text)
    expect(reply.status).toBe(400)
  })

  it('answer a bad filter in the shape of a validation error', async () => {
    const reply = await fixture.call('POST', '/api/hubs/h/:send?filter=userId%20lt%201', text)
    const message = "Invalid syntax for 'userId lt 1': Type 'string', expect 'int'. (Parameter 'filter')"
    expect(reply.status).toBe(400)
    expect(reply.headers).toEqual({
      'x-ms-error-code': 'Error.BadRequest',
      'Content-Type': 'application/problem+json; charset=utf-8',
      'Content-Length': String(reply.body?.length),
    })
    expect(reply.body).toBe(
      JSON.stringify({
        code: 'Error.BadRequest',
        message,
        target: 'Filter',
        errors: { Filter: [message] },
        type: null,
        title: 'One or more validation errors occurred.',
        status: 400,
        detail: null,
        instance: null,
        extensions: {},
      }),
    )
    expect(fixture.router.published).toEqual([])
  })

  it('has the length that was recorded from the service for a bad filter', async () => {
    const options = {
      headers: { 'content-type': 'application/json' },
      body: '{"groups":["g"],"filter":"invalid filter"}',
    }
    const reply = await fixture.call('POST', '/api/hubs/h/:addToGroups', options)
    expect(reply.headers['Content-Length']).toBe('416')
  })

  it.each(['%20', 'userId', ')', "'a'", 'a eq 1', 'not%20length(userId)%20gt%205'])(
    'refuse the filter %s',
    async (filter) => {
      for (const path of ['/api/hubs/h/:send', '/api/hubs/h/groups/g/:send', '/api/hubs/h/users/u/:send']) {
        const reply = await fixture.call('POST', `${path}?filter=${filter}`, text)
        expect(reply.status).toBe(400)
        expect(reply.headers['x-ms-error-code']).toBe('Error.BadRequest')
      }
      expect(fixture.router.published).toEqual([])
    },
  )

  it('keep a filter as it was written', async () => {
    const filter = "userId eq 'user''1' and 'a+b' in groups"
    await fixture.call('POST', `/api/hubs/h/:send?filter=${encodeURIComponent(filter)}`, text)
    expect(fixture.router.published[0]?.filter).toBe(filter)
  })
})

describe('the order of the checks', () => {
  const bad = { headers: { 'content-type': 'x/y', 'content-length': '9999999' }, body: '' }
  it.each([
    ['version before names', '/api/hubs/1/:send?api-version=x&filter=)', bad, /API version/],
    ['names before the query', '/api/hubs/1/:send?filter=)', bad, /hub name/],
    ['the filter before the length', '/api/hubs/h/:send?filter=)', bad, /Invalid syntax/],
    ['the length before the type', '/api/hubs/h/:send', bad, /Content-Length/],
    [
      'the body before metadata',
      '/api/hubs/h/:send',
      { headers: { 'content-type': 'application/json', 'x-webpubsub-metadata-k': 'ü' }, body: '{' },
      /valid JSON/,
    ],
  ])('is %s', async (_, target, options, message) => {
    const reply = await fixture.call('POST', target, options)
    expect(reply.status).toBe(400)
    expect(JSON.parse(String(reply.body)).message).toMatch(message)
  })

  it('is the type before the body', async () => {
    const reply = await fixture.call('POST', '/api/hubs/h/:send', {
      headers: { 'content-type': 'x/y' },
      body: 'x'.repeat(2_000_000),
    })
    expect(reply.status).toBe(415)
  })
})
