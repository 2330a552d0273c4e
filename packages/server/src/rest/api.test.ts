import { errors } from '@hocket/protocol/errors'
import { beforeEach, describe, expect, it } from 'vitest'
import type { BackplaneRequest } from '../backplane/backplane.ts'
import type { HttpReply } from '../http.ts'
import { createFixture, nowMs, plainError } from './fixture.ts'
import { apiVersions } from './operation.ts'
import { operations } from './operations/mod.ts'

const versions = '2021-10-01, 2022-11-01, 2023-07-01, 2024-01-01, 2024-12-01'
let fixture = createFixture()
beforeEach(() => {
  fixture = createFixture()
})

const text = { headers: { 'Content-Type': 'text/plain' }, body: 'hi' }
const groups = {
  headers: { 'Content-Type': 'application/json' },
  body: '{"groups":["g1","g2","g1"],"filter":"userId eq null"}',
}
const hub = { kind: 'hub', hub: 'chat' }
const inGroup = { kind: 'group', hub: 'chat', group: 'g 1' }
const ofUser = { kind: 'user', hub: 'chat', userId: 'al' }
const connection = { kind: 'connection', hub: 'chat', connectionId: 'c1' }
const at = { hub: 'chat', connectionId: 'c1', permission: 'sendToGroup', group: 'g 1' }

interface Row {
  readonly id: string
  readonly call: readonly [method: string, target: string, options?: Parameters<typeof fixture.call>[2]]
  readonly status: number
  /** The target of the envelope, or the request, that the router gets. */
  readonly envelope?: object
  readonly request?: object
}

const rows: Row[] = [
  { id: 'HealthApi_GetServiceStatus', call: ['HEAD', '/api/health', { token: null }], status: 200 },
  {
    id: 'WebPubSub_GenerateClientToken',
    call: ['POST', '/api/hubs/Chat/:generateToken?userId=al&minutesToExpire=x'],
    status: 401,
  },
  {
    id: 'WebPubSub_CloseAllConnections',
    call: ['POST', '/api/hubs/Chat/:closeConnections?excluded=a&excluded=b&reason=bye%20%E2%9C%8B'],
    status: 204,
    request: { op: 'close', scope: hub, excluded: ['a', 'b'], reason: 'bye ✋' },
  },
  {
    id: 'WebPubSub_SendToAll',
    call: [
      'POST',
      '/api/hubs/Chat/:send?excluded=a&excluded=a&excluded=b,c&filter=userId%20eq%20null&messageTtlSeconds=300',
      text,
    ],
    status: 202,
    envelope: {
      target: hub,
      from: 'server',
      excluded: ['a', 'b,c'],
      filter: 'userId eq null',
      expiresAtMs: nowMs + 300_000,
    },
  },
  {
    id: 'WebPubSub_AddConnectionsToGroups',
    call: ['POST', '/api/hubs/Chat/:addToGroups', groups],
    status: 200,
    request: { op: 'join', scope: hub, groups: ['g1', 'g2'], filter: 'userId eq null' },
  },
  {
    id: 'WebPubSub_RemoveConnectionsFromGroups',
    call: ['POST', '/api/hubs/Chat/:removeFromGroups', groups],
    status: 200,
    request: { op: 'leave', scope: hub, groups: ['g1', 'g2'], filter: 'userId eq null' },
  },
  {
    id: 'WebPubSub_ConnectionExists',
    call: ['HEAD', '/api/hubs/Chat/connections/c1'],
    status: 200,
    request: { op: 'exists', scope: connection },
  },
  {
    id: 'WebPubSub_CloseConnection',
    call: ['DELETE', '/api/hubs/Chat/connections/c1?reason='],
    status: 204,
    request: { op: 'close', scope: connection, excluded: [], reason: null },
  },
  {
    id: 'WebPubSub_SendToConnection',
    call: ['POST', '/api/hubs/Chat/connections/c1/:send?messageTtlSeconds=0', text],
    status: 202,
    envelope: { target: connection, from: 'server', excluded: [], filter: null, expiresAtMs: null },
  },
  {
    id: 'WebPubSub_RemoveConnectionFromAllGroups',
    call: ['DELETE', '/api/hubs/Chat/connections/c1/groups'],
    status: 204,
    request: { op: 'leave', scope: connection, groups: 'all', filter: null },
  },
  {
    id: 'WebPubSub_GroupExists',
    call: ['HEAD', '/api/hubs/Chat/groups/g%201'],
    status: 200,
    request: { op: 'exists', scope: inGroup },
  },
  {
    id: 'WebPubSub_CloseGroupConnections',
    call: ['POST', '/api/hubs/Chat/groups/g%201/:closeConnections'],
    status: 204,
    request: { op: 'close', scope: inGroup, excluded: [], reason: null },
  },
  {
    id: 'WebPubSub_SendToGroup',
    call: ['POST', '/api/hubs/Chat/groups/g%201/:send?filter=', text],
    status: 202,
    envelope: { target: inGroup, from: 'group', fromUserId: null, filter: null },
  },
  {
    id: 'WebPubSub_ListConnectionsInGroup',
    call: ['GET', '/api/hubs/Chat/groups/g%201/connections'],
    status: 200,
    request: { op: 'members', hub: 'chat', group: 'g 1', after: null, limit: 200 },
  },
  {
    id: 'WebPubSub_AddConnectionToGroup',
    call: ['PUT', '/api/hubs/Chat/groups/g%201/connections/c1'],
    status: 200,
    request: { op: 'join', scope: connection, groups: ['g 1'], filter: null },
  },
  {
    id: 'WebPubSub_RemoveConnectionFromGroup',
    call: ['DELETE', '/api/hubs/Chat/groups/g%201/connections/c1'],
    status: 204,
    request: { op: 'leave', scope: connection, groups: ['g 1'], filter: null },
  },
  {
    id: 'WebPubSub_GrantPermission',
    call: ['PUT', '/api/hubs/Chat/permissions/sendToGroup/connections/c1?targetName=g%201'],
    status: 200,
    request: { op: 'grant', ...at },
  },
  {
    id: 'WebPubSub_RevokePermission',
    call: ['DELETE', '/api/hubs/Chat/permissions/SENDTOGROUP/connections/c1?targetName=g+1'],
    status: 204,
    request: { op: 'revoke', ...at },
  },
  {
    id: 'WebPubSub_CheckPermission',
    call: ['HEAD', '/api/hubs/Chat/permissions/1/connections/c1?targetName=g%201'],
    status: 200,
    request: { op: 'permission', ...at },
  },
  {
    id: 'WebPubSub_UserExists',
    call: ['HEAD', '/api/hubs/Chat/users/al'],
    status: 200,
    request: { op: 'exists', scope: ofUser },
  },
  {
    id: 'WebPubSub_CloseUserConnections',
    call: ['POST', '/api/hubs/Chat/users/al/:closeConnections?reason=x'],
    status: 204,
    request: { op: 'close', scope: ofUser, excluded: [], reason: 'x' },
  },
  {
    id: 'WebPubSub_SendToUser',
    call: ['POST', '/api/hubs/Chat/users/al/:send?excluded=ignored', text],
    status: 202,
    envelope: { target: ofUser, from: 'server', excluded: [], filter: null },
  },
  {
    id: 'WebPubSub_AddUserToGroup',
    call: ['PUT', '/api/hubs/Chat/users/al/groups/g%201'],
    status: 200,
    request: { op: 'join', scope: ofUser, groups: ['g 1'], filter: null },
  },
  {
    id: 'WebPubSub_RemoveUserFromGroup',
    call: ['DELETE', '/api/hubs/Chat/users/al/groups/g%201'],
    status: 204,
    request: { op: 'leave', scope: ofUser, groups: ['g 1'], filter: null },
  },
  {
    id: 'WebPubSub_RemoveUserFromAllGroups',
    call: ['DELETE', '/api/hubs/Chat/users/al/groups'],
    status: 204,
    request: { op: 'leave', scope: ofUser, groups: 'all', filter: null },
  },
]

/** A command carries an id of its own, so that a retry does it once. */
function expectRequest(found: BackplaneRequest | undefined, expected: object): void {
  const { commandId, ...rest } = found as { commandId?: string }
  expect(rest).toEqual(expected)
  expect('commandId' in (found ?? {})).toBe(!/^(exists|permission|members)$/.test(found?.op ?? ''))
}

describe('every operation', () => {
  it('stands in the table below', () => {
    expect(rows.map(({ id }) => id)).toEqual(operations.map(({ id }) => id))
  })

  it.each(rows)('$id does what it says', async ({ call, status, envelope, request }) => {
    const reply = await fixture.call(...call)
    expect(reply.status).toBe(status)
    expect(reply.headers['api-supported-versions']).toBe(versions)
    expect(fixture.router.published).toHaveLength(envelope === undefined ? 0 : 1)
    expect(fixture.router.requests).toHaveLength(request === undefined ? 0 : 1)
    if (envelope !== undefined) {
      expect(fixture.router.published[0]).toMatchObject({
        ...envelope,
        id: 'n-1',
        fromUserId: null,
        body: { dataType: 'text', data: 'hi' },
        metadata: null,
      })
    }
    if (request !== undefined) expectRequest(fixture.router.requests[0], request)
  })

  it.each(rows.filter(({ status }) => status !== 401))('$id answers with nothing but its status', async (row) => {
    const reply = await fixture.call(...row.call)
    if (row.id === 'WebPubSub_ListConnectionsInGroup') {
      expect(reply.body).toBe('{"value":[],"nextLink":null}')
      expect(reply.headers).toEqual({
        'api-supported-versions': versions,
        'Content-Type': 'application/json; charset=utf-8',
        'Content-Length': '28',
      })
    } else {
      expect(reply.body).toBeNull()
      expect(reply.headers).toEqual(
        row.status === 204
          ? { 'api-supported-versions': versions }
          : { 'api-supported-versions': versions, 'Content-Length': '0' },
      )
    }
  })

  it.each(rows)('$id is there under every version, and refuses others before it does anything', async (row) => {
    const [method, target, options] = row.call
    const withVersion = (version: string) => `${target}${target.includes('?') ? '&' : '?'}api-version=${version}`
    for (const version of apiVersions) {
      expect((await fixture.call(method, withVersion(version), options)).status).toBe(row.status)
    }
    if (row.status === 401) return
    const before = fixture.router.published.length + fixture.router.requests.length
    for (const version of [
      '',
      '2020-10-01',
      '2024-12-01-preview',
      '2026-08-01-preview',
      '2024-12-01,2021-10-01',
      '2024-12-01&api-version=2024-12-01',
      'x',
    ]) {
      const reply = await fixture.call(method, withVersion(version), options)
      expect(reply.status).toBe(400)
      expect(reply.headers['x-ms-error-code']).toBe('Error.BadRequest')
      expect(reply.body).toBe(
        plainError('Error.BadRequest', 'The specified API version is not supported.', 'api-version'),
      )
    }
    expect(fixture.router.published.length + fixture.router.requests.length).toBe(before)
  })

  it.each(rows.filter(({ id }) => id !== 'HealthApi_GetServiceStatus'))(
    '$id is refused without a token',
    async (row) => {
      const [method, target, options] = row.call
      const reply = await fixture.call(method, target, { ...options, token: null })
      expect(reply).toEqual({
        status: 401,
        headers: {
          'x-ms-error-code': 'Error.Unauthorized',
          'api-supported-versions': versions,
          'WWW-Authenticate':
            'Bearer error="invalid_token", error_description="The Authorization header has no bearer token."',
          'Content-Length': '0',
        },
        body: null,
      })
      expect(fixture.router.published.length + fixture.router.requests.length).toBe(0)
    },
  )

  it.each(rows)('$id takes a slash at the end of its path', async ({ id, call: [method, target, options], status }) => {
    const slashed = target.replace(/^[^?]*/, (path) => `${path}/`)
    const reply = await fixture.call(method, slashed, options)
    // Here the slash is followed by a group without a name: that must not take the user out of every group.
    expect(reply.status).toBe(id === 'WebPubSub_RemoveUserFromAllGroups' ? 400 : status)
  })

  it.each(rows)('$id answers 503 while the cluster does not', async ({ call, envelope, request }) => {
    if (envelope === undefined && request === undefined) return
    fixture.router.failure = errors.backplaneUnavailable({ reason: 'node b is silent' })
    const reply = await fixture.call(...call)
    expect(reply.status).toBe(503)
    expect(reply.headers).toMatchObject({ 'Retry-After': '1', 'x-ms-error-code': 'Error.ServiceUnavailable' })
    expect(reply.body).not.toContain('silent')
  })
})

describe('what is not there', () => {
  const code = (reply: HttpReply) => [reply.status, reply.headers['x-ms-error-code'], reply.body]

  it('is 404 with the code of the operation', async () => {
    const { router, call } = fixture
    router.answers = {
      ...router.answers,
      join: [{ matched: 0 }, { matched: 0 }],
      exists: [{ found: false }],
      grant: [{ outcome: 'notFound' }],
      permission: [{ held: false }],
    }
    const notFound = (code: string, message: string, target: string) => [404, code, plainError(code, message, target)]
    expect(code(await call('PUT', '/api/hubs/h/groups/g/connections/abcd'))).toEqual(
      notFound('Error.Connection.NotExisted', 'Connection `abcd` is not found.', 'Connection'),
    )
    expect(code(await call('PUT', '/api/hubs/h/users/foo/groups/g'))).toEqual(
      notFound('Error.User.NotExisted', 'User `foo` is not found.', 'User'),
    )
    expect(code(await call('HEAD', '/api/hubs/h/users/foo'))).toEqual(
      notFound('Warning.User.NotExisted', 'User `foo` is not found.', 'User'),
    )
    expect(code(await call('HEAD', '/api/hubs/h/groups/g'))).toEqual(
      notFound('Warning.Group.NotExisted', 'Group `g` is not found.', 'Group'),
    )
    expect(code(await call('HEAD', '/api/hubs/h/connections/c'))).toEqual(
      notFound('Warning.Connection.NotExisted', 'Connection `c` is not found.', 'Connection'),
    )
    expect(code(await call('PUT', '/api/hubs/h/permissions/sendToGroup/connections/c?targetName=g'))).toEqual(
      notFound('Info.Connection.NotExisted', 'Connection `c` is not found.', 'Connection'),
    )
    expect(
      code(await call('HEAD', '/api/hubs/h/permissions/sendToGroup/connections/c?targetName=g')).slice(0, 2),
    ).toEqual([404, 'Info.Connection.NotExisted'])
  })

  it('has the lengths that were recorded from the service, also in answers to HEAD', async () => {
    fixture.router.answers.exists = [{ found: false }]
    fixture.router.answers.join = [{ matched: 0 }]
    const user = await fixture.call('HEAD', '/api/hubs/h/users/foo')
    expect(user.headers).toMatchObject({ 'Content-Length': '120', 'Content-Type': 'application/json; charset=utf-8' })
    const connection = await fixture.call('PUT', '/api/hubs/h/groups/g/connections/abcd')
    expect(connection.headers['Content-Length']).toBe('137')
  })

  it('does not matter to removing, closing and revoking', async () => {
    const { router, call } = fixture
    router.answers = {
      ...router.answers,
      leave: [{ matched: 0 }],
      close: [{ matched: 0 }],
      revoke: [{ outcome: 'notFound' }],
    }
    for (const { call: args, status } of rows.filter((row) => row.status === 204)) {
      expect((await call(...args)).status).toBe(status)
    }
  })

  it('does not matter to bulk changes', async () => {
    fixture.router.answers.join = [{ matched: 0 }]
    expect((await fixture.call('POST', '/api/hubs/h/:addToGroups', groups)).status).toBe(200)
  })
})
