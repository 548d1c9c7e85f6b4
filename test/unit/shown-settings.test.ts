import { describe, expect, it } from 'vitest'
import { dialectDifferences, dialectInForce, dialects } from '../../config/dialects.ts'
import { readSettings, settingsTable, shownSettings } from '../../config/settings.ts'

const planted = 'GIAU-KIN'
const key = Buffer.alloc(32, 3).toString('base64')

describe('what a page may show of the settings', () => {
  const environment = {
    PUBLIC_URL: `https://dongbo.example:8443/duong/${planted}?token=${planted}`,
    PORTAL_URL: `http://10.0.0.1:8080/XrdAdapter/${planted}?key=${planted}`,
    PORTAL_UNIT: '000.00.00.H34',
    PORTAL_USERNAME: planted,
    PORTAL_PASSWORD: planted,
    DATABASE_URL: `postgres://dvcqg:${planted}@db.example/x`,
    REDIS_URL: `redis://:${planted}@redis.example`,
    ENCRYPTION_KEYS: `k1:${key}`,
    METRICS_TOKEN: `${planted}-token`,
    PORTAL_QUIET_HOURS: '22:00-05:00',
  }
  const shown = new Map(shownSettings(readSettings(environment, () => '')).map((one) => [one.name, one]))

  it('is never a secret, an account, a path or a query', () => {
    const text = JSON.stringify([...shown.values()])
    expect(text).not.toContain(planted)
    expect(text).not.toContain(key)
    expect(shown.get('PORTAL_URL')).toMatchObject({ value: 'http://10.0.0.1:8080', isSet: true, isDefault: false })
    expect(shown.get('PUBLIC_URL')?.value).toBe('https://dongbo.example:8443')
    for (const { name, secret } of settingsTable)
      if (secret) expect(shown.get(name as never)).toMatchObject({ value: null, isSet: true })
  })

  it('says what stands as it stands by itself, and times as they are written', () => {
    expect(shown.get('PORTAL_QUIET_HOURS')?.value).toBe('22:00-05:00')
    expect(shown.get('STALL_SECONDS')).toMatchObject({ value: '60', isDefault: true })
    expect(shown.get('EVIDENCE_MONTHS')).toMatchObject({ value: null, isSet: false })
  })
})

describe('what is special about a dialect', () => {
  it('is nothing for the one that all are laid over, and something for each other', () => {
    expect(dialectDifferences(dialectInForce('xrd-2022', () => ''))).toEqual([])
    for (const name of dialects.keys())
      if (name !== 'xrd-2022')
        expect(dialectDifferences(dialectInForce(name, () => '')).map(({ field }) => field)).not.toContain('name')
  })

  it('is told by what a file lays over, and hides what may carry a token', () => {
    const file = {
      extends: 'xrd-2019',
      name: 'ours',
      timeouts: { call: 1 },
      paths: { share: `g?key=${planted}`, integration: `g/4f1c9a7e${planted}/mapi`, login: `login;token=${planted}` },
      catalogue: { services: { service: 'S', endpoint: 'share', fields: { a: planted, b: '{unit}' }, optional: true } },
    }
    const told = dialectDifferences(dialectInForce('x.json', () => JSON.stringify(file)))
    expect(JSON.stringify(told)).not.toContain(planted)
    expect(told).toContainEqual({ field: 'timeouts.call', base: '30000', own: '1' })
    expect(told).toContainEqual({ field: 'catalogue.services.fields.b', base: '–', own: '"{unit}"' })
  })
})
