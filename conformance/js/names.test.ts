/** Names that need escaping somewhere, through every way that a name takes. */

import type { WebPubSubServiceClient } from '@azure/web-pubsub'
import { until } from '@hocket/testkit/wait'
import { beforeEach, describe, expect, it } from 'vitest'
import { awkwardNames, freshHub } from './harness/names.ts'
import { jsonProtocol } from './harness/raw-client.ts'
import { clientProtocols, openRaw, openSdk, serviceClient } from './harness/sdk.ts'
import { useServer } from './harness/server.ts'

const server = useServer()
let service: WebPubSubServiceClient

beforeEach(() => {
  service = serviceClient(server, freshHub())
})

describe.each(awkwardNames)('a name with %s', (_title, name) => {
  it('works as a group in every call of the service package', async () => {
    await using client = await openRaw(server, service, { userId: 'alice', protocols: [jsonProtocol] })
    const id = client.connectionId
    const group = service.group(name)
    const exists = () => service.groupExists(name)

    await group.addConnection(id)
    expect(await exists()).toBe(true)
    const members = []
    for await (const member of await group.listConnections({ maxPageSize: 1 })) members.push(member)
    expect(members).toEqual([{ connectionId: id, userId: 'alice' }])
    await group.sendToAll({ n: 1 })
    await service.sendToAll({ n: 2 }, { filter: `'${name.replaceAll("'", "''")}' in groups` })
    const [first, second] = (await client.messagesUntil(2)).map((text) => JSON.parse(text))
    expect(first).toMatchObject({ group: name, data: { n: 1 } })
    expect(second).toMatchObject({ from: 'server', data: { n: 2 } })
    await group.removeConnection(id)
    expect(await exists()).toBe(false)

    await group.addUser('alice')
    expect(await exists()).toBe(true)
    await group.removeUser('alice')
    expect(await exists()).toBe(false)

    await service.addConnectionsToGroups([name], '')
    expect(await exists()).toBe(true)
    await service.removeConnectionsFromGroups([name], '')
    expect(await exists()).toBe(false)

    for (const permission of ['sendToGroup', 'joinLeaveGroup'] as const) {
      await service.grantPermission(id, permission, { targetName: name })
      expect(await service.hasPermission(id, permission, { targetName: name })).toBe(true)
      await service.revokePermission(id, permission, { targetName: name })
      expect(await service.hasPermission(id, permission, { targetName: name })).toBe(false)
    }

    await group.addConnection(id)
    await group.closeAllConnections({ reason: name })
    await client.closedWith()
    expect(JSON.parse(client.texts.at(-1)!).message).toContain(name)
  })

  it('works as a user in every call of the service package', async () => {
    await using client = await openRaw(server, service, { userId: name, protocols: [jsonProtocol] })
    expect(client.connected?.userId).toBe(name)
    expect(await service.userExists(name)).toBe(true)
    await service.sendToUser(name, { n: 1 })
    await service.sendToAll({ n: 2 }, { filter: `userId eq '${name.replaceAll("'", "''")}'` })
    expect((await client.messagesUntil(2)).map((text) => JSON.parse(text).data.n)).toEqual([1, 2])
    const group = service.group(name)
    await group.addUser(name)
    const members = []
    for await (const { userId } of await group.listConnections()) members.push(userId)
    expect(members).toEqual([name])
    await group.removeUser(name)
    expect(await service.groupExists(name)).toBe(false)
    await group.addUser(name)
    await service.removeUserFromAllGroups(name)
    expect(await service.groupExists(name)).toBe(false)
    await service.closeUserConnections(name)
    await client.closedWith()
    expect(await service.userExists(name)).toBe(false)
  })

  it.each(clientProtocols)('works as group and user of an official client over %s', async (_protocol, protocol) => {
    const roles = [`webpubsub.joinLeaveGroup.${name}`, `webpubsub.sendToGroup.${name}`]
    await using sender = await openSdk(server, service, { protocol: protocol(), token: { userId: name, roles } })
    await using member = await openSdk(server, service, { protocol: protocol(), token: { groups: [name] } })
    expect(sender.connected[0]).toMatchObject({ userId: name })
    await sender.client.joinGroup(name)
    await sender.client.sendToGroup(name, 'hello', 'text')
    for (const client of [sender, member]) {
      expect((await client.groupMessagesUntil(1))[0]).toMatchObject({ group: name, fromUserId: name, data: 'hello' })
    }
    await sender.client.leaveGroup(name)
    await service.group(name).sendToAll({ n: 1 })
    expect((await member.groupMessagesUntil(2))[1]).toMatchObject({ group: name, data: { n: 1 } })
    await service.sendToUser(name, 'last', { contentType: 'text/plain' })
    await sender.serverMessagesUntil(1)
    expect(sender.groupMessages).toHaveLength(1)
  })

  it('works as the group that a simple client publishes to', async () => {
    const query = `webpubsub_mode=sendToGroup&group=${encodeURIComponent(name)}`
    await using publisher = await openRaw(server, service, {
      userId: name,
      roles: [`webpubsub.sendToGroup.${name}`],
      groups: [name],
      query,
    })
    await using member = await openRaw(server, service, { groups: [name], protocols: [jsonProtocol] })
    publisher.send('hello')
    await until(() => publisher.texts.includes('hello'), { what: 'the echo' })
    expect((await member.messagesUntil(1)).map((text) => JSON.parse(text))).toMatchObject([
      { from: 'group', group: name, fromUserId: name, dataType: 'text', data: 'hello' },
    ])
  })
})
