import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createKey, revokeKey } from '../../src/platform/auth.ts'
import { openWorkbook } from '../../src/platform/xlsx.ts'
import { portalHealth } from '../../src/delivery/portal-health.ts'
import { lastMonths, monthlyTrend, movedMonths, takeSnapshot, trend } from '../../src/reconciliation/snapshots.ts'
import { change, startProvince, type Province } from '../support/province.ts'

async function signIn({ ground, house }: Province, agencies: string[]) {
  const { id, key } = await createKey(ground.sql, {
    name: `Trần Văn B ${agencies.join(' ')}`,
    source: 'console',
    rights: ['reports:read'],
    agencies,
    person: true,
    by: 'test',
  })
  const signedIn = await fetch(`${house.url}/console/sign-in`, {
    method: 'POST',
    headers: { origin: house.url },
    body: new URLSearchParams({ key }),
    redirect: 'manual',
  })
  return { id, cookie: signedIn.headers.get('set-cookie')!.split(';')[0]! }
}

describe('the overview', () => {
  let province: Province
  let cookie: string
  let id: string
  beforeAll(async () => {
    province = await startProvince()
    await province.until(
      async () => (await province.ground.catalogue.fresh()).national.size > 4000,
      'the first pull of the catalogue',
    )
    ;({ id, cookie } = await signIn(province, ['*']))
  })
  afterAll(() => province.close())

  const received = (receivedAt: string) => ({ receivedAt, changedAt: receivedAt, promisedAt: receivedAt })
  const now = new Date().toISOString()

  it('tells rate, causes, backlog and whether the portal answers', async () => {
    await province.push([change(received(now)), change({ ...received(now), procedureCode: 'TT-LA' })])
    await province.settled()
    const page = await (await fetch(`${province.house.url}/console/overview`, { headers: { cookie } })).text()
    expect(page).toContain('50,0 %')
    expect(page).toContain('cause=no-national-code')
    expect(page).toContain('Công việc đang chạy bình thường')
    expect(page).toContain('Chưa rõ kết quả')
    expect(page).toContain('data-live="overview-live"')
  })

  it('tells the way to the portal from the portal, by the newest calls', async () => {
    const { sql } = province.ground
    const before = await portalHealth(sql)
    expect(before).toMatchObject({ reached: true, failures: [] })
    expect(before.good).toBe(before.calls)
    expect(before.slowest).toBeGreaterThan(0)
    const call = (kind: string, status: number | null) => sql`
      insert into exchanges (service, class, http_status, items, bytes_out, bytes_in, request_in, request_out, response_in, response_out)
      values ('DongBoHoSoMC', ${kind}, ${status}, 1, 1, 1, now(), now(), null, now())`
    await call('unknown', 502)
    await call('unknown', 502)
    await call('busy', null)
    const after = await portalHealth(sql)
    expect(after).toMatchObject({ reached: false, good: before.good, calls: before.calls + 3 })
    expect(after.failures).toEqual([
      { failure: 'portal-error', count: 2 },
      { failure: 'portal-unreachable', count: 1 },
    ])
    await sql`delete from exchanges where class in ('unknown', 'busy')`
  })

  it('leads to the report, which is taken away as a workbook and as a page of its own', async () => {
    const get = (path: string) => fetch(`${province.house.url}/console/${path}`, { headers: { cookie } })
    expect(await (await get('report')).text()).toContain('report-file?from=')
    const book = openWorkbook(new Uint8Array(await (await get('report-file?format=xlsx')).arrayBuffer()))
    expect(book.sheets).toEqual(['Tổng hợp', 'Theo cấp', 'Theo cơ quan', 'Theo thủ tục', 'Theo tháng tiếp nhận'])
    const rows = book.rows('Theo cơ quan').map(({ cells }) => cells)
    expect(rows[0]!.slice(0, 5)).toEqual(['Mã', 'Tên', 'Đã tiếp nhận', 'Đã đồng bộ', 'Tỷ lệ'])
    expect(rows[1]).toEqual(['H34.01', 'Sở Tư pháp', '2', '1', '0.5', '1'])
    const paper = await get('report-file?format=pdf')
    expect(paper.headers.get('content-type')).toBe('application/pdf')
    expect(paper.headers.get('content-disposition')).toMatch(/ty-le-dong-bo-[\d-]+\.pdf/)
    expect(Buffer.from(await paper.arrayBuffer()).toString('latin1')).toMatch(/^%PDF-1\.7[^]*\/Lang \(vi\)/)
    const file = await (await get('report-file?format=html')).text()
    expect(file).toContain('50,0 %')
    expect(file).not.toMatch(/<script|href="http/)
  })

  it('is renewed while it is looked at, keeps nobody signed in, and ends with the key', async () => {
    const [before] = await province.ground
      .sql`update console_sessions set seen_at = now() - interval '5 minutes' returning seen_at`
    const leaving = new AbortController()
    const live = await fetch(`${province.house.url}/console/overview-live`, {
      headers: { cookie },
      signal: leaving.signal,
    })
    expect(live.headers.get('content-type')).toContain('text/event-stream')
    const reader = live.body!.getReader()
    const first = new TextDecoder().decode((await reader.read()).value)
    expect(first).toMatch(/^data: ".*\\n.*"\n\n$/s)
    expect(JSON.parse(first.slice('data: '.length))).toContain('no-national-code')
    const [after] = await province.ground.sql`select seen_at from console_sessions`
    expect(after!['seen_at']).toEqual(before!['seen_at'])
    await revokeKey(province.ground.sql, id, 'test')
    // The next one finds nobody.
    for (;;) if ((await reader.read()).done) break
    leaving.abort()
    const none = await fetch(`${province.house.url}/console/overview-live`, { headers: { cookie } })
    expect(none.status).toBe(401)
  })

  it('draws days that were kept, and months that moved after they ended', async () => {
    const { sql } = province.ground
    await province.push([change(received('2026-08-10T09:00:00+07:00'))])
    await province.settled()
    await sql`update deliveries set state = 'parked', reason = 'portal-refused' where dossier_id = (select id from dossiers where received_at < '2026-09-01' order by id desc limit 1)`
    await takeSnapshot(sql, new Date('2026-09-02T03:00:00+07:00'))
    await takeSnapshot(sql, new Date('2026-09-02T04:00:00+07:00'))
    expect(await trend(sql, 30)).toMatchObject([{ day: '2026-09-02', received: 3, delivered: 1, rate: 33.3 }])
    expect(await movedMonths(sql, 6)).toEqual([])
    await sql`update deliveries set state = 'delivered', reason = null where state = 'parked'`
    await takeSnapshot(sql, new Date('2026-09-03T03:00:00+07:00'))
    expect((await trend(sql, 30)).map(({ rate }) => rate)).toEqual([33.3, 66.6])
    expect(await monthlyTrend(sql, 12)).toMatchObject([{ day: '2026-09-03', rate: 66.6 }])
    expect(await lastMonths(sql, 12)).toMatchObject([
      { key: '2026-08', received: 1, rate: 100 },
      { key: now.slice(0, 7), received: 2, rate: 50 },
    ])
    await takeSnapshot(sql, new Date('2026-10-01T03:00:00+07:00'))
    expect((await monthlyTrend(sql, 12)).map(({ day }) => day)).toEqual(['2026-09-03', '2026-10-01'])
    expect(await movedMonths(sql, 6)).toMatchObject([
      { month: '2026-08', first: { day: '2026-09-02', rate: 0 }, last: { day: '2026-10-01', rate: 100 } },
    ])
    expect(await trend(sql, 30, ['H34.02'])).toEqual([])
  })

  it('draws the past of one agency beside its report, for who may see it', async () => {
    const past = '3 ngày qua, tính cả hồ sơ các năm'
    const report = async (who: string, query: string) =>
      (await fetch(`${province.house.url}/console/report?${query}`, { headers: { cookie: who } })).text()
    const whole = (await signIn(province, ['*'])).cookie
    expect(await report(whole, '')).toContain('href="report?from=')
    expect(await report(whole, 'agency=H34.01')).toContain(past)
    expect(await report(whole, 'agency=H34.02')).not.toContain(past)
    expect(await report(whole, 'procedure=TT-LA')).not.toContain(past)
    const other = (await signIn(province, ['H34.02'])).cookie
    expect(await report(other, 'agency=H34.01')).not.toContain(past)
    const overview = async () =>
      (await fetch(`${province.house.url}/console/overview`, { headers: { cookie: whole } })).text()
    const months = '12 tháng tiếp nhận gần nhất'
    await province.until(async () => (await overview()).includes(months), 'the months', 30_000)
    expect(await overview()).toContain('dossiers?from=2026-08-01&amp;to=2026-09-01&amp;state=gap')
    // Read once for all pages that stand open.
    await province.ground.sql`delete from sync_snapshots`
    expect(await overview()).toContain(months)
  })
})

describe('the overview of a province whose dossiers are of another year', () => {
  let province: Province
  beforeAll(async () => {
    province = await startProvince({ settings: { ROLES: 'api', CATALOGUE_PULL: 'off' } })
    const { sql } = province.ground
    await sql`
      insert into dossiers (code, source, agency_code, procedure_code, source_status, received_at, changed_at, hash, change_id)
      values ('CU', 'one-stop', 'H34.02', 'P', 'finished', '2020-07-01', now(), '', 1)`
    await sql`
      insert into deliveries (dossier_id, agency_code, state, wanted_change_id) select id, agency_code, 'waiting', 1 from dossiers`
  })
  afterAll(() => province.close())

  const get = async (path: string, cookie: string) =>
    (await fetch(`${province.house.url}/console/${path}`, { headers: { cookie } })).text()

  it('shows the newest year in which something was received, and says which', async () => {
    const { cookie } = await signIn(province, ['*'])
    const page = await get('overview', cookie)
    expect(page).toContain('Đã tiếp nhận năm 2020')
    expect(page).toContain('dossiers?from=2020-01-01')
    for (const path of ['report', 'dossiers', 'score'])
      expect([path, await get(path, cookie)]).toEqual([path, expect.stringContaining('2020-01-01') as string])
    expect(page).toContain('Chưa rõ kết quả')
  })

  it('counts for who sees one agency neither the dossiers nor the backlog of others', async () => {
    const { cookie } = await signIn(province, ['H34.01'])
    const page = await get('overview', cookie)
    expect(page).toContain(`Đã tiếp nhận năm ${new Date().getFullYear()}`)
    expect(page).not.toContain('Chưa rõ kết quả')
    expect(page).not.toContain('Chờ gửi')
    // Whether the portal answers concerns everybody; how much the province calls it does not.
    const { sql } = province.ground
    await sql`
      insert into exchanges (service, class, http_status, items, bytes_out, bytes_in, request_in, request_out, response_in, response_out)
      values ('DongBoHoSoMC', 'unknown', 502, 1, 1, 1, now(), now(), null, now())`
    const { cookie: ofAll } = await signIn(province, ['*'])
    const ofOthers = cookie
    // What several look at is read once in a while.
    await province.until(async () => (await get('overview', ofAll)).includes('lượt gọi'), 'the call to be seen')
    const later = await get('overview', ofOthers)
    expect(later).toContain('Cổng và máy chủ bảo mật')
    expect(later).not.toMatch(/lượt gọi|class="changes"/)
  })
})
