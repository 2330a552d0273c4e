/** Groups, users and existence through the official service package. */

import type { WebPubSubServiceClient } from '@azure/web-pubsub'
import { until } from '@hocket/testkit/wait'
import { beforeEach, describe, expect, it } from 'vitest'
import { freshHub } from './harness/names.ts'
import { jsonProtocol } from './harness/raw-client.ts'
import { openRaw, refusalOf, serviceClient, statusOf } from './harness/sdk.ts'
import { useServer } from './harness/server.ts'

const server = useServer()
let service: WebPubSubServiceClient

beforeEach(() => {
  service = serviceClient(server, freshHub())
})

/** The members of a group by connection id. */
async function membersOf(group: string): Promise<string[]> {
  const ids: string[] = []
  for await (const { connectionId } of await service.group(group).listConnections()) ids.push(connectionId)
  return ids.sort()
}

describe('a connection', () => {
  it('is added to a group with 200, and gets its messages from then on', async () => {
    await using client = await openRaw(server, service, { protocols: [jsonProtocol] })
    const group = service.group('vip')
    await group.sendToAll({ n: 'too early' })
    expect(await statusOf((options) => group.addConnection(client.connectionId, options))).toBe(200)
    await group.sendToAll({ n: 'in time' })
    expect((await client.messagesUntil(1)).map((text) => JSON.parse(text).data.n)).toEqual(['in time'])
  })

  it('that is unknown cannot be added: 404 with the service’s code', async () => {
    expect(await refusalOf(service.group('vip').addConnection('abc'))).toMatchObject({
      name: 'RestError',
      statusCode: 404,
      code: 'Error.Connection.NotExisted',
      headerCode: 'Error.Connection.NotExisted',
      message: 'Connection `abc` is not found.',
    })
    expect(await service.groupExists('vip')).toBe(false)
  })

  it('is a member once, however often it is added, and gets each message once', async () => {
    await using client = await openRaw(server, service, { protocols: [jsonProtocol] })
    const group = service.group('set')
    for (let i = 0; i < 3; i++) await group.addConnection(client.connectionId)
    expect(await membersOf('set')).toEqual([client.connectionId])
    await group.sendToAll({ n: 1 })
    await group.sendToAll({ n: 2 })
    expect((await client.messagesUntil(2)).map((text) => JSON.parse(text).data.n)).toEqual([1, 2])
    await group.removeConnection(client.connectionId)
    expect(await service.groupExists('set')).toBe(false)
  })

  it('is removed from a group with 204, whether it was a member or not, or even known', async () => {
    await using client = await openRaw(server, service, { groups: ['vip'], protocols: [jsonProtocol] })
    const group = service.group('vip')
    const remove = (id: string) => statusOf((options) => group.removeConnection(id, options))
    expect(await remove(client.connectionId)).toBe(204)
    expect(await remove(client.connectionId)).toBe(204)
    expect(await remove('abc123')).toBe(204)
    expect(await membersOf('vip')).toEqual([])
  })

  it('can be in many groups, and leaves all at once', async () => {
    await using client = await openRaw(server, service, { groups: ['a', 'b'], protocols: [jsonProtocol] })
    await using other = await openRaw(server, service, { groups: ['a'], protocols: [jsonProtocol] })
    await service.group('c').addConnection(client.connectionId)
    expect(await statusOf((options) => service.removeConnectionFromAllGroups(client.connectionId, options))).toBe(204)
    expect(await Promise.all(['a', 'b', 'c'].map(membersOf))).toEqual([[other.connectionId], [], []])
    expect(await statusOf((options) => service.removeConnectionFromAllGroups('abc123', options))).toBe(204)
    expect(await service.connectionExists(client.connectionId)).toBe(true)
  })

  it('exists from its opening to its end', async () => {
    const client = await openRaw(server, service, { protocols: [jsonProtocol] })
    const exists = () => service.connectionExists(client.connectionId)
    expect(await statusOf((options) => service.connectionExists(client.connectionId, options))).toBe(200)
    expect(await exists()).toBe(true)
    await client[Symbol.asyncDispose]()
    await until(async () => !(await exists()), { what: 'the connection is gone' })
    expect(await statusOf((options) => service.connectionExists(client.connectionId, options))).toBe(404)
    expect(await service.connectionExists('abc123')).toBe(false)
  })

  it('has an id of its own', async () => {
    const ids = new Set<string>()
    for (let i = 0; i < 20; i++) {
      await using client = await openRaw(server, service, { userId: 'same', protocols: [jsonProtocol] })
      expect(client.connectionId).toMatch(/^[A-Za-z0-9._~-]+$/)
      ids.add(client.connectionId)
    }
    expect(ids.size).toBe(20)
  })
})

describe('a user', () => {
  it('is added with all current connections, with 200, and later ones are not members', async () => {
    await using phone = await openRaw(server, service, { userId: 'user123', protocols: [jsonProtocol] })
    await using laptop = await openRaw(server, service, { userId: 'user123', protocols: [jsonProtocol] })
    await using other = await openRaw(server, service, { userId: 'other', protocols: [jsonProtocol] })
    expect(await statusOf((options) => service.group('g').addUser('user123', options))).toBe(200)
    await using later = await openRaw(server, service, { userId: 'user123', protocols: [jsonProtocol] })
    const members = await membersOf('g')
    expect(members).toEqual([phone.connectionId, laptop.connectionId].sort())
    expect(members).not.toContain(other.connectionId)
    expect(members).not.toContain(later.connectionId)
  })

  it('without a connection cannot be added: 404 with the service’s code', async () => {
    expect(await refusalOf(service.group('g').addUser('user123'))).toMatchObject({
      statusCode: 404,
      code: 'Error.User.NotExisted',
      headerCode: 'Error.User.NotExisted',
      message: 'User `user123` is not found.',
    })
  })

  it('is removed from one group and from all with 204, online or not', async () => {
    await using client = await openRaw(server, service, { userId: 'user123', groups: ['a', 'b', 'c'] })
    await using other = await openRaw(server, service, { userId: 'other', groups: ['a'], protocols: [jsonProtocol] })
    expect(await statusOf((options) => service.group('a').removeUser('user123', options))).toBe(204)
    expect(await membersOf('a')).toEqual([other.connectionId])
    expect(await membersOf('b')).toHaveLength(1)
    expect(await statusOf((options) => service.removeUserFromAllGroups('user123', options))).toBe(204)
    expect(await Promise.all(['b', 'c'].map(membersOf))).toEqual([[], []])
    expect(await statusOf((options) => service.group('a').removeUser('nobody', options))).toBe(204)
    expect(await statusOf((options) => service.removeUserFromAllGroups('nobody', options))).toBe(204)
    expect(client.closed).toBe(null)
  })

  it('exists while one connection has the id, in its very spelling', async () => {
    const first = await openRaw(server, service, { userId: 'user123' })
    await using second = await openRaw(server, service, { userId: 'user123' })
    expect(await statusOf((options) => service.userExists('user123', options))).toBe(200)
    expect(await service.userExists('USER123')).toBe(false)
    expect(await statusOf((options) => service.userExists('nobody', options))).toBe(404)
    await first[Symbol.asyncDispose]()
    expect(await service.userExists('user123')).toBe(true)
    await second[Symbol.asyncDispose]()
    await until(async () => !(await service.userExists('user123')), { what: 'the user is gone' })
  })
})

describe('a group', () => {
  it('exists while it has a member', async () => {
    expect(await service.groupExists('my-group')).toBe(false)
    const client = await openRaw(server, service, { groups: ['my-group'] })
    expect(await statusOf((options) => service.groupExists('my-group', options))).toBe(200)
    expect(await service.groupExists('MY-GROUP')).toBe(false)
    await client[Symbol.asyncDispose]()
    await until(async () => !(await service.groupExists('my-group')), { what: 'the group is gone' })
    expect(await statusOf((options) => service.groupExists('my-group', options))).toBe(404)
  })

  it('name that is blank or longer than 1,024 characters is refused with 400', async () => {
    for (const name of [' ', '\t', 'g'.repeat(1025)]) {
      expect(await refusalOf(service.groupExists(name))).toMatchObject({ statusCode: 400 })
      expect(await refusalOf(service.group(name).sendToAll({ n: 1 }))).toMatchObject({
        statusCode: 400,
        code: 'Error.BadRequest',
        message: 'Invalid group name.',
      })
    }
  })
})

describe('a bulk change', () => {
  it('adds the connections that a filter chooses to every group, with 200', async () => {
    await using alice = await openRaw(server, service, { userId: 'alice', protocols: [jsonProtocol] })
    await using bob = await openRaw(server, service, { userId: 'bob', protocols: [jsonProtocol] })
    const filter = "userId eq 'alice'"
    expect(await statusOf((options) => service.addConnectionsToGroups(['g1', 'g2', 'g1'], filter, options))).toBe(200)
    expect(await membersOf('g1')).toEqual([alice.connectionId])
    expect(await membersOf('g2')).toEqual([alice.connectionId])
    expect(await service.connectionExists(bob.connectionId)).toBe(true)
  })

  it('with an empty filter takes every connection of the hub', async () => {
    await using first = await openRaw(server, service, { protocols: [jsonProtocol] })
    await using second = await openRaw(server, service, { userId: 'u', protocols: [jsonProtocol] })
    await service.addConnectionsToGroups(['all'], '')
    expect(await membersOf('all')).toEqual([first.connectionId, second.connectionId].sort())
    await service.removeConnectionsFromGroups(['all'], '')
    expect(await membersOf('all')).toEqual([])
  })

  it('sees memberships as they were before it', async () => {
    await using inside = await openRaw(server, service, { groups: ['old'], protocols: [jsonProtocol] })
    await using outside = await openRaw(server, service, { protocols: [jsonProtocol] })
    await service.addConnectionsToGroups(['new', 'old'], "not ('old' in groups)")
    expect(await membersOf('new')).toEqual([outside.connectionId])
    expect(await membersOf('old')).toEqual([inside.connectionId, outside.connectionId].sort())
    expect(
      await statusOf((options) => service.removeConnectionsFromGroups(['old', 'new'], "'new' in groups", options)),
    ).toBe(200)
    expect(await membersOf('new')).toEqual([])
    expect(await membersOf('old')).toEqual([inside.connectionId])
  })

  it('that matches nobody is accepted with 200', async () => {
    expect(await statusOf((o) => service.addConnectionsToGroups(['g'], "userId eq 'nobody'", o))).toBe(200)
    expect(await statusOf((o) => service.removeConnectionsFromGroups(['g'], "userId eq 'nobody'", o))).toBe(200)
  })

  it('that cannot be understood changes nothing: 400', async () => {
    await using client = await openRaw(server, service, { groups: ['kept'], protocols: [jsonProtocol] })
    for (const call of [
      () => service.addConnectionsToGroups(['g'], 'invalid filter'),
      () => service.addConnectionsToGroups(['g'], ' '),
      () => service.removeConnectionsFromGroups(['kept'], 'invalid filter'),
    ]) {
      const refusal = await refusalOf(call())
      expect(refusal).toMatchObject({ statusCode: 400, headerCode: 'Error.BadRequest' })
    }
    for (const call of [
      () => service.addConnectionsToGroups([], "userId eq 'a'"),
      () => service.addConnectionsToGroups(['g', ' '], ''),
      () => service.removeConnectionsFromGroups(['kept', 'g'.repeat(1025)], ''),
    ]) {
      expect(await refusalOf(call())).toMatchObject({ statusCode: 400, headerCode: 'Error.BadRequest' })
    }
    expect(await service.groupExists('g')).toBe(false)
    expect(await membersOf('kept')).toEqual([client.connectionId])
  })

  it('names the position of a syntax error', async () => {
    const refusal = await refusalOf(service.addConnectionsToGroups(['g'], 'invalid filter'))
    expect(refusal.message).toMatch(/Syntax error at position \d+ in 'invalid filter'/)
  })
})

describe('hubs', () => {
  it('never meet, though users, groups and messages have the same names', async () => {
    const other = serviceClient(server, freshHub())
    const token = { userId: 'same', groups: ['same'], protocols: [jsonProtocol] }
    await using here = await openRaw(server, service, token)
    await using there = await openRaw(server, other, token)
    await service.sendToAll({ n: 1 })
    await service.sendToUser('same', { n: 2 })
    await service.group('same').sendToAll({ n: 3 })
    await service.sendToConnection(there.connectionId, { n: 'lost' })
    await other.sendToAll({ n: 'theirs' })
    expect((await here.messagesUntil(3)).map((text) => JSON.parse(text).data.n)).toEqual([1, 2, 3])
    expect((await there.messagesUntil(1)).map((text) => JSON.parse(text).data.n)).toEqual(['theirs'])

    expect(await service.connectionExists(there.connectionId)).toBe(false)
    expect((await refusalOf(service.group('same').addConnection(there.connectionId))).statusCode).toBe(404)
    await service.closeConnection(there.connectionId)
    await service.removeUserFromAllGroups('same')
    expect(await other.groupExists('same')).toBe(true)
    await service.closeAllConnections()
    await here.closedWith()
    expect(await other.connectionExists(there.connectionId)).toBe(true)
    expect(there.closed).toBe(null)
  })

  it('are the same in any case', async () => {
    const name = freshHub()
    await using client = await openRaw(server, serviceClient(server, name.toUpperCase()), {
      protocols: [jsonProtocol],
    })
    await serviceClient(server, name).sendToAll({ n: 1 })
    expect(await client.messagesUntil(1)).toHaveLength(1)
  })

  it('may have a hyphen in their name', async () => {
    const hyphen = serviceClient(server, `my-hub-${Date.now()}`)
    await using client = await openRaw(server, hyphen, { protocols: [jsonProtocol] })
    await hyphen.sendToAll({ n: 1 })
    expect(await client.messagesUntil(1)).toHaveLength(1)
  })

  it('with an impossible name are refused with 400', async () => {
    for (const name of ['1st', '_hub', 'a b', 'a/b', 'h'.repeat(129)]) {
      expect(await refusalOf(serviceClient(server, name).sendToAll({ n: 1 }))).toMatchObject({
        statusCode: 400,
        code: 'Error.BadRequest',
        message: 'Invalid hub name.',
      })
    }
  })
})
