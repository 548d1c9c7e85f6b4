import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { indicators, scoreConflicts, type Indicator } from '../../config/score-766.ts'
import type { Outcome } from '../../config/score-reasons.ts'
import { createKey } from '../../src/platform/auth.ts'
import { importStatuses } from '../../src/procedures/store.ts'
import { recomputeScores } from '../../src/scoring/recompute.ts'
import { dossiersBehind, readDossierScore, scoreReport } from '../../src/scoring/store.ts'
import { openCli } from '../support/cli.ts'
import { change, startProvince, step, type Province } from '../support/province.ts'

const year = { from: '2020-01-01', to: '2021-01-01' }
const outcomes: readonly Outcome[] = ['wins', 'loses', 'not-counted', 'unknown']
const file = { url: 'https://one-stop.example/f.pdf' }
const day = (number: number) => `2020-07-${String(number).padStart(2, '0')}T09:00:00+07:00`
const supplement = (number: number) => ({
  id: `S${number}`,
  requestedBy: 'B',
  content: 'Bổ sung',
  requestedAt: day(number),
})
const secret = 'Nguyễn Văn Mẫu'

const winner = {
  status: 'returned',
  channel: 'online',
  finishedAt: day(8),
  fees: [{ name: 'Lệ phí', amount: 10_000 }],
  paidOnline: 'on-portal',
  papers: [{ name: 'Đơn', ...file, reused: 'yes', fromNationalStore: true }],
  results: [{ name: 'Giấy phép', ...file }],
}
const changes = [
  change(winner),
  change({ ...winner, results: [{ name: 'Giấy phép' }] }),
  change({ ...winner, channel: undefined, paidOnline: 'no', finishedAt: day(20) }),
  change({ agencyCode: 'H34.02', receivedAt: day(31), promisedAt: undefined }),
  change({ agencyCode: 'H34.02', supplements: [supplement(5), supplement(6)] }),
  change({ agencyCode: 'H34.02', supplements: [supplement(5)], channel: 'post' }),
  change({ status: 'stopped', steps: [step(day(9), 'stopped')] }),
  change({ status: 'stopped', steps: [step(day(19), 'stopped')] }),
  change({ status: 'withdrawn', databases: ['7'] }),
  change({ steps: [step(day(4), 'supplement-requested'), step(day(5), 'processing')] }),
  change({ steps: [step(day(4), 'supplement-requested'), step(day(6), 'supplement-requested')] }),
  change({ promisedAt: '2099-01-01T00:00:00Z', verifiedWithVneid: true }),
  change({ procedureCode: 'LẠ', fees: [{ name: 'Lệ phí', amount: 0 }] }),
  change({ status: 'Từ lạ' }),
  // In Vietnam it belongs to the year, in UTC as well to the last day of the one before.
  change({ receivedAt: '2020-01-01T00:30:00+07:00', finishedAt: day(1) }),
  change({ receivedAt: '2019-12-31T23:30:00+07:00' }),
]

describe('scores', () => {
  let province: Province
  const now = new Date()
  beforeAll(async () => {
    province = await startProvince()
    await province.until(async () => (await province.ground.catalogue.fresh()).national.size > 0, 'the catalogue')
    await province.push(changes)
    await province.settled()
  })
  afterAll(() => province.close())

  const get = async (path: string, key = province.key) => {
    const answer = await fetch(`${province.house.url}${path}`, { headers: { authorization: `Bearer ${key}` } })
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }

  const ready = async () => {
    const { sql, vault, catalogue } = province.ground
    return { sql, vault, catalogue: await catalogue.fresh() }
  }

  /** The same by the rules for single dossiers. */
  async function oneByOne() {
    const deps = await ready()
    const counts = new Map<string, number>()
    for (const { code, receivedAt } of changes) {
      if (Date.parse(receivedAt as string) < Date.parse('2020-01-01T00:00:00+07:00')) continue
      // Beyond the end of the period nothing is compared with now.
      const score = await readDossierScore(deps, code, new Date('2021-01-01T00:00:00+07:00'))
      for (const { indicator, outcome, reason } of score!.outcomes)
        for (const key of [`${indicator} ${outcome}`, `${indicator} ${reason}`])
          counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    return counts
  }

  async function expectSameAsOneByOne() {
    const counts = await oneByOne()
    const { total } = await scoreReport(province.ground.sql, year, 'metrics-2026', now)
    expect(total).toMatchObject({ received: 15, notJudged: 0 })
    for (const { indicator, wins, loses, unknown, notCounted, reasons } of total.indicators) {
      expect([wins, loses, notCounted, unknown]).toEqual(outcomes.map((one) => counts.get(`${indicator} ${one}`) ?? 0))
      for (const [reason, count] of Object.entries(reasons)) expect(count).toBe(counts.get(`${indicator} ${reason}`))
    }
  }

  it('add up to what the rules say of each dossier', expectSameAsOneByOne)

  it('keep nothing of a content but letters', async () => {
    const rows = await province.ground.sql<{ outcomes: string }[]>`select outcomes from dossiers`
    for (const { outcomes: marks } of rows) expect(marks).toMatch(/^1[A-Za-z]{8}$/)
  })

  it('open each number to exactly as many dossiers, newest first', async () => {
    const { sql } = province.ground
    const { total } = await scoreReport(sql, year, 'metrics-2026', now)
    for (const figures of total.indicators)
      for (const outcome of outcomes) {
        const count = figures[outcome === 'not-counted' ? 'notCounted' : outcome]
        const found: string[] = []
        let cursor: string | undefined
        do {
          const page = await dossiersBehind(
            sql,
            { ...year, indicator: figures.indicator, outcome, cursor, limit: 4 },
            now,
          )
          found.push(...page.dossiers.map(({ code }) => code))
          cursor = page.next ?? undefined
        } while (cursor !== undefined)
        expect(new Set(found).size).toBe(count)
        expect(found).toHaveLength(count)
      }
  })

  it('are told by agency and by month in Vietnam, and add up', async () => {
    const report = await scoreReport(province.ground.sql, year, 'metrics-2026', now)
    expect(report.byMonth.map(({ key, received }) => [key, received])).toEqual([
      ['2020-01', 1],
      ['2020-07', 14],
    ])
    expect(report.byAgency.map(({ key, name, received }) => [key, name, received])).toEqual([
      ['H34.01', 'Sở Tư pháp', 12],
      ['H34.02', 'Sở Xây dựng', 3],
    ])
    for (const parts of [report.byAgency, report.byMonth])
      for (const [place, whole] of report.total.indicators.entries())
        for (const what of ['wins', 'loses', 'unknown', 'notCounted'] as const)
          expect(parts.reduce((sum, part) => sum + part.indicators[place]![what], 0)).toBe(whole[what])
    const limited = await scoreReport(province.ground.sql, { ...year, agencies: ['H34.02'] }, 'metrics-2026', now)
    expect(limited.total.received).toBe(3)
  })

  it('estimate points only by a version that gives them, and multiply 3.3 by the sync rate', async () => {
    const { sql } = province.ground
    const of = async (version: 'metrics-2026' | 'note-2026', indicator: Indicator) =>
      (await scoreReport(sql, year, version, now)).total.indicators.find((one) => one.indicator === indicator)!
    // 13 of 15 reached the portal: a procedure and a status are not mapped.
    expect(await of('metrics-2026', 'sync')).toMatchObject({
      wins: 13,
      ratio: { low: 86.6, high: 86.6 },
      maximum: 6,
      points: { low: 5.2, high: 5.2 },
    })
    expect(await of('metrics-2026', 'online')).toMatchObject({
      wins: 1,
      ratio: { low: 6.6 },
      factor: 86.6,
      ratioWithFactor: { low: 5.7 },
      maximum: null,
      points: null,
    })
    expect(await of('metrics-2026', 'digitised')).toMatchObject({
      wins: 2,
      loses: 13,
      threshold: 80,
      points: { low: 0.66, high: 0.66 },
    })
    for (const indicator of indicators)
      expect(await of('note-2026', indicator)).toMatchObject({
        maximum: null,
        points: null,
        versions: { formula: 'note-2026', points: 'note-2026' },
      })
  })

  it('name the dossiers that would raise the points most', async () => {
    const { gains } = await scoreReport(province.ground.sql, year, 'metrics-2026', now)
    expect(gains[0]!.points).toBeGreaterThan(0)
    expect(gains.map(({ points }) => points)).toEqual(gains.map(({ points }) => points).toSorted((a, b) => b - a))
    expect(gains.find(({ code }) => code === changes[2]!.code)?.loses).toContainEqual({
      indicator: 'onTime',
      reason: 'late',
    })
    expect(gains.map(({ code }) => code)).not.toContain(changes[0]!.code)
  })

  it('are judged afterwards where they were stored before, and again once started over', async () => {
    const deps = await ready()
    const { sql } = deps
    await sql`update dossiers set outcomes = case when id % 2 = 0 then '0xxxxxxxx' end, due_at = null`
    const before = await scoreReport(sql, year, 'metrics-2026', now)
    expect(before.total).toMatchObject({ received: 15, notJudged: 15 })
    for (const { indicator, unknown } of before.total.indicators) expect(unknown).toBe(indicator === 'sync' ? 0 : 15)
    expect(before.total.indicators[0]).toMatchObject({ indicator: 'sync', wins: 13 })
    const stop = AbortSignal.abort()
    expect(await recomputeScores(deps, { stop })).toEqual({ judged: 0, gone: 0, left: 16 })
    expect(await recomputeScores(deps)).toEqual({ judged: 16, gone: 0, left: 0 })
    expect(await recomputeScores(deps)).toEqual({ judged: 0, gone: 0, left: 0 })
    await expectSameAsOneByOne()
  })

  it('learn what a status word means once it is mapped', async () => {
    const { sql } = province.ground
    const unmapped = {
      ...year,
      indicator: 'onTime',
      outcome: 'unknown',
      reason: 'status-unmapped',
      limit: 100,
    } as const
    expect((await dossiersBehind(sql, unmapped, now)).dossiers).toHaveLength(1)
    await importStatuses(sql, [{ source: 'one-stop', localStatus: 'Từ lạ', status: 'processing' }])
    const deps = await ready()
    expect(await recomputeScores(deps)).toEqual({ judged: 1, gone: 0, left: 0 })
    expect((await dossiersBehind(sql, unmapped, now)).dossiers).toEqual([])
    expect(await recomputeScores(deps)).toEqual({ judged: 0, gone: 0, left: 0 })
    // The dossier goes out now, which the next numbers would tell or not.
    const synced = async () => (await scoreReport(sql, year, 'metrics-2026', now)).total.indicators[0]!.wins
    await province.until(async () => (await synced()) === 14, 'the dossier that was blocked')
    await province.settled()
    await expectSameAsOneByOne()
  })

  it('follow a newer content', async () => {
    const [first] = changes
    await province.push([{ ...first, changedAt: '2020-07-09T09:00:00+07:00', channel: 'counter' }])
    const { dossiers } = await dossiersBehind(province.ground.sql, {
      ...year,
      indicator: 'online',
      outcome: 'loses',
      reason: 'counter',
      limit: 100,
    })
    expect(dossiers.map(({ code }) => code)).toContain(first!.code)
    await province.settled()
  })

  it('are served, without personal data, to whom they may be', async () => {
    const period = 'from=2020-01-01&to=2021-01-01'
    const report = await get(`/v1/scores?${period}&agency=`)
    expect(report.body).toMatchObject({ version: 'metrics-2026', formula: 'note-2026', total: { received: 15 } })
    expect(report.body['sources']).toHaveLength(2)
    expect(report.body['conflicts']).toHaveLength(scoreConflicts.length)
    const late = await get(`/v1/scores/dossiers?${period}&indicator=onTime&outcome=loses&reason=late`)
    expect(late.body['dossiers']).toMatchObject([
      { why: { en: 'Done after the promised date' } },
      { why: { en: 'Done after the promised date' } },
    ])
    const one = await get(`/v1/dossiers/${changes[2]!.code}/score`)
    expect(one.body['outcomes']).toMatchObject(indicators.map((indicator) => ({ indicator })))
    expect(JSON.stringify([report, late, one])).not.toContain(secret)

    const wish = { name: 'A', source: 'one-stop', agencies: ['H34.02'], by: 'test' }
    const { key } = await createKey(province.ground.sql, { ...wish, rights: ['reports:read', 'dossiers:read'] })
    expect((await get(`/v1/scores?${period}`, key)).body).toMatchObject({ total: { received: 3 } })
    expect((await get(`/v1/dossiers/${changes[0]!.code}/score`, key)).status).toBe(404)
    expect((await get(`/v1/dossiers/${changes[3]!.code}/score`, key)).status).toBe(200)
    for (const wrong of [
      '/v1/scores?version=best',
      '/v1/scores?from=2021-01-01&to=2020-01-01',
      '/v1/scores/dossiers?indicator=x&outcome=wins',
    ])
      expect((await get(wrong)).status).toBe(422)
  })

  it('are shown on the command line, which judges what is left', async () => {
    const { sql } = province.ground
    await sql`update dossiers set outcomes = null`
    const cli = await openCli()
    try {
      const run = (...args: string[]) => cli.run(args, province.environment)
      const before = await run('score', '--from', '2020-01-01', '--to', '2021-01-01', '--lang', 'en')
      expect(before.out).toContain('Not judged yet: 15')
      expect((await run('score', 'recompute')).out).toContain('16 dossiers judged, 0 whose content is gone, 0 left')
      const after = await run('score', '--from', '2020-01-01', '--to', '2021-01-01', '--json')
      expect(JSON.parse(after.out)).toMatchObject({ version: 'metrics-2026', total: { received: 15, notJudged: 0 } })
      expect((await run('score', '--from', '2021-01-01', '--to', '2020-01-01')).code).toBe(2)
    } finally {
      cli.close()
    }
  })

  it('are pages on which every number opens to its dossiers', async () => {
    const { sql } = province.ground
    const wish = { name: 'B', source: 'console', person: true, by: 'test' } as const
    const { key } = await createKey(sql, { ...wish, rights: ['reports:read'], agencies: ['H34.01', 'H34.02'] })
    const { url } = province.house
    const signedIn = await fetch(`${url}/console/sign-in`, {
      method: 'POST',
      headers: { origin: url },
      body: new URLSearchParams({ key }),
      redirect: 'manual',
    })
    const cookie = signedIn.headers.get('set-cookie')!.split(';')[0]!
    const page = async (path: string) => (await fetch(`${url}/console/${path}`, { headers: { cookie } })).text()
    const score = await page('score?from=2020-01-01&to=2021-01-01&lang=en')
    expect(score).toContain('Score 766')
    expect(score).toContain('Points by metrics-2026')
    expect(score).toContain('not given')
    const links = [...score.matchAll(/href="(score-dossiers\?[^"]*)">(?:\D* )?(\d+)</g)]
    expect(links.length).toBeGreaterThan(20)
    for (const [, to, count] of links) {
      const list = await page(to!.replaceAll('&amp;', '&'))
      expect(list.match(/<th scope="row">\s*<a href="dossier\?/g) ?? []).toHaveLength(Number(count))
      expect(list).not.toContain(secret)
    }
  })
})
