import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { readTable, writeTable } from '../../src/platform/files.ts'
import { describeProblem } from '../../src/platform/table.ts'
import { openCli, program, runCli } from '../support/cli.ts'
import { change, nationalCodes, startProvince, type Province } from '../support/province.ts'

describe('dvcqg beside a running service', () => {
  let province: Province
  let folder: string
  let cli: Awaited<ReturnType<typeof openCli>>
  beforeAll(async () => {
    province = await startProvince()
    cli = await openCli()
    folder = await mkdtemp(join(tmpdir(), 'dvcqg-cli-'))
    await province.until(async () => (await province.ground.catalogue.fresh()).national.size > 4000, 'the catalogue')
  })
  afterAll(async () => {
    cli?.close()
    await province.close()
    await rm(folder, { recursive: true, force: true })
  })

  const run = (args: readonly string[], extra: Readonly<Record<string, string>> = {}) =>
    cli.run(args, { ...province.environment, ...extra })
  /** As a person starts it: that it ends by itself, and with which code, is seen here. */
  const runAlone = (args: readonly string[], extra: Readonly<Record<string, string>> = {}) =>
    runCli(args, { ...province.environment, ...extra })
  const json = async <T>(args: readonly string[], expected = 0, how: typeof runAlone = run): Promise<T> => {
    const { code, out, err } = await how([...args, '--json'])
    // What takes long says beside the answer how far it is.
    const said = err.replaceAll(/^\w+: \d+ %.*\n/gm, '')
    expect({ code, said }).toEqual({ code: expected, said: '' })
    return JSON.parse(out) as T
  }
  const file = async (name: string, text: string) => {
    await writeFile(join(folder, name), text)
    return join(folder, name)
  }
  const stateOf = async (code: string) => {
    const [row] = await province.ground.sql<{ state: string; reason: string | null }[]>`
      select l.state, l.reason from deliveries l join dossiers d on d.id = l.dossier_id where d.code = ${code}`
    return row
  }

  it('creates a key that works until it is revoked, and shows it only once', async () => {
    const wish = ['keys', 'create', '--name', 'Một cửa', '--source', 'one-stop']
    const { id, key } = await json<{ id: string; key: string }>(wish, 0, runAlone)
    const good = change()
    const dossiers = await file('d.ndjson', `${JSON.stringify(good)}\n\n{"code":"x"}\nnot json\n`)
    const push = (how: typeof runAlone = run) =>
      how(['import', 'dossiers', dossiers, '--url', province.house.url, '--json'], { DVCQG_KEY: key })
    const first = await push(runAlone)
    const lines = first.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(first.code).toBe(1)
    expect(lines).toMatchObject([
      { line: 3, findings: expect.any(Array) as unknown[] },
      { line: 4, findings: [{ code: 'malformed-json' }] },
      { counts: { stored: 1, unchanged: 0, superseded: 0, refused: 2 }, complete: true },
    ])
    const list = await run(['keys', 'list'])
    expect(list.out).toContain(id)
    expect(list.out).not.toContain(key.slice('dvcqg_'.length + 13))
    const grant = ['keys', 'grant', id, '--right', 'reports:read']
    expect(await json(grant)).toMatchObject({ done: 'changed' })
    expect(await json(grant)).toMatchObject({ done: 'already' })
    const rightsNow = async () =>
      (await province.ground.sql<{ rights: string[] }[]>`select rights from api_clients where id = ${id}`)[0]!.rights
    expect(await rightsNow()).toContain('reports:read')
    expect(await json(['keys', 'revoke-right', id, '--right', 'reports:read'])).toMatchObject({ done: 'changed' })
    expect(await rightsNow()).not.toContain('reports:read')
    expect(await province.ground.sql`select action, detail from audit where subject = ${id} order by id`).toMatchObject(
      [
        { action: 'key.created' },
        { action: 'key.right-granted', detail: { right: 'reports:read' } },
        { action: 'key.right-revoked', detail: { right: 'reports:read' } },
      ],
    )
    await json(['keys', 'revoke', id])
    expect(await run(['keys', 'revoke', id])).toMatchObject({ code: 1 })
    expect(await run(grant)).toMatchObject({ code: 1 })
    await province.until(
      async () => (await push()).err.includes('The service refused: The key is not known'),
      'the key to end',
    )
  })

  it('releases blocked dossiers when a mapping is imported, and imports nothing from a wrong file', async () => {
    const blocked = change({ procedureCode: 'TT-LOCAL-1' })
    await province.push([blocked])
    expect(await stateOf(blocked.code)).toMatchObject({ state: 'blocked', reason: 'no-national-code' })
    const head = 'local_code;national_code;agency_code;level;valid_from;valid_to;why\n'
    const right = `TT-LOCAL-1;${nationalCodes[1]};;;01/01/2020;;QĐ 1\n`
    const wrong = await runAlone(['import', 'mappings', await file('wrong.csv', `\uFEFF${head}${right}TT;1;;;;;\n`)])
    expect(wrong).toMatchObject({ code: 1, out: expect.stringContaining('Row 3, column B (national_code)') as string })
    const path = await file('right.csv', `\uFEFF${head}${right}`)
    expect(await json(['import', 'mappings', path])).toMatchObject({ rows: 1, changed: 1 })
    await province.until(async () => (await stateOf(blocked.code))?.state === 'delivered', 'the delivery')
    expect(await json(['import', 'mappings', path])).toMatchObject({ rows: 1, changed: 0, released: 0 })
    expect((await json<object[]>(['mappings', 'decisions']))[0]).toMatchObject({
      why: 'import',
      dossiers: { blocked: 1, released: 1, still: {} },
    })
    const other = `TT-LOCAL-9;${nationalCodes[0]};;;;;\n\nTT-LOCAL-1;${nationalCodes[0]};;;2021-01-01;;\n`
    const contrary = await run(['import', 'mappings', await file('contrary.csv', head + other)])
    expect(contrary).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^Row 4: TT-LOCAL-1 means 1\.000005 at the same time/) as string,
    })
    expect((await run(['mappings', 'pending'])).out).not.toContain('TT-LOCAL-9')
    const exported = join(folder, 'exported.csv')
    expect(await json(['mappings', 'export', exported, '--excel'])).toEqual({ rows: 1, file: exported })
    expect(await readFile(exported, 'utf8')).toBe(
      `\uFEFFlocal_code,national_code,source,agency_code,level,valid_from,valid_to,why\nTT-LOCAL-1,${nationalCodes[1]},,,,2020-01-01,,QĐ 1\n`,
    )
    expect(await json(['import', 'mappings', exported])).toMatchObject({ rows: 1, changed: 0 })
  })

  it('accepts what needs no person, says what it would do first, and takes it back', async () => {
    const [code] = nationalCodes
    const [known] = await province.ground.sql<{ name: string }[]>`
      select name from national_procedures where code = ${code}`
    // A code of the portal with a space that no sender can send by, and one whose name says nothing of it.
    const list = `code,name,level,agency_code\n${code}. H34,"${known!.name}",,\nTT-LOCAL-3,Zzz,,\n`
    await json(['import', 'procedures', await file('local.csv', list)])
    const waiting = change({ procedureCode: `${code}. H34` })
    await province.push([waiting])
    expect((await run(['mappings', 'pending'])).out).toMatch(/WAITING +AGENCIES +NAME\n1\.000010\. H34 +1 +1 /)

    const foreseen = await run(['mappings', 'accept-certain', '--lang', 'en'])
    expect(foreseen.out).toMatch(/^1 of 2 unmapped codes with a name need no person\.\n/)
    expect(foreseen.out).toMatch(/the local code holds this national code; the names say the same/)
    expect(foreseen.out).toMatch(/It would release: 1 of 1 blocked dossiers\.\nNothing was done/)
    expect(await stateOf(waiting.code)).toMatchObject({ state: 'blocked' })
    expect(await run(['mappings', 'accept-certain', '--yes'])).toMatchObject({ code: 2 })

    const accept = ['mappings', 'accept-certain', '--yes', '--why', 'the list of 2020']
    const done = await json<{ decision: number; dossiers: object }>(accept)
    expect(done.dossiers).toEqual({ blocked: 1, released: 1, still: {} })
    await province.until(async () => (await stateOf(waiting.code))?.state === 'delivered', 'the delivery')
    const undo = ['mappings', 'undo', String(done.decision), '--why', 'a slip']
    expect((await run(undo)).out).toMatch(/is taken back: 1 rows\./)
    expect(await run(undo)).toMatchObject({ code: 1, err: expect.stringMatching(/taken back before/) as string })
    expect((await run(['mappings', 'decisions'])).out).toMatch(/undoes \d+ +a slip\n.*undone by \d+ +the list of 2020/)
    expect(await run(['mappings', 'undo', '99999', '--why', 'x'])).toMatchObject({ code: 1 })
  })

  it('gives an office a workbook to fill in, and takes it back half filled', async () => {
    const list = 'code,name,level,agency_code\nTT-OFFICE-1,Cấp giấy phép xây dựng,,\nTT-OFFICE-2,Việc lạ,,\n'
    await json(['import', 'procedures', await file('office.csv', list)])
    const sheet = join(folder, 'office.xlsx')
    const { rows } = await json<{ rows: number }>(['mappings', 'worksheet', sheet])
    expect(rows).toBeGreaterThanOrEqual(2)
    const shape = { headers: ['local_code', 'national_code'], optional: ['why', 'local_name', 'waiting', 'proposals'] }
    const cells = z.object({
      local_code: z.string(),
      national_code: z.string(),
      why: z.string(),
      local_name: z.string(),
      waiting: z.string(),
      proposals: z.string(),
    })
    const read = readTable(await readFile(sheet), { ...shape, row: cells })
    if (!read.ok) throw new Error(read.problems.map(describeProblem).join('\n'))
    const mine = read.rows.find((row) => row.local_code === 'TT-OFFICE-1')!
    expect(mine).toMatchObject({ national_code: '', local_name: 'Cấp giấy phép xây dựng', waiting: '0' })
    expect(mine.proposals).toMatch(/^\d\.\d{6} .+\(\d+: /)

    const filled = read.rows.map((row) => [
      row.local_code,
      row.local_code === 'TT-OFFICE-1' ? nationalCodes[2] : '',
      'văn phòng điền',
      row.local_name,
      Number(row.waiting),
      row.proposals,
    ])
    await writeTable(sheet, Object.keys(cells.shape), filled, { excel: false })
    expect(await json(['import', 'mappings', sheet])).toMatchObject({ changed: 1, undecided: rows - 1 })
    expect((await run(['mappings', 'pending'])).out).not.toContain('TT-OFFICE-1')
    const exported = join(folder, 'exported.xlsx')
    await json(['mappings', 'export', exported])
    expect(await json(['import', 'mappings', exported])).toMatchObject({ changed: 0, undecided: 0 })
    const unmatched = join(folder, 'unmatched.xlsx')
    const audit = await json<{ unmatched: { localCode: string }[] }>([
      'mappings',
      'audit',
      '--from',
      '2020-01-01',
      '--out',
      unmatched,
    ])
    const shown = readTable(await readFile(unmatched), {
      headers: ['local_code'],
      ignoresOthers: true,
      row: z.object({ local_code: z.string() }),
    })
    expect(audit.unmatched.map(({ localCode }) => localCode)).toEqual(
      shown.ok ? shown.rows.map((row) => row.local_code) : null,
    )
    // What contradicts the ledger is named by the workbook's own row, those that were left blank counted.
    const wrong = [
      ...filled.filter(([code]) => code !== 'TT-OFFICE-1'),
      ['TT-OFFICE-1', nationalCodes[0], '', '', 0, ''],
    ]
    await writeTable(sheet, Object.keys(cells.shape), wrong, { excel: false })
    expect((await run(['import', 'mappings', sheet])).out).toMatch(
      new RegExp(`^Row ${wrong.length + 1}: TT-OFFICE-1 means 1\\.000002 at the same time`),
    )
  })

  it('tells what became of the national catalogue, and of the mappings to it', async () => {
    const pulls = await json<{ id: number; outcome: string; changes: Record<string, number> }[]>(['catalogue', 'pulls'])
    expect(pulls.at(-1)).toMatchObject({ outcome: 'applied', changes: { new: expect.any(Number) as number } })
    expect((await run(['catalogue', 'changes', String(pulls.at(-1)!.id), '--limit', '2'])).out).toMatch(/^CODE +CHANGE/)
    expect((await run(['catalogue', 'endangered'])).out).toMatch(/^Every mapping leads to an open procedure/)
    expect(await run(['catalogue', 'apply', '999999', '--why', 'x'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/There is no held list 999999/) as string,
    })
  })

  it('imports the national catalogue whole, in part, and as a history', async () => {
    const { sql } = province.ground
    const whole = new URL('../data/procedures_national.csv', import.meta.url).pathname
    const first = await json<{ pull: number }>(['import', 'national', whole])
    expect(first).toMatchObject({ imported: true, rows: 5273, procedures: 4969, changed: expect.any(Number) as number })
    expect(await json(['import', 'national', whole])).toMatchObject({ imported: true, changed: 0 })
    const [pull] = await json<Record<string, unknown>[]>(['catalogue', 'pulls', '--limit', '1'])
    expect(pull).toMatchObject({ origin: 'file', partial: false, outcome: 'applied', changes: {} })
    expect(pull).toMatchObject({ by: expect.stringMatching(/^cli:/) as string, why: 'procedures_national.csv' })
    const [levels] = await sql`select levels from national_procedures where code = '1.000005'`
    expect(levels).toEqual({ levels: ['commune'] })

    const part = await file(
      'part.csv',
      'code;name;as_of;ends_on\n9.123456;Tên cũ;2024;\n9.123456;Tên mới;2026-07;31/12/2030\n1.00001;x;;',
    )
    expect((await run(['import', 'national', part])).out).toMatch(
      /^Row 4, column A \(code\): .*\n\nNothing was imported/,
    )
    await writeFile(part, 'code;name;as_of;ends_on\n9.123456;Tên cũ;2024;\n9.123456;Tên mới;2026-07;31/12/2030\n')
    const held = await run(['import', 'national', part])
    expect(held).toMatchObject({ code: 1, out: expect.stringMatching(/^Not applied: held: 1 .*--partial/s) as string })
    expect(await json(['import', 'national', part, '--partial'])).toMatchObject({ imported: true, changed: 1 })
    const sheet = join(folder, 'part.xlsx')
    const cells = [['9.123456', 'Tên mới', '2026-07', '2030-12-31', 'không rõ']]
    await writeTable(sheet, ['code', 'name', 'as_of', 'ends_on', 'ghi chú'], cells, { excel: false })
    expect(await json(['import', 'national', sheet, '--partial'])).toMatchObject({ imported: true, changed: 0 })
    expect((await run(['catalogue', 'pulls', '--limit', '1'])).out).toMatch(
      /file, a part +applied +1 +- +applied by cli:/,
    )
    expect((await run(['catalogue', 'pulls', '--list', 'services'])).out).toMatch(/portal +applied +\d{4} /)
    const names = await sql`
      select name, last_seen_at < '2025-01-01' as old from national_names where code = '9.123456' order by last_seen_at`
    expect([...names]).toEqual([
      { name: 'Tên cũ', old: true },
      { name: 'Tên mới', old: false },
    ])
    const [known] = await sql`
      select name, to_char(ends_on, 'YYYY-MM-DD') as ends, (select count(*)::int from national_procedures where missing_since is not null) as missing
      from national_procedures where code = '9.123456'`
    expect(known).toEqual({ name: 'Tên mới', ends: '2030-12-31', missing: 0 })

    // A file that was held is applied like any other list, and stays one.
    expect((await run(['import', 'national', part])).code).toBe(1)
    const [waiting] = await json<{ id: number }[]>(['catalogue', 'pulls', '--limit', '1'])
    await json(['catalogue', 'apply', String(waiting!.id), '--why', 'kiểm tra'])
    const [applied] = await json<Record<string, unknown>[]>(['catalogue', 'pulls', '--limit', '1'])
    expect(applied).toMatchObject({
      origin: 'file',
      outcome: 'applied',
      changes: { missing: expect.any(Number) as number },
    })
    expect(await json(['import', 'national', whole])).toMatchObject({ imported: true })
  })

  it('makes a key for a person, who signs in with it', async () => {
    const { key } = await json<{ key: string }>(['keys', 'create', '--person', '--name', 'Nguyễn Thị A'])
    const answer = await fetch(`${province.house.url}/console/sign-in`, {
      method: 'POST',
      headers: { origin: province.house.url },
      body: new URLSearchParams({ key }),
      redirect: 'manual',
    })
    expect(answer.headers.get('location')).toBe('overview')
    expect((await run(['keys', 'list'])).out).toMatch(/Nguyễn Thị A +person +console/)
  })

  it('imports agencies, procedures and status words', async () => {
    const dossier = change({ agencyCode: 'H34.77', status: 'Xong rồi' })
    await province.push([dossier])
    const agencies = await file('a.csv', 'code,name,level\nH34.77,Xã Mẫu,commune\n')
    const procedures = await file('p.csv', `code,name,level,agency_code\n${nationalCodes[0]},Khai sinh,commune,\n`)
    const statuses = await file('s.csv', 'source,local_status,status\none-stop,Xong rồi,finished\n')
    expect(await json(['import', 'agencies', agencies])).toMatchObject({ changed: 1, released: 0 })
    expect(await json(['import', 'procedures', procedures])).toMatchObject({ rows: 1 })
    // The running service sweeps too: whichever comes first releases it.
    expect(await json(['import', 'statuses', statuses])).toMatchObject({ changed: 1 })
    await province.until(async () => (await stateOf(dossier.code))?.state === 'delivered', 'the delivery')
  })

  it('reports as JSON, as a table, as a page and on paper', async () => {
    const period = ['--from', '01/01/2020', '--to', '2021-01-01']
    const report = await json<{ total: { received: number; delivered: number } }>(['report', ...period])
    expect(report.total).toMatchObject({ received: 4, delivered: 4 })
    expect((await run(['report', ...period, '--lang', 'en'])).out).toContain('100.0 %')
    const page = join(folder, 'report.html')
    expect(await runAlone(['report', ...period, '--html', page])).toMatchObject({ code: 0, out: '' })
    const paper = join(folder, 'report.pdf')
    expect(await run(['report', ...period, '--pdf', paper])).toMatchObject({ code: 0, out: '' })
    expect((await readFile(paper)).subarray(0, 5).toString()).toBe('%PDF-')
  })

  it('counts before it sends again, and keeps who and why', async () => {
    const refused = change()
    await province.faults([{ kind: 'refuse-dossier', dossier: refused.code, value: { message: 'Sai thông tin' } }])
    await province.push([refused])
    await province.settled()
    expect(await stateOf(refused.code)).toMatchObject({ state: 'parked' })
    await province.faults([])
    const wish = [
      'resend',
      '--reason',
      'portal-refused',
      '--from',
      '2020-07-03',
      '--to',
      '2020-07-04',
      '--why',
      'đã sửa',
    ]
    expect(await json(wish)).toMatchObject({ dossiers: 1, resent: false })
    expect(await stateOf(refused.code)).toMatchObject({ state: 'parked' })
    expect(await json([...wish, '--yes'], 0, runAlone)).toMatchObject({ dossiers: 1, resent: true })
    await province.settled()
    expect(await stateOf(refused.code)).toMatchObject({ state: 'delivered' })
    const [kept] = await province.ground
      .sql`select actor, detail->>'why' as why from audit where action = 'deliveries.resent'`
    expect(kept).toMatchObject({ actor: expect.stringMatching(/^cli:./) as string, why: 'đã sửa' })
  })

  it('compares ledger and portal, and says where they differ', async () => {
    const same = await json<{ run: { counts: Record<string, number> } }>(['reconcile'])
    expect(same.run).toMatchObject({ state: 'finished', total: 5, counts: { equal: 5, different: 0 } })
    const [row] = await province.ground.sql<{ code: string }[]>`select code from dossiers order by id limit 1`
    await province.ground
      .sql`update deliveries set delivered_change_id = null where dossier_id = (select id from dossiers where code = ${row!.code})`
    const other = await json<{ run: unknown; findings: unknown }>(['reconcile', '--sample', '1'], 3, runAlone)
    expect(other).toMatchObject({
      run: { counts: { equal: 4, different: 1 } },
      findings: [{ code: row!.code, kind: 'different' }],
    })
    expect((await run(['reconcile', '--agency', 'H34.77'])).out).toContain('Agreement: 100 %')
  })

  it("compares the province's register from a file, and says what is wrong with it before anything is begun", async () => {
    const [row] = await province.ground.sql<{ code: string }[]>`select code from dossiers order by id limit 1`
    const lines = [{ code: row!.code, steps: 7, owner: 'Bí Mật' }, { code: 'H34-LA' }].map((one) => JSON.stringify(one))
    const wish = ['reconcile', '--sample', '0.01', '--as-of', '31/12/2025 17:00', '--complete']
    const { run: found } = await json<{ run: { register: unknown } }>(
      [...wish, '--register', await file('so.ndjson', lines.join('\n'))],
      3,
      runAlone,
    )
    expect(found.register).toMatchObject({
      total: 2,
      missing: 1,
      counts: { different: 1, 'not-in-ledger': 1 },
      given: { name: 'so.ndjson', asOf: '2025-12-31T10:00:00.000Z', complete: true },
    })
    const csv = await file('so.csv', `Mã hồ sơ;Số bước\n${row!.code};0\n`)
    const { out } = await runAlone(['reconcile', '--sample', '0.01', '--register', csv])
    expect(out).toMatch(/not in the register +not concluded/)
    const bad = await runAlone(['reconcile', '--register', await file('bad.csv', 'code,steps,chủ\nH34-1,x,Bí Mật\n')])
    expect(bad.code).toBe(2)
    expect(bad.err).toContain('steps')
    expect(bad.err).not.toContain('Bí Mật')
    expect((await run(['reconcile', '--complete'])).err).toContain('--register')
  })

  it('takes what became of units from a worksheet, names the rows that cannot be, and takes it back', async () => {
    const dossier = change({ agencyCode: 'H34.81', receivedAt: '2025-08-01T08:00:00+07:00' })
    await province.push([dossier])
    const head = 'code,name,level,valid_to,beneficiary_account\n'
    const list = `${head}H34.81,UBND huyện Mẫu,district,01/07/2025,\nH34.82,UBND xã Mẫu Mới,commune,,có\n`
    await json(['import', 'agencies', await file('units.csv', list)])
    const renamed = await run([
      'import',
      'agencies',
      await file('renamed.csv', `${head}H34.82,UBND phường Khác,commune,,\n`),
    ])
    expect(renamed).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^Row 2: H34\.82 is called "UBND xã Mẫu Mới"/) as string,
    })

    const sheet = join(folder, 'units.xlsx')
    expect(await json(['organisations', 'worksheet', sheet])).toMatchObject({ rows: 1 })
    const columns = [
      'old_code',
      'new_code',
      'day',
      'transfer',
      'procedure_code',
      'why',
      'old_name',
      'waiting',
      'proposals',
    ]
    const read = readTable(await readFile(sheet), {
      headers: columns,
      row: z.object(Object.fromEntries(columns.map((name) => [name, z.string()]))),
    })
    expect(read.ok && read.rows).toMatchObject([{ old_code: 'H34.81', new_code: '', day: '2025-07-01', waiting: '1' }])
    const filled = (newCode: string) => [['H34.81', newCode, '2025-07-01', '', '', 'NQ 1', 'UBND huyện Mẫu', 1, '']]
    await writeTable(sheet, columns, filled('H34.99'), { excel: false })
    expect((await run(['import', 'successions', sheet])).out).toMatch(/^Row 2: H34\.99 is not in the list of agencies/)
    await writeTable(sheet, columns, filled(''), { excel: false })
    expect(await json(['import', 'successions', sheet])).toMatchObject({ changed: 0, undecided: 1 })
    await writeTable(sheet, columns, filled('H34.82'), { excel: false })
    expect(await json(['import', 'successions', sheet])).toMatchObject({ changed: 1 })
    await province.until(async () => (await stateOf(dossier.code))?.state === 'delivered', 'the delivery')
    expect((await run(['organisations', 'list'])).out).toMatch(/H34\.81 +follows +H34\.82/)
    const said = await json<{ id: number }[]>(['organisations', 'successions'])
    expect(await json(['organisations', 'withdraw', String(said[0]!.id), '--why', 'a slip'])).toEqual({ released: 0 })
    expect(await run(['organisations', 'withdraw', '99999', '--why', 'x'])).toMatchObject({ code: 1 })
    expect(await run(['organisations', 'commune', '00004'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/dvcqg import communes/) as string,
    })
    expect(await run(['import', 'communes', await file('c.csv', 'old_code\n1\n')])).toMatchObject({ code: 1 })
  })

  it('shows what waits and what stopped', async () => {
    await province.push([change({ procedureCode: 'TT-LOCAL-2' })])
    const status = await json<{ backlog: Record<string, unknown>[] }>(['status'], 0, runAlone)
    expect(status).toMatchObject({ pace: { ceiling: 2000 }, movement: { ok: true } })
    expect(status.backlog).toContainEqual(
      expect.objectContaining({ state: 'blocked', reason: 'no-national-code', count: 1 }),
    )
    expect((await run(['status', '--lang', 'en'])).out).toMatch(/Blocked +1 .*no-national-code/)
  })

  it('examines everything the service stands on', async () => {
    const { out } = await run(['doctor', '--json'])
    const { findings } = JSON.parse(out) as { findings: { what: string; ok: boolean; fix: string | null }[] }
    const good = findings.filter(({ ok }) => ok).map(({ what }) => what)
    expect(good).toEqual(
      expect.arrayContaining([
        'configuration',
        'database',
        'tables',
        'redis',
        'portal',
        'portal login',
        'clock (database)',
        'clock (portal)',
        'national catalogue',
        'agencies',
        'encryption keys',
      ]),
    )
    expect(findings.every(({ ok, fix }) => ok === (fix === null))).toBe(true)
    const wrong = await runAlone(['doctor'], {
      PORTAL_PASSWORD: 'wrong-secret',
      ENCRYPTION_KEYS: `k:${Buffer.alloc(32, 9).toString('base64')}`,
    })
    expect(wrong.code).toBe(3)
    expect(wrong.out).toMatch(/PROBLEM +portal login/)
    expect(wrong.out).toMatch(/PROBLEM +encryption keys/)
    expect(wrong.out).not.toContain('wrong-secret')
  })

  it('runs a sandbox until it is stopped', async () => {
    const child = spawn(process.execPath, [program, 'sandbox', '--port', '0', '--json'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const [text] = (await once(child.stdout, 'data')) as [Buffer]
    const { controlUrl } = JSON.parse(text.toString()) as { controlUrl: string }
    expect((await fetch(`${controlUrl}/dossiers`)).status).toBe(200)
    child.kill('SIGINT')
    expect(await once(child, 'exit')).toEqual([0, null])
  })
})
