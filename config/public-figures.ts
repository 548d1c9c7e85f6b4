import { z } from 'zod'
import { indicators } from './score-766.ts'

/**
 * The portal's public reporting API as data: what is known of it, and the form of the file in which a province says what is not. No value
 * of an answer has a public description, so that no figure is read unless that file says where it stands and who says so.
 */
interface Text {
  readonly vi: string
  readonly en: string
}

/** How a report is told which time it is asked about. */
type Asks = 'period' | 'dates'

export const publicReports = {
  'service-results': { asks: 'period', vi: 'Kết quả phục vụ', en: 'Service results' },
  transparency: { asks: 'period', vi: 'Công khai, minh bạch', en: 'Transparency' },
  'dvc-progress-tree': { asks: 'period', vi: 'Tiến độ giải quyết', en: 'Progress' },
  'provide-online-tree': { asks: 'period', vi: 'Cung cấp dịch vụ trực tuyến', en: 'Online service' },
  'formality-online-payment-tree': { asks: 'period', vi: 'Thanh toán trực tuyến', en: 'Online payment' },
  'dossier-digitized': { asks: 'period', vi: 'Số hóa hồ sơ', en: 'Digitisation' },
  'handling-satisfaction': { asks: 'dates', vi: 'Mức độ hài lòng', en: 'Satisfaction' },
} as const satisfies Record<string, Text & { asks: Asks }>
export type PublicReportName = keyof typeof publicReports
export const publicReportNames = Object.keys(publicReports) as [PublicReportName, ...PublicReportName[]]

/** Keys of an answer that clients of the API have seen (2026, confidence A); everything beneath them is unknown. */
export const knownKeys = {
  overview: 'overview',
  lists: ['evaluation', 'children'],
  unit: 'departmentId',
} as const

/** UUIDs since 2026, numbers before. It is sent as it is written here, and found in answers in either way. */
const portalId = z.union([z.string().trim().min(1).max(100), z.number().int().nonnegative()])
export type PortalId = z.output<typeof portalId>

const segment = String.raw`[\p{L}\d_-]+(?:\[[\p{L}\d_-]+=[^\]\[]+\])?`
/** Names separated by dots; `name[key=value]` is the row of a list that has this value. */
const path = z
  .string()
  .max(300)
  .regex(new RegExp(`^${segment}(?:\\.${segment})*$`, 'u'), {
    message: 'must be names separated by dots, such as evaluation[code=DOSSIER_SYNC].rate',
  })
const day = z.iso.date()

export const confidences = ['A', 'B', 'C', 'K'] as const
/** Beside the indicators: the dossiers that the portal counts as received in the period. */
export const publicSubjects = [...indicators, 'dossiers'] as const
export type PublicSubject = (typeof publicSubjects)[number]

const Figure = z
  .strictObject({
    report: z.enum(publicReportNames),
    what: z.enum(publicSubjects),
    /** `answer`: paths begin at `data`, for the unit that was asked about; `unit`: at the part whose departmentId is the unit's. */
    in: z.enum(['answer', 'unit']),
    numerator: path.optional(),
    denominator: path.optional(),
    rate: path.optional(),
    /** Whether 85 % is written 85 or 0.85. */
    rateIs: z.enum(['percent', 'share']).optional(),
    source: z.string().trim().min(1).max(300),
    date: z.string().regex(/^\d{4}(-\d{2}(-\d{2})?)?$/),
    confidence: z.enum(confidences),
  })
  .refine(({ numerator, denominator, rate }) => numerator ?? denominator ?? rate, {
    message: 'names no value: give numerator, denominator or rate',
  })
  .refine(({ rate, rateIs }) => rate === undefined || rateIs !== undefined, {
    path: ['rateIs'],
    message: 'must be percent or share',
  })
export type PublicFigure = z.output<typeof Figure>

const Unit = z
  .strictObject({ code: z.string().trim().min(1).max(50), id: portalId, from: day.optional(), to: day.optional() })
  .refine(({ from, to }) => from === undefined || to === undefined || from < to, {
    path: ['to'],
    message: 'must be later than from; it is the first day on which the id no longer holds',
  })
export type PublicUnit = z.output<typeof Unit>

const word = z.union([z.string().min(1).max(50), z.number().int()])

/** Which list an answer gives by pages. */
const Rows = z
  .partialRecord(z.enum([...publicReportNames, 'others']), z.enum(knownKeys.lists))
  .refine(({ others }) => others !== undefined, { path: ['others'], message: 'must be evaluation or children' })

const ReportMap = z.strictObject({
  /** The province at the portal. */
  root: portalId,
  units: z.array(Unit).max(10_000).default([]),
  /** Values of `code` that mean success: seen are "OK" and 200. */
  ok: z.array(word).min(1).default(['OK', 200]),
  /** What `timeType` is called, for each length of time that shall be asked for. */
  timeType: z
    .strictObject({ month: word.optional(), quarter: word.optional(), year: word.optional() })
    .refine((words) => Object.values(words).some((one) => one !== undefined), {
      message: 'must name month, quarter or year',
    }),
  /** How fromDate and toDate are written; left out, the one report that needs them is not asked for. */
  dates: z.enum(['yyyy-MM-dd', 'dd/MM/yyyy', 'yyyyMMdd']).optional(),
  /** Number of the first page. */
  firstPage: z.union([z.literal(0), z.literal(1)]),
  pageSize: z.number().int().min(1).max(1000).default(100),
  /** By report; `others` for those that are not named. */
  rows: Rows,
  /** Where an answer says how many rows all pages have, from `data` on. */
  total: path.optional(),
  figures: z.array(Figure).max(500).default([]),
})
export type PublicReportMap = z.output<typeof ReportMap>

/** A file that cannot be used; every problem names its field. */
export class PublicReportMapError extends Error {
  constructor(problems: readonly string[]) {
    super(problems.join('; '))
    this.name = 'PublicReportMapError'
  }
}

export function readPublicReportMap(text: string): PublicReportMap {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new PublicReportMapError(['the file is not valid JSON'])
  }
  const result = ReportMap.safeParse(value)
  if (result.success) return result.data
  throw new PublicReportMapError(
    result.error.issues.map(({ path: where, message }) => `${where.map(String).join('.') || 'the file'}: ${message}`),
  )
}

/** Reports that can be asked for with what the file says. */
export const reportsAsked = ({ dates }: PublicReportMap): readonly PublicReportName[] =>
  publicReportNames.filter((name) => publicReports[name].asks === 'period' || dates !== undefined)

/** Our own pace towards a site that is not ours, in milliseconds: never that of the dossiers. */
export interface PublicReportPace {
  readonly pause: readonly [number, number]
  readonly waits: readonly number[]
  readonly longestWait: number
  readonly deadline: number
}
export const publicReportPace: PublicReportPace = {
  pause: [350, 2_500],
  /** Before a call that was turned away is tried again; then the whole fetch is given up. */
  waits: [10_000, 60_000, 180_000],
  longestWait: 600_000,
  deadline: 60_000,
}

export const publicReportLimits = {
  answerBytes: 16 * 1024 * 1024,
  /** Signs of all pages of a report, and of all reports of a fetch: they are held until its end. */
  reportSize: 16 * 1024 * 1024,
  fetchSize: 64 * 1024 * 1024,
  pages: 500,
  /** Days the complete figures of each day are kept, and those of fetches that failed. */
  keepDays: 400,
  keepFailedDays: 30,
  /** A complete fetch that is older is shown as stale. */
  staleSeconds: 36 * 3600,
} as const
