import { z } from 'zod'
import { statuses, statusMoves, type Status } from '../../config/statuses.ts'
import { levels } from '../organisations/model.ts'

/**
 * What a one-stop system tells us about a dossier, in plain English. Everything the portal's 2019 and 2022 payloads carry
 * can be said here; the portal's own field names live in adapters/portal. Unknown fields are refused by name, so that a
 * misspelt field is noticed on the first push and not in the yearly score.
 */
export const text = (max: number) =>
  z
    .string()
    .max(max)
    // PostgreSQL cannot store NUL in text and a lone surrogate is not UTF-8: say so here, with the field's name.
    .refine((value) => !value.includes('\u0000'), { message: 'must not contain a NUL character' })
    .refine((value) => value.isWellFormed(), { message: 'must be well-formed Unicode' })
export const required = (max: number) =>
  text(max).refine((value) => value.trim().length > 0, { message: 'must not be blank' })

/** Identifiers travel in URLs, headers and log lines: visible characters without white space. */
export const code = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\s\p{C}]+$/u, { message: 'must not contain spaces or control characters' })

/** A procedure code as a one-stop system has it: spreadsheets put spaces into many. */
export const localProcedureCode = required(100).transform((value) => value.trim())

const earliest = Date.parse('1975-01-01T00:00:00Z')
const latest = Date.parse('2100-01-01T00:00:00Z')
/** ISO 8601 with an offset, for example `2026-03-02T08:30:00+07:00`. Stored in UTC. */
export const moment = z.iso
  .datetime({ offset: true })
  .refine((value) => Date.parse(value) >= earliest && Date.parse(value) < latest, {
    message: 'must lie between 1975 and 2100',
  })
  .transform((value) => new Date(value).toISOString())
  .meta({ format: 'date-time' })

const link = z
  .string()
  .max(2000)
  .regex(/^https?:\/\/[^\s\p{C}]+$/u, { message: 'must be an http or https address' })
const amount = z.number().int().min(0).max(1e15)

const Paper = z.strictObject({
  id: text(100).optional(),
  name: required(4000),
  deleted: z.boolean().optional(),
  paperCode: text(100).optional(),
  url: link.optional(),
  digitised: z.boolean().optional(),
  reused: z.enum(['no', 'yes', 'with-replacement']).optional(),
  fromNationalStore: z.boolean().optional(),
  replacementResultCode: text(100).optional(),
})
const Fee = z.strictObject({
  name: required(1000),
  code: text(100).optional(),
  collection: text(50).optional(),
  amount,
  kind: text(50).optional(),
})
const Supplement = z.strictObject({
  id: text(100),
  requestedBy: required(200),
  content: required(4000),
  requestedAt: moment,
  receivedBy: text(200).optional(),
  receptionNote: text(2000).optional(),
  receivedAt: moment.optional(),
  done: z.boolean().optional(),
  papers: z.array(Paper).max(200).optional(),
  fees: z.array(Fee).max(50).optional(),
  promisedBefore: moment.optional(),
  promisedAfter: moment.optional(),
})
const Result = z.strictObject({
  name: required(2000),
  id: text(100).optional(),
  paperCode: text(100).optional(),
  resultCode: text(100).optional(),
  url: link.optional(),
})
const Owner = z.strictObject({
  type: z.enum(['citizen', 'enterprise', 'state-body', 'organisation']),
  name: text(500).optional(),
  idNumber: text(50).optional(),
  portalAccountId: text(200).optional(),
  email: text(200).optional(),
  phone: text(50).optional(),
  fax: text(50).optional(),
  /** `type` is the portal's own identity type; 1 is a 12-digit and 2 a 9-digit number, others are not public. */
  identities: z
    .array(z.strictObject({ type: code(10), number: required(50) }))
    .max(20)
    .optional(),
})

export const DossierContent = z.strictObject({
  procedureCode: localProcedureCode,
  procedureName: text(2000).optional(),
  /** The unit that handles the dossier (competent agency). */
  agencyCode: code(50),
  /** Where it was handed in and who officially receives it, when they are other units (Decree 118/2025). */
  intakeAgencyCode: code(50).optional(),
  receivingAgencyCode: code(50).optional(),
  level: z.enum(levels).optional(),
  /** One of our statuses, or the one-stop system's own word if a status mapping for it was imported. */
  status: z.union([z.enum(statuses), required(100)]),
  channel: z.enum(['counter', 'online', 'post']).optional(),
  submittedThrough: z.enum(['national-portal', 'local']).optional(),
  receiptNumber: text(100).optional(),
  owner: Owner,
  summary: text(20_000).optional(),
  note: text(20_000).optional(),
  otherInformation: text(20_000).optional(),
  submittedAt: moment.optional(),
  receivedAt: moment,
  promisedAt: moment.optional(),
  finishedAt: moment.optional(),
  returnedAt: moment.optional(),
  refusedAt: moment.optional(),
  returnMethod: z.enum(['in-person', 'post']).optional(),
  returnNote: text(4000).optional(),
  papers: z.array(Paper).max(500).optional(),
  fees: z.array(Fee).max(100).optional(),
  otherAttachments: z
    .array(
      z.strictObject({
        name: required(2000),
        quantity: z.number().int().min(0).max(100_000),
        kind: text(50).optional(),
      }),
    )
    .max(200)
    .optional(),
  supplements: z.array(Supplement).max(100).optional(),
  results: z.array(Result).max(100).optional(),
  hasDigitisedPapers: z.boolean().optional(),
  verifiedWithVneid: z.boolean().optional(),
  paidOnline: z.enum(['no', 'on-portal', 'local-gateway']).optional(),
  databases: z.array(code(50)).max(50).optional(),
})
export type DossierContent = z.output<typeof DossierContent>

export const Step = z.strictObject({
  at: moment,
  status: z.union([z.enum(statuses), required(100)]),
  officer: text(200),
  position: text(200).optional(),
  department: text(500).optional(),
  content: required(20_000),
  startedAt: moment.optional(),
  dueAt: moment.optional(),
})
export type Step = z.output<typeof Step>

/** A change as pushed: the dossier's whole content, the change's own time and version, and the steps known so far. */
export const DossierChange = z.strictObject({
  code: code(100),
  /** When the one-stop system made this change: decides which of two changes is newer. */
  changedAt: moment,
  /** The one-stop system's own counter, when it has one: decides before `changedAt`. */
  version: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  /** Old dossiers pushed in bulk: delivered after fresh changes. */
  backfill: z.boolean().optional(),
  ...DossierContent.shape,
  steps: z.array(Step).max(1000).optional(),
})
export type DossierChange = z.output<typeof DossierChange>

/** What the ledger says to one pushed change. */
export type Verdict = 'stored' | 'unchanged' | 'superseded'

/** Of two changes of one dossier, is the incoming one older? Version decides when both have one, else the time. Equal is not older. */
export function isOlder(
  incoming: { version: number | null; changedAt: string },
  current: { version: number | null; changedAt: string },
): boolean {
  if (incoming.version !== null && current.version !== null && incoming.version !== current.version)
    return incoming.version < current.version
  return incoming.changedAt < current.changedAt
}

/** Is this move allowed by the procedure rules? The first status and a repeated status always are; unmapped words are judged elsewhere. */
export function isLegalMove(from: Status | null, to: Status | null): boolean {
  if (from === null || to === null || from === to) return true
  return statusMoves[from].includes(to)
}

export function isStatus(value: string): value is Status {
  return (statuses as readonly string[]).includes(value)
}

/** The Vietnam calendar date of an instant, `yyyy-MM-dd`. Vietnam keeps UTC+7 all year. */
export function vietnamDate(instant: string): string {
  return new Date(Date.parse(instant) + 7 * 3_600_000).toISOString().slice(0, 10)
}

/** The first instant of a Vietnam calendar date. */
export const startOfDay = (date: string): Date => new Date(`${date}T00:00:00+07:00`)

/** The year of a day in Vietnam up to and including that day: what is shown when nobody names a period. */
export function yearUntil(day: Date): { from: string; to: string } {
  const after = vietnamDate(new Date(day.getTime() + 86_400_000).toISOString())
  return { from: `${vietnamDate(day.toISOString()).slice(0, 4)}-01-01`, to: after }
}

/** Today in Vietnam. */
export const vietnamToday = (): string => vietnamDate(new Date().toISOString())
