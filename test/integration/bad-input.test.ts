import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { Readable } from 'node:stream'
import { assert, asyncProperty, constantFrom, jsonValue, record } from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { failures, type FailureCode } from '../../config/failures.ts'
import { createKey, revokeKey, type Right } from '../../src/platform/auth.ts'
import { change, startProvince, step, type Province } from '../support/province.ts'

let province: Province
beforeAll(async () => {
  province = await startProvince({ settings: { ROLES: 'api' } })
})
afterAll(() => province?.close())

/** Stands for personal data: no answer may ever repeat it. */
const secret = 'Trần Thị Bí Mật 062999123456'

interface Sent {
  readonly method?: string
  readonly path: string
  readonly body?: string | Uint8Array | Readable
  readonly type?: string | null
  readonly key?: string | null
}

async function send({ method = 'POST', path, body, type = 'application/json', key = province.key }: Sent) {
  const headers: Record<string, string> = {}
  if (type !== null) headers['content-type'] = type
  if (key !== null) headers['authorization'] = `Bearer ${key}`
  const answer = await fetch(`${province.house.url}${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: body instanceof Readable ? Readable.toWeb(body) : body, duplex: 'half' }),
  })
  return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() }
}

const put = (code: string, body: unknown, options: Partial<Sent> = {}) =>
  send({ method: 'PUT', path: `/v1/dossiers/${encodeURIComponent(code)}`, body: JSON.stringify(body), ...options })

/** The answer is a complete problem document of this code, in both languages, that repeats nothing personal. */
function expectProblem(answer: Awaited<ReturnType<typeof send>>, code: FailureCode, field?: string) {
  expect(answer.text).not.toContain('Bí Mật')
  expect(answer.text).not.toContain('062999123456')
  expect(answer.type).toMatch(/^application\/problem\+json(;|$)/)
  const document = JSON.parse(answer.text) as Record<string, unknown>
  expect(document).toMatchObject({
    type: `urn:dvcqg-adapter:problem:${code}`,
    status: answer.status,
    code,
    title: failures[code].en.cause,
    cause: { vi: failures[code].vi.cause, en: failures[code].en.cause },
    next: { vi: failures[code].vi.next, en: failures[code].en.next },
    requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
  })
  expect(answer.status).toBe(failures[code].status)
  if (field !== undefined) expect(document['field']).toBe(field)
  return document
}

type Line = {
  line: number
  code: string | null
  result: string
  findings?: { code: string; field?: string; detail: string }[]
}
async function stream(body: string | Uint8Array | Readable, key = province.key): Promise<Line[]> {
  const answer = await send({ path: '/v1/dossiers/stream', body, type: 'application/x-ndjson', key })
  expect(answer.status).toBe(200)
  expect(answer.text).not.toContain('Bí Mật')
  return answer.text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line)
}

const known = async (code: string) =>
  (await province.ground.sql`select 1 from dossiers where code = ${code}`).length === 1

const keyWith = async (wish: { rights?: Right[]; agencies?: string[] }) =>
  createKey(province.ground.sql, {
    name: 'narrow',
    source: 'one-stop',
    rights: wish.rights ?? ['dossiers:write', 'dossiers:read'],
    agencies: wish.agencies ?? ['*'],
    by: 'test',
  })

const owner = (fields: object) => ({ owner: { type: 'citizen', name: secret, ...fields } })
const wrongFields: [string, Record<string, unknown>, FailureCode, string][] = [
  ['an unknown field', { ngayTiepNhan: secret }, 'unknown-field', 'ngayTiepNhan'],
  ['an unknown field inside', owner({ age: secret }), 'unknown-field', 'owner.age'],
  ['a missing field', { procedureCode: undefined }, 'missing-field', 'procedureCode'],
  ['a missing time', { changedAt: undefined }, 'missing-field', 'changedAt'],
  ['null for a text', { summary: null }, 'invalid-field', 'summary'],
  ['a number for a text', { procedureCode: 5 }, 'invalid-field', 'procedureCode'],
  ['a text for an object', { owner: secret }, 'invalid-field', 'owner'],
  ['an array for an object', { owner: [secret] }, 'invalid-field', 'owner'],
  ['an object for an array', { papers: { 0: secret } }, 'invalid-field', 'papers'],
  ['a text for a boolean', { verifiedWithVneid: 'true' }, 'invalid-field', 'verifiedWithVneid'],
  ['an unknown word', { channel: secret }, 'invalid-field', 'channel'],
  ['a blank status', { status: '  ' }, 'invalid-field', 'status'],
  ['30 February', { receivedAt: '2020-02-30T08:00:00+07:00' }, 'invalid-field', 'receivedAt'],
  ['29 February of a common year', { receivedAt: '2021-02-29T08:00:00+07:00' }, 'invalid-field', 'receivedAt'],
  ['25 o’clock', { receivedAt: '2020-02-03T25:00:00+07:00' }, 'invalid-field', 'receivedAt'],
  ['an offset of 30 hours', { receivedAt: '2020-02-03T05:00:00+30:00' }, 'invalid-field', 'receivedAt'],
  ['no offset', { receivedAt: '2020-02-03T05:00:00' }, 'invalid-field', 'receivedAt'],
  ['a bare date', { receivedAt: '2020-02-03' }, 'invalid-field', 'receivedAt'],
  ['a Vietnamese date', { receivedAt: '03/02/2020 08:00:00' }, 'invalid-field', 'receivedAt'],
  ['the portal’s digits', { receivedAt: '20200203080000' }, 'invalid-field', 'receivedAt'],
  ['a number of milliseconds', { receivedAt: 1_580_000_000_000 }, 'invalid-field', 'receivedAt'],
  ['the year 9999', { promisedAt: '9999-12-31T23:59:59+07:00' }, 'invalid-field', 'promisedAt'],
  ['the year 275760', { promisedAt: '+275760-09-13T00:00:00Z' }, 'invalid-field', 'promisedAt'],
  ['the year 1', { receivedAt: '0001-01-01T00:00:00+07:00' }, 'invalid-field', 'receivedAt'],
  [
    'a change of tomorrow',
    { changedAt: new Date(Date.now() + 86_400_000).toISOString() },
    'invalid-field',
    'changedAt',
  ],
  ['received tomorrow', { receivedAt: new Date(Date.now() + 86_400_000).toISOString() }, 'invalid-field', 'receivedAt'],
  [
    'a step of tomorrow',
    {
      steps: [
        step('2020-07-03T09:00:00Z', 'received'),
        step(new Date(Date.now() + 86_400_000).toISOString(), 'finished'),
      ],
    },
    'invalid-field',
    'steps[1].at',
  ],
  ['NUL in a text', { summary: `${secret}\u0000` }, 'invalid-field', 'summary'],
  ['NUL in a status word', { status: 'đang\u0000xử lý' }, 'invalid-field', 'status'],
  ['NUL in a procedure code', { procedureCode: '1.00\u00000010' }, 'invalid-field', 'procedureCode'],
  ['NUL in an agency code', { agencyCode: 'H34\u0000' }, 'invalid-field', 'agencyCode'],
  ['NUL in an identity', owner({ idNumber: '\u0000' }), 'invalid-field', 'owner.idNumber'],
  ['a lone surrogate in a name', owner({ name: `${secret}\ud800` }), 'invalid-field', 'owner.name'],
  ['a lone surrogate in a procedure code', { procedureCode: '\udc00' }, 'invalid-field', 'procedureCode'],
  ['a lone surrogate in an agency code', { agencyCode: 'H34\udc00' }, 'invalid-field', 'agencyCode'],
  [
    'NUL in a step',
    { steps: [step('2020-07-03T09:00:00Z', 'received', '\u0000')] },
    'invalid-field',
    'steps[0].content',
  ],
  ['a javascript link', { papers: [{ name: 'Đơn', url: 'javascript:alert(1)' }] }, 'invalid-field', 'papers[0].url'],
  ['a negative fee', { fees: [{ name: 'Lệ phí', amount: -1 }] }, 'invalid-field', 'fees[0].amount'],
  ['a fee with fractions', { fees: [{ name: 'Lệ phí', amount: 0.5 }] }, 'invalid-field', 'fees[0].amount'],
  ['a huge fee', { fees: [{ name: 'Lệ phí', amount: 1e300 }] }, 'invalid-field', 'fees[0].amount'],
  ['a version past 2^53', { version: 2 ** 53 }, 'invalid-field', 'version'],
  ['a negative version', { version: -1 }, 'invalid-field', 'version'],
  ['10,000 papers', { papers: Array.from({ length: 10_000 }, () => ({ name: 'Đơn' })) }, 'invalid-field', 'papers'],
  [
    '1,001 steps',
    { steps: Array.from({ length: 1001 }, () => step('2020-07-03T09:00:00Z', 'received')) },
    'invalid-field',
    'steps',
  ],
]

describe('signs that the ledger cannot hold', () => {
  it.each([
    '/v1/dossiers?agency=%00',
    '/v1/reports/sync-rate?procedure=%00',
    '/v1/reports/sync-rate?from=0000-01-01',
    '/v1/reconciliation/discrepancies?agency=%00',
  ])('are refused in an address: %s', async (path) => {
    expectProblem(await send({ method: 'GET', path, type: null }), 'invalid-field')
  })

  it.each([
    ['/v1/reconciliation/runs', String.raw`{"agency":"\ud800"}`],
    ['/v1/reconciliation/runs', String.raw`{"agency":"\u0000"}`],
    [
      '/v1/reconciliation/discrepancies/resolve',
      String.raw`{"act":"ignore","why":"x","filter":{"field":"\ud800"},"preview":true}`,
    ],
  ])('are refused in a body: %s %s', async (path, body) => {
    expectProblem(await send({ path, body }), 'invalid-field')
  })

  it('are refused in what is said of a register', async () => {
    const path = '/v1/reconciliation/registers?name=a%00b'
    expectProblem(await send({ path, body: '{"code":"H34-1"}', type: 'application/x-ndjson' }), 'invalid-field')
  })
})

describe('a field that is wrong', () => {
  it.each(wrongFields)('%s is refused by PUT, by name', async (_name, fields, code, field) => {
    const bad = change({ ...owner({}), ...fields })
    const document = expectProblem(await put(bad.code, bad), code, field)
    expect(document['findings']).toEqual(expect.arrayContaining([expect.objectContaining({ code, field })]))
    expect(await known(bad.code)).toBe(false)
  })

  it('is refused in a stream line by line, and all good neighbours are stored', async () => {
    const bad = wrongFields.map(([, fields]) => change({ ...owner({}), ...fields }))
    const good = wrongFields.map(() => change())
    const results = await stream(
      bad
        .flatMap((one, index) => [one, good[index]!])
        .map((one) => `${JSON.stringify(one)}\n`)
        .join(''),
    )
    expect(results).toHaveLength(bad.length * 2)
    for (const [index, [, , code, field]] of wrongFields.entries()) {
      const refused = results[index * 2]!
      expect(refused).toMatchObject({ line: index * 2 + 1, code: bad[index]!.code, result: 'refused' })
      expect(refused.findings).toEqual(expect.arrayContaining([expect.objectContaining({ code, field })]))
      expect(results[index * 2 + 1]).toMatchObject({
        line: index * 2 + 2,
        code: good[index]!.code,
        result: 'stored',
      })
    }
  })

  it('numbers that are not numbers in JSON are refused, huge ones too', async () => {
    const text = JSON.stringify(change({ version: 'V' }))
    for (const number of ['NaN', 'Infinity', '01', '+1', '0x10'])
      expect((await stream(text.replace('"V"', number)))[0]).toMatchObject({
        result: 'refused',
        findings: [{ code: 'malformed-json' }],
      })
    for (const number of ['1e400', '-1e400', '1e-400000', '9'.repeat(5000), '12345678901234567890', '1.5'])
      expect(['refused', 'stored']).toContain((await stream(text.replace('"V"', number)))[0]?.result)
    expect((await stream(text.replace('"V"', '1e400')))[0]).toMatchObject({
      result: 'refused',
      findings: [{ field: 'version' }],
    })
  })

  it('__proto__, constructor and prototype keys change nothing and are refused as unknown', async () => {
    for (const key of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']) {
      const good = change()
      const text = JSON.stringify(good).replace('{', `{${JSON.stringify(key)}:{"polluted":true,"isAdmin":true},`)
      const [line] = await stream(text)
      expect(line).toMatchObject({
        code: good.code,
        result: 'refused',
        findings: [{ code: 'unknown-field', field: key }],
      })
      expectProblem(await put(good.code, null, { body: text }), 'unknown-field', key)
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  it('deep nesting is refused without breaking the process', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    const good = change()
    const results = await stream(
      `{"code":"x","owner":${deep}}\n${deep}\n${'{"a":'.repeat(100_000)}\n${JSON.stringify(good)}\n`,
    )
    expect(results.map(({ result }) => result)).toEqual(['refused', 'refused', 'refused', 'stored'])
    expectProblem(await put('deep', null, { body: `{"summary":${deep}}` }), 'missing-field')
  })
})

describe('a code that is wrong', () => {
  it.each([
    ['a space', 'H34 001'],
    ['NUL', 'H34\u0000'],
    ['a lone surrogate', 'H34\ud800'],
    ['a line end', 'H34\n'],
    ['an invisible character', 'H34\u200b'],
    ['nothing', ''],
    ['101 characters', 'x'.repeat(101)],
    ['a number', 12],
  ])('%s', async (_name, code) => {
    const [line] = await stream(JSON.stringify({ ...change(), code }))
    expect(line?.result).toBe('refused')
    expect(line?.findings?.[0]).toMatchObject({ code: 'invalid-field', field: 'code' })
  })

  it.each(['%00', 'H34%00', 'a%20b', '%0A', '%E2%80%8B', 'x'.repeat(101)])('%s in the address', async (encoded) => {
    for (const [method, path] of [
      ['PUT', ''],
      ['GET', ''],
      ['POST', '/steps'],
    ] as const)
      expectProblem(
        await send({
          method,
          path: `/v1/dossiers/${encoded}${path}`,
          ...(method === 'GET' ? { type: null } : { body: '{"steps":[]}' }),
        }),
        'invalid-field',
      )
  })

  it.each(['%', '%E0%A4%A', '%ff', '%C3%28', '%ff'.repeat(90)])(
    '%s, which is not an address, in a problem document',
    async (encoded) => {
      const answer = await send({ method: 'PUT', path: `/v1/dossiers/${encoded}`, body: '{}' })
      expect(answer.type).toMatch(/^application\/problem\+json(;|$)/)
      expect(answer.status).toBeGreaterThanOrEqual(400)
      expect(answer.status).toBeLessThan(500)
      expect(answer.text).not.toContain(encoded)
    },
  )

  it.each([
    'a/b',
    'a?b',
    'a#b',
    '100%',
    'a%2Fb',
    'Hồ-sơ/2020',
    'ắ'.repeat(100),
    'a+b',
    'a\'b"c;--',
    '😀',
    'batch',
    'stream',
  ])('the odd but allowed code %s comes and goes', async (code) => {
    expect(await put(code, { ...change(), code })).toMatchObject({ status: 200 })
    const shown = await send({ method: 'GET', path: `/v1/dossiers/${encodeURIComponent(code)}`, type: null })
    expect(shown.status).toBe(200)
    expect(JSON.parse(shown.text)).toMatchObject({ dossier: { code } })
  })

  it('another code in the body than in the address', async () => {
    const other = change()
    expectProblem(await put('not-that-one', other), 'invalid-field', 'code')
    expect(await known(other.code)).toBe(false)
    expect(await known('not-that-one')).toBe(false)
  })

  it('the same code twice in one batch counts only when the later one is newer', async () => {
    const base = change({ changedAt: '2020-07-03T09:00:00+07:00', summary: 'first' })
    const again = (changedAt: string, summary: string) => ({ ...base, changedAt, summary })
    const answer = await send({
      path: '/v1/dossiers/batch',
      body: JSON.stringify([
        base,
        again('2020-07-03T08:00:00+07:00', 'older'),
        again('2020-07-03T02:00:00Z', 'equal'),
        again('2020-07-03T10:00:00+07:00', 'newer'),
        again('2020-07-03T09:30:00+07:00', 'between'),
      ]),
    })
    const { results } = JSON.parse(answer.text) as { results: Line[] }
    expect(results.map(({ result, findings }) => findings?.[0]?.code ?? result)).toEqual([
      'stored',
      'duplicate-in-batch',
      'duplicate-in-batch',
      'stored',
      'duplicate-in-batch',
    ])
    expect(results[4]!.findings![0]!.detail).toContain('position 3')
  })
})

describe('a body that is wrong', () => {
  const routes = [
    ['PUT', '/v1/dossiers/some-code'],
    ['POST', '/v1/dossiers/batch'],
    ['POST', '/v1/dossiers/some-code/steps'],
  ] as const
  const bodies: [string, string | Uint8Array | undefined, FailureCode][] = [
    ['empty', '', 'malformed-json'],
    ['half', `{"owner":{"name":"${secret}`, 'malformed-json'],
    ['no JSON', secret, 'malformed-json'],
    ['words that look like an error text', 'position 062999123456', 'malformed-json'],
    ['a personal value before the error', `{"a":"position 062999123456"x}`, 'malformed-json'],
    [
      'broken UTF-8',
      Buffer.concat([Buffer.from('{"code":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]),
      'broken-utf8',
    ],
    [
      'UTF-8 of a surrogate',
      Buffer.concat([Buffer.from('{"code":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
      'broken-utf8',
    ],
    ['UTF-16', Buffer.from('{"code":"x"}', 'utf16le'), 'malformed-json'],
    ['a number', '5', 'invalid-field'],
    ['null', 'null', 'invalid-field'],
    ['a text', `"${secret}"`, 'invalid-field'],
  ]
  for (const [method, path] of routes)
    it.each(bodies)(`${method} ${path}: %s`, async (_name, body, code) => {
      expectProblem(await send({ method, path, ...(body === undefined ? {} : { body }) }), code)
    })

  it('no body and no type', async () => {
    for (const [method, path] of routes) expectProblem(await send({ method, path, type: null }), 'invalid-field')
  })

  it('an array for an object, an object for an array', async () => {
    expectProblem(await send({ method: 'PUT', path: routes[0][1], body: '[]' }), 'invalid-field')
    expectProblem(await send({ path: routes[1][1], body: '{}' }), 'invalid-field')
    expectProblem(await send({ path: routes[2][1], body: '[]' }), 'invalid-field')
  })

  it('10,000 elements in a batch: refused as a whole, nothing stored', async () => {
    const items = Array.from({ length: 10_000 }, () => change())
    expectProblem(await send({ path: '/v1/dossiers/batch', body: JSON.stringify(items) }), 'too-many-items')
    expect(await known(items[0]!.code)).toBe(false)
  })

  it('elements of a batch that are no objects are refused one by one', async () => {
    const good = change()
    const answer = await send({
      path: '/v1/dossiers/batch',
      body: JSON.stringify([null, 5, secret, [], [good], {}, good]),
    })
    expect(answer.text).not.toContain('Bí Mật')
    const { results } = JSON.parse(answer.text) as { results: Line[] }
    expect(results.map(({ result }) => result)).toEqual([...Array.from({ length: 6 }, () => 'refused'), 'stored'])
  })

  it('a body over the limit', async () => {
    expectProblem(await put('big', { summary: 'x'.repeat(1024 * 1024) }), 'payload-too-large')
    expectProblem(
      await send({ path: '/v1/dossiers/big/steps', body: `["${'x'.repeat(1024 * 1024)}"]` }),
      'payload-too-large',
    )
  })

  it.each(['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'nonsense', 'application/jsonp'])(
    'content type %s',
    async (type) => {
      for (const [method, path] of routes)
        expectProblem(await send({ method, path, body: '{}', type }), 'unsupported-media-type')
      expectProblem(await send({ path: '/v1/dossiers/stream', body: '{}', type }), 'unsupported-media-type')
    },
  )

  it('JSON sent to the stream', async () => {
    expectProblem(await send({ path: '/v1/dossiers/stream', body: JSON.stringify(change()) }), 'unsupported-media-type')
  })

  it('an unknown route or method', async () => {
    expectProblem(await send({ path: `/v1/${encodeURIComponent('Bí Mật')}`, body: '{}' }), 'not-found')
    expectProblem(await send({ method: 'DELETE', path: '/v1/dossiers/some-code', type: null }), 'not-found')
    expectProblem(await send({ method: 'GET', path: '/', type: null }), 'not-found')
    expectProblem(await send({ method: 'GET', path: '/v1/dossiers/never-pushed', type: null }), 'not-found')
  })

  it('steps that are wrong: of tomorrow, unknown fields, none, of an unknown dossier', async () => {
    const good = change()
    await province.push([good])
    const steps = (list: unknown, code = good.code) =>
      send({ path: `/v1/dossiers/${code}/steps`, body: JSON.stringify({ steps: list }) })
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString()
    expectProblem(await steps([]), 'invalid-field')
    expectProblem(await steps([{ ...step('2020-07-03T09:00:00Z', 'received'), note: secret }]), 'unknown-field')
    expectProblem(await steps([step('2020-07-03T09:00:00Z', 'received', '\u0000')]), 'invalid-field')
    expectProblem(await steps([step('2020-07-03T09:00:00Z', 'received')], 'never-pushed'), 'not-found')
    expectProblem(await steps([step(tomorrow, 'finished')]), 'invalid-field', 'steps[0].at')
  })
})

describe('a key that is wrong', () => {
  const routes = [
    'PUT /v1/dossiers/k',
    'POST /v1/dossiers/batch',
    'POST /v1/dossiers/stream',
    'POST /v1/dossiers/k/steps',
    'GET /v1/dossiers/k',
  ]
  const withKey = async (key: string | null, code: FailureCode) => {
    for (const route of routes) {
      const [method, path] = route.split(' ') as [string, string]
      const type = path.endsWith('stream') ? 'application/x-ndjson' : method === 'GET' ? null : 'application/json'
      const body = path.endsWith('steps') ? JSON.stringify({ steps: [step('2020-07-03T09:00:00Z', 'received')] }) : '{}'
      const answer = await send({ method, path, type, key, ...(method === 'GET' ? {} : { body }) })
      if (key && key.length > 40) expect(answer.text).not.toContain(key)
      expectProblem(answer, code)
    }
  }
  it('missing', () => withKey(null, 'missing-key'))
  it('garbled', async () => {
    const last = province.key.at(-1) === 'A' ? 'B' : 'A'
    for (const key of [
      'x',
      'dvcqg_',
      `${province.key}x`,
      province.key.replace('dvcqg', 'DVCQG'),
      `${province.key.slice(0, 20)}${last}${province.key.slice(21)}`,
      `dvcqg_000000000000_${'A'.repeat(43)}`,
    ])
      await withKey(key, 'invalid-key')
  })
  it('with a secret of another key', async () => {
    const other = await keyWith({})
    const [, id] = province.key.split('_')
    await withKey(`dvcqg_${id}_${other.key.slice(19)}`, 'invalid-key')
  })
  it('revoked', async () => {
    const { id, key } = await keyWith({})
    await revokeKey(province.ground.sql, id, 'test')
    await withKey(key, 'invalid-key')
  })
  it('without the right', async () => {
    await withKey(
      (await keyWith({ rights: ['reports:read', 'personal:read', 'deliveries:resend'] })).key,
      'missing-right',
    )
  })

  it('for another agency: neither new dossiers nor those of others', async () => {
    const { key } = await keyWith({ agencies: ['H34.02'] })
    const theirs = change({ summary: 'before' })
    const own = change({ agencyCode: 'H34.02' })
    await province.push([theirs])
    const taken = { ...theirs, agencyCode: 'H34.02', summary: 'after', changedAt: '2020-08-01T00:00:00Z' }
    expectProblem(await put(theirs.code, theirs, { key }), 'agency-out-of-scope', 'agencyCode')
    expectProblem(await put(theirs.code, taken, { key }), 'agency-out-of-scope', 'agencyCode')
    const steps = JSON.stringify({ steps: [step('2020-07-03T09:00:00Z', 'received')] })
    expectProblem(await send({ path: `/v1/dossiers/${theirs.code}/steps`, body: steps, key }), 'agency-out-of-scope')
    expectProblem(await send({ method: 'GET', path: `/v1/dossiers/${theirs.code}`, type: null, key }), 'not-found')
    const results = await stream([change(), taken, own].map((one) => JSON.stringify(one)).join('\n'), key)
    expect(results.map(({ result, findings }) => findings?.[0]?.code ?? result)).toEqual([
      'agency-out-of-scope',
      'agency-out-of-scope',
      'stored',
    ])
    const [row] = await province.ground
      .sql`select agency_code as agency, changes from dossiers where code = ${theirs.code}`
    expect(row).toEqual({ agency: 'H34.01', changes: 1 })
    expect(
      (
        await province.ground
          .sql`select 1 from steps s join dossiers d on d.id = s.dossier_id where d.code = ${theirs.code}`
      ).length,
    ).toBe(0)
  })
})

/** Sends the head and the first bytes of a body that never ends; what does the server answer meanwhile? */
async function answerBeforeTheEnd(path: string, headers: Record<string, string>): Promise<number | 'no answer'> {
  const request = httpRequest(`${province.house.url}${path}`, {
    method: 'POST',
    headers: { ...headers, 'transfer-encoding': 'chunked' },
  })
  request.on('error', () => undefined)
  request.write('[')
  try {
    const [answer] = (await once(request, 'response', { signal: AbortSignal.timeout(1500) })) as [
      { statusCode: number },
    ]
    return answer.statusCode
  } catch {
    return 'no answer'
  } finally {
    request.destroy()
  }
}

describe('a sender that must not be listened to', () => {
  it.each(['/v1/dossiers/batch', '/v1/reconciliation/runs', '/v1/reconciliation/registers', '/v1/procedures/local'])(
    'without a key: refused before a large body is collected in memory: %s',
    async (path) => {
      expect(await answerBeforeTheEnd(path, { 'content-type': 'application/json' })).toBe(401)
    },
  )
  it('a body of nothing but brackets: refused before it is made into values, each of which is larger', async () => {
    const body = `[${'[],'.repeat(4_200_000)}[]]`
    expectProblem(await send({ path: '/v1/dossiers/batch', body }), 'payload-too-large')
  })
  it('JSON of any size to the stream route: refused before it is collected in memory', async () => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${province.key}` }
    expect([413, 415]).toContain(await answerBeforeTheEnd('/v1/dossiers/stream', headers))
  })
})

describe('a stream of lines that is wrong', () => {
  it('half a last line, blank lines, CRLF, a byte order mark: numbers stay right', async () => {
    const [one, two, three] = [change(), change(), change()]
    const half = JSON.stringify(change()).slice(0, 50)
    const results = await stream(
      `\uFEFF${JSON.stringify(one)}\r\n\r\n \t\n${JSON.stringify(two)}\n\n${secret}\n${JSON.stringify(three)}\r\n${half}`,
    )
    expect(results.map(({ line, code, result }) => [line, code, result])).toEqual([
      [1, one.code, 'stored'],
      [4, two.code, 'stored'],
      [6, null, 'refused'],
      [7, three.code, 'stored'],
      [8, null, 'refused'],
    ])
    expect(results[4]!.findings).toEqual([expect.objectContaining({ code: 'malformed-json' })])
  })

  it('an empty stream has no results; a last line without an end is a line', async () => {
    expect(await stream('\n\r\n')).toEqual([])
    expect((await stream(JSON.stringify(change())))[0]).toMatchObject({ line: 1, result: 'stored' })
  })

  it('broken UTF-8 in one line only refuses this line', async () => {
    const good = [change(), change()].map((one) => Buffer.from(`${JSON.stringify(one)}\n`))
    const broken = Buffer.from(JSON.stringify(change(owner({}))).replace('Bí', 'B?'))
    broken[broken.indexOf('?')] = 0xff
    const results = await stream(Buffer.concat([good[0]!, broken, Buffer.from('\n'), good[1]!]))
    expect(results.map(({ result, findings }) => findings?.[0]?.code ?? result)).toEqual([
      'stored',
      'broken-utf8',
      'stored',
    ])
  })

  it('a line of 100 MB costs its sender one refused line and us no memory', async () => {
    const [before, after] = [change(), change()]
    const part = Buffer.alloc(1024 * 1024, 'x')
    const usage = () => process.memoryUsage().rss
    const start = usage()
    let peak = start
    const source = Readable.from(
      (function* () {
        yield Buffer.from(`${JSON.stringify(before)}\n{"summary":"`)
        for (let count = 0; count < 100; count += 1) {
          peak = Math.max(peak, usage())
          yield part
        }
        yield Buffer.from(`"}\n${JSON.stringify(after)}\n`)
      })(),
    )
    const results = await stream(source)
    expect(results.map(({ line, code, result, findings }) => [line, code, findings?.[0]?.code ?? result])).toEqual([
      [1, before.code, 'stored'],
      [2, null, 'line-too-long'],
      [3, after.code, 'stored'],
    ])
    // Sender and receiver share this process; the buffers of both are in the figure.
    expect((peak - start) / 1024 / 1024).toBeLessThan(70)
  })

  it('a line of exactly the limit is read, one byte more is not', async () => {
    const limit = 1024 * 1024
    const padded = (size: number) => {
      const text = JSON.stringify(change())
      return text + ' '.repeat(size - Buffer.byteLength(text))
    }
    const results = await stream(`${padded(limit)}\n${padded(limit + 1)}\n`)
    expect(results.map(({ result, findings }) => findings?.[0]?.code ?? result)).toEqual(['stored', 'line-too-long'])
  })

  it('whatever value stands in whatever field, the line is stored or refused and the neighbour stored', async () => {
    const fields = Object.keys(change())
      .filter((field) => field !== 'code')
      .concat('steps', 'papers', 'version', 'results', 'databases')
    await assert(
      asyncProperty(
        record({ field: constantFrom(...fields), value: jsonValue({ noUnicodeString: false }) }),
        async ({ field, value }) => {
          const [odd, good] = [change({ [field]: value }), change()]
          const results = await stream(`${JSON.stringify(odd)}\n${JSON.stringify(good)}`)
          expect(['stored', 'refused']).toContain(results[0]!.result)
          expect(results[1]).toMatchObject({ line: 2, code: good.code, result: 'stored' })
        },
      ),
      { numRuns: 150 },
    )
  })
})
