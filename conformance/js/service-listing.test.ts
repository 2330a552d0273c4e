/** The listing of a group's connections, page by page, with the pager of the official service package. */

import type { WebPubSubGroupMember, WebPubSubServiceClient } from '@azure/web-pubsub'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freshHub } from './harness/names.ts'
import type { RawClient } from './harness/raw-client.ts'
import { openRaw, refusalOf, serviceClient } from './harness/sdk.ts'
import { isExternal, useServer } from './harness/server.ts'

const server = useServer()
const count = 450
const group = 'all of / them'
const clients: RawClient[] = []
let service: WebPubSubServiceClient

beforeAll(async () => {
  service = serviceClient(server, freshHub())
  for (let i = 0; i < count; i += 50) {
    const some = Array.from({ length: 50 }, (_, k) =>
      openRaw(server, service, { groups: [group], ...((i + k) % 3 === 0 ? {} : { userId: `user ${i + k}` }) }),
    )
    clients.push(...(await Promise.all(some)))
  }
})

afterAll(async () => {
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
})

type ListOptions = Parameters<ReturnType<WebPubSubServiceClient['group']>['listConnections']>[0]

interface Page {
  readonly ids: string[]
  readonly members: WebPubSubGroupMember[]
  readonly url: string
}

/** Follows every `nextLink` and notes what was asked for. */
async function pagesOf(options: ListOptions = {}): Promise<Page[]> {
  const urls: string[] = []
  const pages: Page[] = []
  const pager = await service.group(group).listConnections({
    ...options,
    onResponse: (response) => {
      urls.push(response.request.url)
    },
  })
  for await (const members of pager.byPage()) {
    const page = members as unknown as WebPubSubGroupMember[]
    pages.push({ ids: page.map(({ connectionId }) => connectionId), members: [...page], url: urls.at(-1)! })
  }
  expect(urls).toHaveLength(pages.length)
  return pages
}

describe('a listing of 450 members', () => {
  it('comes in pages of 200, each connection once, ordered by connection id', async () => {
    const pages = await pagesOf()
    expect(pages.map(({ ids }) => ids.length)).toEqual([200, 200, 50])
    const ids = pages.flatMap((page) => page.ids)
    expect(new Set(ids).size).toBe(count)
    expect(ids).toEqual([...ids].sort())
  })

  it('says who is who, and leaves anonymous connections without a user', async () => {
    const users: (string | null | undefined)[] = []
    for await (const { userId } of await service.group(group).listConnections()) users.push(userId)
    expect(users.filter((userId) => userId == null)).toHaveLength(count / 3)
    expect(new Set(users.filter((userId) => userId != null)).size).toBe((count * 2) / 3)
    expect(users).toContain('user 1')
  })

  it('keeps a page size over all pages', async () => {
    const pages = await pagesOf({ maxPageSize: 100 })
    expect(pages.map(({ ids }) => ids.length)).toEqual([100, 100, 100, 100, 50])
    for (const { url } of pages.slice(1)) expect(new URL(url).searchParams.get('maxpagesize')).toBe('100')
  })

  it.each([
    [{ top: 1 }, [1]],
    [{ top: 200 }, [200]],
    [{ top: 201 }, [200, 1]],
    [{ top: 250, maxPageSize: 100 }, [100, 100, 50]],
    [{ top: 300, maxPageSize: 150 }, [150, 150]],
    [{ top: 450 }, [200, 200, 50]],
    [{ top: 2_147_483_647 }, [200, 200, 50]],
    [{ top: 3, maxPageSize: 1 }, [1, 1, 1]],
  ])('with %j has pages of %j', async (options, lengths) => {
    expect((await pagesOf(options)).map(({ ids }) => ids.length)).toEqual(lengths)
  })

  it('can be resumed with the token of a page', async () => {
    const pages = await pagesOf()
    const continuationToken = new URL(pages[1]!.url).searchParams.get('continuationToken')!
    const rest = await pagesOf({ continuationToken })
    expect(rest.flatMap((page) => page.ids)).toEqual([...pages[1]!.ids, ...pages[2]!.ids])
  })

  it('can be resumed with a whole next link', async () => {
    const pages = await pagesOf()
    const pager = await service.group(group).listConnections()
    const rest: string[] = []
    for await (const page of pager.byPage({ continuationToken: pages[2]!.url })) {
      rest.push(...(page as unknown as WebPubSubGroupMember[]).map(({ connectionId }) => connectionId))
    }
    expect(rest).toEqual(pages[2]!.ids)
  })

  it.skipIf(isExternal)('links to the endpoint that the caller used', async () => {
    const pages = await pagesOf()
    for (const { url } of pages) expect(url.startsWith(`${server.endpoint}/api/hubs/`)).toBe(true)
  })

  it.each([
    [{ maxPageSize: 0 }, 'Invalid maxpagesize.'],
    [{ maxPageSize: 201 }, 'Invalid maxpagesize.'],
    [{ top: 0 }, 'Invalid top.'],
    [{ top: 2_147_483_648 }, 'Invalid top.'],
    [{ continuationToken: 'made up' }, 'Invalid continuationToken.'],
    [{ continuationToken: 'x'.repeat(2049) }, 'Invalid continuationToken.'],
  ])('with %j is refused with 400', async (options, message) => {
    expect(await refusalOf(pagesOf(options))).toMatchObject({ statusCode: 400, code: 'Error.BadRequest', message })
  })

  it('refuses the token of another group', async () => {
    const continuationToken = new URL((await pagesOf())[1]!.url).searchParams.get('continuationToken')!
    const pager = await service.group('another').listConnections({ continuationToken })
    expect(await refusalOf(pager.next())).toMatchObject({ statusCode: 400, message: 'Invalid continuationToken.' })
  })
})

it('a listing of an unknown group is empty', async () => {
  const pager = await service.group('nobody').listConnections()
  expect(await pager.next()).toMatchObject({ done: true })
})
