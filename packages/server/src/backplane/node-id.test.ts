import { describe, expect, it } from 'vitest'
import { createNodeId, isNodeId, newConnectionId, nodeOf } from './node-id.ts'

describe('node id', () => {
  it('has eight lower-case base32 characters and does not repeat', () => {
    const ids = new Set(Array.from({ length: 1000 }, createNodeId))
    expect(ids.size).toBe(1000)
    for (const id of ids) expect(id).toMatch(/^[a-z2-7]{8}$/)
  })

  it('uses the whole alphabet', () => {
    const seen = new Set(Array.from({ length: 500 }, createNodeId).join(''))
    expect([...seen].sort().join('')).toBe('234567abcdefghijklmnopqrstuvwxyz')
  })

  it('is told from other text', () => {
    expect(isNodeId('abcdefg2')).toBe(true)
    for (const text of ['', 'abcdefg', 'abcdefgh2', 'ABCDEFGH', 'abcdefg1', 'abc-efgh']) {
      expect(isNodeId(text), text).toBe(false)
    }
  })
})

describe('connection id', () => {
  it('is safe in a URL, does not repeat, and names its node', () => {
    const nodeId = createNodeId()
    const ids = new Set(Array.from({ length: 1000 }, () => newConnectionId(nodeId)))
    expect(ids.size).toBe(1000)
    for (const id of ids) {
      expect(id).toMatch(/^[A-Za-z0-9_-]{31}$/)
      expect(nodeOf(id)).toBe(nodeId)
    }
  })

  it('names no node when somebody else made it', () => {
    const own = newConnectionId('abcdefgh')
    const foreign = ['', 'abc123', 'abcdefgh', `${own}x`, `x${own}`, own.toUpperCase(), own.slice(1), `${own}\n`]
    for (const id of foreign) expect(nodeOf(id), id).toBeNull()
  })
})
