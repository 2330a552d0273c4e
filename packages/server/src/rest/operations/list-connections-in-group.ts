import { splitTarget } from '../../auth/target.ts'
import type { Member } from '../../backplane/backplane.ts'
import { readCursor, writeCursor } from '../cursor.ts'
import { operation } from '../operation.ts'
import { continuationTokenParam, integer } from '../query.ts'

const maxPageSize = 200

export const listConnectionsInGroup = operation({
  id: 'WebPubSub_ListConnectionsInGroup',
  summary: 'Lists the connections in the group, in the order of their ids.',
  method: 'GET',
  path: '/api/hubs/{hub}/groups/{group}/connections',
  query: {
    maxpagesize: integer('Connections on one page. Default 200.', 1, maxPageSize),
    top: integer('Connections on all pages together. Default: all.', 1, 2_147_483_647),
    continuationToken: continuationTokenParam,
  },
  body: null,
  success: 200,
  reply: {
    type: 'object',
    required: ['value', 'nextLink'],
    properties: {
      value: {
        type: 'array',
        items: {
          type: 'object',
          required: ['connectionId'],
          properties: { connectionId: { type: 'string' }, userId: { type: ['string', 'null'] } },
        },
      },
      nextLink: { type: ['string', 'null'], format: 'uri', description: 'The next page; null on the last one.' },
    },
  },
  since: '2024-12-01',
  source: 'REST reference 2024-12-01; an empty list for a group that is not there',
  async run({ router, auth }, { path: { hub, group }, query, apiVersion, request }) {
    const { maxpagesize, top, continuationToken } = query
    const pageSize = maxpagesize ?? maxPageSize
    const limit = Math.min(pageSize, top ?? pageSize)
    const after = continuationToken === null ? null : readCursor(continuationToken, { hub, group }, auth.accessKeys)
    const { replies } = await router.request({ op: 'members', hub, group, after, limit })
    const members = replies.flatMap(({ reply }) => reply.items).sort(byConnectionId)
    const page = members.slice(0, limit)
    const isMore = members.length > limit || replies.some(({ reply }) => reply.more)
    const left = top === null ? null : top - page.length
    const last = page.at(-1)
    let nextLink: string | null = null
    if (isMore && left !== 0 && last !== undefined) {
      const next = new URLSearchParams({ 'api-version': apiVersion, maxpagesize: String(pageSize) })
      next.set('continuationToken', writeCursor({ hub, group, lastId: last.connectionId }, auth.accessKeys))
      if (left !== null) next.set('top', String(left))
      // The path as it was sent, so that a caller's token for it fits and every name is decoded the same way again.
      const path = splitTarget(request.target).path.replace(/\/$/, '')
      nextLink = `${auth.publicOrigin(request.headers.get('host'))}${path}?${next}`
    }
    return { value: page.map(({ connectionId, userId }) => ({ connectionId, userId })), nextLink }
  },
})

const byConnectionId = (a: Member, b: Member) =>
  a.connectionId < b.connectionId ? -1 : a.connectionId > b.connectionId ? 1 : 0
