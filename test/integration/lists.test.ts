import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createKey, type Right } from '../../src/platform/auth.ts'
import { readTable, tableBytes, type TableFormat } from '../../src/platform/files.ts'
import { mappingList } from '../../src/procedures/mapping-list.ts'
import { applyProcedures } from '../../src/procedures/national.ts'
import { importLocalProcedures } from '../../src/procedures/local-lists.ts'
import { change, nationalCodes, startProvince, type Province } from '../support/province.ts'

const [first, second] = nationalCodes
const head = 'local_code,national_code,why\n'

describe('lists of mappings that leave the console and come back', () => {
  let province: Province
  let url: string
  let cookie: string
  let reader: string
  beforeAll(async () => {
    province = await startProvince({ settings: { CATALOGUE_PULL: 'off' } })
    url = `${province.house.url}/console/`
    const { sql, catalogue } = province.ground
    await applyProcedures(sql, [
      { code: first, name: 'Cấp giấy phép xây dựng', fieldCode: 'F', fieldName: 'F' },
      { code: second, name: 'Cấp lại giấy phép xây dựng', fieldCode: 'F', fieldName: 'F' },
    ])
    await importLocalProcedures(sql, [
      { code: 'TT.1', name: 'Cấp GPXD', level: null, agencyCode: null },
      { code: '-TT.2', name: 'Cấp lại GPXD', level: null, agencyCode: null },
    ])
    await catalogue.fresh()
    cookie = await signedIn(['mappings:read', 'mappings:write'])
    reader = await signedIn(['mappings:read'])
  })
  afterAll(() => province.close())

  async function signedIn(rights: readonly Right[]): Promise<string> {
    const wish = { name: 'Trần Văn B', source: 'console', agencies: ['*'], person: true, by: 'test' } as const
    const { key } = await createKey(province.ground.sql, { ...wish, rights })
    const answer = await post('sign-in', new URLSearchParams({ key }), '')
    return answer.headers.get('set-cookie')!.split(';')[0]!
  }
  const get = (path: string, who = cookie) => fetch(url + path, { headers: { cookie: who }, redirect: 'manual' })
  const post = (path: string, body: URLSearchParams | FormData, who = cookie, origin = province.house.url) =>
    fetch(url + path, { method: 'POST', headers: { cookie: who, origin }, body, redirect: 'manual' })
  function upload(content: string | Uint8Array<ArrayBuffer>, name = 'danh-sách.csv', ...more: [string?, string?]) {
    const form = new FormData()
    form.set('file', new Blob([content]), name)
    return post('import', form, ...more)
  }
  const plain = (text: string) => text.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')
  const page = async (answer: Response) => plain(await answer.text())
  /** The hidden fields of the decision that a preview offers, sent with a reason. */
  async function decide(preview: string) {
    const field = (name: string) =>
      new RegExp(`name="${name}" value="([^"]*)"`)
        .exec(preview)![1]!
        .replaceAll('&quot;', '"')
        .replaceAll('&#39;', "'")
        .replaceAll('&amp;', '&')
    const fields = { wishes: field('wishes'), seen: field('seen'), back: field('back'), why: 'QĐ 12/QĐ-UBND' }
    return post('decide', new URLSearchParams(fields))
  }
  const mappingsOf = async (code: string) => [
    ...(await province.ground.sql`select national_code as national, why from mappings where local_code = ${code}`),
  ]

  it.each(['xlsx', 'csv'] as const)('a worksheet is filled in and decided, as %s, and taken back', async (format) => {
    const waiting = change({ procedureCode: '-TT.2' })
    await province.push([waiting])
    const answer = await get(`worksheet?format=${format}`)
    expect(answer.headers.get('content-disposition')).toMatch(
      new RegExp(`^attachment; filename="ma-can-xu-ly-\\d{4}-\\d{2}-\\d{2}\\.${format}"$`),
    )
    const bytes = Buffer.from(await answer.arrayBuffer())
    if (format === 'csv') expect(bytes.toString()).toMatch(/^\uFEFFlocal_code,.*\n'-TT\.2,,,Cấp lại GPXD,1,"1\.0000/)
    const sheet = readTable(bytes, mappingList)
    if (!sheet.ok) throw new Error(JSON.stringify(sheet.problems))
    expect(sheet.rows.map((row) => row.localCode)).toEqual(['-TT.2', 'TT.1'])

    const filled = {
      headers: ['local_code', 'national_code', 'why'],
      rows: sheet.rows.map(({ localCode }) => [localCode, localCode === '-TT.2' ? second : '', 'sở điền "đúng"']),
    }
    const given = new Uint8Array(await tableBytes(format, filled))
    const preview = await (await upload(given, `sở.${format}`)).text()
    expect(plain(preview)).toContain('1 trên 1 hồ sơ đang chờ sẽ được gửi')
    expect(plain(preview)).toContain('1 dòng để trống mã quốc gia: chưa quyết định, giữ nguyên.')
    expect(preview).toContain(`Theo tệp sở.${format}`)
    expect(await mappingsOf('-TT.2')).toEqual([])
    const decided = await decide(preview)
    expect(decided.headers.get('location')).toMatch(/^decision\?id=\d+$/)
    expect(await mappingsOf('-TT.2')).toEqual([{ national: second, why: 'sở điền "đúng"' }])
    expect(await page(await get(decided.headers.get('location')!))).toContain('Đã cho gửi 1 trên 1 hồ sơ đang chờ')

    const [, id] = /id=(\d+)/.exec(decided.headers.get('location')!)!
    await post('undo', new URLSearchParams({ id: id!, why: 'nhầm' }))
    expect(await mappingsOf('-TT.2')).toEqual([])
    await province.settled()
    await province.ground.sql`truncate dossiers cascade`
  })

  it('all mappings come back as they were handed out: nothing changes', async () => {
    await decide(await (await upload(`${head}TT.A,${first},"lý do, ""riêng"""\nTT.B,${second},\n`)).text())
    for (const format of ['xlsx', 'csv'] as TableFormat[]) {
      const bytes = new Uint8Array(await (await get(`all-mappings?format=${format}`)).arrayBuffer())
      const preview = await page(await upload(bytes))
      expect(preview).toContain('2 mã')
      expect(preview).toContain('Đã như vậy rồi: không có gì thay đổi.')
    }
    const headers = { authorization: `Bearer ${province.key}` }
    const answer = await fetch(`${province.house.url}/v1/mappings/export`, { headers })
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(await answer.text()).toMatch(
      new RegExp(`^\uFEFF?local_code,national_code,.*\nTT\\.A,${first},,,,,,"lý do, ""riêng"""\n`),
    )
    expect((await fetch(`${province.house.url}/v1/mappings/export`)).status).toBe(401)
  })

  it("faults are named by the file's own rows and columns, in Vietnamese, and nothing is applied", async () => {
    const answer = await upload(`\n${head}TT.C,${first},\n,1.5,\nTT.D,,<script>alert(1)</script>\nTT.C,${first},\n`)
    expect(answer.status).toBe(422)
    const text = await answer.text()
    expect(text).not.toContain('<script>alert')
    expect(plain(text)).toContain('3 lỗi trong tệp danh-sách.csv')
    expect(plain(text)).toContain('4 A local_code Không được để trống')
    expect(plain(text)).toContain('4 B national_code Mã quốc gia phải có dạng 1.000001')
    expect(plain(text)).toContain('6 Dòng này lặp lại dòng 3')
    expect(await mappingsOf('TT.C')).toEqual([])
  })

  it('what the ledger refuses is named by the row as well, and applies no other', async () => {
    await decide(await (await upload(`${head}TT.E,${first},\n`)).text())
    const answer = await upload(`${head}TT.F,${first},\nTT.G,,\nTT.E,${second},\nTT.H,9.999999,\n`)
    expect(answer.status).toBe(422)
    const text = await page(answer)
    expect(text).toContain(`4 TT.E đang là ${first} trong cùng phạm vi và thời gian`)
    expect(text).toContain('5 Danh mục quốc gia không có mã 9.999999')
    expect(await mappingsOf('TT.F')).toEqual([])
  })

  it.each([
    ['nothing', '', 'Tệp trống; dòng đầu phải là local_code,national_code'],
    ['another list', 'code,name\nA,B\n', 'Thiếu cột local_code'],
    ['a damaged workbook', 'PK\u0003\u0004nonsense', 'Tệp bị hỏng'],
    ['blank rows alone', `${head}TT.I,,\n`, 'Không có gì để quyết định'],
  ])('a file with %s says so', async (_what, content, said) => {
    expect(await page(await upload(content))).toContain(said)
  })

  it('ten thousand rows survive from the preview to the decision; more are refused before it', async () => {
    const rows = Array.from(
      { length: 10_001 },
      (_, row) => `TT.MANY.${row},${first},Theo Quyết định số ${row} của Ủy ban nhân dân tỉnh\n`,
    )
    const tooLong = await upload(head + rows.join(''))
    expect(tooLong.status).toBe(422)
    expect(await tooLong.text()).toContain('list-too-long')
    const preview = await (await upload(head + rows.slice(1).join(''))).text()
    expect(plain(preview)).toContain('10.000 mã')
    expect((await decide(preview)).headers.get('location')).toMatch(/^decision\?id=\d+$/)
    expect(await mappingsOf('TT.MANY.10000')).toEqual([
      { national: first, why: 'Theo Quyết định số 10000 của Ủy ban nhân dân tỉnh' },
    ])
  })

  it('a file that is too large is refused by name, and a long form of nobody is not even read', async () => {
    const large = await upload('x'.repeat(21 * 1024 * 1024))
    expect(large.status).toBe(413)
    expect(await large.text()).toContain('file-too-large')
    const form = await post('decide', new URLSearchParams({ wishes: 'x'.repeat(2 * 1024 * 1024) }), '')
    expect(form.status).toBe(401)
  })

  it('reading lists out needs its right, giving them back another', async () => {
    expect((await get('worksheet?format=csv', reader)).status).toBe(200)
    expect(await (await get('mappings', reader)).text()).not.toContain('action="import"')
    expect((await upload(`${head}TT.J,${first},\n`, 'a.csv', reader)).status).toBe(403)
    expect((await upload(`${head}TT.J,${first},\n`, 'a.csv', '')).status).toBe(401)
    expect((await upload(`${head}TT.J,${first},\n`, 'a.csv', cookie, 'https://elsewhere.example')).status).toBe(403)
    expect((await get('worksheet?format=csv', '')).headers.get('location')).toBe('sign-in')
    expect((await get('worksheet?format=pdf')).status).toBe(422)
    expect((await post('import', new URLSearchParams({ file: 'x' }))).status).toBe(415)
    const none = new FormData()
    none.set('other', 'x')
    expect((await post('import', none)).status).toBe(422)
    const parts = new FormData()
    parts.set('wishes', '[]')
    expect((await post('decide', parts)).status).toBe(415)
  })
})
