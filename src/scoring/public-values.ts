import { knownKeys, type PortalId, type PublicFigure } from '../../config/public-figures.ts'

/** Finds figures in what the portal answered. Pure; a node's own figure is taken, and nothing is ever summed. */

type Node = Readonly<Record<string, unknown>>
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The number at a path; null where there is none, or where a row of a list cannot be told. */
export function valueAt(node: unknown, path: string): number | null {
  let at: unknown = node
  for (const part of path.split(/\.(?![^[]*\])/)) {
    const [, name = '', key, value] = /^([^[]+)(?:\[([^=]+)=(.*)\])?$/s.exec(part) ?? []
    const next = isNode(at) ? at[name] : undefined
    at = key === undefined ? next : onlyRow(next, key, value ?? '')
  }
  return numberOf(at)
}

/** Two rows of one name: nobody knows which is meant. */
function onlyRow(list: unknown, key: string, value: string): unknown {
  const rows = (Array.isArray(list) ? list : []).filter((row) => isNode(row) && textOf(row[key]) === value)
  return rows.length === 1 ? rows[0] : undefined
}

const textOf = (value: unknown): string | null =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : null

/** A comma may stand for thousands or for a decimal: such a text is no number for us. */
function numberOf(value: unknown): number | null {
  const number = typeof value === 'string' && /^-?\d{1,15}(\.\d+)?$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : null
}

export const sameId = (left: unknown, right: PortalId): boolean =>
  textOf(left)?.trim().toLowerCase() === String(right).trim().toLowerCase()

/** Everything in the pages that is about a unit, by its id. */
export const nodesOf = (pages: readonly unknown[], unit: PortalId): Node[] =>
  [...nodesIn(pages)].filter((node) => sameId(node[knownKeys.unit], unit))

/** Ids of all units in the pages. */
export const unitsIn = (pages: readonly unknown[]): Set<string> =>
  new Set([...nodesIn(pages)].flatMap((node) => textOf(node[knownKeys.unit])?.trim().toLowerCase() ?? []))

const deepest = 20

function* nodesIn(value: unknown, depth = 0): Generator<Node> {
  if (depth > deepest) return
  if (Array.isArray(value)) for (const one of value) yield* nodesIn(one, depth + 1)
  else if (isNode(value)) {
    yield value
    for (const key of [knownKeys.overview, ...knownKeys.lists]) yield* nodesIn(value[key], depth + 1)
  }
}

/** A unit's part of an answer without what is beneath it. */
export const withoutUnits = (node: Node): Node => {
  const isUnit = (one: unknown) => isNode(one) && one[knownKeys.unit] !== undefined
  const own = Object.entries(node).map(([key, value]) =>
    Array.isArray(value) && value.some(isUnit) ? [key, `[${value.length}]`] : [key, value],
  )
  return Object.fromEntries(own) as Node
}

/** What the portal says; null where the report does not, or says two things. */
export interface PublicValue {
  readonly numerator: number | null
  readonly denominator: number | null
  /** Per cent. */
  readonly rate: number | null
}

/** The figure of a unit; `isAsked`: the answer as a whole is about it. */
export function figureIn(
  figure: PublicFigure,
  pages: readonly unknown[],
  unit: PortalId,
  isAsked: boolean,
): PublicValue {
  const nodes = figure.in === 'unit' ? nodesOf(pages, unit) : isAsked ? pages : []
  const read = (path: string | undefined): number | null => {
    if (path === undefined) return null
    const told = new Set(nodes.map((node) => valueAt(node, path)).filter((value) => value !== null))
    return told.size === 1 ? [...told][0]! : null
  }
  const rate = read(figure.rate)
  return {
    numerator: read(figure.numerator),
    denominator: read(figure.denominator),
    rate: rate !== null && figure.rateIs === 'share' ? rate * 100 : rate,
  }
}

/** Whether figures that were there fell to nothing, and none of them moved otherwise: so does an answer that was made without data. */
export function fellToNothing(before: readonly unknown[], now: readonly unknown[]): boolean {
  const later = new Map(leavesOf(now))
  let fallen = 0
  for (const [path, value] of leavesOf(before)) {
    const next = later.get(path) ?? 0
    if (value === 0 ? next !== 0 : next !== 0 && next !== value) return false
    if (value !== 0 && next === 0) fallen += 1
  }
  return fallen >= leastFallen
}

const leastFallen = 3

/** Whether all that is mapped of the unit that was asked about fell to nothing: of a report with few numbers these are the ones that count. */
export function mappedFell(
  figures: readonly PublicFigure[],
  unit: PortalId,
  before: readonly unknown[],
  now: readonly unknown[],
): boolean {
  const values = (pages: readonly unknown[]) =>
    figures.flatMap((figure) => Object.values<number | null>({ ...figureIn(figure, pages, unit, true) }))
  const later = values(now)
  const held = values(before).flatMap((value, place) => (value === null || value === 0 ? [] : [place]))
  return held.length > 0 && held.every((place) => (later[place] ?? 0) === 0)
}

/** Whether more than a tenth of the units that were there are missing. */
export function lostUnits(before: readonly unknown[], now: readonly unknown[]): boolean {
  const [earlier, later] = [unitsIn(before), unitsIn(now)]
  const lost = [...earlier].filter((id) => !later.has(id)).length
  return lost > 0 && lost > earlier.size / 10
}

/** Numbers by their place: a unit's by its id, so that another order changes nothing. */
function* leavesOf(value: unknown, place = '', depth = 0): Generator<[string, number]> {
  if (depth > deepest * 2) return
  const number = numberOf(value)
  if (number !== null) yield [place, number]
  else if (Array.isArray(value))
    for (const [index, one] of value.entries()) {
      const id = isNode(one) ? textOf(one[knownKeys.unit]) : null
      yield* leavesOf(one, `${place}/${id ?? index}`, depth + 1)
    }
  else if (isNode(value))
    for (const [key, one] of Object.entries(value)) yield* leavesOf(one, `${place}/${key}`, depth + 1)
}
