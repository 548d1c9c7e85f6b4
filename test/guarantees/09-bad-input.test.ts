import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { change } from '../support/province.ts'
import { startScene, type Scene } from './scene.ts'

interface Bad {
  readonly what: string
  readonly value: unknown
  readonly code: string
  readonly field: string
}

const owner = { type: 'citizen', name: 'Nguyễn Văn Mẫu' }
const { agencyCode: _agencyCode, ...withoutAgency } = change()
const bad: readonly Bad[] = [
  { what: 'a missing field', value: withoutAgency, code: 'missing-field', field: 'agencyCode' },
  { what: 'a misspelt field', value: change({ recievedAt: '2020-07-03' }), code: 'unknown-field', field: 'recievedAt' },
  {
    what: 'a misspelt field inside',
    value: change({ owner: { ...owner, nam: 1 } }),
    code: 'unknown-field',
    field: 'owner.nam',
  },
  {
    what: 'a date in Vietnamese order',
    value: change({ receivedAt: '03/07/2020' }),
    code: 'invalid-field',
    field: 'receivedAt',
  },
  {
    what: 'a date without an offset',
    value: change({ changedAt: '2020-07-03T08:30:00' }),
    code: 'invalid-field',
    field: 'changedAt',
  },
  {
    what: 'a day that does not exist',
    value: change({ promisedAt: '2020-02-30T08:30:00+07:00' }),
    code: 'invalid-field',
    field: 'promisedAt',
  },
  {
    what: 'a time in the far future',
    value: change({ changedAt: '2099-01-01T00:00:00+07:00' }),
    code: 'invalid-field',
    field: 'changedAt',
  },
  { what: 'a wrong type', value: change({ owner: 'Nguyễn Văn Mẫu' }), code: 'invalid-field', field: 'owner' },
  { what: 'an unknown word', value: change({ channel: 'fax' }), code: 'invalid-field', field: 'channel' },
  {
    what: 'a text that is too long',
    value: change({ note: 'ă'.repeat(20_001) }),
    code: 'invalid-field',
    field: 'note',
  },
  { what: 'a NUL character', value: change({ summary: 'a\u0000b' }), code: 'invalid-field', field: 'summary' },
  { what: 'half a surrogate pair', value: change({ summary: 'a\ud83d' }), code: 'invalid-field', field: 'summary' },
  {
    what: 'a negative amount',
    value: change({ fees: [{ name: 'Lệ phí', amount: -1 }] }),
    code: 'invalid-field',
    field: 'fees[0].amount',
  },
  {
    what: 'a step without a status',
    value: change({ steps: [{ at: '2020-07-03T09:00:00+07:00', officer: 'A', content: 'B' }] }),
    code: 'missing-field',
    field: 'steps[0].status',
  },
  {
    what: 'a link that is none',
    value: change({ results: [{ name: 'GP', url: 'javascript:1' }] }),
    code: 'invalid-field',
    field: 'results[0].url',
  },
]

interface Result {
  code: string | null
  result: string
  findings?: { code: string; field?: string; detail: string }[]
}

describe('9. Bad input gets a problem document that names the field, is never a 500, and never stops its neighbours', () => {
  let scene: Scene
  beforeAll(async () => void (scene = await startScene()))
  afterAll(() => scene.close())

  const send = async (
    method: string,
    path: string,
    body: string | Uint8Array<ArrayBuffer>,
    type = 'application/json',
  ) => {
    const answer = await fetch(`${scene.house.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${scene.key}`, 'content-type': type },
      body,
    })
    return {
      status: answer.status,
      type: answer.headers.get('content-type'),
      body: (await answer.json()) as Record<string, unknown>,
    }
  }

  it.each(bad)('names the field, in both languages: $what', async ({ value, code, field }) => {
    const { code: dossier } = value as { code: string }
    const answer = await send('PUT', `/v1/dossiers/${dossier}`, JSON.stringify(value))
    expect(answer).toMatchObject({
      status: 422,
      type: expect.stringContaining('application/problem+json'),
      body: {
        status: 422,
        code,
        field,
        type: expect.stringContaining(code),
        title: expect.any(String),
        requestId: expect.any(String),
      },
    })
    const { cause, next } = answer.body as { cause: Record<string, string>; next: Record<string, string> }
    for (const words of [cause, next]) for (const language of ['vi', 'en']) expect(words[language]).toBeTruthy()
    expect(JSON.stringify(answer.body)).not.toContain('Nguyễn')
  })

  it.each<{ what: string; body: string | Uint8Array<ArrayBuffer>; type?: string; status: number; code: string }>([
    { what: 'broken JSON', body: '{"code": ', status: 400, code: 'malformed-json' },
    { what: 'nothing', body: '', status: 400, code: 'malformed-json' },
    {
      what: 'bytes that are not UTF-8',
      body: new Uint8Array([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d]),
      status: 400,
      code: 'broken-utf8',
    },
    { what: 'XML', body: '<HoSo/>', type: 'text/xml', status: 415, code: 'unsupported-media-type' },
    { what: 'far too much', body: `"${'x'.repeat(2 * 1024 * 1024)}"`, status: 413, code: 'payload-too-large' },
    { what: 'a list where one is meant', body: '[]', status: 422, code: 'invalid-field' },
    { what: 'null', body: 'null', status: 422, code: 'invalid-field' },
    { what: 'brackets without end', body: '['.repeat(100_000), status: 400, code: 'malformed-json' },
  ])('has a problem document for a body that is no dossier: $what', async ({ body, type, status, code }) => {
    const answer = await send('PUT', '/v1/dossiers/000.00.01.H34-200703-9999', body, type)
    expect(answer).toMatchObject({
      status,
      type: expect.stringContaining('application/problem+json'),
      body: { status, code },
    })
  })

  it.each(['batch', 'stream'])('stores the good neighbours of every bad one: %s', async (door) => {
    const good = bad.map(() => change())
    const mixed = bad.flatMap(({ value }, index) => [value, good[index]])
    const lines = mixed.map((one) => `${JSON.stringify(one)}\n`)
    if (door === 'stream') lines.splice(4, 0, 'không phải JSON\n')
    const results = door === 'stream' ? await pushStream(lines) : await pushBatch(mixed)
    const isRefused = ({ result }: Result) => result === 'refused'
    expect(results.filter((result) => !isRefused(result)).map(({ code, result }) => [code, result])).toEqual(
      good.map(({ code }) => [code, 'stored']),
    )
    expect(results.filter(isRefused)).toHaveLength(lines.length - good.length)
    const named = results.filter(isRefused).map(({ findings }) => findings?.[0]?.field)
    for (const { field } of bad) expect(named).toContain(field)
    await scene.settled()
    const there = await scene.atPortal()
    for (const { code } of good) expect(there.has(code)).toBe(true)
  })

  const pushBatch = async (values: readonly unknown[]) => {
    const { status, body } = await send('POST', '/v1/dossiers/batch', JSON.stringify(values))
    expect(status).toBe(200)
    return body['results'] as Result[]
  }
  const pushStream = async (lines: readonly string[]) => {
    const answer = await fetch(`${scene.house.url}/v1/dossiers/stream`, {
      method: 'POST',
      headers: { authorization: `Bearer ${scene.key}`, 'content-type': 'application/x-ndjson' },
      body: lines.join(''),
    })
    return (await answer.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Result)
  }
})
