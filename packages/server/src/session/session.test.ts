import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createHarness } from './harness.test-support.ts'
import { cutToBytes } from './session.ts'

beforeEach(
  () => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setImmediate', 'performance', 'Date'] }),
)
afterEach(() => void vi.useRealTimers())

/** A few turns of the event loop. */
const settle = () => void vi.advanceTimersByTime(1)

describe('commands', () => {
  it('are answered in order, the sender hearing its own message before the ack', () => {
    const harness = createHarness()
    const { transport } = harness.open({ reliable: false, groups: ['g'] })
    transport.receive({
      type: 'sendToGroup',
      group: 'g',
      ackId: '1',
      noEcho: false,
      ttlSeconds: 0,
      body: { dataType: 'text', data: 'hi' },
      metadata: null,
    })
    settle()
    expect(transport.log).toEqual(['connected c1', 'hi', 'ack 1 ok'])
  })

  it('are executed once under one ack id, and again when they had failed', () => {
    const harness = createHarness()
    const { transport, session } = harness.open({ reliable: false, roles: [] })
    transport.receive({ type: 'joinGroup', group: 'g', ackId: '1' })
    session.permissions.grant('joinLeaveGroup', 'g')
    transport.receive({ type: 'joinGroup', group: 'g', ackId: '1' })
    transport.receive({ type: 'leaveGroup', group: 'g', ackId: '1' })
    settle()
    expect(transport.log.slice(1)).toEqual(['ack 1 Forbidden', 'ack 1 ok', 'ack 1 Duplicate'])
    expect([...session.groups]).toEqual(['g'])
  })

  it('wait for a join that other nodes do not know of yet, while ping and sequenceAck do not', async () => {
    const told = Promise.withResolvers<void>()
    const harness = createHarness()
    vi.spyOn(harness.router, 'join').mockReturnValueOnce(told.promise)
    const { transport } = harness.open()
    transport.receive({ type: 'joinGroup', group: 'g', ackId: '1' })
    transport.receive({ type: 'leaveGroup', group: 'h', ackId: '2' })
    transport.receive({ type: 'ping' })
    settle()
    expect(transport.log.slice(1)).toEqual(['pong'])
    told.resolve()
    await told.promise
    await Promise.resolve()
    await Promise.resolve()
    settle()
    expect(transport.log.slice(2)).toEqual(['ack 1 ok', 'ack 2 ok'])
  })

  it('that wait in too great a number pause reading, and reading goes on when they are done', async () => {
    const told = Promise.withResolvers<void>()
    const harness = createHarness({ inputMaxFrames: 10 })
    vi.spyOn(harness.router, 'join').mockReturnValueOnce(told.promise)
    const { transport } = harness.open()
    transport.receive({ type: 'joinGroup', group: 'g', ackId: '0' })
    for (let i = 1; i <= 10; i++) {
      expect(transport.isPaused).toBe(false)
      transport.receive({ type: 'leaveGroup', group: 'h', ackId: String(i) })
    }
    expect(transport.isPaused).toBe(true)
    told.resolve()
    await told.promise
    await Promise.resolve()
    await Promise.resolve()
    expect(transport.isPaused).toBe(false)
    settle()
    expect(transport.log.filter((line) => line.startsWith('ack')).length).toBe(11)
  })

  it('that break the protocol close at once, without a disconnected frame, and nothing after them counts', () => {
    const harness = createHarness()
    const { transport, session } = harness.open()
    transport.receive('{')
    transport.receive({ type: 'joinGroup', group: 'g', ackId: '1' })
    settle()
    expect(transport.log.at(-1)).toMatch(/^close 1007 The client message is not a valid protocol message/)
    expect(session.groups.size).toBe(0)
    expect(harness.facts).toEqual(['opened c1', 'ended c1 error malformedFrame'])
  })
})

describe('closing through the server', () => {
  it('delivers what was accepted before, then disconnected, then the close', () => {
    const harness = createHarness()
    const { transport, session } = harness.open({ reliable: false, groups: ['g'] })
    for (let i = 0; i < 5; i++) harness.publish(`m${i}`)
    session.closeByServer('enough')
    harness.publish('too late')
    settle()
    expect(transport.log.slice(1)).toEqual([
      'm0',
      'm1',
      'm2',
      'm3',
      'm4',
      'disconnected Application server closed the connection. Reason: enough',
      'close 1000',
    ])
  })

  it('waits for a blocked reader, but only for the close time-out', () => {
    const harness = createHarness()
    const { transport, session } = harness.open({ reliable: false, groups: ['g'] })
    transport.bufferedBytes = 100_000
    harness.publish('last')
    session.closeByServer(null)
    settle()
    expect(transport.log).toEqual(['connected c1', 'last'])
    vi.advanceTimersByTime(4900)
    expect(transport.log).toEqual(['connected c1', 'last'])
    vi.advanceTimersByTime(300)
    expect(transport.log.at(-1)).toBe('abort')
    expect(harness.meter.totalBytes).toBe(0)
  })
})

describe('a reader that is too slow', () => {
  it('is closed with 1013 at its bound when it is not reliable, and everybody else is served', () => {
    const harness = createHarness({ outboxMaxMessages: 10 })
    const slow = harness.open({ reliable: false, groups: ['g'] })
    const quick = harness.open({ reliable: false, groups: ['g'] })
    slow.transport.bufferedBytes = 100_000
    for (let i = 0; i <= 11; i++) {
      harness.publish(`m${i}`)
      settle()
    }
    expect(slow.transport.log).toEqual(['connected c1', 'm0', 'close 1013 The outbound message queue is full.'])
    expect(quick.transport.log.length).toBe(1 + 12)
  })

  it('has what its socket holds counted as its outbox', () => {
    const harness = createHarness({ outboxMaxBytes: 100_000 })
    const { session, transport } = harness.open({ reliable: false, groups: ['g'] })
    transport.bufferedBytes = 90_000
    harness.publish('m')
    harness.publish('x'.repeat(10_000))
    expect(session.isOpen).toBe(true)
    harness.publish('x')
    expect(session.isOpen).toBe(false)
  })

  it('is cut after it was blocked without progress, and may recover when it is reliable', () => {
    const harness = createHarness({ blockedTimeoutMs: 1000 })
    const reliable = harness.open({ groups: ['g'] })
    const plain = harness.open({ reliable: false, groups: ['g'] })
    for (const { transport } of [reliable, plain]) transport.bufferedBytes = 100_000
    harness.publish('m')
    settle()
    vi.advanceTimersByTime(900)
    expect(reliable.session.isBlocked && plain.session.isBlocked).toBe(true)
    vi.advanceTimersByTime(300)
    expect(reliable.transport.log.at(-1)).toBe('abort')
    expect(reliable.session.isDetached).toBe(true)
    expect(harness.recover(reliable.session)?.log).toEqual(['connected c1', '1:m'])
    expect(plain.transport.log.at(-1)).toBe('close 1013 The outbound message queue is full.')
  })

  it('is left alone while it makes progress', () => {
    const harness = createHarness({ blockedTimeoutMs: 1000 })
    const { transport, session } = harness.open({ reliable: false, groups: ['g'] })
    transport.bufferedBytes = 100_000
    harness.publish('m')
    for (let i = 1; i < 5; i++) {
      transport.bufferedBytes -= 1000
      vi.advanceTimersByTime(1000)
    }
    expect(session.isOpen).toBe(true)
    transport.drain()
    expect(session.isBlocked).toBe(false)
    expect(harness.meter.totalBytes).toBe(0)
  })

  it('that asks for answers without reading them is closed as well', () => {
    const harness = createHarness({ outboxMaxMessages: 10 })
    const { transport, session } = harness.open({ reliable: false, groups: ['g'] })
    transport.bufferedBytes = 100_000
    harness.publish('m')
    for (let i = 0; i < 12; i++) transport.receive({ type: 'ping' })
    expect(session.isOpen).toBe(false)
  })

  it('that is healthy and at its bound is written to at once, and never closed', () => {
    const harness = createHarness({ outboxMaxMessages: 10 })
    const { transport, session } = harness.open({ reliable: false, groups: ['g'] })
    for (let i = 0; i < 9000; i++) harness.publish(`m${i}`)
    settle()
    expect(session.isOpen).toBe(true)
    expect(transport.log.length).toBe(1 + 9000)
  })
})

describe('a reader that takes what it is sent and acknowledges late', () => {
  it('may be owed more than the bound, and stays when its acknowledgement comes in time', () => {
    const harness = createHarness({ outboxMaxMessages: 100 })
    const { session, transport } = harness.open({ groups: ['g'] })
    for (let i = 0; i < 9000; i++) harness.publish(`m${i}`)
    settle()
    expect(transport.log.length).toBe(1 + 9000)
    vi.advanceTimersByTime(2500)
    transport.receive({ type: 'sequenceAck', sequenceId: 100 })
    vi.advanceTimersByTime(2500)
    expect(session.isOpen).toBe(true)
    transport.receive({ type: 'sequenceAck', sequenceId: 9000 })
    vi.advanceTimersByTime(10_000)
    expect(session.isOpen).toBe(true)
    expect(harness.meter.totalBytes).toBe(0)
  })

  it('is closed with 1008 when none has come within the grace, also when nothing more is sent', () => {
    const harness = createHarness({ outboxMaxMessages: 100 })
    const { session, transport } = harness.open({ groups: ['g'] })
    for (let i = 0; i <= 100; i++) harness.publish(`m${i}`)
    settle()
    expect(session.isOpen).toBe(true)
    vi.advanceTimersByTime(3200)
    expect(session.isOpen).toBe(false)
    expect(transport.log.at(-1)).toBe('close 1008 The reliable message buffer is full.')
    expect(harness.facts.at(-1)).toBe('ended c1 error reliableBufferFull')
  })

  it('is never owed more than four times the bound of bytes', () => {
    const harness = createHarness({ outboxMaxBytes: 10_000 })
    const { session } = harness.open({ groups: ['g'] })
    for (let i = 0; i < 40; i++) harness.publish('x'.repeat(1000))
    expect(session.isOpen).toBe(true)
    harness.publish('x')
    expect(session.isOpen).toBe(false)
  })
})

describe('keep-alive', () => {
  it('pings at every interval, and cuts after two missed ones and the grace', () => {
    const harness = createHarness()
    const { transport, session } = harness.open({ keepAliveIntervalMs: 10_000 })
    vi.advanceTimersByTime(10_100)
    expect(transport.pings).toBe(1)
    transport.handlers?.alive()
    vi.advanceTimersByTime(24_800)
    expect(session.isDetached).toBe(false)
    vi.advanceTimersByTime(500)
    expect(session.isDetached).toBe(true)
    expect(harness.facts).toContain('detached c1')
  })
})

describe('the bound of the whole process', () => {
  it('closes the largest blocked outboxes first, and no healthy one', () => {
    const harness = createHarness({ outboxTotalMaxBytes: 150_000 })
    const small = harness.open({ reliable: false, groups: ['small'] })
    const large = harness.open({ reliable: false, groups: ['small', 'large'] })
    const healthy = harness.open({ reliable: false, groups: ['small', 'large'] })
    for (const { transport } of [small, large]) transport.bufferedBytes = 66_000
    harness.publish('x', { group: 'small' })
    settle()
    for (let i = 0; i < 5; i++) harness.publish('y'.repeat(10_000), { group: 'large' })
    expect(large.session.isOpen).toBe(false)
    expect(small.session.isOpen).toBe(true)
    expect(healthy.session.isOpen).toBe(true)
  })
})

it('reliable readers that are away, or do not acknowledge, are closed at the bound of the whole process too', () => {
  const harness = createHarness({ outboxTotalMaxBytes: 100_000 })
  const away = harness.open({ groups: ['g'] })
  const silent = harness.open({ groups: ['g'] })
  const plain = harness.open({ reliable: false, groups: ['g'] })
  away.transport.lose()
  for (let i = 0; i < 20; i++) {
    harness.publish(String(i).repeat(5000))
    settle()
    expect(harness.meter.totalBytes).toBeLessThanOrEqual(100_000)
  }
  expect(away.session.isOpen || silent.session.isOpen).toBe(false)
  expect(plain.session.isOpen).toBe(true)
})

describe('cutToBytes', () => {
  it('keeps whole characters and at most so many bytes', () => {
    expect(cutToBytes('abc', 123)).toBe('abc')
    expect(Buffer.byteLength(cutToBytes('群'.repeat(100), 123))).toBe(123)
    expect(cutToBytes('😀'.repeat(40), 123)).toBe('😀'.repeat(30))
    expect(cutToBytes('a😀', 2)).toBe('a')
  })
})
