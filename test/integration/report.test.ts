import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase, type Sql } from '../../src/platform/database.ts'
import { createHttp, type Http } from '../../src/platform/http.ts'
import { createLog } from '../../src/platform/log.ts'
import { migrate } from '../../src/platform/migrate.ts'
import { breakdowns, type SyncRateReport } from '../../src/reconciliation/model.ts'
import { registerReportRoutes } from '../../src/reconciliation/routes.ts'
import { listDossiers, syncRate, type DossierFilter } from '../../src/reconciliation/store.ts'
import { startServers, type House } from '../support/house.ts'

let house: House
let sql: Sql
let app: Http
let agencies: readonly string[] = ['*']

interface Planted {
  agency: string
  procedure: string
  state: string
  reason?: string
  attempts?: number
  receivedAt?: string
  level?: string
  delivered?: boolean
  times?: number
}

let planted = 0

async function plant({ agency, procedure, state, times = 1, ...more }: Planted): Promise<void> {
  const receivedAt = more.receivedAt ?? '2020-06-15T02:00:00Z'
  const delivered = more.delivered ?? state === 'delivered'
  for (let time = 0; time < times; time += 1) {
    planted += 1
    const [dossier] = await sql<{ id: number }[]>`
      insert into dossiers (code, source, agency_code, level, procedure_code, source_status, received_at, changed_at, hash, change_id)
      values (${`H34-${planted}`}, 'one-stop', ${agency}, ${more.level ?? null}, ${procedure}, 'processing',
        ${receivedAt}, now(), '', ${planted})
      returning id`
    await sql`
      insert into deliveries (dossier_id, agency_code, state, reason, wanted_change_id, delivered_change_id, attempts)
      values (${dossier!.id}, ${agency}, ${state}, ${more.reason ?? null}, ${planted}, ${delivered ? planted : null}, ${more.attempts ?? 0})`
  }
}

beforeAll(async () => {
  house = await startServers({ tables: 'perhaps' })
  sql = openDatabase({ url: house.databaseUrl, pool: 2 })
  await migrate(sql)
  await sql`insert into agencies values ('A1', 'Sở Tư pháp', 'province'), ('A2', 'UBND xã Đăk Hà', 'commune')`
  await sql`insert into local_procedures (code, name) values ('P1', 'Lý lịch tư pháp')`
  await plant({ agency: 'A1', procedure: 'P1', state: 'delivered', times: 7 })
  await plant({ agency: 'A1', procedure: 'P1', state: 'blocked', reason: 'no-national-code', times: 5 })
  await plant({ agency: 'A2', procedure: 'P2', state: 'blocked', reason: 'predates-publication', times: 4 })
  await plant({ agency: 'A2', procedure: 'P2', state: 'waiting', times: 3 })
  await plant({ agency: 'A2', procedure: 'P2', state: 'sending', delivered: true })
  await plant({ agency: 'A2', procedure: 'P1', state: 'waiting', attempts: 2, times: 2 })
  await plant({ agency: 'A2', procedure: 'P1', state: 'unknown' })
  await plant({ agency: 'A1', procedure: 'P2', state: 'parked', reason: 'portal-refused', delivered: true, times: 2 })
  await plant({ agency: 'A3', procedure: 'P3', state: 'parked' })
  // On the edges of the year in Vietnam: the first two belong to 2020, the last two do not.
  await plant({ agency: 'A1', procedure: 'P1', state: 'delivered', receivedAt: '2019-12-31T17:00:00Z' })
  await plant({
    agency: 'A1',
    procedure: 'P1',
    state: 'delivered',
    receivedAt: '2020-12-31T16:59:59Z',
    level: 'district',
  })
  await plant({ agency: 'A1', procedure: 'P1', state: 'delivered', receivedAt: '2019-12-31T16:59:59Z' })
  await plant({ agency: 'A1', procedure: 'P1', state: 'waiting', receivedAt: '2020-12-31T17:00:00Z' })
  app = await createHttp({ log: createLog('silent'), bodyLimit: 1_000_000 })
  registerReportRoutes(app, {
    sql,
    authorise: () => Promise.resolve({ id: 'test', agencies }),
    resend: () => Promise.resolve(0),
    canCompare: true,
  })
  await app.ready()
})

afterAll(async () => {
  await app?.close()
  await sql?.end()
  await house?.stop()
})

const year = { from: '2020-01-01', to: '2021-01-01' }
const count = async (filter: Omit<DossierFilter, 'limit'>) =>
  (await listDossiers(sql, { ...filter, limit: 1000 })).dossiers.length

describe('the sync rate report', () => {
  it('gives every dossier of the period one place', async () => {
    const report = await syncRate(sql, year)
    expect(report.total).toEqual({ received: 28, delivered: 9, atPortal: 12, rate: 32.1 })
    expect(Object.fromEntries(report.causes.map(({ code, count: number }) => [code, number]))).toEqual({
      'no-national-code': 5,
      'predates-publication': 4,
      'waiting-for-portal': 4,
      retrying: 2,
      'portal-refused': 2,
      'outcome-unknown': 1,
      parked: 1,
    })
    expect(report.byLevel.map(({ key, received }) => [key, received])).toEqual([
      ['commune', 11],
      ['province', 15],
      ['none', 1],
      ['district', 1],
    ])
    expect(report.byMonth.map(({ key, received }) => [key, received])).toEqual([
      ['2020-01', 1],
      ['2020-06', 26],
      ['2020-12', 1],
    ])
    expect(report.byAgency[0]).toMatchObject({ key: 'A2', name: 'UBND xã Đăk Hà', received: 11, rate: 0 })
    expect(report.byProcedure.find(({ key }) => key === 'P1')?.name).toBe('Lý lịch tư pháp')
  })

  it('opens every number to exactly as many dossiers', async () => {
    const report = await syncRate(sql, year)
    expect(await count({ ...year, state: 'delivered' })).toBe(report.total.delivered)
    expect(await count({ ...year, atPortal: true })).toBe(report.total.atPortal)
    for (const { code, count: number } of report.causes) expect(await count({ ...year, cause: code })).toBe(number)
    for (const [breakdown, filter] of [
      ['byLevel', 'level'],
      ['byAgency', 'agency'],
      ['byProcedure', 'procedure'],
    ] as const)
      for (const part of report[breakdown]) {
        const of = { ...year, [filter]: part.key }
        expect(await count(of)).toBe(part.received)
        expect(await count({ ...of, state: 'gap' })).toBe(part.received - part.delivered)
        for (const [cause, number] of Object.entries(part.causes)) expect(await count({ ...of, cause })).toBe(number)
      }
  })

  it('can be limited, and still adds up', async () => {
    const only = await syncRate(sql, { ...year, agency: 'A1', procedure: 'P1' })
    expect(only.total).toMatchObject({ received: 14, delivered: 9 })
    expect((await syncRate(sql, { ...year, level: 'none' })).total.received).toBe(1)
    expect((await syncRate(sql, { ...year, agencies: ['A3'] })).total.received).toBe(1)
  })

  it('is empty for a period without dossiers', async () => {
    const report = await syncRate(sql, { from: '2018-01-01', to: '2018-02-01' })
    expect(report.total).toEqual({ received: 0, delivered: 0, atPortal: 0, rate: null })
    for (const name of breakdowns) expect(report[name]).toEqual([])
  })

  it('is read page by page without a dossier lost or shown twice', async () => {
    const read = async (filter: Omit<DossierFilter, 'limit'>) => {
      const codes: string[] = []
      let cursor: string | undefined
      do {
        const page = await listDossiers(sql, { ...filter, cursor, limit: 4 })
        codes.push(...page.dossiers.map(({ code }) => code))
        cursor = page.next ?? undefined
      } while (cursor !== undefined)
      return codes
    }
    const codes = await read({})
    expect(codes).toHaveLength(planted)
    expect(await read({ order: 'newest' })).toEqual(codes.toReversed())
    expect(await read({ order: 'newest', state: 'gap' })).toEqual((await read({ state: 'gap' })).toReversed())
    expect(new Set(codes).size).toBe(planted)
  })
})

describe('the routes', () => {
  const get = (url: string) => app.inject({ method: 'GET', url })
  const period = 'from=2020-01-01&to=2021-01-01'

  it('answer the report as JSON, with blank parameters as if left out', async () => {
    const response = await get(`/v1/reports/sync-rate?${period}&agency=&level=&procedure=`)
    expect(response.statusCode).toBe(200)
    expect(response.json<SyncRateReport>().total.received).toBe(28)
  })

  it('answer the report as a page under a strict policy', async () => {
    const response = await get(`/v1/reports/sync-rate.html?${period}&lang=en`)
    expect(response.statusCode).toBe(200)
    expect(response.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(response.headers['content-security-policy']).toContain("default-src 'none'")
    expect(response.body).toMatch(/^<!doctype html>/)
    expect(response.body).toContain('H34-8')
  })

  it('answer the report on paper', async () => {
    const response = await get(`/v1/reports/sync-rate.pdf?${period}&lang=en`)
    expect(response.statusCode).toBe(200)
    expect(response.headers).toMatchObject({
      'content-type': 'application/pdf',
      'cache-control': 'no-store',
      'content-disposition': 'inline; filename="sync-rate-2020-01-01.pdf"',
    })
    expect(response.rawPayload.subarray(0, 5).toString()).toBe('%PDF-')
    expect(response.rawPayload.toString('latin1')).toContain('/Lang (en)')
  })

  it('follow the address that the page gives for a cause', async () => {
    const { body } = await get(`/v1/reports/sync-rate.html?${period}`)
    const address = /href="(\/v1\/dossiers\?[^"]*cause=no-national-code)"/.exec(body)![1]!.replaceAll('&amp;', '&')
    const list = (await get(address)).json<{ dossiers: { cause: string }[]; next: string | null }>()
    expect(list.dossiers.map(({ cause }) => cause)).toEqual(Array.from({ length: 5 }, () => 'no-national-code'))
    expect(list.next).toBeNull()
  })

  it('show a reader only the agencies of the key', async () => {
    agencies = ['A3']
    try {
      expect((await get(`/v1/reports/sync-rate?${period}`)).json<SyncRateReport>().total.received).toBe(1)
      expect((await get('/v1/dossiers?agency=A1')).json()).toEqual({ dossiers: [], next: null })
    } finally {
      agencies = ['*']
    }
  })

  it.each([
    '/v1/reports/sync-rate?from=2021-01-01&to=2020-01-01',
    '/v1/reports/sync-rate?from=2020-02-30',
    '/v1/dossiers?cursor=1;drop',
    '/v1/dossiers?limit=0',
    '/v1/dossiers?caus=x',
  ])('refuse %s', async (url) => {
    expect((await get(url)).statusCode).toBe(422)
  })

  it('are documented', async () => {
    const document = (await get('/docs/json')).json<{ paths: Record<string, unknown> }>()
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining([
        '/v1/reports/sync-rate',
        '/v1/reports/sync-rate.pdf',
        '/v1/dossiers',
        '/v1/reconciliation/runs/{id}/findings',
      ]),
    )
  })
})
