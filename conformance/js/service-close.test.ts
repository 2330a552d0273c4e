/** Closing connections through the official service package, and what each kind of client sees of it. */

import type { WebPubSubServiceClient } from '@azure/web-pubsub'
import { until } from '@hocket/testkit/wait'
import { beforeEach, describe, expect, it } from 'vitest'
import { freshHub } from './harness/names.ts'
import { jsonProtocol, RawClient, recoveryUrl, reliableProtocol } from './harness/raw-client.ts'
import { clientUrl, openRaw, serviceClient, statusOf } from './harness/sdk.ts'
import { useServer } from './harness/server.ts'

const server = useServer()
let service: WebPubSubServiceClient

beforeEach(() => {
  service = serviceClient(server, freshHub())
})

const farewell = (reason?: string) =>
  JSON.stringify({
    type: 'system',
    event: 'disconnected',
    message: `Application server closed the connection.${reason === undefined ? '' : ` Reason: ${reason}`}`,
  })

describe('one connection', () => {
  it.each([
    ['JSON', jsonProtocol],
    ['reliable JSON', reliableProtocol],
  ])('of %s is told the reason, then closed with 1000', async (_title, protocol) => {
    await using client = await openRaw(server, service, { protocols: [protocol] })
    const id = client.connectionId
    const reason = 'Session ended: naïve "quotes" 世界'
    expect(await statusOf((options) => service.closeConnection(id, { ...options, reason }))).toBe(204)
    expect(await client.closedWith()).toEqual({ code: 1000, reason: '' })
    expect(client.texts.slice(1)).toEqual([farewell(reason)])
    expect(await service.connectionExists(id)).toBe(false)
  })

  it('is told in the same words when no reason is given', async () => {
    await using client = await openRaw(server, service, { protocols: [jsonProtocol] })
    await service.closeConnection(client.connectionId)
    await client.closedWith()
    expect(client.texts.at(-1)).toBe(farewell())
  })

  it('of a simple client gets nothing but the close frame', async () => {
    await using client = await openRaw(server, service, { userId: 'simple' })
    await service.closeUserConnections('simple', { reason: 'Session ended' })
    expect((await client.closedWith()).code).toBe(1000)
    expect(client.received).toEqual([])
  })

  it('gets what was sent before the close', async () => {
    await using client = await openRaw(server, service, { protocols: [jsonProtocol] })
    await service.sendToAll({ n: 1 })
    await service.closeConnection(client.connectionId)
    await client.closedWith()
    expect(client.texts.slice(1)).toEqual([
      '{"type":"message","from":"server","dataType":"json","data":{"n":1}}',
      farewell(),
    ])
  })

  it('that is unknown is closed with 204, again and again', async () => {
    expect(await statusOf((options) => service.closeConnection('abc123', options))).toBe(204)
    expect(await statusOf((options) => service.closeConnection('abc123', { ...options, reason: 'r' }))).toBe(204)
  })

  it('cannot be recovered afterwards: the attempt is accepted and closed with 1008', async () => {
    const url = await clientUrl(server, service)
    const client = await RawClient.open(url, { protocols: [reliableProtocol], secrets: server.secrets })
    await service.closeConnection(client.connectionId)
    await client.closedWith()
    await using back = await RawClient.open(recoveryUrl(url, client), {
      protocols: [reliableProtocol],
      secrets: server.secrets,
    })
    expect(await back.closedWith()).toEqual({ code: 1008, reason: 'The connection could not be recovered.' })
    expect(back.received).toEqual([])
  })

  it('is closed while it is detached, and cannot be recovered either', async () => {
    const url = await clientUrl(server, service)
    const client = await RawClient.open(url, { protocols: [reliableProtocol], secrets: server.secrets })
    client.cut()
    await client.closedWith()
    expect(await service.connectionExists(client.connectionId)).toBe(true)
    await service.closeConnection(client.connectionId)
    expect(await service.connectionExists(client.connectionId)).toBe(false)
    await using back = await RawClient.open(recoveryUrl(url, client), {
      protocols: [reliableProtocol],
      secrets: server.secrets,
    })
    expect((await back.closedWith()).code).toBe(1008)
  })
})

describe('many connections', () => {
  it('of a user are closed with 204, but for the excluded, and nobody else’s', async () => {
    const open = (userId: string) => openRaw(server, service, { userId, groups: ['g'], protocols: [jsonProtocol] })
    await using first = await open('user123')
    await using second = await open('user123')
    await using kept = await open('user123')
    await using other = await open('other')
    const status = await statusOf((options) =>
      // The type has no `excluded`, the operation has.
      service.closeUserConnections('user123', { ...options, reason: 'moved', ...{ excluded: [kept.connectionId] } }),
    )
    expect(status).toBe(204)
    await Promise.all([first.closedWith(), second.closedWith()])
    expect(first.texts.at(-1)).toBe(farewell('moved'))
    expect(await service.connectionExists(kept.connectionId)).toBe(true)
    expect(await service.connectionExists(other.connectionId)).toBe(true)
    expect(await statusOf((options) => service.closeUserConnections('nobody', options))).toBe(204)
  })

  it('of a group are closed with 204, but for the excluded, and nobody else’s', async () => {
    const open = (groups: string[]) => openRaw(server, service, { groups, protocols: [jsonProtocol] })
    await using first = await open(['g', 'h'])
    await using kept = await open(['g'])
    await using other = await open(['h'])
    const group = service.group('g')
    const excluded = { excluded: [kept.connectionId] }
    expect(await statusOf((o) => group.closeAllConnections({ ...o, reason: 'room closed', ...excluded }))).toBe(204)
    await first.closedWith()
    expect(first.texts.at(-1)).toBe(farewell('room closed'))
    expect(await service.connectionExists(kept.connectionId)).toBe(true)
    expect(await service.connectionExists(other.connectionId)).toBe(true)
    expect(await statusOf((options) => service.group('nobody').closeAllConnections(options))).toBe(204)
  })

  it('of the hub are closed with 204, but for the excluded', async () => {
    await using simple = await openRaw(server, service, { userId: 'u' })
    await using json = await openRaw(server, service, { protocols: [jsonProtocol] })
    await using reliable = await openRaw(server, service, { protocols: [reliableProtocol] })
    await using kept = await openRaw(server, service, { protocols: [jsonProtocol] })
    const excluded = { excluded: [kept.connectionId] }
    expect(await statusOf((o) => service.closeAllConnections({ ...o, reason: 'over', ...excluded }))).toBe(204)
    await Promise.all([simple, json, reliable].map((client) => client.closedWith()))
    expect(json.texts.at(-1)).toBe(farewell('over'))
    expect(reliable.texts.at(-1)).toBe(farewell('over'))
    await service.sendToAll({ n: 1 })
    expect(await kept.messagesUntil(1)).toHaveLength(1)
    expect(await service.userExists('u')).toBe(false)
  })

  it('of the hub are closed by closeAllConnections whatever user it is given: that user’s call is another one', async () => {
    await using chosen = await openRaw(server, service, { userId: 'user123', protocols: [jsonProtocol] })
    await using other = await openRaw(server, service, { userId: 'other', protocols: [jsonProtocol] })
    await service.closeUserConnections('user123')
    await chosen.closedWith()
    expect(await service.userExists('other')).toBe(true)
    // The package drops an option that it does not know, and what is left closes the hub.
    const noSuchOption = { userId: 'user123' } as object
    await service.closeAllConnections(noSuchOption)
    await other.closedWith()
    await until(async () => !(await service.userExists('other')), { what: 'the hub is empty' })
  })
})
