import { errors } from './errors.ts'

export interface ConnectionString {
  /** Scheme, host, port and path prefix; no slash at the end. */
  readonly endpoint: string
  readonly accessKey: string
}

const shape = "'Endpoint=https://…;AccessKey=…;Version=1.0;'"

/**
 * Reads `Endpoint=…;AccessKey=…;Port=…;Version=1.0;`. Names have no case, space around names and values does not count, a
 * value may contain `=`, unknown names are ignored. An endpoint without a scheme is https, and `Port` replaces its port.
 * No error shows any value, because the key can stand in the wrong place.
 * @throws HocketError `invalidConnectionString`
 */
export function parseConnectionString(text: string): ConnectionString {
  const values = readValues(text)
  const endpoint = values.get('endpoint') ?? ''
  const accessKey = values.get('accesskey') ?? ''
  const missing = [...(endpoint === '' ? ['Endpoint'] : []), ...(accessKey === '' ? ['AccessKey'] : [])]
  if (missing.length > 0) throw invalid(`${missing.join(' and ')} missing. It looks like ${shape}.`)
  return { endpoint: readEndpoint(endpoint, values.get('port') ?? null), accessKey }
}

/**
 * The one form that every official SDK reads.
 * @throws HocketError `invalidConnectionString` for parts that would not be read back
 */
export function formatConnectionString({ endpoint, accessKey }: ConnectionString): string {
  for (const [name, value] of [
    ['an endpoint', endpoint],
    ['an access key', accessKey],
  ] as const) {
    if (value === '' || value.includes(';') || value.trim() !== value) {
      throw invalid(`${name} has at least one character, no semicolon and no space around it.`)
    }
  }
  return `Endpoint=${endpoint};AccessKey=${accessKey};Version=1.0;`
}

function readValues(text: string): Map<string, string> {
  const values = new Map<string, string>()
  for (const [i, part] of text.split(';').entries()) {
    if (part.trim() === '') continue
    const equals = part.indexOf('=')
    const name = part.slice(0, equals).trim().toLowerCase()
    if (equals < 0 || name === '') throw invalid(`part ${i + 1} is not 'Name=value'. It looks like ${shape}.`)
    if (values.has(name) && known.has(name)) throw invalid(`${known.get(name)} is there twice.`)
    values.set(name, part.slice(equals + 1).trim())
  }
  return values
}

const known = new Map([
  ['endpoint', 'Endpoint'],
  ['accesskey', 'AccessKey'],
  ['port', 'Port'],
])

function readEndpoint(endpoint: string, port: string | null): string {
  const url = URL.parse(endpoint.includes('://') ? endpoint : `https://${endpoint}`)
  if (url === null) throw invalid('Endpoint is not a URL.')
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw invalid('Endpoint does not start with http:// or https://.')
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw invalid('Endpoint has more than scheme, host, port and path.')
  }
  if (port !== null) {
    if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
      throw invalid('Port is not a number from 1 to 65535.')
    }
    url.port = port
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '')
}

function invalid(reason: string) {
  return errors.invalidConnectionString({ reason })
}
