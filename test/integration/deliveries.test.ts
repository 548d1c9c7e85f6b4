import { Command } from 'commander'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { startScene, type Scene } from '../guarantees/scene.ts'
import { addDeliveries } from '../../src/cli/commands/deliveries.ts'
import { addReplays } from '../../src/cli/commands/replays.ts'
import { addResend } from '../../src/cli/commands/resend.ts'
import { addStatus } from '../../src/cli/commands/status.ts'
import { exitOf, sentenceOf } from '../../src/cli/exits.ts'
import { createKey } from '../../src/platform/auth.ts'
import { change, nationalCodes } from '../support/province.ts'

type Row = Record<string, unknown>
interface Line extends Row {
  readonly code: string
  readonly state: string
}

describe('the lists of what is not delivered', () => {
  let scene: Scene
  const codes: Record<string, string[]> = {}
  const code = (kind: string, index = 0) => codes[kind]![index]!
  beforeAll(async () => {
    scene = await startScene({ settings: { ROLES: 'api' } })
    const push = async (kind: string, count: number, overrides: Row = {}) => {
      const changes = Array.from({ length: count }, () => change(overrides))
      await scene.push(changes)
      codes[kind] = changes.map((one) => one.code)
    }
    await push('parked', 3)
    await push('blocked', 2, { procedureCode: 'TT-LOCAL-1', agencyCode: 'H34.02' })
    await push('waiting', 4)
    await push('backfill', 1, { backfill: true })
    await push('unknown', 1, { agencyCode: 'H34.02' })
    await push('sending', 1)
    await push('delivered', 1)
    const set = (kind: string, state: string, reason: string | null = null, detail: string | null = null) =>
      scene.ground.sql`
        update deliveries l set state = ${state}, reason = ${reason}, detail = ${detail}::text::jsonb, lease_until = now() + interval '1 hour'
        where dossier_id in (select id from dossiers where code = any(${codes[kind]!}::text[]))`
    await set('parked', 'parked', 'portal-refused', '{"code":"-10","text":"=Sai thông tin"}')
    await set('unknown', 'unknown', 'portal-timeout')
    await set('sending', 'sending')
    await set('delivered', 'delivered')
    // The first that was parked is the youngest.
    await scene.ground.sql`
      update deliveries l set due_since = now() - interval '2 days' + (6 - l.dossier_id % 7) * interval '1 minute'
      where state = 'parked'`
    await scene.ground.sql`
      update deliveries set attempts = 2, reason = 'portal-later', next_at = now() + interval '10 minutes'
      where dossier_id = (select id from dossiers where code = ${code('waiting', 3)})`
  })
  afterAll(async () => scene?.close())

  const list = async (query = '') => {
    const { status, body } = await scene.api('GET', `/v1/deliveries${query}`)
    expect(status).toBe(200)
    return body as unknown as { deliveries: Line[]; next: string | null }
  }
  const oldestFirst = () =>
    scene.ground.sql<{ code: string }[]>`
      select code from dossiers d join deliveries l on l.dossier_id = d.id where l.state = 'parked' order by due_since`

  it('say why, since when, and what to do', async () => {
    const { deliveries, next } = await list('?state=parked')
    expect(next).toBeNull()
    expect(deliveries.map((line) => line.code)).toEqual((await oldestFirst()).map((row) => row.code))
    expect(deliveries[0]).toMatchObject({
      agency: 'H34.01',
      procedure: nationalCodes[0],
      nationalCode: nationalCodes[0],
      reason: 'portal-refused',
      words: {
        vi: { next: expect.stringContaining('dvcqg resend') as string },
        en: { cause: 'The portal refused the dossier.' },
      },
      errorCode: '-10',
      errorText: '=Sai thông tin',
      nextAttemptAt: null,
      replay: null,
    })
    expect(deliveries[0]!['age']).toBeGreaterThan(47 * 3600)
    const waits = (await list('?state=waiting')).deliveries
    expect(waits.map((line) => line.code)).toEqual([...codes['waiting']!, code('backfill')])
    expect(waits[0]).toMatchObject({ reason: 'waiting-for-portal', attempts: 0 })
    expect(waits[3]).toMatchObject({ reason: 'portal-later', attempts: 2 })
    expect(Date.parse(String(waits[3]!['nextAttemptAt']))).toBeGreaterThan(Date.now() + 300_000)
    expect((await list('?state=blocked')).deliveries).toMatchObject([
      { reason: 'no-national-code', field: 'procedureCode' },
      { reason: 'no-national-code', field: 'procedureCode' },
    ])
  })

  it('are read page by page, each dossier once, in any order of the states', async () => {
    const whole = (await list()).deliveries.map((line) => line.code)
    expect(whole).toHaveLength(12)
    expect(whole).not.toContain(code('delivered'))
    for (const limit of [1, 2, 5]) {
      const seen: string[] = []
      let after = ''
      do {
        const page = await list(`?limit=${limit}${after}`)
        seen.push(...page.deliveries.map((line) => line.code))
        after = page.next === null ? '' : `&after=${page.next}`
      } while (after !== '')
      expect(seen).toEqual(whole)
    }
    expect((await scene.api('GET', '/v1/deliveries?after=nonsense')).body).toMatchObject({
      code: 'invalid-field',
      field: 'after',
    })
  })

  it('are narrowed by every filter', async () => {
    const count = async (query: string) => (await list(query)).deliveries.length
    expect(await count('?agency=H34.02')).toBe(3)
    expect(await count('?procedure=TT-LOCAL-1')).toBe(2)
    expect(await count('?error=-10')).toBe(3)
    expect(await count('?reason=waiting-for-portal&state=waiting')).toBe(4)
    expect(await count('?reason=portal-refused')).toBe(3)
    expect(await count('?olderThan=24')).toBe(3)
    expect((await list(`?code=${code('delivered')}`)).deliveries).toMatchObject([
      { state: 'delivered', reason: null, words: null },
    ])
    for (const [query, field] of [
      ['?agency=', 'agency'],
      ['?reason=bad-luck', 'reason'],
      ['?state=delivered', 'state'],
      ['?limit=0', 'limit'],
    ])
      expect((await scene.api('GET', `/v1/deliveries${query!}`)).body).toMatchObject({ code: 'invalid-field', field })
    expect((await scene.api('GET', '/v1/deliveries?agencies=x')).body).toMatchObject({ code: 'unknown-field' })
  })

  it('add up in the summary', async () => {
    const { body } = await scene.api('GET', '/v1/deliveries/summary')
    const groups = body['groups'] as { state: string; reason: string; count: number; oldest: number }[]
    expect(groups.map(({ state, reason, count }) => [state, reason, count])).toEqual([
      ['parked', 'portal-refused', 3],
      ['blocked', 'no-national-code', 2],
      ['unknown', 'portal-timeout', 1],
      ['sending', 'waiting-for-portal', 1],
      ['waiting', 'waiting-for-portal', 4],
      ['waiting', 'portal-later', 1],
    ])
    expect(groups[0]!.oldest).toBeGreaterThan(47 * 3600)
  })

  it('show a key its own agencies alone, and nothing without the right', async () => {
    const keyWith = (rights: readonly ('deliveries:read' | 'dossiers:read')[]) =>
      createKey(scene.ground.sql, { name: 'x', source: 'one-stop', rights, agencies: ['H34.02'], by: 'test' })
    const get = async (path: string, key: string) => {
      const answer = await fetch(`${scene.house.url}${path}`, { headers: { authorization: `Bearer ${key}` } })
      return (await answer.json()) as Row
    }
    const { key } = await keyWith(['deliveries:read'])
    expect((await get('/v1/deliveries', key))['deliveries']).toHaveLength(3)
    expect((await get(`/v1/deliveries?code=${code('parked')}`, key))['deliveries']).toEqual([])
    expect((await get('/v1/deliveries/summary', key))['groups']).toHaveLength(2)
    const other = (await keyWith(['dossiers:read'])).key
    for (const path of ['/v1/deliveries', '/v1/deliveries/summary', '/v1/deliveries/hold', '/v1/replays'])
      expect(await get(path, other)).toMatchObject({ code: 'missing-right' })
  })

  describe('on the command line', () => {
    // In this process: starting one for each command would take longer than all of them together.
    const run = async (...args: readonly string[]) => {
      const program = new Command('dvcqg').option('--json').exitOverride()
      for (const add of [addResend, addReplays, addDeliveries, addStatus]) add(program)
      for (const [name, value] of Object.entries(scene.environment)) vi.stubEnv(name, value)
      const said = { out: '', err: '' }
      vi.spyOn(console, 'log').mockImplementation((text: string) => void (said.out += `${text}\n`))
      vi.spyOn(console, 'error').mockImplementation((text: string) => void (said.err += `${text}\n`))
      vi.spyOn(process.stdout, 'write').mockImplementation((text) => (said.out += String(text)) !== '')
      try {
        await program.parseAsync(args, { from: 'user' })
        return { code: Number(process.exitCode ?? 0), ...said }
      } catch (error) {
        return { ...said, code: exitOf(error), err: sentenceOf(error) }
      } finally {
        process.exitCode = undefined
        vi.restoreAllMocks()
        vi.unstubAllEnvs()
      }
    }
    const json = async (...args: readonly string[]) => {
      const { code: exit, out, err } = await run(...args, '--json')
      expect({ exit, err }).toEqual({ exit: 0, err: '' })
      return JSON.parse(out) as Row
    }

    it('the list comes as a table with next steps, as JSON and as CSV', async () => {
      const table = await run('deliveries', 'list', '--state', 'parked', '--limit', '2', '--lang', 'en')
      expect(table.out).toMatch(/DOSSIER +AGENCY/)
      expect(table.out).toContain('→ Read the words of the portal')
      expect(table.err).toContain('There are more')
      expect(await json('deliveries', 'list', '--agency', 'H34.02')).toMatchObject({
        more: false,
        deliveries: [{}, {}, {}],
      })
      const csv = await run('deliveries', 'list', '--csv')
      const rows = csv.out.replace('\uFEFF', '').trim().split('\n')
      expect(rows).toHaveLength(13)
      expect(rows[1]).toContain('portal-refused,Cổng DVCQG từ chối hồ sơ.,')
      expect(rows[1]).toContain(",-10,'=Sai thông tin,")
    })

    it('a resend is counted first, then done, followed and stopped', async () => {
      const wish = ['resend', '--reason', 'portal-refused', '--error', '-10', '--why', 'đã sửa']
      const preview = await run(...wish)
      expect(preview.out).toMatch(/parked +3 +portal-refused/)
      expect(preview.out).toContain('Add --yes')
      const wrong = await run(...wish, '--yes', '--expected', '2')
      expect(wrong).toMatchObject({
        code: 1,
        err: expect.stringContaining('The replay holds 3 dossiers, expected were 2. Look at') as string,
      })
      const done = await json(...wish, '--yes', '--expected', '3', '--throttle', '12')
      expect(done).toMatchObject({
        dossiers: 3,
        resent: true,
        replay: { state: 'running', perMinute: 12, progress: { total: 3, onWay: 1 } },
      })
      const id = String((done['replay'] as { id: number }).id)
      expect((await json('deliveries', 'list', '--state', 'waiting'))['deliveries']).toContainEqual(
        expect.objectContaining({ replay: Number(id) }),
      )
      expect((await run('replays', 'list', '--lang', 'en')).out).toMatch(new RegExp(`${id} +running .*đã sửa`))
      expect(await json('replays', 'stop-all', '--why', 'x')).toEqual({ paused: [Number(id)], onWay: 0 })
      expect(await json('replays', 'resume', id, '--throttle', '600')).toMatchObject({
        state: 'running',
        progress: { onWay: 3 },
      })
      expect(await json('replays', 'cancel', id, '--why', 'x')).toMatchObject({
        state: 'cancelled',
        progress: { onWay: 0, remaining: 3 },
      })
      expect((await run('replays', 'show', id)).out).toContain('đã hủy')
      expect(await run('replays', 'pause', id)).toMatchObject({
        code: 1,
        err: expect.stringContaining('The replay is cancelled') as string,
      })
      expect(await run('replays', 'show', '999999')).toMatchObject({ code: 1 })
      expect((await json('replays', 'list'))['length']).toBe(2)
    })

    it('one dossier is sent again by its code, even a delivered one, unless it is on its way', async () => {
      expect(await json('resend', '--code', code('delivered'), '--why', 'x')).toMatchObject({
        dossiers: 1,
        resent: false,
      })
      expect(await json('resend', '--code', code('delivered'), '--why', 'x', '--yes')).toMatchObject({
        dossiers: 1,
        resent: true,
      })
      const { code: exit, err } = await run('resend', '--code', code('delivered'), '--why', 'x', '--yes')
      expect([exit, err]).toEqual([1, expect.stringContaining('The dossier is waiting')])
      expect(await run('resend', '--code', 'nowhere', '--why', 'x', '--yes')).toMatchObject({ code: 1 })
    })

    it('a hold is set, shown and ended', async () => {
      expect(await run('deliveries', 'hold')).toMatchObject({
        code: 2,
        err: expect.stringContaining('--why is missing') as string,
      })
      expect(await json('deliveries', 'hold', '--why', 'bảo trì')).toMatchObject({
        held: true,
        why: 'bảo trì',
        onWay: 1,
      })
      expect((await run('status', '--lang', 'en')).out).toMatch(/All sending is stopped since .*bảo trì/)
      expect((await run('deliveries', 'release')).out).toContain('Dossiers go again')
      expect((await run('deliveries', 'release')).out).toContain('Nothing was held')
    })
  })
})
