import { z } from 'zod'
import { findingKinds } from './agreement.ts'
import { registerKinds } from './register-compare.ts'
import type { Run } from './runs.ts'

/** A run as the API shows it. */

const count = z.number().int()
const rate = z.number().nullable().describe('Percentage, rounded down to one decimal')

export const RunView = z
  .object({
    id: count,
    startedAt: z.string(),
    finishedAt: z.string().nullable(),
    askedBy: z.string(),
    state: z.enum(['running', 'finished', 'failed']),
    scope: z.object({
      sample: z.number().optional(),
      limit: count.optional(),
      from: z.string().optional(),
      to: z.string().optional(),
      agency: z.string().optional(),
      only: z.array(z.string()).optional().describe('These dossiers alone: the first 100'),
      onlyCount: count.nullable(),
      daily: z.object({ since: z.string().nullable(), every: count, turn: count }).optional(),
      codes: z
        .array(z.string())
        .describe(
          "Codes of the province's register that the ledger did not hold: the first 100; all of them are among the findings",
        ),
      codesCount: count,
    }),
    sampled: z.boolean(),
    register: z
      .object({
        total: count,
        held: count,
        missing: count,
        unregistered: count
          .nullable()
          .describe('Dossiers of the ledger, in scope, that the register does not have; null: it is not a whole one'),
        examples: z.array(z.string()).readonly(),
        counts: z
          .record(z.enum(registerKinds), count)
          .nullable()
          .describe('All but not-in-register together are total; null in runs of before'),
        fields: z
          .record(z.string(), z.object({ equal: count, different: count, unclear: count }))
          .describe('In how many dossiers a field was equal, different, or not to be compared'),
        given: z
          .object({
            name: z.string(),
            hash: z.string().nullable().describe('SHA-256 of what came'),
            rows: count,
            asOf: z.string().describe('The moment it speaks of'),
            source: z.string().nullable(),
            complete: z.boolean(),
            inLedger: count.describe('Dossiers of the ledger in its scope when the run began'),
            judgedAt: z.string().nullable().describe('Null: it is being judged, and its counts grow'),
          })
          .nullable(),
      })
      .nullable()
      .describe("The province's own register against the ledger; held and missing are its total"),
    total: count,
    counts: z.record(z.enum(findingKinds), count),
    agreement: z.object({
      answered: count,
      agreed: count,
      rate,
      interval: z.object({ low: z.number(), high: z.number() }).nullable().describe('95 % confidence (Wilson)'),
    }),
    note: z.string(),
  })
  .meta({ id: 'ReconciliationRun' })

/** The same value; what the schema and the type say of it is the same, but for what may be changed. */
export const runView = (run: Run) => run as z.output<typeof RunView>
