import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { breakdowns, checkParts, type Figures, type SyncRateReport } from '../../src/reconciliation/model.ts'
import { change, nationalCodes, step } from '../support/province.ts'
import { meanwhile, startScene, type Scene } from './scene.ts'

const period = 'from=2020-01-01&to=2021-01-01'
const [, procedureB, procedureC] = nationalCodes
const late = { waits: [60_000], jitter: 0, lookUpWaits: [60_000], busyWait: 50 }

describe('7. The parts of the report add up to its total, and every number opens', () => {
  let scene: Scene
  beforeAll(
    async () => void (scene = await startScene({ policies: { retry: late }, settings: { PORTAL_BATCH_SIZE: '1' } })),
  )
  afterAll(() => scene.close())

  const fetchReport = async (more = '') =>
    (await scene.api('GET', `/v1/reports/sync-rate?${period}${more}`)).body as unknown as SyncRateReport

  it('adds up at every moment while work is going on', async () => {
    const many = (count: number, overrides: Record<string, unknown>) =>
      Array.from({ length: count }, () => change(overrides))
    const refused = many(2, { agencyCode: 'H34.02' })
    const later = many(3, { procedureCode: procedureB })
    const unknown = many(2, { procedureCode: procedureC, agencyCode: 'H34.02' })
    const firstStepRefused = many(1, { steps: [step('2020-07-03T09:00:00+07:00', 'received')] })
    const pushed = [
      ...many(25, { steps: [step('2020-07-03T09:00:00+07:00', 'received')] }),
      ...many(6, { procedureCode: procedureB, receivedAt: '2020-05-03T08:30:00+07:00', promisedAt: undefined }),
      ...many(4, { agencyCode: 'H34.02', level: 'commune' }),
      ...many(3, { procedureCode: 'DP-1' }),
      ...many(2, { agencyCode: 'H34.77' }),
      ...many(1, { status: 'Chờ ký số' }),
      ...refused,
      ...later,
      ...unknown,
      ...firstStepRefused,
    ]
    const codes = (some: readonly { code: string }[]) => some.map(({ code }) => code)
    await scene.faults([
      { kind: 'latency', value: 20 },
      { kind: 'refuse-dossier', dossier: codes(refused) },
      { kind: 'refuse-step', dossier: codes(firstStepRefused) },
      { kind: 'later', dossier: codes(later), service: 'DongBoHoSoMC' },
      { kind: 'cut-before', dossier: codes(unknown), service: 'DongBoHoSoMC' },
    ])
    const seen: SyncRateReport[] = []
    const watching = meanwhile(async () => void seen.push(await fetchReport()))
    await scene.push(pushed)
    await scene.until(async () => ((await scene.states())['delivered'] ?? 0) === 35, 'the good ones to arrive')
    await scene.until(async () => ((await scene.states())['parked'] ?? 0) === 3, 'the refused ones to stop')
    await scene.until(async () => ((await scene.states())['unknown'] ?? 0) === 2, 'the unknown ones')
    await scene.until(async () => ((await scene.states())['sending'] ?? 0) === 0, 'the last call')
    await watching.stop()
    expect(seen.flatMap(checkParts)).toEqual([])
    expect(new Set(seen.map(({ total }) => total.delivered)).size).toBeGreaterThan(2)
    const { total, causes } = await fetchReport()
    expect(total).toMatchObject({ received: pushed.length, delivered: 35, atPortal: 36 })
    expect(Object.fromEntries(causes.map(({ code, count }) => [code, count]))).toEqual({
      'no-national-code': 3,
      'unknown-agency': 2,
      'unmapped-status': 1,
      'portal-refused': 2,
      'step-refused': 1,
      retrying: 3,
      'outcome-unknown': 2,
    })
  })

  it('opens every number down to exactly as many dossiers, each of them once', async () => {
    expect.hasAssertions()
    const report = await fetchReport()
    const causes = Object.fromEntries(report.causes.map(({ code, count }) => [code, count]))
    await opens({ ...report.total, causes }, period)
    for (const name of breakdowns) for (const part of report[name]) await opens(part, filterOf(name, part.key))
  })

  it('adds up and opens for a limited report too', async () => {
    const report = await fetchReport('&agency=H34.02')
    expect(checkParts(report)).toEqual([])
    for (const part of report.byProcedure) await opens(part, `${filterOf('byProcedure', part.key)}&agency=H34.02`)
  })

  function filterOf(name: (typeof breakdowns)[number], key: string): string {
    if (name === 'byLevel') return `${period}&level=${key}`
    if (name === 'byAgency') return `${period}&agency=${key}`
    if (name === 'byProcedure') return `${period}&procedure=${encodeURIComponent(key)}`
    const [year, month] = key.split('-')
    const next = new Date(Date.UTC(Number(year), Number(month), 1)).toISOString().slice(0, 10)
    return `from=${key}-01&to=${next}`
  }

  async function opens(figures: Omit<Figures, 'rate'>, filter: string): Promise<void> {
    const numbers: [number, string][] = [
      [figures.received, ''],
      [figures.delivered, '&state=delivered'],
      [figures.received - figures.delivered, '&state=gap'],
      [figures.atPortal, '&atPortal=true'],
      ...Object.entries(figures.causes).map(([cause, count]): [number, string] => [count, `&cause=${cause}`]),
    ]
    for (const [count, more] of numbers) {
      const codes = await listed(`${filter}${more}`)
      expect([`${filter}${more}`, codes.length, new Set(codes).size]).toEqual([`${filter}${more}`, count, count])
    }
  }

  /** Through all pages; they are short, so that the way from page to page is tested too. */
  async function listed(query: string): Promise<string[]> {
    const codes: string[] = []
    for (let cursor = ''; ;) {
      const { body } = await scene.api('GET', `/v1/dossiers?${query}&limit=7${cursor}`)
      codes.push(...(body['dossiers'] as { code: string }[]).map(({ code }) => code))
      if (body['next'] === null) return codes
      cursor = `&cursor=${body['next'] as string}`
    }
  }
})
