import { z } from 'zod'
import { levels } from '../organisations/model.ts'
import { Refusal } from '../platform/problems.ts'
import { noLevel } from './model.ts'
import { currentYear } from './store.ts'

/** What a report or a list of dossiers is limited to, as an address says it. */

/** A parameter that may be left out or left blank, as forms do. */
export const blank = <T extends z.ZodType<string>>(schema: T) =>
  z
    .union([z.literal(''), schema])
    .optional()
    .transform((value): z.output<T> | undefined => (value === '' ? undefined : (value as z.output<T> | undefined)))

export const selection = {
  from: blank(z.iso.date()).describe('First day of reception, Vietnam date'),
  to: blank(z.iso.date()).describe('Day after the last day of reception, Vietnam date'),
  agency: blank(z.string().max(50)),
  level: blank(z.enum([...levels, noLevel])),
  procedure: blank(z.string().max(100)).describe('Procedure code as the one-stop system knows it'),
}

/** Agencies the reader is limited to; undefined = none of the limits. */
export const limitOf = (agencies: readonly string[]) => (agencies.includes('*') ? undefined : agencies)

/** The period that was asked for; this year where nothing was. Throws a refusal when it ends before it begins. */
export function chosenPeriod(query: { from?: string | undefined; to?: string | undefined }): {
  from: string
  to: string
} {
  const year = currentYear(new Date())
  const period = { from: query.from ?? year.from, to: query.to ?? year.to }
  if (period.from >= period.to) throw new Refusal('invalid-field', 'from must be earlier than to', { field: 'from' })
  return period
}
