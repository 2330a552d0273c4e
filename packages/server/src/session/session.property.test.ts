import fc from 'fast-check'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createHarness, type FakeTransport } from './harness.test-support.ts'

const maxMessages = 8
/** Time moves in steps of 500 ms; deadlines lie between steps, farther from both than a tick of the wheel. */
const recoveryWindowMs = 1250
const ackGraceMs = 1250
const ttls = [null, null, null, 750, 1750] as const

type Step =
  | { do: 'publish'; ttl: (typeof ttls)[number] }
  | { do: 'ack'; back: number }
  | { do: 'ackWhatNeverCame' }
  | { do: 'drop' }
  | { do: 'recover' }
  | { do: 'wait'; steps: number }
  | { do: 'stall' }
  | { do: 'drain' }
  | { do: 'closeByServer' }
  | { do: 'clientCloses'; code: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 96, arbitrary: fc.record({ do: fc.constant('publish' as const), ttl: fc.constantFrom(...ttls) }) },
  { weight: 15, arbitrary: fc.record({ do: fc.constant('ack' as const), back: fc.integer({ min: 0, max: 4 }) }) },
  { weight: 3, arbitrary: fc.constant({ do: 'ackWhatNeverCame' as const }) },
  { weight: 9, arbitrary: fc.constant({ do: 'drop' as const }) },
  { weight: 15, arbitrary: fc.constant({ do: 'recover' as const }) },
  { weight: 9, arbitrary: fc.record({ do: fc.constant('wait' as const), steps: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 3, arbitrary: fc.constant({ do: 'stall' as const }) },
  { weight: 6, arbitrary: fc.constant({ do: 'drain' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'closeByServer' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('clientCloses' as const), code: fc.constantFrom(1000, 1001, 1005, 3001) }),
  },
)

/** A reliable session, as plainly as it can be said. */
class Model {
  state: 'attached' | 'detached' | 'ended' = 'attached'
  log: string[] = ['connected c1']
  unacked: { sequence: number; expiresAt: number; written: boolean }[] = []
  next = 1
  highestWritten = 0
  stalled = false
  blocked = false
  detachedAt = 0
  ackProgressAt = 0
  now = 0

  publish(ttl: number | null): void {
    if (this.state === 'ended') return
    if (this.unacked.length === 0) this.ackProgressAt = this.now
    this.unacked.push({
      sequence: this.next++,
      expiresAt: ttl === null ? Number.POSITIVE_INFINITY : this.now + ttl,
      written: false,
    })
    if (this.unacked.length > maxMessages) this.unacked = this.unacked.filter(({ expiresAt }) => expiresAt > this.now)
    if (this.unacked.length > maxMessages && !this.mayStillAcknowledge()) this.overflow()
    this.flush()
  }

  mayStillAcknowledge(): boolean {
    return this.state === 'attached' && !this.blocked && this.now < this.ackProgressAt + ackGraceMs
  }

  overflow(): void {
    if (this.state === 'attached') this.log.push('close 1008 The reliable message buffer is full.')
    this.state = 'ended'
  }

  flush(): void {
    if (this.state !== 'attached' || this.blocked) return
    let wrote = false
    for (const entry of [...this.unacked]) {
      if (entry.written) continue
      if (entry.expiresAt <= this.now) {
        this.unacked.splice(this.unacked.indexOf(entry), 1)
        continue
      }
      entry.written = true
      wrote = true
      this.highestWritten = Math.max(this.highestWritten, entry.sequence)
      this.log.push(`${entry.sequence}:m${entry.sequence}`)
    }
    if (wrote && this.stalled) this.blocked = true
  }

  ack(sequence: number): void {
    if (this.state !== 'attached' || sequence > this.highestWritten) return
    const before = this.unacked.length
    this.unacked = this.unacked.filter((entry) => entry.sequence > sequence)
    if (this.unacked.length < before) this.ackProgressAt = this.now
  }

  lose(): void {
    if (this.state !== 'attached') return
    this.state = 'detached'
    this.detachedAt = this.now
    this.blocked = false
    for (const entry of this.unacked) entry.written = false
  }

  recover(): boolean {
    if (this.state === 'ended') return false
    if (this.state === 'attached') this.lose()
    this.state = 'attached'
    this.ackProgressAt = this.now
    this.stalled = false
    this.log = ['connected c1']
    this.flush()
    return true
  }

  wait(ms: number): void {
    this.now += ms
    if (this.state === 'detached' && this.now > this.detachedAt + recoveryWindowMs) this.state = 'ended'
  }

  drain(): void {
    this.stalled = false
    this.blocked = false
    this.flush()
  }

  closeByServer(): void {
    if (this.state === 'ended') return
    const detached = this.state === 'detached'
    if (!detached) {
      // What is blocked is waited for; the model closes only sessions that are not.
      this.log.push('disconnected Application server closed the connection. Reason: over', 'close 1000')
    }
    this.state = 'ended'
  }

  clientCloses(code: number): void {
    if (this.state !== 'attached') return
    if (code === 1000 || code === 1005) this.state = 'ended'
    else this.lose()
  }
}

beforeEach(
  () => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setImmediate', 'performance', 'Date'] }),
)
afterEach(() => void vi.useRealTimers())

it('a reliable session agrees with its model, whatever is published, acknowledged, dropped, recovered, expired or closed', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const harness = createHarness({
        outboxMaxMessages: maxMessages,
        recoveryWindowMs,
        ackGraceMs,
        blockedTimeoutMs: 3_600_000,
      })
      const opened = harness.open({ keepAliveIntervalMs: 86_400_000, groups: ['g'] })
      const { session } = opened
      let transport: FakeTransport = opened.transport
      const model = new Model()
      const settle = () => void vi.advanceTimersByTime(0)
      for (const step of steps) {
        switch (step.do) {
          case 'publish':
            harness.publish(`m${model.next}`, { expiresAtMs: step.ttl === null ? null : Date.now() + step.ttl })
            model.publish(step.ttl)
            break
          case 'ack': {
            const sequenceId = model.highestWritten - step.back
            if (model.state === 'attached') transport.receive({ type: 'sequenceAck', sequenceId })
            model.ack(sequenceId)
            break
          }
          case 'ackWhatNeverCame':
            if (model.state === 'attached')
              transport.receive({ type: 'sequenceAck', sequenceId: model.highestWritten + 1 })
            break
          case 'drop':
            transport.lose()
            model.lose()
            break
          case 'recover': {
            const old = transport
            const wasAttached = model.state === 'attached'
            const next = harness.recover(session)
            expect(next !== null).toBe(model.recover())
            if (next !== null) transport = next
            if (wasAttached) expect(old.log.at(-1)).toBe('abort')
            break
          }
          case 'wait':
            vi.advanceTimersByTime(step.steps * 500)
            model.wait(step.steps * 500)
            break
          case 'stall':
            if (model.state !== 'attached' || model.blocked) break
            transport.bufferedBytes = 1_000_000
            model.stalled = true
            break
          case 'drain':
            if (model.state !== 'attached') break
            transport.drain()
            model.drain()
            break
          case 'closeByServer':
            if (model.state === 'attached' && (model.blocked || model.stalled)) break
            session.closeByServer('over')
            model.closeByServer()
            break
          case 'clientCloses':
            if (model.state !== 'attached') break
            transport.peerCloses(step.code)
            model.clientCloses(step.code)
            break
          default:
            step satisfies never
        }
        settle()
        expect(transport.log).toEqual(model.log)
        expect(session.isOpen).toBe(model.state !== 'ended')
        expect(session.isDetached).toBe(model.state === 'detached')
        expect(harness.hubs.find('chat')?.connections.has('c1') ?? false).toBe(model.state !== 'ended')
        if (model.state === 'ended') break
        expect(harness.meter.entries).toBe(model.unacked.length)
      }
      if (model.state === 'ended') {
        transport.lose() // the peer has answered the close frame
        expect(harness.meter.totalBytes).toBe(0)
        expect(harness.recover(session)).toBeNull()
      }
      expect(harness.facts.filter((fact) => fact.startsWith('ended')).length).toBe(model.state === 'ended' ? 1 : 0)
    }),
    { numRuns: 800 },
  )
})
