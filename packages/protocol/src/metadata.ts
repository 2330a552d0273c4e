import { errors } from './errors.ts'
import type { Metadata } from './message.ts'

/** Longest metadata key, in bytes. */
export const maxMetadataKeyBytes = 256
/** Longest metadata value, in bytes. */
export const maxMetadataValueBytes = 1024
/** Longest sum of all keys and values, in bytes. */
export const maxMetadataBytes = 8192

const keyPattern = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/i
const headerPrefix = 'x-webpubsub-metadata-'

/** Why metadata is refused, or `null` when it is fine. Keys and values are ASCII, so their length is their bytes. */
export function checkMetadata(metadata: Metadata): string | null {
  let total = 0
  for (const [key, value] of Object.entries(metadata)) {
    if (!keyPattern.test(key)) return 'a metadata key is empty or has characters that are not allowed in an HTTP token'
    if (key.length > maxMetadataKeyBytes) return `a metadata key is longer than ${maxMetadataKeyBytes} bytes`
    if (!isAscii(value)) return `the metadata value of '${key}' is not ASCII`
    if (value.length > maxMetadataValueBytes) return `the metadata value of '${key}' is longer than ${maxMetadataValueBytes} bytes`
    total += key.length + value.length
  }
  return total > maxMetadataBytes ? `the metadata is longer than ${maxMetadataBytes} bytes in all` : null
}

/**
 * Metadata from the `x-webpubsub-metadata-*` headers of a request: of a header that repeats the last one counts, and of
 * that the part behind the last comma.
 * @throws HocketError `invalidMetadata`
 */
export function metadataFromHeaders(entries: Iterable<readonly [name: string, value: string]>): Metadata | null {
  const found = new Map<string, string>()
  for (const [name, value] of entries) {
    const lower = name.toLowerCase()
    if (!lower.startsWith(headerPrefix)) continue
    found.set(lower.slice(headerPrefix.length), value.slice(value.lastIndexOf(',') + 1).trim())
  }
  if (found.size === 0) return null
  const metadata = Object.fromEntries(found)
  const reason = checkMetadata(metadata)
  if (reason !== null) throw errors.invalidMetadata({ reason, target: 'Request' })
  return metadata
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}
