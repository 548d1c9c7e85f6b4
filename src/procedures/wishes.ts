import { z } from 'zod'
import { code, localProcedureCode, required, text } from '../dossiers/model.ts'
import { levels } from '../organisations/model.ts'
import { NationalCode } from './codes.ts'
import { settlements, type Wish } from './decisions.ts'

/** Wishes about local codes as they come from outside. */

const localCode = localProcedureCode
const agencyCode = code(50).nullable().default(null)
const day = z.iso.date()
const mapping = {
  localCode,
  nationalCode: NationalCode,
  source: required(50).nullable().default(null).describe('Only dossiers of this one-stop system'),
  agencyCode: agencyCode.describe('Only dossiers of this agency'),
  level: z.enum(levels).nullable().default(null),
  validFrom: day.nullable().default(null).describe('First day of reception, Vietnam date'),
  validTo: day.nullable().default(null).describe('The mapping ends before this day'),
}
export const WishBody = z.discriminatedUnion('verdict', [
  z.strictObject({
    verdict: z.literal('accept'),
    ...mapping,
    why: text(2000).optional().describe('Why this one, where it is not the reason of the whole decision'),
  }),
  z.strictObject({ verdict: z.literal('end'), ...mapping, before: day.describe('It holds no more from this day on') }),
  z.strictObject({ verdict: z.literal('withdraw'), ...mapping }).describe('It was a mistake and never held'),
  z.strictObject({ verdict: z.literal('reject'), localCode, nationalCode: NationalCode, agencyCode }),
  z.strictObject({ verdict: z.enum([...settlements, 'reopen']), localCode, agencyCode }),
])

export function wishOf(body: z.output<typeof WishBody>): Wish {
  if (body.verdict === 'accept') {
    const { verdict, why, ...mapping } = body
    return { verdict, mapping, ...(why === undefined ? {} : { why }) }
  }
  if (body.verdict === 'withdraw') {
    const { verdict, ...mapping } = body
    return { verdict, mapping }
  }
  if (body.verdict === 'end') {
    const { verdict, before, ...mapping } = body
    return { verdict, mapping, before }
  }
  return body
}
