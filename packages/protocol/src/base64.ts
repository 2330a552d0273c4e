/** Base64 in every runtime: its own functions where it has them (Node 25, Bun, browsers of 2025), `btoa` and `atob` elsewhere. */

interface NativeDecoder {
  fromBase64?: (text: string) => Uint8Array
}

interface NativeEncoder {
  toBase64?: () => string
}

/** Bytes → standard base64 with padding. */
export const toBase64: (bytes: Uint8Array) => string =
  (Uint8Array.prototype as NativeEncoder).toBase64 === undefined
    ? toBase64Portable
    : (bytes) => (bytes as Uint8Array & Required<NativeEncoder>).toBase64()

const { fromBase64: nativeDecode } = Uint8Array as NativeDecoder

/**
 * Standard base64, padded and without white space, → bytes; `null` when the text is anything else. Bits behind the last
 * byte may be set, as in .NET: encoders that leave garbage there exist.
 */
export const fromBase64: (text: string) => Uint8Array | null =
  nativeDecode === undefined ? fromBase64Portable : (text) => decodeWith((source) => nativeDecode(source), text)

/** `toBase64` for runtimes that have no function of their own. */
export function toBase64Portable(bytes: Uint8Array): string {
  let binary = ''
  // In pieces, because every byte is an argument.
  for (let i = 0; i < bytes.length; i += 8192) binary += String.fromCharCode(...bytes.subarray(i, i + 8192))
  return btoa(binary)
}

/** `fromBase64` for runtimes that have no function of their own. */
export function fromBase64Portable(text: string): Uint8Array | null {
  return decodeWith(decodePortable, text)
}

function decodePortable(text: string): Uint8Array {
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}

/** Both decoders skip white space and one takes text without padding: then the length is not what the text promises. */
function decodeWith(decode: (text: string) => Uint8Array, text: string): Uint8Array | null {
  if (text.length % 4 !== 0) return null
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  try {
    const bytes = decode(text)
    return bytes.length === (text.length / 4) * 3 - padding ? bytes : null
  } catch {
    return null
  }
}
