import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { acceptAll, plainMapping } from '../../src/procedures/decisions.ts'
import { change, nationalCodes, step } from '../support/province.ts'
import { startScene, unknownsLookedUp, type Scene } from './scene.ts'
import { startWorker } from './worker.ts'

type Pushed = ReturnType<typeof change>

const contents = 'DongBoHoSoMC'
const codesOf = (pushed: readonly Pushed[]) => pushed.map(({ code }) => code)
const some = (count: number, overrides: Record<string, unknown> = {}) =>
  Array.from({ length: count }, () => change({ steps: [step('2020-07-03T09:00:00+07:00', 'received')], ...overrides }))

describe('what is wrong with one dossier, or with the portal, stays there', () => {
  let scene: Scene
  beforeAll(async () => void (scene = await startScene({ deadline: 700 })))
  afterAll(() => scene.close())

  const lanesOf = (codes: readonly string[]) => scene.ground.sql<
    { code: string; state: string; reason: string | null; attempts: number }[]
  >`
    select d.code, l.state, l.reason, l.attempts from deliveries l join dossiers d on d.id = l.dossier_id
    where d.code = any(${[...codes]}) order by d.code`
  const statesOf = async (codes: readonly string[]) => [...new Set((await lanesOf(codes)).map(({ state }) => state))]
  const expectArrived = async (pushed: readonly Pushed[]) => {
    expect(await statesOf(codesOf(pushed))).toEqual(['delivered'])
    const there = await scene.atPortal()
    for (const { code } of pushed) expect(there.get(code)).toMatchObject({ creates: 1, stepWrites: 1 })
  }
  const sendsOf = async (code: string) =>
    (await scene.callsOf(code)).filter(({ service }) => service === contents).length

  it('parks one refused dossier of fifty alone, with the portal’s own words; the others arrive and lose no attempt', async () => {
    const pushed = some(50)
    const [poison] = pushed.splice(23, 1)
    const words = { code: '-10', message: 'Mã thủ tục không được phép' }
    await scene.faults([{ kind: 'refuse-dossier', dossier: poison!.code, value: words }])
    await scene.push([...pushed.slice(0, 23), poison, ...pushed.slice(23)])
    await scene.settled()
    await expectArrived(pushed)
    expect(await lanesOf([poison!.code])).toMatchObject([{ state: 'parked', reason: 'portal-refused', attempts: 1 }])
    const { body } = await scene.api('GET', `/v1/dossiers/${poison!.code}`)
    expect((body['delivery'] as { detail: unknown }).detail).toMatchObject({ code: words.code, text: words.message })
    // Halving: the guilty one travels log2(50) times and no more; a good one at most as often.
    for (const code of codesOf([...pushed, poison!])) expect(await sendsOf(code)).toBeLessThanOrEqual(7)
    for (const { attempts } of await lanesOf(codesOf(pushed))) expect(attempts).toBe(0)
  })

  it('lets one dossier that breaks every call it travels in not take the others with it', async () => {
    const pushed = some(20)
    const poison = pushed[7]!
    await scene.faults([{ kind: 'cut-before', dossier: poison.code, service: contents }])
    await scene.push(pushed)
    const others = pushed.filter((one) => one !== poison)
    await scene.until(async () => (await statesOf(codesOf(others))).join() === 'delivered', 'the neighbours to arrive')
    await expectArrived(others)
    await scene.settled()
    expect(await lanesOf([poison.code])).toMatchObject([{ state: 'parked', reason: 'retries-exhausted' }])
  })

  it('lets one dossier that can no longer be opened not take the others with it', async () => {
    expect.hasAssertions()
    await scene.faults([])
    const blocked = some(10, { procedureCode: 'DP-SEAL' })
    await scene.push(blocked)
    const broken = blocked[4]!
    await scene.ground.sql`
      update changes c set content = set_byte(content, length(content) - 1, get_byte(content, length(content) - 1) # 1)
      from dossiers d where d.id = c.dossier_id and d.code = ${broken.code}`
    await mapped('DP-SEAL')
    const others = blocked.filter((one) => one !== broken)
    try {
      await scene.until(
        async () => (await statesOf(codesOf(others))).join() === 'delivered',
        'the neighbours to arrive',
        6_000,
      )
    } finally {
      await scene.ground.sql`update deliveries l set state = 'parked', reason = 'portal-refused', lease_token = null
        from dossiers d where d.id = l.dossier_id and d.code = any(${codesOf(blocked)}) and l.state <> 'delivered'`
    }
    await expectArrived(others)
  })

  it('releases all blocked dossiers when a mapping removes what they waited for', async () => {
    await scene.faults([])
    const pushed = some(30, { procedureCode: 'DP-42' })
    const other = some(1, { procedureCode: 'DP-43' })
    await scene.push([...pushed, ...other])
    expect(await statesOf(codesOf(pushed))).toEqual(['blocked'])
    await mapped('DP-42')
    await scene.until(async () => (await statesOf(codesOf(pushed))).join() === 'delivered', 'the release')
    await expectArrived(pushed)
    expect(await lanesOf(codesOf(other))).toMatchObject([{ state: 'blocked', reason: 'no-national-code' }])
  })

  it('logs in once when the session ends in the middle, with two processes at work', async () => {
    const second = await startWorker(scene, { PORTAL_BATCH_SIZE: '2' })
    try {
      await scene.faults([{ kind: 'latency', value: [10, 40] }])
      const before = (await scene.stats()).logins
      const pushed = some(120)
      await scene.push(pushed)
      await scene.until(async () => (await statesOf(codesOf(pushed))).includes('delivered'), 'work to start')
      await scene.control('PUT', 'sessions/expire')
      await scene.settled()
      await expectArrived(pushed)
      expect((await scene.stats()).logins - before).toBe(1)
    } finally {
      await second.stop()
    }
  })

  it('pauses while the portal is out of order, and uses no attempt', async () => {
    await scene.faults([{ kind: 'ceiling', value: { perSecond: 0, status: 503, retryAfter: 0 } }])
    const pushed = some(30)
    await scene.push(pushed)
    await scene.control('DELETE', 'stats')
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    const lanes = await lanesOf(codesOf(pushed))
    expect(lanes.map(({ attempts }) => attempts)).toEqual(pushed.map(() => 0))
    expect((await scene.stats()).total.calls).toBeLessThan(40)
    await scene.faults([{ kind: 'login-fails' }])
    await scene.control('PUT', 'sessions/expire')
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect((await lanesOf(codesOf(pushed))).every(({ attempts }) => attempts === 0)).toBe(true)
    await scene.faults([])
    await scene.settled()
    await expectArrived(pushed)
  })

  it('delivers 300 dossiers through 20 % of mixed faults, each once, each as it should be', async () => {
    const share = 0.2 / 8
    await scene.faults([
      { kind: 'cut-before', probability: share },
      { kind: 'cut-after', probability: share },
      { kind: 'timeout-after-storing', value: 3_000, probability: share },
      { kind: 'http-500', probability: share },
      { kind: 'http-500-after-storing', probability: share },
      { kind: 'html', probability: share },
      { kind: 'half-body', probability: share },
      { kind: 'session-expired-early', probability: share, value: {} },
    ])
    const pushed = Array.from({ length: 300 }, (_, index) => {
      const finished = index % 3 === 0 ? { status: 'finished', finishedAt: '2020-07-09T10:00:00+07:00' } : {}
      const steps = Array.from({ length: index % 4 }, (_, at) =>
        step(`2020-07-03T1${at}:00:00+07:00`, 'processing', `Bước ${at}`),
      )
      return change({ note: `hồ sơ ${index}`, procedureCode: nationalCodes[index % 3], ...finished, steps })
    })
    // In small pushes, so that hundreds of calls meet the faults and not a handful.
    for (let at = 0; at < pushed.length; at += 6) await scene.push(pushed.slice(at, at + 6))
    await scene.settled(30_000)
    await scene.faults([])
    expect(await statesOf(codesOf(pushed))).toEqual(['delivered'])
    const there = await scene.atPortal()
    for (const [index, { code, procedureCode, steps }] of pushed.entries()) {
      const one = there.get(code)
      expect(one).toMatchObject({
        creates: 1,
        payload: { MaTTHC: procedureCode, GhiChu: `hồ sơ ${index}`, TrangThaiHoSo: index % 3 === 0 ? '9' : '4' },
      })
      expect(one?.steps.map((held) => held['NoiDungXuLy'])).toEqual(
        (steps as { content: string }[]).map(({ content }) => content),
      )
    }
    const lost = await Promise.all(codesOf(pushed).map(async (code) => unknownsLookedUp(await scene.callsOf(code))))
    expect(lost.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(10)
  })

  const mapped = (localCode: string) =>
    acceptAll(scene.ground.sql, [{ ...plainMapping(localCode, nationalCodes[1]), why: '' }], 'test', 'test')
})
