import { z } from 'zod'
import { yearUntil } from '../dossiers/model.ts'
import { levels } from '../organisations/model.ts'
import type { Sql } from '../platform/database.ts'
import { blank } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import { noLevel } from './model.ts'
import { newestDay } from './store.ts'

/** What a report or a list of dossiers is limited to, as an address says it. */

export const selection = {
  from: blank(z.iso.date()).describe('First day of reception, Vietnam date'),
  to: blank(z.iso.date()).describe('Day after the last day of reception, Vietnam date'),
  agency: blank(z.string().max(50)),
  level: blank(z.enum([...levels, noLevel])),
  procedure: blank(z.string().max(100)).describe('Procedure code as the one-stop system knows it'),
}

interface Asked {
  readonly from?: string | undefined
  readonly to?: string | undefined
}

/** The period that was asked for, or the year until a day, which is today. Throws a refusal when it ends before it begins. */
export function chosenPeriod(query: Asked, day = new Date()): { from: string; to: string } {
  const year = yearUntil(day)
  const period = { from: query.from ?? year.from, to: query.to ?? year.to }
  if (period.from >= period.to) throw new Refusal('invalid-field', 'from must be earlier than to', { field: 'from' })
  return period
}

/** The same for a page: where nothing was asked for, the newest year in which something was received. */
export async function shownPeriod(sql: Sql, query: Asked, agencies: readonly string[] | undefined) {
  const isAsked = query.from !== undefined || query.to !== undefined
  return chosenPeriod(query, isAsked ? undefined : await newestDay(sql, agencies))
}
