/** How many dossiers of a set arrived, and why the others did not. `delivered` and `causes` together are `received`. */
export interface Figures {
  readonly received: number
  /** The portal holds the newest change and all its steps. */
  readonly delivered: number
  /** The portal holds the dossier, perhaps in an older state. */
  readonly atPortal: number
  /** Percentage with one decimal, rounded down; null when nothing was received. */
  readonly rate: number | null
  readonly causes: Readonly<Record<string, number>>
}

export interface Part extends Figures {
  /** Code of the level, agency or procedure, or the month as `yyyy-MM`; `none` for an unknown level. */
  readonly key: string
  readonly name: string
}

export const breakdowns = ['byLevel', 'byAgency', 'byProcedure', 'byMonth'] as const
export type Breakdown = (typeof breakdowns)[number]

export interface SyncRateReport extends Readonly<Record<Breakdown, readonly Part[]>> {
  /** Vietnam calendar dates; `to` itself is no longer part of the period. */
  readonly period: { readonly from: string; readonly to: string }
  /** What the report is limited to; null = everything. */
  readonly only: { readonly agency: string | null; readonly level: string | null; readonly procedure: string | null }
  readonly generatedAt: string
  readonly total: Omit<Figures, 'causes'>
  /** Most frequent first. */
  readonly causes: readonly { readonly code: string; readonly count: number }[]
}

/** The level of dossiers of which neither the dossier nor its agency tells a level. */
export const noLevel = 'none'

/** Rounded down: one missing dossier among a million must not read as 100.0 %. */
export function rateOf(delivered: number, received: number): number | null {
  return received === 0 ? null : Math.floor((delivered * 1000) / received) / 10
}

/**
 * Percentages of the parts with one decimal that add up to 100.0. The first part (what was delivered) is rounded down as in
 * `rateOf`; the others share the rest by largest remainder.
 */
export function sharesOf(delivered: number, others: readonly number[]): number[] {
  const received = others.reduce((sum, count) => sum + count, delivered)
  if (received === 0) return [0, ...others.map(() => 0)]
  const first = Math.floor((delivered * 1000) / received)
  const exact = others.map((count) => (count * 1000) / received)
  const tenths = exact.map(Math.floor)
  const open = others.some((count) => count > 0) ? 1000 - tenths.reduce((sum, tenth) => sum + tenth, first) : 0
  const byRemainder = exact
    .map((value, index) => ({ index, remainder: value - Math.floor(value) }))
    .filter(({ index }) => others[index]! > 0)
    .sort((a, b) => b.remainder - a.remainder)
  for (let given = 0; given < open; given += 1) tenths[byRemainder[given % byRemainder.length]!.index]! += 1
  return [first, ...tenths].map((tenth) => tenth / 10)
}

const sum = (counts: Iterable<number>) => [...counts].reduce((total, count) => total + count, 0)

/** The figures of the whole report in the shape of one of its parts. */
function wholeOf(report: SyncRateReport): Figures {
  return { ...report.total, causes: Object.fromEntries(report.causes.map(({ code, count }) => [code, count])) }
}

/**
 * Verifies that delivered and causes add up to received everywhere, and that every breakdown adds up to the total in every
 * number. Returns what is wrong, in words; an empty list when all is well.
 */
export function checkParts(report: SyncRateReport): string[] {
  const whole = wholeOf(report)
  return [
    ...checkFigures('total', whole),
    ...breakdowns.flatMap((name) => [
      ...report[name].flatMap((part) => checkFigures(`${name} ${part.key}`, part)),
      ...checkBreakdown(name, report[name], whole),
    ]),
  ]
}

function checkFigures(where: string, figures: Figures): string[] {
  const { received, delivered, rate, causes } = figures
  const explained = delivered + sum(Object.values(causes))
  const wrong: string[] = []
  if (explained !== received) wrong.push(`${where}: delivered and causes are ${explained}, received ${received}`)
  if (rate !== rateOf(delivered, received)) wrong.push(`${where}: rate ${rate} does not follow from the counts`)
  return wrong
}

function checkBreakdown(name: string, parts: readonly Part[], whole: Figures): string[] {
  const wrong: string[] = []
  const compare = (what: string, added: number, total: number) => {
    if (added !== total) wrong.push(`${name}: ${what} adds up to ${added}, total ${total}`)
  }
  for (const what of ['received', 'delivered', 'atPortal'] as const)
    compare(what, sum(parts.map((part) => part[what])), whole[what])
  const codes = new Set([whole, ...parts].flatMap((figures) => Object.keys(figures.causes)))
  for (const code of codes) compare(code, sum(parts.map((part) => part.causes[code] ?? 0)), whole.causes[code] ?? 0)
  return wrong
}
