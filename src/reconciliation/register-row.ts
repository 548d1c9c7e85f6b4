import { z } from 'zod'
import { dayOf } from '../platform/day.ts'
import { namesIn, problem, type TableProblem } from '../platform/table.ts'

/** What one row of the province's own register may say of a dossier. Everything else that stands in it is not read: it may be about citizens. */

export const registerColumns = ['code', 'agency', 'procedure', 'status', 'received_at', 'steps'] as const
export type RegisterColumn = (typeof registerColumns)[number]

/** Columns that can be compared; `code` only says which dossier it is. */
export const registerFields = ['agency', 'procedure', 'status', 'receivedAt', 'steps'] as const
export type RegisterField = (typeof registerFields)[number]

/** Null: the row does not say it. */
export interface RegisterRow {
  /** NFC. */
  readonly code: string
  readonly agency: string | null
  readonly procedure: string | null
  readonly status: string | null
  /** A Vietnam day (`yyyy-MM-dd`), or a minute in UTC (`yyyy-MM-ddTHH:mmZ`). */
  readonly received: string | null
  readonly steps: number | null
}

/** What offices call the columns, without tones and signs (`plainHeader`); of two for the same column the first one here is read. */
const columnNames: Readonly<Record<string, RegisterColumn>> = {
  code: 'code',
  'ma ho so': 'code',
  'agency code': 'agency',
  agencycode: 'agency',
  agency: 'agency',
  'ma co quan': 'agency',
  'ma don vi': 'agency',
  'co quan': 'agency',
  'procedure code': 'procedure',
  procedurecode: 'procedure',
  procedure: 'procedure',
  'ma thu tuc': 'procedure',
  'thu tuc': 'procedure',
  status: 'status',
  'trang thai': 'status',
  'received at': 'received_at',
  receivedat: 'received_at',
  'ngay tiep nhan': 'received_at',
  steps: 'steps',
  'so buoc': 'steps',
}

/** For readers of tables. */
export const registerTable = {
  headers: ['code'],
  optional: registerColumns.filter((column) => column !== 'code'),
  aliases: columnNames,
  times: true,
} as const

export const registerColumnsIn = (headers: readonly string[]): (RegisterColumn | null)[] =>
  namesIn({ cells: headers }, columnNames).map((name) => registerColumns.find((column) => column === name) ?? null)

const notText = 'It holds signs that are no text'
/** Numbers come from JSON and from spreadsheets; a blank cell says nothing. */
const cell = (most: number) =>
  z
    .union([z.string(), z.number()], { error: 'It must be a text' })
    .nullish()
    .transform((value) =>
      String(value ?? '')
        .normalize('NFC')
        .trim(),
    )
    .refine((text) => text.length <= most, { message: `At most ${most} characters` })
    .refine((text) => !/\p{C}/u.test(text), { message: notText })
    .transform((text) => (text === '' ? null : text))

const Row = z.object({
  code: cell(100).transform((text, context) => {
    if (text !== null && !/\s/.test(text)) return text
    context.addIssue({
      code: 'custom',
      message: text === null ? 'It must not be blank' : 'A code has no spaces or control characters',
    })
    return z.NEVER
  }),
  agency: cell(200),
  procedure: cell(100),
  status: cell(100),
  received_at: cell(50).transform((text, context) => {
    const moment = text === null ? null : receivedIn(text)
    if (moment !== undefined) return moment
    context.addIssue({ code: 'custom', message: 'A time is written 2026-03-31 08:30 or 31/03/2026 08:30' })
    return z.NEVER
  }),
  steps: cell(10).transform((text, context) => {
    if (text === null) return null
    if (/^\d{1,6}(?:\.0+)?$/.test(text)) return Number(text)
    context.addIssue({ code: 'custom', message: 'It must be a whole number' })
    return z.NEVER
  }),
})

/** A row as it came: by column, or a text that could not be read as a row at all. */
export interface IncomingRow {
  readonly number: number
  readonly values: Readonly<Partial<Record<RegisterColumn, unknown>>>
}

/** Judges a row; what is wrong with it never repeats what it holds. */
export function readRow({ number, values }: IncomingRow): RegisterRow | readonly TableProblem[] {
  const parsed = Row.safeParse(values)
  if (!parsed.success)
    return parsed.error.issues.map(({ path, message }) => ({
      ...problem(number, null, message),
      name: String(path[0] ?? ''),
    }))
  const { received_at: received, ...rest } = parsed.data
  return { ...rest, received }
}

const clock = String.raw`(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?`
const dayThenTime = new RegExp(String.raw`^(\S+?)(?:T|\s+|,\s*)${clock}$`)
const timeThenDay = new RegExp(String.raw`^${clock}\s+(\S+)$`)

/** Only the year first: of other forms nobody knows which is the month once a zone stands behind them. */
const withZone = /^\d{4}-\d{2}-\d{2}(?:T|\s+)\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:Z|[+-]\d{2}:?\d{2})$/

/** Undefined: no day and no time. Without a zone it is Vietnam's time; midnight is what spreadsheets make of a day without a time. */
function receivedIn(text: string): string | undefined {
  const day = dayOf(text)
  if (day !== null) return day
  const zoned = withZone.test(text) ? minuteOf(text.replace(/^(\S{10})\s+/, '$1T').replace(/\s+/, '')) : undefined
  if (zoned !== undefined) return zoned
  const [, first, h1, m1, s1] = dayThenTime.exec(text) ?? []
  const [, h2, m2, s2, last] = timeThenDay.exec(text) ?? []
  const date = dayOf(first ?? last ?? '')
  const [hour, minute, second] = first === undefined ? [h2, m2, s2] : [h1, m1, s1]
  if (date === null || hour === undefined) return undefined
  const at = `${hour.padStart(2, '0')}:${minute!}:${second ?? '00'}`
  return at === '00:00:00' ? date : minuteOf(`${date}T${at}+07:00`)
}

function minuteOf(text: string): string | undefined {
  const time = Date.parse(text)
  const minute = Number.isNaN(time) ? '' : new Date(time).toISOString().slice(0, 16)
  // Years of other lengths are written with a sign, and never meant.
  return /^\d/.test(minute) ? `${minute}Z` : undefined
}

/** A moment as persons give it, in Vietnam's time where they name no zone; null when it is none, or a day alone. */
export function momentOf(text: string): string | null {
  const read = receivedIn(text.trim())
  return read === undefined || !read.includes('T') ? null : new Date(read).toISOString()
}
