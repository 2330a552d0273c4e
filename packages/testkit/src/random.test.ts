import { describe, expect, it } from 'vitest'
import { createRandom } from './random.ts'

describe('createRandom', () => {
  it('gives one sequence per seed, the same on every machine', () => {
    const first = Array.from({ length: 3 }, createRandom(1).next)
    expect(first).toEqual([0.6270739405881613, 0.002735721180215478, 0.5274470399599522])
    expect(Array.from({ length: 3 }, createRandom(2).next)).not.toEqual(first)
    expect(createRandom(2 ** 32 + 1).next()).toBe(first[0])
    expect(createRandom(-1).next()).toBe(createRandom(2 ** 32 - 1).next())
  })

  it('spreads integers evenly and refuses impossible bounds', () => {
    const random = createRandom(7)
    const counts = [0, 0, 0, 0, 0]
    for (let i = 0; i < 10_000; i++) counts[random.int(5)]! += 1
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(200)
    expect(random.int(1)).toBe(0)
    for (const bound of [0, -1, 1.5, Number.NaN, 2 ** 32 + 1]) expect(() => random.int(bound)).toThrow(RangeError)
  })

  it('picks from what is there', () => {
    const random = createRandom(3)
    const picked = new Set(Array.from({ length: 100 }, () => random.pick(['a', 'b', 'c'])))
    expect([...picked].sort()).toEqual(['a', 'b', 'c'])
    expect(() => random.pick([])).toThrow(RangeError)
  })

  it('takes a chance as often as asked', () => {
    const random = createRandom(5)
    const hits = (p: number) => Array.from({ length: 1000 }, () => random.chance(p)).filter(Boolean).length
    expect(hits(0)).toBe(0)
    expect(hits(1)).toBe(1000)
    expect(Math.abs(hits(0.25) - 250)).toBeLessThan(60)
  })

  it('shuffles a copy and keeps every element', () => {
    const random = createRandom(11)
    const array = Array.from({ length: 20 }, (_, index) => index)
    const shuffled = random.shuffle(array)
    expect(array[0]).toBe(0)
    expect(shuffled).not.toEqual(array)
    expect(shuffled.toSorted((a, b) => a - b)).toEqual(array)
    expect(random.shuffle([])).toEqual([])
  })
})
