import { request as httpRequest } from 'node:http'
import { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readSettings } from '../../config/settings.ts'
import { prepareGround, startHouse } from '../../src/main.ts'
import { createKey, type Right } from '../../src/platform/auth.ts'
import { change, startProvince, step, type Province } from '../support/province.ts'

let province: Province
beforeAll(async () => {
  province = await startProvince()
  await province.until(async () => (await province.ground.catalogue.fresh()).national.size > 4000, 'the catalogue')
})
afterAll(() => province?.close())

interface Answered {
  readonly status: number
  readonly body: Record<string, unknown> & { dossier: Record<string, unknown> }
  readonly text: string
}
async function call(method: string, path: string, body?: unknown, key = province.key): Promise<Answered> {
  const answer = await fetch(`${province.house.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  return { status: answer.status, body: JSON.parse(text) as Answered['body'], text }
}
const put = (body: { code: string }) => call('PUT', `/v1/dossiers/${body.code}`, body)
const show = async (code: string) => (await call('GET', `/v1/dossiers/${code}`)).body
/** A change with other fields; the type knows only the code. */
const but = (base: { code: string }, fields: Readonly<Record<string, unknown>>) => ({ ...base, ...fields })
const at = (minutes: number) => new Date(Date.parse('2020-07-03T02:00:00Z') + minutes * 60_000).toISOString()
const creations = async (code: string) => (await province.received()).find((one) => one.code === code)

describe('idempotence', () => {
  it('the same content again is unchanged and costs no delivery', async () => {
    const pushed = change()
    expect((await put(pushed)).body).toMatchObject({ result: 'stored', change: 1 })
    await province.settled()
    // Another order of the fields and another way to write the time are the same content.
    const shuffled = {
      ...Object.fromEntries(Object.entries(pushed).toReversed()),
      receivedAt: '2020-07-03T01:30:00.000Z',
    }
    expect((await put(but(pushed, shuffled))).body).toEqual({ code: pushed.code, result: 'unchanged' })
    expect(await province.push([pushed, pushed])).toMatchObject([{ result: 'unchanged' }, { result: 'unchanged' }])
    expect(await show(pushed.code)).toMatchObject({ dossier: { changes: 1 }, delivery: { state: 'delivered' } })
    await sleep(300)
    expect(await creations(pushed.code)).toMatchObject({ creates: 1, updates: 0 })
  })

  it('backfill, version and time are not content', async () => {
    const pushed = change({ version: 1 })
    await put(pushed)
    expect((await put(but(pushed, { backfill: true, version: 2, changedAt: at(60) }))).body['result']).toBe('unchanged')
  })

  it('an older time is superseded: kept, numbered, not delivered', async () => {
    const newer = change({ changedAt: at(10), status: 'finished' })
    const older = { ...newer, changedAt: at(5), status: 'processing' }
    await put(newer)
    expect((await put(older)).body).toEqual({ code: newer.code, result: 'superseded', change: 2 })
    expect((await put(older)).body).toEqual({ code: newer.code, result: 'unchanged' })
    const shown = await show(newer.code)
    expect(shown).toMatchObject({
      dossier: { status: 'finished', changes: 2, changedAt: at(10) },
      delivery: { wantedChange: 1 },
    })
    expect(shown['changes']).toMatchObject([
      { number: 1, verdict: 'stored' },
      { number: 2, verdict: 'superseded' },
    ])
    expect((await put(but(newer, { changedAt: at(20), summary: 'x' }))).body).toMatchObject({
      result: 'stored',
      change: 3,
    })
  })

  it('the version decides before the time', async () => {
    const second = change({ version: 2, changedAt: at(0) })
    await put(second)
    expect((await put(but(second, { version: 1, changedAt: at(60), summary: 'late' }))).body['result']).toBe(
      'superseded',
    )
    expect((await put(but(second, { version: 3, changedAt: at(-60), summary: 'third' }))).body['result']).toBe('stored')
    expect((await show(second.code)).dossier).toMatchObject({ version: 3, changedAt: at(-60) })
  })

  it('unchanged with a newer time moves the clock, with an older one it does not', async () => {
    const pushed = change({ changedAt: at(0) })
    await put(pushed)
    expect((await put(but(pushed, { changedAt: at(30) }))).body['result']).toBe('unchanged')
    expect((await put(but(pushed, { changedAt: at(10) }))).body['result']).toBe('unchanged')
    expect((await show(pushed.code)).dossier).toMatchObject({ changedAt: at(30), changes: 1 })
    expect((await put(but(pushed, { changedAt: at(20), summary: 'between' }))).body['result']).toBe('superseded')
  })

  it('going back to an earlier content later is a change', async () => {
    const first = change({ changedAt: at(0), summary: 'a' })
    await put(first)
    await put(but(first, { changedAt: at(1), summary: 'b' }))
    expect((await put(but(first, { changedAt: at(2) }))).body).toMatchObject({ result: 'stored', change: 3 })
  })

  it('any order of changes gives what the rules say, and the newest at the end', async () => {
    const codes = [change(), change(), change()].map(({ code }) => code)
    let seed = 7
    const draw = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed % below
    }
    const pushes = Array.from({ length: 700 }, () =>
      change({ code: codes[draw(3)]!, changedAt: at(draw(200)), summary: `s${draw(8)}` }),
    ) as unknown as (Pushed & { code: string })[]
    const ledger = new Map<string, Kept>()
    const expected = pushes.map((pushed) => expectedVerdict(ledger, pushed))
    expect(new Set(expected)).toEqual(new Set(['stored', 'superseded', 'unchanged']))
    const results = await province.push(pushes)
    expect(results.map(({ result }) => result)).toEqual(expected)
    for (const code of codes)
      expect((await show(code)).dossier).toMatchObject({ changedAt: ledger.get(code)!.changedAt })
  })
})

interface Pushed {
  readonly changedAt: string
  readonly summary: string
}
interface Kept extends Pushed {
  /** Contents the ledger holds, superseded ones too. */
  readonly seen: Set<string>
}

/** The rules in their simplest form: what must the ledger say to this change, after all those before it? */
function expectedVerdict(ledger: Map<string, Kept>, { code, changedAt, summary }: Pushed & { code: string }): string {
  const known = ledger.get(code)
  if (known && known.summary === summary) {
    if (known.changedAt < changedAt) ledger.set(code, { ...known, changedAt })
    return 'unchanged'
  }
  const wasSeen = known?.seen.has(summary) ?? false
  const seen = (known?.seen ?? new Set()).add(summary)
  if (known && changedAt < known.changedAt) return wasSeen ? 'unchanged' : 'superseded'
  ledger.set(code, { changedAt, summary, seen })
  return 'stored'
}

describe('status moves', () => {
  it('an illegal move is stored, flagged, and visible', async () => {
    const pushed = change({ status: 'returned', changedAt: at(0) })
    await put(pushed)
    const moved = await put(but(pushed, { status: 'processing', changedAt: at(1) }))
    expect(moved).toMatchObject({ status: 200, body: { result: 'stored', flags: ['illegal-status-move'] } })
    const shown = await show(pushed.code)
    expect(shown).toMatchObject({ dossier: { status: 'processing', flags: ['illegal-status-move'] } })
    expect(shown['changes']).toMatchObject([{ flags: [] }, { flags: ['illegal-status-move'] }])
  })

  it('a legal move and an unmapped word are not flagged', async () => {
    const pushed = change({ status: 'processing', changedAt: at(0) })
    await put(pushed)
    expect((await put(but(pushed, { status: 'finished', changedAt: at(1) }))).body).not.toHaveProperty('flags')
    const odd = await put(but(pushed, { status: 'đang chờ ký', changedAt: at(2) }))
    expect(odd.body).toMatchObject({
      result: 'stored',
      delivery: { state: 'blocked', reason: 'unmapped-status', field: 'status' },
    })
    expect(odd.body).not.toHaveProperty('flags')
  })
})

describe('steps', () => {
  const steps = [step(at(0), 'received'), step(at(5), 'processing')]

  it('known ones are not stored twice, whichever way they come', async () => {
    const pushed = change({ steps: [...steps, steps[0]] })
    expect((await put(pushed)).body).toMatchObject({ steps: { stored: 2, unchanged: 1 } })
    expect((await put(pushed)).body).toMatchObject({ result: 'unchanged', steps: { stored: 0, unchanged: 3 } })
    const again = await call('POST', `/v1/dossiers/${pushed.code}/steps`, {
      steps: [...steps, step(at(6), 'finished')],
    })
    expect(again.body).toMatchObject({ result: 'stored', steps: { stored: 1, unchanged: 2 } })
    expect((await show(pushed.code))['steps']).toHaveLength(3)
  })

  it('wake a delivered lane; known ones do not', async () => {
    const pushed = change({ steps: [steps[0]] })
    await put(pushed)
    await province.settled()
    const path = `/v1/dossiers/${pushed.code}/steps`
    const known = await call('POST', path, { steps: [steps[0]] })
    expect(known.body).toEqual({ code: pushed.code, result: 'unchanged', steps: { stored: 0, unchanged: 1 } })
    expect((await show(pushed.code))['delivery']).toMatchObject({ state: 'delivered' })
    const more = await call('POST', path, { steps: [steps[1]] })
    expect(more.body).toMatchObject({ result: 'stored', delivery: { state: 'waiting' } })
    await province.settled()
    const received = await creations(pushed.code)
    expect(received).toMatchObject({ creates: 1, updates: 0 })
    expect(received?.steps).toHaveLength(2)
  })

  it('one that comes late is flagged and sent all the same', async () => {
    const pushed = change({ steps: [steps[1]] })
    await put(pushed)
    await province.settled()
    await call('POST', `/v1/dossiers/${pushed.code}/steps`, { steps: [steps[0]] })
    expect((await show(pushed.code))['steps']).toMatchObject([{ flags: ['late-step'] }, { flags: [] }])
    await province.settled()
    expect((await creations(pushed.code))?.steps).toHaveLength(2)
  })
})

describe('at the same time', () => {
  it('fifty pushes of one dossier: every one is answered, the newest wins', async () => {
    const base = change()
    const versions = Array.from({ length: 50 }, (_, version) => ({
      ...base,
      version,
      changedAt: at(version),
      summary: `v${version}`,
    }))
    const shuffled = versions.map((one, index) => ({ one, key: (index * 37) % 50 })).sort((a, b) => a.key - b.key)
    const answers = await Promise.all(shuffled.map(({ one }) => put(one)))
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    expect(answers.every(({ body }) => body['result'] === 'stored' || body['result'] === 'superseded')).toBe(true)
    const shown = await show(base.code)
    expect(shown.dossier).toMatchObject({ version: 49, changes: 50, changedAt: at(49) })
    const changes = shown['changes'] as { number: number; version: number }[]
    expect(changes.map(({ number }) => number)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1))
    const newest = changes.find(({ version }) => version === 49)!
    expect(shown['delivery']).toMatchObject({ wantedChange: newest.number })
  })

  it('two requests that create the same dossiers in opposite order', async () => {
    for (let round = 0; round < 5; round += 1) {
      const mine = Array.from({ length: 20 }, () => change())
      const batch = (items: unknown[]) => call('POST', '/v1/dossiers/batch', items)
      const answers = await Promise.all([batch(mine), batch(mine.toReversed()), batch(mine)])
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
      const results = answers.flatMap(({ body }) => body['results'] as { code: string; result: string }[])
      for (const { code } of mine)
        expect(
          results
            .filter((one) => one.code === code)
            .map(({ result }) => result)
            .sort(),
        ).toEqual(['stored', 'unchanged', 'unchanged'])
    }
  })
})

describe('a stream', () => {
  it('of 2,000 lines gives 2,000 results, in order, with the right numbers', async () => {
    // Four transactions' worth.
    const lines = Array.from({ length: 2000 }, (_, index) =>
      index % 10 === 9 ? '{"bad":1}' : change({ backfill: true }),
    )
    const results = await province.push(lines)
    expect(results.map(({ line }) => line)).toEqual(lines.map((_, index) => index + 1))
    expect(results.map(({ code, result }) => [code, result])).toEqual(
      lines.map((line) => (typeof line === 'string' ? [null, 'refused'] : [line.code, 'stored'])),
    )
  })

  it('does not hang for a client that writes 20,000 lines before it reads one', async () => {
    // Refused lines give the largest answers and the least work.
    const line = `${JSON.stringify({ ...change(), a: 1, b: 2, c: 3, d: 4, e: 5 })}\n`
    const request = httpRequest(`${province.house.url}/v1/dossiers/stream`, {
      method: 'POST',
      headers: { authorization: `Bearer ${province.key}`, 'content-type': 'application/x-ndjson' },
    })
    const answer = new Promise<import('node:http').IncomingMessage>((resolve, reject) =>
      request.on('response', resolve).on('error', reject),
    )
    void answer.then((response) => response.pause())
    for (let sent = 0; sent < 20_000; sent += 500)
      await new Promise<void>((resolve, reject) =>
        request.write(line.repeat(500), (error) => (error ? reject(error) : resolve())),
      )
    await new Promise<void>((resolve) => request.end(resolve))
    let count = 0
    for await (const chunk of await answer) for (const byte of chunk as Buffer) if (byte === 10) count += 1
    expect(count).toBe(20_000)
  })

  it('answers while lines still arrive', async () => {
    const request = httpRequest(`${province.house.url}/v1/dossiers/stream`, {
      method: 'POST',
      headers: { authorization: `Bearer ${province.key}`, 'content-type': 'application/x-ndjson' },
    })
    const first = new Promise<string>((resolve, reject) =>
      request
        .on('error', reject)
        .on('response', (response) => response.once('data', (data: Buffer) => resolve(data.toString()))),
    )
    request.write(Array.from({ length: 500 }, () => `${JSON.stringify(change({ backfill: true }))}\n`).join(''))
    try {
      // A client may well send the next lines only after it has seen these answers.
      expect(await Promise.race([first, sleep(5000, 'no answer')])).toContain('"result":"stored"')
    } finally {
      request.end()
    }
  })
})

describe('personal data', () => {
  const name = 'Nguyễn Thị Riêng Tư'
  const texts = { summary: `Đơn của ${name}`, note: name, otherInformation: name, returnNote: name }
  const personal = () =>
    change({
      ...texts,
      owner: { type: 'citizen', name, idNumber: '062888777666', email: 'rieng.tu@example.vn', phone: '0905123321' },
      papers: [{ name: `CCCD của ${name}` }],
      results: [{ name: `Kết quả của ${name}` }],
      fees: [{ name: `Lệ phí của ${name}`, amount: 1 }],
      otherAttachments: [{ name: `Ảnh của ${name}`, quantity: 1 }],
      supplements: [{ id: '1', requestedBy: 'Cán bộ', content: name, requestedAt: at(0) }],
      steps: [step(at(0), 'received', `Nhận của ${name}`)],
    })
  const keyWith = async (rights: Right[]) =>
    (await createKey(province.ground.sql, { name: 'reader', source: 'one-stop', rights, agencies: ['*'], by: 'test' }))
      .key
  const readings = (code: string) =>
    province.ground.sql`select actor from audit where action = 'personal-data.read' and subject = ${code}`

  it('is shown only on request, with the right, and on the record', async () => {
    const pushed = personal()
    await put(pushed)
    await province.settled()
    const plain = await call('GET', `/v1/dossiers/${pushed.code}`)
    for (const word of [name, 'Riêng Tư', '062888777666', 'rieng.tu', '0905123321'])
      expect(plain.text).not.toContain(word)
    expect(plain.body.dossier).toMatchObject({ code: pushed.code, procedureCode: '1.000010' })
    const path = `/v1/dossiers/${pushed.code}?personal=true`
    expect(await call('GET', path, undefined, await keyWith(['dossiers:read']))).toMatchObject({
      status: 403,
      body: { code: 'missing-right' },
    })
    expect(await call('GET', path, undefined, await keyWith(['personal:read']))).toMatchObject({ status: 403 })
    expect(await readings(pushed.code)).toHaveLength(0)
    const key = await keyWith(['dossiers:read', 'personal:read'])
    const full = await call('GET', path, undefined, key)
    expect(full.body['changes']).toMatchObject([{ content: { owner: { name }, ...texts } }])
    expect(full.body['steps']).toMatchObject([{ content: { content: `Nhận của ${name}` } }])
    expect(await readings(pushed.code)).toEqual([{ actor: `key:${key.split('_')[1]}` }])
  })

  it('stands in no column of the ledger in clear', async () => {
    const pushed = personal()
    await put(pushed)
    await province.settled()
    const { sql } = province.ground
    const tables = await sql<{ name: string }[]>`
      select quote_ident(table_name) as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`
    expect(tables.length).toBeGreaterThan(15)
    const words = [name, 'Riêng Tư', '062888777666', 'rieng.tu@example.vn', '0905123321']
    // `sql`'s own code of a plain text row shows the search itself works.
    expect(await rowsWith(sql, 'dossiers', pushed.code)).toBe(1)
    for (const table of tables) for (const word of words) expect(await rowsWith(sql, table.name, word)).toBe(0)
    const sealed = await sql<{ content: Buffer }[]>`
      select c.content from changes c join dossiers d on d.id = c.dossier_id where d.code = ${pushed.code}
      union all select s.content from steps s join dossiers d on d.id = s.dossier_id where d.code = ${pushed.code}
      union all select request from exchange_bodies
      union all select response from exchange_bodies`
    expect(sealed.length).toBeGreaterThan(3)
    for (const { content } of sealed) for (const word of words) expect(content.includes(word)).toBe(false)
  })

  async function rowsWith(sql: Province['ground']['sql'], table: string, word: string): Promise<number> {
    const [row] = await sql.unsafe<{ count: number }[]>(
      `select count(*)::int as count from ${table} t where position($1 in t::text) > 0`,
      [word],
    )
    return row!.count
  }

  it('stands in no line of the log, not even when things fail', async () => {
    const lines: string[] = []
    const log = pino(
      { level: 'trace' },
      new Writable({ write: (chunk: Buffer, _, done) => done(void lines.push(chunk.toString())) }),
    )
    // A second house on the same ledger; its logger redacts nothing, so whatever is handed to the log shows.
    const settings = readSettings({ ...province.environment, ROLES: 'api' }, () => '')
    const ground = await prepareGround(settings, { log })
    const house = await startHouse(ground)
    try {
      const headers = { authorization: `Bearer ${province.key}`, 'content-type': 'application/json' }
      const send = (method: string, path: string, body?: string, more = {}) =>
        fetch(`${house.url}${path}`, {
          method,
          headers: { ...headers, ...more },
          ...(body === undefined ? {} : { body }),
        }).then((answer) => answer.text())
      const pushed = personal()
      await send('PUT', `/v1/dossiers/${pushed.code}`, JSON.stringify(pushed))
      await send('PUT', `/v1/dossiers/${pushed.code}`, JSON.stringify({ ...pushed, unknown: name }))
      await send('PUT', `/v1/dossiers/${pushed.code}`, JSON.stringify(pushed).slice(0, -5))
      await send('POST', '/v1/dossiers/stream', `${JSON.stringify(pushed)}\n{"owner":"${name}`, {
        'content-type': 'application/x-ndjson',
      })
      await send('GET', `/v1/dossiers/${encodeURIComponent(name)}`)
      await send('GET', `/v1/${encodeURIComponent(name)}?q=${encodeURIComponent(name)}`)
      // The ledger refuses the row and says which: a fault of ours, logged as an error.
      await ground.sql`alter table changes add constraint refused check (number < 2) not valid`
      const renewed = JSON.stringify({ ...pushed, changedAt: '2026-07-03T10:00:00+07:00', summary: `${name} lần hai` })
      expect(await send('PUT', `/v1/dossiers/${pushed.code}`, renewed)).toContain('"code":"internal"')
    } finally {
      await ground.sql`alter table changes drop constraint refused`
      await house.close()
    }
    const text = lines.join('')
    expect(text).toContain('A request failed')
    for (const word of [name, 'Riêng', encodeURIComponent(name), '062888777666', 'rieng.tu', province.key.slice(19)])
      expect(text).not.toContain(word)
  })
})

it('/docs/json is OpenAPI 3.1 and holds the routes', async () => {
  const { status, body } = await call('GET', '/docs/json')
  expect(status).toBe(200)
  expect(body['openapi']).toMatch(/^3\.1\./)
  const paths = body['paths'] as Record<string, Record<string, unknown>>
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  )
  expect(routes).toEqual(
    expect.arrayContaining([
      'put /v1/dossiers/{code}',
      'get /v1/dossiers/{code}',
      'post /v1/dossiers/batch',
      'post /v1/dossiers/stream',
      'post /v1/dossiers/{code}/steps',
      'get /health/ready',
    ]),
  )
  expect(paths['/v1/dossiers/{code}']?.['put']).toMatchObject({
    requestBody: expect.anything(),
    responses: { 200: expect.anything(), 422: expect.anything() },
  })
  expect(JSON.stringify(paths)).toContain('procedureCode')
})
