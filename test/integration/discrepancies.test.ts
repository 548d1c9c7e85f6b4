import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectedAtPortal } from '../../src/delivery/expected.ts'
import { openRepair } from '../../src/main.ts'
import { createKey } from '../../src/platform/auth.ts'
import { transaction } from '../../src/platform/database.ts'
import { dailyState, isDailyMissed, startDaily } from '../../src/reconciliation/daily.ts'
import {
  DiscrepancyFilter,
  keepDiscrepancies,
  listDiscrepancies,
  resolve,
  sumDiscrepancies,
} from '../../src/reconciliation/discrepancies.ts'
import { continueRun, startRun } from '../../src/reconciliation/reconcile.ts'
import { readRun } from '../../src/reconciliation/runs.ts'
import { carry, dueRuns } from '../../src/reconciliation/served.ts'
import { change, startProvince, step, type Province } from '../support/province.ts'

interface Discrepancy {
  readonly id: number
  readonly code: string
  readonly kind: string
  readonly fields: { field: string }[]
  readonly act: string | null
}

describe('what disagrees', () => {
  let province: Province
  let codes: string[]
  beforeAll(async () => {
    province = await startProvince()
    await province.until(
      async () => (await province.ground.catalogue.fresh()).national.size > 4000,
      'the first pull of the catalogue',
    )
    const changes = Array.from({ length: 9 }, () =>
      change({
        status: 'processing',
        steps: [step('2020-07-03T08:40:00+07:00', 'received'), step('2020-07-03T08:50:00+07:00', 'processing')],
      }),
    )
    codes = changes.map(({ code }) => code)
    await province.push(changes)
    await province.until(async () => (await delivered()) === 9, 'all to be delivered')
  })
  afterAll(() => province.close())

  const delivered = async () => {
    const [row] = await province.ground.sql<{ count: number }[]>`
      select count(*)::int as count from deliveries where state = 'delivered'`
    return row!.count
  }
  const sandbox = (method: string, path: string, body?: unknown) =>
    fetch(`${province.sandbox.controlUrl}/dossiers/${path}`, {
      method,
      ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
  const call = async (method: string, path: string, body?: unknown) => {
    const answer = await fetch(`${province.house.url}/v1/reconciliation/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${province.key}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return (await answer.json()) as Record<string, unknown>
  }
  /** Through the service: begun over HTTP, handed out by the ledger, carried by its worker. */
  const compared = async (scope: object = {}) => {
    const { id } = (await call('POST', 'runs', scope)) as { id: number }
    await province.until(async () => (await readRun(province.ground.sql, id))!.state !== 'running', 'the run')
    return (await readRun(province.ground.sql, id))!
  }
  const discrepancies = async (query = '') => {
    const { discrepancies: list } = await call('GET', `discrepancies?${query}`)
    return list as Discrepancy[]
  }
  const kinds = async (query = '') =>
    (await discrepancies(query))
      .map(({ code, kind }) => [codes.indexOf(code), kind] as const)
      .toSorted(([a], [b]) => a - b)
  const resolve = (body: object) => call('POST', 'discrepancies/resolve', { why: 'kiểm tra', ...body })

  it('is found in every kind that was planted, and none is invented', async () => {
    expect(await compared()).toMatchObject({ state: 'finished', counts: { equal: 9 } })
    expect(await discrepancies()).toEqual([])
    const [lost, older, changed, stepless, extra] = codes as [string, string, string, string, string]
    await sandbox('DELETE', lost)
    await sandbox('PATCH', older, { TrangThaiHoSo: '2' })
    await sandbox('PATCH', changed, { NgayHenTra: '20200801000000' })
    await sandbox('DELETE', `${stepless}/steps`)
    // The ledger never heard of it, and the province's register has it.
    await province.ground.sql`
      with gone as (select id from dossiers where code = ${extra}), s as (delete from steps where dossier_id in (select id from gone)),
        l as (delete from deliveries where dossier_id in (select id from gone))
      update dossiers set code = ${`${extra}-gone`} where code = ${extra}`
    await province.ground.sql`
      insert into deliveries (dossier_id, agency_code, state, wanted_change_id)
      select id, agency_code, 'blocked', change_id from dossiers where code = ${`${extra}-gone`}`
    const run = await compared({ codes: [extra, 'H34-CHI-TRONG-SO', lost, older, lost] })
    expect(run.register).toMatchObject({ total: 4, held: 2, missing: 2, unregistered: 7 })
    expect(run.register!.examples).toHaveLength(7)
    expect(run).toMatchObject({
      state: 'finished',
      total: 11,
      counts: { equal: 6, different: 3, 'missing-there': 1, 'missing-here': 1, unknown: 0 },
    })
    const found = await discrepancies()
    const byPlace = found.map(({ code, kind, fields }) => [codes.indexOf(code), kind, fields[0]!.field] as const)
    expect(byPlace.toSorted(([a], [b]) => a - b)).toEqual([
      [-1, 'missing-everywhere', 'presence'],
      [0, 'missing-there', 'presence'],
      [1, 'different', 'status'],
      [2, 'different', 'promisedAt'],
      [3, 'different', 'steps'],
      [4, 'missing-here', 'presence'],
    ])
  })

  it('stays one through further runs, and is chosen by kind, field and agency', async () => {
    const before = await discrepancies()
    await compared({ only: codes })
    const after = (await discrepancies()) as (Discrepancy & { seen: number })[]
    expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id))
    expect(after[0]!.seen).toBeGreaterThan(1)
    expect(await kinds('kind=different&field=status')).toEqual([[1, 'different']])
    expect(await kinds('kind=missing-there&agency=H34.01')).toEqual([[0, 'missing-there']])
    expect(await kinds('agency=H34.02')).toEqual([])
  })

  it('is sent again after a preview, checked again, and closed because it agrees', async () => {
    const filter = { kind: 'missing-there' }
    expect(await resolve({ filter, act: 'resend', preview: true })).toEqual({ chosen: 1, done: 1, left: 0 })
    expect(await kinds('state=acted')).toEqual([])
    expect(await resolve({ filter: {}, act: 'resend' })).toEqual({ chosen: 6, done: 4, left: 2 })
    expect((await kinds('state=acted')).map(([place]) => place)).toEqual([0, 1, 2, 3])
    await province.until(async () => (await delivered()) === 8, 'all to be sent')
    await compared({ only: codes })
    expect(await kinds('state=acted')).toEqual([])
    expect((await kinds('state=closed')).map(([place]) => place)).toEqual([0, 1, 2, 3])
    expect(new Set((await kinds()).map(([, kind]) => kind))).toEqual(new Set(['missing-everywhere', 'missing-here']))
    const [audit] = await province.ground
      .sql`select actor, detail->>'why' as why from audit where action = 'discrepancies.resend'`
    expect(audit).toMatchObject({ actor: expect.stringMatching(/^key:/) as string, why: 'kiểm tra' })
  })

  it('that somebody let stay is not opened again, until it becomes another one', async () => {
    const code = codes[5]!
    await sandbox('PATCH', code, { TrangThaiHoSo: '2' })
    await compared({ only: [code] })
    const [own] = await discrepancies('kind=different')
    expect(await resolve({ ids: [own!.id], act: 'ignore' })).toEqual({ chosen: 1, done: 1, left: 0 })
    await compared({ only: [code] })
    expect(await kinds('kind=different')).toEqual([])
    await sandbox('PATCH', code, { TrangThaiHoSo: '5' })
    await compared({ only: [code] })
    expect(await kinds('kind=different')).toEqual([[5, 'different']])
    // What is masked looks the same and is another one.
    const hidden = codes[6]!
    await sandbox('PATCH', hidden, { ChuHoSo: 'Trần Thị Một' })
    await compared({ only: [hidden] })
    const masked = (await discrepancies('field=owner.name')) as { id: number; fields: unknown[] }[]
    expect(masked).toMatchObject([{ fields: [{ field: 'owner.name', here: '•••', there: '•••' }] }])
    expect(JSON.stringify(masked)).not.toContain('Trần')
    await resolve({ ids: [masked[0]!.id], act: 'ignore' })
    await compared({ only: [hidden] })
    expect(await discrepancies('field=owner.name')).toEqual([])
    await sandbox('PATCH', hidden, { ChuHoSo: 'Trần Thị Hai' })
    await compared({ only: [hidden] })
    expect(await discrepancies('field=owner.name')).toHaveLength(1)
    const kept = await province.ground.sql<{ text: string }[]>`
      select d.fields::text || f.fields::text as text from discrepancies d join reconciliation_findings f using (code)`
    expect(kept.map(({ text }) => text).join()).not.toContain('Trần')
    await sandbox('PATCH', hidden, { ChuHoSo: 'Nguyễn Văn Mẫu' })
    await compared({ only: [hidden] })
    expect(await discrepancies('field=owner.name')).toEqual([])
  })

  it('that was acted on and is still there waits for somebody again', async () => {
    const [own] = await discrepancies('kind=different')
    await province.ground
      .sql`update discrepancies set act = 'resend', acted_at = now(), acted_by = 'x', why = 'x' where id = ${own!.id}`
    await compared({ only: [codes[5]!] })
    expect(await kinds('kind=different')).toEqual([[5, 'different']])
  })

  it('is worked on in the console: run, progress, discrepancies, act', async () => {
    const { key } = await createKey(province.ground.sql, {
      name: 'Trần Văn B',
      source: 'console',
      rights: ['reports:read', 'deliveries:resend'],
      agencies: ['*'],
      person: true,
      by: 'test',
    })
    const { url } = province.house
    const post = (path: string, fields: Record<string, string>, cookie = '') =>
      fetch(`${url}/console/${path}`, {
        method: 'POST',
        headers: { cookie, origin: url },
        body: new URLSearchParams(fields),
        redirect: 'manual',
      })
    const cookie = (await post('sign-in', { key })).headers.get('set-cookie')!.split(';')[0]!
    const page = async (path: string) => (await fetch(`${url}/console/${path}`, { headers: { cookie } })).text()
    const started = await post('start-run', { share: '100', from: '', to: '', agency: '' }, cookie)
    const where = started.headers.get('location')!
    expect(where).toMatch(/^run\?id=\d+$/)
    await province.until(async () => (await page(where)).includes('Xong'), 'the run')
    expect(await page(where)).not.toContain('http-equiv="refresh"')
    expect(await page('runs')).toContain('discrepancies?kind=different')
    // A page that asks by itself keeps nobody signed in.
    const seen = async () =>
      (
        await province.ground.sql<{ idle: number }[]>`
        select extract(epoch from now() - seen_at)::float8 as idle from console_sessions`
      )[0]!.idle
    await province.ground.sql`update console_sessions set seen_at = now() - interval '5 minutes'`
    expect(await page(`${where}&by-itself=1`)).toContain('Xong')
    expect(await seen()).toBeGreaterThan(290)
    await page(where)
    expect(await seen()).toBeLessThan(60)
    const form3 = new FormData()
    form3.append('file', new Blob([`code,status\n${codes[1]},x\nH34-LA,y\n`]), 'so.csv')
    const uploaded = await fetch(`${url}/console/compare-register`, {
      method: 'POST',
      headers: { cookie, origin: url },
      body: form3,
      redirect: 'manual',
    })
    expect(await page(uploaded.headers.get('location')!)).toContain('Ba bên: sổ của tỉnh, ở đây, Cổng')
    const wrong = new FormData()
    wrong.append('file', new Blob(['ma\nx\n']), 'so.csv')
    const refused = await fetch(`${url}/console/compare-register`, {
      method: 'POST',
      headers: { cookie, origin: url },
      body: wrong,
    })
    expect([refused.status, (await refused.text()).includes('Thiếu cột code')]).toEqual([422, true])
    expect(await page('discrepancies?kind=different')).toContain(codes[5]!)
    const [own] = await discrepancies('kind=different')
    const form = { state: 'open', kind: 'different', agency: '', field: '', act: 'resend', id: String(own!.id) }
    expect(await (await post('resolve', form, cookie)).text()).toContain('1 sai lệch: Gửi lại')
    expect((await post('resolve', { ...form, sure: '1' }, cookie)).status).toBe(422)
    expect((await post('resolve', { ...form, sure: '1', why: 'sai ở Cổng' }, cookie)).headers.get('location')).toBe(
      'discrepancies?state=open&kind=different',
    )
    await province.until(async () => (await delivered()) === 8, 'it to be sent')
    const again = await post('resolve', { ...form, state: 'acted', act: 'recheck' }, cookie)
    await province.until(async () => (await page(again.headers.get('location')!)).includes('Xong'), 'the second look')
    expect(await kinds('kind=different')).toEqual([])
  })
})

describe('what is sent again where the portal does not show its steps', () => {
  let province: Province
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dialect-'))
    const dialect = join(folder, 'dialect.json')
    await writeFile(dialect, JSON.stringify({ name: 'no-steps', extends: 'sandbox', lookUp: { stepsColumn: null } }))
    province = await startProvince({ settings: { PORTAL_DIALECT: dialect } })
    await province.until(
      async () => (await province.ground.catalogue.fresh()).national.size > 4000,
      'the first pull of the catalogue',
    )
  })
  afterAll(async () => {
    await province.close()
    await rm(folder, { recursive: true })
  })

  it('goes with all its steps when the portal lacks it, and with none when it has come back since it was seen', async () => {
    const steps = [
      step('2020-07-03T08:40:00+07:00', 'received'),
      step('2020-07-03T08:50:00+07:00', 'processing'),
      step('2020-07-03T08:55:00+07:00', 'finished'),
    ]
    const changes = [1, 2].map(() => change({ status: 'processing', steps }))
    await province.push(changes)
    await province.settled()
    const [lost, back] = changes.map(({ code }) => code) as [string, string]
    await fetch(`${province.sandbox.controlUrl}/dossiers/${lost}`, { method: 'DELETE' })
    const { sql } = province.ground
    const run = await startRun(sql, { askedBy: 'test', scope: { only: [lost, back] } })
    await transaction(sql, async (tx) =>
      keepDiscrepancies(tx, run, {
        side: 'portal',
        at: new Date().toISOString(),
        found: [lost, back].map((code) => ({ code, kind: 'missing-there', fields: [] })),
        agreed: [],
      }),
    )
    const filter = DiscrepancyFilter.parse({})
    const resend = openRepair(province.ground)
    expect(await resolve(sql, { filter, act: 'resend', by: 'test', why: 'test' }, resend)).toMatchObject({ done: 2 })
    await province.settled()
    const held = new Map((await province.received()).map(({ code, ...one }) => [code, one]))
    expect(held.get(lost)!.steps).toHaveLength(3)
    expect(held.get(back)!.steps).toHaveLength(3)
    expect(held.get(back)!.updates).toBe(1)
    const orders = await sql`
      select code, array_agg(s.source_status order by acknowledged_at, at) as words, count(*) filter (where s.state = 'delivered')::int as done
      from steps s join dossiers d on d.id = dossier_id group by code`
    for (const { words, done } of orders)
      expect({ words, done }).toEqual({ words: ['received', 'processing', 'finished'], done: 3 })
    // Nothing had stopped: no replay was made of nothing.
    expect(await sql`select from replays`).toHaveLength(0)
  })
})

describe('looks that come late', () => {
  let province: Province
  beforeAll(async () => {
    province = await startProvince({ settings: { ROLES: 'api', CATALOGUE_PULL: 'off' } })
    const { sql } = province.ground
    await sql`
      insert into dossiers (code, source, agency_code, procedure_code, source_status, received_at, changed_at, hash, change_id)
      select code, 'one-stop', 'H34.01', 'P', 'finished', now(), now(), '', 1 from unnest(array['A', 'B', 'C', 'D']) code`
  })
  afterAll(() => province.close())

  it('overrule neither a newer look nor an act, and follow a dossier to another agency', async () => {
    const { sql } = province.ground
    const run = await startRun(sql, { askedBy: 'test', scope: {} })
    const look = (at: Date, looked: { found?: string[]; agreed?: string[]; kind?: 'different' | 'missing-there' }) =>
      transaction(sql, async (tx) =>
        keepDiscrepancies(tx, run, {
          side: 'portal',
          at: at.toISOString(),
          found: (looked.found ?? []).map((code) => ({ code, kind: looked.kind ?? 'different', fields: [] })),
          agreed: (looked.agreed ?? []).map((code) => ({ code })),
        }),
      )
    const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000)
    const rows = () => sql`
      select code, kind, act, closed_how as how from discrepancies order by code, id`
    await look(ago(10), { found: ['A', 'B', 'C'] })
    // B agrees now, and A is another thing than the older look saw; C was acted on since.
    await look(ago(4), { agreed: ['B'] })
    await look(ago(4), { found: ['A'], kind: 'missing-there' })
    await sql`update discrepancies set act = 'resend', acted_at = now(), acted_by = 'x', why = 'x' where code = 'C'`
    await look(ago(6), { found: ['A', 'B', 'C'] })
    await look(ago(6), { agreed: ['A'] })
    expect(await rows()).toEqual([
      { code: 'A', kind: 'missing-there', act: null, how: null },
      { code: 'B', kind: 'different', act: null, how: 'agreed' },
      { code: 'C', kind: 'different', act: 'resend', how: null },
    ])
    await look(new Date(Date.now() + 1000), { found: ['C'] })
    expect((await rows())[2]).toMatchObject({ act: null })
    await sql`update dossiers set agency_code = 'H34.02' where code = 'C'`
    const mine = async (agency: string) => {
      const filter = { ...DiscrepancyFilter.parse({}), agencies: [agency] }
      const { discrepancies } = await listDiscrepancies(sql, filter, { limit: 10 })
      const sums = await sumDiscrepancies(sql, [agency])
      return [discrepancies.map(({ code }) => code), sums.reduce((sum, { count }) => sum + count, 0)]
    }
    expect(await mine('H34.01')).toEqual([['A'], 1])
    expect(await mine('H34.02')).toEqual([['C'], 1])
  })

  it('of a content that cannot be opened say nothing, and keep nobody else from being compared', async () => {
    const { sql, vault, catalogue } = province.ground
    await sql`
      insert into deliveries (dossier_id, agency_code, state, wanted_change_id) select id, agency_code, 'waiting', change_id from dossiers`
    await sql`
      with made as (
        insert into changes (id, dossier_id, number, changed_at, stored_at, source_status, hash, verdict, client_id, content)
        select id, id, 1, now(), now(), 'finished', '', 'stored', 'x', decode('00', 'hex') from dossiers where code in ('A', 'B') returning id, dossier_id
      )
      update deliveries l set delivered_change_id = made.id from made where made.dossier_id = l.dossier_id`
    const ids = (await sql<{ id: number }[]>`select id from dossiers order by code`).map(({ id }) => id)
    const expected = await expectedAtPortal(sql, vault, await catalogue.current(), ids)
    expect(ids.map((id) => expected.get(id))).toEqual(['unreadable', 'unreadable', null, null])
  })
})

describe('the comparison of every day', () => {
  let province: Province
  beforeAll(async () => {
    // Its worker must not take the runs of this test.
    province = await startProvince({ settings: { ROLES: 'api', CATALOGUE_PULL: 'off' } })
    await province.ground.sql`
      insert into dossiers (code, source, agency_code, procedure_code, source_status, received_at, changed_at, hash, change_id)
      select 'D' || n, 'one-stop', 'H34.01', 'P', 'finished', now() - interval '1 year', now(), '', n from generate_series(1, 10) n`
    await province.ground.sql`
      insert into deliveries (dossier_id, agency_code, state, wanted_change_id, delivered_change_id, delivered_at)
      select id, agency_code, 'delivered', change_id, change_id, now() - interval '1 month' from dossiers`
  })
  afterAll(() => province.close())

  const looked: string[] = []
  const run = async (id: number) => {
    looked.length = 0
    const portal = {
      canLookUp: true,
      compare: () => [],
      lookUp: async (code: string) => {
        looked.push(code)
        return { class: 'ok' as const, exchanges: [], record: { fields: {} } }
      },
    }
    const expected = async (ids: number[]) => new Map(ids.map((one) => [one, { dossier: {} as never, steps: [] }]))
    await carry(province.ground.sql, id, () =>
      continueRun({ ...province.ground, portal, expected }, id, { concurrency: 1 }),
    )
  }

  it('looks at all that was delivered since the last one, and at a turn of the others', async () => {
    const { sql } = province.ground
    const first = (await startDaily(sql, 5))!
    expect(await startDaily(sql, 5)).toBeNull()
    expect(await dueRuns(sql)).toEqual([first])
    await run(first)
    // The first one has nothing before it: all that was ever delivered.
    expect(looked).toHaveLength(10)
    expect(await dueRuns(sql)).toEqual([])
    await sql`update deliveries set delivered_at = now() where dossier_id = (select id from dossiers where code = 'D3')`
    const seen = new Set<string>()
    for (let day = 0; day < 5; day += 1) {
      await run((await startDaily(sql, 5))!)
      expect(looked.length).toBeLessThanOrEqual(3)
      if (day === 0) expect(looked).toContain('D3')
      for (const code of looked) seen.add(code)
    }
    expect(seen.size).toBe(10)
  })

  it('is caught up when its hour passed and no process was there, and its last success outlives restarts', async () => {
    const { sql } = province.ground
    expect((await dailyState(sql)).age).toBeLessThan(600)
    const tomorrow = new Date(Date.now() + 86_400_000)
    expect(await isDailyMissed(sql, '01:30', tomorrow)).toBe(true)
    expect(await isDailyMissed(sql, '01:30', new Date(Date.now() - 86_400_000))).toBe(false)
  })

  it('is begun once however many say so, and anew when one came no further for two days', async () => {
    const { sql } = province.ground
    const begun = await Promise.all([1, 2, 3].map(() => startDaily(sql, 5)))
    const [id, ...more] = begun.filter((one) => one !== null)
    expect(more).toEqual([])
    await sql`update reconciliation_runs set started_at = now() - interval '3 days', note = 'The portal does not answer' where id = ${id!}`
    // It waits for the portal and goes on by itself.
    expect(await startDaily(sql, 5)).toBeNull()
    await sql`update reconciliation_runs set note = '' where id = ${id!}`
    const next = await startDaily(sql, 5)
    expect(next).toBeGreaterThan(id!)
    expect((await readRun(sql, id!))!.state).toBe('failed')
    await run(next!)
  })

  it('that was told to stop is taken up at once by another', async () => {
    const { sql } = province.ground
    const id = (await startDaily(sql, 5))!
    const stopping = new AbortController()
    await carry(sql, id, async () => stopping.abort(), stopping.signal)
    expect(await dueRuns(sql)).toEqual([id])
    await run(id)
  })

  it('is one at a time: who comes second leaves it to the first', async () => {
    const { sql } = province.ground
    const id = (await startDaily(sql, 5))!
    const order: string[] = []
    await carry(sql, id, async () => {
      await carry(sql, id, async () => order.push('second'))
      order.push('first')
    })
    expect(order).toEqual(['first'])
    // It did not come to its end: taken up again after a pause.
    expect(await dueRuns(sql)).toEqual([])
    await sql`update reconciliation_runs set carried_until = now() - interval '1 second' where id = ${id}`
    expect(await dueRuns(sql)).toEqual([id])
  })
})
