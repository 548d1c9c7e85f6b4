import { z } from 'zod'
import { failures } from '../../config/failures.ts'
import { replayLimits } from '../../config/replays.ts'
import { code } from '../dossiers/model.ts'
import type { Sql } from '../platform/database.ts'
import { Refusal } from '../platform/problems.ts'

/** States from which a dossier can be sent again: `parked` and `blocked` unless one is named, `delivered` by name only. */
export const replayStates = ['parked', 'blocked', 'delivered'] as const
export type ReplayState = (typeof replayStates)[number]

const reason = code(100).refine((value) => Object.hasOwn(failures, value), {
  message: 'is not a reason this service knows',
})
const day = z.iso.date()
const dayLength = 86_400_000

/** Which dossiers are sent again. Every criterion narrows the choice; at least one must bound it. */
export const ReplayFilter = z
  .strictObject({
    codes: z.array(code(100)).min(1).max(replayLimits.codes).optional().describe('These dossiers, by their codes'),
    agency: code(50).optional(),
    procedure: code(100).optional().describe('Procedure code as the one-stop system knows it'),
    reason: reason.optional().describe('Why they stopped'),
    error: code(100).optional().describe("The portal's own code for the error"),
    from: day.optional().describe('First day of reception, Vietnam date'),
    to: day.optional().describe('Day after the last day of reception, Vietnam date'),
    state: z.enum(replayStates).optional().describe('Default: parked and blocked'),
    allOfPeriod: z.boolean().optional().describe('With state delivered: the period alone is meant'),
  })
  .meta({ id: 'ReplayFilter' })
export type ReplayFilter = z.output<typeof ReplayFilter>

/**
 * Refuses what could be the whole history: a filter that bounds nothing, a period without an end or over a quarter of a year as the
 * only bound, and delivered dossiers by anything less than their codes or a period with a second criterion.
 */
export function checkFilter(filter: ReplayFilter): void {
  const { from, to, state, codes, allOfPeriod } = filter
  if (from !== undefined && to !== undefined && from >= to)
    throw new Refusal('invalid-field', 'from must be earlier than to', { field: 'filter.from' })
  if (allOfPeriod !== undefined && state !== 'delivered')
    throw new Refusal('invalid-field', 'allOfPeriod is only for state delivered', { field: 'filter.allOfPeriod' })
  if (state === 'delivered' && filter.reason !== undefined)
    throw new Refusal('invalid-field', 'A delivered dossier has no reason', { field: 'filter.reason' })
  if (state === 'delivered' && filter.error !== undefined)
    throw new Refusal('invalid-field', 'A delivered dossier has no error', { field: 'filter.error' })
  if (codes !== undefined) return
  const others = [filter.agency, filter.procedure, filter.reason, filter.error].some((value) => value !== undefined)
  const bounded = periodOf(filter)
  if (state === 'delivered') return checkDelivered(bounded, others || allOfPeriod === true)
  if (others || bounded === 'short') return
  throw tooBroad(
    bounded === 'none'
      ? 'Name at least one of agency, procedure, reason, error, codes, or a period (from and to)'
      : `A period alone needs both ends and at most ${replayLimits.periodDays} days`,
  )
}

function checkDelivered(bounded: ReturnType<typeof periodOf>, narrowed: boolean): void {
  if (bounded !== 'short')
    throw tooBroad(
      `Delivered dossiers need a period (from and to) of at most ${replayLimits.periodDays} days, or codes`,
    )
  if (!narrowed) throw tooBroad('Delivered dossiers need agency or procedure beside the period, or allOfPeriod')
}

const tooBroad = (detail: string) => new Refusal('replay-too-broad', detail, { field: 'filter' })

function periodOf({ from, to }: ReplayFilter): 'none' | 'short' | 'open' {
  if (from === undefined && to === undefined) return 'none'
  if (from === undefined || to === undefined) return 'open'
  return (Date.parse(to) - Date.parse(from)) / dayLength <= replayLimits.periodDays ? 'short' : 'open'
}

/** Agencies a reader is limited to; null = no limit. */
export type Scope = readonly string[] | null

/** The lanes (`l`) of dossiers (`d`) that a filter chooses. Written out by state, so that the partial indexes can be used. */
export function chosenBy(sql: Sql, filter: ReplayFilter, scope: Scope) {
  const { codes, agency, procedure, reason: stopped, error, from, to, state } = filter
  return sql`
    ${stateIs(sql, state)}
    ${codes ? sql`and d.code = any(${codes}::text[])` : sql``}
    ${agency ? sql`and d.agency_code = ${agency}` : sql``}
    ${scope ? sql`and d.agency_code = any(${[...scope]}::text[])` : sql``}
    ${procedure ? sql`and d.procedure_code = ${procedure}` : sql``}
    ${stopped ? sql`and l.reason = ${stopped}` : sql``}
    ${error ? sql`and l.detail->>'code' = ${error}` : sql``}
    ${from ? sql`and d.received_at >= ${from}::date::timestamp at time zone 'Asia/Ho_Chi_Minh'` : sql``}
    ${to ? sql`and d.received_at < ${to}::date::timestamp at time zone 'Asia/Ho_Chi_Minh'` : sql``}`
}

function stateIs(sql: Sql, state: ReplayState | undefined) {
  if (state === 'parked') return sql`l.state = 'parked'`
  if (state === 'blocked') return sql`l.state = 'blocked'`
  if (state === 'delivered') return sql`l.state = 'delivered'`
  return sql`l.state in ('parked', 'blocked')`
}
