import { errors } from './errors.ts'
import type { Metadata } from './message.ts'

/** Longest metadata key, in bytes. */
export const maxMetadataKeyBytes = 256
/** Longest metadata value, in bytes. */
export const maxMetadataValueBytes = 1024
/** Longest sum of all keys and values, in bytes. */
export const maxMetadataBytes = 8192

const keyPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const headerPrefix = 'x-webpubsub-metadata-'

/**
 * Why metadata is refused, as a sentence without its full stop; `null` when it is fine. Never shows what a stranger wrote,
 * except a key of ASCII that is valid.
 */
export function checkMetadata(metadata: Metadata): string | null {
  let total = 0
  for (const [key, value] of Object.entries(metadata)) {
    // Both are ASCII, so that their length is their bytes.
    if (!keyPattern.test(key)) return 'a metadata key is empty or has a character that HTTP tokens do not have'
    if (key.length > maxMetadataKeyBytes) return `a metadata key is longer than ${maxMetadataKeyBytes} bytes`
    if (!isAscii(value)) return `the metadata value is not ASCII for key '${key}'`
    if (value.length > maxMetadataValueBytes) {
      return `the metadata value is longer than ${maxMetadataValueBytes} bytes for key '${key}'`
    }
    total += key.length + value.length
  }
  return total > maxMetadataBytes ? `the metadata is longer than ${maxMetadataBytes} bytes in all` : null
}

/**
 * Metadata from the `x-webpubsub-metadata-*` headers of a request; `null` when there are none. Keys are in lower case. Of a
 * header that repeats the last one counts, and of its value the part behind the last comma, trimmed: what joins repeated
 * headers to one value cannot change the outcome.
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
  const metadata: Metadata = Object.fromEntries(found)
  const reason = checkMetadata(metadata)
  if (reason !== null)
    throw errors.invalidMetadata({ reason: `${reason[0]!.toUpperCase()}${reason.slice(1)}.`, target: 'Request' })
  return metadata
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}
