/** `/metrics` in Prometheus' text format. Every name is explained in docs/metrics.md. */

import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Counters, HubCounters, PairTally, Tally } from './counters.ts'

/** Connections of one hub that speak one subprotocol. */
export interface ConnectionCount {
  readonly hub: string
  /** `json.webpubsub.azure.v1` …; `none` for simple clients. */
  readonly subprotocol: string
  readonly open: number
  /** Reliable sessions that lost their socket and may be recovered. */
  readonly detached: number
}

/** Where the numbers come from. Read at every scrape, so all of it must be cheap. */
export interface MetricsSource {
  readonly counters: Counters
  connections(): Iterable<ConnectionCount>
  outboxes(): {
    /** Bytes that all outboxes hold together, as `outboxTotalMaxBytes` counts them. */
    readonly bytes: number
    readonly limitBytes: number
    /** Entries in all outboxes together. */
    readonly frames: number
    /** Entries that are not written yet, of connections that are neither blocked nor detached. */
    readonly backlogFrames: number
    readonly blockedConnections: number
    /** Entries that expired before they could be written, since the start. */
    readonly expired: number
  }
}

export interface Metrics {
  readonly contentType: string
  render(): Promise<string>
}

type Put = (labels: Record<string, string>, value: number) => void

/** The metrics of one server; those of the process (memory, CPU, event loop, garbage collection) are added at the end. */
export function createMetrics(source: MetricsSource): Metrics {
  const registry = new Registry()
  const { counters } = source
  const family = (
    Kind: typeof Counter | typeof Gauge,
    name: string,
    help: string,
    labelNames: readonly string[],
    read: (put: Put) => void,
  ) => {
    const metric = new Kind({
      name,
      help,
      labelNames,
      registers: [registry],
      collect: () => {
        metric.reset()
        read((labels, value) => metric.inc(labels, value))
      },
    })
  }
  const gauge = (name: string, help: string, labels: readonly string[], read: (put: Put) => void) =>
    family(Gauge, name, help, labels, read)
  const counter = (name: string, help: string, labels: readonly string[], read: (put: Put) => void) =>
    family(Counter, name, help, labels, read)
  const byHub = (name: string, help: string, label: string, pick: (hub: HubCounters) => Tally) =>
    counter(name, help, ['hub', label], (put) => {
      for (const [hub, counts] of counters.hubs) {
        for (const [value, n] of pick(counts).counts) put({ hub, [label]: value }, n)
      }
    })
  const perHub = (name: string, help: string, pick: (hub: HubCounters) => number) =>
    counter(name, help, ['hub'], (put) => {
      for (const [hub, counts] of counters.hubs) put({ hub }, pick(counts))
    })
  const single = (kind: typeof gauge, name: string, help: string, read: () => number) =>
    kind(name, help, [], (put) => put({}, read()))

  gauge('hocket_connections', 'Connections now.', ['hub', 'subprotocol', 'state'], (put) => {
    for (const { hub, subprotocol, open, detached } of source.connections()) {
      put({ hub, subprotocol, state: 'open' }, open)
      if (detached > 0) put({ hub, subprotocol, state: 'detached' }, detached)
    }
  })
  byHub('hocket_connects_total', 'Sessions begun.', 'subprotocol', (hub) => hub.connects)
  byHub('hocket_disconnects_total', 'Sessions ended, by close code.', 'code', (hub) => hub.disconnects)
  counter('hocket_handshakes_refused_total', 'Handshakes refused, by HTTP status.', ['status'], (put) => {
    for (const [status, n] of counters.handshakesRefused.counts) put({ status }, n)
  })
  byHub('hocket_messages_received_total', 'Commands from clients, by kind.', 'kind', (hub) => hub.messagesIn)
  single(counter, 'hocket_messages_sent_total', 'Deliveries to connections.', () => counters.messagesOut)
  single(counter, 'hocket_received_bytes_total', 'Payload bytes from clients.', () => counters.bytesIn)
  single(counter, 'hocket_sent_bytes_total', 'Payload bytes written to clients.', () => counters.bytesOut)
  byHub('hocket_acks_total', 'Answers to ack ids, by outcome.', 'outcome', (hub) => hub.acks)
  counter('hocket_recoveries_total', 'Recovery attempts, by outcome.', ['hub', 'outcome'], (put) => {
    for (const [hub, counts] of counters.hubs) {
      put({ hub, outcome: 'recovered' }, counts.recovered)
      put({ hub, outcome: 'takenOver' }, counts.takenOver)
      put({ hub, outcome: 'refused' }, counts.recoveriesRefused)
    }
  })
  single(gauge, 'hocket_outbox_bytes', 'Bytes queued for all connections.', () => source.outboxes().bytes)
  single(gauge, 'hocket_outbox_limit_bytes', 'outboxTotalMaxBytes.', () => source.outboxes().limitBytes)
  single(gauge, 'hocket_outbox_frames', 'Entries queued for all connections.', () => source.outboxes().frames)
  single(
    gauge,
    'hocket_backlog_frames',
    'Unwritten entries of healthy connections.',
    () => source.outboxes().backlogFrames,
  )
  single(gauge, 'hocket_blocked_connections', 'Connections blocked now.', () => source.outboxes().blockedConnections)
  perHub('hocket_blocks_total', 'Times that a connection became blocked.', (hub) => hub.blocked)
  perHub('hocket_overflow_closes_total', 'Connections closed with a full outbox.', (hub) => hub.overflowCloses)
  single(counter, 'hocket_expired_messages_total', 'Messages that expired unsent.', () => source.outboxes().expired)
  counter('hocket_rest_requests_total', 'REST requests.', ['operation', 'status'], (put) =>
    putPairs(counters.restRequests, put),
  )

  return {
    contentType: registry.contentType,
    render: async () => `${await registry.metrics()}\n${await processRegistry().metrics()}\n`,
  }
}

function putPairs(pairs: PairTally, put: Put): void {
  for (const [operation, row] of pairs.rows) {
    for (const [status, n] of row.counts) put({ operation, status }, n)
  }
}

let ofProcess: Registry | null = null

/** One for all servers of the process: it owns an event-loop monitor and an observer of garbage collection. */
function processRegistry(): Registry {
  if (ofProcess !== null) return ofProcess
  ofProcess = new Registry()
  collectDefaultMetrics({ register: ofProcess })
  // These walk every socket at each scrape, and hocket_connections says it better.
  for (const noun of ['resources', 'handles', 'requests']) {
    ofProcess.removeSingleMetric(`nodejs_active_${noun}`)
    ofProcess.removeSingleMetric(`nodejs_active_${noun}_total`)
  }
  return ofProcess
}
