import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openCli, program, runCli as run } from '../support/cli.ts'

describe('dvcqg', () => {
  let cli: Awaited<ReturnType<typeof openCli>>
  beforeAll(async () => void (cli = await openCli()), 60_000)
  afterAll(() => cli.close())

  it.each([
    ['an unknown command', ['nonsense'], /unknown command/],
    ['no command', [], /Usage: dvcqg/],
    ['an unknown option', ['report', '--nonsense'], /unknown option/],
    ['a day that does not exist', ['report', '--from', '2026-02-30'], /31\/03\/2026/],
    [
      'a period that ends before it begins',
      ['report', '--from', '2026-02-01', '--to', '2026-01-01'],
      /must lie before/,
    ],
    ['a level nobody knows', ['report', '--level', 'village'], /Allowed choices/],
    ['a share above 1', ['reconcile', '--sample', '2'], /at most 1/],
    ['a resend of everything', ['resend'], /Say which dossiers.*--why is missing/s],
    ['a reason nobody knows', ['resend', '--reason', 'bad-luck', '--why', 'x'], /not a reason/],
    ['a rebuild without a reason', ['queues', 'rebuild'], /--why is missing/],
    ['a key without name and source', ['keys', 'create'], /--name is missing.*--source is missing/s],
    ['a right nobody knows', ['keys', 'create', '--name', 'a', '--source', 'b', '--rights', 'all'], /Allowed are/],
    ['dossiers without a key', ['import', 'dossiers', 'x', '--url', 'ftp://x'], /--url must be.*no API key/s],
    ['roles nobody knows', ['serve', '--roles', 'api,boss'], /Allowed are/],
    ['a port out of range', ['sandbox', '--port', '70000'], /0 to 65535/],
  ])('exits with 2 for %s and says so without a stack', async (_what, args, words) => {
    const { code, err, left } = await cli.run(args)
    expect(err).toMatch(words)
    expect(err).not.toMatch(/\n {4}at /)
    expect(code).toBe(2)
    // Nothing that would keep it from ending.
    expect(left).toEqual([])
  })

  it('gives its exit code to whoever started it', async () => {
    const args = ['resend', '--reason', 'bad-luck', '--why', 'x']
    const { code, err, out } = await cli.run(args)
    expect(await run(args)).toEqual({ code, err, out })
    expect({ code, out }).toEqual({ code: 2, out: '' })
  })

  it('lists all configuration problems at once and no values', async () => {
    const { code, err } = await cli.run(['status'], {
      PORT: 'many',
      DATABASE_URL: 'secret-word',
      PORTAL_URL: 'http://p',
    })
    expect(code).toBe(2)
    expect(err).toMatch(/PORT:.*DATABASE_URL:.*PORTAL_UNIT:/s)
    expect(err).not.toContain('secret-word')
  })

  it('doctor names them too, and exits with 3', async () => {
    const { code, out } = await run(['doctor', '--json'], { PORT: 'many', STALL_SECONDS: '1' })
    expect(code).toBe(3)
    expect(JSON.parse(out)).toMatchObject({
      healthy: false,
      findings: [{ what: 'configuration', ok: false }, { ok: false }],
    })
  })

  it('exits with 1 when a file does not exist or is wrong, naming it', async () => {
    expect(await cli.run(['import', 'agencies', '/nowhere.csv'])).toMatchObject({
      code: 1,
      err: '/nowhere.csv does not exist. Check the path.\n',
    })
    const { code, out } = await run(['import', 'agencies', program, '--json'])
    expect(code).toBe(1)
    expect(JSON.parse(out)).toMatchObject({ imported: false, problems: expect.any(Array) as unknown[] })
  })

  it('exits with 1 when no service answers', async () => {
    const { code, err } = await cli.run(['import', 'dossiers', program, '--url', 'http://127.0.0.1:1'], {
      DVCQG_KEY: 'dvcqg_x',
    })
    expect(code).toBe(1)
    expect(err).toContain('No service answers at http://127.0.0.1:1')
    expect(err).not.toContain('dvcqg_x')
  })

  it('exits with 0 for help and a new encryption key', async () => {
    expect(await cli.run(['report', '--help'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('sync rate') as string,
    })
    const { code, out } = await run(['keys', 'generate-encryption', '--json'])
    expect(code).toBe(0)
    const { key } = JSON.parse(out) as { key: string }
    expect(key).toMatch(/^k\d{8}:/)
    expect(Buffer.from(key.split(':')[1]!, 'base64')).toHaveLength(32)
  })
})
