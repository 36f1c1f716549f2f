/**
 * Which addresses are on the public internet: what a server may be sent to by strangers. By IANA's registries of
 * special-purpose addresses (RFC 6890 and its updates), all that is not globally reachable unicast is left out.
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net'

const SPECIAL_V4 = [
  '0.0.0.0/8', // this network
  '10.0.0.0/8', // private
  '100.64.0.0/10', // shared by carriers
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local, where clouds keep their credentials
  '172.16.0.0/12', // private
  '192.0.0.0/24', // IETF protocols
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // relays to IPv6
  '192.168.0.0/16', // private
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, broadcast
]

/** Within 2000::/3, which is all the unicast that is given out; IPv4 in IPv6 and local addresses are outside of it. */
const SPECIAL_V6 = [
  '2001::/23', // IETF protocols, Teredo
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4: an IPv4 address within
  '3fff::/20', // documentation
]

const special = listOf([...SPECIAL_V4, ...SPECIAL_V6])
const unicastV6 = listOf(['2000::/3'])

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address, bits] = network.split('/') as [string, string]
    list.addSubnet(address, Number(bits), isIPv4(address) ? 'ipv4' : 'ipv6')
  }
  return list
}

/** False for what is no address. */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !special.check(address, 'ipv4')
  if (!isIPv6(address)) return false
  return unicastV6.check(address, 'ipv6') && !special.check(address, 'ipv6')
}
