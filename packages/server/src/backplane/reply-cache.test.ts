import { describe, expect, it } from 'vitest'
import type { BackplaneCommand, BackplaneHandlers, BackplaneRequest, ReplyTo } from './backplane.ts'
import { cacheReplies } from './reply-cache.ts'

function handlersThat(answer: (request: BackplaneRequest) => unknown): BackplaneHandlers {
  return {
    envelope() {},
    request: <R extends BackplaneRequest>(request: R) => answer(request) as ReplyTo<R>,
    nodeLost() {},
    fenced() {},
  }
}

const join = (commandId: string): BackplaneCommand => ({
  op: 'join',
  commandId,
  scope: { kind: 'user', hub: 'h', userId: 'u' },
  groups: ['g'],
  filter: null,
})

describe('cacheReplies', () => {
  it('does a command once and repeats its reply', () => {
    let calls = 0
    const handlers = cacheReplies(handlersThat(() => ({ matched: ++calls })))
    expect(handlers.request(join('a'))).toEqual({ matched: 1 })
    expect(handlers.request(join('a'))).toEqual({ matched: 1 })
    expect(handlers.request(join('b'))).toEqual({ matched: 2 })
  })

  it('lets a retry share a first try that still works', async () => {
    let calls = 0
    let finish = (_: unknown) => {}
    const handlers = cacheReplies(
      handlersThat(() => {
        calls++
        return new Promise((resolve) => {
          finish = resolve
        })
      }),
    )
    const both = Promise.all([handlers.request(join('a')), handlers.request(join('a'))])
    finish({ matched: 7 })
    expect(await both).toEqual([{ matched: 7 }, { matched: 7 }])
    expect(calls).toBe(1)
  })

  it('tries again what failed, whether it threw or rejected', async () => {
    let calls = 0
    const handlers = cacheReplies(
      handlersThat(() => {
        calls++
        if (calls === 1) throw new Error('thrown')
        if (calls === 2) return Promise.reject(new Error('rejected'))
        return { matched: calls }
      }),
    )
    expect(() => handlers.request(join('a'))).toThrow('thrown')
    await expect(handlers.request(join('a'))).rejects.toThrow('rejected')
    expect(handlers.request(join('a'))).toEqual({ matched: 3 })
  })

  it('never keeps the answer to a query', () => {
    let calls = 0
    const handlers = cacheReplies(handlersThat(() => ({ found: ++calls > 1 })))
    const query = { op: 'exists', scope: { kind: 'hub', hub: 'h' } } as const
    expect(handlers.request(query)).toEqual({ found: false })
    expect(handlers.request(query)).toEqual({ found: true })
  })

  it('forgets the oldest reply at its limit, and any reply after its time', () => {
    let calls = 0
    let nowMs = 0
    const handlers = cacheReplies(
      handlersThat(() => ({ matched: ++calls })),
      { maxReplies: 2, keepMs: 100, now: () => nowMs },
    )
    handlers.request(join('a'))
    handlers.request(join('b'))
    handlers.request(join('c'))
    expect(handlers.request(join('c'))).toEqual({ matched: 3 })
    expect(handlers.request(join('a'))).toEqual({ matched: 4 })
    nowMs = 99
    expect(handlers.request(join('a'))).toEqual({ matched: 4 })
    nowMs = 100
    expect(handlers.request(join('a'))).toEqual({ matched: 5 })
  })

  it('passes everything else through', () => {
    const seen: unknown[] = []
    const handlers = cacheReplies({
      ...handlersThat(() => ({ matched: 0 })),
      envelope: (envelope) => seen.push(envelope),
      nodeLost: (nodeId) => seen.push(nodeId),
      fenced: (reason) => seen.push(reason),
    })
    handlers.envelope('envelope' as never)
    handlers.nodeLost('a')
    handlers.fenced('why')
    expect(seen).toEqual(['envelope', 'a', 'why'])
  })
})
