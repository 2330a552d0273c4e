/** A judge that finds nothing is worth nothing: each kind of wrong run must be noticed. */

import { TrafficRecord, type TransportRecord } from '@hocket/testkit/fault-proxy-tap'
import { describe, expect, it } from 'vitest'
import { figuresOf, type Raised, type RestSend, type RunRecord, violationsOf } from './checks.ts'

/** Writes records as the proxy would. */
class Story {
  readonly traffic = new TrafficRecord()
  readonly raised: Raised[] = []
  readonly rest: RestSend[] = []
  readonly #sockets = new Map<string, number>()

  socket(client: string, connectionId: string | null, recoveryOf: string | null = null): TransportRecord {
    const ordinal = this.#sockets.get(client) ?? 0
    this.#sockets.set(client, ordinal + 1)
    const transport = this.traffic.add(client, ordinal)
    transport.requested = this.traffic.now()
    transport.status = 101
    transport.recoveryOf = recoveryOf
    transport.answered = this.traffic.now()
    if (connectionId !== null) {
      transport.connectionId = connectionId
      transport.connected = this.traffic.now()
    }
    return transport
  }

  request(on: TransportRecord, type: string, ackId: string, key: string | null = null): void {
    on.requests.push({ ...this.traffic.now(), type, ackId, group: 'g', key })
  }

  ack(on: TransportRecord, ackId: string, errorName: string | null = null): void {
    on.acks.push({ ...this.traffic.now(), ackId, success: errorName === null, errorName })
  }

  join(on: TransportRecord, ackId: string): void {
    this.request(on, 'joinGroup', ackId)
    this.ack(on, ackId)
  }

  message(on: TransportRecord, sequenceId: number, key: string): void {
    on.messages.push({ ...this.traffic.now(), sequenceId, key, passedOn: true })
  }

  raise(client: string, sequenceId: number, key: string): void {
    this.raised.push({ client, sequenceId, key })
  }

  lose(transport: TransportRecord, atMs?: number): void {
    const now = this.traffic.now()
    transport.clientSideLost = now
    transport.serverSideLost = atMs === undefined ? now : { ...now, atMs }
  }

  refuse(client: string, recoveryOf: string, atMs: number): TransportRecord {
    const transport = this.socket(client, null, recoveryOf)
    transport.answered = { ...this.traffic.now(), atMs }
    transport.serverClose = { ...this.traffic.now(), code: 1008, reason: 'The connection could not be recovered.' }
    this.lose(transport)
    return transport
  }

  get run(): RunRecord {
    return {
      transports: this.traffic.transports,
      raised: this.raised,
      rest: this.rest,
      members: ['r'],
      recoveryWindowMs: 30_000,
    }
  }
}

/** r joins, p sends a and b, both arrive; r's socket dies after a, it recovers and gets b. */
function goodStory(): { story: Story; first: TransportRecord; second: TransportRecord; publisher: TransportRecord } {
  const story = new Story()
  const first = story.socket('r', 'cr')
  const publisher = story.socket('p', 'cp')
  story.join(first, '1')
  for (const [index, key] of ['a', 'b'].entries()) {
    story.request(publisher, 'sendToGroup', String(index + 1), key)
    story.ack(publisher, String(index + 1))
  }
  story.message(first, 1, 'a')
  story.raise('r', 1, 'a')
  story.lose(first)
  const second = story.socket('r', 'cr', 'cr')
  story.message(second, 1, 'a')
  story.message(second, 2, 'b')
  story.raise('r', 2, 'b')
  return { story, first, second, publisher }
}

describe('violationsOf', () => {
  it('finds nothing wrong in a run where everything holds', () => {
    const { story } = goodStory()
    expect(violationsOf(story.run)).toEqual([])
    expect(figuresOf(story.run)).toMatchObject({ lives: 2, recoveries: 1, framesAccepted: 2, raised: 2, expired: 0 })
  })

  it('notices an accepted message that a member never got', () => {
    const { story, publisher } = goodStory()
    story.request(publisher, 'sendToGroup', '3', 'c')
    story.ack(publisher, '3')
    expect(violationsOf(story.run)).toEqual(['r (cr) has c 0 times, it was accepted 1 times'])
  })

  it('counts an ack with Duplicate as accepted, and one that was lost as possibly accepted', () => {
    const { story, publisher, second } = goodStory()
    story.request(publisher, 'sendToGroup', '3', 'c')
    story.request(publisher, 'sendToGroup', '3', 'c')
    story.ack(publisher, '3', 'Duplicate')
    story.lose(publisher)
    expect(violationsOf(story.run)).toEqual(['r (cr) has c 0 times, it was accepted 1 times'])
    story.message(second, 3, 'c')
    story.raise('r', 3, 'c')
    story.request(publisher, 'sendToGroup', '4', 'd')
    expect(violationsOf(story.run)).toEqual([])
    story.message(second, 4, 'd')
    story.raise('r', 4, 'd')
    expect(violationsOf(story.run)).toEqual([])
  })

  it('notices a frame that was delivered twice although it was sent under one ack id', () => {
    const { story, publisher, second } = goodStory()
    story.request(publisher, 'sendToGroup', '2', 'b')
    story.ack(publisher, '2', 'Duplicate')
    story.message(second, 3, 'b')
    story.raise('r', 3, 'b')
    expect(violationsOf(story.run)).toEqual(['r (cr) has b 2 times, it was sent 1 times'])
  })

  it('takes a message that was sent again under another ack id for another one', () => {
    const { story, publisher, second } = goodStory()
    story.request(publisher, 'sendToGroup', '3', 'b')
    story.ack(publisher, '3')
    story.message(second, 3, 'b')
    story.raise('r', 3, 'b')
    expect(violationsOf(story.run)).toEqual([])
  })

  it('notices a message that left the server and was not raised, and one raised twice', () => {
    const { story } = goodStory()
    story.raised.pop()
    expect(violationsOf(story.run)).toEqual(['r did not raise 2 (handed to its socket) of cr, but later ones'])
    story.raise('r', 2, 'b')
    story.raise('r', 2, 'b')
    expect(violationsOf(story.run)).toEqual(['r raised 2 b 2 times'])
  })

  it('notices a gap, and lets only expired messages leave one', () => {
    const { story, second, publisher } = goodStory()
    story.request(publisher, 'sendToGroup', '3', 'c')
    story.ack(publisher, '3')
    story.message(second, 4, 'c')
    story.raise('r', 4, 'c')
    expect(violationsOf(story.run)).toEqual(['r (cr) has no 3, and only 0 messages can have expired'])
    story.rest.push({ key: 'x', expires: true, startedAt: 1, accepted: true })
    expect(violationsOf(story.run)).toEqual([])
  })

  it('does not ask for a message that was lost with a socket and expired before its replay', () => {
    const { story, first, second } = goodStory()
    story.message(first, 2, 'x')
    story.rest.push({ key: 'x', expires: true, startedAt: 1, accepted: true })
    second.messages.splice(1)
    story.message(second, 3, 'b')
    story.raised.pop()
    story.raise('r', 3, 'b')
    expect(violationsOf(story.run)).toEqual([])
  })

  it('notices a replay that leaves out what the client never acknowledged', () => {
    const { story, first, second } = goodStory()
    story.message(first, 2, 'b')
    second.messages.length = 0
    expect(violationsOf(story.run)).toEqual([])
    second.messages.push({ ...story.traffic.now(), sequenceId: 2, key: 'b', passedOn: true })
    expect(violationsOf(story.run)).toEqual(['r/1 (cr): 1 is missing before 2'])
    first.sequenceAcks.push({ at: second.messages[0]!.at - 1, atMs: 0, sequenceId: 1 })
    expect(violationsOf(story.run)).toEqual([])
  })

  it('notices a sequence id that goes back or changes its content', () => {
    const { story, second } = goodStory()
    story.message(second, 1, 'a')
    expect(violationsOf(story.run)).toContain('r/1 (cr): 1 came after 2')
    second.messages.pop()
    story.message(second, 2, 'z')
    expect(violationsOf(story.run)).toContain('r/1 (cr): 2 carried b and later z')
  })

  it('notices messages in another order than they were sent, and members that disagree', () => {
    const { story, second } = goodStory()
    second.messages.splice(0)
    story.traffic.transports[0]!.messages.splice(0)
    story.raised.splice(0)
    for (const [id, key] of ['b', 'a'].entries()) {
      story.message(second, id + 1, key)
      story.raise('r', id + 1, key)
    }
    expect(violationsOf(story.run)).toEqual(['r (cr) has a and b out of the order of cp'])
    const other = story.socket('q', 'cq')
    story.join(other, '1')
    story.message(other, 1, 'a')
    story.message(other, 2, 'b')
    expect(violationsOf(story.run)).toContain('cr and cq have b and a in different orders')
  })

  it('notices an ack that answers nothing, a second success, a false Duplicate and a missing ack', () => {
    const { story, publisher } = goodStory()
    story.ack(publisher, '9')
    story.ack(publisher, '2')
    story.request(publisher, 'leaveGroup', '5')
    story.ack(publisher, '5', 'Duplicate')
    story.request(publisher, 'leaveGroup', '6')
    expect(violationsOf(story.run)).toEqual([
      'cp: ack 9 answers nothing',
      'cp: ack 5 says Duplicate, but it was sent once',
      'cp: ack id 2 succeeded 2 times',
      'p/0: 1 commands with ackId 6, 0 acks',
    ])
  })

  it('notices a recovery that was refused too early', () => {
    const { story, first, second } = goodStory()
    story.lose(first, 1_000)
    story.lose(second, 2_000)
    story.refuse('r', 'cr', 31_000)
    const third = story.socket('r', 'cr2')
    story.join(third, '8')
    expect(violationsOf(story.run)).toEqual(['r/2: cr was refused 29000 ms after its socket was lost'])
    second.serverSideLost = { at: second.serverSideLost!.at, atMs: 990 }
    expect(violationsOf(story.run)).toEqual([])
  })

  it('notices a recovery that was refused while the connection stood', () => {
    const { story } = goodStory()
    story.refuse('r', 'cr', 500_000)
    const third = story.socket('r', 'cr2')
    story.join(third, '8')
    expect(violationsOf(story.run)).toEqual(['r/2: cr was refused while its socket r/1 stood'])
  })

  it('asks nothing of a life that ended but a prefix, and of the next one only what came after its join', () => {
    const { story, second, publisher } = goodStory()
    story.request(publisher, 'sendToGroup', '3', 'c')
    story.ack(publisher, '3')
    story.lose(second, 0)
    story.refuse('r', 'cr', 60_000)
    const third = story.socket('r', 'cr2')
    story.join(third, '8')
    expect(violationsOf(story.run)).toEqual([])
    story.request(publisher, 'sendToGroup', '4', 'd')
    story.ack(publisher, '4')
    expect(violationsOf(story.run)).toEqual(['r (cr2) has d 0 times, it was accepted 1 times'])
  })

  it('notices a member that is not back, and a refusal without a new connection', () => {
    const { story, second } = goodStory()
    story.lose(second, 0)
    story.refuse('r', 'cr', 60_000)
    expect(violationsOf(story.run)).toEqual([
      'r/2: no new connection followed the refused recovery',
      'r is not connected at the end (last: cr)',
    ])
    story.socket('r', 'cr2')
    expect(violationsOf(story.run)).toEqual(['r is not back in its group: cr2 has no join ack'])
  })

  it('takes a refusal that comes again for one connection as followed by what followed the first one', () => {
    const { story, second, publisher } = goodStory()
    story.lose(second, 0)
    story.refuse('r', 'cr', 60_000)
    story.join(story.socket('r', 'cr2'), '2')
    story.refuse('r', 'cr', 60_100)
    expect(violationsOf(story.run)).toEqual([])
    story.lose(publisher, 0)
    story.refuse('p', 'cp', 60_000)
    expect(violationsOf(story.run)).toEqual(['p/1: no new connection followed the refused recovery'])
  })

  it('judges a client that ran two connections at once by what left the server for it, not by what it raised', () => {
    const { story, publisher, second } = goodStory()
    const other = story.socket('r', 'cr2')
    story.join(other, '2')
    story.lose(second)
    const again = story.socket('r', 'cr', 'cr')
    story.request(publisher, 'sendToGroup', '3', 'c')
    story.ack(publisher, '3')
    for (const [index, key] of ['a', 'b', 'c'].entries()) story.message(again, index + 1, key)
    expect(violationsOf(story.run)).toEqual(['r (cr2) has c 0 times, it was accepted 1 times'])
    story.message(other, 1, 'c')
    expect(violationsOf(story.run)).toEqual([])
    expect(figuresOf(story.run).tangledClients).toBe(1)
  })

  it('notices refused handshakes, closes by the server and broken frames', () => {
    const { story, second, publisher } = goodStory()
    second.serverClose = { ...story.traffic.now(), code: 1011, reason: 'oops' }
    publisher.problems.push('SyntaxError: not JSON')
    const refused = story.socket('p', null)
    refused.status = 503
    expect(violationsOf(story.run)).toEqual([
      'p/0: SyntaxError: not JSON',
      'r/1: the server closed cr with 1011 "oops"',
      'p/1: the handshake was answered with 503',
    ])
  })
})
