/** Base64 in every runtime: its own functions where it has them (Node 25, Bun, browsers of 2025), `atob` elsewhere. */

const alphabet = /^[A-Za-z0-9+/]*={0,2}$/

interface NativeBase64 {
  toBase64?(): string
}

const nativeFromBase64 = (Uint8Array as { fromBase64?(text: string): Uint8Array }).fromBase64

/** Bytes → standard base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  const native = bytes as Uint8Array & NativeBase64
  if (native.toBase64 !== undefined) return native.toBase64()
  let binary = ''
  for (let i = 0; i < bytes.length; i += 8192) binary += String.fromCharCode(...bytes.subarray(i, i + 8192))
  return btoa(binary)
}

/** Standard base64, padded and without white space, → bytes; `null` when the text is anything else. */
export function fromBase64(text: string): Uint8Array | null {
  if (text.length % 4 !== 0 || !alphabet.test(text)) return null
  if (nativeFromBase64 !== undefined) return nativeFromBase64.call(Uint8Array, text)
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}
