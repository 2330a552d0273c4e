import { describe, expect, it } from 'vitest'
import { until, within } from './wait.ts'

describe('until', () => {
  it('returns the first truthy value of the condition', async () => {
    let calls = 0
    expect(await until(() => (++calls === 3 ? 'third' : null), { what: 'a third call' })).toBe('third')
    expect(calls).toBe(3)
  })

  it('takes a condition that throws for one that is not met yet', async () => {
    let calls = 0
    const value = await until(
      async () => {
        if (++calls < 2) throw new Error('not there')
        return calls
      },
      { what: 'a second call' },
    )
    expect(value).toBe(2)
  })

  it('names what it waited for, and why the condition failed, when the time is up', async () => {
    const failure = until(
      () => {
        throw new Error('still closed')
      },
      { what: 'the door is open', timeoutMs: 30 },
    )
    await expect(failure).rejects.toMatchObject({
      message: 'Waited 30 ms in vain: the door is open',
      cause: expect.objectContaining({ message: 'still closed' }),
    })
  })
})

describe('within', () => {
  it('passes the value on, and names what did not come in time', async () => {
    expect(await within(Promise.resolve(7), { what: 'seven' })).toBe(7)
    await expect(within(new Promise(() => {}), { what: 'an answer', timeoutMs: 20 })).rejects.toThrow('an answer')
  })
})
