import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { importAgencies } from '../../src/organisations/store.ts'
import { createKey } from '../../src/platform/auth.ts'
import { openWorkbook } from '../../src/platform/xlsx.ts'
import type { AuditSheet } from '../../src/procedures/audit-sheets.ts'
import { importLocalProcedures, listLocalProcedures } from '../../src/procedures/local-lists.ts'
import { applyProcedureDetail, applyProcedures } from '../../src/procedures/national.ts'
import { applyExtra } from '../../src/procedures/portal-lists.ts'
import { openCli } from '../support/cli.ts'
import { change, nationalCodes, startProvince, type Province } from '../support/province.ts'

const year = { from: '2020-01-01', to: '2030-01-01' }
const [first, second, third] = nationalCodes

describe('what an office is asked for', () => {
  let province: Province
  beforeAll(async () => {
    province = await startProvince({ settings: { CATALOGUE_PULL: 'off' } })
    const { sql } = province.ground
    await applyProcedures(
      sql,
      [first, second, third].map((code) => ({ code, name: `Thủ tục ${code}` })),
    )
    await importLocalProcedures(sql, [
      { code: first, name: 'Một', level: null, agencyCode: 'H34.01', onlineLevel: 'full' },
      { code: `${second}.H34`, name: 'Hai', level: null, agencyCode: 'H34.01', onlineLevel: 'partial' },
      { code: 'TT-LA', name: 'Lạ', level: null, agencyCode: 'H34.02', onlineLevel: 'none' },
    ])
    await province.push([change(), change({ procedureCode: 'TT-LA', agencyCode: 'H34.02' })])
  })
  afterAll(() => province.close())

  const audits = async (): Promise<Record<string, AuditSheet>> => {
    const answer = await fetch(`${province.house.url}/v1/audits?from=${year.from}&to=${year.to}`, {
      headers: { authorization: `Bearer ${province.key}` },
    })
    const { audits: list } = (await answer.json()) as { audits: AuditSheet[] }
    return Object.fromEntries(list.map((sheet) => [sheet.key, sheet]))
  }

  it('is unknown where no list says it, never counted as missing', async () => {
    const { published, integrated, accounts, content } = await audits()
    expect(published).toMatchObject({ rate: 66.6, rows: [['TT-LA', '', 'Lạ', { en: 'Has no national code' }]] })
    expect(published!.note.en).toContain('never had')
    expect(integrated).toMatchObject({ rate: null, rows: [] })
    expect(accounts).toMatchObject({ rate: null })
    expect(content!.figures.map(([, count]) => count)).toEqual([0, 0, 2])
  })

  it('is told from the lists once they came', async () => {
    const { sql } = province.ground
    const unit = '000.00.00.H34'
    await applyExtra(
      sql,
      {
        what: 'unit-procedures',
        rows: [first, third].map((code) => ({ unit, code: `${code}.H34`, name: `Thủ tục ${code}` })),
      },
      {},
    )
    const service = { code: 'DVC1', name: 'Dịch vụ', procedureCode: first, agencyName: '', fieldName: '', raw: {} }
    await applyExtra(sql, { what: 'services', rows: [service] }, {})
    await importAgencies(sql, [
      { code: 'H34.01', name: 'Sở Tư pháp', level: 'province', beneficiaryAccount: true },
      { code: 'H34.02', name: 'Sở Xây dựng', level: 'province', beneficiaryAccount: false },
      { code: 'H34.03', name: 'Đã giải thể', level: 'province', validTo: '2021-01-01' },
    ])
    const parts = ['name', 'steps', 'ways', 'components', 'time-limit', 'subject', 'agency'] as const
    const basis = (number: string) => ({ number, name: '', issuedBy: '', issuedOn: null, effectiveOn: null })
    await applyProcedureDetail(sql, { code: first, name: '', parts, legalBases: [basis('1/2020/NĐ-CP')] }, {})
    await applyProcedureDetail(sql, { code: first, name: '', parts, legalBases: [basis('2/2026/NĐ-CP')] }, {})
    await applyProcedureDetail(sql, { code: second, name: '', parts: ['name', 'steps'] }, {})
    const { match, published, integrated, accounts, legal, content } = await audits()
    expect(match).toMatchObject({
      rate: 66.6,
      rows: [['TT-LA', 'Lạ', 'Sở Xây dựng', 1, { vi: expect.any(String) as string }]],
    })
    expect(published).toMatchObject({ rate: 33.3 })
    expect(published!.rows).toMatchObject([
      [`${second}.H34`, second, 'Hai', { en: 'The portal does not list it for the province' }],
      ['TT-LA', '', 'Lạ', { en: 'Has no national code' }],
      ['', third, `Thủ tục ${third}`, { en: 'The portal lists it for the province, no one-stop system has it' }],
    ])
    expect(integrated).toMatchObject({ rate: 50, rows: [[`${second}.H34`, second, 'Hai', { en: 'Partial' }]] })
    expect(integrated!.targets.map(({ percent }) => percent)).toEqual([30, 50])
    expect(accounts).toMatchObject({
      rate: 50,
      rows: [['H34.02', 'Sở Xây dựng', { en: 'Province' }, { en: 'Not set up' }]],
    })
    expect(legal!.rows).toMatchObject([
      [expect.any(String), first, `Thủ tục ${first}`, '1/2020/NĐ-CP', '2/2026/NĐ-CP', first, expect.any(Number)],
    ])
    expect(content).toMatchObject({
      rate: 50,
      rows: [[second, `Thủ tục ${second}`, { en: 'ways, components, time limit, subject, agency' }]],
    })
  })

  it('is a page, a workbook and a file of its own', async () => {
    const { key } = await createKey(province.ground.sql, {
      name: 'B',
      source: 'console',
      rights: ['mappings:read'],
      agencies: ['*'],
      person: true,
      by: 'test',
    })
    const { url } = province.house
    const signedIn = await fetch(`${url}/console/sign-in`, {
      method: 'POST',
      headers: { origin: url },
      body: new URLSearchParams({ key }),
      redirect: 'manual',
    })
    const cookie = signedIn.headers.get('set-cookie')!.split(';')[0]!
    const get = (path: string) => fetch(`${url}/console/${path}`, { headers: { cookie } })
    for (const tab of ['published', 'integrated', 'accounts', 'legal', 'content'])
      expect(await (await get(`audit?tab=${tab}&from=${year.from}&to=${year.to}`)).text()).toContain(
        '<dl class="figures">',
      )
    const book = openWorkbook(
      new Uint8Array(await (await get(`audit-file?format=xlsx&from=${year.from}&to=${year.to}`)).arrayBuffer()),
    )
    expect(book.sheets).toEqual([
      'Tổng hợp',
      'Mã khớp',
      'Đã địa phương hóa, công bố',
      'Tích hợp DVC trực tuyến',
      'Tài khoản thụ hưởng',
      'Căn cứ pháp lý thay đổi',
      'Nội dung đầy đủ',
    ])
    expect(book.rows('Tích hợp DVC trực tuyến').map(({ cells }) => cells)).toEqual([
      ['Mã địa phương', 'Mã quốc gia', 'Tên', 'Mức độ'],
      [`${second}.H34`, second, 'Hai', 'Một phần'],
    ])
    const file = await (await get(`audit-file?format=html&from=${year.from}&to=${year.to}`)).text()
    expect(file).toContain('Sở Xây dựng')
    expect(file).not.toMatch(/<script|https?:\/\//)
  })

  it('asks about a unit what sending asks: it goes on when it follows itself, and who follows has its codes', async () => {
    const { sql, catalogue } = province.ground
    const call = async (path: string, body: object) => {
      const answer = await fetch(`${province.house.url}/v1/${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${province.key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ why: 'test', ...body }),
      })
      expect([path, answer.status]).toEqual([path, 200])
    }
    await importAgencies(sql, [{ code: 'H34.04', name: 'Sở mới', level: 'province', beneficiaryAccount: true }])
    await call('mappings/decisions', {
      wishes: [{ verdict: 'accept', localCode: 'TT-LA', nationalCode: third, agencyCode: 'H34.04' }],
    })
    await catalogue.fresh()
    expect((await audits())['published']!.rows.map(([code]) => code)).toContain('TT-LA')
    const succession = { day: '2021-01-01', transfer: 'whole' }
    await call('organisations/successions', {
      successions: [
        { ...succession, oldCode: 'H34.02', newCode: 'H34.04' },
        { ...succession, oldCode: 'H34.01', newCode: 'H34.01', transfer: 'part' },
        { ...succession, oldCode: 'H34.01', newCode: 'H34.04', transfer: 'part' },
      ],
    })
    await catalogue.fresh()
    const { published, accounts } = await audits()
    expect(published!.rows.map(([code]) => code)).not.toContain('TT-LA')
    expect(accounts).toMatchObject({ rate: 100, rows: [] })
    expect(accounts!.figures.reduce((sum, [, count]) => sum + count, 0)).toBe(2)
  })

  it('comes from the command line too', async () => {
    const cli = await openCli()
    const folder = await mkdtemp(join(tmpdir(), 'audit-'))
    try {
      const run = (args: string[]) =>
        cli.run(['audit', '--from', year.from, '--to', year.to, ...args], province.environment)
      const { out } = await run([])
      expect(out).toMatch(/Integrated online services +Rate +50\.0 %/)
      const path = join(folder, 'a.html')
      expect(await run(['--out', path, '--lang', 'en'])).toMatchObject({ code: 0 })
      expect(await readFile(path, 'utf8')).toContain('Beneficiary accounts')
      expect(await run(['--out', join(folder, 'a.pdf')])).toMatchObject({ code: 2 })
    } finally {
      cli.close()
      await rm(folder, { recursive: true })
    }
  })
})

describe('lists of local procedures', () => {
  let province: Province
  let key: string
  beforeAll(async () => {
    province = await startProvince({ settings: { CATALOGUE_PULL: 'off' } })
    const wish = { name: 'x', source: 'mot-cua-2', rights: ['mappings:write'] as const, by: 'test' }
    key = (await createKey(province.ground.sql, { ...wish, agencies: ['*'] })).key
  })
  afterAll(() => province.close())

  const bring = async (procedures: readonly object[], more: object = {}) => {
    const answer = await fetch(`${province.house.url}/v1/procedures/local`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ procedures, ...more }),
    })
    return [answer.status, await answer.json()] as [number, Record<string, unknown>]
  }
  const codes = async () =>
    (await listLocalProcedures(province.ground.sql)).map(({ code, source, agencyCode, name }) => [
      code,
      source,
      agencyCode,
      name,
    ])

  it('are kept apart by system and agency', async () => {
    await importLocalProcedures(province.ground.sql, [{ code: 'A', name: 'Của tỉnh', level: null, agencyCode: null }])
    const rows = [
      { code: 'A', name: 'Của hệ thống hai' },
      { code: 'A', name: 'Của một sở', agencyCode: 'H34.01' },
    ]
    expect(await bring(rows)).toEqual([200, { changed: 2 }])
    expect(await bring(rows)).toEqual([200, { changed: 0 }])
    expect(await codes()).toEqual([
      ['A', null, null, 'Của tỉnh'],
      ['A', 'mot-cua-2', null, 'Của hệ thống hai'],
      ['A', 'mot-cua-2', 'H34.01', 'Của một sở'],
    ])
    expect(await bring([...rows, rows[0]!])).toMatchObject([422, { field: 'procedures[2]' }])
  })

  it('that are whole mark what they lack, and are not believed when they shrink', async () => {
    const many = Array.from({ length: 20 }, (_, place) => ({ code: `B${place}`, name: 'B' }))
    expect(await bring(many, { whole: true })).toEqual([200, { changed: 20 }])
    expect(await codes()).toHaveLength(21)
    expect(await bring(many.slice(0, 5), { whole: true })).toMatchObject([409, { code: 'list-shrunk' }])
    expect(await codes()).toHaveLength(21)
    expect(await bring(many.slice(0, 5), { whole: true, shrunk: true })).toEqual([200, { changed: 0 }])
    expect(await codes()).toHaveLength(6)
    expect(await bring(many.slice(0, 6))).toEqual([200, { changed: 1 }])
  })
})
