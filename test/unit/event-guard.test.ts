import { describe, expect, it } from 'vitest'
import { createGuard, innerNetwork, type Address } from '../../adapters/webhooks/guard.ts'
import { readAllowed } from '../../config/events.ts'

const v4 = (address: string): Address => ({ address, family: 4 })
const v6 = (address: string): Address => ({ address, family: 6 })

describe('an address', () => {
  it.each([
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '10.255.255.255',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.8',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
  ])('%s is inside', (address) => expect(innerNetwork(v4(address))).not.toBeNull())

  it.each([
    '1.1.1.1',
    '8.8.8.8',
    '100.63.255.255',
    '100.128.0.1',
    '172.15.0.1',
    '172.32.0.1',
    '11.0.0.1',
    '223.255.255.1',
  ])('%s is public', (address) => expect(innerNetwork(v4(address))).toBeNull())

  it.each([
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '64:ff9b::7f00:1',
    '64:ff9b::808:808',
    '64:ff9b:1::1',
    '100::1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fe80::1%lo',
    'febf::1',
    'fec0::1',
    'ff02::1',
    '4000::1',
  ])('%s is inside', (address) => expect(innerNetwork(v6(address))).not.toBeNull())

  it.each(['2606:4700:4700::1111', '2400:cb00::1', '2a00:1450::1'])('%s is public', (address) =>
    expect(innerNetwork(v6(address))).toBeNull(),
  )
})

const names: Readonly<Record<string, readonly Address[]>> = {
  'events.example.vn': [v4('203.162.0.10'), v6('2400:cb00::1')],
  'rebound.example.vn': [v4('203.162.0.10'), v4('127.0.0.1')],
  'mot-cua.example.vn': [v4('10.20.0.5')],
  'kho.example.vn': [v4('192.168.7.7')],
  localhost: [v4('127.0.0.1'), v6('::1')],
}
const lookup = async (host: string) => names[host] ?? Promise.reject(new Error('ENOTFOUND'))
const guard = (...allowed: string[]) =>
  createGuard(
    allowed.map((text) => readAllowed(text)!),
    lookup,
  )
const problem = async (url: string, ...allowed: string[]) => {
  const verdict = await guard(...allowed).judge(url)
  return verdict.ok ? null : verdict.problem
}

describe('without a list', () => {
  it.each([
    'https://events.example.vn/a',
    'https://events.example.vn:8443/a?b=c',
    'https://203.162.0.10/',
    'https://EVENTS.example.vn./',
  ])('%s is taken', async (url) => expect(await problem(url)).toBeNull())

  it.each([
    ['http://events.example.vn/', 'must start with https://'],
    ['https://events.example.vn:9200/', 'port 9200'],
    ['https://events.example.vn:22/', 'port 22'],
    ['https://user:word@events.example.vn/', 'account'],
    ['https://events.example.vn/#a', '#'],
    ['ftp://events.example.vn/', 'https://'],
    ['file:///etc/passwd', 'https://'],
    ['nonsense', 'https://'],
    ['https://unknown.example.vn/', 'resolved'],
    ['https://localhost/', 'loopback'],
    ['https://rebound.example.vn/', 'loopback'],
    ['https://mot-cua.example.vn/', '10.0.0.0/8 (private)'],
    ['https://127.0.0.1/', 'loopback'],
    ['https://127.1/', 'loopback'],
    ['https://2130706433/', 'loopback'],
    ['https://0x7f.0.0.1/', 'loopback'],
    ['https://0177.0.0.1/', 'loopback'],
    ['https://169.254.169.254/latest/meta-data', 'link-local'],
    ['https://[::1]/', 'loopback'],
    ['https://[::ffff:10.0.0.1]/', 'IPv4-mapped'],
    ['https://[64:ff9b::a00:1]/', 'NAT64'],
  ])('%s is refused: %s', async (url, words) => expect(await problem(url)).toContain(words))

  it('never tells which inner address a name leads to', async () => {
    expect(await problem('https://mot-cua.example.vn/')).not.toContain('10.20.0.5')
  })
})

describe('with a list', () => {
  it.each([
    ['https://mot-cua.example.vn/', ['10.0.0.0/8']],
    ['http://mot-cua.example.vn:8080/', ['10.20.0.0/16']],
    ['http://10.20.0.5/', ['10.20.0.5:80']],
    ['https://mot-cua.example.vn/', ['10.0.0.0/8:443', 'mot-cua.example.vn']],
    ['http://events.example.vn:9000/', ['events.example.vn']],
    ['http://localhost:3000/', ['127.0.0.0/8', '::1']],
  ])('%s is taken by %j', async (url, allowed) => expect(await problem(url, ...allowed)).toBeNull())

  it.each([
    // A name alone opens no inner network.
    ['https://mot-cua.example.vn/', ['mot-cua.example.vn'], '10.0.0.0/8'],
    ['https://kho.example.vn/', ['10.0.0.0/8', 'kho.example.vn'], '192.168.0.0/16'],
    ['https://mot-cua.example.vn:9443/', ['10.0.0.0/8:443'], 'port 9443'],
    ['http://events.example.vn:9000/', ['events.example.vn:9001'], 'https://'],
    ['http://localhost:3000/', ['127.0.0.0/8'], 'loopback'],
    ['https://[::ffff:10.20.0.5]/', ['10.0.0.0/8'], 'IPv4-mapped'],
  ])('%s is refused by %j', async (url, allowed, words) => expect(await problem(url, ...allowed)).toContain(words))
})
