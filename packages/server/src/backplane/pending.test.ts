import { errors, HocketError } from '@hocket/protocol/errors'
import { describe, expect, it } from 'vitest'
import { handlerFailure, PendingAnswers } from './pending.ts'

describe('PendingAnswers', () => {
  it('resolves when each node has answered or is lost', async () => {
    const pending = new PendingAnswers(1000)
    const answer = pending.open('1', ['a', 'b', 'c'])
    pending.reply('1', 'c', 3)
    pending.lost('b')
    pending.reply('1', 'a', 1)
    expect(await answer).toEqual({
      replies: [
        { nodeId: 'c', reply: 3 },
        { nodeId: 'a', reply: 1 },
      ],
      missing: ['b'],
    })
    expect(pending.size).toBe(0)
  })

  it('resolves at once when nobody is asked', async () => {
    expect(await new PendingAnswers(1000).open('1', [])).toEqual({ replies: [], missing: [] })
  })

  it('ignores answers that are late, repeated, or from a node that was not asked', async () => {
    const pending = new PendingAnswers(1000)
    const answer = pending.open('1', ['a', 'b'])
    pending.reply('1', 'x', 0)
    pending.reply('2', 'a', 0)
    pending.reply('1', 'a', 1)
    pending.reply('1', 'a', 2)
    pending.lost('a')
    pending.reply('1', 'b', 3)
    pending.reply('1', 'b', 4)
    expect((await answer).replies.map(({ reply }) => reply)).toEqual([1, 3])
  })

  it('names the silent nodes when the time is up', async () => {
    const pending = new PendingAnswers(20)
    const answer = pending.open('1', ['a', 'b', 'c'])
    pending.reply('1', 'b', 1)
    await expect(answer).rejects.toMatchObject({
      code: 'backplaneUnavailable',
      message: 'Not every node of the cluster answered: no answer from a, c within 20 ms',
    })
    expect(pending.size).toBe(0)
  })

  it('fails one question, or all', async () => {
    const pending = new PendingAnswers(1000)
    const failed = ['1', '2', '3'].map((id) => pending.open(id, ['a']).catch((error: Error) => error.message))
    pending.fail('2', new Error('one'))
    pending.fail('9', new Error('unknown'))
    pending.failAll(new Error('all'))
    expect(await Promise.all(failed)).toEqual(['all', 'one', 'all'])
  })
})

describe('handlerFailure', () => {
  it('keeps our own errors, and hides others behind backplaneUnavailable', () => {
    const own = errors.invalidHub()
    expect(handlerFailure('a', own)).toBe(own)
    const cause = new TypeError('x is not a function')
    const other = handlerFailure('a', cause)
    expect(other).toBeInstanceOf(HocketError)
    expect(other).toMatchObject({ code: 'backplaneUnavailable', cause })
    expect(other.message).not.toContain('not a function')
  })
})
