/** Permissions of live connections through the official service package. */

import type { Permission, WebPubSubServiceClient } from '@azure/web-pubsub'
import { beforeEach, describe, expect, it } from 'vitest'
import { freshHub } from './harness/names.ts'
import { jsonProtocol, type RawClient } from './harness/raw-client.ts'
import { openRaw, refusalOf, serviceClient, statusOf } from './harness/sdk.ts'
import { useServer } from './harness/server.ts'

const server = useServer()
let service: WebPubSubServiceClient
let nextAckId = 1

beforeEach(() => {
  service = serviceClient(server, freshHub())
})

/** What the client is answered when it tries what the permission allows. */
async function attempt(client: RawClient, permission: Permission, group: string): Promise<string> {
  const ackId = String(nextAckId++)
  const verb = permission === 'sendToGroup' ? 'sendToGroup' : 'joinGroup'
  const data = permission === 'sendToGroup' ? ',"dataType":"text","data":"hi"' : ''
  const frame = `{"type":"${verb}","group":${JSON.stringify(group)},"ackId":${ackId}${data}}`
  const ack = JSON.parse(await client.request(frame, ackId))
  return ack.success ? 'allowed' : ack.error.name
}

describe.each(['sendToGroup', 'joinLeaveGroup'] as const)('%s', (permission) => {
  it('is granted with 200 and revoked with 204, both at once on the live connection', async () => {
    await using client = await openRaw(server, service, { protocols: [jsonProtocol] })
    const id = client.connectionId
    const targetName = 'my-group'
    expect(await attempt(client, permission, targetName)).toBe('Forbidden')
    expect(await service.hasPermission(id, permission, { targetName })).toBe(false)
    expect(await statusOf((options) => service.grantPermission(id, permission, { ...options, targetName }))).toBe(200)
    expect(await statusOf((options) => service.hasPermission(id, permission, { ...options, targetName }))).toBe(200)
    expect(await attempt(client, permission, targetName)).toBe('allowed')
    expect(await attempt(client, permission, 'another-group')).toBe('Forbidden')
    expect(await service.hasPermission(id, permission, { targetName: 'another-group' })).toBe(false)
    expect(await statusOf((options) => service.revokePermission(id, permission, { ...options, targetName }))).toBe(204)
    expect(await statusOf((options) => service.hasPermission(id, permission, { ...options, targetName }))).toBe(404)
    expect(await attempt(client, permission, targetName)).toBe('Forbidden')
  })

  it('granted by a role is held for every group, and can be revoked for one', async () => {
    await using client = await openRaw(server, service, {
      roles: [`webpubsub.${permission}`],
      protocols: [jsonProtocol],
    })
    const id = client.connectionId
    expect(await service.hasPermission(id, permission, { targetName: 'any' })).toBe(true)
    await service.revokePermission(id, permission, { targetName: 'one' })
    expect(await attempt(client, permission, 'one')).toBe('Forbidden')
    expect(await attempt(client, permission, 'any')).toBe('allowed')
    await service.grantPermission(id, permission, { targetName: 'one' })
    expect(await attempt(client, permission, 'one')).toBe('allowed')
  })

  it('granted by a role for one group, or for a pattern, is held there only', async () => {
    const roles = [`webpubsub.${permission}.exact.name`, `webpubsub.${permission}s.chat-*`]
    await using client = await openRaw(server, service, { roles, protocols: [jsonProtocol] })
    const held = (targetName: string) => service.hasPermission(client.connectionId, permission, { targetName })
    expect(await Promise.all(['exact.name', 'exact', 'chat-1', 'chat-1.2', 'Chat-1'].map(held))).toEqual([
      true,
      false,
      true,
      false,
      false,
    ])
    expect(await attempt(client, permission, 'exact.name')).toBe('allowed')
    expect(await attempt(client, permission, 'chat-1')).toBe('allowed')
    expect(await attempt(client, permission, 'chat-1.2')).toBe('Forbidden')
  })

  it('takes a group name literally: a star is a character', async () => {
    await using client = await openRaw(server, service, { protocols: [jsonProtocol] })
    await service.grantPermission(client.connectionId, permission, { targetName: 'chat-*' })
    expect(await attempt(client, permission, 'chat-*')).toBe('allowed')
    expect(await attempt(client, permission, 'chat-1')).toBe('Forbidden')
  })

  it('cannot be granted to an unknown connection: 404 with the service’s code', async () => {
    expect(await refusalOf(service.grantPermission('abc123', permission, { targetName: 'g' }))).toMatchObject({
      name: 'RestError',
      statusCode: 404,
      code: 'Info.Connection.NotExisted',
      headerCode: 'Info.Connection.NotExisted',
      message: 'Connection `abc123` is not found.',
    })
    expect(await service.hasPermission('abc123', permission, { targetName: 'g' })).toBe(false)
  })

  it('is revoked from an unknown connection with 204', async () => {
    const revoke = statusOf((o) => service.revokePermission('abc123', permission, { ...o, targetName: 'g' }))
    expect(await revoke).toBe(204)
  })

  it('needs the name of a group: 400', async () => {
    await using client = await openRaw(server, service, { protocols: [jsonProtocol] })
    const id = client.connectionId
    for (const options of [{}, { targetName: '' }, { targetName: ' ' }, { targetName: 'g'.repeat(1025) }]) {
      expect(await refusalOf(service.grantPermission(id, permission, options))).toMatchObject({
        statusCode: 400,
        code: 'Error.BadRequest',
        headerCode: 'Error.BadRequest',
      })
      expect(await refusalOf(service.revokePermission(id, permission, options))).toMatchObject({ statusCode: 400 })
      expect(await refusalOf(service.hasPermission(id, permission, options))).toMatchObject({ statusCode: 400 })
    }
    expect(await service.hasPermission(id, permission, { targetName: 'g' })).toBe(false)
  })
})

it('revoking the permission to join does not end a membership', async () => {
  await using client = await openRaw(server, service, {
    roles: ['webpubsub.joinLeaveGroup'],
    protocols: [jsonProtocol],
  })
  expect(await attempt(client, 'joinLeaveGroup', 'g')).toBe('allowed')
  await service.revokePermission(client.connectionId, 'joinLeaveGroup', { targetName: 'g' })
  await service.group('g').sendToAll({ n: 1 })
  expect(await client.messagesUntil(1)).toHaveLength(1)
})

it('an unknown permission is refused with 400', async () => {
  await using client = await openRaw(server, service, { protocols: [jsonProtocol] })
  const options = { targetName: 'g' }
  const unknown = 'fly' as Permission
  expect(await refusalOf(service.grantPermission(client.connectionId, unknown, options))).toMatchObject({
    statusCode: 400,
    code: 'Error.BadRequest',
  })
})

it('a permission is checked under the name hasPermission: there is no checkPermission', () => {
  expect('checkPermission' in service).toBe(false)
})
