import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { defaultEventPolicy, readAllowed } from '../../config/events.ts'
import { bodyOf, EventPattern, judge, newSecret, signedHeaders, waitAfter } from '../../src/events/model.ts'

describe('the signature', () => {
  const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', at: new Date(1_614_265_330_000), body: '{"test": 2432232314}' }
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

  it('is the one that the libraries of Standard Webhooks publish for their example', () => {
    expect(signedHeaders([secret], message)).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    })
  })

  it('is given once for each secret in force', () => {
    const other = newSecret()
    const signed = signedHeaders([other, secret], message)['webhook-signature']!.split(' ')
    expect(signed).toHaveLength(2)
    expect(signed[1]).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
    const key = Buffer.from(other.slice('whsec_'.length), 'base64')
    expect(key).toHaveLength(32)
    const text = `${message.id}.1614265330.${message.body}`
    expect(signed[0]).toBe(`v1,${createHmac('sha256', key).update(text).digest('base64')}`)
  })

  it('is never made with a secret of another form', () => {
    expect(() => signedHeaders(['MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'], message)).toThrow('whsec_')
  })
})

it('gives an event the same bytes at every attempt', () => {
  const uid = '00000000-0000-4000-8000-000000000001'
  const event = { uid, kind: 'dossier.parked', subject: 'H34-1', occurredAt: new Date(0), data: { code: 'H34-1' } }
  expect(bodyOf(event)).toBe(
    `{"id":"evt_${uid}","kind":"dossier.parked","subject":"H34-1","occurredAt":"1970-01-01T00:00:00.000Z","data":{"code":"H34-1"}}`,
  )
})

describe('an answer', () => {
  const judged = (httpStatus: number) => judge({ httpStatus, trouble: null, retryAfter: null, ms: 1 }).outcome

  it.each([200, 201, 202, 204, 299])('%i: taken', (status) => expect(judged(status)).toBe('delivered'))
  it.each([301, 302, 307, 400, 401, 403, 404, 409, 422])('%i: this event is refused', (status) =>
    expect(judged(status)).toBe('refused'),
  )
  it.each([408, 425, 429, 500, 502, 503, 504])('%i: the destination is down', (status) =>
    expect(judged(status)).toBe('down'),
  )
  it('410: it wants no events any more', () => expect(judged(410)).toBe('gone'))
  it.each(['forbidden', 'unreachable', 'certificate', 'timeout'] as const)('none, because %s: down', (trouble) =>
    expect(judge({ httpStatus: null, trouble, retryAfter: null, ms: 1 })).toEqual({
      outcome: 'down',
      error: `destination-${trouble}`,
    }),
  )
})

describe('waits', () => {
  it('give a refused event seven attempts in 28 hours', () => {
    const { refusedWaits } = defaultEventPolicy
    expect(refusedWaits.map((_, index) => waitAfter(refusedWaits, index + 1, 0))).toEqual(refusedWaits)
    expect(waitAfter(refusedWaits, 7, 0)).toBeNull()
    expect(refusedWaits.reduce((sum, wait) => sum + wait, 0)).toBe(28 * 3_600_000)
  })

  it('spread by their random share', () => {
    expect([0, 0.5, 1].map((random) => waitAfter([1000], 1, 0.1, random))).toEqual([900, 1000, 1100])
  })
})

it.each([
  ['*', true],
  ['dossier.*', true],
  ['alert.*', true],
  ['dossier.parked', true],
  ['dossier', false],
  ['dossier.p*', false],
  ['payment.*', false],
  ['', false],
])('a subscription to %j is understood: %s', (pattern, isKnown) => {
  expect(EventPattern.safeParse(pattern).success).toBe(isKnown)
})

describe('EVENT_ALLOWED_NETWORKS', () => {
  it.each([
    ['10.0.0.0/8', { net: '10.0.0.0', prefix: 8, family: 'ipv4', port: null }],
    ['10.0.0.0/8:443', { net: '10.0.0.0', prefix: 8, family: 'ipv4', port: 443 }],
    ['10.1.2.3', { net: '10.1.2.3', prefix: 32, family: 'ipv4', port: null }],
    ['fd00::/8', { net: 'fd00::', prefix: 8, family: 'ipv6', port: null }],
    ['[fd00::/8]:8443', { net: 'fd00::', prefix: 8, family: 'ipv6', port: 8443 }],
    ['[fd00::1]', { net: 'fd00::1', prefix: 128, family: 'ipv6', port: null }],
    ['Mot-Cua.example.vn', { host: 'mot-cua.example.vn', port: null }],
    ['mot-cua.example.vn:8080', { host: 'mot-cua.example.vn', port: 8080 }],
  ])('reads %s', (text, expected) => expect(readAllowed(text)).toEqual(expected))

  it.each([
    '0.0.0.0/0',
    '10.0.0.0/33',
    '10.0.0.0/8/8',
    '10.0.0.0/x',
    '10.1.2.300',
    'fd00::/129',
    'mot-cua.example.vn/8',
    'mot-cua.example.vn:0',
    'mot-cua.example.vn:70000',
    'https://mot-cua.example.vn',
    '-bad.example.vn',
    '[10.0.0.0',
  ])('refuses %s', (text) => expect(readAllowed(text)).toBeNull())
})
