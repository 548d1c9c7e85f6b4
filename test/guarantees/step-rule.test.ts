import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { StepsAfterRefused } from '../../src/delivery/model.ts'
import { resendDossier } from '../../src/delivery/replays.ts'
import { change, quickRetry, step } from '../support/province.ts'
import { startScene, type Scene } from './scene.ts'

type Pushed = ReturnType<typeof change>

const stepsService = 'CapNhatTienDoHoSoMC'
const steps = (...numbers: number[]) =>
  numbers.map((number) => step(`2020-07-03T${10 + number}:00:00+07:00`, 'processing', `Bước ${number}`))
const words = { code: '-10', message: 'Bước xử lý không hợp lệ' }

/** Looks at one dossier from both sides. */
function viewOf(scene: Scene) {
  return {
    lane: async ({ code }: Pushed) => {
      const [row] = await scene.ground.sql<{ state: string; reason: string | null; text: string | null }[]>`
        select l.state, l.reason, l.detail->>'text' as text from deliveries l join dossiers d on d.id = l.dossier_id where d.code = ${code}`
      return row!
    },
    stepStates: async ({ code }: Pushed) => {
      const rows = await scene.ground.sql<{ state: string }[]>`
        select s.state from steps s join dossiers d on d.id = s.dossier_id where d.code = ${code} order by s.at`
      return rows.map(({ state }) => state)
    },
    arrived: async ({ code }: Pushed) =>
      (await scene.atPortal()).get(code)?.steps.map((one) => one['NoiDungXuLy']) ?? [],
    /** An operator sends it again: waits until it is through. */
    resent: async ({ code }: Pushed) => {
      const { sql } = scene.ground
      await resendDossier(sql, { code, why: 'the step was mended' }, { actor: 'test', scope: null })
      const through = async () =>
        (await sql`select from standing where code = ${code} and state = 'delivered'`).length === 1
      await scene.until(through, 'the dossier that was sent again')
    },
  }
}
const named = (...numbers: number[]) => numbers.map((number) => `Bước ${number}`)

function sceneWith(rule: StepsAfterRefused) {
  const held: { scene?: Scene } = {}
  beforeAll(async () => void (held.scene = await startScene({ settings: { STEPS_AFTER_REFUSED: rule } })))
  afterAll(() => held.scene?.close())
  afterEach(() => held.scene?.faults([]))
  return () => held.scene!
}

/** A dossier whose first step has arrived and whose second one the portal refuses, `times` times; more steps follow it. */
async function refusedAtSecond(scene: Scene, times?: number): Promise<Pushed> {
  const dossier = change({ steps: steps(1) })
  await scene.push([dossier])
  await scene.settled()
  const limit = times === undefined ? {} : { count: times }
  await scene.faults([{ kind: 'refuse-step', dossier: dossier.code, value: words, ...limit }])
  const neighbour = change({ steps: steps(1, 2) })
  await scene.push([{ ...dossier, steps: steps(1, 2, 3, 4) }, neighbour])
  await scene.settled()
  // Whatever becomes of the one, its neighbour goes through.
  expect(await viewOf(scene).lane(neighbour)).toMatchObject({ state: 'delivered' })
  expect(await viewOf(scene).arrived(neighbour)).toEqual(named(1, 2))
  return dossier
}

describe('after a step that the portal refused, later steps wait', () => {
  const scene = sceneWith('wait')

  it('parks the dossier with the portal’s words, sends nothing after it, and goes on in order when it is resent', async () => {
    const { lane, stepStates, arrived, resent } = viewOf(scene())
    const dossier = await refusedAtSecond(scene())
    expect(await lane(dossier)).toEqual({ state: 'parked', reason: 'step-refused', text: words.message })
    expect(await stepStates(dossier)).toEqual(['delivered', 'parked', 'waiting', 'waiting'])
    await scene().faults([])
    // The portal would take them now: still nobody sends them, nor what comes after them.
    await scene().push([{ ...dossier, steps: steps(5) }])
    const other = change({ steps: steps(1) })
    await scene().push([other])
    await scene().settled()
    expect(await arrived(other)).toEqual(named(1))
    expect(await arrived(dossier)).toEqual(named(1))
    expect(await lane(dossier)).toMatchObject({ state: 'parked', reason: 'step-refused' })
    await resent(dossier)
    expect(await arrived(dossier)).toEqual(named(1, 2, 3, 4, 5))
    expect(await lane(dossier)).toMatchObject({ state: 'delivered', reason: null })
  })

  it('sends newer contents all the same, and stays parked for the step', async () => {
    const { lane, arrived } = viewOf(scene())
    const dossier = await refusedAtSecond(scene())
    await scene().faults([])
    await scene().push([{ ...dossier, steps: steps(5), note: 'mới', changedAt: '2020-07-05T09:00:00+07:00' }])
    await scene().settled()
    expect((await scene().atPortal()).get(dossier.code)).toMatchObject({
      creates: 1,
      updates: 1,
      payload: { GhiChu: 'mới' },
    })
    expect(await arrived(dossier)).toEqual(named(1))
    expect(await lane(dossier)).toMatchObject({ state: 'parked', reason: 'step-refused' })
  })
})

describe('after a step that the portal refused, later steps go', () => {
  const scene = sceneWith('go')
  /** Refused with its three companions, with one, and alone. */
  const untilAlone = 3

  it('sends the others in order, and parks the dossier for the refused one when nothing else is left', async () => {
    const { lane, stepStates, arrived, resent } = viewOf(scene())
    const dossier = await refusedAtSecond(scene(), untilAlone)
    expect(await arrived(dossier)).toEqual(named(1, 3, 4))
    expect(await stepStates(dossier)).toEqual(['delivered', 'parked', 'delivered', 'delivered'])
    expect(await lane(dossier)).toMatchObject({ state: 'parked', reason: 'step-refused' })
    // Later ones go by both doors, and do not wake the refused one.
    await scene().push([{ ...dossier, steps: steps(5) }])
    await scene().settled()
    await scene().api('POST', `/v1/dossiers/${dossier.code}/steps`, { steps: steps(6, 7) })
    await scene().settled()
    expect(await arrived(dossier)).toEqual(named(1, 3, 4, 5, 6, 7))
    expect(await lane(dossier)).toMatchObject({ state: 'parked', reason: 'step-refused' })
    await resent(dossier)
    expect(await arrived(dossier)).toEqual(named(1, 3, 4, 5, 6, 7, 2))
    expect(await lane(dossier)).toMatchObject({ state: 'delivered', reason: null })
  })

  it('parks each of several refused steps and ends', async () => {
    const { lane, stepStates, arrived } = viewOf(scene())
    const dossier = await refusedAtSecond(scene())
    expect(await arrived(dossier)).toEqual(named(1))
    expect(await stepStates(dossier)).toEqual(['delivered', 'parked', 'parked', 'parked'])
    expect(await lane(dossier)).toMatchObject({ state: 'parked', reason: 'step-refused' })
  })

  it('sends newer contents and their steps, and stays parked for the refused one', async () => {
    const { lane, arrived } = viewOf(scene())
    const dossier = await refusedAtSecond(scene(), untilAlone)
    await scene().push([{ ...dossier, steps: steps(5), note: 'mới', changedAt: '2020-07-05T09:00:00+07:00' }])
    await scene().settled()
    expect((await scene().atPortal()).get(dossier.code)).toMatchObject({
      creates: 1,
      updates: 1,
      payload: { GhiChu: 'mới' },
    })
    expect(await arrived(dossier)).toEqual(named(1, 3, 4, 5))
    expect(await lane(dossier)).toMatchObject({ state: 'parked', reason: 'step-refused' })
  })

  it('gives the steps after one that used up its attempts attempts of their own', async () => {
    const { lane, stepStates, arrived } = viewOf(scene())
    const dossier = change({ steps: steps(1) })
    await scene().push([dossier])
    await scene().settled()
    // Both together and the first alone, at each attempt; then the second once.
    const strikes = 2 * (quickRetry.waits.length + 1) + 1
    await scene().faults([{ kind: 'later', dossier: dossier.code, service: stepsService, count: strikes }])
    await scene().push([{ ...dossier, steps: steps(2, 3) }])
    await scene().settled()
    expect(await stepStates(dossier)).toEqual(['delivered', 'parked', 'delivered'])
    expect(await arrived(dossier)).toEqual(named(1, 3))
    expect(await lane(dossier)).toMatchObject({ state: 'parked', reason: 'step-refused' })
  })
})
