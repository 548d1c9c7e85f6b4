import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listSources, noting } from '../../src/administration/store.ts'
import { createKey, listKeys, rights, type NewKey } from '../../src/platform/auth.ts'
import { importStatuses } from '../../src/procedures/store.ts'
import { change, startProvince, type Province } from '../support/province.ts'

const tabs = ['service', 'sources', 'keys', 'dialect', 'schedules', 'statuses', 'alerts'] as const
/** Planted where a page could pick it up. */
const planted = 'GIAU-KIN-71'
const evil = '"><script>alert(1)</script>'

describe('the pages for whoever looks after the service', () => {
  let province: Province
  let url: string
  beforeAll(async () => {
    const dialect = join(await mkdtemp(join(tmpdir(), 'dvcqg-dialect-')), 'dialect.json')
    const unitProcedures = { service: 'LayDanhSach', endpoint: 'share', fields: { apikey: planted }, optional: true }
    await writeFile(
      dialect,
      JSON.stringify({
        extends: 'sandbox',
        name: 'ours',
        providerUrl: `https://user:${planted}@gateway.example/x`,
        timeouts: { call: 9_000 },
        paths: { share: `mapi/g?token=${planted}` },
        catalogue: { unitProcedures },
      }),
    )
    province = await startProvince({
      settings: {
        CATALOGUE_PULL: '0 0 2 * * *',
        RECONCILE_AT: '01:30',
        METRICS_TOKEN: `${planted}-metrics`,
        PORTAL_PASSWORD: `${planted}-password`,
        PORTAL_USERNAME: `${planted}-account`,
        PORTAL_DIALECT: dialect,
        ENCRYPTION_KEYS: `${planted}:${Buffer.alloc(32, 9).toString('base64')}`,
      },
    })
    url = `${province.house.url}/console/`
  })
  afterAll(() => province.close())

  async function enter(more: Partial<NewKey> = {}) {
    const made = await createKey(province.ground.sql, {
      name: 'Trần Thị Quản Trị',
      source: 'console',
      rights: ['settings:read', 'audit:read', 'reports:read'],
      agencies: ['*'],
      person: true,
      by: 'test',
      ...more,
    })
    const answer = await fetch(`${url}sign-in`, {
      method: 'POST',
      headers: { origin: province.house.url },
      body: new URLSearchParams({ key: made.key }),
      redirect: 'manual',
    })
    const cookie = answer.headers.get('set-cookie')!.split(';')[0]!
    const get = async (path: string) => {
      const page = await fetch(url + path, { headers: { cookie }, redirect: 'manual' })
      return { status: page.status, text: await page.text() }
    }
    return { ...made, get }
  }

  it('show no secret, in no part and no language', async () => {
    const { key, get } = await enter()
    const [, , secret] = /^dvcqg_([a-z0-9]+)_(.+)$/.exec(key)!
    const hidden = [planted, secret!, Buffer.alloc(32, 9).toString('base64'), province.servers.databaseUrl]
    for (const path of [...tabs.map((tab) => `settings?tab=${tab}&`), 'audit-log?', 'audit-log-file?'])
      for (const language of ['vi', 'en']) {
        const { status, text } = await get(`${path}lang=${language}`)
        expect(status).toBe(200)
        for (const word of hidden) expect(text).not.toContain(word)
      }
    const { text } = await get('settings?lang=vi')
    expect(text).toMatch(/METRICS_TOKEN<\/code>\s*<\/th>\s*<td class="">\s*đã đặt/)
    expect(text).toMatch(/ENCRYPTION_KEYS<\/code>\s*<\/th>\s*<td class="">\s*đã đặt/)
    const hashes = await province.ground.sql<
      { hash: string }[]
    >`select encode(secret_hash, 'hex') as hash from api_clients`
    const { text: keys } = await get('settings?tab=keys')
    for (const { hash } of hashes) expect(keys).not.toContain(hash)
  })

  it.each([
    ['settings', { rights: rights.filter((right) => right !== 'settings:read') }],
    ['settings', { agencies: ['H34.01'] }],
    ['audit-log', { rights: rights.filter((right) => right !== 'audit:read') }],
    ['audit-log', { agencies: ['H34.01'] }],
    ['audit-log-file', { rights: ['settings:read'] }],
  ] as const)('%s is closed to whoever lacks the right or speaks for some agencies: %j', async (path, more) => {
    const { get } = await enter(more)
    expect((await get(path)).status).toBe(403)
    expect((await get('sign-in')).text).not.toContain(`href="${path}"`)
  })

  it('lead whoever may read the audit alone to it, and nobody else past the settings', async () => {
    const auditor = await enter({ rights: ['audit:read'] })
    const page = await auditor.get('audit-log')
    expect(page.status).toBe(200)
    expect(page.text).toContain('href="audit-log"')
    expect(page.text).not.toContain('settings?tab=')
    const { get } = await enter()
    const nav = /<nav aria-label="Trình đơn">.*?<\/nav>/s.exec((await get('settings')).text)![0]
    expect(nav).not.toContain('audit-log')
  })

  it('show what differs from the dialect it is laid over, and which processes live', async () => {
    const { get } = await enter()
    const { text } = await get('settings?tab=dialect&lang=en')
    expect(text).toMatch(/laid over\s*<strong>sandbox<\/strong>/)
    expect(text).toMatch(
      /timeouts\.call<\/code>\s*<\/th>\s*<td class=""><code>10000<\/code><\/td>\s*<td class=""><code>9000</,
    )
    expect(text).not.toContain('timeouts.login')
    await province.until(
      async () => (await province.ground.sql`select 1 from heartbeats where role = 'scheduler'`).length > 0,
      'a heartbeat',
    )
    const { text: service } = await get('settings?lang=en')
    expect(service).toContain(`${process.pid}`)
    expect(service).toMatch(/scheduler: relay/)
  })

  it('count the dossiers of status words that nobody mapped, and lead to exactly these', async () => {
    const { sql } = province.ground
    const odd = { status: `Lạ ${evil}` }
    await province.push([change(odd), change(odd), change({ status: 'Quen' }), change()])
    await importStatuses(sql, [{ source: 'one-stop', localStatus: 'Quen', status: 'processing' }])
    const { get } = await enter()
    const { text } = await get('settings?tab=statuses')
    expect(text).not.toContain(evil)
    const [, to, count] = /href="(dossiers\?[^"]*unmapped[^"]*)"\s*>(\d+)</.exec(text)!
    expect(count).toBe('2')
    expect(text.match(/unmapped=/g)).toHaveLength(1)
    const list = await get(to!.replaceAll('&amp;', '&'))
    expect(list.text.match(/href="dossier\?code=/g)).toHaveLength(2)
    expect(await listSources(sql)).toMatchObject([{ source: 'one-stop', dossiers: 4, keys: 1 }])
    expect((await get('settings?tab=sources')).text).toContain('href="dossiers?source=one-stop')
    const all = await get('dossiers?source=one-stop&from=2000-01-01&to=2100-01-01')
    expect(all.text.match(/href="dossier\?code=/g)).toHaveLength(4)
  })

  it('say when a task ran, how it ended, and that it is late', async () => {
    const { sql } = province.ground
    const { get } = await enter()
    const rowOf = async (name: string) =>
      new RegExp(`${name}</th>.*?</tr>`, 's').exec((await get('settings?tab=schedules&lang=en')).text)![0]
    await sql`update task_turns set started_at = null, noted_since = now() where task = 'rotate'`
    expect(await rowOf('Rotation of old data[^<]*')).toMatch(/never/)
    expect(await rowOf('Rotation of old data[^<]*')).not.toMatch(/late/)
    await sql`update task_turns set noted_since = now() - interval '3 days' where task = 'rotate'`
    expect(await rowOf('Rotation of old data[^<]*')).toMatch(/never.*late/s)
    await noting(sql, 'rotate', async () => undefined)()
    expect(await rowOf('Rotation of old data[^<]*')).toMatch(/>done</)
    expect(await rowOf('Rotation of old data[^<]*')).not.toMatch(/late/)
    await expect(noting(sql, 'rotate', () => Promise.reject(new Error('x')))()).rejects.toThrow('x')
    expect(await rowOf('Rotation of old data[^<]*')).toMatch(/>failed</)
    await sql`update task_turns set started_at = now() - interval '3 days' where task = 'rotate'`
    expect(await rowOf('Rotation of old data[^<]*')).toMatch(/late/)
  })

  it('note when a key was last used', async () => {
    const { sql } = province.ground
    const { id } = await enter()
    await province.until(async () => (await listKeys(sql)).find((key) => key.id === id)?.usedAt != null, 'its use')
    const unused = await createKey(sql, { name: 'x', source: 'y', rights: [], agencies: [], by: 'test' })
    expect((await listKeys(sql)).find((key) => key.id === unused.id)?.usedAt).toBeNull()
  })

  it('search the audit by actor, act and day, page by page, with unknown details masked', async () => {
    const { sql } = province.ground
    const { id, get } = await enter({ name: 'Lê Tìm Kiếm' })
    await sql`
      insert into audit (actor, action, subject, detail, at)
      select ${`key:${id}`}, 'test.act', 'việc ' || n, ${sql.json({ why: `vì ${evil}`, owner: planted, nested: { a: planted }, rows: 7 })},
        timestamptz '2024-05-06T12:00:00+07:00' + n * interval '1 second' from generate_series(1, 250) n`
    await sql`insert into audit (actor, action, subject) values ('cli:root', 'test.act', '=1+1')`
    const seen: string[] = []
    let path: string | null =
      `audit-log?action=test.act&actor=${encodeURIComponent('lê tìm')}&from=2024-05-06&to=2024-05-07`
    while (path !== null) {
      const { text, status } = await get(path)
      expect(status).toBe(200)
      expect(text).not.toContain(planted)
      expect(text).not.toContain(evil)
      expect(text).toContain('rows: 7')
      expect(text).toContain('owner: •••')
      seen.push(...[...text.matchAll(/việc (\d+)</g)].map(([, n]) => n!))
      path = /href="([^"]*)" rel="next"/.exec(text)?.[1]?.replaceAll('&amp;', '&') ?? null
    }
    expect(seen).toEqual(Array.from({ length: 250 }, (_, index) => String(250 - index)))
    expect((await get('audit-log?action=test.act&from=2024-05-07&to=2024-05-08')).text).toContain('Không có thao tác')
    const { text: file } = await get('audit-log-file?action=test.act')
    expect(file.split('\n').filter((line) => line.includes('test.act'))).toHaveLength(251)
    expect(file).toContain("'=1+1")
    expect((await get('audit-log?cursor=1-x')).status).toBe(422)
  })
})
