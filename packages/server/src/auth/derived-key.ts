import { hkdfSync } from 'node:crypto'

const derived = new Map<string, Uint8Array>()

/**
 * A key of 32 bytes for one purpose of our own, derived from an access key by HKDF-SHA256. It never leaves the process,
 * so that nothing signed with it is mistaken for an access token, and it survives restarts.
 */
export function deriveKey(accessKey: string, purpose: string): Uint8Array {
  const id = `${purpose}\n${accessKey}`
  let key = derived.get(id)
  if (key === undefined) {
    if (derived.size >= 64) derived.clear() // only a process that keeps changing its keys gets here
    key = new Uint8Array(hkdfSync('sha256', accessKey, 'hocket', purpose, 32))
    derived.set(id, key)
  }
  return key
}
