import type { Counters } from '../../config/dialects.ts'
import { startOfDay, vietnamDate } from '../dossiers/model.ts'
import { oneNotation, unitOf, type Agency, type UnitAnswer } from '../organisations/model.ts'
import { unitOn, type Catalogue } from '../procedures/model.ts'
import { unplacedReasons, type MonthSpan, type SentFigures, type SentUnit, type UnplacedReason } from './model.ts'
import type { Cell, CellQuery } from './store.ts'

/** From cells to the figures of units: pure. */

const day = 24 * 3_600_000

/** A month of Vietnam, `yyyy-MM`; the one that goes on is counted until now. */
export function spanOf(month: string, now: number): MonthSpan {
  const start = startOf(`${month}-01`)
  const end = startOf(`${monthAfter(month, 1)}-01`)
  return { start, end, until: Math.max(start, Math.min(end, now)) }
}

export function monthAfter(month: string, by: number): string {
  const [year = 0, number = 0] = month.split('-').map(Number)
  return new Date(Date.UTC(year, number - 1 + by, 1)).toISOString().slice(0, 7)
}

const dayOf = (instant: number) => vietnamDate(new Date(instant).toISOString())
const startOf = (date: string) => startOfDay(date).getTime()

/** Which unit a dossier belongs to changes on some days of a month, and where units were divided by procedure. */
export function unitQuery({ register }: Catalogue, month: MonthSpan): Pick<CellQuery, 'changes' | 'byProcedure'> {
  const successions = [...register.successions.values()].flat()
  const ends = [...register.agencies.values()].flatMap(({ validTo }) => validTo ?? [])
  const days = new Set([...successions.map((one) => one.day), ...ends])
  const within = [...days].map(startOf).filter((start) => start > month.start && start < month.end)
  return {
    changes: within.toSorted((a, b) => a - b),
    byProcedure: successions.some(({ procedureCode }) => procedureCode !== null),
  }
}

/** In time, late, and what nobody can say. */
export interface Timed {
  readonly inTime: number
  readonly late: number
  readonly untold: number
}

/** total = received + carried = handled + pending; each of the two = in time + late + untold. What is unplaced stands beside. */
export interface Figures {
  readonly received: number
  readonly carried: number
  readonly total: number
  readonly handled: Timed & { readonly total: number }
  readonly pending: Timed & { readonly total: number; readonly waiting: number }
  readonly unplaced: Readonly<Record<UnplacedReason, number>> & { readonly total: number }
}

export const countOf = (cells: readonly Cell[]) => cells.reduce((sum, { count }) => sum + count, 0)

export function figuresOf(cells: readonly Cell[]): Figures {
  const told = cells.filter(({ place }) => place !== 'unplaced')
  const timed = (place: Cell['place']) => {
    const own = told.filter((cell) => cell.place === place)
    const of = (...timings: readonly string[]) => countOf(own.filter(({ timing }) => timings.includes(timing ?? '')))
    return {
      total: countOf(own),
      inTime: of('in-time'),
      late: of('late'),
      untold: of('no-promise', 'supplement-untold'),
      waiting: countOf(own.filter(({ waiting }) => waiting)),
    }
  }
  const { waiting: _waiting, ...handled } = timed('handled')
  const unplaced = Object.fromEntries(
    unplacedReasons.map((reason) => [reason, countOf(cells.filter((cell) => cell.reason === reason))]),
  ) as Record<UnplacedReason, number>
  return checked({
    received: countOf(told.filter(({ carried }) => !carried)),
    carried: countOf(told.filter(({ carried }) => carried)),
    total: countOf(told),
    handled,
    pending: timed('pending'),
    unplaced: { ...unplaced, total: countOf(cells.filter(({ place }) => place === 'unplaced')) },
  })
}

/** Figures that do not add up are never shown and never sent. */
function checked(figures: Figures): Figures {
  const { received, carried, total, handled, pending, unplaced } = figures
  const holds =
    total === received + carried &&
    total === handled.total + pending.total &&
    handled.total === handled.inTime + handled.late + handled.untold &&
    pending.total === pending.inTime + pending.late + pending.untold &&
    unplaced.total === unplacedReasons.reduce((sum, reason) => sum + unplaced[reason], 0)
  if (!holds) throw new Error('The monthly counters do not add up')
  return figures
}

/** The dossiers of one unit in the month, or of a code of which nobody can say whose they are. */
export interface UnitFigures extends Figures {
  readonly code: string
  /** As it was called at the end of the month; null: no list has it. */
  readonly name: string | null
  /** Null: a unit that can be sent. */
  readonly why: 'unknown-agency' | 'agency-closed' | 'agency-split' | null
  /** Of what was carried over: from other units, and what this unit gave to others. */
  readonly takenOver: number
  readonly handedOver: number
  readonly cells: readonly Cell[]
}

export interface MonthQuestion {
  readonly catalogue: Catalogue
  readonly month: MonthSpan
  readonly changes: readonly number[]
}

/** The cells by unit: the one that acted when the dossier ended, or on the last day of the month. */
export function unitsOf(cells: readonly Cell[], question: MonthQuestion): UnitFigures[] {
  const { catalogue, month, changes } = question
  const answerOn = answers(catalogue)
  const lastDay = dayOf(month.end - 1)
  const dayIn = (epoch: number) => (epoch === 0 ? dayOf(month.start) : dayOf(changes[epoch - 1]!))
  const before = dayOf(month.start - day)
  const byUnit = Map.groupBy(cells, (cell) => keyOf(answerOn(cell, dayIn(cell.epoch)), cell.agency))
  const moved = cells.flatMap((cell) => {
    if (!cell.carried || cell.place === 'unplaced') return []
    const [from, to] = [answerOn(cell, before), answerOn(cell, dayIn(cell.epoch))]
    const move = { from: keyOf(from, cell.agency), to: keyOf(to, cell.agency), count: cell.count }
    return move.from === move.to ? [] : [move]
  })
  const keys = new Set([...byUnit.keys(), ...moved.map(({ from }) => from)])
  return [...keys]
    .map((key): UnitFigures => {
      const own = byUnit.get(key) ?? []
      const [why, code] = partsOf(key)
      const agency = why === null ? unitOf(catalogue.register, code) : undefined
      const sum = (side: 'from' | 'to') =>
        moved.reduce((total, move) => total + (move[side] === key ? move.count : 0), 0)
      return {
        ...figuresOf(own),
        code,
        name: agency ? nameOn(agency, lastDay) : null,
        why,
        takenOver: sum('to'),
        handedOver: sum('from'),
        cells: own,
      }
    })
    .toSorted((a, b) => Number(a.why !== null) - Number(b.why !== null) || (a.code < b.code ? -1 : 1))
}

export const nameOn = ({ name, formerNames = [] }: Agency, date: string): string =>
  formerNames.find(({ until }) => date < until)?.name ?? name

/** Each question is asked once. */
function answers(catalogue: Catalogue): (cell: Cell, date: string) => UnitAnswer {
  const known = new Map<string, UnitAnswer>()
  return ({ agency, procedure }, date) => {
    const key = `${agency}|${procedure}|${date}`
    const answer = known.get(key) ?? unitOn(catalogue, { agencyCode: agency, procedureCode: procedure, unitDay: date })
    known.set(key, answer)
    return answer
  }
}

const keyOf = (answer: UnitAnswer, agency: string): string =>
  answer.found ? `|${answer.agency.code}` : `${answer.reason}|${agency}`

function partsOf(key: string): [why: UnitFigures['why'], code: string] {
  const [why, code] = [key.slice(0, key.indexOf('|')), key.slice(key.indexOf('|') + 1)]
  return [why === '' ? null : (why as UnitFigures['why']), code]
}

/** Which dossiers stand behind a number. */
export const parts = [
  'total',
  'received',
  'carried',
  'handled',
  'handled-in-time',
  'handled-late',
  'handled-untold',
  'pending',
  'pending-in-time',
  'pending-late',
  'pending-untold',
  'pending-waiting',
  'unplaced',
] as const
export type CounterPart = (typeof parts)[number]

const untold = ({ timing }: Cell) => timing === 'no-promise' || timing === 'supplement-untold'

export const belongsTo: Readonly<Record<CounterPart, (cell: Cell) => boolean>> = {
  total: ({ place }) => place !== 'unplaced',
  received: ({ place, carried }) => place !== 'unplaced' && !carried,
  carried: ({ place, carried }) => place !== 'unplaced' && carried,
  handled: ({ place }) => place === 'handled',
  'handled-in-time': ({ place, timing }) => place === 'handled' && timing === 'in-time',
  'handled-late': ({ place, timing }) => place === 'handled' && timing === 'late',
  'handled-untold': (cell) => cell.place === 'handled' && untold(cell),
  pending: ({ place }) => place === 'pending',
  'pending-in-time': ({ place, timing }) => place === 'pending' && timing === 'in-time',
  'pending-late': ({ place, timing }) => place === 'pending' && timing === 'late',
  'pending-untold': (cell) => cell.place === 'pending' && untold(cell),
  'pending-waiting': ({ place, waiting }) => place === 'pending' && waiting,
  unplaced: ({ place }) => place === 'unplaced',
}

/** Null: some dossiers stand where nobody can tell, and the dialect does not say what to do with them. */
export function sentFigures(figures: Figures, reading: Counters): SentFigures | null {
  const { received, carried, handled, pending, unplaced } = figures
  const untoldTimes = handled.untold + pending.untold
  if (unplaced.total > 0 && reading.untoldEnd === 'refuse') return null
  if (untoldTimes > 0 && reading.untoldTime === 'refuse') return null
  const late = reading.untoldTime === 'late' ? 1 : 0
  return {
    received,
    carried,
    handledInTime: handled.inTime + (1 - late) * handled.untold,
    handledLate: handled.late + late * handled.untold,
    pendingInTime: pending.inTime + (1 - late) * pending.untold,
    pendingLate: pending.late + late * pending.untold,
  }
}

interface SendQuestion extends Pick<MonthQuestion, 'catalogue' | 'month'> {
  /** Units of which the portal has something: nothing is something to say as well, then. */
  readonly sentBefore?: ReadonlySet<string>
}

/** The rows that a portal of this dialect gets, in the order of their codes; null where a unit cannot be told. */
export function sentUnits(
  units: readonly UnitFigures[],
  reading: Counters,
  { catalogue, month, sentBefore = new Set() }: SendQuestion,
): SentUnit[] | null {
  const known = units.filter(({ why }) => why === null)
  const lastDay = dayOf(month.end - 1)
  const cellsOf = new Map(known.map(({ code, cells }) => [code, cells]))
  const own = [...catalogue.register.agencies.values()].filter((agency) => actedIn(agency, month))
  const all = new Map([...own.map((agency) => agency.code), ...known.map(({ code }) => code)].map((code) => [code, 0]))
  const rows = [...all.keys()].toSorted().map((code) => {
    const under = `${oneNotation(code)}.`
    const included = reading.children === 'included'
    const cells = known.flatMap((unit) =>
      unit.code === code || (included && oneNotation(unit.code).startsWith(under)) ? cellsOf.get(unit.code)! : [],
    )
    return { code, name: nameOn(unitOf(catalogue.register, code)!, lastDay), figures: figuresOf(cells) }
  })
  const hasSomething = ({ total, unplaced }: Figures) =>
    total > 0 || (unplaced.total > 0 && reading.untoldEnd === 'refuse')
  const wanted = rows.filter(
    ({ code, figures }) => hasSomething(figures) || reading.zeroUnits === 'sent' || sentBefore.has(code),
  )
  const sent = wanted.map(({ figures, ...unit }) => ({ ...unit, figures: sentFigures(figures, reading) }))
  return sent.every((one): one is SentUnit => one.figures !== null) ? sent : null
}

const actedIn = ({ validFrom, validTo }: Agency, month: MonthSpan): boolean =>
  (!validFrom || startOf(validFrom) < month.end) && (!validTo || startOf(validTo) > month.start)
