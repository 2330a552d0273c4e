import { BlockList, isIP } from 'node:net'
import type { HttpRequest } from '../http.ts'

/**
 * Decides who may read `/metrics`: loopback, and the addresses and CIDR ranges of the option `metricsHost`. A request that
 * a proxy on this machine passes on is not loopback: such requests carry `Forwarded` or `X-Forwarded-For`.
 */
export function createMetricsAccess(
  metricsHost: readonly string[],
): (request: Pick<HttpRequest, 'remoteAddress' | 'headers'>) => boolean {
  const loopback = new BlockList()
  loopback.addSubnet('127.0.0.0', 8, 'ipv4')
  loopback.addAddress('::1', 'ipv6')
  const listed = new BlockList()
  for (const range of metricsHost) {
    const [address = '', bits] = range.split('/')
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
    if (bits === undefined) listed.addAddress(address, family)
    else listed.addSubnet(address, Number(bits), family)
  }
  return ({ remoteAddress, headers }) => {
    const address = remoteAddress.replace(/%.*$/, '')
    const version = isIP(address)
    if (version === 0) return false
    const family = version === 4 ? 'ipv4' : 'ipv6'
    if (listed.check(address, family)) return true
    const isPassedOn = headers.get('forwarded') !== null || headers.get('x-forwarded-for') !== null
    return !isPassedOn && loopback.check(address, family)
  }
}
