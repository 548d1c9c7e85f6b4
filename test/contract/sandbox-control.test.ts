import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { digestOf } from '../../adapters/sandbox/history.ts'
import { startSandbox, type Sandbox } from '../../adapters/sandbox/sandbox.ts'
import { spawnSandbox } from '../../adapters/sandbox/spawn.ts'
import { clientOf, codeOf, dossier, step, type Client, type Wire } from './sandbox-client.ts'

let sandbox: Sandbox
let client: Client

beforeAll(async () => {
  sandbox = await startSandbox({ seed: 5 })
})
afterAll(() => sandbox.close())
beforeEach(async () => {
  sandbox.faults.clear()
  sandbox.store.clear()
  client = await clientOf(sandbox)
})

async function control(method: string, path: string, body?: unknown): Promise<Response> {
  const headers = { 'content-type': 'application/json' }
  return fetch(`${sandbox.controlUrl}/${path}`, {
    method,
    ...(body === undefined ? {} : { headers, body: JSON.stringify(body) }),
  })
}

describe('control', () => {
  it('streams the dossiers it holds', async () => {
    const many = Array.from({ length: 450 }, (_, index) => dossier(index + 1))
    await client.create(...many)
    await client.steps(step(1))
    await client.update(dossier(1))
    const answer = await control('GET', 'dossiers')
    expect(answer.headers.get('content-type')).toContain('application/x-ndjson')
    const rows = (await answer.text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Wire)
    expect(rows).toHaveLength(450)
    expect(rows[0]).toEqual({
      code: codeOf(1),
      payload: dossier(1),
      steps: [step(1)],
      creates: 1,
      updates: 1,
      stepWrites: 1,
      firstWrite: 1,
      lastWrite: 452,
    })
    expect(await (await control('GET', `dossiers/${codeOf(2)}`)).json()).toMatchObject({ code: codeOf(2) })
  })

  it('keeps a history of calls and writes in their order, when asked to', async () => {
    expect((await control('GET', 'history')).status).toBe(404)
    const keeping = await startSandbox({ seed: 5, history: true })
    try {
      const own = await clientOf(keeping)
      await own.create(dossier(1, { GhiChu: 'v1' }))
      await own.steps(step(1, { NoiDungXuLy: 's1' }))
      await own.update(dossier(1, { GhiChu: 'v2' }))
      await own.update(dossier(2))
      keeping.faults.set([{ kind: 'ceiling', value: { perSecond: 0, retryAfter: 3 } }])
      await own.raw('TraCuuHoSo', { mahoso: codeOf(1) })
      const answer = await fetch(`${keeping.controlUrl}/history`)
      const entries = (await answer.text())
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Wire)
      const code = codeOf(1)
      const write = 'DongBoHoSoMC'
      expect(entries).toMatchObject([
        { call: 'login' },
        { call: write },
        { write: 1, operation: 'create', code, mark: 'v1', digest: digestOf(dossier(1, { GhiChu: 'v1' })) },
        { call: 'CapNhatTienDoHoSoMC' },
        { write: 2, operation: 'step', code, mark: 's1' },
        { call: write },
        { write: 3, operation: 'update', code, mark: 'v2' },
        // An update of what is not there arrives, and changes nothing.
        { call: write },
        { call: 'TraCuuHoSo' },
        { away: 3 },
      ])
      const times = entries.map(({ at }) => Number(at))
      expect(times).toEqual(times.toSorted((a, b) => a - b))
    } finally {
      await keeping.close()
    }
  })

  it('plants discrepancies, lost steps and lost dossiers', async () => {
    await client.create(dossier(1))
    await client.steps(step(1))
    const path = `dossiers/${codeOf(1)}`
    expect((await control('PATCH', path, { ChuHoSo: 'Ai đó' })).status).toBe(204)
    expect(await client.call('TraCuuHoSo', { mahoso: codeOf(1) })).toMatchObject({ result: [{ ChuHoSo: 'Ai đó' }] })
    expect((await control('DELETE', `${path}/steps`)).status).toBe(204)
    expect(sandbox.store.get(codeOf(1))!.steps).toEqual([])
    expect((await control('DELETE', path)).status).toBe(204)
    expect(await client.call('TraCuuHoSo', { mahoso: codeOf(1) })).toMatchObject({ result: [] })
    for (const [method, body] of [['GET'], ['DELETE'], ['PATCH', {}]] as const)
      expect((await control(method, path, body)).status).toBe(404)
  })

  it('sets and clears faults, and says what it does not understand', async () => {
    expect((await control('PUT', 'faults', [{ kind: 'http-500', count: 1 }])).status).toBe(204)
    expect((await client.raw('LayDanhMucLinhVuc')).status).toBe(500)
    const wrong = await control('PUT', 'faults', [{ kind: 'latency', value: 'long' }])
    expect(wrong.status).toBe(400)
    expect(await wrong.json()).toMatchObject({ problems: [{ path: '0.value' }] })
    expect((await control('PATCH', `dossiers/x`, [1])).status).toBe(400)
    expect((await control('DELETE', 'faults')).status).toBe(204)
    expect(sandbox.faults.list()).toEqual([])
  })

  it('ends sessions, changes settings and procedures', async () => {
    expect((await control('PATCH', 'settings', { arrays: 'partial' })).status).toBe(204)
    expect(sandbox.settings).toMatchObject({ arrays: 'partial', strict: true, sessionSeconds: 600 })
    expect((await control('PATCH', 'settings', { arrays: 'some' })).status).toBe(400)
    await control('PATCH', 'settings', { arrays: 'atomic' })
    const days = { publishedOn: '20260701', endsOn: '20261201' }
    const change = { ...days, name: 'Tên mới', legalBases: ['1/2026/TT'], open: false }
    expect((await control('PATCH', 'procedures/1.000045', change)).status).toBe(204)
    const { result } = await client.call('LayThuTuc', { maTTHC: '1.000045' })
    expect(result).toMatchObject([
      { TENTTHC: 'Tên mới', NGAYCONGBO: '20260701', TRANGTHAI: '0', NGAYHETHIEULUC: '20261201' },
    ])
    expect(result).toMatchObject([{ CANCUPHAPLY: [{ SOVANBAN: '1/2026/TT' }] }])
    expect((await control('PATCH', 'procedures/1.000045', { endsOn: 'soon' })).status).toBe(400)
    expect((await control('PATCH', 'procedures/9.999999', {})).status).toBe(404)
    expect((await control('PATCH', 'procedures/1.000045', { open: 'no' })).status).toBe(400)
    expect((await control('PUT', 'sessions/expire')).status).toBe(204)
    expect(await client.call('LayDanhMucLinhVuc')).toMatchObject({ error_code: '-401' })
  })

  it('counts every call, and the most within one second', async () => {
    await control('DELETE', 'stats')
    sandbox.faults.set([{ kind: 'cut-before', service: 'TraCuuHoSo', count: 1 }])
    await expect(client.raw('TraCuuHoSo', { mahoso: 'x' })).rejects.toThrow('fetch failed')
    await Promise.all(Array.from({ length: 20 }, () => client.raw('LayDanhMucLinhVuc')))
    await client.call('Khong')
    const stats = (await (await control('GET', 'stats')).json()) as Wire
    expect(stats).toMatchObject({
      dossiers: 0,
      total: { calls: 22 },
      services: {
        LayDanhMucLinhVuc: { calls: 20, codes: { 0: 20 } },
        TraCuuHoSo: { calls: 1, codes: { cut: 1 } },
        other: { calls: 1, maxPerSecond: 1, codes: { '-10': 1 } },
      },
      faults: [{ fired: 1 }],
    })
    const times = sandbox.meter.times('LayDanhMucLinhVuc')
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    const most = Math.max(...times.map((time) => times.filter((other) => other > time - 1000 && other <= time).length))
    expect(sandbox.meter.figures().services['LayDanhMucLinhVuc']!.maxPerSecond).toBe(most)
  })
})

describe('closing', () => {
  it('does not wait for calls that hang', async () => {
    const fresh = await startSandbox()
    const caller = await clientOf(fresh)
    fresh.faults.set([{ kind: 'timeout-after-storing' }])
    const hanging = caller.create(dossier(1)).catch((error: unknown) => error)
    await expect.poll(() => fresh.store.size, { timeout: 20_000, interval: 5 }).toBe(1)
    const start = performance.now()
    await fresh.close()
    expect(await hanging).toMatchObject({ message: 'fetch failed' })
    expect(performance.now() - start).toBeLessThan(1000)
    expect(fresh.store.size).toBe(1)
  })
})

describe('a sandbox of its own process', () => {
  it('starts, keeps its options, and ends', async () => {
    const spawned = await spawnSandbox({ seed: 5, publishedOn: new Map([['1.000045', '20260101']]) })
    const caller = await clientOf(spawned)
    expect(await caller.create(dossier(1))).toMatchObject({ error_code: '0' })
    const { result } = await caller.call('LayThuTuc', { maTTHC: '1.000045' })
    expect(result).toMatchObject([{ NGAYCONGBO: '20260101' }])
    await spawned.stop()
    await expect(fetch(`${spawned.controlUrl}/stats`)).rejects.toThrow('fetch failed')
    await spawned.stop()
  })

  it('tells when it cannot start', async () => {
    const port = Number(new URL(sandbox.url).port)
    await expect(spawnSandbox({ port })).rejects.toThrow(/before it listened .*EADDRINUSE/)
  })
})
