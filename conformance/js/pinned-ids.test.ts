/** Connection ids that the client chooses: with the development key only, for documents whose samples name one. */

import type { WebPubSubServiceClient } from '@azure/web-pubsub'
import { until } from '@hocket/testkit/wait'
import { beforeEach, describe, expect, it } from 'vitest'
import { developmentKey } from './harness/development-key.ts'
import { freshHub } from './harness/names.ts'
import { jsonProtocol } from './harness/raw-client.ts'
import { clientProtocols, openRaw, openSdk, refusalOf, serviceClient } from './harness/sdk.ts'
import { isExternal, useServer } from './harness/server.ts'

const pin = (id: string) => `hocket_connection_id=${encodeURIComponent(id)}`

describe('with the development key', () => {
  const server = useServer({ accessKey: null })
  let service: WebPubSubServiceClient

  beforeEach(({ skip }) => {
    skip(server.accessKey !== developmentKey, 'the server has another key')
    service = serviceClient(server, freshHub())
  })

  it('a client has the id that it asks for, and the documents’ samples work with abc123', async () => {
    await using client = await openRaw(server, service, { protocols: [jsonProtocol], query: pin('abc123') })
    expect(client.connectionId).toBe('abc123')
    expect(await service.connectionExists('abc123')).toBe(true)
    await service.group('my-group').addConnection('abc123')
    await service.group('my-group').sendToAll('Hello group', { contentType: 'text/plain' })
    await service.sendToConnection('abc123', 'Hello connection', { contentType: 'text/plain' })
    expect((await client.messagesUntil(2)).map((text) => JSON.parse(text).data)).toEqual([
      'Hello group',
      'Hello connection',
    ])
    await service.grantPermission('abc123', 'joinLeaveGroup', { targetName: 'my-group' })
    expect(await service.hasPermission('abc123', 'joinLeaveGroup', { targetName: 'my-group' })).toBe(true)
    await service.revokePermission('abc123', 'joinLeaveGroup', { targetName: 'my-group' })
    expect(await service.hasPermission('abc123', 'joinLeaveGroup', { targetName: 'my-group' })).toBe(false)
    await service.group('my-group').removeConnection('abc123')
    await service.closeConnection('abc123', { reason: 'Session ended' })
    await client.closedWith()
    expect(await service.connectionExists('abc123')).toBe(false)
  })

  it('without such a client the same calls answer as for any unknown id', async () => {
    expect(await service.connectionExists('abc123')).toBe(false)
    expect(await refusalOf(service.group('my-group').addConnection('abc123'))).toMatchObject({ statusCode: 404 })
    const grant = service.grantPermission('abc123', 'joinLeaveGroup', { targetName: 'my-group' })
    expect(await refusalOf(grant)).toMatchObject({ statusCode: 404 })
  })

  it.each(clientProtocols)('an official client over %s has it as well', async (_title, protocol) => {
    await using client = await openSdk(server, service, {
      protocol: protocol(),
      via: (url) => `${url}&${pin('abc123')}`,
    })
    expect(client.connectionId).toBe('abc123')
  })

  it('an id that is live is refused with 409 before the upgrade, and free again afterwards', async () => {
    const options = { protocols: [jsonProtocol], query: pin('abc123') }
    const first = await openRaw(server, service, options)
    await expect(openRaw(server, service, options)).rejects.toMatchObject({ status: 409 })
    await service.sendToConnection('abc123', { n: 1 })
    expect(await first.messagesUntil(1)).toHaveLength(1)
    await first[Symbol.asyncDispose]()
    await until(async () => !(await service.connectionExists('abc123')), { what: 'the id is free' })
    await using again = await openRaw(server, service, options)
    expect(again.connectionId).toBe('abc123')
  })

  it.each(['a b', 'a/b', 'ä', 'x'.repeat(65)])('the id "%s" is refused with 400', async (id) => {
    await expect(openRaw(server, service, { query: pin(id) })).rejects.toMatchObject({ status: 400 })
  })
})

describe.skipIf(isExternal)('with a key of one’s own', () => {
  const server = useServer()

  it('the parameter means nothing: the id is the server’s', async () => {
    const service = serviceClient(server, freshHub())
    await using client = await openRaw(server, service, { protocols: [jsonProtocol], query: pin('abc123') })
    expect(client.connectionId).not.toBe('abc123')
  })
})
