import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { distance } from 'fastest-levenshtein'
import { readCsv, writeCsv } from '../src/platform/csv.ts'
import { type TableShape } from '../src/platform/table.ts'
import { evaluate } from '../src/procedures/evaluate.ts'
import { entriesOf, nationalFile, truthFile, type NationalRow } from '../src/procedures/files.ts'
import { folded, readName } from '../src/procedures/names.ts'
import { createMatcher } from '../src/procedures/suggest.ts'
import { z } from 'zod'
import { clock } from './clock.ts'
import { bounded, inTurns, least, row, rowOf, short, type Row, type Stage } from './harness.ts'
import { residentSize } from './processes.ts'

const file = (name: string) => fileURLToPath(new URL(`../test/data/${name}.csv`, import.meta.url))

function rowsOf<T>(name: string, shape: TableShape<T>): readonly T[] {
  const read = readCsv(readFileSync(file(name)), shape)
  if (!read.ok) throw new Error(`${name}: ${read.problems[0]!.detail}`)
  return read.rows
}

const phuTho: TableShape<{ local_code: string; name: string }> = {
  headers: ['local_code', 'name'],
  ignoresOthers: true,
  row: z.object({ local_code: z.string(), name: z.string() }),
}

const mostScanned = 100

/**
 * Rows of a real provincial list per second against the whole national catalogue, its reading and indexing included; against the plain
 * way: the edit ratio of each row's folded name with each national one, by the fastest known implementation. And whether
 * ours finds the right code as often; and what the command takes in memory.
 */
export async function suggest(stage: Stage): Promise<Row[]> {
  const national = rowsOf('procedures_national', nationalFile)
  const locals = rowsOf('local_procedures_phutho_2022', phuTho).slice(0, stage.size(8_096, 200))
  // The scan takes the same time for each row, and so long that some rows must do.
  const few = locals.filter((_, at) => at % Math.ceil(locals.length / mostScanned) === 0).map(({ name }) => name)
  const turns = await inTurns(
    stage,
    async () => few.length / seconds(() => scan(national, few)),
    async () =>
      locals.length /
      seconds(() => {
        const matcher = createMatcher(entriesOf(national))
        for (const { local_code: code, name } of locals) matcher.suggest({ code, name }, { top: 5 })
      }),
  )
  const peak = await peakOfCommand(locals)
  return [
    rowOf('suggest', 'rows/s', least(20), turns, [
      `${locals.length} local rows, ${few.length} of them scanned, ${national.length} national names`,
    ]),
    quality(national),
    bounded('suggest, memory', 'MB', peak, 300, ['largest resident size of the command']),
  ]
}

function seconds(work: () => void): number {
  const begun = clock()
  work()
  return (clock() - begun) / 1000
}

const plain = (name: string) => readName(name).words.map(folded).join(' ')

/** The place of the national name most alike for each name. */
function scan(national: readonly NationalRow[], names: readonly string[]): number[] {
  const others = national.map(({ name }) => plain(name))
  return names.map((name) => {
    const own = plain(name)
    let [best, place] = [-1, -1]
    for (let at = 0; at < others.length; at += 1) {
      const other = others[at]!
      const ratio = 1 - distance(own, other) / Math.max(own.length, other.length, 1)
      if (ratio > best) [best, place] = [ratio, at]
    }
    return place
  })
}

/** Right code first, by the name alone, on published decisions: ours against the scan. */
function quality(national: readonly NationalRow[]): Row {
  const entries = entriesOf(national)
  const known = new Set(entries.map(({ code }) => code))
  const truth = rowsOf('mapping_truth_dev', truthFile)
  const { top1 } = evaluate(createMatcher(entries), truth, (code) => known.has(code), 'name')
  const pairs = [...new Map(truth.map((one) => [`${one.local_name}|${one.national_code}`, one])).values()]
  const present = pairs.filter((one) => known.has(one.national_code))
  const places = scan(
    national,
    present.map((one) => one.local_name),
  )
  const right = places.filter((place, at) => national[place]?.code === present[at]!.national_code)
  return row('suggest, right code first', '', least(1), top1, right.length / present.length, [
    `${present.length} pairs of name and code from published lists`,
  ])
}

async function peakOfCommand(locals: readonly { local_code: string; name: string }[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'dvcqg-bench-'))
  try {
    const list = join(folder, 'local.csv')
    const lines = locals.map((one) => [one.local_code, one.name])
    await writeCsv(list, ['local_code', 'local_name'], [lines], { excel: false })
    const cli = fileURLToPath(new URL('../src/cli/dvcqg.ts', import.meta.url))
    const files = ['--local', list, '--national', file('procedures_national'), '--out', join(folder, 'out.csv')]
    const child = spawn(process.execPath, [cli, 'procedures', 'suggest', ...files], { stdio: 'ignore' })
    let peak = 0
    const watch = setInterval(() => (peak = Math.max(peak, residentSize(child.pid!))), 20)
    const [code] = (await once(child, 'exit')) as [number | null]
    clearInterval(watch)
    if (code !== 0) throw new Error(`The command ended with ${code} (${short(peak)} MB)`)
    return peak
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
