/** Hands TCP bytes on to another port, and cuts the connections on demand. */

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export class Forwarder implements AsyncDisposable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Connections that came in, dead ones included. */
  accepted = 0
  /** While true, new connections are cut at once. */
  refusing = false

  private constructor(toPort: number) {
    this.#server = createServer((near) => {
      this.accepted++
      if (this.refusing) {
        near.destroy()
        return
      }
      const far = connect(toPort, 'localhost')
      near.pipe(far)
      far.pipe(near)
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => {
          this.#sockets.delete(socket)
          other.destroy()
        })
      }
    })
  }

  static async start(toPort: number): Promise<Forwarder> {
    const forwarder = new Forwarder(toPort)
    forwarder.#server.listen(0, '127.0.0.1')
    await once(forwarder.#server, 'listening')
    return forwarder
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** The same URL, through this forwarder. */
  via(url: string): string {
    const changed = new URL(url)
    changed.host = `127.0.0.1:${this.port}`
    return changed.toString()
  }

  /** Resets every connection: neither side sees a close frame. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
