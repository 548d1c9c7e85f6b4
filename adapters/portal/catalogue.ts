import type { Dialect, ListService } from '../../config/dialects.ts'
import type { CatalogueRows, ExtraList } from '../../src/delivery/portal.ts'
import type { Level } from '../../src/organisations/model.ts'
import { isRecord, text } from './answers.ts'

const catalogueServices = {
  procedures: 'LayDanhSachTTHC',
  fields: 'LayDanhMucLinhVuc',
  agencies: 'LayDanhMucCoQuan',
} as const satisfies Record<Exclude<keyof CatalogueRows, ExtraList['what']>, string>
export const procedureService = 'LayThuTuc'

/** Whose catalogue it is, and how its portal speaks. */
export interface Asker {
  readonly dialect: Dialect
  readonly unit: string
}

const extraServices = ({ catalogue }: Dialect): Record<ExtraList['what'], ListService | null> => ({
  'unit-procedures': catalogue.unitProcedures,
  services: catalogue.services,
})

export const extraLists = (dialect: Dialect): ExtraList[] =>
  Object.entries(extraServices(dialect)).flatMap(([what, list]) =>
    list === null ? [] : [{ what: what as ExtraList['what'], optional: list.optional }],
  )

/** How a list is asked for; null where the dialect says that it is not. */
export function listRequest(what: keyof CatalogueRows, { dialect, unit }: Asker): Omit<ListService, 'optional'> | null {
  if (what !== 'unit-procedures' && what !== 'services')
    return { service: catalogueServices[what], endpoint: 'share', fields: {} }
  const list = extraServices(dialect)[what]
  if (list === null) return null
  const organisation = /[GH]\d{2}/.exec(unit)?.[0] ?? unit
  const filled = (text: string) => text.replace('{unit}', unit).replace('{organisation}', organisation)
  return {
    ...list,
    fields: Object.fromEntries(Object.entries(list.fields).map(([name, text]) => [name, filled(text)])),
  }
}

type Row = Record<string, unknown>
type Reader<R> = (row: Row, asker: Asker) => R | null

/** Rows the portal sent, as plain rows. A row without code or name is left out and counted; it never stops the list. */
export function readCatalogue<K extends keyof CatalogueRows>(
  what: K,
  rows: readonly unknown[],
  asker: Asker,
): { rows: CatalogueRows[K][]; skipped: number } {
  const read: Reader<CatalogueRows[K]> = readers[what]
  const good = rows.flatMap((row) => (isRecord(row) ? (read(row, asker) ?? []) : []))
  return { rows: good, skipped: rows.length - good.length }
}

const readers: { [K in keyof CatalogueRows]: Reader<CatalogueRows[K]> } = {
  procedures: readProcedure,
  fields: (row) => {
    const named = codeAndName(row, 'MALINHVUC', 'TENLINHVUC')
    return named && { ...named, sector: column(row, 'MANGANH') ?? '' }
  },
  agencies: (row) => {
    const named = codeAndName(row, 'MADONVI', 'TENDONVI')
    return named && { ...named, level: column(row, 'CAPDONVI') ?? '' }
  },
  'unit-procedures': (row, { unit }) => {
    const named = codeAndName(row, 'MATTHC', 'TENTTHC')
    return named && { unit, ...named }
  },
  services: (row) => {
    const named = codeAndName(row, 'MADVC', 'TENDVC')
    return (
      named && {
        ...named,
        procedureCode: column(row, 'MATTHC') ?? '',
        agencyName: column(row, 'TENCOQUANBANHANH') ?? '',
        fieldName: column(row, 'TENLINHVUC') ?? '',
        raw: sameLinks(row),
      }
    )
  },
}

function readProcedure(row: Row, { dialect }: Asker): CatalogueRows['procedures'] | null {
  const named = codeAndName(row, 'MATTHC', 'TENTTHC')
  if (named === null) return null
  const { publishedColumn, endsColumn, openValues } = dialect.catalogue
  const fields = value(row, 'LINHVUCTHUCHIEN')
  const first: unknown = Array.isArray(fields) ? fields[0] : fields
  const field = isRecord(first) ? first : row
  const state = column(row, 'TRANGTHAI')
  return {
    ...named,
    ...optional('fieldCode', column(field, 'MALINHVUC')),
    ...optional('fieldName', column(field, 'TENLINHVUC')),
    ...(publishedColumn === null ? {} : { publishedOn: calendarDate(column(row, publishedColumn)) }),
    ...optional('endsOn', endsColumn === null ? null : calendarDate(column(row, endsColumn))),
    ...(state === null || openValues.length === 0 ? {} : { open: openValues.includes(state) }),
    ...levelsOf(value(row, 'CAPTHUCHIEN')),
    raw: sameLinks(row),
  }
}

const levelCodes = new Map<string, Level>([
  ['0', 'ministry'],
  ['1', 'province'],
  ['2', 'district'],
  ['3', 'commune'],
])

/** Who does it (spec 4.2); a code that is not known is left out. */
function levelsOf(found: unknown): { levels?: readonly Level[] } {
  const items: readonly unknown[] = Array.isArray(found) ? found : []
  const levels = items.flatMap((item) =>
    isRecord(item) ? (levelCodes.get(column(item, 'CAPTHUCHIEN') ?? '') ?? []) : [],
  )
  return levels.length === 0 ? {} : { levels: [...new Set(levels)] }
}

function codeAndName(row: Row, codeColumn: string, nameColumn: string): { code: string; name: string } | null {
  const code = column(row, codeColumn)
  const name = column(row, nameColumn)
  return code === null || name === null ? null : { code, name }
}

function optional<N extends string>(name: N, found: string | null): { [K in N]?: string } {
  return found === null ? {} : ({ [name]: found } as { [K in N]?: string })
}

/** Columns are told apart by name whatever their case: gateways differ in it. */
export function value(row: Row, name: string): unknown {
  if (name in row) return row[name]
  const key = Object.keys(row).find((one) => one.toLowerCase() === name.toLowerCase())
  return key === undefined ? undefined : row[key]
}

export const column = (row: Row, name: string): string | null => text(value(row, name))

/** `2021-05-06…`, `20210506…` or `06/05/2021…`; null for anything else and for days that do not exist. */
export function calendarDate(found: string | null): string | null {
  const iso = /^(\d{4})-?(\d{2})-?(\d{2})/.exec(found ?? '')
  const vietnamese = /^(\d{1,2})\/(\d{1,2})\/(\d{4})/.exec(found ?? '')
  const [year, month, day] = iso ? iso.slice(1) : (vietnamese?.slice(1).toReversed() ?? [])
  if (year === undefined || month === undefined || day === undefined) return null
  const date = `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`
  const instant = new Date(`${date}T00:00:00Z`)
  return Number.isNaN(instant.getTime()) || instant.toISOString().slice(0, 10) !== date ? null : date
}

/** One known client reads `Url` where another reads `URL`: the kept row says `URL`. Broken surrogates cannot be kept at all. */
function sameLinks(found: unknown): unknown {
  if (typeof found === 'string') return found.toWellFormed()
  if (Array.isArray(found)) return found.map(sameLinks)
  if (!isRecord(found)) return found
  return Object.fromEntries(
    Object.entries(found).map(([key, one]) => [key === 'Url' && !('URL' in found) ? 'URL' : key, sameLinks(one)]),
  )
}
