import { createHmac, timingSafeEqual } from 'node:crypto'
import { errors } from '@hocket/protocol/errors'
import { deriveKey } from '../auth/derived-key.ts'

/** Longest continuation token, in characters. */
export const maxCursorChars = 2048

const purpose = 'continuation token'

/** A place in the listing of a group: everything up to and including this connection id has been listed. */
export interface Cursor {
  /** In lower case. */
  readonly hub: string
  readonly group: string
  readonly lastId: string
}

/** Writes a continuation token. It is signed, so that one from another hub or group, or a made-up one, is refused. */
export function writeCursor(cursor: Cursor, accessKeys: readonly string[]): string {
  return `${Buffer.from(cursor.lastId, 'utf8').toString('base64url')}.${macOf(cursor, accessKeys[0]!)}`
}

/**
 * Reads the last id of a continuation token; either access key verifies.
 * @throws HocketError `invalidQuery`.
 */
export function readCursor(token: string, at: { hub: string; group: string }, accessKeys: readonly string[]): string {
  const [id, mac, ...more] = token.split('.')
  if (token.length <= maxCursorChars && id && mac && more.length === 0) {
    const lastId = Buffer.from(id, 'base64url').toString('utf8')
    const cursor = { ...at, lastId }
    // Written again and compared: a token has one spelling.
    const isOurs = accessKeys.some((key) => {
      const [left, right] = [Buffer.from(mac), Buffer.from(macOf(cursor, key))]
      return left.length === right.length && timingSafeEqual(left, right)
    })
    if (isOurs && Buffer.from(lastId, 'utf8').toString('base64url') === id) return lastId
  }
  throw errors.invalidQuery({ parameter: 'continuationToken' })
}

function macOf({ hub, group, lastId }: Cursor, accessKey: string): string {
  return createHmac('sha256', deriveKey(accessKey, purpose))
    .update(JSON.stringify([hub, group, lastId]))
    .digest('base64url')
}
