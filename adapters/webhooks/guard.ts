import { lookup as systemLookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import type { AllowedNetwork } from '../../config/events.ts'

export interface Address {
  readonly address: string
  readonly family: 4 | 6
}

export type Verdict =
  | { readonly ok: true; readonly url: URL; readonly addresses: readonly Address[] }
  /** `unresolved` may pass by itself; `forbidden` needs an operator. */
  | { readonly ok: false; readonly why: 'forbidden' | 'unresolved'; readonly problem: string }

type Range = readonly [net: string, prefix: number, what: string]

/** What is not the open internet: nobody may make this program knock there, unless an operator lists it. */
const innerV4: readonly Range[] = [
  ['0.0.0.0', 8, 'this host'],
  ['10.0.0.0', 8, 'private'],
  ['100.64.0.0', 10, 'carrier-grade NAT'],
  ['127.0.0.0', 8, 'loopback'],
  ['169.254.0.0', 16, 'link-local'],
  ['172.16.0.0', 12, 'private'],
  ['192.0.0.0', 24, 'protocol assignments'],
  ['192.0.2.0', 24, 'documentation'],
  ['192.88.99.0', 24, '6to4 relay'],
  ['192.168.0.0', 16, 'private'],
  ['198.18.0.0', 15, 'benchmarking'],
  ['198.51.100.0', 24, 'documentation'],
  ['203.0.113.0', 24, 'documentation'],
  ['224.0.0.0', 4, 'multicast'],
  ['240.0.0.0', 4, 'reserved'],
]
const innerV6: readonly Range[] = [
  ['::', 128, 'unspecified'],
  ['::1', 128, 'loopback'],
  ['::ffff:0:0', 96, 'IPv4-mapped'],
  ['64:ff9b::', 96, 'NAT64'],
  ['64:ff9b:1::', 48, 'NAT64'],
  ['2001::', 23, 'protocol assignments'],
  ['2001:db8::', 32, 'documentation'],
  ['2002::', 16, '6to4'],
  ['3fff::', 20, 'documentation'],
  ['fc00::', 7, 'private'],
  ['fe80::', 10, 'link-local'],
  ['fec0::', 10, 'site-local'],
  ['ff00::', 8, 'multicast'],
]

const matcher = (ranges: readonly Range[], family: 'ipv4' | 'ipv6') =>
  ranges.map(([net, prefix, what]) => {
    const list = new BlockList()
    list.addSubnet(net, prefix, family)
    return { list, name: `${net}/${prefix} (${what})` }
  })
const v4 = matcher(innerV4, 'ipv4')
const v6 = matcher(innerV6, 'ipv6')
/** All that is given out as public IPv6; whatever lies outside is refused, whether it has a name or not. */
const globalV6 = new BlockList()
globalV6.addSubnet('2000::', 3, 'ipv6')

/** The inner network an address lies in; null for an address of the open internet. */
export function innerNetwork({ address, family }: Address): string | null {
  const type = family === 4 ? 'ipv4' : 'ipv6'
  const known = (family === 4 ? v4 : v6).find(({ list }) => list.check(address, type))
  if (known) return known.name
  return family === 6 && !globalV6.check(address, type) ? 'no public network' : null
}

const publicPorts = [443, 8443]
const listIt = 'list it in EVENT_ALLOWED_NETWORKS if that is meant'

export interface Guard {
  /** Resolves the address and judges every single result: one that leads inside spoils all. */
  judge(url: string): Promise<Verdict>
}

export type Lookup = (host: string) => Promise<readonly Address[]>

const resolve: Lookup = async (host) =>
  (await systemLookup(host, { all: true, verbatim: true })).map(({ address, family }) => ({
    address,
    family: family === 4 ? 4 : 6,
  }))

export function createGuard(allowed: readonly AllowedNetwork[], lookup: Lookup = resolve): Guard {
  const hosts = allowed.flatMap((entry) => ('host' in entry ? entry : []))
  const nets = allowed.flatMap((entry) => {
    if ('host' in entry) return []
    const list = new BlockList()
    list.addSubnet(entry.net, entry.prefix, entry.family)
    return { list, family: entry.family, port: entry.port }
  })
  const isOpened = ({ address, family }: Address, port: number) =>
    nets.some(
      (net) =>
        net.family === `ipv${family}` &&
        (net.port === null || net.port === port) &&
        net.list.check(address, `ipv${family}`),
    )
  return {
    async judge(text) {
      const url = URL.canParse(text) ? new URL(text) : null
      if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:'))
        return forbidden('it must be an address starting with https://')
      if (url.username !== '' || url.password !== '') return forbidden('it must not carry an account')
      if (url.hash !== '') return forbidden('it must not have a part behind #')
      const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
      const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
      const addresses = await addressesOf(host, lookup)
      if (addresses.length === 0)
        return { ok: false, why: 'unresolved', problem: 'the name of its host cannot be resolved' }
      for (const one of addresses) {
        const inner = innerNetwork(one)
        if (inner !== null && !isOpened(one, port)) return forbidden(`it leads to ${inner} at port ${port}; ${listIt}`)
      }
      const isNamed = hosts.some((entry) => entry.host === host && (entry.port === null || entry.port === port))
      if (isNamed || addresses.every((one) => isOpened(one, port))) return { ok: true, url, addresses }
      if (url.protocol !== 'https:') return forbidden(`it must start with https:// (or ${listIt})`)
      if (!publicPorts.includes(port)) return forbidden(`port ${port} is not 443 or 8443 (or ${listIt})`)
      return { ok: true, url, addresses }
    },
  }
}

const forbidden = (problem: string): Verdict => ({ ok: false, why: 'forbidden', problem })

async function addressesOf(host: string, lookup: Lookup): Promise<readonly Address[]> {
  const version = isIP(host)
  if (version !== 0) return [{ address: host, family: version === 4 ? 4 : 6 }]
  return lookup(host).catch(() => [])
}
