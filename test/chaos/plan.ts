import { hashed, randomOf } from '../../adapters/sandbox/chance.ts'
import { nationalCodes } from '../support/province.ts'

/**
 * What is pushed, by whom and in which order: all of it follows from the seed, and is made again when it is needed instead of
 * being kept, so that a million events need no memory. An event is one change or one step.
 */

/** What must become of a dossier. */
export type Fate = 'delivered' | 'refused' | 'step-refused' | 'unmapped' | 'invalid'

/** One push: the whole content as of `version` with the steps known by then, or steps alone. */
export interface Push {
  readonly dossier: PlannedDossier
  /** Place among the pushes of its dossier. */
  readonly number: number
  readonly what: 'change' | 'steps'
  readonly version: number
}

export interface PlannedDossier {
  readonly index: number
  readonly code: string
  readonly fate: Fate
  readonly versions: number
  readonly steps: number
  readonly pushes: readonly Push[]
}

export type Door = 'put' | 'batch' | 'stream' | 'steps'

/** What one client sends in one request. */
export interface Parcel {
  readonly door: Door
  readonly pushes: readonly Push[]
}

export interface Plan {
  readonly seed: number
  readonly dossiers: number
  readonly pushes: number
  readonly events: number
  readonly refused: readonly string[]
  readonly stepRefused: readonly string[]
  dossier(index: number): PlannedDossier
  /** The dossier of a code; undefined when nobody ever planned it. */
  find(code: string): PlannedDossier | undefined
  parcels(): Generator<Parcel>
}

/** Stands in every owner's name: where it turns up, personal data turned up. */
export const personalMark = 'Riengtu'

/** More pushes than any dossier has. */
export const mostPushes = 12
/** Blocks that carry planted ones. */
const plantedBlocks = 20
/** Dossiers whose pushes are mixed with one another. */
const blockSize = 300
export const agencies = ['H34.01', 'H34.02', 'H34.03', 'H34.04']

export function makePlan(seed: number, wanted: number): Plan {
  const dossier = (index: number) => planned(seed, index)
  let [dossiers, pushes, events] = [0, 0, 0]
  const planted = { refused: [] as string[], 'step-refused': [] as string[] }
  for (; events < wanted; dossiers += 1) {
    const one = dossier(dossiers)
    events += one.versions + one.steps
    pushes += one.pushes.length
    if (one.fate === 'refused' || one.fate === 'step-refused') planted[one.fate].push(one.code)
  }
  return {
    seed,
    dossiers,
    pushes,
    events,
    refused: planted.refused,
    stepRefused: planted['step-refused'],
    dossier,
    find(code) {
      const index = Number(/^000\.00\.01\.H34-200703-(\d{7})$/.exec(code)?.[1] ?? -1)
      return index >= 0 && index < dossiers ? dossier(index) : undefined
    },
    parcels: () => parcelsOf(seed, dossiers, dossier),
  }
}

function planned(seed: number, index: number): PlannedDossier {
  const draw = randomOf(Math.floor(hashed(`${seed}:dossier:${index}`) * 0xffff_ffff))
  const fate = fateOf(index, draw())
  const versions = fate === 'invalid' ? 1 : 1 + Math.floor(draw() * 4)
  const least = fate === 'step-refused' ? 2 : 0
  const steps = fate === 'invalid' ? 0 : least + Math.floor(draw() * (7 - least))
  const pushes: Push[] = []
  const code = `000.00.01.H34-200703-${String(index).padStart(7, '0')}`
  const dossier = { index, code, fate, versions, steps, pushes }
  const order = orderOf(versions, steps, draw)
  pushes.push(...order.map(({ what, version }, number) => ({ dossier, number, what, version })))
  return dossier
}

/** The first dossiers of a block carry the planted ones, so that the shortest run has some of each. */
function fateOf(index: number, chance: number): Fate {
  const place = index % blockSize
  if (index < plantedBlocks * blockSize && place === 7) return 'refused'
  if (index < plantedBlocks * blockSize && place === 19) return 'step-refused'
  if (chance < 0.01) return 'unmapped'
  return chance < 0.015 ? 'invalid' : 'delivered'
}

type Item = Pick<Push, 'what' | 'version'>

/** Mostly in order; some newer versions overtake older ones, some are pushed twice, some steps come on their own. */
function orderOf(versions: number, steps: number, draw: () => number): Item[] {
  const order: Item[] = Array.from({ length: versions }, (_, index) => ({ what: 'change', version: index + 1 }))
  for (let place = 1; place < order.length; place += 1)
    if (draw() < 0.25) [order[place - 1], order[place]] = [order[place]!, order[place - 1]!]
  if (steps > 0 && draw() < 0.5) order.push({ what: 'steps', version: versions })
  if (draw() < 0.15) order.push({ what: 'change', version: 1 + Math.floor(draw() * versions) })
  return order
}

/** Steps that are known by a version. The last push of steps on their own brings the rest. */
export function stepsBy({ steps, versions, pushes }: PlannedDossier, { what, version }: Push): number {
  const apart = pushes.some((push) => push.what === 'steps')
  if (what === 'steps' || (!apart && version === versions)) return steps
  return Math.floor((steps * version) / (versions + 1))
}

const minute = 60_000
const begin = Date.parse('2020-07-03T01:00:00Z')
const at = (minutes: number) => new Date(begin + minutes * minute).toISOString()

export const markOfVersion = (version: number) => `v${version}`
export const markOfStep = (step: number) => `s${step}`

/** The change as a one-stop system pushes it. */
export function changeOf(push: Push): Record<string, unknown> {
  const { dossier, version } = push
  const { index, code, fate, versions } = dossier
  return {
    code,
    version,
    changedAt: at(version),
    procedureCode: fate === 'unmapped' ? 'DP-17' : nationalCodes[index % nationalCodes.length],
    agencyCode: agencies[index % agencies.length],
    status: statusOf(version, versions),
    channel: 'counter',
    owner: { type: 'citizen', name: `Nguyễn ${personalMark} ${index}`, idNumber: '062999000001' },
    ...(fate === 'invalid' ? {} : { receivedAt: at(0) }),
    promisedAt: at(10_000),
    note: markOfVersion(version),
    papers: [{ name: `Tờ khai ${version}`, id: 'TK' }],
    ...(index % 5 === 0 ? { backfill: true } : {}),
    steps: stepsOf(stepsBy(dossier, push)),
  }
}

/** Never backwards: a portal that refuses backward moves must find none. */
export function statusOf(version: number, versions: number): 'received' | 'processing' | 'finished' {
  if (version === 1) return 'received'
  return version === versions && versions > 2 ? 'finished' : 'processing'
}

export function stepsOf(count: number): { at: string; status: 'processing'; officer: string; content: string }[] {
  return Array.from({ length: count }, (_, place) => ({
    at: at(60 + place),
    status: 'processing' as const,
    officer: 'Cán bộ A',
    content: markOfStep(place + 1),
  }))
}

function* parcelsOf(seed: number, dossiers: number, dossier: (index: number) => PlannedDossier): Generator<Parcel> {
  const draw = randomOf(seed ^ 0x9a3c)
  for (let from = 0; from < dossiers; from += blockSize) {
    const block = Array.from({ length: Math.min(blockSize, dossiers - from) }, (_, place) => dossier(from + place))
    yield* packed(mixed(block, draw), draw)
  }
}

/** The pushes of a block in one order that keeps each dossier's own. */
function mixed(block: readonly PlannedDossier[], draw: () => number): Push[] {
  const timed = block.flatMap(({ pushes }) => {
    let time = draw()
    return pushes.map((push) => ({ push, time: (time += draw() * 0.3) }))
  })
  return timed.sort((a, b) => a.time - b.time).map(({ push }) => push)
}

const sizes: Readonly<Record<Door, readonly [least: number, most: number]>> = {
  put: [1, 1],
  batch: [2, 20],
  stream: [20, 120],
  steps: [1, 1],
}

function* packed(pushes: readonly Push[], draw: () => number): Generator<Parcel> {
  const changes = pushes.filter(({ what }) => what === 'change')
  const steps = pushes.filter(({ what }) => what === 'steps')
  // Steps on their own come through the whole block, a little behind the changes.
  const perChange = steps.length / Math.max(1, changes.length)
  let [given, due] = [0, 0]
  for (let place = 0; place < changes.length;) {
    const chance = draw()
    const door: Door = chance < 0.5 ? 'put' : chance < 0.8 ? 'batch' : 'stream'
    const [least, most] = sizes[door]
    const size = least + Math.floor(draw() * (most - least + 1))
    const parcel = door === 'batch' ? upToRepetition(changes, place, size) : changes.slice(place, place + size)
    place += parcel.length
    yield { door, pushes: parcel }
    due += parcel.length * perChange
    for (; given < Math.floor(due) && given < steps.length; given += 1) yield { door: 'steps', pushes: [steps[given]!] }
  }
  for (; given < steps.length; given += 1) yield { door: 'steps', pushes: [steps[given]!] }
}

/** In one batch the same code twice would be a question, not a push. */
function upToRepetition(changes: readonly Push[], from: number, size: number): Push[] {
  const seen = new Set<number>()
  const parcel: Push[] = []
  for (const push of changes.slice(from, from + size)) {
    if (seen.has(push.dossier.index)) break
    seen.add(push.dossier.index)
    parcel.push(push)
  }
  return parcel
}
