import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { dialects } from '../../config/dialects.ts'
import { monthReport, sendScheduled, type CounterDeps } from '../../src/counters/month.ts'
import { askFor, carryReports, readReports } from '../../src/counters/reports.ts'
import { endHold, holdDeliveries } from '../../src/delivery/hold.ts'
import { counterCarrier, openCounters } from '../../src/main.ts'
import { importAgencies, succeed } from '../../src/organisations/store.ts'
import { createKey, type NewKey } from '../../src/platform/auth.ts'
import { recomputeScores } from '../../src/scoring/recompute.ts'
import { openCli } from '../support/cli.ts'
import { change, startProvince, step, type Province } from '../support/province.ts'

const service = 'DongBoThongKeHoSo'
const month = '2020-07'
const on = (day: string) => `2020-${day}T09:00:00+07:00`
const supplement = (from: string, to?: string) => ({
  id: 'S',
  requestedBy: 'B',
  content: 'Bổ sung',
  requestedAt: on(from),
  ...(to !== undefined && { receivedAt: on(to) }),
})
const late = change({ receivedAt: on('07-02'), promisedAt: on('07-09'), finishedAt: on('07-20'), status: 'returned' })
const changes = [
  // Received and handled in time; handled late.
  change({ receivedAt: on('07-02'), promisedAt: on('07-09'), finishedAt: on('07-08'), status: 'finished' }),
  late,
  // Carried over, in time by its supplement, which lasts over the end of the month.
  change({ receivedAt: on('06-20'), promisedAt: on('07-05'), supplements: [supplement('07-03', '08-10')] }),
  // The other unit: carried over and handled; pending and late; withdrawn before it was received; new.
  change({
    agencyCode: 'H34.02',
    receivedAt: on('06-30'),
    promisedAt: on('07-30'),
    returnedAt: on('07-30'),
    status: 'returned',
  }),
  change({ agencyCode: 'H34.02', receivedAt: on('07-10'), promisedAt: on('07-20') }),
  change({
    agencyCode: 'H34.02',
    receivedAt: on('07-10'),
    status: 'withdrawn',
    steps: [step(on('07-09'), 'withdrawn')],
  }),
  change({ agencyCode: 'H34.02', receivedAt: on('07-10'), status: 'new' }),
  // In Vietnam of August, in UTC of July.
  change({ agencyCode: 'H34.02', receivedAt: '2020-08-01T00:30:00+07:00' }),
  // Nobody knows whose it is.
  change({ agencyCode: 'H34.99', receivedAt: on('07-10') }),
]
const first = { received: 2, carried: 1, handledInTime: 1, handledLate: 1, pendingInTime: 1, pendingLate: 0 }
const second = { received: 1, carried: 1, handledInTime: 1, handledLate: 0, pendingInTime: 0, pendingLate: 1 }

describe('monthly counters', () => {
  let province: Province
  let deps: CounterDeps
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'counters-'))
    const dialect = join(folder, 'dialect.json')
    // A portal that is silent is given up while a test can wait for it.
    await writeFile(dialect, JSON.stringify({ extends: 'sandbox', name: 'quick', timeouts: { call: 3_000 } }))
    province = await startProvince({ settings: { COUNTERS_SINCE: '2020-05', PORTAL_DIALECT: dialect } })
    await province.push(changes)
    deps = openCounters(province.ground)
  })
  afterAll(async () => {
    await province.close()
    await rm(folder, { recursive: true })
  })
  beforeEach(async () => void (await province.ground.sql`truncate counter_reports`))
  afterEach(() => province.faults([]))

  const call = async (path: string, body?: unknown, key = province.key) => {
    const answer = await fetch(`${province.house.url}/v1/counters${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }
  const hash = async () => (await call(`?month=${month}`)).body['hash'] as string
  const send = async () => call('/send', { month, expected: await hash() })
  const reports = () => readReports(province.ground.sql, month)
  const settled = () =>
    province.until(
      async () => (await reports()).every(({ state, onWay }) => state !== 'waiting' && !onWay),
      'the counters to settle',
    )
  const states = async () => (await reports()).map(({ code, version, state }) => `${code} ${version} ${state}`)
  const held = async () => {
    const answer = await fetch(`${province.sandbox.controlUrl}/counters`)
    return (await answer.json()) as { row: Record<string, string>; times: number }[]
  }
  const timesAtPortal = async () => Object.fromEntries((await held()).map(({ row, times }) => [row['Madonvi'], times]))
  const carrier = () => counterCarrier(province.ground, province.ground.portal!)

  it('are counted by unit, with what nobody can place beside', async () => {
    const { lines, total, obstacles } = await monthReport(deps, month)
    expect(obstacles).toEqual([])
    expect(lines.map(({ unit, toSend }) => [unit.code, unit.name, unit.why, toSend?.figures])).toEqual([
      ['H34.01', 'Sở Tư pháp', null, first],
      ['H34.02', 'Sở Xây dựng', null, second],
      ['H34.99', null, 'unknown-agency', undefined],
    ])
    expect(total).toMatchObject({
      received: 4,
      carried: 2,
      total: 6,
      handled: { total: 3 },
      pending: { total: 3, waiting: 1 },
    })
    const next = await monthReport(deps, '2020-08')
    expect(next.total.carried).toBe(total.pending.total)
  })

  it('go to the portal once, are kept with their evidence, and the same is not sent again', async () => {
    expect(await send()).toMatchObject({ status: 200, body: { units: 2 } })
    await settled()
    expect(await states()).toEqual(['H34.01 1 sent', 'H34.02 1 sent'])
    expect((await held()).map(({ row }) => row)).toEqual([
      expect.objectContaining({
        Thang: '7',
        Nam: '2020',
        Madonvi: 'H34.01',
        TenDonVi: 'Sở Tư pháp',
        SoNhanTrongKy: '2',
        SoTonKyTruoc: '1',
        TongXuLyTreHan: '1',
        PhanTramXuLyDungHan: '50.00',
        PhanTramChuaXuLyTrongHan: '100.00',
        LoaiThongKe: '1',
      }),
      expect.objectContaining({ Madonvi: 'H34.02', TongChuaXuLyTreHan: '1' }),
    ])
    const [report] = await reports()
    const [exchange] = await province.ground.sql`select service, class from exchanges where id = ${report!.exchange}`
    expect(exchange).toEqual({ service, class: 'ok' })
    expect(report).toMatchObject({ askedBy: 'test', figures: first, kind: '1', rules: '2026-11' })
    expect(await send()).toMatchObject({ body: { units: 0 } })
    expect(await states()).toEqual(['H34.01 1 sent', 'H34.02 1 sent'])
  })

  it('that two persons and two processes send at once go once', async () => {
    const before = await timesAtPortal()
    const expected = await hash()
    const both = await Promise.all([1, 2, 3].map(() => call('/send', { month, expected })))
    expect(both.reduce((sum, { body }) => sum + (body['units'] as number), 0)).toBe(2)
    await Promise.all([carryReports(carrier()), carryReports(carrier())])
    await settled()
    expect(await states()).toEqual(['H34.01 1 sent', 'H34.02 1 sent'])
    for (const [code, times] of Object.entries(await timesAtPortal())) expect(times).toBe((before[code] ?? 0) + 1)
  })

  it('that the portal refuses are kept with its words, masked, and may be sent again by a person', async () => {
    const message = 'Sai số liệu, gọi 0912345678'
    await province.faults([{ kind: 'unknown-code', service, value: { code: '-10', message }, count: 1 }])
    await send()
    await settled()
    expect(await reports()).toMatchObject([
      { state: 'refused', portalCode: '-10', message: 'Sai số liệu, gọi •••', failure: 'portal-refused' },
      { state: 'sent' },
    ])
    expect(await send()).toMatchObject({ body: { units: 1 } })
    await settled()
    expect(await states()).toEqual(['H34.01 2 sent', 'H34.01 1 refused', 'H34.02 1 sent'])
  })

  it.each([
    ['cut-after', 'portal-cut'],
    ['timeout-after-storing', 'portal-timeout'],
  ])('whose answer was lost (%s) wait for a person, and are never sent again by themselves', async (kind, failure) => {
    await province.faults([{ kind, service, count: 1 }])
    await send()
    await settled()
    expect(await states()).toEqual(['H34.01 1 unknown', 'H34.02 1 sent'])
    expect(await send()).toMatchObject({ body: { units: 0 } })
    await carryReports(carrier())
    const { id } = (await reports())[0]!
    expect(await call('/decisions', { id, taken: false, why: 'Cổng chưa có' })).toMatchObject({ status: 200 })
    expect(await call('/decisions', { id, taken: true, why: 'Cổng có' })).toMatchObject({
      status: 409,
      body: { code: 'counters-decided' },
    })
    expect(await send()).toMatchObject({ body: { units: 1 } })
    await settled()
    expect(await states()).toEqual(['H34.01 2 sent', 'H34.01 1 refused', 'H34.02 1 sent'])
    expect((await reports())[1]).toMatchObject({ failure, decided: { by: 'test', why: 'Cổng chưa có' } })
  })

  it('that a process took to the portal and never came back from wait for a person as well', async () => {
    await askFor(province.ground.sql, {
      month,
      kind: '1',
      units: [{ code: 'H34.01', name: 'A', figures: first }],
      by: 'x',
    })
    const dying = {
      ...carrier(),
      keep: async () => {
        throw new Error('The process ended')
      },
    }
    await holdDeliveries(province.ground.sql, { actor: 'test', why: 'Chờ' })
    await new Promise((resolve) => setTimeout(resolve, 2_100))
    expect(await states()).toEqual(['H34.01 1 waiting'])
    await expect(carryReports({ ...dying, held: async () => false })).rejects.toThrow('The process ended')
    expect(await reports()).toMatchObject([{ state: 'unknown', onWay: true }])
    const { id } = (await reports())[0]!
    expect(await call('/decisions', { id, taken: true, why: 'Sớm' })).toMatchObject({ status: 409 })
    await province.ground.sql`update counter_reports set carried_until = now() - interval '1 second'`
    await endHold(province.ground.sql, { actor: 'test' })
    await carryReports(carrier())
    expect(await reports()).toMatchObject([{ state: 'unknown', onWay: false }])
    expect(await call('/decisions', { id, taken: true, why: 'Cổng có' })).toMatchObject({ status: 200 })
    expect(await states()).toEqual(['H34.01 1 sent'])
  })

  it('wait while the portal turns calls away, and go when it does not', async () => {
    await province.faults([{ kind: 'ceiling', service, value: { perSecond: 0, status: 503, retryAfter: 1 } }])
    await send()
    await province.until(
      async () => (await reports()).some(({ failure }) => failure !== null),
      'a call to be turned away',
    )
    expect((await states()).every((one) => one.endsWith('waiting'))).toBe(true)
    await province.faults([])
    await settled()
    expect(await states()).toEqual(['H34.01 1 sent', 'H34.02 1 sent'])
  })

  it('say when late data moved what was sent, and send the new figures only when told to', async () => {
    await send()
    await settled()
    await province.push([{ ...late, changedAt: '2020-09-01T09:00:00+07:00', finishedAt: on('07-08') }])
    const { lines } = await monthReport(deps, month)
    expect(lines.map(({ fate }) => fate)).toEqual(['again', 'same', null])
    expect((await call(`?month=${month}`)).body['units']).toMatchObject([
      { changedSinceSent: true },
      { changedSinceSent: false },
      {},
    ])
    await sendScheduled(deps, 1, Date.parse('2020-08-05T00:00:00Z'))
    expect(await states()).toEqual(['H34.01 1 sent', 'H34.02 1 sent'])
    expect(await send()).toMatchObject({ body: { units: 1 } })
    await settled()
    expect((await reports())[0]).toMatchObject({
      code: 'H34.01',
      version: 2,
      figures: { ...first, handledInTime: 2, handledLate: 0 },
    })
    await province.push([{ ...late, changedAt: '2020-09-02T09:00:00+07:00' }])
  })

  it('are not sent when they are no longer what somebody saw', async () => {
    expect(await call('/send', { month, expected: 'an older preview' })).toMatchObject({
      status: 409,
      body: { code: 'counters-changed' },
    })
    expect(await reports()).toEqual([])
  })

  it('are not sent while nobody can tell, unless the dialect says how those count', async () => {
    const untold = change({ agencyCode: 'H34.02', receivedAt: on('07-15'), promisedAt: undefined })
    const ended = change({ agencyCode: 'H34.02', receivedAt: on('07-15'), status: 'returned', changedAt: on('08-20') })
    await province.push([untold, ended])
    expect(await call(`?month=${month}`)).toMatchObject({ body: { obstacles: ['untold'], hash: null } })
    expect(await call('/send', { month, expected: '' })).toMatchObject({
      status: 409,
      body: { code: 'counters-untold' },
    })
    const reading = { ...deps.reading!, untoldTime: 'late' as const, untoldEnd: 'left-out' as const }
    const { lines, obstacles } = await monthReport({ ...deps, reading }, month)
    expect(obstacles).toEqual([])
    expect(lines[1]!.toSend!.figures).toEqual({ ...second, received: 2, pendingLate: 2 })
    const done = { promisedAt: on('08-10'), changedAt: '2020-09-01T09:00:00+07:00' }
    await province.push([
      { ...untold, ...done, agencyCode: 'H34.99' },
      { ...ended, ...done, status: 'new', agencyCode: 'H34.99' },
    ])
    expect((await monthReport(deps, month)).obstacles).toEqual([])
  })

  it('say which setting is missing, and that a month is not over or not held whole', async () => {
    const reading = dialects.get('xrd-2022')!.counters
    const of = async (change: Partial<CounterDeps>, which = month, now = Date.now()) =>
      (await monthReport({ ...deps, ...change }, which, { now })).obstacles
    expect(await of({ reading })).toEqual(['no-kind'])
    expect(await of({ reading: null })).toEqual(['no-service'])
    expect(await of({ since: undefined })).toEqual(['since-not-set'])
    expect(await of({ hasPortal: false })).toEqual(['no-portal'])
    expect(await of({}, '2020-04')).toEqual(['before-since'])
    expect(await of({}, month, Date.parse('2020-07-31T16:59:59Z'))).toEqual(['month-open'])
    expect(await of({}, month, Date.parse('2020-07-31T17:00:00Z'))).toEqual([])
    expect(await call('?month=2020-04')).toMatchObject({ body: { untellable: true, total: null, units: [] } })
  })

  it('go by schedule from their day on, once, and say why when they cannot', async () => {
    const at = (day: string) => Date.parse(`2020-08-${day}T07:00:00+07:00`)
    expect(await sendScheduled(deps, 5, at('04'))).toBe(0)
    expect(await sendScheduled(deps, 5, at('09'))).toBe(2)
    expect(await sendScheduled(deps, 5, at('10'))).toBe(0)
    await settled()
    expect(await states()).toEqual(['H34.01 1 sent', 'H34.02 1 sent'])
    for (const day of ['09', '10'])
      expect(await sendScheduled({ ...deps, since: undefined }, 5, Date.parse(`2020-07-${day}T07:00:00+07:00`))).toBe(0)
    const noted = await province.ground.sql`select subject, detail from audit where action = 'counters.not-sent'`
    expect(noted).toEqual([{ subject: '2020-06', detail: { obstacles: ['since-not-set'] } }])
  })

  it('stay what they were through the pass that judges what was stored before', async () => {
    const before = await monthReport(deps, month)
    const columns = () =>
      province.ground.sql`select code, end_kind, ended_at, pauses, pauses_untold_from from dossiers order by code`
    const kept = await columns()
    await province.ground.sql`
      update dossiers set course_revision = null, end_kind = null, ended_at = null, pauses = null, pauses_untold_from = null`
    const unjudged = await monthReport(deps, month)
    expect(unjudged.obstacles).toEqual(['untold'])
    expect(unjudged.total).toMatchObject({ total: 0, unplaced: { 'not-judged': 10 } })
    const { sql, vault, catalogue } = province.ground
    await recomputeScores({ sql, vault, catalogue: await catalogue.fresh() })
    expect(await columns()).toEqual(kept)
    expect((await monthReport(deps, month)).total).toEqual(before.total)
  })

  it('belong to the unit that acted in the month, and say what it took over', async () => {
    const { sql, catalogue } = province.ground
    await importAgencies(sql, [{ code: 'H34.03', name: 'Sở Nội vụ', level: 'province' }])
    const act = { by: 'test', why: 'Hợp nhất' }
    const whole = { transfer: 'whole', procedureCode: null } as const
    await succeed(sql, [{ oldCode: 'H34.02', newCode: 'H34.03', day: '2020-07-25', ...whole }], act)
    await catalogue.fresh()
    const { lines, total } = await monthReport(deps, month)
    const of = (code: string) => lines.find(({ unit }) => unit.code === code)!.unit
    // What ended on 30 July ended there; what is pending at the end is there.
    expect(of('H34.03')).toMatchObject({
      received: 1,
      carried: 1,
      takenOver: 1,
      handled: { total: 1 },
      pending: { total: 1 },
    })
    expect(of('H34.02')).toMatchObject({ total: 0, handedOver: 1 })
    expect(lines.find(({ unit }) => unit.code === 'H34.02')).toMatchObject({ toSend: null })
    // Where the portal has something of it, it has to learn that there is nothing.
    const figures = { ...second, received: 0 }
    await askFor(sql, { month, kind: '1', units: [{ code: 'H34.02', name: 'Sở Xây dựng', figures }], by: 'test' })
    await settled()
    const again = (await monthReport(deps, month)).lines.find(({ unit }) => unit.code === 'H34.02')
    expect(again).toMatchObject({ fate: 'again', toSend: { figures: { received: 0, carried: 0, handledInTime: 0 } } })
    const [june, july] = [await monthReport(deps, '2020-06'), lines]
    for (const { unit } of july) {
      const then = june.lines.find((one) => one.unit.code === unit.code && one.unit.why === unit.why)?.unit
      expect(unit.carried).toBe((then?.pending.total ?? 0) + unit.takenOver - unit.handedOver)
    }
    expect(total.carried).toBe(june.total.pending.total)
    await sql`update agency_successions set withdrawn_at = now(), withdrawn_by = 'test', withdrawn_why = 'test'`
    await sql`update catalogue_version set version = version + 1`
    await catalogue.fresh()
  })

  it('are there on the command line', async () => {
    const cli = await openCli()
    try {
      const environment = { ...province.environment, COUNTERS_SINCE: '2020-05' }
      const shown = await cli.run(['counters', 'show', '--month', month], environment)
      expect(shown).toMatchObject({ code: 0, err: '' })
      expect(shown.out).toMatch(/H34\.01 Sở Tư pháp +2 +1 +2 +1 +1 +0 +0/)
      expect((await cli.run(['counters', 'send', '--month', month], environment)).out).toContain('--yes')
      expect(await reports()).toEqual([])
      const sent = await cli.run(['--json', 'counters', 'send', '--month', month, '--yes'], environment)
      expect(JSON.parse(sent.out)).toMatchObject({ asked: 2, left: 0 })
      await settled()
      expect(await states()).toEqual(['H34.01 1 sent', 'H34.02 1 sent'])
      expect(await cli.run(['counters', 'send', '--month', '2020-04', '--yes'], environment)).toMatchObject({ code: 1 })
      expect(await cli.run(['counters', 'show', '--month', '07/2020'], environment)).toMatchObject({ code: 2 })
    } finally {
      cli.close()
    }
  })

  describe('in the console', () => {
    const address = () => `${province.house.url}/console/`
    const post = (path: string, fields: Record<string, string>, cookie = '') =>
      fetch(address() + path, {
        method: 'POST',
        headers: { cookie, origin: province.house.url },
        body: new URLSearchParams(fields),
        redirect: 'manual',
      })
    async function enter(more: Partial<NewKey> = {}) {
      const rights: NewKey['rights'] = ['reports:read', 'deliveries:resend']
      const wish = { name: 'Trần Văn B', source: 'console', rights, agencies: ['*'], person: true, by: 'test', ...more }
      const answer = await post('sign-in', { key: (await createKey(province.ground.sql, wish)).key })
      const cookie = answer.headers.get('set-cookie')!.split(';')[0]!
      const get = async (path: string) => {
        const page = await fetch(address() + path, { headers: { cookie }, redirect: 'manual' })
        return { status: page.status, text: await page.text() }
      }
      return { get, post: (path: string, fields: Record<string, string>) => post(path, fields, cookie) }
    }

    it('are previewed, sent, decided about and opened to their dossiers', async () => {
      const { get, post: act } = await enter()
      const page = await get(`counters?month=${month}`)
      expect(page.status).toBe(200)
      const links = [...page.text.matchAll(/href="(counter-dossiers\?[^"]+)">(\d+)</g)]
      expect(links.length).toBeGreaterThan(15)
      for (const [, link, count] of links) {
        const { text } = await get(link!.replaceAll('&amp;', '&'))
        expect([link, new Set([...text.matchAll(/dossier\?code=([^"]+)"/g)].map(([, code]) => code)).size]).toEqual([
          link,
          Number(count),
        ])
      }
      const preview = await get(`counters-preview?month=${month}`)
      expect(preview.text).toContain('2 cơ quan sẽ được gửi')
      const expected = /name="expected" value="([^"]+)"/.exec(preview.text)![1]!
      await province.faults([{ kind: 'cut-after', service, count: 1 }])
      expect((await act('send-counters', { month, expected })).headers.get('location')).toBe(`counters?month=${month}`)
      await settled()
      const after = await get(`counters?month=${month}`)
      expect(after.text).toContain('Chưa rõ kết quả')
      const id = /name="id" value="(\d+)"/.exec(after.text)![1]!
      expect((await act('decide-counters', { id, month, taken: 'yes', why: ' ' })).status).toBe(422)
      expect((await act('decide-counters', { id, month, taken: 'yes', why: 'Đã xem' })).status).toBe(303)
      expect(await states()).toEqual(['H34.01 1 sent', 'H34.02 1 sent'])
      expect((await get(`counters-preview?month=${month}`)).text).toContain('0 cơ quan sẽ được gửi')
      const csv = await get(`counters-file?month=${month}&format=csv`)
      expect(csv.text).toContain('H34.01,Sở Tư pháp,2,1,3,2,1,1,0,1,1,0,0,1,0,0,0,Cổng đã nhận')
      expect((await get('counters')).status).toBe(200)
      expect((await get('counters?month=2020-04&lang=en')).text).toContain('Cannot be told')
    })

    it('show a person of one unit that unit alone, and let nobody else send', async () => {
      const { get, post: act } = await enter({ agencies: ['H34.02'] })
      const { text } = await get(`counters?month=${month}`)
      expect(text).toContain('H34.02')
      expect(text).not.toContain('H34.01')
      expect(text).not.toContain('counters-preview')
      expect((await get(`counters-preview?month=${month}`)).status).toBe(403)
      expect((await act('send-counters', { month, expected: await hash() })).status).toBe(403)
      const others = await get(`counter-dossiers?month=${month}&part=total&unit=H34.01`)
      expect(others.text).toContain('0 hồ sơ')
      const reader = await enter({ rights: ['reports:read'] })
      expect((await reader.post('send-counters', { month, expected: await hash() })).status).toBe(403)
      expect(await reports()).toEqual([])
    })
  })
})
