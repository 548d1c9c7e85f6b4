import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { runChaos, type ChaosOptions } from './chaos.ts'
import { asJson, tables } from './report.ts'
import { sabotages, type SabotageName } from './sabotage.ts'
import { bestKind, serverKinds, type ServerKind } from './servers.ts'
import { sizeOf } from './size.ts'
import { isClean, verify } from './verify.ts'

// `npm run chaos`: a seeded run under fire, then the proof. Ends with 0 only when nothing is wrong and everything was tried.

const usage = `npm run chaos -- [options]
  --events N            changes and steps to push (20000; 3000 on embedded servers)
  --seed S              the whole plan follows from it (a new one each time)
  --servers KIND        own, embedded or url (DATABASE_URL, REDIS_URL); own where PostgreSQL and Redis are installed
  --minutes M           pushing under fire ends after M minutes at the latest
  --cycles C            times each strike comes
  --ceiling N           calls per second to the portal (grows with the events)
  --hosts N             hosts of the run's own on which the workers live (2 with own servers; 1: this one)
  --without LIST        strikes and faults to leave out, separated by commas
  --sabotage LIST       damage to do before the proof: ${Object.keys(sabotages).join(', ')}
  --json FILE           writes the result as JSON, too
  --verbose             a line for every act
`

const mostHosts = 20

class Usage extends Error {}

function readOptions() {
  const { values } = parseArgs({
    options: {
      events: { type: 'string' },
      seed: { type: 'string' },
      servers: { type: 'string' },
      minutes: { type: 'string' },
      cycles: { type: 'string' },
      ceiling: { type: 'string' },
      hosts: { type: 'string' },
      without: { type: 'string', default: '' },
      sabotage: { type: 'string', default: '' },
      json: { type: 'string' },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) throw new Usage(usage)
  const servers = (values.servers ?? bestKind()) as ServerKind
  if (!serverKinds.includes(servers)) throw new Usage(`--servers is one of ${serverKinds.join(', ')}`)
  const embedded = servers === 'embedded'
  const events = whole('events', values.events, embedded ? 3_000 : 20_000)
  const size = sizeOf(events, embedded)
  const list = (text: string) => text.split(',').flatMap((word) => word.trim() || [])
  const wrong = list(values.sabotage).filter((name) => !(name in sabotages))
  if (wrong.length > 0) throw new Usage(`--sabotage knows ${Object.keys(sabotages).join(', ')}`)
  return {
    events,
    servers,
    seed: whole('seed', values.seed, Math.floor(Math.random() * 1_000_000)),
    longest: whole('minutes', values.minutes, 24 * 60) * 60_000,
    ...size,
    ceiling: whole('ceiling', values.ceiling, size.ceiling),
    cycles: whole('cycles', values.cycles, size.cycles),
    hosts: hostsOf(servers, whole('hosts', values.hosts, servers === 'own' ? 2 : 1)),
    without: new Set(list(values.without)),
    sabotage: list(values.sabotage) as SabotageName[],
    json: values.json,
    verbose: values.verbose,
    clients: 6,
    scale: 1,
  }
}

/** Only servers of the run's own listen where other hosts reach them. */
function hostsOf(servers: ServerKind, wanted: number): number {
  if (wanted < 1 || wanted > mostHosts) throw new Usage(`--hosts takes 1 to ${mostHosts}`)
  if (wanted > 1 && servers !== 'own') throw new Usage('--hosts needs --servers own')
  return wanted
}

function whole(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text)
  if (!Number.isSafeInteger(value) || value < 0) throw new Usage(`--${name} takes a whole number`)
  return value
}

function progressTo(stream: NodeJS.WriteStream, verbose: boolean): ChaosOptions['progress'] {
  let saidAt = 0
  return (text) => {
    if (verbose) stream.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`)
    else if (stream.isTTY) stream.write(`\r\u001b[K${text.slice(0, 110)}`)
    else if (performance.now() - saidAt > 30_000 || saidAt === 0) {
      saidAt = performance.now()
      stream.write(`${text}\n`)
    }
  }
}

async function main(): Promise<number> {
  const options = readOptions()
  const say = (text: string) => void process.stdout.write(`${text}\n`)
  say(`seed ${options.seed}, ${options.events} events, ${options.servers} servers`)
  const chaos = await runChaos({ ...options, progress: progressTo(process.stderr, options.verbose) })
  try {
    for (const name of options.sabotage) await sabotages[name].run(chaos.ground)
    const verdict = await verify(chaos.ground)
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
    say(tables(chaos, verdict))
    if (options.json) writeFileSync(options.json, `${JSON.stringify(asJson(chaos, verdict, options.seed), null, 2)}\n`)
    const { missing } = chaos.evidence
    const clean = isClean(verdict)
    if (missing.length > 0) say(`\nproved nothing: ${missing.join('; ')}`)
    say(clean ? '\nNothing is wrong.' : '\nWRONG: see the first table.')
    return clean && missing.length === 0 ? 0 : 1
  } finally {
    await chaos.stop()
  }
}

process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${error instanceof Usage ? error.message : String((error as Error).stack)}\n`)
  process.exitCode = error instanceof Usage ? 2 : 1
}
