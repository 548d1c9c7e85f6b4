import { writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { freshness } from './freshness.ts'
import { growth } from './growth.ts'
import { onStage, short, type Row, type Stage } from './harness.ts'
import { intakeSingle } from './intake-single.ts'
import { intakeStream } from './intake-stream.ts'
import { memory } from './memory.ts'
import { overview } from './overview.ts'
import { pushCeiling } from './push-ceiling.ts'
import { pushOpen } from './push-open.ts'
import { reconcile } from './reconcile.ts'
import { report } from './report.ts'
import { suggest } from './suggest.ts'
import { waysOfOthers } from './ways-of-others.ts'

interface Bench {
  readonly play: (stage: Stage) => Promise<Row[]>
  /** The embedded servers are meant for small units: their share of the full size. */
  readonly embedded: number
}

const benches: Readonly<Record<string, Bench>> = {
  'intake-stream': { play: intakeStream, embedded: 0.5 },
  'intake-single': { play: intakeSingle, embedded: 0.5 },
  'push-open': { play: pushOpen, embedded: 0.5 },
  'push-ceiling': { play: pushCeiling, embedded: 1 },
  'ways-of-others': { play: waysOfOthers, embedded: 1 },
  freshness: { play: freshness, embedded: 0.1 },
  growth: { play: growth, embedded: 0.1 },
  report: { play: report, embedded: 0.1 },
  overview: { play: overview, embedded: 0.1 },
  reconcile: { play: reconcile, embedded: 0.1 },
  memory: { play: memory, embedded: 0.1 },
  suggest: { play: suggest, embedded: 1 },
}

const usage = `npm run bench -- [names...] [--scale 0.1] [--rounds 3] [--servers embedded|url] [--json file] [--profile folder] [--strict]
names: ${Object.keys(benches).join(', ')}`

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    scale: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
    servers: { type: 'string' },
    json: { type: 'string' },
    profile: { type: 'string' },
    strict: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const names = positionals.length > 0 ? positionals : Object.keys(benches)
const unknown = names.filter((name) => !(name in benches))
if (options.help || unknown.length > 0) {
  console.log(unknown.length > 0 ? `There is no bench ${unknown.join(', ')}.\n${usage}` : usage)
  process.exit(unknown.length > 0 ? 2 : 0)
}
chooseServers(options.servers)
const { rows, failed } = await playAll(names)
print(rows)
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(summary(rows), null, 2)}\n`)
if (failed || (options.strict && rows.some(({ met }) => met === false))) process.exitCode = 1

/** Both servers come from the environment or neither does: a table of half embedded ones would mean nothing. */
function chooseServers(wanted: string | undefined): void {
  const { DATABASE_URL: database, REDIS_URL: redis } = process.env
  const given = Boolean(database) && Boolean(redis)
  const embedded = wanted === 'embedded' || (wanted === undefined && !given)
  if (embedded) for (const name of ['DATABASE_URL', 'REDIS_URL']) delete process.env[name]
  else if (!given) throw new Error('--servers url needs DATABASE_URL and REDIS_URL')
}

async function playAll(names: readonly string[]): Promise<{ rows: Row[]; failed: boolean }> {
  const embedded = process.env['DATABASE_URL'] === undefined
  const rows: Row[] = []
  let failed = false
  for (const name of names) {
    const bench = benches[name]!
    const scale = Number(options.scale) * (embedded ? bench.embedded : 1)
    const say = (text: string) => console.error(`${name}: ${text}`)
    const stage = { scale, rounds: Number(options.rounds), embedded, profile: options.profile, say }
    try {
      rows.push(...(await onStage(stage, bench.play)))
    } catch (error) {
      failed = true
      console.error(`${name} failed:`, error)
    }
  }
  return { rows, failed }
}

function print(rows: readonly Row[]): void {
  const cells = rows.map((row) => [
    row.name,
    `${short(row.measured)} ${row.unit}`,
    `${short(row.limit)} ${row.unit}`,
    short(row.ratio),
    row.goal === null ? '' : `${row.goal.at === 'least' ? '>=' : '<='} ${row.goal.ratio}`,
    row.met === null ? '' : row.met ? 'met' : 'MISSED',
  ])
  console.log(`\n| bench | measured | limit | ratio | goal | |\n| --- | ---: | ---: | ---: | --- | --- |`)
  for (const line of cells) console.log(`| ${line.join(' | ')} |`)
  console.log()
  for (const { name, notes } of rows) console.log(`${name}: ${notes.join('; ')}`)
}

function summary(rows: readonly Row[]) {
  const [cpu] = cpus()
  return {
    at: new Date().toISOString(),
    servers: process.env['DATABASE_URL'] === undefined ? 'embedded' : 'given',
    scale: Number(options.scale),
    rounds: Number(options.rounds),
    node: process.version,
    machine: { processor: cpu?.model ?? '', cores: cpus().length, gigabytes: Math.round(totalmem() / 2 ** 30) },
    rows,
  }
}
