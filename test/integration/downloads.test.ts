import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { strFromU8, unzipSync } from 'fflate'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createKey } from '../../src/platform/auth.ts'
import { startProvince, type Province } from '../support/province.ts'

describe('downloads of any length', () => {
  const many = 60_000
  const period = 'from=2019-01-01&to=2020-01-01'
  let province: Province
  beforeAll(async () => {
    province = await startProvince({ settings: { CATALOGUE_PULL: 'off' } })
    const { sql } = province.ground
    await sql`
      insert into dossiers (code, source, agency_code, procedure_code, source_status, received_at, changed_at, hash, change_id)
      select 'MANY-' || n || '-' || md5(n::text), 'many', 'H34.09', 'P', 'x', timestamptz '2019-05-01 08:05+07' + n * interval '1 s', '2019-05-01', '', 0
      from generate_series(1, ${many}::int) n`
    await sql`
      insert into deliveries (dossier_id, agency_code, state, wanted_change_id)
      select id, agency_code, 'delivered', 0 from dossiers where source = 'many'`
    await sql`analyze dossiers, deliveries`
  })
  afterAll(() => province.close())

  /** Asks for files in the name of a person. */
  async function enter() {
    const { house, ground } = province
    const { key } = await createKey(ground.sql, {
      name: 'Trần Văn B',
      source: 'console',
      rights: ['reports:read'],
      agencies: ['*'],
      person: true,
      by: 'test',
    })
    const answer = await fetch(`${house.url}/console/sign-in`, {
      method: 'POST',
      headers: { origin: house.url },
      body: new URLSearchParams({ key }),
      redirect: 'manual',
    })
    const cookie = answer.headers.get('set-cookie')!.split(';')[0]!
    const headers = { cookie }
    return { headers, file: (path: string) => fetch(`${house.url}/console/${path}`, { headers }) }
  }

  /** What was recorded of the newest download, once it was. */
  async function record(format: string) {
    const read = () => province.ground.sql<{ detail: Record<string, unknown> }[]>`
      select detail from audit where action = 'dossiers.exported' and detail->>'format' = ${format} and detail->>'from' = '2019-01-01'
      order by id desc limit 1`
    await province.until(async () => (await read()).length === 1, 'a record of the download')
    const [found] = await read()
    await province.ground.sql`delete from audit where action = 'dossiers.exported'`
    return found!.detail
  }

  /** A download of which only the beginning is read, on a connection of its own. */
  async function begin(headers: { cookie: string }) {
    const address = `${province.house.url}/console/dossiers-file?${period}&format=csv`
    const asked = get(address, { headers, agent: false })
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    await once(answer, 'readable')
    const rest = async () => {
      for await (const _piece of answer);
    }
    return { leave: () => answer.destroy(), rest }
  }

  it('as a workbook whose sheet has all of them, with typed cells, while the service answers', async () => {
    const { file } = await enter()
    const answer = file(`dossiers-file?${period}&format=xlsx`).then((one) => one.arrayBuffer())
    expect((await fetch(`${province.house.url}/health/live`)).status).toBe(200)
    const bytes = new Uint8Array(await answer)
    const parts = Object.fromEntries(Object.entries(unzipSync(bytes)).map(([name, part]) => [name, strFromU8(part)]))
    const sheet = parts['xl/worksheets/sheet1.xml']!
    expect(sheet.match(/<row /g)).toHaveLength(many + 1)
    expect(sheet).toContain(`<autoFilter ref="A1:L${many + 1}"/>`)
    // 1 May 2019 08:05:01 in Vietnam.
    expect(sheet).toMatch(/<c r="H2" s="3"><v>43586\.336817/)
    expect(sheet).toContain('<c r="L2" s="6"><v>0</v></c>')
    expect(await record('xlsx')).toEqual({
      from: '2019-01-01',
      to: '2020-01-01',
      format: 'xlsx',
      rows: many,
      whole: true,
    })
  })

  it('as CSV', async () => {
    const { file } = await enter()
    const csv = await (await file(`dossiers-file?${period}&format=csv`)).text()
    expect(csv.trimEnd().split('\n')).toHaveLength(many + 1)
    expect(csv).toContain('01/05/2019 08:05')
    expect(await record('csv')).toMatchObject({ rows: many, whole: true })
  })

  it('read no further when the client goes away, and say so in the record', async () => {
    const { leave } = await begin((await enter()).headers)
    leave()
    const { rows, whole } = await record('csv')
    expect(whole).toBe(false)
    expect(rows).toBeLessThan(many)
  })

  it('break off, where something fails in the middle, instead of ending a file that looks whole', async () => {
    const { sql } = province.ground
    const { headers } = await enter()
    const { rest } = await begin(headers)
    await sql`alter table audit rename to audit_away`
    try {
      await expect(rest()).rejects.toThrow('aborted')
    } finally {
      await sql`alter table audit_away rename to audit`
    }
  })

  it('three at once, and the next ones when they have ended', async () => {
    const { file, headers } = await enter()
    const three = await Promise.all([begin(headers), begin(headers), begin(headers)])
    const refused = await file(`dossiers-file?${period}&format=xlsx`)
    expect([refused.status, await refused.text()]).toEqual([503, expect.stringContaining('downloads-busy')])
    for (const { leave } of three) leave()
    await province.until(async () => {
      const next = await file(`dossiers-file?${period}&code=MANY-1-&format=xlsx`)
      await next.arrayBuffer()
      return next.status === 200
    }, 'a free place')
  })
})
