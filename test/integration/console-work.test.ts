import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createKey, type NewKey } from '../../src/platform/auth.ts'
import { change, startProvince, step, type Province } from '../support/province.ts'

const owner = { type: 'citizen', name: 'Phạm Thị Bí Mật', idNumber: '062999000777' }

describe('the daily work in the console', () => {
  let province: Province
  let url: string
  const delivered = change({ owner, steps: [step('2020-07-03T10:00:00+07:00', 'processing', 'Chuyển cho chị Lan')] })
  const refused = change({ owner, summary: 'Đơn của bà Bí Mật' })
  const blocked = change({ owner, procedureCode: '2020.NONE', agencyCode: 'H34.02' })

  beforeAll(async () => {
    province = await startProvince()
    url = `${province.house.url}/console/`
    const { national } = await province.ground.catalogue.fresh()
    if (national.size === 0)
      await province.until(async () => (await province.ground.catalogue.fresh()).national.size > 4000, 'the catalogue')
    await province.faults([
      { kind: 'refuse-dossier', dossier: refused.code, value: { message: 'Sai số 062999000777' } },
    ])
    await province.push([delivered, refused, blocked])
    await province.settled()
  })
  afterAll(() => province.close())

  const post = (path: string, fields: Record<string, string>, cookie = '') =>
    fetch(url + path, {
      method: 'POST',
      headers: { cookie, origin: province.house.url },
      body: new URLSearchParams(fields),
      redirect: 'manual',
    })
  async function enter(more: Partial<NewKey> = {}) {
    const { key, id } = await createKey(province.ground.sql, {
      name: 'Trần Văn B',
      source: 'console',
      rights: ['reports:read'],
      agencies: ['*'],
      person: true,
      by: 'test',
      ...more,
    })
    const answer = await post('sign-in', { key })
    const cookie = answer.headers.get('set-cookie')!.split(';')[0]!
    const get = async (path: string) => {
      const page = await fetch(url + path, { headers: { cookie }, redirect: 'manual' })
      return { status: page.status, text: await page.text() }
    }
    return { id, get, post: (path: string, fields: Record<string, string>) => post(path, fields, cookie) }
  }
  const stateOf = async (code: string) => {
    const [row] = await province.ground.sql<{ state: string }[]>`
      select l.state from deliveries l join dossiers d on d.id = l.dossier_id where d.code = ${code}`
    return row!.state
  }

  it('show one dossier with what was sent and answered, and nothing that names people', async () => {
    const { get } = await enter()
    const { status, text } = await get(`dossier?code=${delivered.code}`)
    expect(status).toBe(200)
    for (const part of ['Đã đồng bộ với Cổng', 'Đang xử lý', 'Cổng đã nhận', 'Sở Tư pháp', 'DongBoHoSoMC'])
      expect(text).toContain(part)
    expect(text).toMatch(/\d\d\/\d\d\/\d{4} \d\d:\d\d:\d\d/)
    const stopped = (await get(`dossier?code=${refused.code}`)).text
    for (const part of ['Cổng từ chối', 'Sai số']) expect(stopped).toContain(part)
    for (const secret of ['Bí Mật', '062999000777', 'chị Lan', 'Cán bộ A']) {
      expect(text).not.toContain(secret)
      expect(stopped).not.toContain(secret)
    }
    for (const form of ['action="resend"', 'action="personal-data"', 'href="mapping', 'href="agency'])
      expect(text).not.toContain(form)
  })

  it('say the same of a dossier of others as of none, in every act about it', async () => {
    const { get, post: send } = await enter({
      agencies: ['H34.02'],
      rights: ['reports:read', 'personal:read', 'deliveries:resend'],
    })
    expect((await get(`dossier?code=${blocked.code}`)).status).toBe(200)
    const withoutIds = (text: string) =>
      text.replace(/<code>req-\w+<\/code>|[0-9a-f-]{36}/g, '').replaceAll(/code=[^"&]+/g, '')
    const [foreign, none] = [await get(`dossier?code=${refused.code}`), await get('dossier?code=NONE')]
    expect([foreign.status, withoutIds(foreign.text)]).toEqual([404, withoutIds(none.text)])
    for (const code of [refused.code, delivered.code, 'NONE'])
      for (const path of ['personal-data', 'resend'])
        expect([path, code, (await send(path, { code, why: 'x' })).status]).toEqual([path, code, 404])
    expect(await stateOf(refused.code)).toBe('parked')
  })

  it('show personal data once, to whoever may, and record it as the API does', async () => {
    const { id, get, post: send } = await enter({ rights: ['reports:read', 'personal:read'] })
    expect((await get(`dossier?code=${delivered.code}`)).text).toContain('action="personal-data"')
    const shown = await send('personal-data', { code: delivered.code })
    const text = await shown.text()
    for (const part of ['Phạm Thị Bí Mật', '062999000777', 'Chuyển cho chị Lan', 'Cán bộ A'])
      expect(text).toContain(part)
    expect(shown.headers.get('cache-control')).toBe('no-store')
    expect((await get(`dossier?code=${delivered.code}`)).text).not.toContain('Bí Mật')
    const read = await province.ground.sql`
      select actor, subject, detail from audit where action = 'personal-data.read' and actor = ${`key:${id}`}`
    expect(read).toMatchObject([{ subject: delivered.code }])
    for (const rights of [['reports:read'], ['personal:read']] as const)
      expect((await (await enter({ rights })).post('personal-data', { code: delivered.code })).status).toBe(403)
  })

  it('send a stopped dossier again with a reason, and show what came of it', async () => {
    const { id, get, post: send } = await enter({ rights: ['reports:read', 'deliveries:resend'] })
    const form = { code: refused.code, why: 'Đã sửa <b>ở</b> Cổng' }
    const blank = await send('resend', { ...form, why: ' ' })
    expect([blank.status, await blank.text()]).toEqual([422, expect.stringContaining('action="resend"')])
    await province.faults([])
    const sent = await send('resend', form)
    const where = sent.headers.get('location')!
    expect([sent.status, where]).toEqual([303, expect.stringMatching(/^dossier\?code=.+&replay=\d+$/)])
    await province.until(async () => (await stateOf(refused.code)) === 'delivered', 'it to be taken')
    await province.until(async () => (await get(where)).text.includes('Đã gửi lại, Cổng đã nhận'), 'the page to say so')
    const [replay] = await province.ground.sql`select actor, why from replays order by id desc limit 1`
    expect(replay).toEqual({ actor: `key:${id}`, why: form.why })
    expect((await (await enter()).post('resend', form)).status).toBe(403)
  })

  it('refuse in words what is on its way, and keep the reason that was typed', async () => {
    const { post: send } = await enter({ rights: ['reports:read', 'deliveries:resend'] })
    const { sql } = province.ground
    await sql`insert into delivery_hold (actor, why) values ('test', 'x')`
    const waiting = change()
    await province.push([waiting])
    const answer = await send('resend', { code: waiting.code, why: 'vì "gấp"' })
    expect(answer.status).toBe(409)
    const text = await answer.text()
    for (const part of ['already-on-way', 'value="vì &quot;gấp&quot;"', `Hồ sơ ${waiting.code}`])
      expect(text).toContain(part)
    await sql`delete from delivery_hold`
    await province.settled()
  })
})
