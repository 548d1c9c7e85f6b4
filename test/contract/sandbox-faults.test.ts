import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { FaultRule } from '../../adapters/sandbox/faults.ts'
import { startSandbox, type Sandbox } from '../../adapters/sandbox/sandbox.ts'
import { clientOf, codeOf, dossier, logIn, post, step, unit, type Client } from './sandbox-client.ts'

let sandbox: Sandbox
let client: Client

beforeAll(async () => {
  sandbox = await startSandbox({ seed: 7 })
})
afterAll(() => sandbox.close())
beforeEach(async () => {
  sandbox.faults.clear()
  sandbox.store.clear()
  client = await clientOf(sandbox)
})

const set = (...rules: FaultRule[]) => sandbox.faults.set(rules)
const create = (signal?: AbortSignal) => client.raw('DongBoHoSoMC', { isUpdating: 'False', data: [dossier(1)] }, signal)
/** The call has met its rule; on a busy machine that takes longer than any wait a test would name. */
const hasMet = async () => {
  await expect.poll(() => sandbox.faults.list()[0]?.fired, { timeout: 20_000, interval: 2 }).toBe(1)
}
const timed = async (work: () => Promise<unknown>) => {
  const start = performance.now()
  await work()
  return performance.now() - start
}

describe('the line', () => {
  it('answers late: latency, a range, a slow period that rises', async () => {
    set({ kind: 'latency', value: 80 })
    expect(await timed(create)).toBeGreaterThan(75)
    set({ kind: 'latency', value: [40, 60], service: 'TraCuuHoSo' })
    expect(await timed(() => client.call('TraCuuHoSo', { mahoso: 'x' }))).toBeGreaterThan(35)
    set({ kind: 'slow-period', value: { from: 30, to: 130, over: 1 } })
    expect(await timed(() => client.call('TraCuuHoSo', { mahoso: 'x' }))).toBeGreaterThan(100)
  })

  it('stores before or after a latency', async () => {
    const during = async (stored: boolean) => {
      sandbox.store.clear()
      set({ kind: 'latency', value: 400, stored })
      const call = create()
      await hasMet()
      const size = sandbox.store.size
      await call
      return [size, sandbox.store.size]
    }
    expect(await during(true)).toEqual([1, 1])
    expect(await during(false)).toEqual([0, 1])
  })

  it.each([
    ['timeout-before-storing', 0],
    ['timeout-after-storing', 1],
  ] as const)('never answers: %s', async (kind, held) => {
    set({ kind })
    const giveUp = new AbortController()
    const call = create(giveUp.signal)
    call.catch(() => undefined)
    await hasMet()
    setTimeout(() => giveUp.abort(new Error('no answer')), 80)
    await expect(call).rejects.toThrow('no answer')
    expect(sandbox.store.size).toBe(held)
    set({ kind, value: 50 })
    await expect(create()).rejects.toThrow('fetch failed')
  })

  it.each([
    ['cut-before', 0],
    ['cut-after', 1],
  ] as const)('cuts the line: %s', async (kind, held) => {
    set({ kind })
    await expect(create()).rejects.toThrow('fetch failed')
    expect(sandbox.store.size).toBe(held)
  })

  it('breaks off in the middle of the body, or sends it slowly', async () => {
    set({ kind: 'half-body' })
    await expect(create().then((answer) => answer.text())).rejects.toThrow('terminated')
    expect(sandbox.store.size).toBe(1)
    set({ kind: 'slow-body', value: 100 })
    const start = performance.now()
    expect(await (await create()).json()).toMatchObject({ error_code: '3' })
    expect(performance.now() - start).toBeGreaterThan(90)
  })

  it.each([
    [{ kind: 'http-500' }, 500, 'text/plain', 0],
    [{ kind: 'http-500-after-storing' }, 500, 'text/plain', 1],
    [{ kind: 'html' }, 200, 'text/html', 0],
    [{ kind: 'html', stored: true }, 200, 'text/html', 1],
    [{ kind: 'soap-fault' }, 500, 'text/xml', 0],
    [{ kind: 'json-error-status', value: { status: 422, code: '-9' } }, 422, 'application/json', 0],
    [{ kind: 'redirect' }, 307, 'text/plain', 0],
  ] satisfies [FaultRule, number, string, number][])(
    'answers with another page: %o',
    async (rule, status, type, held) => {
      set(rule)
      const answer = await create()
      expect(answer.status).toBe(status)
      expect(answer.headers.get('content-type')).toContain(type)
      expect(sandbox.store.size).toBe(held)
      expect(answer.headers.get('location') !== null).toBe(status === 307)
    },
  )

  it('keeps a ceiling over all services or over one', async () => {
    set({ kind: 'ceiling', value: { perSecond: 3, status: 503, retryAfter: 2 } })
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => client.raw('LayDanhMucLinhVuc')))
    expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 200, 200, 503, 503])
    expect(answers.find(({ status }) => status === 503)!.headers.get('retry-after')).toBe('2')
    set({ kind: 'ceiling', service: 'TraCuuHoSo', value: { perSecond: 0 } })
    expect((await client.raw('TraCuuHoSo', { mahoso: 'x' })).status).toBe(429)
    expect((await client.raw('LayDanhMucLinhVuc')).status).toBe(200)
  })
})

describe('the login', () => {
  it('fails, forgets the session, answers in camel case, ends a session early', async () => {
    set({ kind: 'login-fails', value: { code: '-8', message: 'Khóa' } })
    expect(await logIn(sandbox)).toEqual({ error_code: '-8', message: 'Khóa' })
    set({ kind: 'login-without-session' })
    expect(await logIn(sandbox)).not.toHaveProperty('session')
    set({ kind: 'camel-case-login' })
    expect(await logIn(sandbox)).toMatchObject({ errorCode: '0', result: { session: expect.any(String) } })
    set({ kind: 'session-expired-early', count: 1 })
    expect(await client.call('LayDanhMucLinhVuc')).toMatchObject({ error_code: '-401' })
    expect(await client.call('LayDanhMucLinhVuc')).toMatchObject({ error_code: '-401' })
    expect(await (await clientOf(sandbox)).call('LayDanhMucLinhVuc')).toMatchObject({ error_code: '0' })
  })

  it('may be slow or down while the data services work', async () => {
    set({ kind: 'http-500', service: 'login' })
    await expect(logIn(sandbox)).rejects.toThrow(/JSON/)
    expect(await client.call('LayDanhMucLinhVuc')).toMatchObject({ error_code: '0' })
  })
})

describe('the words of an answer', () => {
  it.each([0, 3, -3] as const)('says "exists" with code %i', async (value) => {
    set({ kind: 'exists-code', value })
    await client.create(dossier(1))
    expect(await client.create(dossier(1))).toEqual({ error_code: String(value), message: 'Hồ sơ đã tồn tại' })
  })

  it.each([
    [{ kind: 'numeric-codes' }, { error_code: 0 }, 1],
    [{ kind: 'ok-without-phrase' }, { error_code: '0', message: '' }, 1],
    [{ kind: 'phrase-with-error' }, { error_code: '-99', message: expect.stringContaining('thành công') }, 0],
    [{ kind: 'unknown-code' }, { error_code: '-77', message: '' }, 0],
    [{ kind: 'unknown-code', value: { code: '-5', message: 'Lạ' }, stored: true }, { error_code: '-5' }, 1],
    [{ kind: 'later' }, { error_code: '-90' }, 0],
    [{ kind: 'double-encoded' }, { message: expect.stringMatching(/^\{"error_code":"0"/) }, 1],
  ] satisfies [FaultRule, object, number][])('%o', async (rule, expected, held) => {
    set(rule)
    expect(await client.create(dossier(1))).toMatchObject(expected)
    expect(sandbox.store.size).toBe(held)
  })

  it('drops the code, says only OK, or no JSON at all', async () => {
    set({ kind: 'missing-error-code' })
    expect(await client.create(dossier(1))).not.toHaveProperty('error_code')
    set({ kind: 'plain-ok' })
    expect(await (await create()).text()).toBe('OK')
    set({ kind: 'not-json' })
    await expect(create().then((answer) => answer.json())).rejects.toThrow(/JSON/)
  })

  it('empties results in three ways', async () => {
    await client.create(dossier(1))
    const look = () => client.call('TraCuuHoSo', { mahoso: codeOf(1) })
    set({ kind: 'empty-result' })
    expect(await look()).toMatchObject({ result: [] })
    set({ kind: 'empty-result', value: 'null' })
    expect(await look()).toMatchObject({ result: null })
    set({ kind: 'empty-result', value: 'missing' })
    expect(await look()).not.toHaveProperty('result')
  })

  it('mixes the spelling of URL and puts the organisation behind codes', async () => {
    set({ kind: 'mixed-url' }, { kind: 'suffixed-codes', value: 'H99' })
    const row = JSON.stringify((await client.call('LayThuTuc', { maTTHC: '1.000045' }))['result'])
    expect(row).toContain('"URL"')
    expect(row).toContain('"Url"')
    const { result } = await client.call('LayDanhSachTTHC')
    expect((result as Record<string, string>[])[0]!['MATTHC']).toMatch(/^\d\.\d{6}\.H99$/)
  })
})

describe('what is refused', () => {
  it('refuses one poisoned dossier and the array around it', async () => {
    set({ kind: 'refuse-dossier', dossier: codeOf(2), value: { message: 'Sai' } })
    expect(await client.create(dossier(1), dossier(2))).toEqual({ error_code: '-10', message: 'Sai' })
    expect(await client.create(dossier(1))).toMatchObject({ error_code: '0' })
    expect(await client.create(dossier(2))).toMatchObject({ error_code: '-10' })
  })

  it('refuses the same share of dossiers every time', async () => {
    set({ kind: 'refuse-dossier', probability: 0.3 })
    const round = async () => {
      sandbox.store.clear()
      const answers = []
      for (let number = 1; number <= 60; number += 1) answers.push((await client.create(dossier(number)))['error_code'])
      return answers
    }
    const first = await round()
    const share = first.filter((code) => code === '-10').length
    expect(share).toBeGreaterThan(5)
    expect(share).toBeLessThan(35)
    expect(await round()).toEqual(first)
  })

  it('takes a dossier and refuses its steps', async () => {
    set({ kind: 'refuse-step', dossier: [codeOf(1)] })
    await client.create(dossier(1), dossier(2))
    expect(await client.steps(step(1))).toMatchObject({ error_code: '-10' })
    expect(await client.steps(step(2))).toMatchObject({ error_code: '0' })
  })

  it('refuses backward moves, foreign dossiers, too many items and too many bytes', async () => {
    await client.create(dossier(1, { TrangThaiHoSo: '9' }))
    expect(await client.update(dossier(1, { TrangThaiHoSo: '9' }))).toMatchObject({ error_code: '0' })
    set({ kind: 'backward-moves-refused' })
    expect(await client.update(dossier(1, { TrangThaiHoSo: '4' }))).toMatchObject({ error_code: '-13' })
    expect(await client.update(dossier(1, { TrangThaiHoSo: '10' }))).toMatchObject({ error_code: '0' })
    set({ kind: 'foreign-refused' })
    expect(await client.create(dossier(2, { MaHoSo: 'H01.14-250821-0007' }))).toMatchObject({ error_code: '-13' })
    expect(await client.create(dossier(2))).toMatchObject({ error_code: '0' })
    set({ kind: 'limit', value: { items: 2 } })
    expect(await client.create(dossier(3), dossier(4), dossier(5))).toMatchObject({ error_code: '-12' })
    set({ kind: 'limit', value: { bytes: 100 } })
    expect(await client.create(dossier(3))).toMatchObject({ error_code: '-12' })
  })

  it('replaces nested lists on update, or joins them', async () => {
    const papers = (...ids: string[]) => ({ TaiLieuNop: ids.map((TepDinhKemId) => ({ TepDinhKemId })) })
    await client.create(dossier(1, papers('1', '2')))
    set({ kind: 'merge-lists' })
    await client.update(dossier(1, papers('2', '3')))
    expect(sandbox.store.get(codeOf(1))!.payload).toMatchObject(papers('1', '2', '3'))
    set()
    await client.update(dossier(1, papers('3')))
    expect(sandbox.store.get(codeOf(1))!.payload).toMatchObject(papers('3'))
  })
})

describe('where and when', () => {
  it('strikes only the service, organisation and dossier that are named', async () => {
    set({ kind: 'http-500', service: 'TraCuuHoSo', organisation: unit, dossier: codeOf(1) })
    const look = async (service: string, mahoso: string, madonvi = unit) =>
      (await client.raw(service, { mahoso, madonvi })).status
    expect(await look('TraCuuHoSo', codeOf(1))).toBe(500)
    expect(await look('TraCuuHoSo', codeOf(2))).toBe(200)
    expect(await look('TraCuuHoSo', codeOf(1), '000.00.00.H01')).toBe(200)
    expect(await look('LayDanhMucLinhVuc', codeOf(1))).toBe(200)
  })

  it('strikes so often and so long as it is told', async () => {
    const statuses = async () => {
      const seen = []
      for (let call = 0; call < 3; call += 1) seen.push((await client.raw('LayDanhMucLinhVuc')).status)
      return seen
    }
    set({ kind: 'http-500', count: 2 })
    expect(await statuses()).toEqual([500, 500, 200])
    set({ kind: 'http-500', until: '2020-01-01T00:00:00+07:00' })
    expect(await statuses()).toEqual([200, 200, 200])
    set({ kind: 'http-500', from: 60_000 })
    expect(await statuses()).toEqual([200, 200, 200])
    set({ kind: 'http-500', from: 0, until: 60_000 })
    expect(await statuses()).toEqual([500, 500, 500])
  })

  it('repeats a run from its seed, whatever other rules are set', async () => {
    const run = async (target: Sandbox, ...others: FaultRule[]) => {
      const caller = await clientOf(target)
      target.faults.set([{ kind: 'http-500', probability: 0.4 }, ...others])
      const seen = []
      for (let call = 0; call < 40; call += 1) seen.push((await caller.raw('LayDanhMucLinhVuc')).status)
      target.faults.clear()
      return seen
    }
    const first = await run(sandbox)
    expect(new Set(first)).toEqual(new Set([200, 500]))
    expect(await run(sandbox, { kind: 'numeric-codes', probability: 0.5 })).toEqual(first)
    const same = await startSandbox({ seed: 7 })
    const other = await startSandbox({ seed: 8 })
    expect(await run(same)).toEqual(first)
    expect(await run(other)).not.toEqual(first)
    await Promise.all([same.close(), other.close()])
  })

  it('gives the same session names from the same seed', async () => {
    const names = async () => {
      const fresh = await startSandbox({ seed: 3 })
      const answer = await logIn(fresh)
      await fresh.close()
      return answer['session']
    }
    expect(await names()).toBe(await names())
  })

  it('strikes gateways too, and refuses a rule it does not know', async () => {
    set({ kind: 'refuse-dossier', dossier: codeOf(1) })
    const answer = await post(`${sandbox.gatewayUrl}/KetNoiMotCuaQuocGia/ThemMoi`, [dossier(1)])
    expect(await answer.json()).toMatchObject({ error_code: '-10' })
    expect(() => sandbox.faults.set([{ kind: 'flood' } as unknown as FaultRule])).toThrow(/kind/)
  })
})
