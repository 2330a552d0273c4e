import { randomBytes } from 'node:crypto'

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
const nodeIdShape = /^[a-z2-7]{8}$/
const connectionIdShape = /^[A-Za-z0-9_-]{22}-([a-z2-7]{8})$/

/** A new node id: 40 random bits as eight lower-case base32 characters (`a-z`, `2-7`). */
export function createNodeId(): string {
  // 256 is a multiple of 32, so the low five bits of a random byte are uniform.
  return Array.from(randomBytes(8), (byte) => alphabet[byte & 31]).join('')
}

/** Whether `text` has the shape that `createNodeId` gives. */
export function isNodeId(text: string): boolean {
  return nodeIdShape.test(text)
}

/**
 * A new connection id that names its node: 128 random bits (22 base64url characters), a hyphen and the node id; 31
 * characters, all of them safe in a URL.
 */
export function newConnectionId(nodeId: string): string {
  return `${randomBytes(16).toString('base64url')}-${nodeId}`
}

/** The node that a connection id names; `null` for one we did not make (pinned or foreign), which any node may hold. */
export function nodeOf(connectionId: string): string | null {
  return connectionIdShape.exec(connectionId)?.[1] ?? null
}
