/** What has been counted since the start: plain numbers that the code increments, read when metrics are scraped. */

/** Counts by a label with few values, such as a status or a close code. */
export class Tally {
  readonly counts = new Map<string, number>()

  add(label: string | number, n = 1): void {
    const key = String(label)
    this.counts.set(key, (this.counts.get(key) ?? 0) + n)
  }

  get(label: string | number): number {
    return this.counts.get(String(label)) ?? 0
  }
}

/** Counts by WebSocket close code. Clients choose from thousands of codes: those of applications share two labels. */
export class CloseCodeTally extends Tally {
  override add(code: string | number, n = 1): void {
    super.add(typeof code === 'number' ? closeCodeLabel(code) : code, n)
  }
}

function closeCodeLabel(code: number): string {
  if (code >= 1000 && code <= 1015) return String(code)
  if (code >= 3000 && code <= 3999) return '3xxx'
  return code >= 4000 && code <= 4999 ? '4xxx' : 'other'
}

/** Counts by two labels. */
export class PairTally {
  readonly rows = new Map<string, Tally>()

  add(first: string, second: string | number, n = 1): void {
    let row = this.rows.get(first)
    if (row === undefined) {
      row = new Tally()
      this.rows.set(first, row)
    }
    row.add(second, n)
  }

  get(first: string, second: string | number): number {
    return this.rows.get(first)?.get(second) ?? 0
  }
}

/** What happened in one hub. */
export class HubCounters {
  /** Sessions begun, by subprotocol (`none` for simple clients). */
  readonly connects = new Tally()
  /** Sessions ended, by the WebSocket close code; `lost` without one, `none` when no socket was attached. */
  readonly disconnects = new CloseCodeTally()
  /** Commands from clients, by kind: `sendToGroup`, `joinGroup`, `event` … */
  readonly messagesIn = new Tally()
  /** Answers to ack ids: `success`, `duplicate`, `failure`. */
  readonly acks = new Tally()
  /** Sessions that a new transport took over after the old one was lost. */
  recovered = 0
  /** Sessions that a new transport took over while the old one still looked alive. */
  takenOver = 0
  /** Recovery attempts that were refused. */
  recoveriesRefused = 0
  /** Connections closed because their outbox was full. */
  overflowCloses = 0
  /** Times that a connection became blocked. */
  blocked = 0
}

/** Hubs that get a label of their own; the counts of further ones share the label `(other)`. */
const maxHubs = 1000
export const otherHubs = '(other)'

/** Everything that one server counts. Increment the fields; a label's first use costs a map entry, further uses a look-up. */
export class Counters {
  /** Deliveries to single connections: a message to a group of ten counts ten. */
  messagesOut = 0
  /** Payload bytes of frames from clients. */
  bytesIn = 0
  /** Payload bytes of frames written to clients. */
  bytesOut = 0
  /** Handshakes that got no 101, by HTTP status. */
  readonly handshakesRefused = new Tally()
  /** REST requests, by operation id (`unknown` where no operation matches) and HTTP status. */
  readonly restRequests = new PairTally()
  readonly hubs = new Map<string, HubCounters>()

  /** The counters of a hub, by its lower-case name. Keep the object where it is used often. */
  hub(name: string): HubCounters {
    const known = this.hubs.get(name)
    if (known !== undefined) return known
    const label = this.hubs.size < maxHubs ? name : otherHubs
    let counters = this.hubs.get(label)
    if (counters === undefined) {
      counters = new HubCounters()
      this.hubs.set(label, counters)
    }
    return counters
  }
}
