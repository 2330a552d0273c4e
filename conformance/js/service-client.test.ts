/** Building the official service client, its tokens, and what the server makes of right and wrong ones. */

import { execFile } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { AzureKeyCredential, WebPubSubServiceClient } from '@azure/web-pubsub'
import { nodeExecutable } from '@hocket/testkit/server'
import { until } from '@hocket/testkit/wait'
import { describe, expect, it } from 'vitest'
import { freshHub } from './harness/names.ts'
import { HandshakeRefused, jsonProtocol, RawClient } from './harness/raw-client.ts'
import { allRoles, clientUrl, openRaw, refusalOf, serviceClient, serviceOptions, statusOf } from './harness/sdk.ts'
import { isExternal, OwnServer, useServer } from './harness/server.ts'

const server = useServer()
const tenMinutes = 600

interface Claims {
  readonly aud: string
  readonly iat: number
  readonly exp: number
  readonly [claim: string]: unknown
}

function claimsOf(token: string): Claims {
  return JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())
}

/** A token signed by hand, for what the package does not let one sign. */
function sign(claims: object, key: string, header: object = { alg: 'HS256', typ: 'JWT' }): string {
  const body = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  const token = `${body}.${createHmac('sha256', key).update(body).digest('base64url')}`
  server.secrets.add(token, 'hand-made token')
  return token
}

const now = () => Math.floor(Date.now() / 1000)

describe('a service client', () => {
  it('from the variables that users keep its settings in', async () => {
    const env = { AZURE_WEBPUBSUB_CONNECTION_STRING: server.connectionString, AZURE_WEBPUBSUB_HUB: freshHub() }
    const service = new WebPubSubServiceClient(
      env.AZURE_WEBPUBSUB_CONNECTION_STRING,
      env.AZURE_WEBPUBSUB_HUB,
      serviceOptions(server),
    )
    expect(await statusOf((options) => service.sendToAll({ n: 1 }, options))).toBe(202)
  })

  it('from an endpoint and a key', async () => {
    const credential = new AzureKeyCredential(server.accessKey)
    for (const endpoint of [server.endpoint, `${server.endpoint}/`]) {
      const service = new WebPubSubServiceClient(endpoint, credential, freshHub(), serviceOptions(server))
      await using client = await openRaw(server, service, { protocols: [jsonProtocol] })
      await service.sendToAll({ n: 1 })
      expect(await client.messagesUntil(1)).toHaveLength(1)
    }
  })

  it('from connection strings in every form that the package reads', async () => {
    const { protocol, hostname, port } = new URL(server.endpoint)
    for (const connectionString of [
      `Endpoint=${server.endpoint};AccessKey=${server.accessKey}`,
      `Endpoint=${server.endpoint};AccessKey=${server.accessKey};Version=1.0;`,
      `endpoint=${server.endpoint}/;accesskey=${server.accessKey};version=1.0`,
      `AccessKey=${server.accessKey};Version=1.0;Endpoint=${protocol}//${hostname};Port=${port}`,
    ]) {
      const service = new WebPubSubServiceClient(connectionString, freshHub(), serviceOptions(server))
      expect(await statusOf((options) => service.sendToAll({ n: 1 }, options))).toBe(202)
    }
  })

  it('refuses plain http without allowInsecureConnection, before it sends anything', async () => {
    const service = new WebPubSubServiceClient(server.connectionString, freshHub())
    await expect(service.sendToAll({ n: 1 })).rejects.toThrow(/https|allowInsecureConnection/i)
  })

  it('has every method that its documents list', () => {
    const service = serviceClient(server, freshHub())
    const methods = [
      'getClientAccessToken',
      'sendToAll',
      'sendToUser',
      'sendToConnection',
      'connectionExists',
      'userExists',
      'groupExists',
      'closeConnection',
      'closeAllConnections',
      'closeUserConnections',
      'removeUserFromAllGroups',
      'removeConnectionFromAllGroups',
      'addConnectionsToGroups',
      'removeConnectionsFromGroups',
      'grantPermission',
      'revokePermission',
      'hasPermission',
    ] as const
    for (const name of methods) expect(service[name], name).toBeTypeOf('function')
    for (const name of [
      'sendToAll',
      'addConnection',
      'removeConnection',
      'addUser',
      'removeUser',
      'closeAllConnections',
      'listConnections',
    ] as const) {
      expect(service.group('g')[name], `group.${name}`).toBeTypeOf('function')
    }
  })

  it('logs requests at its most talkative without their tokens', async () => {
    const program = `
      import { WebPubSubServiceClient } from '@azure/web-pubsub'
      const service = new WebPubSubServiceClient(process.env.CONNECTION_STRING, process.env.HUB, { allowInsecureConnection: true })
      await service.sendToAll('to be logged', { contentType: 'text/plain' })`
    const hub = freshHub()
    const { stderr } = await promisify(execFile)(nodeExecutable(), ['--input-type=module', '--eval', program], {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      env: { ...process.env, AZURE_LOG_LEVEL: 'verbose', CONNECTION_STRING: server.connectionString, HUB: hub },
    })
    expect(stderr).toContain(`/api/hubs/${hub}/:send`)
    expect(stderr).toMatch(/status code: 202/i)
    expect(stderr).not.toContain('Bearer ')
    expect(stderr).not.toContain(server.accessKey)
  })
})

describe('a client token', () => {
  it('for anybody has audience and lifetime only, and its URL opens an anonymous connection', async () => {
    const hub = freshHub()
    const token = await serviceClient(server, hub).getClientAccessToken()
    server.secrets.addUrl(token.url)
    expect(token.baseUrl).toBe(`${server.endpoint.replace(/^http/, 'ws')}/client/hubs/${hub}`)
    expect(token.url).toBe(`${token.baseUrl}?access_token=${token.token}`)
    const claims = claimsOf(token.token)
    expect(Object.keys(claims).sort()).toEqual(['aud', 'exp', 'iat'])
    expect(claims.aud).toBe(`${server.endpoint}/client/hubs/${hub}`)
    expect(claims.exp - claims.iat).toBe(3600)
    await using client = await RawClient.open(token.url, { protocols: [jsonProtocol] })
    expect(client.connected).toMatchObject({ userId: null })
  })

  it('with user and roles carries them in order, and the connection may join and send to any group', async () => {
    const service = serviceClient(server, freshHub())
    const url = await clientUrl(server, service, { userId: 'user123', roles: allRoles })
    const claims = claimsOf(new URL(url).searchParams.get('access_token')!)
    expect(claims).toMatchObject({ sub: 'user123', role: allRoles })
    await using client = await RawClient.open(url, { protocols: [jsonProtocol] })
    expect(client.connected).toMatchObject({ userId: 'user123' })
    const join = await client.request('{"type":"joinGroup","group":"any","ackId":1}', '1')
    const send = await client.request('{"type":"sendToGroup","group":"any","ackId":2,"data":1}', '2')
    expect([join, send]).toEqual(['{"type":"ack","ackId":1,"success":true}', '{"type":"ack","ackId":2,"success":true}'])
  })

  it('with groups puts the connection into them at once', async () => {
    const service = serviceClient(server, freshHub())
    await using client = await openRaw(server, service, { groups: ['group1', 'group2'], protocols: [jsonProtocol] })
    expect(await service.groupExists('group1')).toBe(true)
    await service.group('group1').sendToAll({ n: 1 })
    await service.group('group2').sendToAll({ n: 2 })
    expect((await client.messagesUntil(2)).map((text) => JSON.parse(text).group)).toEqual(['group1', 'group2'])
  })

  it('outlives its lifetime once the connection is open', async () => {
    const service = serviceClient(server, freshHub())
    // The server allows five minutes of clock skew: this token is good for about four seconds more.
    const url = await clientUrl(server, service, { expirationTimeInMinutes: -4.93 })
    await using client = await RawClient.open(url, { protocols: [jsonProtocol], secrets: server.secrets })
    const refused = () =>
      RawClient.open(url).then(
        (another) => another[Symbol.asyncDispose](),
        (error: unknown) => error instanceof HandshakeRefused && error.status === 401,
      )
    await until(refused, { what: 'the token is refused' })
    await service.sendToAll({ n: 1 })
    expect(await client.messagesUntil(1)).toHaveLength(1)
  })

  it.each([
    ['that has expired', { exp: now() - tenMinutes }],
    ['that is not valid yet', { nbf: now() + tenMinutes, exp: now() + 2 * tenMinutes }],
    ['without an end', {}],
    ['for another hub', { exp: now() + tenMinutes, hub: 'elsewhere' }],
    ['for another host', { exp: now() + tenMinutes, endpoint: 'https://elsewhere.example' }],
    ['for a REST call', { exp: now() + tenMinutes, path: '/api/hubs/x/:send' }],
  ])(
    '%s is refused with 401',
    async (_title, { hub: otherHub, endpoint, path, ...claims }: Record<string, unknown>) => {
      const hub = freshHub()
      const aud = `${endpoint ?? server.endpoint}${path ?? `/client/hubs/${otherHub ?? hub}`}`
      const token = sign({ aud, ...claims }, server.accessKey)
      await expectRefused(`${server.endpoint}/client/hubs/${hub}?access_token=${token}`, 401)
    },
  )

  it('that the package signed as expired is refused with 401', async () => {
    const url = await clientUrl(server, serviceClient(server, freshHub()), { expirationTimeInMinutes: -10 })
    await expectRefused(url, 401)
  })

  it('signed with another key, or not at all, is refused with 401', async () => {
    const hub = freshHub()
    const claims = { aud: `${server.endpoint}/client/hubs/${hub}`, exp: now() + tenMinutes }
    for (const token of [
      sign(claims, 'another key that is long enough to be one'),
      sign(claims, server.accessKey, { alg: 'none', typ: 'JWT' }),
      sign(claims, server.accessKey, { alg: 'RS256', typ: 'JWT' }),
      `${sign(claims, server.accessKey).split('.').slice(0, 2).join('.')}.`,
    ]) {
      await expectRefused(`${server.endpoint}/client/hubs/${hub}?access_token=${token}`, 401)
    }
  })

  it('with an impossible group is refused with 400', async () => {
    for (const group of [' ', 'g'.repeat(1025)]) {
      await expectRefused(await clientUrl(server, serviceClient(server, freshHub()), { groups: [group] }), 400)
    }
  })

  it('is no REST token', async () => {
    const hub = freshHub()
    const { token } = await serviceClient(server, hub).getClientAccessToken()
    server.secrets.add(token, 'client token')
    const answer = await rest('POST', `/api/hubs/${hub}/:send`, token)
    expect(answer.status).toBe(401)
  })
})

async function expectRefused(url: string, status: number): Promise<void> {
  const opening = RawClient.open(url.replace(/^http/, 'ws'), { protocols: [jsonProtocol], secrets: server.secrets })
  const error = await opening.then(
    async (client) => {
      await client[Symbol.asyncDispose]()
      return null
    },
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(HandshakeRefused)
  expect((error as HandshakeRefused).status).toBe(status)
}

function rest(method: string, path: string, token: string | null, body = '{}'): Promise<Response> {
  return fetch(server.endpoint + path, {
    method,
    headers: { 'Content-Type': 'application/json', ...(token === null ? {} : { Authorization: `Bearer ${token}` }) },
    body: method === 'GET' || method === 'HEAD' ? null : body,
  })
}

describe('a REST call', () => {
  it('without a token, or with a wrong one, is answered 401, and the package says so', async () => {
    const hub = freshHub()
    expect((await rest('POST', `/api/hubs/${hub}/:send`, null)).status).toBe(401)
    const wrong = new WebPubSubServiceClient(
      server.endpoint,
      new AzureKeyCredential('another key that is long enough to be one'),
      hub,
      serviceOptions(server),
    )
    expect(await refusalOf(wrong.sendToAll({ n: 1 }))).toMatchObject({ statusCode: 401 })
    expect(await refusalOf(wrong.userExists('u'))).toMatchObject({ statusCode: 401 })
  })

  it('needs a token for its very path', async () => {
    const path = `/api/hubs/${freshHub()}/:send`
    const status = async (aud: string, extra: object = { exp: now() + tenMinutes }) =>
      (await rest('POST', path, sign({ aud, ...extra }, server.accessKey))).status
    expect(await status(server.endpoint + path)).toBe(202)
    expect(await status(`${server.endpoint}${path}?api-version=2024-12-01`)).toBe(202)
    expect(await status(server.endpoint)).toBe(401)
    expect(await status(`${server.endpoint}${path}/child`)).toBe(401)
    expect(await status(server.endpoint + path, { exp: now() - tenMinutes })).toBe(401)
    expect(await status(server.endpoint + path, {})).toBe(401)
  })

  it('for a token is answered 401 to an access key: it is Entra’s', async () => {
    const path = `/api/hubs/${freshHub()}/:generateToken`
    const token = sign({ aud: server.endpoint + path, exp: now() + tenMinutes }, server.accessKey)
    expect((await rest('POST', path, token)).status).toBe(401)
  })

  it.each(['2021-10-01', '2022-11-01', '2023-07-01', '2024-01-01', '2024-12-01'])(
    'with api-version %s is answered, and the answer lists them all',
    async (version) => {
      const path = `/api/hubs/${freshHub()}/:send`
      const token = sign({ aud: server.endpoint + path, exp: now() + tenMinutes }, server.accessKey)
      const answer = await rest('POST', `${path}?api-version=${version}`, token)
      expect(answer.status).toBe(202)
      expect(await answer.text()).toBe('')
      expect(answer.headers.get('api-supported-versions')).toBe(
        '2021-10-01, 2022-11-01, 2023-07-01, 2024-01-01, 2024-12-01',
      )
    },
  )

  it('with an unknown api-version is answered 400', async () => {
    const path = `/api/hubs/${freshHub()}/:send`
    const token = sign({ aud: server.endpoint + path, exp: now() + tenMinutes }, server.accessKey)
    for (const version of ['2019-01-01', '2024-12-01-preview', '2024-12-01,2024-01-01', '']) {
      const answer = await rest('POST', `${path}?api-version=${version}`, token)
      expect([version, answer.status]).toEqual([version, 400])
      expect(answer.headers.get('x-ms-error-code')).toBe('Error.BadRequest')
      expect(await answer.json()).toMatchObject({
        code: 'Error.BadRequest',
        message: 'The specified API version is not supported.',
        target: 'api-version',
      })
    }
  })

  it('with a body that is no JSON is answered 400', async () => {
    const path = `/api/hubs/${freshHub()}/:send`
    const token = sign({ aud: server.endpoint + path, exp: now() + tenMinutes }, server.accessKey)
    for (const body of ['{"a":', '', "{'a':1}", '{"a":1} x', 'undefined', '[1,]']) {
      const answer = await rest('POST', path, token, body)
      expect([body, answer.status]).toEqual([body, 400])
      expect(await answer.json()).toMatchObject({ message: 'The request body is not a valid JSON.' })
    }
  })

  it('for the health of the service needs no token', async () => {
    const health = await rest('HEAD', '/api/health?api-version=2024-12-01', null)
    expect(health.status).toBe(200)
    expect(await health.text()).toBe('')
    expect((await rest('HEAD', '/api/health', null)).status).toBe(200)
    expect((await rest('HEAD', '/api/health?api-version=1999-01-01', null)).status).toBe(400)
  })

  it('that nobody answers is 404, and a wrong method 405', async () => {
    const sign404 = (path: string) => sign({ aud: server.endpoint + path, exp: now() + tenMinutes }, server.accessKey)
    const hub = freshHub()
    for (const path of [`/api/hubs/${hub}/:unknown`, '/api/unknown', '/api/hubs']) {
      expect([path, (await rest('POST', path, sign404(path))).status]).toEqual([path, 404])
    }
    const path = `/api/hubs/${hub}/:send`
    expect((await rest('GET', path, sign404(path))).status).toBe(405)
  })
})

describe.skipIf(isExternal)('two access keys', () => {
  it('are both good for REST calls and client tokens, so that either can be replaced', async () => {
    const secondaryKey = 'the second key, which is in use while the first is changed'
    await using own = await OwnServer.start({ secondaryKey })
    for (const key of [own.accessKey, secondaryKey]) {
      const service = new WebPubSubServiceClient(
        own.endpoint,
        new AzureKeyCredential(key),
        freshHub(),
        serviceOptions(own),
      )
      await using client = await openRaw(own, service, { protocols: [jsonProtocol] })
      await service.sendToAll({ n: 1 })
      expect(await client.messagesUntil(1)).toHaveLength(1)
    }
  })
})
