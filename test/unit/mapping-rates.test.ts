import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readCsv } from '../../src/platform/csv.ts'
import { type TableShape } from '../../src/platform/table.ts'
import { evaluate } from '../../src/procedures/evaluate.ts'
import { entriesOf, nationalFile, truthFile } from '../../src/procedures/files.ts'
import { createMatcher } from '../../src/procedures/suggest.ts'

function rowsOf<T>(name: string, shape: TableShape<T>): readonly T[] {
  const read = readCsv(readFileSync(new URL(`../data/${name}.csv`, import.meta.url)), shape)
  if (!read.ok) throw new Error(JSON.stringify(read.problems[0]))
  return read.rows
}

const entries = entriesOf(rowsOf('procedures_national', nationalFile))
const truth = rowsOf('mapping_truth_dev', truthFile)
const matcher = createMatcher(entries)
const codes = entries.map(({ code }) => code).toSorted()
const known = (code: string) => entries.some((entry) => entry.code === code)

describe('suggestions on what provinces published', () => {
  it('ranks the right code by its name', () => {
    const { top1, top5, acceptCoverage, falseAccepts } = evaluate(matcher, truth, known, 'name')
    expect(top1).toBeGreaterThanOrEqual(0.92)
    expect(top5).toBeGreaterThanOrEqual(0.98)
    expect([acceptCoverage, falseAccepts]).toEqual([0, 0])
  })

  it('accepts most by all evidence, and nothing wrong', () => {
    const { acceptPrecision, acceptCoverage, falseAccepts } = evaluate(matcher, truth, known, 'all')
    expect(acceptCoverage).toBeGreaterThanOrEqual(0.93)
    expect([acceptPrecision, falseAccepts]).toEqual([1, 0])
  })

  // A misprint is most often a neighbour in the list: sibling procedures with like names have neighbouring codes.
  it('does not accept a code that was printed wrongly', () => {
    const wrong = truth.flatMap((row) => {
      const place = codes.findIndex((code) => code >= row.national_code)
      return [codes[place - 1], codes[place + 1]]
        .filter((code) => code !== undefined && code !== row.national_code)
        .map((code) => ({ ...row, local_code: code! }))
    })
    const accepted = wrong.filter(
      ({ local_code: code, local_name: name }) => matcher.suggest({ code, name }, { top: 1 }).decision === 'accept',
    )
    // What is left: a neighbour that bears the very name, so that the printed code is the one in doubt.
    expect(accepted.length / wrong.length).toBeLessThan(0.005)
  })
})
