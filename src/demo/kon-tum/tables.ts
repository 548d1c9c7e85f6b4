import { readFileSync } from 'node:fs'
import { parse } from 'csv-parse/sync'
import { z } from 'zod'
import { levels } from '../../organisations/model.ts'

const AgencyRow = z.strictObject({
  code: z.string(),
  /** What the department's own procedure codes begin with; empty for districts and communes. */
  abbreviation: z.string(),
  level: z.enum(levels),
  name: z.string(),
})
export type AgencyRow = z.output<typeof AgencyRow>

const NationalRow = z.strictObject({
  national_code: z.string(),
  level: z.enum(['province', 'district', 'commune']),
  department: z.string(),
  name: z.string(),
})
export type NationalRow = z.output<typeof NationalRow>

function read<T extends z.ZodType>(file: string, row: T): z.output<T>[] {
  const text = readFileSync(new URL(file, import.meta.url), 'utf8')
  return z.array(row).parse(parse(text, { columns: true, skip_empty_lines: true }))
}

export const readAgencies = (): AgencyRow[] => read('agencies.csv', AgencyRow)
export const readNational = (): NationalRow[] => read('procedures.csv', NationalRow)
