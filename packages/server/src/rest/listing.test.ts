import { describe, expect, it } from 'vitest'
import type { Replies } from '../backplane/backplane.ts'
import { readCursor, writeCursor } from './cursor.ts'
import { accessKey, createFixture, type FixtureOptions, plainError, secondaryKey } from './fixture.ts'

const path = '/api/hubs/Chat/groups/g%2F1/connections'
const member = (connectionId: string) => ({ connectionId, userId: connectionId === 'd' ? null : `u-${connectionId}` })

/** The API over nodes that hold these connections, each answering its smallest ones as the contract says. */
function withNodes(nodes: readonly (readonly string[])[], options: FixtureOptions = {}) {
  const fixture = createFixture(options)
  fixture.router.answer = (request) => {
    if (request.op !== 'members') return []
    return nodes.map((ids): Replies['members'] => {
      const above = [...ids].sort().filter((id) => request.after === null || id > request.after)
      return { items: above.slice(0, request.limit).map(member), more: above.length > request.limit }
    })
  }
  return fixture
}

interface Page {
  readonly value: { readonly connectionId: string; readonly userId: string | null }[]
  readonly nextLink: string | null
}

async function readPages(fixture: ReturnType<typeof createFixture>, query: string, origin = 'http://localhost:8080') {
  const pages: Page[] = []
  let target: string | null = `${path}${query}`
  while (target !== null) {
    const reply = await fixture.call('GET', target)
    expect(reply.status).toBe(200)
    const page = JSON.parse(String(reply.body)) as Page
    pages.push(page)
    expect(page.nextLink === null || page.nextLink.startsWith(`${origin}${path}?`)).toBe(true)
    target = page.nextLink?.slice(origin.length) ?? null
    expect(pages.length).toBeLessThan(50)
  }
  return pages
}

const ids = (pages: readonly Page[]) => pages.map(({ value }) => value.map(({ connectionId }) => connectionId).join(''))
const nodes = [['d', 'a', 'f'], ['b', 'g'], [], ['c', 'e']]

describe('listing a group', () => {
  it('merges the nodes in the order of ids', async () => {
    const [page] = await readPages(withNodes(nodes), '')
    expect(page?.value.map(({ connectionId }) => connectionId)).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g'])
    expect(page?.value[3]).toEqual({ connectionId: 'd', userId: null })
    expect(page?.value[4]).toEqual({ connectionId: 'e', userId: 'u-e' })
    expect(page?.nextLink).toBeNull()
  })

  it.each([
    ['?maxpagesize=3', ['abc', 'def', 'g']],
    ['?maxpagesize=7', ['abcdefg']],
    ['?maxpagesize=6', ['abcdef', 'g']],
    ['?maxpagesize=1', ['a', 'b', 'c', 'd', 'e', 'f', 'g']],
    ['?top=4', ['abcd']],
    ['?top=4&maxpagesize=3', ['abc', 'd']],
    ['?top=6&maxpagesize=3', ['abc', 'def']],
    ['?top=2147483647&maxpagesize=4', ['abcd', 'efg']],
    ['?maxpagesize=200&top=7', ['abcdefg']],
  ])('pages %s', async (query, expected) => {
    expect(ids(await readPages(withNodes(nodes), query))).toEqual(expected)
  })

  it('gives links with the version asked for, the page size, what is left of top, and the path as it was sent', async () => {
    const pages = await readPages(withNodes(nodes), '?api-version=2023-07-01&maxpagesize=2&top=5')
    const link = new URL(pages[0]?.nextLink ?? '')
    expect(link.pathname).toBe(path)
    expect(Object.fromEntries(link.searchParams)).toEqual({
      'api-version': '2023-07-01',
      maxpagesize: '2',
      top: '3',
      continuationToken: writeCursor({ hub: 'chat', group: 'g/1', lastId: 'b' }, [accessKey]),
    })
  })

  it('gives links that callers reach: the public endpoint with its prefix, else the Host header', async () => {
    const endpoints = ['https://public.example/prefix/', 'https://other.example']
    const fixture = withNodes(nodes, { publicEndpoints: endpoints })
    const reply = await fixture.call('GET', `${path}?maxpagesize=1`)
    expect(JSON.parse(String(reply.body)).nextLink).toMatch(/^https:\/\/public\.example\/prefix\/api\/hubs\/Chat\//)
    const other = await withNodes(nodes).call('GET', `${path}/?maxpagesize=1`, { host: 'mapped.example:9000' })
    expect(JSON.parse(String(other.body)).nextLink).toMatch(
      /^http:\/\/mapped\.example:9000\/api\/hubs\/Chat\/groups\/g%2F1\/connections\?/,
    )
  })

  it.each(['maxpagesize', 'top'])('refuses a bad %s', async (name) => {
    for (const value of [
      '',
      '0',
      '-1',
      'x',
      '1.5',
      '2147483648',
      '%201',
      `1&${name}=1`,
      name === 'maxpagesize' ? '201' : '99999999999',
    ]) {
      const reply = await withNodes(nodes).call('GET', `${path}?${name}=${value}`)
      expect(reply.status).toBe(400)
      expect(reply.headers['Content-Type']).toBe('application/json; charset=utf-8')
      expect(reply.body).toBe(plainError('Error.BadRequest', `Invalid ${name}.`, 'Request'))
    }
  })

  it('refuses tokens it did not write for this group', async () => {
    const good = writeCursor({ hub: 'chat', group: 'g/1', lastId: 'b' }, [accessKey])
    const [id, mac] = good.split('.')
    const bad = [
      '',
      'abc',
      `${good}x`,
      `${good}.`,
      `.${mac}`,
      `${id}.`,
      `${Buffer.from('c').toString('base64url')}.${mac}`,
      `${id}==.${mac}`,
      `${id}.${'A'.repeat(mac?.length ?? 0)}`,
      writeCursor({ hub: 'news', group: 'g/1', lastId: 'b' }, [accessKey]),
      writeCursor({ hub: 'chat', group: 'g', lastId: 'b' }, [accessKey]),
      writeCursor({ hub: 'chat', group: 'g/1', lastId: 'b' }, [secondaryKey]),
      'x'.repeat(2049),
      `${good}&continuationToken=${good}`,
    ]
    for (const token of bad) {
      const reply = await withNodes(nodes).call('GET', `${path}?continuationToken=${token}`)
      expect([token, reply.status]).toEqual([token, 400])
      expect(reply.body).toBe(plainError('Error.BadRequest', 'Invalid continuationToken.', 'Request'))
    }
  })

  it('goes on after a rotation of the keys', async () => {
    const token = writeCursor({ hub: 'chat', group: 'g/1', lastId: 'b' }, [secondaryKey, accessKey])
    const fixture = withNodes(nodes, { accessKeySecondary: secondaryKey })
    const reply = await fixture.call('GET', `${path}?continuationToken=${token}`)
    expect(ids([JSON.parse(String(reply.body)) as Page])).toEqual(['cdefg'])
  })
})

describe('cursors', () => {
  it('come back as they went out, whatever the id', () => {
    for (const lastId of ['a', 'a.b', '群 😀', '\u0000', 'x'.repeat(1000)]) {
      const token = writeCursor({ hub: 'h', group: 'g', lastId }, [accessKey])
      expect(token).toMatch(/^[\w.-]{1,2048}$/)
      expect(readCursor(token, { hub: 'h', group: 'g' }, [secondaryKey, accessKey])).toBe(lastId)
    }
  })

  it('do not confuse hub and group', () => {
    const token = writeCursor({ hub: 'a', group: 'b","c', lastId: 'x' }, [accessKey])
    expect(() => readCursor(token, { hub: 'a","b', group: 'c' }, [accessKey])).toThrow('Invalid continuationToken.')
  })
})
