import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defaultAlertRules } from '../../config/alerts.ts'
import { defaultWatchPolicy } from '../../config/retry.ts'
import { openQueue, openWorker } from '../../jobs/queues.ts'
import { sightings } from '../../src/events/sightings.ts'
import { createKey } from '../../src/platform/auth.ts'
import { vietnamDate } from '../../src/dossiers/model.ts'
import { expectedAtPortal } from '../../src/delivery/expected.ts'
import { transaction } from '../../src/platform/database.ts'
import type { Mapping } from '../../src/procedures/model.ts'
import { applyExtra } from '../../src/procedures/portal-lists.ts'
import { heldPulls, listPulls } from '../../src/procedures/pulls.ts'
import { localCodes } from '../../src/procedures/local.ts'
import { pullCatalogue, pullOrFail, type PullDeps } from '../../src/procedures/pull.ts'
import { acceptAll, plainMapping } from '../../src/procedures/decisions.ts'
import {
  applyHeld,
  applyProcedures,
  endangeredMappings,
  listChanges,
  proceduresWithoutDetail,
} from '../../src/procedures/national.ts'
import { change, nationalCodes, startProvince, type Province } from '../support/province.ts'

describe('the national catalogue', () => {
  let province: Province
  let deps: PullDeps
  beforeAll(async () => {
    province = await startProvince()
    await province.until(async () => (await size()) > 4000, 'the first pull')
    deps = { sql: province.ground.sql, portal: province.ground.portal!, keep: async () => undefined, details: 3 }
  })
  afterAll(() => province.close())

  const size = async () => (await province.ground.catalogue.fresh()).national.size
  const laneOf = async (code: string) => {
    const [row] = await province.ground.sql`
      select l.state, l.reason, l.detail->>'field' as field from deliveries l join dossiers d on d.id = l.dossier_id
      where d.code = ${code}`
    return row
  }

  const api = async (path: string) => {
    const answer = await fetch(`${province.house.url}${path}`, { headers: { authorization: `Bearer ${province.key}` } })
    expect(answer.status).toBe(200)
    return (await answer.json()) as Record<string, Record<string, unknown>[]>
  }
  /** The page as a person sees it. */
  const page = async (query = '') => {
    const rights = ['mappings:read', 'mappings:write'] as const
    const { key } = await createKey(province.ground.sql, {
      name: 'Trần Văn B',
      source: 'console',
      rights: [...rights],
      agencies: ['*'],
      person: true,
      by: 'test',
    })
    const console = `${province.house.url}/console/`
    const signIn = { method: 'POST', redirect: 'manual', headers: { origin: province.house.url } } as const
    const entry = await fetch(`${console}sign-in`, { ...signIn, body: new URLSearchParams({ key }) })
    const cookie = entry.headers.get('set-cookie')!.split(';')[0]!
    return (await fetch(`${console}catalogue${query}`, { headers: { cookie } })).text()
  }

  it('is never replaced by an empty answer', async () => {
    const before = await size()
    await province.faults([{ service: 'LayDanhSachTTHC', kind: 'empty-result' }])
    const pulls = await pullCatalogue(deps)
    await province.faults([])
    expect(pulls).toContainEqual(expect.objectContaining({ service: 'procedures', outcome: 'held' }))
    expect(await size()).toBe(before)
  })

  it('is asked for again when the portal did not give it', async () => {
    await province.faults([{ service: 'LayDanhSachTTHC', kind: 'http-500' }])
    await expect(pullOrFail(deps)).rejects.toThrow('procedures')
    await province.faults([])
    await expect(pullOrFail(deps)).resolves.toBeUndefined()
    const pulls = await province.ground
      .sql`select outcome from pulls where service = 'procedures' order by id desc limit 2`
    expect(pulls.map(({ outcome }) => outcome)).toEqual(['applied', 'failed'])
  })

  it('releases dossiers that waited for a name of it', async () => {
    const { sql, catalogue } = province.ground
    const forget = () =>
      transaction(sql, async (tx) => {
        await tx`update national_procedures set field_code = '', field_name = '' where code = ${nationalCodes[2]}`
        await tx`update catalogue_version set version = version + 1`
      })
    await forget()
    await catalogue.fresh()
    const waiting = change({ procedureCode: nationalCodes[2] })
    await province.push([waiting])
    expect(await laneOf(waiting.code)).toEqual({
      state: 'blocked',
      reason: 'missing-for-portal',
      field: 'procedure.fieldCode',
    })
    await pullCatalogue(deps)
    await province.until(async () => (await laneOf(waiting.code))?.['state'] === 'delivered', 'its delivery')
  })

  it('releases what a mapping lets through, and only that', async () => {
    const local = change({ procedureCode: '2018.CT.12' })
    const other = change({ procedureCode: '2018.CT.13' })
    await province.push([local, other])
    expect(await laneOf(local.code)).toMatchObject({ state: 'blocked', reason: 'no-national-code' })
    const row = {
      localCode: '2018.CT.12',
      nationalCode: nationalCodes[0],
      source: null,
      agencyCode: null,
      level: null,
      validFrom: null,
      validTo: null,
      why: '',
    }
    expect(await acceptAll(province.ground.sql, [row], 'test', 'test')).toBe(1)
    expect(await acceptAll(province.ground.sql, [row], 'test', 'test')).toBe(0)
    await province.until(async () => (await laneOf(local.code))?.['state'] === 'delivered', 'its delivery')
    expect(await laneOf(other.code)).toMatchObject({ state: 'blocked', reason: 'no-national-code' })
  })

  it('says what was delivered even after a procedure was closed, and says when it cannot tell', async () => {
    const { sql, vault, catalogue } = province.ground
    const sent = change()
    await province.push([sent])
    await province.until(async () => (await laneOf(sent.code))?.['state'] === 'delivered', 'its delivery')
    const [row] = await sql<{ id: number }[]>`select id from dossiers where code = ${sent.code}`
    const known = await catalogue.fresh()
    const told = async (national: typeof known.national) =>
      (await expectedAtPortal(sql, vault, { ...known, national }, [row!.id])).get(row!.id)
    const closed = { ...known.national.get(nationalCodes[0])!, open: false }
    expect(await told(new Map([[nationalCodes[0], closed]]))).toMatchObject({ dossier: { code: sent.code } })
    expect(await told(new Map())).toBe('untellable')
  })

  it('keeps what a list does not say, and reads a code with an organisation behind it', async () => {
    const { sql } = province.ground
    const known = await sql<{ code: string; name: string }[]>`select code, name from national_procedures order by code`
    const [closed, renamed, ...others] = known
    await sql`update national_procedures set open = false where code = ${closed!.code}`
    const list = [closed!, { code: `${renamed!.code}.000.00.00.H34`, name: 'Tên mới' }, ...others]
    expect(await applyProcedures(sql, list)).toMatchObject({ applied: true, changed: 1 })
    const rows = await sql`
      select code, name, open from national_procedures where code in (${closed!.code}, ${renamed!.code}) order by code`
    expect([...rows]).toEqual([
      { ...closed, open: false },
      { code: renamed!.code, name: 'Tên mới', open: true },
    ])
    const names = await sql`select name from national_names where code = ${renamed!.code} order by first_seen_at`
    expect(names.map((row) => row['name'])).toEqual([renamed!.name, 'Tên mới'])
    // Withdrawn ones are not missed: the same list without them is whole.
    await sql`update national_procedures set open = false where code = any(${known.slice(0, 600).map(({ code }) => code)}::text[])`
    expect(await applyProcedures(sql, known.slice(600))).toMatchObject({ applied: true })
    await sql`update national_procedures set open = true`
    expect(await applyProcedures(sql, known.slice(600))).toMatchObject({ applied: false })
    expect(await applyProcedures(sql, known)).toMatchObject({ applied: true })
  })

  it('keeps what each list changed, with the dossiers and mappings that it touches', async () => {
    const { sql, catalogue } = province.ground
    const code = nationalCodes[1]
    await acceptAll(sql, [{ ...plainMapping('2020.HIST.1', code), why: '' }], 'test', 'test')
    await catalogue.fresh()
    const sent = change({ procedureCode: '2020.HIST.1' })
    await province.push([sent])
    await province.until(async () => (await laneOf(sent.code))?.['state'] === 'delivered', 'its delivery')
    const list = await sql<{ code: string; name: string }[]>`select code, name from national_procedures order by code`
    const renamed = list.map((row) => (row.code === code ? { ...row, name: 'Tên hoàn toàn mới' } : row))
    const without = renamed.filter((row) => row.code !== list.at(-1)!.code)
    expect(await applyProcedures(sql, [...without, { code: '9.999999', name: 'Thủ tục mới' }])).toMatchObject({
      changed: 2,
    })

    const [pull] = await listPulls(sql, 1)
    expect(pull).toMatchObject({ outcome: 'applied', changes: { new: 1, renamed: 1, missing: 1 } })
    const changes = await listChanges(sql, pull!.id, 10)
    expect(changes[0]).toMatchObject({ code, kind: 'renamed', after: 'Tên hoàn toàn mới', mappings: 1 })
    expect(changes[0]!.dossiers).toBeGreaterThan(0)
    // Absence closes nothing, and is told once.
    const [absent] =
      await sql`select open, missing_since is not null as missing from national_procedures where code = ${list.at(-1)!.code}`
    expect(absent).toEqual({ open: true, missing: true })
    await applyProcedures(sql, [...without, { code: '9.999999', name: 'Thủ tục mới' }])
    expect((await listPulls(sql, 1))[0]).toMatchObject({ changes: {} })
    // Its full record is asked for again, because its name is another one.
    expect(await proceduresWithoutDetail(sql, 10_000)).toContain(code)

    await sql`update national_procedures set open = false where code = ${code}`
    expect(await endangeredMappings(sql, 10)).toContainEqual(
      expect.objectContaining({ localCode: '2020.HIST.1', nationalCode: code, why: 'withdrawn', open: 0 }),
    )
    const metrics = await (await fetch(`${province.house.url}/metrics`)).text()
    expect(metrics).toMatch(/dvcqg_mappings_endangered 1/)
    await sql`update national_procedures set open = true where code = ${code}`
  })

  it('tells what ends before it does, and blocks what is received from that day on', async () => {
    const { sql, catalogue } = province.ground
    const [first, second] = await sql<{ code: string; name: string }[]>`
      select code, name from national_procedures where open order by code limit 2 offset 40`
    const days = (count: number) => vietnamDate(new Date(Date.now() + count * 86_400_000).toISOString())
    const accept = (localCode: string, nationalCode: string, more: Partial<Mapping> = {}) =>
      acceptAll(sql, [{ ...plainMapping(localCode, nationalCode), ...more, why: '' }], 'test', 'test')
    await accept('2026.END.1', first!.code)
    await accept('2026.END.2', first!.code, { validTo: days(60) })
    await accept('2026.END.3', second!.code, { validTo: days(10) })
    await accept('2026.END.4', second!.code, { validTo: days(10) })
    await accept('2026.END.4', second!.code, { validFrom: days(10) })
    await accept('2026.END.5', second!.code, { validTo: days(10) })
    await accept('2026.END.5', second!.code, { validFrom: days(10), agencyCode: 'H34.01' })
    await accept('2026.END.6', second!.code, { validTo: days(40) })
    const endOf = (endsOn: string | null) => applyProcedures(sql, [{ ...first!, endsOn }], { partial: true })
    const told = async () =>
      (await endangeredMappings(sql, 100)).flatMap(({ localCode, why, endsOn }) =>
        localCode.startsWith('2026.END') ? [[localCode, why, endsOn]] : [],
      )
    const mappings = [
      ['2026.END.3', 'mapping-ending', days(10)],
      ['2026.END.5', 'mapping-ending', days(10)],
    ]
    expect(await told()).toEqual(mappings)
    expect(await endOf(days(31))).toMatchObject({ changed: 1 })
    expect(await told()).toEqual(mappings)
    await endOf(days(30))
    expect(await told()).toEqual([...mappings, ...[1, 2].map((n) => [`2026.END.${n}`, 'ending', days(30)])])
    const [pull] = await listPulls(sql, 1)
    expect(pull).toMatchObject({ partial: true, changes: { 'end-set': 1 } })
    expect(await listChanges(sql, pull!.id, 10)).toEqual([
      expect.objectContaining({ code: first!.code, kind: 'end-set', before: days(31), after: days(30), mappings: 2 }),
    ])
    const shown = await page(`?pull=${pull!.id}`)
    for (const words of ['Đổi ngày hết hiệu lực', `${days(31)} → ${days(30)}`, 'nhưng chưa có gì thay ánh xạ này'])
      expect(shown).toContain(words)
    expect(shown).toContain(`hết hiệu lực từ ngày ${days(30).split('-').toReversed().join('/')}`)
    const { mappings: listed } = await api('/v1/mappings/endangered?limit=1000')
    expect(listed).toContainEqual(expect.objectContaining({ localCode: '2026.END.1', why: 'ending', endsOn: days(30) }))
    // What does not say it leaves it as it is.
    expect(await applyProcedures(sql, [first!], { partial: true })).toMatchObject({ changed: 0 })

    await endOf('2020-07-03')
    await catalogue.fresh()
    const late = change({ procedureCode: '2026.END.1' })
    const early = change({ procedureCode: '2026.END.1', receivedAt: '2020-07-02T23:00:00+07:00' })
    await province.push([late, early])
    expect(await laneOf(late.code)).toMatchObject({ state: 'blocked', reason: 'procedure-closed' })
    await province.until(async () => (await laneOf(early.code))?.['state'] === 'delivered', 'its delivery')
    expect(await told()).toContainEqual(['2026.END.1', 'ending', '2020-07-03'])
    const codes = await localCodes(sql, await catalogue.fresh())
    expect(codes.find(({ code }) => code === '2026.END.1')).toMatchObject({ standing: 'unmapped', waiting: 1 })
    await endOf(null)
    await province.until(async () => (await laneOf(late.code))?.['state'] === 'delivered', 'its delivery')
  })

  it('holds a shrunken list for a person, who may apply it', async () => {
    const { sql } = province.ground
    const list = await sql<{ code: string; name: string }[]>`select code, name from national_procedures order by code`
    const half = list.slice(0, 2000)
    expect(await applyProcedures(sql, half)).toMatchObject({ applied: false })
    const [held] = await listPulls(sql, 1)
    expect(held).toMatchObject({ outcome: 'held', appliable: true, rows: 2000 })
    const act = { by: 'test', why: 'bộ đã xác nhận' }
    await expect(applyHeld(sql, held!.id + 1000, act)).rejects.toMatchObject({ code: 'not-held' })
    await applyHeld(sql, held!.id, act)
    expect((await listPulls(sql, 2)).map(({ outcome, why, appliable }) => [outcome, why, appliable])).toEqual([
      ['applied', 'bộ đã xác nhận', false],
      ['held', null, false],
    ])
    const [open] = await sql`select count(*)::int as count from national_procedures where open`
    expect(open).toEqual({ count: list.length })
    await expect(applyHeld(sql, held!.id, act)).rejects.toMatchObject({ code: 'not-held' })
    // Of two that are held only the newer one is kept; and none once a newer list was applied.
    await applyProcedures(sql, half.slice(0, 500))
    await applyProcedures(sql, half.slice(0, 400))
    const [newer, older] = await listPulls(sql, 2)
    expect([newer!.appliable, older!.appliable]).toEqual([true, false])
    await applyProcedures(sql, list)
    await expect(applyHeld(sql, newer!.id, act)).rejects.toMatchObject({ code: 'not-held' })
  })

  it('takes what the portal lists beside it, each on its own', async () => {
    const { sql, portal } = province.ground
    const rules = new Map([['not-pulled', defaultAlertRules.get('catalogue-not-pulled')!]])
    const alarms = () => sightings({ sql, movement: async () => ({ ok: true, reason: null }) }, rules)
    const counts = async () =>
      (
        await sql`
          select (select count(*)::int from unit_procedures where unit_code = '000.00.00.H34' and missing_since is null) as unit,
            (select count(*)::int from portal_services where missing_since is null) as services,
            (select count(*)::int from unit_procedures where missing_since is not null) as "missingOfUnit",
            (select count(*)::int from portal_services where missing_since is not null) as "missingServices"`
      )[0]!
    const whole = await counts()
    expect(whole).toMatchObject({ missingOfUnit: 0, missingServices: 0 })
    expect(whole['unit']).toBeGreaterThan(1000)
    expect(whole['services']).toBeGreaterThan(1000)
    const [service] = await sql`select procedure_code, raw from portal_services where code = 'DVC-1.000005'`
    expect(service).toMatchObject({ procedure_code: '1.000005', raw: { MADVC: 'DVC-1.000005', APDUNGDVC: [] } })

    const refused = { kind: 'unknown-code', value: { code: '-10', message: 'Dịch vụ không được hỗ trợ' } }
    await province.faults([
      { ...refused, service: 'LayDVC' },
      { service: 'LayDanhSachTTHCDonVi', kind: 'empty-result' },
    ])
    const pulls = await pullCatalogue(deps)
    expect(pulls).toContainEqual(expect.objectContaining({ service: 'services', outcome: 'failed', optional: true }))
    expect(pulls).toContainEqual(expect.objectContaining({ service: 'unit-procedures', outcome: 'held' }))
    expect(pulls).toContainEqual(expect.objectContaining({ service: 'procedures', outcome: 'applied' }))
    expect(await counts()).toEqual(whole)
    // The job is done all the same, and nobody is alarmed; unless the portal is said to have the list.
    await expect(pullOrFail(deps)).resolves.toBeUndefined()
    expect(await alarms()).toEqual([])
    const needed = { ...deps, portal: { ...portal!, extras: [{ what: 'services', optional: false } as const] } }
    await expect(pullOrFail(needed)).rejects.toThrow('Not pulled: services')
    expect(await alarms()).toMatchObject([{ key: 'not-pulled:services' }])
    await province.faults([])
    await expect(pullOrFail(needed)).resolves.toBeUndefined()
  })

  it('holds what shrank of what the portal lists beside it, for a person, who may apply it', async () => {
    const { sql } = province.ground
    const rows = [
      ...(await sql<{ unit: string; code: string; name: string }[]>`
      select unit_code as unit, code, name from unit_procedures order by code`),
    ]
    const half = rows.slice(0, Math.floor(rows.length / 2))
    const apply = (some: typeof rows) => applyExtra(sql, { what: 'unit-procedures', rows: some }, {})
    const missing = async () =>
      (await sql`select count(*)::int as count from unit_procedures where missing_since is not null`)[0]!['count']
    expect(await apply(half)).toMatchObject({ applied: false, changed: 0 })
    const [held] = await heldPulls(sql)
    expect(held).toMatchObject({ list: 'unit-procedures', outcome: 'held', rows: half.length })
    expect(await missing()).toBe(0)
    expect(await page()).toContain('Danh sách thủ tục của đơn vị lấy về bị thiếu nhiều')
    expect((await api('/v1/catalogue/pulls?list=unit-procedures'))['pulls']![0]).toMatchObject({ appliable: true })
    expect(await applyHeld(sql, held!.id, { by: 'test', why: 'sáp nhập' })).toMatchObject({ applied: true, changed: 0 })
    expect(await missing()).toBe(rows.length - half.length)
    expect(await heldPulls(sql)).toEqual([])
    await expect(applyHeld(sql, held!.id, { by: 'test', why: 'x' })).rejects.toMatchObject({ code: 'not-held' })
    // Codes with an organisation behind them are the same procedures.
    const suffixed = rows.map((row) => ({ ...row, code: `${row.code}.H34` }))
    expect(await apply(suffixed)).toMatchObject({ applied: true, changed: rows.length - half.length })
    expect(await missing()).toBe(0)
    expect((await listPulls(sql, 1, 'unit-procedures'))[0]).toMatchObject({ outcome: 'applied', changes: {} })
  })

  it('keeps what full records say, and what became of their legal bases', async () => {
    const { sql } = province.ground
    const code = nationalCodes[0]
    const recordOf = async () =>
      (
        await sql`select parts, legal_bases, to_char(ends_on, 'YYYY-MM-DD') as ends from national_procedures where code = ${code}`
      )[0]
    const pullAgain = async (change: Record<string, unknown>) => {
      await fetch(`${province.sandbox.controlUrl}/procedures/${code}`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(change),
      })
      await sql`update national_procedures set detailed_at = case when code = ${code} then null else now() end`
      await pullCatalogue(deps)
      const [pull] = await listPulls(sql, 1)
      return (await listChanges(sql, pull!.id, 10)).filter((one) => one.code === code)
    }
    await sql`update national_procedures set legal_bases = null, parts = null where code = ${code}`
    expect(await pullAgain({ legalBases: ['2/2020/TT', '1/2019/TT'] })).toEqual([])
    expect(await recordOf()).toMatchObject({
      parts: ['name', 'steps', 'ways', 'components', 'time-limit', 'subject', 'agency'],
      legal_bases: [{ number: '2/2020/TT' }, { number: '1/2019/TT', effectiveOn: null }],
    })
    expect(await pullAgain({ legalBases: ['1/2019/TT', '3/2026/TT'], endsOn: '20991231' })).toMatchObject([
      { kind: 'end-set', before: null, after: '2099-12-31' },
      { kind: 'legal-basis', before: '1/2019/TT; 2/2020/TT', after: '1/2019/TT; 3/2026/TT' },
    ])
    expect(await recordOf()).toMatchObject({ ends: '2099-12-31' })
    // What the portal does not say any more is not taken back.
    expect(await pullAgain({ endsOn: '' })).toEqual([])
    expect(await recordOf()).toMatchObject({ ends: '2099-12-31' })
  })

  it('leaves no word of a failure in Redis', async () => {
    const { redisUrl, settings, log } = province.ground
    const options = { redisUrl, prefix: `${settings.QUEUE_PREFIX}-failing`, log }
    const watch = { policy: defaultWatchPolicy, beat: async () => {}, onRestart: () => {}, giveUp: () => {} }
    const queue = openQueue('reconcile', options)
    const worker = openWorker(
      'reconcile',
      (job) => job,
      () => Promise.reject(new TypeError('Bí Mật')),
      { ...options, concurrency: 1, patience: 60_000, watch },
    )
    const job = await queue.add('any', {})
    await province.until(async () => (await queue.getFailedCount()) === 1, 'the failure')
    const kept = JSON.stringify((await queue.getJob(job.id!))?.toJSON())
    await worker.close()
    await queue.obliterate({ force: true })
    await queue.close()
    expect(kept).toContain('TypeError')
    expect(kept).not.toContain('Bí Mật')
  })
})
