import { z } from 'zod'
import { levels } from '../organisations/model.ts'
import { dayOf } from '../platform/day.ts'

/** What single cells of lists may hold; each says in plain words what is wrong with it. */

const mostText = 2000

export const cellText = (most = mostText) =>
  z
    .string()
    .refine((value) => !value.includes('\u0000') && value.isWellFormed(), {
      message: 'It holds signs that are no text',
    })
    .max(most, { message: `At most ${most} characters` })
export const needed = (most = mostText) => cellText(most).min(1, { message: 'It must not be blank' })
export const codeCell = (most = mostText) =>
  needed(most).regex(/^[^\s\p{C}]*$/u, { message: 'A code has no spaces or control characters' })
/** Real lists hold codes with spaces and brackets inside. */
export const localCodeCell = (most = mostText) =>
  needed(most).regex(/^[^\p{C}]*$/u, { message: 'A code has no control characters' })
export const blankIsNull = <T extends z.ZodType>(schema: T) =>
  z.union([z.literal('').transform(() => null), schema], { error: (issue) => unionMessage(issue) })

/** The complaint of the member that is not the blank one. */
function unionMessage(issue: z.core.$ZodRawIssue): string | undefined {
  return issue.code === 'invalid_union' ? issue.errors.at(-1)?.[0]?.message : undefined
}

export const levelCell = z.enum(levels, { error: `It must be one of ${levels.join(', ')}` })
export const dayCell = z.string().transform((value, context) => {
  const found = dayOf(value)
  if (found !== null) return found
  context.addIssue({ code: 'custom', message: 'A day is written 2026-03-31 or 31/03/2026' })
  return z.NEVER
})
