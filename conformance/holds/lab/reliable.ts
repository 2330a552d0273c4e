/** What the suites about recovery share. */

import { until } from '@hocket/testkit/wait'
import { expect } from 'vitest'
import { type ConnectedFrame, Peer, type PeerOptions, recoveryUrl, reliableProtocol } from './peer.ts'
import { Metrics, Rest } from './rest.ts'
import { type ClientToken, clientUrl, freshHub, type Target } from './target.ts'

const refusal = { code: 1008, reason: 'The connection could not be recovered.' }

interface Opened extends AsyncDisposable {
  readonly peer: Peer
  readonly url: string
}

/** One hub of one server, with reliable clients that acknowledge nothing by themselves. */
export class ReliableHub {
  readonly target: Target
  readonly name: string
  readonly rest: Rest

  constructor(target: Target, name: string = freshHub()) {
    this.target = target
    this.name = name
    this.rest = new Rest(target, name)
  }

  /** Opens a client, in group `g` unless told otherwise. */
  async open(client: ClientToken = {}, options: PeerOptions = {}): Promise<Opened> {
    const url = clientUrl(this.target, this.name, { groups: ['g'], ...client })
    const peer = await Peer.open(this.target, url, { protocol: reliableProtocol, ...options })
    return { peer, url, [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose]() }
  }

  /** Comes back for a connection; what the answer is, is for the caller to see. */
  recover(url: string, of: ConnectedFrame, protocol: string | null = reliableProtocol): Promise<Peer> {
    return Peer.handshake(this.target, recoveryUrl(url, of), { protocol })
  }

  /** Sends texts to the group `g`, one after the other. */
  async send(...texts: string[]): Promise<void> {
    for (const text of texts) await this.rest.send({ group: 'g' }, text)
  }

  /** Waits until the server has noticed that `count` sockets are gone. */
  async detached(count = 1): Promise<void> {
    const labels = { hub: this.name, state: 'detached' }
    await until(async () => (await Metrics.read(this.target)).sum('hocket_connections', labels) === count, {
      what: 'the connection is detached',
    })
  }

  async cut(peer: Peer): Promise<void> {
    peer.cut()
    await this.detached()
  }
}

export async function expectRefused(peer: Peer): Promise<void> {
  expect(peer.status).toBe(101)
  await peer.closed()
  expect(peer.close).toEqual(refusal)
  expect(peer.texts, 'the close frame comes alone').toEqual([])
}

export async function expectRecovered(peer: Peer): Promise<void> {
  await until(() => peer.texts.length > 0 || !peer.isOpen, { what: 'the answer to the recovery' })
  expect(peer.close).toBeNull()
  expect(peer.texts[0]).toContain('"event":"connected"')
}

/** Sequence id and data of every message, in order. */
export const numbered = (peer: Peer): (readonly [sequenceId: number | undefined, data: unknown])[] =>
  peer.messages.map(({ sequenceId, data }) => [sequenceId, data] as const)

/** Waits without a condition: for a time to be over that is what the test is about. */
export async function pass(ms: number): Promise<void> {
  const end = performance.now() + ms
  await until(() => performance.now() >= end, { what: 'time passes', timeoutMs: ms + 5000 })
}
