import { once } from 'node:events'
import { connect } from 'node:net'
import { closePayload, encodeFrame, opcodes } from '@hocket/testkit/frames'
import { expect, it } from 'vitest'
import { signClientToken } from '../auth/client-token.ts'
import { defaultConfig } from '../config/schema.ts'
import { startServer } from '../server.ts'

it('goes down soon although a client that has said goodbye keeps its end of the socket open', async () => {
  // It used to wait for the whole close time-out of five seconds, as the sync Python client does this.
  const config = defaultConfig({ port: 0, closeTimeoutMs: 60_000, shutdownTimeoutMs: 60_000 })
  const server = await startServer({ config })
  const { url } = signClientToken({ endpoint: server.endpoint, key: config.accessKey, hub: 'chat' })
  const { pathname, search, host } = new URL(url)
  const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true })
  const request = [
    `GET ${pathname}${search} HTTP/1.1`,
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==',
  ]
  socket.write(`${request.join('\r\n')}\r\n\r\n`)
  await once(socket, 'data')
  socket.write(encodeFrame({ opcode: opcodes.close, payload: closePayload(1000) }))
  socket.resume()
  await once(socket, 'end')
  // Resolves long before the time-outs, or the test runs into its own.
  await expect(server.close()).resolves.toBeUndefined()
  socket.destroy()
}, 15_000)
