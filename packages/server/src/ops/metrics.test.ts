import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { HttpHeaders } from '../http.ts'
import { Counters, otherHubs } from './counters.ts'
import { createMetrics, type MetricsSource } from './metrics.ts'
import { createMetricsAccess } from './metrics-access.ts'

const quiet = { bytes: 0, limitBytes: 100, frames: 0, backlogFrames: 0, blockedConnections: 0, expired: 0 }

function source(overrides: Partial<MetricsSource> = {}): MetricsSource {
  return { counters: new Counters(), connections: () => [], outboxes: () => quiet, ...overrides }
}

const lines = async (from: MetricsSource) => (await createMetrics(from).render()).split('\n')

describe('metrics', () => {
  it('reads the numbers when it is scraped, every time anew', async () => {
    const counters = new Counters()
    let detached = 2
    const metrics = createMetrics(
      source({
        counters,
        connections: () => [{ hub: 'chat', subprotocol: 'json.reliable.webpubsub.azure.v1', open: 3, detached }],
        outboxes: () => ({ ...quiet, bytes: 7, frames: 5, backlogFrames: 4, blockedConnections: 1, expired: 6 }),
      }),
    )
    counters.messagesOut += 10
    counters.hub('chat').messagesIn.add('sendToGroup')
    counters.hub('chat').messagesIn.add('sendToGroup', 2)
    counters.hub('chat').disconnects.add(1008)
    counters.hub('chat').disconnects.add('lost')
    counters.hub('chat').takenOver++
    counters.handshakesRefused.add(401)
    counters.restRequests.add('WebPubSub_SendToAll', 202)
    const first = await metrics.render()
    for (const line of [
      'hocket_connections{hub="chat",subprotocol="json.reliable.webpubsub.azure.v1",state="open"} 3',
      'hocket_connections{hub="chat",subprotocol="json.reliable.webpubsub.azure.v1",state="detached"} 2',
      'hocket_messages_sent_total 10',
      'hocket_messages_received_total{hub="chat",kind="sendToGroup"} 3',
      'hocket_disconnects_total{hub="chat",code="1008"} 1',
      'hocket_disconnects_total{hub="chat",code="lost"} 1',
      'hocket_recoveries_total{hub="chat",outcome="takenOver"} 1',
      'hocket_recoveries_total{hub="chat",outcome="refused"} 0',
      'hocket_handshakes_refused_total{status="401"} 1',
      'hocket_rest_requests_total{operation="WebPubSub_SendToAll",status="202"} 1',
      'hocket_outbox_bytes 7',
      'hocket_outbox_limit_bytes 100',
      'hocket_outbox_frames 5',
      'hocket_backlog_frames 4',
      'hocket_blocked_connections 1',
      'hocket_expired_messages_total 6',
    ]) {
      expect(first.split('\n')).toContain(line)
    }
    counters.messagesOut += 1
    detached = 0
    const second = await metrics.render()
    expect(second).toContain('\nhocket_messages_sent_total 11\n')
    expect(second).not.toContain('state="detached"')
  })

  it('adds up connections that share labels', async () => {
    const one = { hub: otherHubs, subprotocol: 'none', open: 1, detached: 0 }
    expect(await lines(source({ connections: () => [one, one] }))).toContain(
      'hocket_connections{hub="(other)",subprotocol="none",state="open"} 2',
    )
  })

  it('escapes what a label may hold', async () => {
    const counters = new Counters()
    counters.hub('a"b\n\\').overflowCloses++
    expect(await lines(source({ counters }))).toContain('hocket_overflow_closes_total{hub="a\\"b\\n\\\\"} 1')
  })

  it('says what process and event loop do, without walking every socket', async () => {
    const text = await createMetrics(source()).render()
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds /m)
    expect(text).toMatch(/^process_resident_memory_bytes /m)
    expect(text).not.toContain('nodejs_active_')
  })

  it('lets several servers of one process have their own', async () => {
    const [one, two] = [source(), source()]
    const [ofOne, ofTwo] = [createMetrics(one), createMetrics(two)]
    one.counters.bytesIn = 5
    expect(await ofOne.render()).toContain('\nhocket_received_bytes_total 5\n')
    expect(await ofTwo.render()).toContain('\nhocket_received_bytes_total 0\n')
    expect(ofOne.contentType).toMatch(/^text\/plain; version=0\.0\.4/)
  })

  it('is valid exposition text: each family has its help and type before its samples, and there is no empty line', async () => {
    const all = await lines(source())
    expect(all.at(-1)).toBe('')
    const samples = all.filter((line) => /^[a-z]/.test(line)).map((line) => line.replace(/[{ ].*$/, ''))
    for (const name of samples) {
      const family = name.replace(/_(bucket|sum|count)$/, '')
      expect(all.some((line) => line.startsWith(`# TYPE ${family} `) || line.startsWith(`# TYPE ${name} `))).toBe(true)
    }
  })

  it('is documented, every name with its kind and labels, and nothing else is', async () => {
    const doc = readFileSync(new URL('../../../../docs/metrics.md', import.meta.url), 'utf8')
    const documented = [...doc.matchAll(/^\| `(hocket_\w+)` \| (\w+) \|/gm)].map((row) => `${row[1]} ${row[2]}`)
    const served = (await lines(source()))
      .filter((line) => line.startsWith('# TYPE hocket_'))
      .map((line) => line.slice('# TYPE '.length))
    expect(documented).toEqual(served)
  })
})

describe('counters', () => {
  it('keep the labels of close codes few, whatever clients send', () => {
    const { disconnects } = new Counters().hub('chat')
    for (let code = 1000; code < 5000; code++) disconnects.add(code)
    disconnects.add('lost')
    expect(disconnects.counts.size).toBe(20)
    expect([disconnects.get(1008), disconnects.get('3xxx'), disconnects.get('4xxx'), disconnects.get('lost')]).toEqual([
      1, 1000, 1000, 1,
    ])
  })

  it('gives hubs beyond the thousandth one label together', () => {
    const counters = new Counters()
    for (let i = 0; i < 1500; i++) counters.hub(`hub${i}`).blocked++
    expect(counters.hubs.size).toBe(1001)
    expect(counters.hub(otherHubs).blocked).toBe(500)
    expect(counters.hub('hub3').blocked).toBe(1)
  })
})

describe('who may read metrics', () => {
  const from = (remoteAddress: string, headers: Record<string, string> = {}) => ({
    remoteAddress,
    headers: { get: (name) => headers[name] ?? null, entries: () => Object.entries(headers) } satisfies HttpHeaders,
  })

  it('is loopback only, unless more is listed', () => {
    const mayRead = createMetricsAccess([])
    for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])
      expect(mayRead(from(address))).toBe(true)
    for (const address of ['10.0.0.1', '::2', '::ffff:10.0.0.1', 'fe80::1%eth0', '', 'localhost']) {
      expect(mayRead(from(address))).toBe(false)
    }
  })

  it('takes addresses and ranges, in both spellings of an IPv4 address', () => {
    const mayRead = createMetricsAccess(['10.0.0.1', '10.1.0.0/16', 'fd00::/8'])
    for (const address of ['10.0.0.1', '::ffff:10.0.0.1', '10.1.255.1', 'fd00::5'])
      expect(mayRead(from(address))).toBe(true)
    for (const address of ['10.0.0.2', '10.2.0.1', 'fc00::1']) expect(mayRead(from(address))).toBe(false)
  })

  it('does not take a request that a local proxy passes on for a local one', () => {
    const mayRead = createMetricsAccess([])
    expect(mayRead(from('127.0.0.1', { 'x-forwarded-for': '10.0.0.1' }))).toBe(false)
    expect(mayRead(from('::1', { forwarded: 'for=10.0.0.1' }))).toBe(false)
    expect(createMetricsAccess(['127.0.0.1'])(from('127.0.0.1', { 'x-forwarded-for': '10.0.0.1' }))).toBe(true)
  })
})
