import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { TimerWheel, WheelTimer } from './timers.ts'

describe('TimerWheel', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] }))
  afterEach(() => void vi.useRealTimers())

  it('fires once, up to one tick late and never early', () => {
    const wheel = new TimerWheel(100)
    for (const delayMs of [1, 99, 100, 101, 250, 5000, 60_000, 200_000]) {
      let firedAt: number | null = null
      const startedAt = performance.now()
      wheel.arm(new WheelTimer(() => (firedAt = performance.now())), delayMs)
      vi.advanceTimersByTime(delayMs - 1)
      expect(firedAt).toBeNull()
      vi.advanceTimersByTime(201)
      expect(firedAt! - startedAt).toBeLessThanOrEqual(delayMs + 100)
      vi.advanceTimersByTime(300_000)
    }
  })

  it('moves a timer that is armed again', () => {
    const wheel = new TimerWheel(100)
    const fired = vi.fn()
    const timer = new WheelTimer(fired)
    wheel.arm(timer, 1000)
    vi.advanceTimersByTime(900)
    wheel.arm(timer, 1000)
    vi.advanceTimersByTime(900)
    expect(fired).not.toHaveBeenCalled()
    vi.advanceTimersByTime(300)
    expect(fired).toHaveBeenCalledOnce()
    expect(timer.armed).toBe(false)
  })

  it('lets a timer disarm its neighbours and arm itself while the slot is walked', () => {
    const wheel = new TimerWheel(100)
    const fired: string[] = []
    const second = new WheelTimer(() => fired.push('second'))
    const first: WheelTimer = new WheelTimer(() => {
      fired.push('first')
      wheel.disarm(second)
      if (fired.length < 3) wheel.arm(first, 51_200)
    })
    const third = new WheelTimer(() => fired.push('third'))
    for (const timer of [first, second, third]) wheel.arm(timer, 500)
    vi.advanceTimersByTime(600)
    expect(fired).toEqual(['first', 'third'])
    vi.advanceTimersByTime(51_300)
    expect(fired).toEqual(['first', 'third', 'first'])
  })

  it('owns no interval while nothing is armed', () => {
    const wheel = new TimerWheel(100)
    expect(vi.getTimerCount()).toBe(0)
    const timer = new WheelTimer(() => {})
    wheel.arm(timer, 300)
    expect(vi.getTimerCount()).toBe(1)
    wheel.disarm(timer)
    vi.advanceTimersByTime(200)
    expect(vi.getTimerCount()).toBe(0)
    wheel.arm(timer, 300)
    wheel.stop()
    expect(vi.getTimerCount()).toBe(0)
    expect(timer.armed).toBe(false)
  })
})
