import type { TruthRow } from './files.ts'
import type { Candidate, Matcher } from './suggest.ts'

/** How well a matcher does on rows whose answer is known. Rates from 0 to 1. */
export interface Evaluation {
  /** Distinct (name, national code) pairs. */
  readonly rows: number
  /** Rows whose code is in the catalogue, and those whose code is not: these have no right answer. */
  readonly present: number
  readonly absent: number
  /** Share of the present rows whose code came first, and among the first five. */
  readonly top1: number
  readonly top5: number
  /** Share of all acceptances that are right; 1 when nothing was accepted. */
  readonly acceptPrecision: number
  /** Share of the present rows that were accepted, and rightly. */
  readonly acceptCoverage: number
  /** Share of the absent rows that were accepted all the same. */
  readonly falseAccepts: number
  /** Present rows whose code did not come first, and every wrong acceptance. */
  readonly confusions: readonly Confusion[]
}

export interface Confusion {
  readonly localCode: string
  readonly localName: string
  readonly expected: string
  /** Place of the expected code among the first five, from 1; null when it is not there. */
  readonly place: number | null
  readonly got: string | null
  readonly gotName: string | null
  readonly accepted: boolean
}

export function evaluate(
  matcher: Matcher,
  truth: readonly TruthRow[],
  known: (code: string) => boolean,
  evidence: 'all' | 'name',
): Evaluation {
  const pairs = [...new Map(truth.map((row) => [JSON.stringify([row.local_name, row.national_code]), row])).values()]
  const judged = pairs.map((row) => {
    const { candidates } = matcher.suggest({ code: row.local_code, name: row.local_name }, { top: 5, evidence })
    return { row, first: candidates[0], place: candidates.findIndex(({ code }) => code === row.national_code) }
  })
  const present = judged.filter(({ row }) => known(row.national_code))
  const absent = judged.filter(({ row }) => !known(row.national_code))
  const accepted = judged.filter(isAccepted)
  const right = accepted.filter(({ place }) => place === 0)
  const share = (part: readonly unknown[], whole: readonly unknown[], none = 0) =>
    whole.length === 0 ? none : part.length / whole.length
  return {
    rows: judged.length,
    present: present.length,
    absent: absent.length,
    top1: share(
      present.filter(({ place }) => place === 0),
      present,
    ),
    top5: share(
      present.filter(({ place }) => place >= 0),
      present,
    ),
    acceptPrecision: share(right, accepted, 1),
    acceptCoverage: share(right, present),
    falseAccepts: share(absent.filter(isAccepted), absent),
    confusions: judged
      .filter((one) => one.place !== 0 && (known(one.row.national_code) || isAccepted(one)))
      .map(confusionOf),
  }
}

interface Judged {
  readonly row: TruthRow
  readonly first: Candidate | undefined
  /** Of the right code among the candidates; -1 when it is not there. */
  readonly place: number
}

const isAccepted = ({ first }: Judged) => first?.decision === 'accept'

const confusionOf = ({ row, first, place }: Judged): Confusion => ({
  localCode: row.local_code,
  localName: row.local_name,
  expected: row.national_code,
  place: place < 0 ? null : place + 1,
  got: first?.code ?? null,
  gotName: first?.name ?? null,
  accepted: first?.decision === 'accept',
})
