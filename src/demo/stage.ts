import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { FaultRule } from '../../adapters/sandbox/faults.ts'
import { spawnSandbox, type SpawnedSandbox } from '../../adapters/sandbox/spawn.ts'
import type { RetryPolicy } from '../../config/retry.ts'
import { readSettings, type Settings } from '../../config/settings.ts'
import { CommandFailed, Interrupted } from '../cli/exits.ts'
import { prepareGround, startHouse, type Ground } from '../main.ts'
import { createKey } from '../platform/auth.ts'
import { openDatabase } from '../platform/database.ts'
import { createLog } from '../platform/log.ts'
import { importAgencies } from '../organisations/store.ts'
import { importLocalProcedures } from '../procedures/local-lists.ts'
import { emptyFolder } from './folder.ts'
import type { KonTum } from './kon-tum/generator.ts'
import { servePage, type ReportPage } from './page.ts'

export interface StageOptions {
  readonly scale: number
  readonly port?: number
  readonly dataDir?: string
}

/** Everything the demo plays on: the sandbox portal, the whole house in this process, and the page. */
export interface Stage {
  readonly ground: Ground
  readonly api: { readonly url: string; readonly key: string; readonly signal: AbortSignal }
  readonly page: ReportPage
  /** For the person who looks at the demo. */
  readonly console: { readonly key: string }
  /** Address of the sandbox's control API. */
  readonly controlUrl: string
  readonly folder: string
  /** `hands`: batches in hand at the same time; as configured when not given. */
  startWorkers(hands?: number): Promise<void>
  /** Nothing more is sent afterwards: what is in hand is finished, the rest waits in the ledger. */
  stopWorkers(): Promise<void>
  faults(rules: readonly FaultRule[]): Promise<void>
  /** Calls that the rules now in force have turned away. */
  turnedAway(): Promise<number>
  close(): Promise<void>
}

/** Seconds instead of hours: an audience is waiting. */
const quickRetry: RetryPolicy = {
  waits: [500, 1000, 2000, 5000, 10_000],
  jitter: 0.2,
  lookUpWaits: [500, 1000, 2000, 5000],
  busyWait: 500,
}

export async function openStage(province: KonTum, options: StageOptions, stop: AbortSignal): Promise<Stage> {
  const closers: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const closer of closers.splice(0).toReversed()) await closer()
  }
  const opened = async <T>(opening: Promise<T>, closer: (what: T) => Promise<unknown>): Promise<T> => {
    const what = await opening
    closers.push(() => closer(what))
    if (stop.aborted) throw new Interrupted()
    return what
  }
  try {
    const folder = options.dataDir ?? join(process.env['DATA_DIR'] || '.data', 'demo')
    await emptyFolder(folder)
    const sandbox = await opened(spawnSandbox({ publishedOn: province.publishedOn }), (one) => one.stop())
    const settings = settingsOf(sandbox, folder, options)
    await refuseUsed(settings)
    const policies = { retry: quickRetry }
    const ground = await opened(prepareGround(settings, { log: createLog('silent'), policies }), (one) => one.close())
    closers.push(() => forgetQueues(ground))
    const { key, person } = await fill(ground, province)
    const house = await opened(roles(ground, ['api']), (one) => one.close())
    const page = await opened(servePage(ground.sql), (one) => one.close())
    const crew = crewOf(ground)
    closers.push(() => crew.stopWorkers())
    const api = { url: house.url, key, signal: stop }
    return {
      ground,
      api,
      page,
      console: { key: person },
      controlUrl: sandbox.controlUrl,
      folder,
      ...crew,
      ...faultsOf(sandbox),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function settingsOf(sandbox: SpawnedSandbox, folder: string, { scale, port }: StageOptions): Settings {
  // Few dossiers in hand in a small province, or stopping the clock would come too late to be seen.
  const small = scale < 0.1
  const own: Record<string, string> = {
    DATA_DIR: folder,
    PORT: String(port ?? 0),
    ROLES: 'all',
    QUEUE_PREFIX: `dvcqg-demo-${randomBytes(4).toString('hex')}`,
    PORTAL_URL: sandbox.url,
    PORTAL_USERNAME: 'sandbox',
    PORTAL_PASSWORD: 'sandbox',
    PORTAL_UNIT: '000.00.00.H34',
    PORTAL_DIALECT: 'sandbox',
    PORTAL_MAX_CALLS_PER_SECOND: '2000',
    PORTAL_CONCURRENCY: small ? '2' : '24',
    DATABASE_POOL: '32',
    PORTAL_BATCH_SIZE: small ? '5' : '50',
    // The first pull comes at once, because the ledger is empty; none may come in the middle of the demo.
    CATALOGUE_PULL: '0 0 0 29 2 *',
    RECONCILE_AT: 'off',
    LOG_LEVEL: 'silent',
  }
  const given = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('PORTAL_') && own[name.replace(/_FILE$/, '')] === undefined,
  )
  const keys = process.env['ENCRYPTION_KEYS'] || process.env['ENCRYPTION_KEYS_FILE']
  const key = keys ? {} : { ENCRYPTION_KEYS: `demo:${randomBytes(32).toString('base64')}` }
  return readSettings({ ...Object.fromEntries(given), ...key, ...own }, (path) => readFileSync(path, 'utf8'))
}

/** Somebody's ledger must never be mixed with invented dossiers. */
async function refuseUsed({ DATABASE_URL: url }: Settings): Promise<void> {
  if (url === undefined) return
  const sql = openDatabase({ url, pool: 2 })
  try {
    const [row] = await sql<{ tables: number }[]>`
      select count(*)::int as tables from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`
    if (row!.tables > 0)
      throw new CommandFailed(
        `The database named in DATABASE_URL already holds ${row!.tables} tables. The demo fills a database with invented ` +
          'dossiers and takes only an empty one: create a new database for it, or unset DATABASE_URL.',
      )
  } finally {
    await sql.end({ timeout: 5 })
  }
}

/** What a province brings along before its first dossier, the keys of its one-stop system and of a person at the console with it. */
/** Of the levels of 2020, three and four are online services. */
const onlineOf = { 2: 'none', 3: 'partial', 4: 'full' } as const

async function fill({ sql }: Ground, province: KonTum): Promise<{ key: string; person: string }> {
  await importAgencies(sql, province.agencies)
  await importLocalProcedures(
    sql,
    province.localProcedures.map((one) => ({ ...one, onlineLevel: onlineOf[one.onlineLevel] })),
  )
  const common = { name: 'demo', agencies: ['*'], by: 'demo' } as const
  const { key } = await createKey(sql, {
    ...common,
    source: 'one-stop',
    rights: ['dossiers:write', 'dossiers:read', 'reports:read'],
  })
  const { key: person } = await createKey(sql, {
    ...common,
    source: 'console',
    rights: [
      ...(['reports:read', 'deliveries:read', 'deliveries:resend', 'mappings:read', 'mappings:write'] as const),
      ...(['settings:read', 'audit:read', 'queues:read'] as const),
    ],
    person: true,
  })
  return { key, person }
}

type Role = Settings['ROLES'][number]

/** Some of the house's roles on a ground that outlives them. */
function roles(ground: Ground, wanted: readonly Role[]) {
  // Only the house with the API is the one that people are told to visit.
  const port = wanted.includes('api') ? ground.settings.PORT : 0
  const settings = { ...ground.settings, ROLES: [...wanted], PORT: port }
  return startHouse({ ...ground, settings, close: async () => undefined })
}

function crewOf(ground: Ground): Pick<Stage, 'startWorkers' | 'stopWorkers'> {
  let crew: Awaited<ReturnType<typeof roles>> | null = null
  return {
    async startWorkers(hands = ground.settings.PORTAL_CONCURRENCY) {
      const settings = { ...ground.settings, PORTAL_CONCURRENCY: hands }
      crew ??= await roles({ ...ground, settings }, ['worker', 'scheduler'])
    },
    async stopWorkers() {
      const stopping = crew
      crew = null
      await stopping?.close()
    },
  }
}

const Stats = z.object({ faults: z.array(z.object({ fault: z.object({ kind: z.string() }), fired: z.number() })) })

function faultsOf({ controlUrl }: SpawnedSandbox): Pick<Stage, 'faults' | 'turnedAway'> {
  return {
    async faults(rules) {
      const answer = await fetch(`${controlUrl}/faults`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(rules),
      })
      if (!answer.ok) throw new Error(`The sandbox refused the faults: ${await answer.text()}`)
    },
    async turnedAway() {
      const { faults } = Stats.parse(await (await fetch(`${controlUrl}/stats`)).json())
      return faults.reduce((sum, { fault, fired }) => sum + (fault.kind === 'ceiling' ? fired : 0), 0)
    },
  }
}

/** In a Redis that is not ours nothing may be left behind. */
async function forgetQueues({ redis, settings }: Ground): Promise<void> {
  if (settings.REDIS_URL === undefined) return
  for await (const keys of redis.scanStream({ match: `${settings.QUEUE_PREFIX}:*`, count: 1000 }))
    if ((keys as string[]).length > 0) await redis.unlink(...(keys as string[]))
}

/** Resolves when the national catalogue is in the ledger and its pull is over. */
export async function catalogueReady({ sql }: Ground, signal: AbortSignal): Promise<number> {
  const deadline = performance.now() + 60_000
  for (;;) {
    const [row] = await sql<{ procedures: number; over: boolean; trouble: string | null }[]>`
      select (select count(*)::int from national_procedures) as procedures,
        exists (select 1 from pulls where service = 'procedure-details') as over,
        (select string_agg(service || ': ' || note, '; ') from pulls where outcome <> 'applied') as trouble`
    if (row!.over && row!.procedures > 0) return row!.procedures
    if (row!.over || performance.now() > deadline)
      throw new CommandFailed(`The national catalogue could not be pulled from the sandbox: ${row!.trouble ?? 'late'}.`)
    await sleep(100, undefined, { signal })
  }
}
