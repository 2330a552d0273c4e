/** Connections in the hub that is called: without them no filter is evaluated and no message written. */

import { once } from 'node:events'
import { hub, type Lab } from './lab.ts'

const users = ['', '__proto__', 'Ä\u0085\u2028💥', 'x'.repeat(300)]
const subprotocols: readonly (string | null)[] = [null, 'json.webpubsub.azure.v1', 'json.reliable.webpubsub.azure.v1']
let connected = 0

export class Bystanders implements AsyncDisposable {
  readonly #sockets: readonly WebSocket[]

  private constructor(sockets: readonly WebSocket[]) {
    this.#sockets = sockets
  }

  /** Connects `alice`, and somebody with a stranger name. */
  static async connect(lab: Lab): Promise<Bystanders> {
    const sockets = ['alice', users[connected % users.length]].map((sub) => {
      const token = lab.clientToken(hub, { sub, 'webpubsub.group': ['g', 'constructor', '群'] })
      const subprotocol = subprotocols[connected++ % subprotocols.length] ?? null
      const url = `${lab.clientUrl(hub)}?access_token=${token}`
      return subprotocol === null ? new WebSocket(url) : new WebSocket(url, subprotocol)
    })
    for (const socket of sockets) socket.addEventListener('message', ({ data }) => acknowledge(socket, data))
    await Promise.all(sockets.map((socket) => once(socket, 'open')))
    return new Bystanders(sockets)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const open = this.#sockets.filter((socket) => socket.readyState !== WebSocket.CLOSED)
    const closed = open.map((socket) => once(socket, 'close'))
    for (const socket of open) socket.close(1000)
    await Promise.all(closed)
  }
}

/** A reliable client that never does this slows those who send to it. */
function acknowledge(socket: WebSocket, data: unknown): void {
  const sequenceId = typeof data === 'string' ? /^\{"sequenceId":(\d+)/.exec(data)?.[1] : undefined
  if (sequenceId !== undefined) socket.send(`{"type":"sequenceAck","sequenceId":${sequenceId}}`)
}
