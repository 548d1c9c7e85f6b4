import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { createPublicReport } from '../../adapters/public-report/report.ts'
import { defaultAlertRules } from '../../config/alerts.ts'
import { publicReportLimits, readPublicReportMap, type PublicReportMap } from '../../config/public-figures.ts'
import { sightings } from '../../src/events/sightings.ts'
import { createKey } from '../../src/platform/auth.ts'
import { fetchOrFail, fetchPublicFigures, type FetchWish } from '../../src/scoring/public-fetch.ts'
import {
  beginFetch,
  isPublicFetchMissed,
  isPublicFetchOwed,
  publicFigures,
  publicFiguresAge,
} from '../../src/scoring/public-store.ts'
import { openCli } from '../support/cli.ts'
import { change, startProvince, type Province } from '../support/province.ts'

const mapFile = fileURLToPath(new URL('../../adapters/sandbox/data/public-report.json', import.meta.url))
const known = readPublicReportMap(readFileSync(mapFile, 'utf8'))
/** One unit a page, so that there are several pages. */
const paged: PublicReportMap = { ...known, pageSize: 1 }
const result = { results: [{ name: 'Giấy phép', url: 'https://one-stop.example/f.pdf' }] }
const dossiers = [
  change({ channel: 'online', ...result }),
  change({ channel: 'online' }),
  change(result),
  change({ agencyCode: 'H34.02' }),
  change({ agencyCode: 'H34.02', receivedAt: '2020-06-30T23:30:00+07:00' }),
]

describe('public figures', () => {
  let province: Province
  beforeAll(async () => {
    province = await startProvince({
      settings: ({ reportUrl }) => ({
        PUBLIC_REPORT_URL: reportUrl,
        PUBLIC_REPORT_MAP: mapFile,
        PUBLIC_REPORT_AT: 'off',
      }),
    })
    await province.until(async () => (await province.ground.catalogue.fresh()).national.size > 0, 'the catalogue')
    await province.push(dossiers)
    await province.settled()
  })
  afterAll(() => province.close())
  beforeEach(async () => {
    await province.faults([])
    await province.ground.sql`delete from public_fetches`
  })

  const fetchAt = (now: string, { map = known, ...wish }: Partial<FetchWish> & { map?: PublicReportMap } = {}) => {
    const own = { pause: [0, 0], waits: [5], longestWait: 10, deadline: 5_000 } as const
    const report = createPublicReport({ baseUrl: province.sandbox.reportUrl, map, ...own, ...publicReportLimits })
    const deps = { sql: province.ground.sql, report, map }
    return fetchPublicFigures(deps, { by: 'test', now: () => new Date(now), ...wish })
  }
  const read = (more: Parameters<typeof publicFigures>[2] = {}, now = '2020-07-15T12:00:00Z') =>
    publicFigures(province.ground.sql, known, more, new Date(now))
  const get = async (path: string, key = province.key) => {
    const answer = await fetch(`${province.house.url}${path}`, { headers: { authorization: `Bearer ${key}` } })
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }
  const syncOf = (figures: Awaited<ReturnType<typeof read>>) => figures.comparisons.find(({ what }) => what === 'sync')

  it('are ours beside the portal’s, of the province and of a unit, each with its day', async () => {
    expect(await fetchAt('2020-07-15T06:00:00+07:00')).toMatchObject({ day: '2020-07-15', asked: 28, answered: 28 })
    const whole = await read()
    expect(whole).toMatchObject({
      complete: { day: '2020-07-15', state: 'complete' },
      later: null,
      unit: { code: null },
      units: ['H34.01', 'H34.02'],
      period: { key: '2020-07', from: '2020-07-01', to: '2020-08-01' },
      periods: ['2020-07', '2020-06', '2020', '2019'],
    })
    expect(whole.comparisons).toMatchObject([
      { what: 'dossiers', ours: { numerator: 4 }, portal: { numerator: 4, denominator: null, rate: null } },
      { what: 'sync', ours: { numerator: 4, denominator: 4 }, portal: { numerator: 4, denominator: 4, rate: 100 } },
      { what: 'online', portal: { numerator: null, denominator: null, rate: 50 } },
      { what: 'electronicResult', portal: { numerator: 2, denominator: 4, rate: 50 } },
    ])
    expect(whole.comparisons[0]!.difference).toEqual({ numerator: 0, denominator: null, rate: null })
    const unit = await read({ agency: 'H34.02', period: '2020-06' })
    expect(syncOf(unit)).toMatchObject({
      ours: { numerator: 1, denominator: 1 },
      portal: { numerator: 1, denominator: 1, rate: 100 },
      difference: { numerator: 0, denominator: 0, rate: { low: 0, high: 0 } },
    })
    // What is told of the whole answer is not told of a unit.
    expect(unit.comparisons[0]).toMatchObject({ what: 'dossiers', portal: { numerator: null } })
    expect(await read({ agency: 'H34.77' })).toMatchObject({ unit: null, comparisons: [] })
  })

  it('show what the portal lost since', async () => {
    const lost = dossiers[2]!.code
    const { payload } = (await province.received()).find(({ code }) => code === lost)!
    await fetch(`${province.sandbox.controlUrl}/dossiers/${lost}`, {
      method: 'PATCH',
      body: JSON.stringify({ NgayTiepNhan: '20200801083000' }),
    })
    await fetchAt('2020-07-15T06:00:00+07:00')
    expect(syncOf(await read())).toMatchObject({
      ours: { numerator: 4 },
      portal: { numerator: 3 },
      difference: { numerator: -1, denominator: -1, rate: { low: 0, high: 0 } },
    })
    await fetch(`${province.sandbox.controlUrl}/dossiers/${lost}`, {
      method: 'PATCH',
      body: JSON.stringify({ NgayTiepNhan: payload['NgayTiepNhan'] }),
    })
  })

  it.each([
    ['2020-07-01T06:00:00+07:00', '2020-07-01', '2020-07'],
    ['2020-07-01T00:30:00+07:00', '2020-07-01', '2020-07'],
    ['2020-06-30T23:59:00+07:00', '2020-06-30', '2020-06'],
  ])('of a run at %s belong to that day and month in Vietnam', async (at, day, month) => {
    expect(await fetchAt(at)).toMatchObject({ day, failure: null })
    expect(await read()).toMatchObject({ complete: { day }, period: { key: month } })
  })

  it.each([
    ['the firewall’s page', { kind: 'html' }, 'figures-blocked', 'support id 0000000000'],
    ['a refusal', { kind: 'json-error-status', value: { status: 403 } }, 'figures-blocked', 'HTTP 403'],
    ['half an answer', { kind: 'half-body' }, 'figures-un', ''],
    ['zeros', { kind: 'zeros' }, 'figures-dropped', 'fell to 0'],
    ['a page that is missing', { kind: 'missing-page' }, 'figures-incomplete', 'rows'],
  ])('that come with %s never take the place of complete ones', async (_name, fault, code, words) => {
    await fetchAt('2020-07-15T06:00:00+07:00', { map: paged })
    await province.faults([{ ...fault, service: 'reporting/transparency' }])
    const failed = await fetchAt('2020-07-16T06:00:00+07:00', { map: paged })
    expect(failed?.failure?.code).toContain(code)
    expect(failed?.failure?.detail).toContain(words)
    const figures = await read()
    expect(figures).toMatchObject({
      complete: { day: '2020-07-15' },
      later: { day: '2020-07-16', state: 'failed', failure: failed?.failure?.code },
    })
    expect(syncOf(figures)).toMatchObject({ portal: { numerator: 4 } })
    const [kept] = await province.ground
      .sql`select count(*)::int as count from public_figures where complete and fetch_id = ${failed!.id}`
    expect(kept).toEqual({ count: 0 })
  })

  it('that fell to nothing are taken when somebody says that it is right', async () => {
    await fetchAt('2020-07-15T06:00:00+07:00')
    await province.faults([{ kind: 'zeros' }])
    const failed = await fetchAt('2020-07-16T06:00:00+07:00')
    expect(failed).toMatchObject({ failure: { code: 'figures-dropped' } })
    expect(await fetchAt('2020-07-16T07:00:00+07:00', { acceptDrop: true })).toMatchObject({ failure: null })
    expect(syncOf(await read())).toMatchObject({ portal: { numerator: 0, rate: 0 } })
  })

  it('that were zero from the start are zero, and a new month may begin with zeros', async () => {
    expect(await fetchAt('2020-09-01T06:00:00+07:00')).toMatchObject({ failure: null })
    expect(await fetchAt('2020-09-02T06:00:00+07:00')).toMatchObject({ failure: null })
    expect(syncOf(await read())).toMatchObject({ portal: { numerator: 0, denominator: 0 } })
  })

  it('are kept once for a day, and for each day', async () => {
    for (const at of ['2020-07-14T06:00', '2020-07-15T06:00', '2020-07-15T18:00']) await fetchAt(`${at}:00+07:00`)
    const rows = await province.ground.sql`
      select to_char(f.day, 'YYYY-MM-DD') as day, count(*)::int as reports from public_fetches f join public_figures on fetch_id = f.id group by 1 order by 1`
    expect([...rows]).toEqual([
      { day: '2020-07-14', reports: 28 },
      { day: '2020-07-15', reports: 28 },
    ])
    expect(await read()).toMatchObject({ complete: { finishedAt: '2020-07-15T11:00:00.000Z' } })
  })

  it('are fetched by one at a time; one that was left by its process holds nobody up', async () => {
    const { sql } = province.ground
    const begin = (now: string) => beginFetch(sql, { by: 'test', day: '2020-07-15', asked: 1, now: new Date(now) })
    expect(await begin('2020-07-15T06:00:00+07:00')).toBeTypeOf('number')
    expect(await fetchAt('2020-07-15T06:10:00+07:00')).toBeNull()
    expect(await fetchAt('2020-07-15T09:00:00+07:00')).toMatchObject({ failure: null })
    expect(await sql`select state, detail from public_fetches order by id`).toMatchObject([
      { state: 'failed', detail: 'It was left by its process' },
      { state: 'complete' },
    ])
  })

  it('are owed when the hour has passed without them, and a start does not reset the last success', async () => {
    const { sql } = province.ground
    const missed = (now: string) => isPublicFetchMissed(sql, '06:00', new Date(now))
    expect(await missed('2020-07-15T05:00:00+07:00')).toBe(true)
    await fetchAt('2020-07-15T06:00:00+07:00')
    expect(await missed('2020-07-15T23:59:00+07:00')).toBe(false)
    expect(await missed('2020-07-16T00:30:00+07:00')).toBe(false)
    expect(await missed('2020-07-16T06:01:00+07:00')).toBe(true)
    // By the clock of a worker that is a little behind.
    expect(await isPublicFetchOwed(sql, '06:00', new Date('2020-07-16T05:59:58+07:00'))).toBe(true)
    await province.faults([{ kind: 'html' }])
    const deps = {
      sql,
      report: createPublicReport({
        baseUrl: province.sandbox.reportUrl,
        map: known,
        pause: [0, 0],
        waits: [],
        longestWait: 1,
        deadline: 5_000,
        ...publicReportLimits,
      }),
      map: known,
    }
    await expect(fetchOrFail(deps, { by: 'test', now: () => new Date('2020-07-16T06:02:00+07:00') })).rejects.toThrow(
      'figures-blocked',
    )
    // A process that was killed left its fetch behind: whoever comes meanwhile comes again.
    await beginFetch(sql, { by: 'test', day: '2020-07-16', asked: 1, now: new Date('2020-07-16T06:03:00+07:00') })
    await expect(fetchOrFail(deps, { by: 'test', now: () => new Date('2020-07-16T06:05:00+07:00') })).rejects.toThrow(
      'Another fetch',
    )
    expect(await missed('2020-07-16T06:10:00+07:00')).toBe(false)
    expect(await missed('2020-07-16T07:00:00+07:00')).toBe(true)
    expect(await publicFiguresAge(sql, Date.parse('2020-07-16T07:00:00+07:00'))).toBe(25 * 3600)
  })

  it('that are old are told, while somebody still asks', async () => {
    const { sql } = province.ground
    const rules = new Map([...defaultAlertRules].filter(([name]) => name === 'public-figures-stale'))
    const told = () => sightings({ sql, movement: async () => ({ ok: true, reason: null }) }, rules)
    const at = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString()
    expect(await told()).toEqual([])
    await fetchAt(at(40))
    expect(await told()).toEqual([])
    await fetchAt(at(3))
    expect(await told()).toMatchObject([{ rule: 'public-figures-stale', code: 'no-progress' }])
    await province.faults([{ kind: 'html' }])
    await fetchAt(at(1))
    expect(await told()).toMatchObject([{ code: 'figures-blocked' }])
    await province.faults([])
    await fetchAt(at(0))
    expect(await told()).toEqual([])
    const metrics = await (await fetch(`${province.house.url}/metrics`)).text()
    expect(Number(/^dvcqg_public_figures_age_seconds (\S+)$/m.exec(metrics)?.[1])).toBeLessThan(600)
  })

  it('are handed out by the API to whoever may see the unit', async () => {
    await fetchAt('2020-07-15T06:00:00+07:00')
    const { status, body } = await get('/v1/scores/public?period=2020')
    expect(status).toBe(200)
    expect(body).toMatchObject({ stale: true, unit: { code: null }, period: { key: '2020', from: '2020-01-01' } })
    const limited = await createKey(province.ground.sql, {
      name: 'office',
      source: 'one-stop',
      rights: ['reports:read'],
      agencies: ['H34.02'],
      by: 'test',
    })
    const own = await get('/v1/scores/public', limited.key)
    expect(own.body).toMatchObject({ unit: { code: 'H34.02' }, units: ['H34.02'] })
    // Either notation is the same unit.
    expect((await get('/v1/scores/public?agency=000.00.02.H34', limited.key)).body).toMatchObject({
      unit: { code: 'H34.02' },
    })
    expect((await get('/v1/scores/public?agency=H34.01', limited.key)).body).toMatchObject({
      unit: null,
      comparisons: [],
    })
    expect((await get('/v1/scores/public?period=now')).status).toBe(422)
    const raw = '/v1/scores/public/raw?report=transparency&period=2020-07'
    expect((await get(raw)).body).toMatchObject({ day: '2020-07-15', told: [{ children: { length: 2 } }] })
    const part = (await get(raw, limited.key)).body
    expect(part).toMatchObject({ told: [{ departmentName: 'Sở Xây dựng' }] })
    expect(JSON.stringify(part)).not.toContain('Sở Tư pháp')
    expect((await get(`${raw}&agency=H34.01`, limited.key)).status).toBe(404)
  })

  it('stand on the score page with their age, and every number opens', async () => {
    const { key } = await createKey(province.ground.sql, {
      name: 'Trần Văn B',
      source: 'console',
      rights: ['reports:read'],
      agencies: ['*'],
      person: true,
      by: 'test',
    })
    const url = `${province.house.url}/console/`
    const entered = await fetch(`${url}sign-in`, {
      method: 'POST',
      headers: { origin: province.house.url },
      body: new URLSearchParams({ key }),
      redirect: 'manual',
    })
    const cookie = entered.headers.get('set-cookie')!.split(';')[0]!
    const page = async (path: string) => {
      const answer = await fetch(url + path, { headers: { cookie } })
      return { status: answer.status, text: await answer.text() }
    }
    expect((await page('score')).text).toContain('Chưa lần nào tải được đủ.')
    await fetchAt('2020-07-15T06:00:00+07:00')
    await province.faults([{ kind: 'html' }])
    await fetchAt('2020-07-16T06:00:00+07:00')
    const { text } = await page('score')
    expect(text).toContain('Số liệu công khai của Cổng')
    expect(text).toContain('Số của ngày 15/07/2020')
    expect(text).toContain('Số cũ')
    expect(text).toContain('support id 0000000000')
    expect(text).toContain('hệ thống báo cáo quốc gia')
    expect(text).toContain('chưa biết')
    const links = [...text.matchAll(/href="((?:score-public|score-dossiers|dossiers)\?[^"]*)"/g)].map(([, to]) =>
      to!.replaceAll('&amp;', '&'),
    )
    expect(links.length).toBeGreaterThan(8)
    for (const link of links) expect([link, (await page(link)).status]).toEqual([link, 200])
    const raw = await page('score-public?report=transparency&period=2020-07&agency=H34.01')
    expect(raw.text).toContain('DOSSIER_SYNC')
    expect(raw.text).not.toContain('Sở Xây dựng')
    expect((await page('score-public?report=transparency&period=2018')).status).toBe(404)
    expect((await page('score?agency=H34.02&public=2020-06')).text).toContain('Tháng 06/2020')
    const counted = async (query: string) => {
      const parts = (await page(`report${query}`)).text.split('Cổng tự đếm')
      return parts.length === 1
        ? null
        : parts
            .at(-1)!
            .replaceAll(/<[^>]*>/g, ' ')
            .replaceAll(/\s+/g, ' ')
    }
    // Month, received, at the portal, as the portal counts and on which day, difference.
    expect(await counted('')).toContain('07/2020 4 4 4 15/07/2020 0 06/2020 1 1 1 15/07/2020 0')
    expect(await counted('?agency=H34.01')).toBeNull()
    // A month that the period cuts is not held against a whole one.
    expect(await counted('?from=2020-06-01&to=2020-07-03')).not.toContain('07/2020 4')
    expect(await counted('?from=2020-06-01&to=2020-07-03')).toContain('06/2020 1')
    expect(await counted('?from=2020-07-02&to=2020-08-01')).toBeNull()
  })

  it('are fetched and shown by the command line', async () => {
    const cli = await openCli()
    onTestFinished(() => cli.close())
    const run = (...args: string[]) => cli.run(args, province.environment)
    await fetchAt('2020-07-15T06:00:00+07:00')
    const shown = await run('public-figures', 'show', '--lang', 'en')
    expect(shown).toMatchObject({ code: 0 })
    expect(shown.out).toContain('As of 2020-07-15')
    expect(shown.out).toMatch(/1\.4 Dossiers synced +100\.0 % +4 \/ 4 +100\.0 % +4 \/ 4/)
    expect(await run('public-figures', 'show', '--agency', 'H99')).toMatchObject({ code: 2 })
    await province.faults([{ kind: 'json-error-status', value: { status: 404 } }])
    const failed = await run('public-figures', 'fetch', '--json')
    expect(failed).toMatchObject({ code: 1 })
    expect(JSON.parse(failed.out)).toMatchObject({ answered: 0, failure: { code: 'figures-unreadable' } })
    const off = { ...province.environment, PUBLIC_REPORT_URL: '' }
    expect(await cli.run(['public-figures', 'show'], off)).toMatchObject({ code: 2 })
  })
})

describe('public figures that were missed', () => {
  it('are fetched when a process is there again, once', async () => {
    const quick = { pause: [0, 0], waits: [], longestWait: 0, deadline: 5_000 } as const
    const province = await startProvince({
      policies: { publicReport: quick },
      settings: ({ reportUrl }) => ({
        PUBLIC_REPORT_URL: reportUrl,
        PUBLIC_REPORT_MAP: mapFile,
        PUBLIC_REPORT_AT: '00:00',
      }),
    })
    onTestFinished(() => province.close())
    const fetches = () => province.ground.sql`select state, asked_by as by from public_fetches`
    await province.until(async () => (await fetches()).some(({ state }) => state !== 'running'), 'the fetch')
    expect([...(await fetches())]).toEqual([{ state: 'complete', by: 'schedule' }])
    expect(await isPublicFetchMissed(province.ground.sql, '00:00', new Date(Date.now() + 3_600_000))).toBe(false)
  })
})
