export interface ContentType {
  /** In lower case, without parameters. */
  readonly mediaType: string
  readonly charset: string | null
}

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
const parameter = new RegExp(`\\s*;\\s*(?:(${token})=(${token}|"(?:[^"\\\\]|\\\\.)*"))?\\s*`, 'y')
const mediaRange = new RegExp(`^\\s*(${token}/${token})\\s*`)

/** Reads a `Content-Type` (RFC 9110, 8.3); `null` when it is malformed or names more than one charset. */
export function parseContentType(header: string): ContentType | null {
  const start = mediaRange.exec(header)
  if (start === null) return null
  let charset: string | null = null
  parameter.lastIndex = start[0].length
  while (parameter.lastIndex < header.length) {
    const found = parameter.exec(header)
    if (found === null) return null
    const [, name, value] = found
    if (name?.toLowerCase() !== 'charset') continue
    if (charset !== null) return null
    charset = value!.startsWith('"') ? value!.slice(1, -1).replace(/\\(.)/g, '$1') : value!
  }
  return { mediaType: start[1]!.toLowerCase(), charset }
}
