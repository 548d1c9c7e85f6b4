import { describe, expect, it } from 'vitest'
import { describeSettings, readSettings, SettingsError, settingsTable } from '../../config/settings.ts'

const none = () => {
  throw new Error('no such file')
}
const key = `k1:${Buffer.alloc(32, 1).toString('base64')}`
const problemsOf = (environment: Record<string, string>, readFile: (path: string) => string = none) => {
  try {
    readSettings(environment, readFile)
    return []
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError)
    return (error as SettingsError).problems.map(({ name }) => name)
  }
}

describe('settings', () => {
  it('an empty environment is enough, and blank means not set', () => {
    const settings = readSettings({}, none)
    expect(settings).toMatchObject({
      PORT: 8080,
      HOST: '127.0.0.1',
      ROLES: ['all'],
      PORTAL_DIALECT: 'xrd-2022',
      DATABASE_URL: undefined,
    })
    const blank = Object.fromEntries(settingsTable.map(({ name }) => [name, ' ']))
    expect(readSettings(blank, none)).toEqual(settings)
    expect(Object.isFrozen(settings)).toBe(true)
  })

  it.each([
    ['PORT', ['65536', '-1', '1.5', 'x']],
    ['ROLES', ['api,nothing', ',']],
    ['DATABASE_URL', ['mysql://x', 'x']],
    ['REDIS_URL', ['http://x']],
    ['QUEUE_PREFIX', ['A', 'a b', 'a:b', 'x'.repeat(41)]],
    ['PORTAL_MAX_CALLS_PER_SECOND', ['0', '-1', '10001', 'many']],
    ['PORTAL_URL', ['ftp://x', 'http://user:secret@ss.example.invalid/forward']],
    [
      'PUBLIC_REPORT_URL',
      ['http://portal.example.invalid', 'https://a:b@x.invalid', 'http://127.0.0.1.example.invalid'],
    ],
    ['PUBLIC_REPORT_AT', ['6:00', '24:00', 'never']],
    ['PORTAL_BATCH_SIZE', ['0', '1001']],
    ['PORTAL_CALLS_PER_DAY', ['0', '1.5', 'many']],
    ['PORTAL_QUIET_HOURS', ['22:00', '24:00-05:00', '5:00-6:00', '05:00-05:00', '00:00-12:00,12:00-00:00']],
    ['ENCRYPTION_KEYS', ['k1', 'k1:', 'k1:c2hvcnQ=', `${key},${key}`, `a b:${key.slice(3)}`]],
    ['MAX_LINE_BYTES', ['1023', '1e12']],
    ['LOG_LEVEL', ['loud']],
    ['METRICS_TOKEN', ['short']],
  ])('%s is judged', (name, wrong) => {
    for (const value of wrong) expect(problemsOf({ [name]: value })).toContain(name)
  })

  it('all problems are told at once, without their values', () => {
    const environment = { PORT: 'hunter2', ENCRYPTION_KEYS: 'hunter2', DATABASE_URL: 'hunter2', LOG_LEVEL: 'hunter2' }
    expect(problemsOf(environment).sort()).toEqual(['DATABASE_URL', 'ENCRYPTION_KEYS', 'LOG_LEVEL', 'PORT'])
    expect(() => readSettings(environment, none)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('hunter2') }),
    )
  })

  it('a database of its own needs keys; a portal needs the unit', () => {
    expect(problemsOf({ DATABASE_URL: 'postgres://localhost/x' })).toEqual(['ENCRYPTION_KEYS'])
    expect(problemsOf({ DATABASE_URL: 'postgres://localhost/x', ENCRYPTION_KEYS: key })).toEqual([])
    expect(problemsOf({ PORTAL_URL: 'http://localhost' })).toEqual(['PORTAL_UNIT'])
    expect(problemsOf({ PUBLIC_REPORT_URL: 'http://127.0.0.1:1/x' })).toEqual(['PUBLIC_REPORT_MAP'])
    expect(problemsOf({ PUBLIC_REPORT_URL: 'https://x.invalid', PUBLIC_REPORT_MAP: '/x' })).toEqual([])
    expect(problemsOf({ PORTAL_URL: 'http://localhost', PORTAL_UNIT: '000.00.00.H34' })).toEqual([])
  })

  it('NAME_FILE reads a file; both at once, or no file, is a problem', () => {
    const files = (path: string) => (path === '/run/password' ? ' secret \n' : none())
    expect(readSettings({ PORTAL_PASSWORD_FILE: '/run/password' }, files).PORTAL_PASSWORD).toBe('secret')
    expect(problemsOf({ PORTAL_PASSWORD_FILE: '/run/password', PORTAL_PASSWORD: 'x' }, files)).toEqual([
      'PORTAL_PASSWORD',
    ])
    expect(problemsOf({ PORTAL_PASSWORD_FILE: '/nowhere' }, files)).toEqual(['PORTAL_PASSWORD_FILE'])
  })

  it('keys are read newest first', () => {
    const other = `k2:${Buffer.alloc(32, 2).toString('base64')}`
    expect(readSettings({ ENCRYPTION_KEYS: `${other}, ${key}` }, none).ENCRYPTION_KEYS?.map(({ id }) => id)).toEqual([
      'k2',
      'k1',
    ])
  })

  it('the summary shows of a secret only whether it is set', () => {
    const settings = readSettings(
      {
        ENCRYPTION_KEYS: key,
        PORTAL_PASSWORD: 'hunter2',
        DATABASE_URL: 'postgres://u:hunter2@h/x',
        METRICS_TOKEN: 'hunter2hunter2',
      },
      none,
    )
    const lines = describeSettings(settings)
    expect(JSON.stringify(lines)).not.toContain('hunter2')
    expect(lines).toContainEqual({ name: 'PORTAL_PASSWORD', value: 'set' })
    expect(lines).toContainEqual({ name: 'REDIS_URL', value: 'not set' })
    expect(lines.map(({ name }) => name)).toEqual(settingsTable.map(({ name }) => name))
  })
})
