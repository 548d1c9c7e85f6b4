import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { clientOf, dossier } from '../contract/sandbox-client.ts'
import { change, step } from '../support/province.ts'
import { startScene, unknownsLookedUp, type Scene } from './scene.ts'

const contents = 'DongBoHoSoMC'
const progress = 'CapNhatTienDoHoSoMC'
/** The line stays open longer than the call's deadline. */
const late = 3_000
const steps = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    step(
      `2020-07-03T${String(9 + Math.floor(index / 60)).padStart(2, '0')}:${String(index % 60).padStart(2, '0')}:00+07:00`,
      'processing',
      `Bước ${index}`,
    ),
  )

describe('2. Effectively once: an unknown outcome is looked up before anything is sent again', () => {
  let scene: Scene
  beforeAll(async () => void (scene = await startScene({ deadline: 400 })))
  afterAll(() => scene.close())

  const held = async (code: string) => (await scene.atPortal()).get(code)
  const unknowns = async (code: string) => unknownsLookedUp(await scene.callsOf(code))
  const wordsOf = (received: Awaited<ReturnType<typeof held>>) => received?.steps.map((one) => one['NoiDungXuLy'])

  it.each([
    { kind: 'timeout-after-storing', value: late },
    { kind: 'cut-after' },
    { kind: 'half-body' },
    { kind: 'http-500-after-storing' },
    { kind: 'not-json' },
  ])('creates once although the answer was lost: $kind', async (fault) => {
    const pushed = Array.from({ length: 5 }, () => change({ steps: steps(2) }))
    await scene.faults([{ ...fault, service: contents, count: 1 }])
    await scene.push(pushed)
    await scene.settled()
    for (const { code } of pushed) {
      expect(await held(code)).toMatchObject({ creates: 1, stepWrites: 2 })
      expect(await unknowns(code)).toBe(1)
    }
  })

  it.each([
    { kind: 'timeout-before-storing', value: late },
    { kind: 'cut-before' },
    { kind: 'http-500' },
    { kind: 'html' },
  ])('creates once when the call was lost before it was taken: $kind', async (fault) => {
    const { code } = change()
    await scene.faults([{ ...fault, service: contents, count: 1 }])
    await scene.push([{ ...change(), code }])
    await scene.settled()
    expect(await held(code)).toMatchObject({ creates: 1, updates: 0 })
    expect(await unknowns(code)).toBe(1)
  })

  it.each([{ kind: 'timeout-after-storing', value: late }, { kind: 'cut-after' }])(
    'updates an existing dossier and never creates it again: $kind',
    async (fault) => {
      const pushed = change()
      await scene.faults([])
      await scene.push([pushed])
      await scene.settled()
      await scene.faults([{ ...fault, service: contents, count: 1 }])
      await scene.push([{ ...pushed, note: 'mới hơn', changedAt: '2020-07-04T09:00:00+07:00' }])
      await scene.settled()
      expect(await held(pushed.code)).toMatchObject({ creates: 1, payload: { GhiChu: 'mới hơn' } })
      expect(await unknowns(pushed.code)).toBe(1)
    },
  )

  it.each([
    { kind: 'timeout-after-storing', value: late },
    { kind: 'cut-after' },
    { kind: 'timeout-before-storing', value: late },
  ])('sends no step twice and none out of order: $kind', async (fault) => {
    const pushed = change({ steps: steps(25) })
    await scene.faults([{ ...fault, service: progress, count: 2 }])
    await scene.push([pushed])
    await scene.settled()
    const received = await held(pushed.code)
    expect(received).toMatchObject({ creates: 1, stepWrites: 25 })
    expect(wordsOf(received)).toEqual(Array.from({ length: 25 }, (_, index) => `Bước ${index}`))
    expect(await unknowns(pushed.code)).toBeGreaterThanOrEqual(1)
  })

  it.each([{ kind: 'missing-error-code' }, { kind: 'plain-ok' }, { kind: 'unknown-code', stored: true }])(
    'sends no step twice when nobody understands the answer: $kind',
    async (fault) => {
      const pushed = change({ steps: steps(25) })
      await scene.faults([{ ...fault, service: progress, count: 2 }])
      await scene.push([pushed])
      await scene.settled()
      const received = await held(pushed.code)
      expect(received).toMatchObject({ creates: 1, stepWrites: 25 })
      expect(wordsOf(received)).toEqual(Array.from({ length: 25 }, (_, index) => `Bước ${index}`))
    },
  )

  it('parks a dossier whose steps are never understood and never there, without end to the repeating', async () => {
    const pushed = change({ steps: steps(1) })
    await scene.faults([{ kind: 'unknown-code', service: progress, dossier: pushed.code }])
    await scene.push([pushed])
    await scene.settled()
    const { body } = await scene.api('GET', `/v1/dossiers/${pushed.code}`)
    expect(body['delivery']).toMatchObject({ state: 'parked', reason: { code: 'retries-exhausted' } })
    expect(await held(pushed.code)).toMatchObject({ creates: 1, stepWrites: 0 })
  })

  it.each(['empty', 'missing', 'null'])(
    'sends no step twice when the look-up does not find a dossier that is there: result %s',
    async (value) => {
      const pushed = change({ steps: steps(12) })
      await scene.faults([
        { kind: 'cut-after', service: progress, count: 1 },
        { kind: 'empty-result', value, service: 'TraCuuHoSo', count: 1 },
      ])
      await scene.push([pushed])
      await scene.settled()
      const received = await held(pushed.code)
      expect(received).toMatchObject({ creates: 1, stepWrites: 12 })
      expect(wordsOf(received)).toEqual(Array.from({ length: 12 }, (_, index) => `Bước ${index}`))
    },
  )

  it('lets a cut call come to its end before anything newer is sent', async () => {
    const pushed = change({ note: 'cũ' })
    await scene.faults([])
    await scene.push([pushed])
    await scene.settled()
    // The line is cut at once; the portal might go on with the call until its deadline.
    await scene.faults([{ kind: 'cut-before', service: contents, count: 1 }])
    const began = performance.now()
    await scene.push([{ ...pushed, note: 'mới', changedAt: '2020-07-04T09:00:00+07:00' }])
    await scene.settled()
    expect(performance.now() - began).toBeGreaterThan(400)
    expect(await held(pushed.code)).toMatchObject({ payload: { GhiChu: 'mới' } })
  })

  it('goes on looking while the look-up itself is lost', async () => {
    const pushed = change({ steps: steps(3) })
    await scene.faults([
      { kind: 'cut-after', service: contents, count: 1 },
      { kind: 'cut-before', service: 'TraCuuHoSo', count: 4 },
    ])
    await scene.push([pushed])
    await scene.settled()
    expect(await held(pushed.code)).toMatchObject({ creates: 1, stepWrites: 3 })
    expect(await unknowns(pushed.code)).toBe(5)
  })

  it.each([3, -3, 0] as const)(
    'updates a dossier that somebody else created, "exists" told by code %i',
    async (value) => {
      await scene.faults([])
      const [alone, ...together] = Array.from({ length: 7 }, () => change({ note: 'của tỉnh', steps: steps(1) }))
      const portal = await clientOf(scene.sandbox)
      const planted = [alone!, ...together.slice(0, 3)]
      await portal.create(...planted.map(({ code }, index) => dossier(index, { MaHoSo: code, MaTTHC: '1.000010' })))
      await scene.faults([{ kind: 'exists-code', value }])
      await scene.push([alone])
      await scene.settled()
      await scene.push(together)
      await scene.settled()
      for (const { code } of [alone!, ...together])
        expect(await held(code)).toMatchObject({ creates: 1, stepWrites: 1, payload: { GhiChu: 'của tỉnh' } })
      expect(await held(alone!.code)).toMatchObject({ updates: 1 })
    },
  )
})
