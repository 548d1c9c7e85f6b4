import type { Agreement, Counts } from '../reconciliation/agreement.ts'
import type { Run } from '../reconciliation/runs.ts'
import type { assumed, figuresNote, KonTum, published } from './kon-tum/generator.ts'
import type { Causes } from './ledger.ts'
import type { Intake } from './load.ts'
import { isClean, type Verification } from './verify.ts'

/** Figures of the ledger at the end of an act. */
export interface Act {
  readonly received: number
  readonly delivered: number
  readonly atPortal: number
  readonly rate: number | null
  readonly causes: Causes
  /** As the report has them, by failure code. */
  readonly byCause: readonly { readonly code: string; readonly count: number }[]
  /** Where the report does not add up; empty when it does. */
  readonly sums: readonly string[]
}

interface Figures {
  readonly actOne: Act & {
    /** The province's figure, scaled. */
    readonly target: number
    readonly clock: { readonly stoppedBy: 'figure' | 'time'; readonly seconds: number }
    /** Calls that the crowded portal turned away (429); each was tried again. */
    readonly turnedAway: number
    readonly intake: Intake & { readonly seconds: number }
  }
  readonly actTwo: Act & {
    /** Local codes accepted by suggestions that need no person. */
    readonly suggested: { readonly codes: number; readonly released: number }
    /** Those that a person chose among the candidates. */
    readonly reviewed: { readonly codes: number; readonly released: number }
    /** The rest, by the list that the province made by hand. */
    readonly mappings: number
    readonly released: number
  }
  readonly verification: Verification
  readonly reconciliation: {
    readonly state: Run['state']
    readonly total: number
    readonly counts: Counts
  } & Agreement
}

export interface DemoResult extends Figures {
  readonly good: boolean
  /** What is not as it must be, in words; empty when good. */
  readonly problems: readonly string[]
  readonly scale: number
  readonly published: typeof published
  readonly assumed: typeof assumed
  readonly note: typeof figuresNote
  readonly seconds: Readonly<Record<string, number>>
}

/** Compares the figures with what the generator planted: every dossier's fate was decided before it was written. */
export function judge({ actOne, actTwo, verification, reconciliation }: Figures, truth: KonTum['truth']): string[] {
  const wrong: string[] = [...actOne.sums, ...actTwo.sums]
  const equal = (what: string, found: number, planted: number) => {
    if (found !== planted) wrong.push(`${what}: ${found} instead of ${planted}`)
  }
  const unsendable = Object.values(truth.unsendable).reduce((sum, count) => sum + count, 0)
  equal('stored by the intake', actOne.intake.stored, truth.total)
  equal('act one, received', actOne.received, truth.total)
  equal('act one, without a national code', actOne.causes.noNationalCode, truth.noNationalCode)
  equal('act one, before the publication', actOne.causes.predatesPublication, truth.predatesPublication)
  equal('act one, unsendable', actOne.causes.unsendable, unsendable)
  equal('act one, in step or waiting', actOne.delivered + actOne.causes.slowSync, truth.resolvable)
  equal(
    'act two, released',
    actTwo.suggested.released + actTwo.reviewed.released + actTwo.released,
    truth.noNationalCode + truth.predatesPublication - truth.neverMappable,
  )
  equal('act two, received', actTwo.received, truth.total)
  equal('act two, in step', actTwo.delivered, truth.total - truth.neverMappable - unsendable)
  const planted = { ...truth.unsendable, 'no-national-code': truth.neverMappable }
  const found = Object.fromEntries(actTwo.byCause.map(({ code, count }) => [code, count]))
  for (const code of new Set([...Object.keys(planted), ...Object.keys(found)]))
    equal(`act two, ${code}`, found[code] ?? 0, planted[code as keyof typeof planted] ?? 0)
  equal('verified dossiers', verification.dossiers, actTwo.delivered)
  if (!isClean(verification)) wrong.push('ledger and portal differ: see verification')
  equal('reconciled in agreement', reconciliation.agreed, reconciliation.total)
  if (reconciliation.state !== 'finished') wrong.push(`the reconciliation is ${reconciliation.state}`)
  return wrong
}
