import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'csv-parse/sync'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openCli } from '../support/cli.ts'

describe('dvcqg procedures', () => {
  let cli: Awaited<ReturnType<typeof openCli>>
  const folder = mkdtempSync(join(tmpdir(), 'dvcqg-procedures-'))
  const file = (name: string, text?: string) => {
    const path = join(folder, name)
    if (text !== undefined) writeFileSync(path, text)
    return path
  }
  const national = file(
    'national.csv',
    'code,name,decision\n1.000001,Cấp giấy phép lái xe,1/QĐ\n1.000002,"Cấp lại giấy phép\nlái xe",1/QĐ\n1.000002,Đổi giấy phép lái xe,\n',
  )
  const suggest = (local: string, out: string, ...more: string[]) =>
    cli.run(['procedures', 'suggest', '--local', local, '--national', national, '--out', out, ...more])
  beforeAll(async () => void (cli = await openCli()), 60_000)
  afterAll(() => {
    cli.close()
    rmSync(folder, { recursive: true })
  })

  it('writes one row per local row and rank, and one for a row without candidates', async () => {
    const local = file(
      'local.csv',
      'local_code,local_name,unit\n1.000002.H34,Cấp lại GPLX,Sở\n2018.CT.1,"Cấp lại giấy phép, lái xe",Sở\n=1+1,Zzz,Sở\n',
    )
    const out = file('out.csv')
    const { code, out: said } = await suggest(local, out, '--top', '2', '--lang', 'en', '--json')
    expect([code, JSON.parse(said)]).toEqual([0, { rows: 3, accept: 1, review: 1, none: 1, out }])
    const rows: Record<string, string>[] = parse(readFileSync(out), { columns: true })
    expect(rows.map((row) => [row['local_code'], row['rank'], row['national_code'], row['decision']])).toEqual([
      ['1.000002.H34', '1', '1.000002', 'accept'],
      ['1.000002.H34', '2', '1.000001', 'none'],
      ['2018.CT.1', '1', '1.000002', 'review'],
      ['2018.CT.1', '2', '1.000001', 'review'],
      ['=1+1', '', '', 'none'],
    ])
    expect(rows[0]!['reasons']).toMatch(/^the local code holds this national code; the names say the same$/)
    expect(readdirSync(folder)).not.toContain('out.csv.part')
  })

  it('writes for a spreadsheet when asked: a byte order mark, and no formulas', async () => {
    const out = file('excel.csv')
    await suggest(file('formula.csv', 'local_code;local_name\n=1+1;Cấp giấy phép\n'), out, '--excel')
    const text = readFileSync(out, 'utf8')
    expect(text.startsWith('\uFEFFlocal_code,')).toBe(true)
    expect(text).toContain("'=1+1,")
  })

  it('names the row and column of what it cannot use, and writes nothing', async () => {
    const bad = file('bad.csv', 'code,name\n1.00001,Cấp\n')
    const args = ['--local', national, '--national', bad, '--out', file('never.csv')]
    const { code, err } = await cli.run(['procedures', 'suggest', ...args])
    expect(code).toBe(2)
    expect(err).toMatch(/The column local_code is missing/)
    const { err: second } = await cli.run(['procedures', 'evaluate', '--truth', bad, '--national', bad])
    expect(second).toMatch(/column local_name is missing|The column/)
    expect(readdirSync(folder)).not.toContain('never.csv')
  })

  it('measures on rows whose answer is known, each pair of name and code once', async () => {
    const truth = file(
      'truth.csv',
      'local_name,local_code,national_code\nCấp lại GPLX,1.000002,1.000002\nCấp lại GPLX,1.000002.H34,1.000002\nĐổi giấy phép lái xe,,1.000001\nZzz,,9.999999\n',
    )
    const args = ['procedures', 'evaluate', '--truth', truth, '--national', national]
    const { out } = await cli.run([...args, '--json'])
    expect(JSON.parse(out)).toEqual({
      rows: 3,
      present: 2,
      absent: 1,
      top1: 0.5,
      top5: 1,
      acceptPrecision: 1,
      acceptCoverage: 0.5,
      falseAccepts: 0,
      confusions: [
        {
          localCode: '',
          localName: 'Đổi giấy phép lái xe',
          expected: '1.000001',
          place: 2,
          got: '1.000002',
          gotName: 'Cấp lại giấy phép\nlái xe',
          accepted: false,
        },
      ],
    })
    const { out: table } = await cli.run([...args, '--evidence', 'name'])
    expect(table).toMatch(/right code first +50\.0 %/)
    expect(table).toMatch(/accepted, and rightly +0\.0 %/)
  })
})
