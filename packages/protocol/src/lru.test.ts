import { describe, expect, it } from 'vitest'
import { LruCache } from './lru.ts'

describe('LruCache', () => {
  it('forgets the entry that was not used for longest', () => {
    const cache = new LruCache<number>(2, 100)
    cache.set('a', 1)
    cache.set('b', 2)
    cache.get('a')
    cache.set('c', 3)
    expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([1, undefined, 3])
  })

  it('replaces a value without counting its key twice', () => {
    const cache = new LruCache<number>(10, 4)
    cache.set('ab', 1)
    cache.set('ab', 2)
    cache.set('cd', 3)
    expect([cache.get('ab'), cache.get('cd')]).toEqual([2, 3])
  })

  it('bounds the total length of its keys, and stores no key that is longer than that', () => {
    const cache = new LruCache<number>(10, 5)
    cache.set('aaa', 1)
    cache.set('bb', 2)
    cache.set('toolong', 3)
    expect(cache.size).toBe(2)
    cache.set('c', 4)
    expect([cache.get('aaa'), cache.get('bb'), cache.get('c'), cache.get('toolong')]).toEqual([
      undefined,
      2,
      4,
      undefined,
    ])
  })
})
