import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import { createPortal } from '../adapters/portal/portal.ts'
import { dialects, readDialectFile, type Dialect } from '../config/dialects.ts'
import {
  defaultBreakerPolicy,
  defaultLeasePolicy,
  defaultRetryPolicy,
  type BreakerPolicy,
  type LeasePolicy,
  type RetryPolicy,
} from '../config/retry.ts'
import { describeSettings, readSettings, type Settings } from '../config/settings.ts'
import { openQueue, openRedis, pushQueues } from '../jobs/queues.ts'
import { startPushWorkers } from '../jobs/push.ts'
import { startReconcileWorker } from '../jobs/reconcile.ts'
import { startRelay } from '../jobs/relay.ts'
import { reconcileSchedules, startUpkeepWorker } from '../jobs/upkeep.ts'
import { expectedAtPortal } from './delivery/expected.ts'
import { checkMovement, collectDelivery } from './delivery/health.ts'
import { createHoldWatch } from './delivery/hold.ts'
import { createLanes } from './delivery/lanes.ts'
import { createPace } from './delivery/pace.ts'
import type { Exchange, Portal } from './delivery/portal.ts'
import { createSessionStore } from './delivery/sessions.ts'
import { makePartitions, rotate } from './delivery/retention.ts'
import { recordExchanges } from './delivery/store.ts'
import { createIntake } from './dossiers/intake.ts'
import { registerDossierRoutes } from './dossiers/routes.ts'
import { createAuthority } from './platform/auth.ts'
import { createVault, type Vault } from './platform/crypto.ts'
import { openDatabase, type Sql } from './platform/database.ts'
import { embeddedEncryptionKey, startEmbedded, type Embedded } from './platform/embedded/embedded.ts'
import { registerHealth } from './platform/health.ts'
import { createHttp, type Http } from './platform/http.ts'
import { createLog, type Logger } from './platform/log.ts'
import { createMetrics, type Metrics } from './platform/metrics.ts'
import { migrate } from './platform/migrate.ts'
import { statusOf } from './procedures/model.ts'
import { pullOrFail } from './procedures/pull.ts'
import { createCatalogueSource, type CatalogueSource } from './procedures/store.ts'
import { continueRun } from './reconciliation/reconcile.ts'
import { registerReportRoutes } from './reconciliation/routes.ts'

export interface Policies {
  readonly retry: RetryPolicy
  readonly breaker: BreakerPolicy
  readonly lease: LeasePolicy
}

/** What every role and every command stands on: servers, ledger, vault, catalogue, and the way to the portal. */
export interface Ground {
  readonly settings: Settings
  readonly log: Logger
  readonly embedded: Embedded | null
  readonly sql: Sql
  readonly redisUrl: string
  readonly redis: ReturnType<typeof openRedis>
  readonly vault: Vault
  readonly catalogue: CatalogueSource
  readonly metrics: Metrics
  readonly pace: ReturnType<typeof createPace>
  readonly dialect: Dialect
  /** Null when PORTAL_URL is not set: dossiers are taken in and wait. */
  readonly portal: Portal | null
  readonly policies: Policies
  close(): Promise<void>
}

export function loadSettings(): Settings {
  return readSettings(process.env, (path) => readFileSync(path, 'utf8'))
}

export interface GroundOptions {
  readonly log?: Logger
  readonly policies?: Partial<Policies>
  /** Use the embedded servers of a program that is already running in the same folder. */
  readonly attach?: boolean
}

export async function prepareGround(settings: Settings, options: GroundOptions = {}): Promise<Ground> {
  const log = options.log ?? createLog(settings.LOG_LEVEL)
  const dialect =
    dialects.get(settings.PORTAL_DIALECT) ?? readDialectFile(readFileSync(settings.PORTAL_DIALECT, 'utf8'))
  const needed = { database: settings.DATABASE_URL === undefined, redis: settings.REDIS_URL === undefined }
  const embedded =
    needed.database || needed.redis
      ? await startEmbedded({
          dataDir: settings.DATA_DIR,
          ...needed,
          attach: options.attach ?? false,
          log: (text) => log.warn(text),
        })
      : null
  const redisUrl = (settings.REDIS_URL ?? embedded?.redisUrl)!
  const sql = openDatabase({ url: (settings.DATABASE_URL ?? embedded?.databaseUrl)!, pool: settings.DATABASE_POOL })
  const redis = openRedis(redisUrl, log)
  await connected(redis)
  const close = async () => {
    await sql.end({ timeout: 5 })
    redis.disconnect()
    await embedded?.stop()
  }
  try {
    await migrate(sql)
    await makePartitions(sql)
  } catch (error) {
    await close()
    throw error
  }
  const vault = createVault(settings.ENCRYPTION_KEYS ?? (await embeddedKeys(settings.DATA_DIR)))
  const policies = {
    retry: defaultRetryPolicy,
    breaker: defaultBreakerPolicy,
    lease: defaultLeasePolicy,
    ...options.policies,
  }
  const pace = createPace({
    redis,
    prefix: settings.QUEUE_PREFIX,
    ceiling: settings.PORTAL_MAX_CALLS_PER_SECOND,
    breaker: policies.breaker,
    patience: 10_000,
  })
  const portal =
    settings.PORTAL_URL === undefined ? null : connectPortal(settings, dialect, pace, createSessionStore(sql, vault))
  const catalogue = createCatalogueSource(sql)
  return {
    settings,
    log,
    embedded,
    sql,
    redisUrl,
    redis,
    vault,
    catalogue,
    metrics: createMetrics(),
    pace,
    dialect,
    portal,
    policies,
    close,
  }
}

/** Waits a moment for Redis, so that the first call does not fail for want of it; goes on without, because intake can. */
async function connected(redis: Ground['redis']): Promise<void> {
  if (redis.status === 'ready') return
  await Promise.race([once(redis, 'ready'), sleep(2_000)]).catch(() => undefined)
}

async function embeddedKeys(dataDir: string) {
  const text = await embeddedEncryptionKey(dataDir)
  const [id, material] = text.split(':')
  return [{ id: id!, key: Buffer.from(material!, 'base64') }]
}

function connectPortal(
  settings: Settings,
  dialect: Dialect,
  pace: Parameters<typeof createPortal>[0]['pace'],
  sessions: Parameters<typeof createPortal>[0]['sessions'],
): Portal {
  return createPortal({
    baseUrl: settings.PORTAL_URL!,
    dstcode: settings.PORTAL_DSTCODE,
    username: settings.PORTAL_USERNAME ?? '',
    password: settings.PORTAL_PASSWORD ?? '',
    unit: settings.PORTAL_UNIT!,
    dialect,
    ...(settings.PORTAL_BATCH_SIZE === undefined ? {} : { batchSize: settings.PORTAL_BATCH_SIZE }),
    pace,
    sessions,
  })
}

export interface House {
  /** Address of health and metrics, and of the API where this process serves it. */
  readonly url: string
  readonly ground: Ground
  close(): Promise<void>
}

/** Starts the roles of this process. Closing goes against the flow: no new pushes, no new hand-outs, finish what is in hand. */
export async function startHouse(ground: Ground): Promise<House> {
  const { settings } = ground
  const has = (role: 'api' | 'worker' | 'scheduler') => settings.ROLES.includes('all') || settings.ROLES.includes(role)
  const closers: (() => Promise<unknown>)[] = []
  await ground.catalogue.fresh()
  if (has('worker') && ground.portal) closers.push(...startWorkers(ground, ground.portal))
  if (has('scheduler')) closers.push(...startScheduler(ground))
  const app = await openHttp(ground, has('api'))
  closers.push(() => app.close())
  const url = await app.listen({ port: settings.PORT, host: settings.HOST })
  const close = async () => {
    for (const closer of closers.toReversed()) await closer()
    await ground.close()
  }
  return { url, ground, close }
}

function startWorkers(ground: Ground, portal: Portal): (() => Promise<unknown>)[] {
  const { sql, vault, redisUrl, settings, log, catalogue } = ground
  const common = { redisUrl, prefix: settings.QUEUE_PREFIX, log }
  const onExchange = (exchange: Exchange) => observe(ground.metrics, exchange)
  const keep = async (exchanges: readonly Exchange[]) => {
    exchanges.forEach(onExchange)
    await recordExchanges(sql, vault, exchanges)
  }
  const push = startPushWorkers(
    {
      sql,
      vault,
      portal,
      policy: ground.policies.retry,
      lease: ground.policies.lease,
      stepsAfterRefused: settings.STEPS_AFTER_REFUSED,
      held: createHoldWatch(sql),
      catalogue: () => catalogue.current(),
      onExchange,
    },
    { ...common, concurrency: settings.PORTAL_CONCURRENCY },
  )
  const upkeep = startUpkeepWorker(
    {
      'pull-catalogue': () => pullOrFail({ sql, portal, keep, details: 10_000 }),
      rotate: () =>
        rotate(sql, {
          bodyDays: settings.EXCHANGE_BODY_DAYS,
          contentDays: settings.CHANGE_CONTENT_DAYS,
          evidenceMonths: settings.EVIDENCE_MONTHS ?? null,
        }),
    },
    { ...common, concurrency: 1 },
  )
  const expected = async (ids: number[]) => expectedAtPortal(sql, vault, await catalogue.current(), ids)
  const reconcile = startReconcileWorker((runId) => continueRun({ sql, portal, expected }, runId, { concurrency: 4 }), {
    ...common,
    concurrency: 1,
  })
  return [...push, upkeep, reconcile].map((worker) => () => worker.close())
}

function observe(metrics: Metrics, { service, class: meaning, requestIn, requestOut, responseIn }: Exchange): void {
  metrics.portalCalls.inc({ service, class: meaning })
  metrics.portalSeconds.observe({ service, part: 'queue' }, (requestOut.getTime() - requestIn.getTime()) / 1000)
  if (responseIn)
    metrics.portalSeconds.observe({ service, part: 'portal' }, (responseIn.getTime() - requestOut.getTime()) / 1000)
}

function startScheduler(ground: Ground): (() => Promise<unknown>)[] {
  const { sql, redis, redisUrl, catalogue, settings, log, portal } = ground
  if (!portal) return []
  const options = { redisUrl, prefix: settings.QUEUE_PREFIX, log }
  const queues = { fresh: openQueue(pushQueues.fresh, options), backfill: openQueue(pushQueues.backfill, options) }
  const upkeep = openQueue('upkeep', options)
  const relay = startRelay({
    sql,
    redis,
    queues,
    catalogue,
    prefix: settings.QUEUE_PREFIX,
    batch: portal.limits.dossiersPerCall,
    depth: settings.PORTAL_CONCURRENCY * 2,
    holdFor: ground.policies.lease.handOut,
    makeSchedules: () =>
      reconcileSchedules(upkeep, {
        cataloguePull: settings.CATALOGUE_PULL,
        pullNow: catalogue.last().national.size === 0,
      }),
    log,
  })
  return [() => queues.fresh.close(), () => queues.backfill.close(), () => upkeep.close(), () => relay.stop()]
}

function registerApi(app: Http, { sql, vault, settings, catalogue, portal, metrics }: Ground): void {
  const authority = createAuthority(sql)
  const lanes = createLanes(catalogue.last, (dossier) => portal?.problems(dossier) ?? [], settings.STEPS_AFTER_REFUSED)
  const intake = createIntake({
    sql,
    vault,
    lanes,
    refresh: catalogue.current,
    statusOf: (source, word) => statusOf(catalogue.last(), source, word),
    onResult: (result) => metrics.intake.inc({ result }),
  })
  registerDossierRoutes(app, {
    sql,
    vault,
    intake,
    authority,
    maxLineBytes: settings.MAX_LINE_BYTES,
    maxBatchBytes: 64 * 1024 * 1024,
  })
  registerReportRoutes(app, {
    sql,
    authorise: (request, right) => authority.authorise(request.headers.authorization, right),
  })
}

/** Every role answers for its health and its metrics; the API comes with the role of that name. */
async function openHttp(ground: Ground, withApi: boolean): Promise<Http> {
  const { sql, settings, log, portal, metrics, pace } = ground
  const app = await createHttp({ log, bodyLimit: settings.MAX_LINE_BYTES })
  if (withApi) registerApi(app, ground)
  const move = () =>
    checkMovement({
      sql,
      pace: () => pace.state(),
      portalConfigured: portal !== null,
      stallSeconds: settings.STALL_SECONDS,
    })
  registerHealth(app, {
    intake: { database: async () => ({ ok: (await sql`select 1`).length === 1 }) },
    delivery: {
      redis: async () => ({ ok: (await ground.redis.ping()) === 'PONG' }),
      work: async () => ({ ...(await move()) }),
    },
    metrics,
    collect: async () => collectDelivery(sql, metrics, await pace.state().catch(() => null), await move()),
    unseen: () => metrics.stalled.set({ reason: 'ledger-unreachable' }, 1),
    metricsToken: settings.METRICS_TOKEN,
  })
  return app
}

/** `npm start`: configuration from the environment, all problems at once, orderly stop on SIGTERM and SIGINT. */
export async function serve(settings: Settings): Promise<House> {
  const log = createLog(settings.LOG_LEVEL)
  log.info(
    { settings: Object.fromEntries(describeSettings(settings).map(({ name, value }) => [name, value])) },
    'Starting',
  )
  const house = await startHouse(await prepareGround(settings, { log }))
  log.info({ url: house.url, roles: settings.ROLES }, 'Ready')
  house.ground.embedded?.onFailure((what) => {
    log.fatal({ what }, 'An embedded server cannot be kept alive')
    process.exit(1)
  })
  closeWithGrace(
    { delay: 30_000, logger: { error: (error: unknown) => log.error({ err: error }, 'While stopping') } },
    async ({ err }) => {
      if (err) log.fatal({ err }, 'Stopping after an error')
      await house.close()
    },
  )
  return house
}

if (import.meta.main) {
  try {
    await serve(loadSettings())
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(1)
  }
}
