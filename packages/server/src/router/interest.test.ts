import type { Target } from '@hocket/protocol/message'
import { describe, expect, it } from 'vitest'
import { MemoryBackplane } from '../backplane/memory.ts'
import { InterestTable } from './interest.ts'

const target: Target = { kind: 'group', hub: 'chat', group: 'g' }

class Scripted extends MemoryBackplane {
  readonly calls: boolean[] = []
  answers: (Promise<void> | undefined)[] = []
  override setInterest(_target?: Target, present?: boolean): undefined {
    this.calls.push(present!)
    return this.answers.shift() as undefined
  }
}

describe('InterestTable', () => {
  it('takes back what could not be confirmed, when the last receiver goes', async () => {
    const backplane = new Scripted('abcdefgh')
    const table = new InterestTable(backplane)
    backplane.answers = [Promise.reject(new Error('cut off'))]
    await expect(table.retain(target)).rejects.toThrow('cut off')
    table.release(target)
    expect(backplane.calls).toEqual([true, false])
  })
  it('keeps the interest of a receiver that came between the failure of another and its release', async () => {
    const backplane = new Scripted('abcdefgh')
    const table = new InterestTable(backplane)
    backplane.answers = [Promise.reject(new Error('cut off'))]
    await expect(table.retain(target)).rejects.toThrow('cut off')
    table.retain(target)
    table.release(target)
    expect(backplane.calls.at(-1)).toBe(true)
  })
})
