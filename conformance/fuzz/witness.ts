/** Connections from before the fuzzing, which must work as if nothing had happened. */

import { until } from '@hocket/testkit/wait'

interface Received {
  readonly type?: string
  readonly ackId?: number
  readonly success?: boolean
  readonly sequenceId?: number
  readonly data?: unknown
}

/** One client of each kind, all in one group. */
export class Witnesses implements Disposable {
  readonly #simple: Client
  readonly #json: Client
  readonly #reliable: Client
  readonly #group: string
  #round = 0

  private constructor(group: string, simple: Client, json: Client, reliable: Client) {
    this.#group = group
    this.#simple = simple
    this.#json = json
    this.#reliable = reliable
  }

  /** `url` is a client URL with a token for the group. */
  static async connect(url: string, group: string): Promise<Witnesses> {
    const simple = await Client.open(`${url}&webpubsub_mode=sendToGroup&group=${encodeURIComponent(group)}`, null)
    const json = await Client.open(url, 'json.webpubsub.azure.v1')
    const reliable = await Client.open(url, 'json.reliable.webpubsub.azure.v1')
    for (const client of [json, reliable]) {
      client.send({ type: 'joinGroup', group, ackId: 1 })
      await client.acked(1)
    }
    return new Witnesses(group, simple, json, reliable)
  }

  get count(): number {
    return 3
  }

  /**
   * Each sends, and whoever is in the group receives it; then one joins and leaves another group.
   * @throws Error that says who did not
   */
  async check(): Promise<void> {
    const round = `round ${++this.#round}`
    const ackId = 10 * this.#round
    this.#simple.sendText(`${round}, simple`)
    this.#json.send({ type: 'sendToGroup', group: this.#group, ackId, dataType: 'text', data: `${round}, json` })
    this.#reliable.send({
      type: 'sendToGroup',
      group: this.#group,
      ackId,
      dataType: 'text',
      data: `${round}, reliable`,
    })
    for (const client of [this.#json, this.#reliable]) {
      await client.acked(ackId)
      for (const sender of ['simple', 'json', 'reliable']) await client.received(`${round}, ${sender}`)
      client.send({ type: 'joinGroup', group: round, ackId: ackId + 1 })
      await client.acked(ackId + 1)
      client.send({ type: 'leaveGroup', group: round, ackId: ackId + 2 })
      await client.acked(ackId + 2)
      client.forget()
    }
  }

  [Symbol.dispose](): void {
    for (const client of [this.#simple, this.#json, this.#reliable]) client.close()
  }
}

class Client {
  readonly #socket: WebSocket
  #frames: Received[] = []
  #closed: string | null = null

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener('close', ({ code, reason }) => {
      this.#closed = `${code} ${reason}`
    })
    socket.addEventListener('message', ({ data }) => {
      if (typeof data !== 'string' || !data.startsWith('{')) return
      const frame: Received = JSON.parse(data)
      this.#frames.push(frame)
      if (frame.sequenceId !== undefined) this.send({ type: 'sequenceAck', sequenceId: frame.sequenceId })
    })
  }

  static async open(url: string, subprotocol: string | null): Promise<Client> {
    const client = new Client(subprotocol === null ? new WebSocket(url) : new WebSocket(url, subprotocol))
    await until(() => client.#socket.readyState === WebSocket.OPEN, { what: 'a witness is connected' })
    return client
  }

  send(frame: object): void {
    this.sendText(JSON.stringify(frame))
  }

  sendText(text: string): void {
    if (this.#closed !== null) throw new Error(`A connection from before was closed: ${this.#closed}`)
    this.#socket.send(text)
  }

  acked(ackId: number): Promise<unknown> {
    const isAck = (frame: Received) => frame.type === 'ack' && frame.ackId === ackId && frame.success === true
    return this.#until(isAck, `the ack ${ackId}`)
  }

  received(data: string): Promise<unknown> {
    return this.#until((frame) => frame.type === 'message' && frame.data === data, `the message "${data}"`)
  }

  forget(): void {
    this.#frames = []
  }

  close(): void {
    this.#socket.close()
  }

  #until(isWanted: (frame: Received) => boolean, what: string): Promise<unknown> {
    return until(() => this.#frames.some(isWanted), {
      what: `a connection from before gets ${what}`,
      timeoutMs: 20_000,
    })
  }
}
