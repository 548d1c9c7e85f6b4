import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listTraffic } from '../../src/delivery/traffic.ts'
import { createKey, type NewKey } from '../../src/platform/auth.ts'
import { openWorkbook } from '../../src/platform/xlsx.ts'
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
    const file = (path: string) => fetch(url + path, { headers: { cookie } })
    return { id, get, file, post: (path: string, fields: Record<string, string>) => post(path, fields, cookie) }
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
    for (const part of [
      'Đã đồng bộ với Cổng',
      'Đang xử lý',
      'Thành công',
      'Cổng đã nhận',
      'Sở Tư pháp',
      'DongBoHoSoMC',
    ])
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

  it('say what a dossier wins and loses in the index 766, and stay where its content cannot be opened', async () => {
    const { get } = await enter()
    const page = async () => (await get(`dossier?code=${delivered.code}`)).text
    expect(await page()).toContain('Xem trước điểm chỉ số 766')
    expect(await page()).toMatch(/1\.4 [^<]*<\/th>\s*<td><span class="tag accept">Đạt/)
    const { sql } = province.ground
    const [kept] = await sql<{ id: number; content: Buffer }[]>`
      select c.id, c.content from changes c join dossiers d on d.change_id = c.id where d.code = ${delivered.code}`
    await sql`update changes set content = ${Buffer.from('broken')} where id = ${kept!.id}`
    expect(await page()).toContain(`Hồ sơ ${delivered.code}`)
    expect(await page()).toContain('Không mở được nội dung')
    expect(await page()).not.toContain('Xem trước điểm chỉ số 766')
    await sql`update changes set content = ${kept!.content} where id = ${kept!.id}`
  })

  const codesIn = (text: string) => [...text.matchAll(/href="dossier\?code=([^"&]+)"/g)].map(([, code]) => code)
  const all = 'from=2000-01-01&to=2100-01-01'

  it('find dossiers by code, by how it begins, by agency, standing and cause', async () => {
    const { get } = await enter()
    const found = async (query: string) => codesIn((await get(`dossiers?${query}`)).text)
    // A whole code is found whenever it was received, even where the form brings this year along.
    expect(await found(`code=${delivered.code}&from=2026-01-01&to=2027-01-01`)).toEqual([delivered.code])
    // Without dates, the newest year that has dossiers; where none is in the dates asked for, none.
    expect(await found(`code=${delivered.code.slice(0, -1)}`)).toContain(delivered.code)
    expect(await found(`from=2026-01-01&to=2027-01-01&code=${delivered.code.slice(0, -1)}`)).toEqual([])
    expect(await found(`${all}&code=${delivered.code.slice(0, -2)}`)).toContain(blocked.code)
    expect(await found(`${all}&code=%25`)).toEqual([])
    expect(await found(`${all}&order=newest`)).toEqual((await found(all)).toReversed())
    expect(await found(`${all}&order=newest&state=gap`)).toEqual((await found(`${all}&state=gap`)).toReversed())
    expect(await found(`${all}&cause=no-national-code&code=${blocked.code.slice(0, 9)}`)).toEqual([blocked.code])
    expect(await found(`${all}&state=gap`)).toEqual([blocked.code])
    expect(await found(`${all}&agency=H34.02&procedure=2020.NONE&state=&cause=`)).toEqual([blocked.code])
    const page = (await get(`dossiers?${all}&cause=no-national-code`)).text
    expect(page).toMatch(/<option value="no-national-code" selected/)
    expect(page).toContain('dossiers-file?')
    const limited = await enter({ agencies: ['H34.02'] })
    expect(codesIn((await limited.get(`dossiers?code=${delivered.code}`)).text)).toEqual([])
    expect(codesIn((await limited.get(`dossiers?${all}`)).text)).toEqual([blocked.code])
  })

  it('hand out the whole selection as CSV and as a workbook, for spreadsheets', async () => {
    const evil = change({ code: '=HYPERLINK("x")', agencyCode: 'H34.02', procedureCode: '+2020.NONE' })
    await province.push([evil])
    const { file } = await enter()
    const csv = await file(`dossiers-file?${all}&format=csv`)
    expect(csv.headers.get('content-disposition')).toMatch(/^attachment; filename="ho-so-[\d-]+\.csv"$/)
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(await csv.arrayBuffer())
    expect(text.startsWith('\uFEFFMã hồ sơ,')).toBe(true)
    for (const { code } of [delivered, refused, blocked]) expect(text).toContain(`\n${code},`)
    expect(text).toContain(`"'=HYPERLINK(""x"")"`)
    expect(text).toContain("'+2020.NONE")
    expect(text).not.toContain('Bí Mật')
    const book = openWorkbook(
      new Uint8Array(await (await file(`dossiers-file?${all}&cause=no-national-code&format=xlsx`)).arrayBuffer()),
    )
    const rows = book.rows(book.sheets[0]!)
    expect(rows.map(({ cells }) => cells[0])).toEqual(['Mã hồ sơ', blocked.code, evil.code])
    const limited = await enter({ agencies: ['H34.01'] })
    const own = await (await limited.file(`dossiers-file?${all}&format=csv`)).text()
    expect(own).not.toContain(blocked.code)
    expect(own).toContain(delivered.code)
    const none = await enter({ rights: ['deliveries:read'] })
    expect((await none.file(`dossiers-file?${all}&format=csv`)).status).toBe(403)
  })

  it('show the calls to the portal, the newest first, and narrow them', async () => {
    const { get } = await enter({ rights: ['deliveries:read'] })
    const { status, text } = await get('traffic')
    expect(status).toBe(200)
    for (const part of ['DongBoHoSoMC', 'Cổng từ chối', 'Thành công', 'Sai số']) expect(text).toContain(part)
    for (const secret of ['062999000777', 'Bí Mật', delivered.code]) expect(text).not.toContain(secret)
    const tags = async (query: string) => {
      const page = (await get(`traffic?${query}`)).text
      return [...new Set([...page.matchAll(/<span class="tag \w+"\s*>([^<]+)</g)].map(([, words]) => words))]
    }
    expect(await tags('class=refused')).toEqual(['Cổng từ chối'])
    expect(await tags('failure=portal-refused&service=DongBoHoSoMC&class=&from=&to=')).toEqual(['Cổng từ chối'])
    expect(await tags('service=nothing')).toEqual([])
    expect(await tags('from=2099-01-01T00:00')).toEqual([])
    expect(await tags('to=2001-01-01T00:00')).toEqual([])
    for (const query of ['class=x', 'failure=x', 'from=1', 'cursor=1;', 'body=1'])
      expect([query, (await get(`traffic?${query}`)).status]).toEqual([query, 422])
  })

  it('keep the calls, which are about all agencies, from who speaks for some', async () => {
    expect((await (await enter({ rights: ['deliveries:read'], agencies: ['H34.01'] })).get('traffic')).status).toBe(403)
    expect((await (await enter({ rights: ['reports:read'] })).get('traffic')).status).toBe(403)
  })

  it('page through the calls without leaving one out', async () => {
    const { sql } = province.ground
    await sql`
      insert into exchanges (service, request_in, request_out, response_in, response_out, class)
      select 'Old', '2019-01-01', '2019-01-01', '2019-01-01', timestamptz '2019-01-01' + n / 3 * interval '1 microsecond', 'ok'
      from generate_series(1, 250) n`
    const filter = { service: 'Old', to: new Date('2020-01-01'), limit: 100 }
    const seen: number[] = []
    for (let cursor: string | undefined, next: string | null = ''; next !== null; cursor = next ?? undefined) {
      const page = await listTraffic(sql, { ...filter, cursor })
      seen.push(...page.lines.map(({ id }) => id))
      next = page.next
    }
    expect([seen.length, new Set(seen).size]).toEqual([250, 250])
    await sql`delete from exchanges where service = 'Old'`
  })

  const idIn = (text: string) => /name="id" value="(\d+)"/.exec(text)![1]!

  it('show what is not delivered, with its causes, and lead to each dossier', async () => {
    const { get } = await enter({ rights: ['deliveries:read', 'reports:read'] })
    const { status, text } = await get('deliveries')
    expect(status).toBe(200)
    for (const part of ['Bị chặn', 'Nhịp gửi', 'state=blocked&amp;reason=no-national-code'])
      expect(text).toContain(part)
    const list = (await get('deliveries?state=blocked&reason=no-national-code&agency=&procedure=&error=')).text
    expect(codesIn(list)).toContain(blocked.code)
    expect(list).not.toContain('action="draft-replay"')
    const limited = await enter({ rights: ['deliveries:read'], agencies: ['H34.01'] })
    const own = (await limited.get('deliveries?state=blocked')).text
    expect(codesIn(own)).toEqual([])
    expect(own).not.toContain('Nhịp gửi')
    expect((await (await enter()).get('deliveries')).status).toBe(403)
    for (const query of ['state=delivered', 'x=1', 'after=x&state=blocked'])
      expect([query, (await get(`deliveries?${query}`)).status]).toEqual([query, 422])
  })

  it('say that all sending is held, by whom and why', async () => {
    const { sql } = province.ground
    await sql`insert into delivery_hold (actor, why) values ('key:x', 'Cổng <bảo trì>')`
    const { text } = await (await enter({ rights: ['deliveries:read'] })).get('deliveries')
    expect(text).toContain('Cổng &lt;bảo trì&gt;')
    await sql`delete from delivery_hold`
  })

  it('send all of one cause again: a preview with the number, a start, a pause, and the brake for good', async () => {
    const { sql } = province.ground
    const some = [change(), change(), change({ agencyCode: 'H34.02' })]
    const codes = some.map(({ code }) => code)
    await province.faults([{ kind: 'refuse-dossier', dossier: codes, value: { message: 'Thiếu giấy tờ' } }])
    await province.push(some)
    await province.settled()
    await province.faults([])
    const rights = ['reports:read', 'deliveries:read', 'deliveries:resend'] as const
    const { id, get, post: send } = await enter({ rights })
    const list = (await get('deliveries?state=parked&reason=portal-refused')).text
    expect(list).toContain('action="draft-replay"')
    const filter = { state: 'parked', reason: 'portal-refused', why: 'Cổng đã nhận lại' }

    const draft = await (await send('draft-replay', filter)).text()
    expect(draft).toContain('3 hồ sơ sẽ được gửi lại')
    const limited = await enter({ rights, agencies: ['H34.02'] })
    const own = await (await limited.post('draft-replay', filter)).text()
    expect(own).toContain('1 hồ sơ sẽ được gửi lại')
    expect((await limited.get(`replay?id=${idIn(draft)}`)).status).toBe(404)
    expect((await limited.post('start-replay', { id: idIn(draft), expected: '3' })).status).toBe(404)

    const wrong = await send('start-replay', { id: idIn(draft), expected: '2' })
    expect([wrong.status, await wrong.text()]).toEqual([409, expect.stringContaining('replay-changed')])
    await sql`insert into delivery_hold (actor, why) values ('test', 'x')`
    const started = await send('start-replay', { id: idIn(draft), expected: '3' })
    const where = started.headers.get('location')!
    expect(where).toBe(`replay?id=${idIn(draft)}`)
    expect((await get(where)).text).toContain('đang chạy')
    await send('pause-replay', { id: idIn(draft), why: 'chờ' })
    expect(await stateOf(codes[0]!)).toBe('parked')
    expect((await get(where)).text).toContain('action="resume-replay"')
    await send('resume-replay', { id: idIn(draft), why: '' })
    await sql`delete from delivery_hold`
    await province.settled()
    await province.until(async () => (await get(where)).text.includes('đã xong'), 'the replay to end')
    expect(await stateOf(codes[0]!)).toBe('delivered')
    expect((await get('deliveries')).text).toContain(where.replace('&', '&amp;'))
    const late = await send('cancel-replay', { id: idIn(draft), why: '' })
    expect([late.status, await late.text()]).toEqual([409, expect.stringContaining('replay-state')])
    const acts = await sql<{ action: string }[]>`
      select action from audit where actor = ${`key:${id}`} and subject = ${`replay:${idIn(draft)}`} order by id`
    expect(acts.map(({ action }) => action)).toEqual([
      'replay.drafted',
      'deliveries.resent',
      'replay.paused',
      'replay.resumed',
    ])
  })

  it('send nothing again without a reason, without a bound, or without the right', async () => {
    const rights = ['deliveries:read', 'deliveries:resend'] as const
    const { post: send } = await enter({ rights })
    const refusal = async (form: Record<string, string>) => {
      const answer = await send('draft-replay', { why: 'x', ...form })
      return [answer.status, /<code>([\w-]+)<\/code/.exec(await answer.text())?.[1]]
    }
    expect(await refusal({ state: 'parked' })).toEqual([422, 'replay-too-broad'])
    expect(await refusal({ state: 'waiting', reason: 'portal-refused' })).toEqual([422, 'invalid-field'])
    expect(await refusal({ reason: 'portal-refused', why: ' ' })).toEqual([422, 'missing-field'])
    const reader = await enter({ rights: ['deliveries:read'] })
    for (const path of ['draft-replay', 'start-replay', 'pause-replay', 'resume-replay', 'cancel-replay'])
      expect([path, (await reader.post(path, { id: '1', why: 'x', expected: '0' })).status]).toEqual([path, 403])
  })
})
