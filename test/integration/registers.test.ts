import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createKey } from '../../src/platform/auth.ts'
import { transaction } from '../../src/platform/database.ts'
import { readTable } from '../../src/platform/files.ts'
import { succeed, importAgencies } from '../../src/organisations/store.ts'
import { importStatuses } from '../../src/procedures/store.ts'
import { beginRun, continueRun, startRegisterRun } from '../../src/reconciliation/reconcile.ts'
import { judgeRegister } from '../../src/reconciliation/register-judge.ts'
import { RegisterFaults, rowsOfObjects, type RegisterRows } from '../../src/reconciliation/register-reading.ts'
import { stageRegister, sweepRegisters } from '../../src/reconciliation/registers.ts'
import { readRun, readRunRow, type Run } from '../../src/reconciliation/runs.ts'
import { change, nationalCodes, startProvince, step, type Province } from '../support/province.ts'

interface Row {
  readonly code: string
  readonly kind: string
  readonly fields: { field: string; here: string; there: string; why?: string }[]
}

const asOf = '2020-07-04T17:00:00+07:00'
const names = [
  'clean',
  'notation',
  'lost',
  'older',
  'field',
  'stepless',
  'both',
  'merged',
  'changed',
  'moved',
  'agreeing',
  'contradicting',
  'unregistered',
  'unmapped',
  'later',
  'composed',
] as const
type Name = (typeof names)[number]

describe("the province's register", () => {
  let province: Province
  const codes = Object.fromEntries(names.map((name) => [name, `H34-SO-${name}`])) as Record<Name, string>
  /** Pushed with its letters taken apart, as some systems write them. */
  codes.composed = 'H34-SO-Hồ'.normalize('NFD')

  beforeAll(async () => {
    province = await startProvince()
    const { sql, catalogue } = province.ground
    await importAgencies(sql, [{ code: 'H34.03', name: 'Sở Giao thông', level: 'province', validTo: '2020-07-01' }])
    await succeed(
      sql,
      [{ oldCode: 'H34.03', newCode: 'H34.02', day: '2020-07-01', transfer: 'whole', procedureCode: null }],
      { by: 'test', why: 'test' },
    )
    await importStatuses(sql, [{ source: 'one-stop', localStatus: 'Đang giải quyết', status: 'processing' }])
    await province.until(async () => (await catalogue.fresh()).national.size > 4000, 'the first pull of the catalogue')
    const steps = [step('2020-07-03T08:40:00+07:00', 'received'), step('2020-07-03T08:50:00+07:00', 'processing')]
    const own: Partial<Record<Name, object>> = {
      merged: { agencyCode: 'H34.03' },
      later: { receivedAt: '2020-07-05T08:30:00+07:00', changedAt: '2020-07-05T09:00:00+07:00' },
    }
    await province.push(names.map((name) => change({ code: codes[name], status: 'processing', steps, ...own[name] })))
    await province.settled()
    // After the moment of the register.
    await province.push(
      [codes.changed, codes.moved].map((code) =>
        change({
          code,
          status: 'finished',
          changedAt: '2020-07-06T09:00:00+07:00',
          finishedAt: '2020-07-06T09:00:00+07:00',
          steps: [...steps, step('2020-07-06T09:00:00+07:00', 'finished')],
        }),
      ),
    )
    await province.settled()
    await sandbox('DELETE', codes.lost)
    await sandbox('PATCH', codes.both, { TrangThaiHoSo: '2' })
  })
  afterAll(() => province.close())

  const sandbox = (method: string, code: string, body?: unknown) =>
    fetch(`${province.sandbox.controlUrl}/dossiers/${encodeURIComponent(code)}`, {
      method,
      ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
  const call = async (
    method: string,
    path: string,
    { body, key = province.key, type = 'application/x-ndjson' }: { body?: string; key?: string; type?: string } = {},
  ) =>
    fetch(`${province.house.url}/v1/reconciliation/${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': type }) },
      ...(body !== undefined && { body, duplex: 'half' }),
    })
  const linesOf = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('')
  const finished = async (id: number) => {
    await province.until(async () => (await readRun(province.ground.sql, id))!.state !== 'running', 'the run')
    return (await readRun(province.ground.sql, id))!
  }
  const rowsOf = async (run: Run, query = '') =>
    ((await (await call('GET', `runs/${run.id}/register?limit=1000&${query}`)).json()) as { rows: Row[] }).rows
  const shortly = (rows: readonly Row[]) =>
    Object.fromEntries(
      rows.map(({ code, kind, fields }) => [
        code,
        [kind, ...fields.map(({ field, why }) => (why === undefined ? field : `${field}: ${why}`))].join(', '),
      ]),
    )
  const addsUp = ({ register }: Run) => {
    const { equal, different, unknown, ...parts } = register!.counts!
    expect(equal + different + unknown + parts['not-in-ledger']).toBe(register!.total)
    expect(register!.held + register!.missing).toBe(register!.total)
  }

  /** The register as the one-stop system exports it: what is planted, and everything else as it is. */
  const exported = () => {
    const plain = {
      agency: 'H34.01',
      procedure: nationalCodes[0],
      status: 'Đang giải quyết',
      received_at: '03/07/2020 08:30',
      steps: 2,
      'chủ hồ sơ': 'Nguyễn Văn Bí Mật',
    }
    const rows: Record<string, unknown>[] = names
      .filter((name) => name !== 'unregistered' && name !== 'later')
      .map((name) => ({ code: codes[name].normalize('NFC'), ...plain, ...planted[name] }))
    rows.push({ code: codes.agreeing, agency: '000.00.01.H34' })
    rows.push({ code: codes.contradicting, steps: 5 })
    rows.push({ code: 'H34-SO-la', ...plain })
    return rows
  }
  const planted: Partial<Record<Name, object>> = {
    notation: { agency: '000.00.01.H34', status: 'ĐANG GIẢI QUYẾT'.normalize('NFD') },
    older: { status: 'received' },
    field: { received_at: '2020-07-02' },
    stepless: { steps: 1 },
    both: { agency: 'H34.02' },
    merged: { agency: 'H34.02' },
    moved: { agency: 'H34.02' },
    unmapped: { status: 'Chờ ký' },
  }
  const found = {
    [codes.older]: 'different, status',
    [codes.field]: 'different, receivedAt',
    [codes.stepless]: 'different, steps',
    [codes.both]: 'different, agency',
    [codes.moved]: 'unknown, agency: changed-since',
    [codes.contradicting]: 'unknown, steps: contradicts',
    [codes.unmapped]: 'unknown, status: unmapped',
    'H34-SO-la': 'not-in-ledger',
    [codes.unregistered]: 'not-in-register',
  }

  it('is compared with the ledger and the portal: every planted fault is found, and none is invented', async () => {
    const answer = await call('POST', `registers?complete=true&name=so.ndjson&asOf=${encodeURIComponent(asOf)}`, {
      body: linesOf(exported()),
    })
    expect(answer.status).toBe(200)
    const run = await finished(((await answer.json()) as Run).id)
    expect(shortly(await rowsOf(run))).toEqual(found)
    addsUp(run)
    expect(run.register).toMatchObject({
      total: 15,
      held: 14,
      missing: 1,
      unregistered: 1,
      examples: [codes.unregistered],
      counts: { equal: 7, different: 4, 'not-in-ledger': 1, unknown: 3, 'not-in-register': 1 },
      given: { name: 'so.ndjson', rows: 17, asOf: '2020-07-04T10:00:00.000Z', complete: true, inLedger: 15 },
    })
    expect(run.register!.fields['status']).toEqual({ equal: 12, different: 1, unclear: 1 })
    expect(run.register!.given!.hash).toMatch(/^[\da-f]{64}$/)
    // The portal's own faults, and the dossier that is wrong on both sides.
    expect(run).toMatchObject({
      total: 17,
      counts: { different: 1, 'missing-there': 1, 'missing-here': 0, unknown: 0 },
    })
    const { rows } = (await (await call('GET', `runs/${run.id}/register?kind=different&field=agency`)).json()) as {
      rows: Row[]
    }
    expect(rows).toMatchObject([{ code: codes.both, fields: [{ field: 'agency', here: 'H34.01', there: 'H34.02' }] }])
    // Only what does not agree is kept, and nothing about citizens at all.
    const [left] = await province.ground.sql<{ rows: number; names: number }[]>`
      select (select count(*)::int from register_rows) as rows,
        (select count(*)::int from register_findings f where f::text like '%Bí Mật%') as names`
    expect(left).toEqual({ rows: 0, names: 0 })
  })

  it('leaves what disagrees beside what disagrees with the portal, until a newer one agrees or somebody lets it stay', async () => {
    const open = async (query = '') => {
      const answer = await call('GET', `discrepancies?${query}`)
      const { discrepancies } = (await answer.json()) as {
        discrepancies: { side: string; code: string; kind: string; fields: { field: string }[] }[]
      }
      return Object.fromEntries(
        discrepancies.map(({ side, code, kind, fields }) => [
          `${side} ${code}`,
          [kind, ...fields.map(({ field }) => field)],
        ]),
      )
    }
    const handIn = async (rows: readonly object[], moment: string) => {
      const answer = await call('POST', `registers?asOf=${encodeURIComponent(moment)}`, { body: linesOf(rows) })
      await finished(((await answer.json()) as Run).id)
    }
    const act = async (body: object) => {
      const answer = await call('POST', 'discrepancies/resolve', {
        body: JSON.stringify({ why: 'kiểm tra', ...body }),
        type: 'application/json',
      })
      return answer.json()
    }
    const both = {
      [`register ${codes.older}`]: ['different', 'status'],
      [`register ${codes.field}`]: ['different', 'receivedAt'],
      [`register ${codes.stepless}`]: ['different', 'steps'],
      [`register ${codes.both}`]: ['different', 'agency'],
      [`register ${codes.unregistered}`]: ['not-in-register'],
    }
    expect(await open('side=register')).toEqual(both)
    expect(await open()).toEqual({
      ...both,
      [`portal ${codes.both}`]: ['different', 'status'],
      [`portal ${codes.lost}`]: ['missing-there', 'presence'],
      'portal H34-SO-la': ['missing-everywhere', 'presence'],
    })
    // Sending to the portal mends nothing in the register.
    expect(await act({ filter: { side: 'register' }, act: 'resend', preview: true })).toEqual({
      chosen: 5,
      done: 0,
      left: 5,
    })
    expect(await act({ filter: { side: 'register', field: 'receivedAt' }, act: 'accept' })).toMatchObject({ done: 1 })
    // An older register says nothing new, one of codes alone proves nothing of fields, and what was accepted stays so.
    await handIn([{ code: codes.older, status: 'processing' }], '2020-07-04T12:00:00+07:00')
    await handIn([{ code: codes.older }, { code: codes.field, received_at: '2020-07-02' }], '2020-07-04T18:00:00+07:00')
    const { [`register ${codes.field}`]: _accepted, ...left } = both
    expect(await open('side=register')).toEqual(left)
    await handIn(
      [
        { code: codes.older, status: 'processing' },
        { code: codes.stepless, steps: 2, status: 'Chờ ký' },
        { code: codes.both, agency: 'H34.01' },
        { code: codes.unregistered },
      ],
      '2020-07-04T19:00:00+07:00',
    )
    // Where another field cannot be compared nothing is concluded.
    expect(await open('side=register')).toEqual({ [`register ${codes.stepless}`]: ['different', 'steps'] })
    expect(Object.keys(await open('side=portal'))).toHaveLength(3)
    // Handed in later, and yet of an earlier moment than the one that agreed.
    await handIn([{ code: codes.older, status: 'returned' }], '2020-07-04T18:30:00+07:00')
    expect(Object.keys(await open('side=register'))).toHaveLength(1)
    await handIn([{ code: codes.older, status: 'returned' }], '2020-07-04T20:00:00+07:00')
    expect(Object.keys(await open('side=register'))).toHaveLength(2)
  })

  it('that is not whole says nothing of what it lacks, and one of an agency nothing of others', async () => {
    const part = exported().slice(0, 2)
    const loose = await finished(((await (await call('POST', 'registers', { body: linesOf(part) })).json()) as Run).id)
    expect(loose.register).toMatchObject({ total: 2, unregistered: null, counts: { 'not-in-register': 0 } })
    expect(await rowsOf(loose)).toEqual([])
    const json = JSON.stringify(part)
    const answer = await call('POST', 'registers?complete=true&agency=H34.03', { body: json, type: 'application/json' })
    const scoped = await finished(((await answer.json()) as Run).id)
    expect(shortly(await rowsOf(scoped))).toEqual({ [codes.merged]: 'not-in-register' })
    expect(scoped.total).toBe(1)
  })

  it('of codes alone, in the scope of a run, works as it always did', async () => {
    const body = JSON.stringify({ codes: [codes.clean, 'H34-SO-la', codes.clean] })
    const { id } = (await (await call('POST', 'runs', { body, type: 'application/json' })).json()) as Run
    const run = await finished(id)
    expect(run.register).toMatchObject({ total: 2, held: 1, missing: 1, unregistered: 15 })
    expect(run.scope).toMatchObject({ codes: ['H34-SO-la'], codesCount: 1 })
    addsUp(run)
  })

  it('is refused with all its faults, or when its sender goes away, and leaves nothing behind', async () => {
    const before = await counted()
    const faulty = `${linesOf([{ code: 'H34-1' }])}{"code":"H34 2","chủ":"Bí Mật","steps":"nhiều"}\n`
    const refused = await call('POST', 'registers', { body: faulty })
    const text = await refused.text()
    expect([refused.status, text.includes('rows.2.steps'), text.includes('Bí Mật'), text.includes('nhiều')]).toEqual([
      422,
      true,
      false,
      false,
    ])
    expect((await call('POST', `registers?asOf=2090-01-01T00:00:00Z`, { body: linesOf([{ code: 'x' }]) })).status).toBe(
      422,
    )
    const gone = new AbortController()
    const half = new ReadableStream<Uint8Array>({
      start: (controller) =>
        controller.enqueue(Buffer.from(linesOf(Array.from({ length: 6000 }, (_, n) => ({ code: `H34-${n}` }))))),
    })
    const sending = fetch(`${province.house.url}/v1/reconciliation/registers`, {
      method: 'POST',
      headers: { authorization: `Bearer ${province.key}`, 'content-type': 'application/x-ndjson' },
      body: half,
      duplex: 'half',
      signal: gone.signal,
    }).catch(() => 'cut')
    await province.until(async () => (await counted()).rows > 0, 'the first rows')
    gone.abort()
    expect(await sending).toBe('cut')
    await province.until(async () => isDeepStrictEqual(await counted(), before), 'what came of it to be let go of')
  })

  it('is not begun over a period that ends before it begins', async () => {
    const before = await counted()
    const body = linesOf([{ code: 'H34-0' }])
    expect((await call('POST', 'registers?from=2020-08-01&to=2020-07-01', { body })).status).toBe(422)
    const scope = JSON.stringify({ from: '2020-07-01', to: '2020-07-01' })
    expect((await call('POST', 'runs', { body: scope, type: 'application/json' })).status).toBe(422)
    expect(await counted()).toEqual(before)
  })

  it('has no crowd of rows of one dossier, which would be judged in one piece', async () => {
    const before = await counted()
    const rows = [{ code: 'H34-0' }, ...Array.from({ length: 5_001 }, (_, n) => ({ code: 'H34-1', steps: n }))]
    const answer = await call('POST', 'registers', { body: linesOf(rows) })
    expect([answer.status, await answer.text()]).toEqual([422, expect.stringContaining('rows.2')])
    expect(await counted()).toEqual(before)
  })

  it('is for keys that speak for all agencies', async () => {
    const { key } = await createKey(province.ground.sql, {
      name: 'part',
      source: 'one-stop',
      rights: ['reports:read', 'deliveries:resend'],
      agencies: ['H34.01'],
      by: 'test',
    })
    expect((await call('POST', 'registers', { body: linesOf([{ code: 'x' }]), key })).status).toBe(403)
    const [run] = await province.ground.sql<{ id: number }[]>`select max(run_id)::int as id from registers`
    expect((await call('GET', `runs/${run!.id}/register`, { key })).status).toBe(404)
  })

  const counted = async () => {
    const [row] = await province.ground.sql<{ registers: number; rows: number }[]>`
      select (select count(*)::int from registers) as registers, (select count(*)::int from register_rows) as rows`
    return row!
  }

  it('goes on after a kill where it stood and counts nothing twice; what nobody took up is swept', async () => {
    const { sql } = province.ground
    const many = rowsOfObjects(
      Array.from({ length: 12_000 }, (_, n) => ({ code: `H34-X${n % 11_999}`, steps: n === 0 ? 1 : null })),
    )
    const id = await startRegisterRun(sql, {
      askedBy: 'test',
      scope: {},
      given: { name: 'x', complete: true },
      rows: many,
    })
    let looks = 0
    await judgeRegister(sql, (await readRunRow(sql, id))!, () => looks++ > 0)
    const half = (await readRun(sql, id))!
    expect(half.register!.given!.judgedAt).toBeNull()
    expect(half.register!.total).toBeGreaterThan(4_000)
    expect(half.register!.total).toBeLessThan(6_000)
    addsUp(half)
    const row = (await readRunRow(sql, id))!
    const two = await Promise.allSettled([judgeRegister(sql, row, () => false), judgeRegister(sql, row, () => false)])
    expect(two.some(({ status }) => status === 'fulfilled')).toBe(true)
    await judgeRegister(sql, (await readRunRow(sql, id))!, () => false)
    const whole = (await readRun(sql, id))!
    expect(whole.register).toMatchObject({ total: 11_999, missing: 11_999, unregistered: 16 })
    expect(whole).toMatchObject({ total: 11_999 + 16, scope: { codesCount: 11_999 } })
    await sql`update reconciliation_runs set state = 'failed' where id = ${id}`
    const waiting = await stageRegister(sql, { name: 'x', by: 'test' }, rowsOfObjects([{ code: 'H34-1' }]))
    expect(await sweepRegisters(sql)).toBe(0)
    await sql`update registers set touched_at = now() - interval '7 hours' where id = ${waiting}`
    expect(await sweepRegisters(sql)).toBe(1)
    expect((await counted()).rows).toBe(0)
    await expect(
      transaction(sql, (tx) => beginRun(tx, { askedBy: 'test', scope: {}, register: waiting })),
    ).rejects.toThrow('no register')
  })

  it('has a sample of its missing codes looked up, and says of all of them that they are missing', async () => {
    const { sql } = province.ground
    const rows = rowsOfObjects(Array.from({ length: 200 }, (_, n) => ({ code: `H34-Y${n}` })))
    const id = await startRegisterRun(sql, { askedBy: 'test', scope: { sample: 0.3 }, given: { name: 'y' }, rows })
    const asked: string[] = []
    const run = await continueRun(
      {
        sql,
        vault: province.ground.vault,
        expected: (ids) => Promise.resolve(new Map(ids.map((one) => [one, null]))),
        portal: {
          canLookUp: true,
          lookUp: (code) => (asked.push(code), Promise.resolve({ class: 'ok', exchanges: [], record: null })),
          compare: () => [],
        },
      },
      id,
      { concurrency: 2 },
    )
    const missing = asked.filter((code) => code.startsWith('H34-Y'))
    expect(missing.length).toBeGreaterThan(20)
    expect(missing.length).toBeLessThan(110)
    expect(run).toMatchObject({ state: 'finished', register: { missing: 200 }, scope: { codesCount: missing.length } })
    addsUp(run)
  })

  it('is handed in and read in the console, row by row and as a file', async () => {
    const { key } = await createKey(province.ground.sql, {
      name: 'Cán bộ đối soát',
      source: 'console',
      rights: ['reports:read', 'deliveries:resend', 'mappings:read'],
      agencies: ['*'],
      person: true,
      by: 'test',
    })
    const { url } = province.house
    const headers = { origin: url, cookie: '' }
    const signed = await fetch(`${url}/console/sign-in`, {
      method: 'POST',
      headers,
      body: new URLSearchParams({ key }),
      redirect: 'manual',
    })
    headers.cookie = signed.headers.get('set-cookie')!.split(';')[0]!
    const get = (path: string) => fetch(`${url}/console/${path}`, { headers })
    const form = new FormData()
    form.append('asOf', '2020-07-04T17:00')
    form.append('complete', '1')
    const columns = ['code', 'agency', 'procedure', 'status', 'received_at', 'steps', 'chủ hồ sơ']
    const csv = exported().map((row) => columns.map((name) => String((row[name] ?? '') as string | number)).join(';'))
    form.append(
      'file',
      new Blob([`Mã hồ sơ;Cơ quan;Thủ tục;Trạng thái;Ngày tiếp nhận;Số bước;Chủ hồ sơ\n${csv.join('\n')}\n`]),
      'so.csv',
    )
    const sent = await fetch(`${url}/console/compare-register`, {
      method: 'POST',
      headers,
      body: form,
      redirect: 'manual',
    })
    const where = sent.headers.get('location')!
    expect(where).toMatch(/^run\?id=\d+$/)
    const run = await finished(Number(where.split('=')[1]))
    addsUp(run)
    expect(shortly(await rowsOf(run))).toEqual(found)
    const page = await (await get(where)).text()
    expect(page).toContain(`register-rows?run=${run.id}&#38;kind=not-in-register`.replace('&#38;', '&amp;'))
    const rows = await (await get(`register-rows?run=${run.id}&kind=unknown`)).text()
    expect(rows).toContain('từ chưa ánh xạ')
    expect(rows).not.toContain('Bí Mật')
    const steps = await (await get(`register-rows?run=${run.id}&field=steps&outcome=unclear`)).text()
    expect([steps.includes(codes.contradicting), steps.includes(codes.stepless)]).toEqual([true, false])
    const file = await (await get(`register-file?run=${run.id}&kind=different&format=csv`)).text()
    expect(file).toContain(codes.field)
    const workbook = Buffer.from(await (await get(`register-file?run=${run.id}&format=xlsx`)).arrayBuffer())
    const shape = { headers: ['mã hồ sơ'], ignoresOthers: true, row: z.record(z.string(), z.string()) }
    const read = readTable(workbook, shape)
    expect(read.ok && read.rows).toHaveLength(9)
    expect((await get('register-rows?run=999999')).status).toBe(404)
    const bad = new FormData()
    bad.append('asOf', 'hôm qua')
    bad.append('file', new Blob(['code\nx\n']), 'so.csv')
    expect((await fetch(`${url}/console/compare-register`, { method: 'POST', headers, body: bad })).status).toBe(422)
  })

  it('with a fault hands out no row to the ledger for good', async () => {
    const { sql } = province.ground
    const before = await counted()
    const rows: RegisterRows = rowsOfObjects([
      ...Array.from({ length: 5000 }, (_, n) => ({ code: `H34-${n}` })),
      { code: '' },
    ])
    await expect(stageRegister(sql, { name: 'x', by: 'test' }, rows)).rejects.toThrow(RegisterFaults)
    expect(await counted()).toEqual(before)
  })
})
