/**
 * For one connection, deliveries come in the order in which the server accepted them, whatever way they came in, also
 * while a large group is being written; and what is for few does not wait for what is for many.
 */

import { textFrame } from '@hocket/testkit/frames'
import { createRandom } from '@hocket/testkit/random'
import { until } from '@hocket/testkit/wait'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jsonProtocol, openMany, Peer, reliableProtocol } from './lab/peer.ts'
import { Rest } from './lab/rest.ts'
import { clientUrl, freshHub, inItsOwnProcess, type ProcessTarget } from './lab/target.ts'

const full = process.env.HOCKET_FULL === '1'
/** In CI the turns are smaller as well, so that as many of them are needed. */
const crowd = full ? 9000 : 600
const batch = full ? 250 : 20

let target: ProcessTarget
let hub: string
let rest: Rest
let members: Peer[]
/** Arrivals of messages to the crowd, counted over all of its members. */
let arrivals = 0

beforeAll(async () => {
  target = await inItsOwnProcess(['--write-batch-connections', String(batch), '--log-level', full ? 'info' : 'trace'])
  hub = freshHub()
  rest = new Rest(target, hub)
  const urls = [jsonProtocol, reliableProtocol, null].map((protocol) => ({
    protocol,
    url: clientUrl(target, hub, { groups: ['crowd'] }),
  }))
  members = await openMany(crowd, (i) => {
    const { protocol, url } = urls[i % urls.length]!
    const onMessage = () => void arrivals++
    return Peer.open(target, url, { protocol, onMessage, acknowledges: 'like the JavaScript client' })
  })
}, 240_000)

afterAll(async () => {
  for (const member of members) await member[Symbol.asyncDispose]()
  await target[Symbol.asyncDispose]()
})

/** What a member of the crowd got, as plain texts. */
const dataOf = (member: Peer, i: number) => (i % 3 === 2 ? member.texts : member.data)

async function expectCrowdGot(expected: readonly string[]): Promise<void> {
  await until(() => members.every((member, i) => dataOf(member, i).length >= expected.length), {
    what: 'everybody in the crowd has everything',
    timeoutMs: 60_000,
  })
  for (const [i, member] of members.entries()) {
    expect(dataOf(member, i)).toEqual(expected)
    expect(member.violations).toEqual([])
  }
}

/** Messages to the crowd in the order of acceptance, over all tests. */
const toCrowd: string[] = []

describe(`beside a crowd of ${crowd}`, () => {
  it.each([
    ['JSON', jsonProtocol],
    ['reliable JSON', reliableProtocol],
  ])(
    'a %s client gets group sends, direct sends, acks and its close in the order of acceptance',
    async (_title, protocol) => {
      const random = createRandom(protocol.length)
      const user = `user of ${protocol}`
      const url = clientUrl(target, hub, { userId: user, groups: ['crowd', 'few'] })
      await using peer = await Peer.open(target, url, { protocol, acknowledges: 'like the JavaScript client' })
      await using publisher = await Peer.open(target, clientUrl(target, hub), { protocol: jsonProtocol, keeps: true })
      const expected: string[] = []
      let overtaken = 0

      // Each step is accepted (202 or ack) before the next one starts; nothing waits for a delivery.
      const steps: readonly ((text: string) => Promise<void>)[] = [
        async (text) => {
          toCrowd.push(text)
          await rest.send({ group: 'crowd' }, text)
        },
        async (text) => {
          toCrowd.push(text)
          const frame = { type: 'sendToGroup', group: 'crowd', dataType: 'text', data: text }
          expect(await publisher.request(frame)).toBe('ok')
        },
        (text) => rest.send({ group: 'few' }, text),
        (text) => rest.send({ connection: peer.id }, text),
        (text) => rest.send({ user }, text),
        async (text) => {
          const ackId = 1_000_000 + expected.length
          expected.push(`ack ${ackId}`)
          await peer.request({ type: 'sendToGroup', group: 'few', dataType: 'text', data: text }, ackId)
          // Its own message is ahead of the ack: it was accepted first.
          expected.splice(-1, 0, text)
        },
      ]
      for (let i = 0; i < 120; i++) {
        const step = steps[i % 4 === 0 ? random.int(2) : random.int(steps.length)]!
        const text = `${protocol} ${i}`
        const isOwn = step === steps[5]
        await step(text)
        if (!isOwn) expected.push(text)
        if (arrivals < toCrowd.length * crowd) overtaken++
      }
      await rest.close({ connection: peer.id }, 'the end')
      expect(await peer.closed(30_000)).toBe(1000)
      expect(peer.violations).toEqual([])
      const got = peer.texts.slice(1).map((text) => {
        const frame = JSON.parse(text)
        if (frame.type === 'ack') return `ack ${frame.ackId}`
        return frame.type === 'message' ? frame.data : frame.event
      })
      expect(got).toEqual([...expected, 'disconnected'])
      // The crowd was being written meanwhile: many steps were accepted while some member still waited.
      expect(overtaken).toBeGreaterThan(30)
      await expectCrowdGot(toCrowd)
    },
    120_000,
  )

  it('a small group does not wait for the crowd', async () => {
    // The simple client gets nothing but messages.
    let share = 0
    const onMessage = () => {
      share = (arrivals - before) / crowd
    }
    let before = 0
    await using few = await Peer.open(target, clientUrl(target, hub, { groups: ['two'] }), { onMessage })
    await using publisher = await Peer.open(target, clientUrl(target, hub), { protocol: jsonProtocol })
    const frame = (group: string, data: string) =>
      textFrame(JSON.stringify({ type: 'sendToGroup', group, dataType: 'text', data }))
    const shares: number[] = []
    for (let round = 0; round < 10; round++) {
      const text = `round ${round}`
      toCrowd.push(text)
      before = arrivals
      // In one write, so that nobody is written to between the two.
      publisher.write(Buffer.concat([frame('crowd', text), frame('two', text)]))
      await until(() => few.received === round + 1, { what: 'the message of the small group' })
      shares.push(share)
      await expectCrowdGot(toCrowd)
    }
    // Behind the crowd it would come when all of it is served. Sockets of one process are read in no fixed order, so a
    // few members may look served first.
    expect(shares.filter((share) => share < 0.5).length, `shares of the crowd: ${shares}`).toBeGreaterThanOrEqual(8)
  }, 120_000)

  it('a small group is served all along, however much the crowd is sent', async () => {
    const total = full ? 40 : 60
    const start = arrivals
    /** How far the crowd was at each message of the small group. */
    const progress: number[] = []
    const onMessage = () => void progress.push((arrivals - start) / (total * crowd))
    await using few = await Peer.open(target, clientUrl(target, hub, { groups: ['two'] }), { onMessage })
    const sending = (async () => {
      for (let i = 0; i < total; i++) {
        toCrowd.push(`flood ${i}`)
        await rest.send({ group: 'crowd' }, `flood ${i}`)
      }
    })()
    let sent = 0
    while (arrivals - start < total * crowd) await rest.send({ group: 'two' }, `${sent++}`)
    await sending
    await expectCrowdGot(toCrowd)
    await until(() => few.received === sent, { what: 'everything for the small group' })
    expect(few.texts).toEqual(Array.from({ length: sent }, (_, i) => `${i}`))
    // Between two messages of the small group the crowd got only a part of what it was owed. This process reads all the
    // sockets, so now and then a step is long because it was busy itself.
    const steps = progress.map((share, i) => share - (progress[i - 1] ?? 0)).sort((a, b) => a - b)
    expect(progress.length).toBeGreaterThanOrEqual(10)
    expect(steps[Math.floor(steps.length * 0.8)], `the crowd's steps: ${steps}`).toBeLessThan(0.1)
  }, 120_000)
})
