/** A server that is stopped and started again under the same address finds its official clients back in their groups. */

import { until } from '@hocket/testkit/wait'
import { describe, expect, it } from 'vitest'
import { freshHub } from './harness/names.ts'
import { clientProtocols, openSdk, serviceClient } from './harness/sdk.ts'
import { isExternal, OwnServer } from './harness/server.ts'

const backWithinMs = 5000

describe.skipIf(isExternal).each(clientProtocols)('over %s', (_title, protocol) => {
  it('running clients are connected and back in their groups within 5 s of a new start', async () => {
    const first = await OwnServer.start()
    const hub = freshHub()
    const service = serviceClient(first, hub)
    const clients = await Promise.all(
      ['a', 'b', 'c', 'd', 'e'].map((group) =>
        openSdk(first, service, { protocol: protocol() }).then(async (client) => {
          await client.client.joinGroup('all')
          await client.client.joinGroup(group)
          return client
        }),
      ),
    )
    try {
      const ids = clients.map((client) => client.connectionId)
      await first[Symbol.asyncDispose]()
      await using second = await OwnServer.start({
        port: first.port,
        accessKey: first.accessKey,
        secrets: first.secrets,
      })
      const started = performance.now()
      expect(second.connectionString).toBe(first.connectionString)
      await until(() => clients.every((client) => client.connected.length === 2), {
        what: 'every client is connected again',
        timeoutMs: backWithinMs,
      })
      await service.group('all').sendToAll({ n: 1 })
      await Promise.all(clients.map((client) => client.groupMessagesUntil(1, 1000)))
      expect(performance.now() - started).toBeLessThan(backWithinMs)
      for (const group of ['a', 'b', 'c', 'd', 'e']) expect(await service.groupExists(group)).toBe(true)
      for (const [i, client] of clients.entries()) {
        expect(client.connectionId).not.toBe(ids[i])
        expect(client.disconnected).toHaveLength(1)
        expect(client.rejoinFailures).toEqual([])
      }
      await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
    } finally {
      await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
      await first.process[Symbol.asyncDispose]()
    }
  })
})
