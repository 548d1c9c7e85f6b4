import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { LookUpAnswer } from '../../src/delivery/portal.ts'
import { openDatabase, type Sql } from '../../src/platform/database.ts'
import { createHttp, type Http } from '../../src/platform/http.ts'
import { createLog } from '../../src/platform/log.ts'
import { migrate } from '../../src/platform/migrate.ts'
import { continueRun, startRun, type Expected, type ReconcileDeps } from '../../src/reconciliation/reconcile.ts'
import { registerReportRoutes } from '../../src/reconciliation/routes.ts'
import { listFindings, readRun, type Run, type RunScope } from '../../src/reconciliation/runs.ts'
import { startServers, type House } from '../support/house.ts'

let house: House
let sql: Sql

beforeAll(async () => {
  house = await startServers({ tables: 'perhaps' })
  sql = openDatabase({ url: house.databaseUrl, pool: 2 })
  await migrate(sql)
  await sql`
    insert into dossiers (code, source, agency_code, procedure_code, source_status, received_at, changed_at, hash, change_id)
    select 'H34-' || to_char(n, 'FM0000'), 'one-stop', case when n % 2 = 0 then 'A1' else 'A2' end, 'P1', 'finished',
      timestamptz '2020-01-01T00:00:00+07:00' + n * interval '1 hour', now(), '', n
    from generate_series(1, 650) n`
  // The last 50 were never delivered.
  await sql`
    insert into deliveries (dossier_id, agency_code, state, wanted_change_id, delivered_change_id)
    select id, agency_code, case when id <= 600 then 'delivered' else 'waiting' end, change_id, case when id <= 600 then change_id end
    from dossiers`
})

afterAll(async () => {
  await sql?.end()
  await house?.stop()
})

const codeOf = (n: number) => `H34-${String(n).padStart(4, '0')}`

/** The portal as a map from code to status; what is set in `answers` is answered instead. */
const held = new Map<string, string>()
const answers = new Map<string, Pick<LookUpAnswer, 'class' | 'failure'>>()
let lookUps: string[] = []
const portal: ReconcileDeps['portal'] = {
  canLookUp: true,
  lookUp: async (code) => {
    lookUps.push(code)
    await new Promise((resolve) => setImmediate(resolve))
    const planted = answers.get(code)
    if (planted) return { ...planted, exchanges: [] }
    const status = held.get(code)
    return { class: 'ok', exchanges: [], record: status === undefined ? null : { fields: { status } } }
  },
  compare: (expected, _steps, record) =>
    record.fields['status'] === expected.status
      ? []
      : [{ field: 'status', here: expected.status, there: String(record.fields['status']) }],
}
const expected: ReconcileDeps['expected'] = (ids) =>
  Promise.resolve(
    new Map(
      ids.map((id) => {
        const dossier = { code: codeOf(id), status: 'finished' } as Expected['dossier']
        return [id, id <= 600 ? { dossier, steps: [] } : null]
      }),
    ),
  )
const vault = { fingerprint: (text: string) => Buffer.from(text) }
const deps = (): ReconcileDeps => ({ sql, vault, portal, expected })
const options = { concurrency: 8, busyPause: 1 }

async function reconcile(scope: RunScope): Promise<Run> {
  const id = await startRun(sql, { askedBy: 'test', scope })
  return continueRun(deps(), id, options)
}
async function kindsOf(run: Run): Promise<Record<string, string>> {
  const { findings } = await listFindings(sql, { runId: run.id, limit: 1000 })
  return Object.fromEntries(findings.map(({ code, kind }) => [code, kind]))
}
const sumOf = (run: Run) => Object.values(run.counts).reduce((sum, count) => sum + count)

beforeEach(() => {
  held.clear()
  answers.clear()
  lookUps = []
  for (let n = 1; n <= 600; n += 1) held.set(codeOf(n), 'finished')
})

/** Lost, changed, extra, unanswered; and two codes of the register, one of which the portal holds. */
const codes = ['H34-0001', 'H34-X1', 'H34-X2']
function plantDisagreements(): Record<string, string> {
  for (const n of [3, 250]) held.delete(codeOf(n))
  for (const n of [7, 201, 599]) held.set(codeOf(n), 'processing')
  held.set(codeOf(620), 'new')
  held.set('H34-X1', 'finished')
  answers.set(codeOf(400), { class: 'unknown', failure: 'portal-timeout' })
  return {
    'H34-0003': 'missing-there',
    'H34-0250': 'missing-there',
    'H34-0007': 'different',
    'H34-0201': 'different',
    'H34-0599': 'different',
    'H34-0620': 'different',
    'H34-X1': 'missing-here',
    'H34-0400': 'unknown',
    // Held by neither side: agreement, shown because the register names it.
    'H34-X2': 'equal',
  }
}
const plantedCounts = { equal: 644, different: 4, 'missing-there': 2, 'missing-here': 1, unknown: 1 }

describe('a reconciliation run', () => {
  it('finds nothing where both sides agree', async () => {
    const run = await reconcile({})
    expect(run).toMatchObject({ state: 'finished', total: 650, counts: { equal: 650 }, sampled: false })
    expect(run.agreement).toEqual({ answered: 650, agreed: 650, rate: 100, interval: null })
    expect(await kindsOf(run)).toEqual({})
  })

  it('finds every planted disagreement and invents none', async () => {
    const planted = plantDisagreements()
    const run = await reconcile({ codes })
    expect(await kindsOf(run)).toEqual(planted)
    expect(run.counts).toEqual(plantedCounts)
    expect(run.total).toBe(652)
    expect(run.agreement).toMatchObject({ answered: 651, agreed: 644, rate: 98.9 })
    const { findings } = await listFindings(sql, { runId: run.id, kind: 'different', limit: 10 })
    expect(findings.map(({ fields }) => fields)).toEqual([
      [{ field: 'status', here: 'finished', there: 'processing' }],
      [{ field: 'status', here: 'finished', there: 'processing' }],
      [{ field: 'status', here: 'finished', there: 'processing' }],
      [{ field: 'presence', here: 'absent', there: 'present' }],
    ])
  })

  it('goes on after being stopped anywhere and counts nothing twice', async () => {
    const planted = plantDisagreements()
    const id = await startRun(sql, { askedBy: 'test', scope: { codes } })
    let run: Run
    let rounds = 0
    do {
      const stop = new AbortController()
      const until = lookUps.length + 90
      const stopping = {
        ...portal,
        lookUp: async (...call: Parameters<typeof portal.lookUp>) => {
          if (lookUps.length >= until) stop.abort()
          return portal.lookUp(...call)
        },
      }
      run = await continueRun({ ...deps(), portal: stopping }, id, { ...options, signal: stop.signal })
      expect(sumOf(run)).toBeLessThanOrEqual(652)
      rounds += 1
    } while (run.state === 'running')
    expect(rounds).toBeGreaterThan(5)
    expect(run.counts).toEqual(plantedCounts)
    expect(await kindsOf(run)).toEqual(planted)
  })

  it('loses only the open stretch when the process dies, and two runners do not mix', async () => {
    plantDisagreements()
    const id = await startRun(sql, { askedBy: 'test', scope: { codes } })
    const dying = {
      ...deps(),
      expected: (ids: number[]) => (ids[0]! > 200 ? Promise.reject(new Error('killed')) : expected(ids)),
    }
    await expect(continueRun(dying, id, options)).rejects.toThrow('killed')
    expect(sumOf((await readRun(sql, id))!)).toBe(200)
    const runners = await Promise.allSettled([continueRun(deps(), id, options), continueRun(deps(), id, options)])
    expect(runners.filter(({ status }) => status === 'rejected')).toHaveLength(1)
    expect((await continueRun(deps(), id, options)).counts).toEqual(plantedCounts)
  })

  it('draws the same sample again, of about the wanted size, and states how sure it is', async () => {
    plantDisagreements()
    const id = await startRun(sql, { askedBy: 'test', scope: { sample: 0.3 } })
    const run = await continueRun(deps(), id, options)
    expect(run.total).toBeGreaterThan(130)
    expect(run.total).toBeLessThan(260)
    expect(sumOf(run)).toBe(run.total)
    const { interval, rate } = run.agreement
    expect(interval!.low).toBeLessThanOrEqual(rate!)
    expect(interval!.high).toBeGreaterThanOrEqual(rate!)
  })

  it('takes exactly the wanted number at random', async () => {
    const run = await reconcile({ limit: 100 })
    expect(run).toMatchObject({ total: 100, sampled: true })
    expect(new Set(lookUps).size).toBe(100)
    expect(Math.max(...lookUps.map((code) => Number(code.slice(4))))).toBeGreaterThan(300)
    expect(await reconcile({ limit: 5000 })).toMatchObject({ total: 650, sampled: false })
  })

  it('keeps to period and agency', async () => {
    expect((await reconcile({ agency: 'A1' })).total).toBe(325)
    expect((await reconcile({ from: '2020-01-02', to: '2020-01-03' })).total).toBe(24)
  })

  it('believes no disagreement while a delivery is under way, or when a second look shows none', async () => {
    held.set(codeOf(10), 'processing')
    held.set(codeOf(11), 'processing')
    await sql`update deliveries set state = 'sending' where dossier_id = 10`
    const changing: ReconcileDeps = {
      ...deps(),
      portal: {
        ...portal,
        lookUp: async (code, call) => {
          const answer = await portal.lookUp(code, call)
          if (code === codeOf(11)) held.set(code, 'finished')
          return answer
        },
      },
    }
    const id = await startRun(sql, { askedBy: 'test', scope: {} })
    const run = await continueRun(changing, id, options)
    await sql`update deliveries set state = 'delivered' where dossier_id = 10`
    expect(run.counts).toMatchObject({ equal: 649, unknown: 1, different: 0 })
    expect(await kindsOf(run)).toEqual({ 'H34-0010': 'unknown' })
  })

  it('waits for a busy portal instead of calling everything unknown', async () => {
    for (let n = 1; n <= 650; n += 1) answers.set(codeOf(n), { class: 'busy', failure: 'portal-busy' })
    const id = await startRun(sql, { askedBy: 'test', scope: {} })
    const paused = await continueRun(deps(), id, options)
    expect(paused).toMatchObject({ state: 'running', counts: { unknown: 0 } })
    expect(paused.note).toContain('does not answer')
    answers.clear()
    expect(await continueRun(deps(), id, options)).toMatchObject({
      state: 'finished',
      counts: { equal: 650 },
      note: '',
    })
  })

  it('fails plainly where the portal cannot be asked', async () => {
    const id = await startRun(sql, { askedBy: 'test', scope: {} })
    const run = await continueRun({ ...deps(), portal: { ...portal, canLookUp: false } }, id, options)
    expect(run).toMatchObject({ state: 'failed', total: 0 })
  })
})

describe('the routes of runs', () => {
  let app: Http
  let agencies: readonly string[] = ['*']
  beforeAll(async () => {
    app = await createHttp({ log: createLog('silent'), bodyLimit: 1_000_000 })
    registerReportRoutes(app, {
      sql,
      authorise: () => Promise.resolve({ id: 'test', agencies }),
      resend: () => Promise.resolve(0),
      canCompare: true,
    })
  })
  afterAll(() => app.close())
  const get = async (url: string) => app.inject({ method: 'GET', url })

  it('show runs, their counts and their findings page by page', async () => {
    plantDisagreements()
    const run = await reconcile({ codes })
    const list = (await get('/v1/reconciliation/runs?limit=1')).json<{ runs: Run[] }>()
    expect(list.runs).toEqual([run])
    expect((await get(`/v1/reconciliation/runs/${run.id}`)).json()).toEqual(run)
    const address = `/v1/reconciliation/runs/${run.id}/findings?kind=different&limit=3`
    const first = (await get(address)).json<{ findings: unknown[]; next: string }>()
    const second = (await get(`${address}&cursor=${first.next}`)).json<{ findings: unknown[]; next: string | null }>()
    expect([first.findings.length, second.findings.length, second.next]).toEqual([3, 1, null])
    expect((await get('/v1/reconciliation/runs/999999')).statusCode).toBe(404)
  })

  it('show a reader of one agency only the runs over that agency', async () => {
    const wide = await reconcile({ limit: 5 })
    const own = await reconcile({ agency: 'A2', limit: 5 })
    agencies = ['A2']
    const { runs } = (await get('/v1/reconciliation/runs')).json<{ runs: Run[] }>()
    expect(runs.map(({ id }) => id)).toEqual([own.id])
    expect((await get(`/v1/reconciliation/runs/${wide.id}/findings`)).statusCode).toBe(404)
    agencies = ['*']
  })
})
