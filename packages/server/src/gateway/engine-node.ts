import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ServerOptions, WebSocketServer } from 'ws'
import type { HttpReply } from '../http.ts'
import type { Engine, EngineHandlers, EngineLimits, ListenAddress, Listening } from './engine.ts'
import { NodeFrame } from './frame-node.ts'
import { refuseUpgrade, sendReply, toHttpRequest } from './http-node.ts'
import { NodeTransport } from './transport-node.ts'

/** Time an idle HTTP connection is kept for the next request: longer than the SDKs keep theirs. */
const httpKeepAliveTimeoutMs = 75_000
const portAttempts = 20

/** The default engine: Node's HTTP server and `ws`. */
export function createNodeEngine(limits: EngineLimits): Engine {
  return {
    prepare: (payload, expiresAtMs) => new NodeFrame(payload, expiresAtMs),
    listen: (handlers, address) => listen(limits, handlers, address),
  }
}

/** The subprotocol decided on for a handshake, for `ws` to answer with. */
type ChosenProtocols = WeakMap<IncomingMessage, string>

interface Upgrades {
  readonly acceptor: WebSocketServer
  readonly chosen: ChosenProtocols
  readonly sockets: Set<Duplex>
}

async function listen(limits: EngineLimits, handlers: EngineHandlers, address: ListenAddress): Promise<Listening> {
  const sockets = new Set<Duplex>()
  const chosen: ChosenProtocols = new WeakMap()
  // Of these, @types/ws 8.18 does not know the last three.
  const options: ServerOptions & { closeTimeout: number; maxFragments: number; maxBufferedChunks: number } = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: limits.maxMessageBytes,
    // A message may come in as many fragments as it has kilobytes, and then some; more is an attack on memory.
    maxFragments: Math.max(1024, Math.ceil(limits.maxMessageBytes / 64)),
    maxBufferedChunks: Math.max(1024, Math.ceil(limits.maxMessageBytes / 16)),
    closeTimeout: limits.closeTimeoutMs,
    handleProtocols: (_offered, incoming) => chosen.get(incoming) ?? false,
  }
  const acceptor = new WebSocketServer(options)
  const create = (): Server => createHttpServer(limits, handlers, { acceptor, chosen, sockets })
  const servers = await bind(create, address)
  const { port } = servers[0]!.address() as AddressInfo
  return {
    port,
    addresses: servers.map((server) => (server.address() as AddressInfo).address),
    async close(graceMs) {
      const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())))
      for (const server of servers) server.closeIdleConnections()
      const cut = setTimeout(() => {
        for (const server of servers) server.closeAllConnections()
        for (const socket of sockets) socket.destroy()
      }, graceMs)
      // A server is closed when its last connection is, upgraded ones included.
      await Promise.all(closed)
      clearTimeout(cut)
    },
  }
}

function createHttpServer(
  limits: EngineLimits,
  handlers: EngineHandlers,
  { acceptor, chosen, sockets }: Upgrades,
): Server {
  const server = createServer({
    maxHeaderSize: limits.maxRequestHeadBytes,
    headersTimeout: limits.handshakeTimeoutMs,
    requestTimeout: limits.requestBodyTimeoutMs,
    connectionsCheckingInterval: 1000,
    keepAliveTimeout: httpKeepAliveTimeoutMs,
    // Java's HTTP client asks to become h2c on plain requests: only WebSockets are upgrades for us.
    shouldUpgradeCallback: isWebSocketUpgrade,
  })
  server.on('request', (incoming, response) => {
    handlers.request(toHttpRequest(incoming)).then(
      (reply) => sendReply(incoming, response, reply, !server.listening),
      (error: unknown) => {
        handlers.failed(error, 'request handler')
        response.destroy()
      },
    )
  })
  server.on('upgrade', (incoming, socket, head) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    // Until `ws` has it, a reset must not end the process.
    socket.on('error', () => socket.destroy())
    if (!isWebSocketUpgrade(incoming)) refuseUpgrade(socket, notAnUpgrade)
    // Node checks this for requests, but not for upgrades (RFC 9112, 3.2).
    else if (incoming.headers.host === undefined) refuseUpgrade(socket, noHost)
    else accept(handlers, acceptor, chosen, incoming, socket as Socket, head)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy()
    else refuseUpgrade(socket, replyToClientError(error.code))
  })
  return server
}

const notAnUpgrade: HttpReply = {
  status: 400,
  headers: { 'Content-Type': 'text/plain; charset=utf-8' },
  body: 'Only WebSocket upgrades are served here.',
}

const noHost: HttpReply = { ...notAnUpgrade, body: 'The request has no Host header.' }

function isWebSocketUpgrade(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket'
}

function replyToClientError(code: string | undefined): HttpReply {
  const status = code === 'HPE_HEADER_OVERFLOW' ? 431 : code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400
  return { status, headers: {}, body: null }
}

function accept(
  handlers: EngineHandlers,
  acceptor: WebSocketServer,
  chosen: ChosenProtocols,
  incoming: IncomingMessage,
  socket: Socket,
  head: Buffer,
): void {
  handlers.upgrade(toHttpRequest(incoming)).then(
    (decision) => {
      if (decision.type === 'refuse') {
        refuseUpgrade(socket, decision.reply)
        return
      }
      if (socket.destroyed) {
        decision.abandoned()
        return
      }
      if (decision.subprotocol !== null) chosen.set(incoming, decision.subprotocol)
      let opened = false
      acceptor.handleUpgrade(incoming, socket, head, (ws) => {
        opened = true
        const transport = new NodeTransport(ws, socket)
        transport.attach(decision.open(transport))
      })
      // ws refuses a handshake with a bad key or version by itself, in the same call.
      if (!opened) decision.abandoned()
    },
    (error: unknown) => {
      handlers.failed(error, 'upgrade handler')
      socket.destroy()
    },
  )
}

/** Binds one server, or for loopback one over each of IPv4 and IPv6 on the same port. */
async function bind(create: () => Server, address: ListenAddress): Promise<Server[]> {
  if (address.host !== null) return [await bindOne(create(), address.host, address.port)]
  for (let attempt = 1; ; attempt++) {
    const v4 = await bindOne(create(), '127.0.0.1', address.port)
    try {
      return [v4, await bindOne(create(), '::1', (v4.address() as AddressInfo).port)]
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // No IPv6 on this machine: `localhost` is 127.0.0.1 then.
      if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') return [v4]
      await new Promise((resolve) => v4.close(resolve))
      // A free port was picked that is taken over IPv6: another one may be free over both.
      if (code !== 'EADDRINUSE' || address.port !== 0 || attempt === portAttempts) throw error
    }
  }
}

function bindOne(server: Server, host: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.removeListener('error', reject)
      resolve(server)
    })
  })
}
