import type { Frame } from '../transport.ts'

/** Bytes an outbox entry costs beside its frame. */
const entryBytes = 16

/**
 * What all outboxes of the process hold together. A frame counts once, however many outboxes it waits in; every entry
 * adds a little, and what blocked transports have buffered is added on top.
 */
export class OutboxMeter {
  frameBytes = 0
  entries = 0
  /** Bytes in the buffers of blocked transports. */
  blockedBytes = 0
  blockedConnections = 0
  /** Unwritten entries of connections that are neither blocked nor detached: what publishers are slowed for. */
  healthyUnwritten = 0
  /** Entries that expired before they could be written. */
  expired = 0

  get totalBytes(): number {
    return this.frameBytes + this.entries * entryBytes + this.blockedBytes
  }

  hold(frame: Frame): void {
    if (frame.refs++ === 0) this.frameBytes += frame.byteLength
    this.entries++
  }

  release(frame: Frame): void {
    if (--frame.refs === 0) this.frameBytes -= frame.byteLength
    this.entries--
  }
}
