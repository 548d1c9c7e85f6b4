import { z } from 'zod'
import { vietnamToday } from '../dossiers/model.ts'
import { blank } from '../platform/http.ts'
import { monthAfter, parts } from './figures.ts'
import { cellCursor } from './store.ts'

/** What counters are asked for, as an address says it. */

export const monthPattern = /^(?:19|20)\d\d-(?:0[1-9]|1[0-2])$/
const month = z.string().regex(monthPattern, { message: 'must be a month such as 2026-07' })

export const monthQuery = {
  month: blank(month).describe('Month in Vietnam, yyyy-MM (default: the last one that is over)'),
}
export const wholeMonth = month.describe('Month in Vietnam, yyyy-MM')

export const lastMonth = (): string => monthAfter(vietnamToday().slice(0, 7), -1)

export const behindQuery = {
  month: wholeMonth,
  part: z.enum(parts),
  unit: blank(z.string().max(50)),
  nobodys: z.literal('1').optional().describe('Of this code, those of which nobody can say whose they are'),
  cursor: blank(z.string().regex(cellCursor)),
}
