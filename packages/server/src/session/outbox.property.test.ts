import type { Encoder } from '@hocket/protocol/codec'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { OutboxMeter } from '../hub/meter.ts'
import type { Frame, Transport } from '../transport.ts'
import { Outbox } from './outbox.ts'

/** A frame that says what it is: `m` a message, `c` a control frame. */
interface TestFrame extends Frame {
  readonly kind: 'm' | 'c'
  readonly number: number
}

interface Piece {
  readonly frame: TestFrame
  readonly piece: number
  readonly sequence: number
}

class RecordingTransport implements Transport {
  readonly pieces: Piece[] = []
  readonly bufferedBytes = 0
  write(frame: Frame, piece: number, prefix: Uint8Array | null): number {
    this.pieces.push({
      frame: frame as TestFrame,
      piece,
      sequence: prefix === null ? 0 : Number(new TextDecoder().decode(prefix)),
    })
    return Math.ceil(frame.byteLength / frame.pieces)
  }
  cork(): void {}
  uncork(): void {}
  close(): void {}
  abort(): void {}
  ping(): void {}
  pause(): void {}
  resume(): void {}
}

const encoder: Encoder = {
  slot: 0,
  message: () => '',
  sequencePrefix: (sequence) => new TextEncoder().encode(String(sequence)),
  control: null,
}

type Step =
  | { do: 'message'; bytes: number; pieces: number; ttl: number | null }
  | { do: 'control' }
  | { do: 'write'; bytes: number }
  | { do: 'ack'; back: number }
  | { do: 'detach' }
  | { do: 'time'; ms: number }
  | { do: 'dropExpired' }
  | { do: 'clear' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('message' as const),
      bytes: fc.integer({ min: 1, max: 100 }),
      pieces: fc.integer({ min: 1, max: 3 }),
      ttl: fc.option(fc.integer({ min: 1, max: 50 })),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('control' as const) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const), bytes: fc.integer({ min: 1, max: 300 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('ack' as const), back: fc.integer({ min: -2, max: 6 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('detach' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('dropExpired' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const) }) },
)

interface ModelEntry {
  readonly frame: TestFrame
  readonly sequence: number
  written: boolean
}

/** The plainest outbox that obeys the rules: a list, walked from the front. */
class Model {
  entries: ModelEntry[] = []
  partial = 0
  next = 1
  lastWritten = 0
  readonly reliable: boolean
  constructor(reliable: boolean) {
    this.reliable = reliable
  }
  push(frame: TestFrame): void {
    const sequence = this.reliable && frame.kind === 'm' ? this.next++ : 0
    this.entries.push({ frame, sequence, written: false })
  }
  write(maxBytes: number, now: number): Piece[] {
    const pieces: Piece[] = []
    let bytes = 0
    while (bytes < maxBytes) {
      const at = this.entries.findIndex((entry) => !entry.written)
      if (at < 0) break
      const entry = this.entries[at]!
      if (this.partial === 0 && entry.frame.expiresAtMs <= now) {
        this.entries.splice(at, 1)
        continue
      }
      pieces.push({ frame: entry.frame, piece: this.partial, sequence: this.partial === 0 ? entry.sequence : 0 })
      bytes += Math.ceil(entry.frame.byteLength / entry.frame.pieces)
      if (++this.partial < entry.frame.pieces) continue
      this.partial = 0
      entry.written = true
      this.lastWritten = Math.max(this.lastWritten, entry.sequence)
      if (entry.sequence === 0) this.entries.splice(at, 1)
    }
    return pieces
  }
  ack(sequence: number): void {
    if (sequence > this.lastWritten) return
    while (this.entries.length > 0) {
      const entry = this.entries[0]!
      if (entry.sequence === 0 || entry.sequence > sequence || (!entry.written && this.partial > 0)) break
      this.entries.shift()
    }
  }
  detach(): void {
    this.partial = 0
    this.entries = this.entries.filter((entry) => entry.sequence > 0)
    for (const entry of this.entries) entry.written = false
  }
  dropExpired(now: number): void {
    const current = this.entries.find((entry) => !entry.written)
    this.entries = this.entries.filter(
      (entry) => entry.frame.expiresAtMs > now || (entry === current && this.partial > 0),
    )
  }
}

for (const reliable of [true, false]) {
  it(`agrees with a plain list, ${reliable ? 'reliable' : 'not reliable'}, whatever happens in whatever order`, () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const meter = new OutboxMeter()
        const outbox = new Outbox(encoder, reliable, meter)
        const model = new Model(reliable)
        let transport = new RecordingTransport()
        let now = 1000
        let number = 0
        const frame = (kind: 'm' | 'c', byteLength: number, pieces: number, ttl: number | null): TestFrame => ({
          kind,
          number: number++,
          byteLength,
          pieces,
          refs: 0,
          expiresAtMs: ttl === null ? Number.POSITIVE_INFINITY : now + ttl,
        })
        for (const step of steps) {
          if (step.do === 'message') {
            const message = frame('m', step.bytes, step.pieces, step.ttl)
            outbox.pushMessage(message)
            model.push(message)
          } else if (step.do === 'control') {
            const control = frame('c', 10, 1, null)
            outbox.pushControl(control)
            model.push(control)
          } else if (step.do === 'write') {
            const before = transport.pieces.length
            outbox.write(transport, step.bytes, now)
            expect(transport.pieces.slice(before)).toEqual(model.write(step.bytes, now))
          } else if (step.do === 'ack') {
            const sequence = model.lastWritten - step.back
            outbox.acknowledge(sequence)
            model.ack(sequence)
          } else if (step.do === 'detach') {
            if (!reliable) continue
            outbox.detach()
            model.detach()
            transport = new RecordingTransport()
          } else if (step.do === 'time') {
            now += step.ms
          } else if (step.do === 'dropExpired') {
            outbox.dropExpired(now)
            model.dropExpired(now)
          } else {
            outbox.clear()
            model.entries = []
            model.partial = 0
          }
          const unwritten = model.entries.filter((entry) => !entry.written)
          const unacked = model.entries.filter((entry) => entry.sequence > 0)
          const bytes = (entries: ModelEntry[]) => entries.reduce((sum, { frame }) => sum + frame.byteLength, 0)
          expect({
            unwritten: outbox.unwritten,
            unwrittenBytes: outbox.unwrittenBytes,
            unacked: outbox.unacked,
            unackedBytes: outbox.unackedBytes,
            entries: meter.entries,
            frameBytes: meter.frameBytes,
            healthyUnwritten: meter.healthyUnwritten,
          }).toEqual({
            unwritten: unwritten.length,
            unwrittenBytes: bytes(unwritten),
            unacked: unacked.length,
            unackedBytes: bytes(unacked),
            entries: model.entries.length,
            frameBytes: bytes(model.entries),
            healthyUnwritten: unwritten.length,
          })
        }
      }),
      { numRuns: 2000 },
    )
  })
}

it('counts a frame once, however many outboxes hold it', () => {
  const meter = new OutboxMeter()
  const outboxes = Array.from({ length: 5 }, () => new Outbox(encoder, false, meter))
  const frame: Frame = { byteLength: 1000, pieces: 1, refs: 0, expiresAtMs: Number.POSITIVE_INFINITY }
  for (const outbox of outboxes) outbox.pushMessage(frame)
  expect(meter.totalBytes).toBe(1000 + 5 * 16)
  for (const outbox of outboxes) outbox.clear()
  expect(meter.totalBytes).toBe(0)
})
