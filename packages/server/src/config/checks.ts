/** What single values must look like. Each function answers `null`, or what is wrong in words that follow the option's name. */

import { BlockList, isIP } from 'node:net'

/** The public key of local development, the same as the official emulator's. Accepted on loopback addresses only. */
export const developmentKey = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH'

/** Whether a server that listens on `host` is reachable from this machine only. `null` means 127.0.0.1 and ::1. */
export function isLoopback(host: string | null): boolean {
  if (host === null || host.toLowerCase() === 'localhost') return true
  const address = host.toLowerCase().replace(/^::ffff:(?=\d)/, '')
  if (isIP(address) === 4) return address.startsWith('127.')
  const loopback = new BlockList()
  loopback.addAddress('::1', 'ipv6')
  return isIP(address) === 6 && loopback.check(address, 'ipv6')
}

/** Access keys sign tokens with HS256 and stand in connection strings: the libraries of some SDKs refuse shorter ones. */
export function keyProblem(key: string): string | null {
  const bytes = Buffer.byteLength(key)
  if (bytes < 32) return `has ${bytes} bytes, a key needs at least 32 (openssl rand -base64 48 makes a good one)`
  if (key.includes(';')) return `has a ';', which ends a part of a connection string`
  if (/[\u0000-\u001f\u007f-\u009f]/.test(key)) return 'has a control character, perhaps a line break'
  if (key !== key.trim()) return 'has white space before or after it'
  return null
}

/** Addresses that others use to reach this server: an origin, with a path when a proxy adds one. */
export function endpointProblem(endpoint: string): string | null {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null
  if (url === null || !/^https?:\/\//i.test(endpoint)) {
    return `'${endpoint}' is not an address such as https://realtime.example.com`
  }
  if (url.username !== '' || url.password !== '') return 'an endpoint must not have a user name or password in it'
  if (url.search !== '' || url.hash !== '') return `'${endpoint}' must not have a query or a fragment`
  return null
}

/** A host to listen on: an address, or a name that resolves to one. */
export function hostProblem(host: string): string | null {
  if (isIP(host) !== 0 || /^(?!-)[A-Za-z0-9_.-]{1,253}$/.test(host)) return null
  return `'${host}' is not an address or a host name, such as 0.0.0.0, :: or localhost (the port is an option of its own)`
}

/** One address, or a range of them in CIDR form. */
export function addressRangeProblem(range: string): string | null {
  const [address = '', bits, ...rest] = range.split('/')
  const family = isIP(address)
  const max = family === 4 ? 32 : 128
  const isRange = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= max)
  if (family !== 0 && rest.length === 0 && isRange) return null
  return `'${range}' is not an IP address or range, such as 10.0.0.7 or 10.0.0.0/8`
}

/** A hub's name in the file, or `*` for hubs that are not listed. */
export function hubNameProblem(name: string): string | null {
  if (name === '*' || /^[A-Za-z][A-Za-z0-9_`,.[\]-]{0,127}$/.test(name)) return null
  return 'is not a hub name: it starts with a letter, has at most 128 characters, and takes letters, digits and _ - . , ` [ ]'
}
