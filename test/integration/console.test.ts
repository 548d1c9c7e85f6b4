import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createKey, revokeKey, type NewKey } from '../../src/platform/auth.ts'
import { applyProcedures } from '../../src/procedures/national.ts'
import { importLocalProcedures } from '../../src/procedures/local-lists.ts'
import { change, nationalCodes, startProvince, type Province } from '../support/province.ts'

const [first] = nationalCodes
const evil = '"><script>alert(1)</script>'

describe('the doors of the console', () => {
  let province: Province
  let url: string
  beforeAll(async () => {
    province = await startProvince({ settings: { CATALOGUE_PULL: 'off' } })
    url = `${province.house.url}/console/`
    await applyProcedures(province.ground.sql, [
      { code: first, name: `Cấp giấy phép ${evil}`, fieldCode: 'F', fieldName: 'F' },
    ])
    await importLocalProcedures(province.ground.sql, [
      { code: `2020.${evil}`, name: `Cấp giấy phép ${evil}`, level: null, agencyCode: null },
    ])
    await province.ground.catalogue.fresh()
  })
  afterAll(() => province.close())

  const person = (more: Partial<NewKey> = {}) =>
    createKey(province.ground.sql, {
      name: 'Trần Văn B',
      source: 'console',
      rights: ['reports:read', 'mappings:read', 'mappings:write'],
      agencies: ['*'],
      person: true,
      by: 'test',
      ...more,
    })
  const get = (path: string, cookie = '') => fetch(url + path, { headers: { cookie }, redirect: 'manual' })
  const post = (path: string, fields: Record<string, string>, cookie = '', headers: Record<string, string> = {}) =>
    fetch(url + path, {
      method: 'POST',
      headers: { cookie, origin: province.house.url, ...headers },
      body: new URLSearchParams(fields),
      redirect: 'manual',
    })
  async function signedIn(key: string): Promise<string> {
    const answer = await post('sign-in', { key })
    expect(answer.status).toBe(303)
    return answer.headers.get('set-cookie')!.split(';')[0]!
  }
  const unescaped = (text: string) =>
    text.replace(
      /&(quot|#39|lt|gt|amp);/g,
      (_, name: string) => ({ quot: '"', '#39': "'", lt: '<', gt: '>' })[name] ?? '&',
    )
  const wishes = (localCode: string) => JSON.stringify([{ verdict: 'accept', localCode, nationalCode: first }])

  it('let nobody in without a key, and lead back to the page that was asked for', async () => {
    const asked = await get('mapping?code=2020.X')
    expect(asked.status).toBe(303)
    const where = asked.headers.get('location')!
    expect(where).toBe('sign-in?next=mapping%3Fcode%3D2020.X')
    expect(await (await get(where)).text()).toContain('value="mapping?code=2020.X"')
    const { key } = await person()
    const answer = await post('sign-in', { key, next: 'mapping?code=2020.X' })
    expect(answer.headers.get('location')).toBe('mapping?code=2020.X')
  })

  it.each([
    'https://elsewhere.example/',
    '//elsewhere.example',
    '/\\elsewhere.example',
    'javascript:alert(1)',
    '../v1',
  ])('lead nowhere else: %s', async (next) => {
    const { key } = await person()
    expect((await post('sign-in', { key, next })).headers.get('location')).toBe('overview')
  })

  it('keep the session out of reach of scripts and other sites, and its secret out of the ledger', async () => {
    const { key } = await person()
    const answer = await post('sign-in', { key })
    expect(answer.headers.get('set-cookie')).toMatch(/^dvcqg=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/)
    const [, token] = /=([^;]+)/.exec(answer.headers.get('set-cookie')!)!
    const dump = JSON.stringify(await province.ground.sql`select * from console_sessions`)
    expect(dump).not.toContain(token)
    const page = await get('mappings', `dvcqg=${token}`)
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/)
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(page.headers.get('cache-control')).toBe('no-store')
  })

  it.each([
    ['of another site', { origin: 'https://elsewhere.example' }],
    ['of no site', { origin: 'null' }],
  ])('take no form %s, signing in included', async (_name, headers) => {
    const { key } = await person()
    const cookie = await signedIn(key)
    for (const answer of [
      await post('sign-in', { key }, '', headers),
      await post('decide', { wishes: wishes('2020.F'), seen: '0', why: 'x', back: '' }, cookie, headers),
      await post('undo', { id: '1', why: 'x' }, cookie, headers),
    ]) {
      expect(answer.status).toBe(403)
      expect(await answer.text()).toContain('foreign-form')
    }
    expect(await province.ground.sql`select 1 from mappings where local_code = '2020.F'`).toHaveLength(0)
  })

  it('let no program in, and no key that is not one', async () => {
    const refused = async (key: string) => {
      const answer = await post('sign-in', { key })
      expect(answer.headers.get('set-cookie')).toBeNull()
      expect(await answer.text()).not.toContain(key)
      return answer.status
    }
    expect(await refused(province.key)).toBe(403)
    expect(await refused(`dvcqg_abcdefabcdef_${'a'.repeat(43)}`)).toBe(401)
    expect(await refused('letmein-secret')).toBe(401)
  })

  it('close at once when the key is revoked or the person leaves', async () => {
    const { id, key } = await person()
    const [one, two] = [await signedIn(key), await signedIn(key)]
    expect((await get('mappings', one)).status).toBe(200)
    const left = await post('sign-out', {}, one)
    expect(left.headers.get('location')).toBe('sign-in')
    expect((await get('mappings', one)).status).toBe(303)
    expect((await get('mappings', two)).status).toBe(200)
    await revokeKey(province.ground.sql, id, 'test')
    expect((await get('mappings', two)).status).toBe(303)
    const form = await post('decide', { wishes: wishes('2020.G'), seen: '0', why: 'x', back: '' }, two)
    expect(form.status).toBe(401)
    expect(await form.text()).toContain('signed-out')
  })

  it('keep what was typed when the session has ended, for whoever signs in again and sends it', async () => {
    const { key } = await person()
    const cookie = await signedIn(key)
    await post('sign-out', {}, cookie)
    const why = `Quyết định 12 ${evil}\nvà 'phụ lục'`
    const later = JSON.stringify([{ verdict: 'later', localCode: '2020.KEPT' }])
    const fields = new URLSearchParams({ wishes: later, seen: '0', why, back: 'mappings' })
    for (const code of ['a', 'b']) fields.append('code', code)
    const headers = { cookie, origin: province.house.url }
    const answer = await fetch(`${url}decide`, { method: 'POST', headers, body: fields, redirect: 'manual' })
    expect(answer.status).toBe(401)
    const text = await answer.text()
    expect(text).toContain('action="decide"')
    expect(text).not.toContain('<script>alert')
    expect(await province.ground.sql`select 1 from mapping_verdicts where local_code = '2020.KEPT'`).toHaveLength(0)

    const kept = new URLSearchParams()
    for (const [, name, value] of text.matchAll(/name="(\w+)" value="([^"]*)"/g)) kept.append(name!, unescaped(value!))
    expect([...kept]).toEqual([...fields])
    const [, next] = /href="sign-in\?next=([^"]*)"/.exec(text)!
    const signIn = await post('sign-in', { key, next: next! })
    expect(signIn.headers.get('location')).toBe('signed-in')
    const again = signIn.headers.get('set-cookie')!.split(';')[0]!
    expect(await (await get('signed-in', again)).text()).toContain('quay lại thẻ trước')
    expect((await get('signed-in')).headers.get('location')).toBe('sign-in?next=signed-in')
    const sent = await post('decide', Object.fromEntries(kept), again)
    expect(sent.headers.get('location')).toMatch(/^decision\?id=\d+$/)

    // The key is never kept, nor what is longer than other forms.
    const wrong = await post('sign-in', { key: 'letmein-secret', next: '' })
    expect(await wrong.text()).not.toContain('letmein')
    const long = await post('decide', { wishes: wishes('x'.repeat(1024 * 1024)), seen: '0', why, back: '' })
    expect(long.status).toBe(401)
    expect(await long.text()).not.toContain('action="decide"')
  })

  it('close when nobody was there for long, and at the end of the day', async () => {
    const { key } = await person()
    const cookie = await signedIn(key)
    const { sql } = province.ground
    await sql`update console_sessions set seen_at = now() - interval '119 minutes'`
    expect((await get('mappings', cookie)).status).toBe(200)
    const [row] = await sql`select seen_at > now() - interval '1 minute' as renewed
      from console_sessions order by created_at desc limit 1`
    expect(row).toEqual({ renewed: true })
    await sql`update console_sessions set seen_at = now() - interval '121 minutes'`
    expect((await get('mappings', cookie)).status).toBe(303)
    const again = await signedIn(key)
    await sql`update console_sessions set expires_at = now()`
    expect((await get('mappings', again)).status).toBe(303)
  })

  it('a key without the right sees and decides nothing of it', async () => {
    const reader = await signedIn((await person({ rights: ['reports:read', 'mappings:read'] })).key)
    const list = await (await get('mapping?code=2020.H', reader)).text()
    expect(list).not.toContain('type="radio"')
    expect((await post('decide', { wishes: wishes('2020.H'), seen: '0', why: 'x', back: '' }, reader)).status).toBe(403)
    const other = await signedIn((await person({ rights: ['dossiers:read'] })).key)
    expect((await get('mappings', other)).status).toBe(403)
    expect((await get('report', other)).status).toBe(403)
  })

  it('who speaks for some agencies sees their dossiers alone, and no codes', async () => {
    await province.push([change({ agencyCode: 'H34.01' }), change({ agencyCode: 'H34.02' })])
    const cookie = await signedIn((await person({ agencies: ['H34.02'] })).key)
    const list = await (await get('dossiers?from=2000-01-01&to=2100-01-01', cookie)).text()
    expect(list).toContain('Sở Xây dựng')
    expect(list).not.toContain('Sở Tư pháp')
    expect(list).not.toContain('href="mappings"')
    for (const path of ['mappings', 'mapping?code=x', 'decisions', 'decision?id=1', 'catalogue'])
      expect([path, (await get(path, cookie)).status]).toEqual([path, 403])
  })

  it('escape whatever lists and addresses bring', async () => {
    const cookie = await signedIn((await person()).key)
    const code = encodeURIComponent(`2020.${evil}`)
    for (const path of [
      'mappings',
      `mappings?q=${code}`,
      `mapping?code=${code}`,
      `mapping?code=x&find=${encodeURIComponent(evil)}`,
      `sign-in?next=${encodeURIComponent(`mappings?q=${evil}`)}`,
      `nothing?${code}`,
    ])
      expect(await (await get(path, cookie)).text()).not.toContain('<script>alert')
    const form = { code: `2020.${evil}`, seen: '0', choice: first }
    const preview = await post('mapping', form, cookie)
    expect(preview.status).toBe(200)
    expect(await preview.text()).not.toContain('<script>alert')
  })

  it('what is refused is said as a page; nothing is applied', async () => {
    const cookie = await signedIn((await person()).key)
    const decide = (fields: Record<string, string>) =>
      post('decide', { seen: '0', why: 'x', back: '', ...fields }, cookie)
    expect((await decide({ wishes: 'nonsense' })).status).toBe(422)
    expect((await decide({ wishes: '[{"verdict":"accept"}]' })).status).toBe(422)
    const blank = await decide({ wishes: wishes('2020.J'), why: '  ' })
    expect(await blank.text()).toContain('2020.J')
    const bytes = await fetch(`${url}decide`, {
      method: 'POST',
      headers: { cookie, origin: province.house.url, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'why=%ff',
    })
    expect(await bytes.text()).toContain('broken-utf8')
    const json = await fetch(`${url}decide`, {
      method: 'POST',
      headers: { cookie, origin: province.house.url, 'content-type': 'application/json' },
      body: '{}',
    })
    expect(json.status).toBe(415)
    expect((await get('mappings?page=-1', cookie)).status).toBe(422)
    expect((await get('decision?id=999999', cookie)).status).toBe(404)
    expect(await province.ground.sql`select 1 from mappings`).toHaveLength(0)
  })

  it('of two who decide about one code the second sees the first', async () => {
    const cookie = await signedIn((await person()).key)
    const seen = '0'
    const one = await post('decide', { wishes: wishes('2020.K'), seen, why: 'một', back: '' }, cookie)
    expect(one.headers.get('location')).toMatch(/^decision\?id=\d+$/)
    const other = JSON.stringify([{ verdict: 'no-national-code', localCode: '2020.K' }])
    const two = await post('decide', { wishes: other, seen, why: 'hai', back: 'mapping?code=2020.K' }, cookie)
    expect(two.status).toBe(409)
    const text = await two.text()
    expect(text).toContain('decided-since')
    expect(text).toContain('hai')
    expect(text).toContain('href="mapping?code=2020.K"')
  })

  it('find a decision done when its answer was lost and it is sent again', async () => {
    const cookie = await signedIn((await person()).key)
    const send = () => post('decide', { wishes: wishes('2020.L'), seen: '0', why: 'một', back: '' }, cookie)
    expect((await send()).headers.get('location')).toMatch(/^decision\?id=\d+$/)
    expect((await send()).headers.get('location')).toBe('decisions')
    const decided = await province.ground.sql`select 1 from mapping_decision_rows where local_code = '2020.L'`
    expect(decided).toHaveLength(1)
  })

  it('lead from the bare address to the first page that the person may see', async () => {
    const cookie = await signedIn((await person({ rights: ['mappings:read'] })).key)
    expect((await get('', cookie)).headers.get('location')).toBe('mappings')
    expect((await get('')).headers.get('location')).toBe('sign-in')
  })

  it('the API takes no cookie, and forms are taken by the console alone', async () => {
    const cookie = await signedIn((await person()).key)
    const answer = await fetch(`${province.house.url}/v1/procedures/local`, { headers: { cookie } })
    expect(answer.status).toBe(401)
    const form = await fetch(`${province.house.url}/v1/mappings/decisions`, {
      method: 'POST',
      headers: { cookie, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'why=x',
    })
    expect([401, 415]).toContain(form.status)
  })
})

describe('behind a proxy that speaks https', () => {
  let province: Province
  beforeAll(async () => {
    province = await startProvince({ settings: { PUBLIC_URL: 'https://dongbo.example/dvc', CATALOGUE_PULL: 'off' } })
  })
  afterAll(() => province.close())

  it('the session is for this host and https alone, and forms come from the public address', async () => {
    const wish = {
      name: 'C',
      source: 'console',
      rights: ['reports:read'],
      agencies: ['*'],
      person: true,
      by: 'test',
    } as const
    const { key } = await createKey(province.ground.sql, wish)
    const post = (origin: string) =>
      fetch(`${province.house.url}/console/sign-in`, {
        method: 'POST',
        headers: { origin },
        body: new URLSearchParams({ key }),
        redirect: 'manual',
      })
    expect((await post(province.house.url)).status).toBe(403)
    const answer = await post('https://dongbo.example')
    expect(answer.headers.get('set-cookie')).toMatch(
      /^__Host-dvcqg=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    )
    // Relative: whatever the proxy puts in front stays in front.
    expect(answer.headers.get('location')).toBe('overview')
  })
})
