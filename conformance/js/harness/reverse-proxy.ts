/** A reverse proxy as operators put in front: another host, another path prefix, http and WebSocket. */

import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export interface ProxyRules {
  /** The prefix that the public path has and the server's has not: `/edge/pubsub`, or empty. */
  readonly prefix: string
  /** The `Host` that the server is shown in place of the client's own; `null` keeps that one. */
  readonly host: string | null
}

export class ReverseProxy implements AsyncDisposable {
  readonly #server: Server
  readonly #rules: ProxyRules
  readonly #sockets = new Set<Socket>()
  /** Where requests go; set it once the server behind is known. */
  targetPort = 0

  private constructor(rules: ProxyRules) {
    this.#rules = rules
    this.#server = createServer((incoming, reply) => {
      const outgoing = request(this.#onward(incoming), (answer) => {
        reply.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
        answer.pipe(reply)
      })
      outgoing.on('error', () => reply.writeHead(502).end())
      incoming.pipe(outgoing)
    })
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    this.#server.on('upgrade', (incoming: IncomingMessage, near: Socket, head: Buffer) => {
      const outgoing = request(this.#onward(incoming))
      outgoing.on('upgrade', (answer, far, farHead) => {
        near.write(headOf(answer))
        near.write(farHead)
        far.write(head)
        near.pipe(far).pipe(near)
        near.on('error', () => far.destroy()).on('close', () => far.destroy())
        far.on('error', () => near.destroy()).on('close', () => near.destroy())
      })
      outgoing.on('response', (answer) => {
        near.write(headOf(answer))
        answer.pipe(near)
      })
      outgoing.on('error', () => near.destroy())
      outgoing.end()
    })
  }

  static async start(rules: ProxyRules): Promise<ReverseProxy> {
    const proxy = new ReverseProxy(rules)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** What a user of the service is given: `http://127.0.0.1:…/prefix`. */
  get publicEndpoint(): string {
    return `http://127.0.0.1:${this.port}${this.#rules.prefix}`
  }

  #onward(incoming: IncomingMessage) {
    const path = incoming.url ?? '/'
    if (!path.startsWith(this.#rules.prefix)) throw new Error(`the proxy was asked for ${path.split('?')[0]}`)
    return {
      host: 'localhost',
      port: this.targetPort,
      method: incoming.method ?? 'GET',
      path: path.slice(this.#rules.prefix.length) || '/',
      headers: { ...incoming.headers, ...(this.#rules.host === null ? {} : { host: this.#rules.host }) },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

function headOf(answer: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`]
  for (let i = 0; i < answer.rawHeaders.length; i += 2)
    lines.push(`${answer.rawHeaders[i]}: ${answer.rawHeaders[i + 1]}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}
