/** Where the server can be reached, and who may read what there. */

import { once } from 'node:events'
import { connect, createServer, type Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { defaultConfig, startServer } from '@hocket/server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OwnServer } from '../js/harness/server.ts'
import { jsonProtocol, Peer } from './lab/peer.ts'
import { clientUrl, freshHub, inThisProcess, type Target } from './lab/target.ts'

const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
const hasIpv6 = addresses.some(({ address }) => address === '::1')
/** An address of this machine that is not loopback. */
const outside = addresses.find(({ internal, family }) => !internal && family === 'IPv4')?.address

let target: Target
beforeAll(async () => {
  target = await inThisProcess()
})
afterAll(() => target[Symbol.asyncDispose]())

const loopbacks = ['127.0.0.1', ...(hasIpv6 ? ['[::1]'] : []), 'localhost']

async function occupy(port: number, host: string): Promise<Server> {
  const server = createServer()
  server.listen({ port, host, ipv6Only: host.includes(':') })
  await once(server, 'listening')
  return server
}

const portOf = (server: Server) => (server.address() as { port: number }).port

/** Holds a port over IPv6 that may well be free over IPv4. */
const portTakenOverIpv6 = () => occupy(0, '::1')

/** Whether nobody listens there. */
async function isFree(port: number, host: string): Promise<boolean> {
  const socket = connect(port, host)
  try {
    await once(socket, 'connect')
    return false
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('ECONNREFUSED')
    return true
  } finally {
    socket.destroy()
  }
}

describe('without a host', () => {
  it.each(loopbacks)('http://%s answers, over the same port as the others', async (host) => {
    const answer = await fetch(`http://${host}:${target.port}/api/health?api-version=2024-12-01`, { method: 'HEAD' })
    expect(answer.status).toBe(200)
    expect(await answer.text()).toBe('')
  })

  it.each(hasIpv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1'])(
    'a client URL with localhost works where that is %s',
    async (host) => {
      const hub = freshHub()
      const url = clientUrl(target, hub)
      expect(new URL(url).hostname).toBe('localhost')
      await using peer = await Peer.open(target, url, { protocol: jsonProtocol, host })
      expect(await peer.request({ type: 'joinGroup', group: 'g' })).toBe('ok')
    },
  )

  it.skipIf(outside === undefined)('no other address of the machine answers', async () => {
    expect(await isFree(target.port, outside!)).toBe(true)
  })

  it('port 0 is a free port, printed and not 0', async () => {
    await using other = await inThisProcess()
    expect(other.port).toBeGreaterThan(0)
    expect(other.port).not.toBe(target.port)
    expect(other.endpoint).toBe(`http://localhost:${other.port}`)
  })

  it('a port that is taken over IPv4 is refused', async () => {
    await using holder = await occupy(0, '127.0.0.1')
    await expect(startServer({ config: defaultConfig({ port: portOf(holder) }) })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    })
  })

  it.skipIf(!hasIpv6)('a port that is taken over IPv6 alone is refused, and not held over IPv4', async () => {
    await using holder = await portTakenOverIpv6()
    const port = portOf(holder)
    // A half of a server would look well to one client and dead to the next.
    await expect(startServer({ config: defaultConfig({ port }) })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    expect(await isFree(port, '127.0.0.1')).toBe(true)
  })

  it.skipIf(!hasIpv6)('port 0 goes on to another port when the one it got is taken over IPv6', async () => {
    // Ports next to each other are handed out at random, so many are held; with bad luck this proves less, never wrong.
    const holders: Server[] = []
    for (let i = 0; i < 2000; i++) holders.push(await portTakenOverIpv6())
    const taken = new Set(holders.map(portOf))
    for (let i = 0; i < 20; i++) {
      await using server = await inThisProcess()
      expect(taken.has(server.port)).toBe(false)
      expect(await isFree(server.port, '::1')).toBe(false)
    }
    for (const holder of holders) holder.close()
  })

  it('several servers listen side by side, and close without a trace', async () => {
    const servers = await Promise.all(
      Array.from({ length: 5 }, () => startServer({ config: defaultConfig({ port: 0 }) })),
    )
    expect(new Set(servers.map(({ port }) => port)).size).toBe(5)
    for (const server of servers) {
      await Promise.all([server.close(), server.close()])
      expect(await isFree(server.port, '127.0.0.1')).toBe(true)
    }
  })
})

describe('with a host', () => {
  it.each(hasIpv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1'])('%s listens there only', async (host) => {
    await using only = await inThisProcess({ host })
    const other = host === '::1' ? '127.0.0.1' : '::1'
    expect(await isFree(only.port, host)).toBe(false)
    expect(await isFree(only.port, other)).toBe(true)
    await using peer = await Peer.open(only, clientUrl(only, freshHub()), { protocol: jsonProtocol, host })
    expect(await peer.request({ type: 'joinGroup', group: 'g' })).toBe('ok')
  })

  it.skipIf(outside === undefined)('0.0.0.0 listens on every address', async () => {
    await using every = await inThisProcess({ host: '0.0.0.0' })
    for (const host of ['127.0.0.1', outside!]) {
      const answer = await fetch(`http://${host}:${every.port}/api/health`, { method: 'HEAD' })
      expect(answer.status).toBe(200)
    }
  })
})

describe('/metrics', () => {
  it.each(loopbacks)('may be read over %s', async (host) => {
    const answer = await fetch(`http://${host}:${target.port}/metrics`)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toContain('text/plain')
    const text = await answer.text()
    for (const name of ['hocket_connections', 'hocket_outbox_bytes', 'process_resident_memory_bytes']) {
      expect(text).toContain(`# TYPE ${name} gauge`)
    }
  })

  it.each([
    ['X-Forwarded-For', '127.0.0.1'],
    ['Forwarded', 'for=127.0.0.1'],
  ])('may not be read through a proxy on this machine: %s says that there is one', async (name, value) => {
    const answer = await fetch(`${target.endpoint}/metrics`, { headers: { [name]: value } })
    expect(answer.status).toBe(403)
    expect(await answer.text()).not.toContain('hocket_connections')
  })

  it.skipIf(outside === undefined)(
    'may not be read over another address, unless metricsHost lists the reader',
    async () => {
      await using closed = await inThisProcess({ host: '0.0.0.0' })
      expect((await fetch(`http://${outside}:${closed.port}/metrics`)).status).toBe(403)
      await using open = await inThisProcess({ host: '0.0.0.0', metricsHost: [outside!] })
      expect((await fetch(`http://${outside}:${open.port}/metrics`)).status).toBe(200)
      expect((await fetch(`http://127.0.0.1:${open.port}/metrics`)).status).toBe(200)
    },
  )
})

describe('the command', () => {
  it('prints an endpoint that works, with port 0', async () => {
    await using own = await OwnServer.start()
    expect(own.endpoint).toMatch(/^http:\/\/localhost:[1-9]\d*$/)
    expect((await fetch(`${own.endpoint}/api/health`, { method: 'HEAD' })).status).toBe(200)
  })
})
