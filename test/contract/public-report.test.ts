import nock from 'nock'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createPublicReport } from '../../adapters/public-report/report.ts'
import { readPublicReportMap, type PublicReportName } from '../../config/public-figures.ts'
import { periodOf } from '../../src/scoring/public-compare.ts'

const host = 'https://portal.example.invalid'
const base = '/api/v1/reporting/evaluation'
const uuid = '0b7f3a52-1c1e-4c35-9a52-4c0c2b1f8a10'

interface Setup {
  readonly waits?: readonly number[]
  readonly pause?: readonly [number, number]
  readonly answerBytes?: number
  readonly reportSize?: number
  readonly [key: string]: unknown
}

function setUp(setup: Setup = {}) {
  const { waits = [1, 1, 1], pause = [0, 0], answerBytes = 1_000_000, reportSize = 1_000_000, ...map } = setup
  const told = {
    root: uuid,
    timeType: { month: 'M', quarter: 'Q', year: 'Y' },
    firstPage: 1,
    pageSize: 2,
    rows: { others: 'children' },
    ...map,
  }
  const read = readPublicReportMap(JSON.stringify(told))
  const limits = { longestWait: 50, deadline: 2_000, answerBytes, reportSize, pages: 5 }
  const report = createPublicReport({ baseUrl: `${host}${base}/`, map: read, pause, waits, ...limits })
  const ask = (name: PublicReportName = 'transparency', period = periodOf('month', '2026-11-26')) =>
    report.read({ report: name, period, unit: read.root }, () => undefined)
  return { ask, report }
}

const child = (id: number | string) => ({ departmentId: id, evaluation: [{ code: 'X', rate: 1 }] })
const fine = (data: unknown, code: unknown = 'OK') => ({ code, message: '', data })
const pageOf = async (request: Request) => ((await request.json()) as { currentPage: number }).currentPage
const post = (name = 'transparency') => nock(host).post(`${base}/${name}`)

describe('the public report', () => {
  beforeEach(() => nock.disableNetConnect())
  afterEach(() => {
    nock.cleanAll()
    nock.enableNetConnect()
  })

  it('is asked for a month, a quarter, a year and for days, as the mapping says', async () => {
    const bodies: unknown[] = []
    nock(host)
      .post(new RegExp(base))
      .times(4)
      .reply(200, async (request: Request) => {
        bodies.push([request.url.split('/').at(-1), await request.json()])
        return fine({ children: [] })
      })
    const { ask } = setUp({ dates: 'dd/MM/yyyy' })
    await ask()
    await ask('dossier-digitized', periodOf('quarter', '2026-11-26'))
    await ask('transparency', periodOf('year', '2026-11-26'))
    await ask('handling-satisfaction', periodOf('month', '2024-02-10'))
    const common = { rootDepartmentId: uuid, currentPage: 1, pageSize: 2 }
    expect(bodies).toEqual([
      ['transparency', { timeType: 'M', year: 2026, month: 11, ...common }],
      ['dossier-digitized', { timeType: 'Q', year: 2026, quarter: 4, ...common }],
      ['transparency', { timeType: 'Y', year: 2026, ...common }],
      ['handling-satisfaction', { fromDate: '01/02/2024', toDate: '29/02/2024', ...common }],
    ])
  })

  it.each([['OK'], [200]])('takes the code %j', async (code) => {
    post().reply(200, fine({ evaluation: [child(1)] }, code))
    expect(await setUp().ask()).toMatchObject({ ok: true, pages: [{ evaluation: [child(1)] }] })
  })

  it('takes no other code, and says what the portal said', async () => {
    post().reply(200, { code: 'ERR', message: 'Sai\nđơn vị', data: null })
    expect(await setUp().ask()).toMatchObject({
      ok: false,
      code: 'figures-refused',
      detail: 'code ERR: Sai đơn vị',
    })
    post().reply(200, fine({ children: [] }, '200'))
    expect(await setUp().ask()).toMatchObject({ ok: false, code: 'figures-refused' })
    post().reply(200, fine({ children: [] }, '200'))
    expect(await setUp({ ok: ['200'] }).ask()).toMatchObject({ ok: true })
  })

  it('reads page after page, with ids that are numbers and UUIDs', async () => {
    const pages: unknown[] = []
    nock(host)
      .post(`${base}/transparency`)
      .times(3)
      .reply(200, async (request: Request) => {
        const page = await pageOf(request)
        pages.push(page)
        return fine({ overview: { all: 5 }, children: [child(2 * page), child(uuid)].slice(0, page === 2 ? 1 : 2) })
      })
    const reading = await setUp({ firstPage: 0 }).ask()
    expect(reading).toMatchObject({ ok: true, pages: { length: 3 } })
    expect(pages).toEqual([0, 1, 2])
  })

  it('believes a total, and calls what does not agree with it incomplete', async () => {
    const page = fine({ overview: { all: 3 }, children: [child(1), child(2)] })
    // A page that is missing is asked for anew from the first one, three times in all.
    nock(host)
      .post(`${base}/transparency`)
      .times(6)
      .reply(200, async (request: Request) =>
        (await pageOf(request)) === 1 ? page : fine({ overview: { all: 3 }, children: [] }),
      )
    expect(await setUp({ total: 'overview.all' }).ask()).toMatchObject({ ok: false, code: 'figures-incomplete' })
    expect(nock.isDone()).toBe(true)
  })

  it('reads anew what the portal counted anew between two pages', async () => {
    const first = (all: number) => fine({ overview: { all }, children: [child(1), child(2)] })
    post().reply(200, first(3))
    post().reply(200, fine({ overview: { all: 4 }, children: [child(3)] }))
    post().reply(200, first(4))
    post().reply(200, fine({ overview: { all: 4 }, children: [child(3)] }))
    expect(await setUp().ask()).toMatchObject({ ok: true, pages: [{ overview: { all: 4 } }, { overview: { all: 4 } }] })
  })

  it('stops where a report knows no pages, and never reads for ever', async () => {
    post()
      .times(2)
      .reply(200, fine({ children: [child(1), child(2)] }))
    expect(await setUp().ask()).toMatchObject({ ok: true, pages: { length: 1 } })
    let id = 0
    nock(host)
      .post(`${base}/transparency`)
      .times(15)
      .reply(200, () => fine({ children: [child((id += 1)), child((id += 1))] }))
    expect(await setUp().ask()).toMatchObject({ ok: false, code: 'figures-incomplete' })
  })

  it.each([
    ['403', 403, 'text/html', '<html>Your support ID is: <b>123456789</b></html>'],
    ['406', 406, 'text/plain', 'no'],
    ['429', 429, 'text/plain', ''],
    ['503', 503, 'text/plain', ''],
    ['a page under 200', 200, 'text/html', '<html>The requested URL was rejected. Your support ID is: 42-17</html>'],
    ['a page that calls itself JSON', 200, 'application/json', ' <!DOCTYPE html><p>support id: 9999'],
  ])('backs off from the firewall: %s', async (_name, status, type, body) => {
    post().reply(status, body, { 'content-type': type })
    post().reply(200, fine({ children: [] }))
    const { ask } = setUp()
    expect(await ask()).toMatchObject({ ok: true })
    post().times(4).reply(status, body, { 'content-type': type })
    const given = await ask()
    expect(given).toMatchObject({ ok: false, code: 'figures-blocked' })
    expect(nock.isDone()).toBe(true)
    const [, id] = /(\d{9}|42-17|9999)/.exec(body) ?? []
    if (id !== undefined) expect(given).toMatchObject({ detail: expect.stringContaining(id) as string })
  })

  it('waits as long as it is told, but not longer than it may', async () => {
    post().reply(429, '', { 'retry-after': '3600' })
    post().reply(200, fine({ children: [] }))
    const from = performance.now()
    expect(await setUp().ask()).toMatchObject({ ok: true })
    expect(performance.now() - from).toBeGreaterThan(45)
    expect(performance.now() - from).toBeLessThan(1_500)
  })

  it.each([
    ['truncated JSON', '{"code":"OK","data":{"children":[{"depart', 4],
    ['a list', '[]', 1],
    ['no data', '{"code":"OK","data":[]}', 1],
  ])('cannot read %s', async (_name, body, calls) => {
    post().times(calls).reply(200, body, { 'content-type': 'application/json' })
    expect(await setUp().ask()).toMatchObject({ ok: false, code: 'figures-unreadable' })
    expect(nock.isDone()).toBe(true)
  })

  it('follows no redirect and reads no endless answer', async () => {
    post().reply(302, '', { location: 'https://elsewhere.example.invalid/' })
    expect(await setUp().ask()).toMatchObject({ ok: false, code: 'figures-unreadable', detail: 'HTTP 302' })
    post().reply(200, fine({ children: [child('x'.repeat(5_000))] }))
    expect(await setUp({ answerBytes: 1_000 }).ask()).toMatchObject({ ok: false, detail: 'The answer is too long' })
  })

  it('reads no endless row of pages', async () => {
    let id = 0
    post()
      .times(3)
      .reply(200, () => fine({ children: [child((id += 1)), child('x'.repeat(5_000))] }))
    expect(await setUp({ reportSize: 12_000 }).ask()).toMatchObject({ ok: false, detail: 'The report is too long' })
    expect(nock.isDone()).toBe(true)
  })

  const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
  it.each([
    ['words without an end', `{"code":"NO","message":${deep}}`],
    ['lists without an end', `{"code":"OK","data":{"overview":${deep},"children":[1,2]}}`],
    ['a sign that is no text', String.raw`{"code":"OK","data":{"children":[{"name":"a\u0000b"}]}}`],
    ['half a sign', String.raw`{"code":"OK","data":{"children":[{"\ud800":1}]}}`],
  ])('cannot be brought down by %s, and reads on afterwards', async (_name, body) => {
    const { ask } = setUp()
    post().times(2).reply(200, body, { 'content-type': 'application/json' })
    expect(await ask()).toMatchObject({ ok: false, code: 'figures-unreadable' })
    nock.cleanAll()
    post().reply(200, fine({ children: [] }))
    expect(await ask()).toMatchObject({ ok: true })
  })

  it('says so when nothing answers', async () => {
    post()
      .times(4)
      .replyWithError(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }))
    expect(await setUp().ask()).toMatchObject({ ok: false, code: 'figures-unreachable', pages: [] })
  })

  it('keeps the cookies it is given, and drops those that are taken back', async () => {
    const seen: unknown[] = []
    const answer = (cookies: string[]) =>
      nock(host)
        .post(`${base}/transparency`)
        .reply(
          200,
          (request: Request) => {
            seen.push(request.headers.get('cookie'))
            return fine({ children: [] })
          },
          { 'set-cookie': cookies },
        )
    const { ask } = setUp()
    answer(['TS01=abc; Path=/; HttpOnly', 'b=1'])
    await ask()
    answer(['TS01=def; Secure', 'b=; Max-Age=0'])
    await ask()
    answer([])
    await ask()
    expect(seen).toEqual([null, 'TS01=abc; b=1', 'TS01=def'])
  })

  it('makes one call at a time, with a pause between two, whoever asks', async () => {
    const at: number[] = []
    nock(host)
      .post(`${base}/transparency`)
      .times(3)
      .reply(200, () => {
        at.push(performance.now())
        return fine({ children: [] })
      })
    const { ask } = setUp({ pause: [60, 80] })
    await Promise.all([ask(), ask(), ask()])
    expect(at).toHaveLength(3)
    for (const [index, time] of at.slice(1).entries()) expect(time - at[index]!).toBeGreaterThanOrEqual(59)
  })
})
