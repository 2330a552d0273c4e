/** Behind a reverse proxy that changes host and path, which a server must be told about. */

import { AzureKeyCredential, WebPubSubServiceClient } from '@azure/web-pubsub'
import { WebPubSubClient } from '@azure/web-pubsub-client'
import { until } from '@hocket/testkit/wait'
import { describe, expect, it } from 'vitest'
import { freshHub } from './harness/names.ts'
import { HandshakeRefused, jsonProtocol, RawClient } from './harness/raw-client.ts'
import { ReverseProxy } from './harness/reverse-proxy.ts'
import {
  allRoles,
  clientProtocols,
  clientUrl,
  openRaw,
  openSdk,
  refusalOf,
  serviceOptions,
  statusOf,
} from './harness/sdk.ts'
import { isExternal, OwnServer } from './harness/server.ts'

const rules = { prefix: '/edge/pub%20sub', host: 'backend.internal:9999' }

function through(proxy: ReverseProxy, server: OwnServer, hub: string): WebPubSubServiceClient {
  const connectionString = `Endpoint=${proxy.publicEndpoint};AccessKey=${server.accessKey};Version=1.0;`
  return new WebPubSubServiceClient(connectionString, hub, serviceOptions(server))
}

describe.skipIf(isExternal)('behind a reverse proxy that changes host and path prefix', () => {
  it('REST calls and clients work when publicEndpoints names it', async () => {
    await using proxy = await ReverseProxy.start(rules)
    await using server = await OwnServer.start({ args: ['--public-endpoints', proxy.publicEndpoint] })
    proxy.targetPort = server.port
    const hub = freshHub()
    const service = through(proxy, server, hub)

    await using raw = await openRaw(server, service, { userId: 'alice', groups: ['a/b'], protocols: [jsonProtocol] })
    expect(await statusOf((options) => service.group('a/b').sendToAll({ n: 1 }, options))).toBe(202)
    expect(await raw.messagesUntil(1)).toHaveLength(1)
    expect(await service.userExists('alice')).toBe(true)
    expect(await service.userExists('nobody')).toBe(false)

    for (const [, protocol] of clientProtocols) {
      await using client = await openSdk(server, service, { protocol: protocol() })
      await client.client.joinGroup('g')
      await client.client.sendToGroup('g', 'hello', 'text')
      expect(await client.groupMessagesUntil(1)).toMatchObject([{ data: 'hello' }])
    }
  })

  it('the pages of a listing link to the public endpoint', async () => {
    await using proxy = await ReverseProxy.start(rules)
    await using server = await OwnServer.start({ args: ['--public-endpoints', proxy.publicEndpoint] })
    proxy.targetPort = server.port
    const service = through(proxy, server, freshHub())
    const open = () => openRaw(server, service, { groups: ['g'], protocols: [jsonProtocol] })
    await using first = await open()
    await using second = await open()
    await using third = await open()
    const urls: string[] = []
    const ids: string[] = []
    const pager = await service.group('g').listConnections({
      maxPageSize: 1,
      onResponse: (response) => {
        urls.push(response.request.url)
      },
    })
    for await (const { connectionId } of pager) ids.push(connectionId)
    expect(ids.sort()).toEqual([first, second, third].map((client) => client.connectionId).sort())
    expect(urls).toHaveLength(3)
    for (const url of urls) expect(url.startsWith(`${proxy.publicEndpoint}/api/hubs/`)).toBe(true)
  })

  it('once publicEndpoints is set, only the list counts', async () => {
    await using proxy = await ReverseProxy.start(rules)
    await using server = await OwnServer.start({ args: ['--public-endpoints', proxy.publicEndpoint] })
    proxy.targetPort = server.port
    const direct = `http://localhost:${server.port}`
    const service = new WebPubSubServiceClient(
      direct,
      new AzureKeyCredential(server.accessKey),
      freshHub(),
      serviceOptions(server),
    )
    expect(await refusalOf(service.sendToAll({ n: 1 }))).toMatchObject({ statusCode: 401 })
  })

  it('without publicEndpoints it is refused, and the log names the expected and the found audience', async () => {
    await using proxy = await ReverseProxy.start(rules)
    await using server = await OwnServer.start()
    proxy.targetPort = server.port
    const hub = freshHub()
    const service = through(proxy, server, hub)

    expect(await refusalOf(service.sendToAll({ n: 1 }))).toMatchObject({ statusCode: 401 })
    const url = await clientUrl(server, service, { roles: allRoles })
    await expect(RawClient.open(url)).rejects.toThrow(HandshakeRefused)
    await expect(new WebPubSubClient(url).start()).rejects.toThrow('401')

    const lineWith = (...parts: string[]) =>
      until(
        () =>
          server.process
            .stderr()
            .split('\n')
            .find((line) => parts.every((part) => line.includes(part))),
        {
          what: `a log line with ${parts.join(' and ')}`,
        },
      )
    const rest = `/api/hubs/${hub}/:send`
    const client = `/client/hubs/${hub}`
    await lineWith(`${proxy.publicEndpoint}${rest}`, `${rules.host}${rest}`)
    await lineWith(`${proxy.publicEndpoint}${client}`, `${rules.host}${client}`)
  })

  it('that changes the host alone, the package’s reverseProxyEndpoint needs no setting', async () => {
    await using proxy = await ReverseProxy.start({ prefix: '', host: 'backend.internal:9999' })
    await using server = await OwnServer.start()
    proxy.targetPort = server.port
    const service = new WebPubSubServiceClient(server.connectionString, freshHub(), {
      ...serviceOptions(server),
      reverseProxyEndpoint: proxy.publicEndpoint,
    })
    await using client = await openRaw(server, service, { protocols: [jsonProtocol] })
    await service.sendToAll({ n: 1 })
    expect(await client.messagesUntil(1)).toHaveLength(1)
  })

  it('a mapped port needs no setting: the Host that the caller used counts', async () => {
    await using proxy = await ReverseProxy.start({ prefix: '', host: null })
    await using server = await OwnServer.start()
    proxy.targetPort = server.port
    const service = through(proxy, server, freshHub())
    await using client = await openRaw(server, service, { protocols: [jsonProtocol] })
    await service.sendToAll({ n: 1 })
    expect(await client.messagesUntil(1)).toHaveLength(1)
  })
})
