import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import type { FastifyRequest } from 'fastify'
import { createPortal } from '../adapters/portal/portal.ts'
import { createPublicReport } from '../adapters/public-report/report.ts'
import { createSender } from '../adapters/webhooks/sender.ts'
import { AlertRulesError, defaultAlertRules, readAlertRules, type AlertRules } from '../config/alerts.ts'
import { dialectInForce, type Dialect, type DialectInForce } from '../config/dialects.ts'
import { defaultEventPolicy, type EventPolicy } from '../config/events.ts'
import {
  defaultBreakerPolicy,
  defaultLeasePolicy,
  defaultRetryPolicy,
  defaultWatchPolicy,
  type BreakerPolicy,
  type LeasePolicy,
  type RetryPolicy,
  type WatchPolicy,
} from '../config/retry.ts'
import {
  publicReportLimits,
  publicReportPace,
  PublicReportMapError,
  readPublicReportMap,
  type PublicReportMap,
  type PublicReportPace,
} from '../config/public-figures.ts'
import { replayLimits } from '../config/replays.ts'
import { describeSettings, readSettings, SettingsError, type Settings } from '../config/settings.ts'
import { startCounterLoop } from '../jobs/counters.ts'
import { startAlertLoop, startEventLoop } from '../jobs/events.ts'
import { asksByItself, createBoard } from '../jobs/board.ts'
import { openQueue, openRedis, pushQueues, QueueDesk } from '../jobs/queues.ts'
import { startPushWorkers } from '../jobs/push.ts'
import { startReconcileWorker, startRunFeeder } from '../jobs/reconcile.ts'
import { startRelay } from '../jobs/relay.ts'
import { plansAt, reconcileSchedules, startUpkeepWorker } from '../jobs/upkeep.ts'
import { addAuditPage } from './administration/audit-page.ts'
import { addQueuePage } from './administration/queue-page.ts'
import { addSettingsPage } from './administration/settings-page.ts'
import { noting } from './administration/store.ts'
import { createConsole, type Console } from './console/console.ts'
import { createSessions } from './console/sessions.ts'
import { sendScheduled, type CounterDeps } from './counters/month.ts'
import { addCounterPages } from './counters/pages.ts'
import { carryReports, type CarryDeps } from './counters/reports.ts'
import { registerCounterRoutes } from './counters/routes.ts'
import { expectedAtPortal } from './delivery/expected.ts'
import { checkMovement, collectDelivery, type Movement } from './delivery/health.ts'
import { createPulse, type Pulse } from './delivery/heartbeats.ts'
import { createHoldWatch } from './delivery/hold.ts'
import { createLanes, releaseForeseen, releaseUnder } from './delivery/lanes.ts'
import { createPace } from './delivery/pace.ts'
import { addDeliveryPages } from './delivery/pages.ts'
import { registerPaceRoutes } from './delivery/pace-routes.ts'
import { portalHealth } from './delivery/portal-health.ts'
import type { Exchange, Portal } from './delivery/portal.ts'
import { registerReplayRoutes } from './delivery/replay-routes.ts'
import { repairDossiers } from './delivery/repair.ts'
import { listReplays, outcomeOfItem, resendDossier, rotateReplays } from './delivery/replays.ts'
import { operatorOf, registerDeliveryRoutes } from './delivery/routes.ts'
import { createSessionStore } from './delivery/sessions.ts'
import { createRecorder } from './delivery/recorder.ts'
import { makePartitions, rotate } from './delivery/retention.ts'
import { keepEvidence, recordOutcomes, watchBacklog } from './delivery/store.ts'
import { movementWords } from './delivery/words.ts'
import { createIntake } from './dossiers/intake.ts'
import { registerEventRoutes } from './events/routes.ts'
import type { Sender } from './events/sender.ts'
import { rotateEvents } from './events/store.ts'
import { collectEvents, evaluateAlerts, listAlerts } from './events/watch.ts'
import { addDossierPages } from './dossiers/pages.ts'
import { registerDossierRoutes } from './dossiers/routes.ts'
import { spellingIn, topOf } from './organisations/model.ts'
import { addOrganisationPages } from './organisations/pages.ts'
import { registerOrganisationRoutes } from './organisations/routes.ts'
import type { LookAt } from './organisations/store.ts'
import { createUnits } from './organisations/units.ts'
import { createAuthority, limitOf, type Authority, type Right, type Spelling } from './platform/auth.ts'
import { createVault, type Vault } from './platform/crypto.ts'
import { openDatabase, type Sql } from './platform/database.ts'
import { embeddedEncryptionKey, startEmbedded, type Embedded } from './platform/embedded/embedded.ts'
import { registerHealth } from './platform/health.ts'
import { createHttp, type Http } from './platform/http.ts'
import { createLog, type Logger } from './platform/log.ts'
import { createMetrics, type Metrics } from './platform/metrics.ts'
import { migrate } from './platform/migrate.ts'
import { createAdvice, type Advice } from './procedures/advice.ts'
import type { Look } from './procedures/decisions.ts'
import { createDesk, type Desk } from './procedures/desk.ts'
import { createListFiles } from './procedures/list-files.ts'
import { createLocalCodes } from './procedures/local.ts'
import { statusOf } from './procedures/model.ts'
import { changeKinds } from './procedures/national-changes.ts'
import { catalogueState } from './procedures/national.ts'
import { pullOrFail } from './procedures/pull.ts'
import { addProcedurePages } from './procedures/pages.ts'
import { registerProcedureRoutes } from './procedures/routes.ts'
import { createCatalogueSource, type CatalogueSource } from './procedures/store.ts'
import { addDossierList } from './reconciliation/dossier-list.ts'
import { addReportPages } from './reconciliation/pages.ts'
import { addDiscrepancyPages } from './reconciliation/discrepancy-pages.ts'
import { addRunPages } from './reconciliation/run-pages.ts'
import { dailyState, isDailyMissed, startDaily } from './reconciliation/daily.ts'
import { sumDiscrepancies, type Resend } from './reconciliation/discrepancies.ts'
import { addOverview, type DeliveryState } from './reconciliation/overview.ts'
import { continueRun } from './reconciliation/reconcile.ts'
import { carry, dueRuns } from './reconciliation/served.ts'
import { addRegisterPages } from './reconciliation/register-pages.ts'
import { sweepRegisters } from './reconciliation/registers.ts'
import { registerReportRoutes } from './reconciliation/routes.ts'
import { takeSnapshot } from './reconciliation/snapshots.ts'
import { newestDay } from './reconciliation/store.ts'
import { fetchOrFail } from './scoring/public-fetch.ts'
import { dossierScoreSection } from './scoring/dossier-section.ts'
import { addScorePages } from './scoring/pages.ts'
import type { PublicReport } from './scoring/public-report.ts'
import { isPublicFetchMissed, isPublicFetchOwed, publicFiguresAge, publicMonths } from './scoring/public-store.ts'
import { registerScoreRoutes } from './scoring/routes.ts'
import { scoredContent } from './scoring/rules.ts'

export interface Policies {
  readonly retry: RetryPolicy
  readonly breaker: BreakerPolicy
  readonly lease: LeasePolicy
  readonly watch: WatchPolicy
  readonly events: EventPolicy
  readonly publicReport: PublicReportPace
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
  /** The same with what it is laid over. */
  readonly dialectInForce: DialectInForce
  /** Null when PORTAL_URL is not set: dossiers are taken in and wait. */
  readonly portal: Portal | null
  readonly policies: Policies
  /** The way to the province's own systems. */
  readonly sender: Sender
  readonly alertRules: AlertRules
  /** Null when PUBLIC_REPORT_URL is not set. */
  readonly publicReport: PublicSource | null
  close(): Promise<void>
}

/** The portal's public report, and what is known of its figures. */
export interface PublicSource {
  readonly report: PublicReport
  readonly map: PublicReportMap
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
  const inForce = dialectInForce(settings.PORTAL_DIALECT, (path) => readFileSync(path, 'utf8'))
  const { dialect } = inForce
  const alertRules = loadAlertRules(settings)
  const publicReport = connectPublicReport(settings, { ...publicReportPace, ...options.policies?.publicReport })
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
    watch: defaultWatchPolicy,
    events: defaultEventPolicy,
    publicReport: publicReportPace,
    ...options.policies,
  }
  const pace = createPace({
    redis,
    sql,
    prefix: settings.QUEUE_PREFIX,
    endpoint: settings.PORTAL_URL ?? '',
    ceiling: settings.PORTAL_MAX_CALLS_PER_SECOND,
    breaker: policies.breaker,
    patience: 10_000,
    longestCall: Math.max(dialect.timeouts.call, dialect.timeouts.login),
    quietHours: settings.PORTAL_QUIET_HOURS,
    callsPerDay: settings.PORTAL_CALLS_PER_DAY,
  })
  const portal =
    settings.PORTAL_URL === undefined ? null : connectPortal(settings, dialect, pace, createSessionStore(sql, vault))
  const catalogue = createCatalogueSource(sql, settings.AGENCY_DAY)
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
    dialectInForce: inForce,
    portal,
    policies,
    sender: createSender(settings.EVENT_ALLOWED_NETWORKS ?? []),
    alertRules,
    publicReport,
    close,
  }
}

function loadAlertRules({ ALERT_RULES: path }: Settings): AlertRules {
  if (path === undefined) return defaultAlertRules
  try {
    return readAlertRules(readFileSync(path, 'utf8'))
  } catch (error) {
    const problem = error instanceof AlertRulesError ? error.message : 'names a file that cannot be read'
    throw new SettingsError([{ name: 'ALERT_RULES', problem }])
  }
}

function connectPublicReport(
  { PUBLIC_REPORT_URL: baseUrl, PUBLIC_REPORT_MAP: path }: Settings,
  pace: PublicReportPace,
): PublicSource | null {
  if (baseUrl === undefined || path === undefined) return null
  try {
    const map = readPublicReportMap(readFileSync(path, 'utf8'))
    return { map, report: createPublicReport({ baseUrl, map, ...pace, ...publicReportLimits }) }
  } catch (error) {
    const problem = error instanceof PublicReportMapError ? error.message : 'names a file that cannot be read'
    throw new SettingsError([{ name: 'PUBLIC_REPORT_MAP', problem }])
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
  const pulse = createPulse({ sql: ground.sql, every: ground.policies.watch.beat, log: ground.log })
  closers.push(() => pulse.end())
  if (has('worker') && ground.portal) closers.push(...startWorkers(ground, ground.portal, pulse))
  if (has('scheduler')) closers.push(...startScheduler(ground, pulse), ...startMessengers(ground))
  const queues = new QueueDesk(ground.redis, settings.QUEUE_PREFIX)
  closers.push(() => queues.close())
  const app = await openHttp(ground, queues, has('api'))
  closers.push(() => app.close())
  const url = await app.listen({ port: settings.PORT, host: settings.HOST })
  const close = async () => {
    for (const closer of closers.toReversed()) await closer()
    await ground.close()
  }
  return { url, ground, close }
}

function startWorkers(ground: Ground, portal: Portal, pulse: Pulse): (() => Promise<unknown>)[] {
  const { sql, vault, redisUrl, settings, log, catalogue, policies } = ground
  const watch = {
    policy: policies.watch,
    beat: (queue: string) => pulse.beat('worker', queue),
    onRestart: (queue: string) => ground.metrics.workerRestarts.inc({ queue }),
    giveUp: (queue: string, why: string) => {
      log.fatal({ queue, why }, 'A worker cannot be kept alive; the process ends, so that it is started again')
      process.exit(1)
    },
  }
  const common = { redisUrl, prefix: settings.QUEUE_PREFIX, log, watch }
  const onExchange = (exchange: Exchange) => observe(ground.metrics, exchange)
  const keep = keeperOfCalls(ground, onExchange)
  const carrier = counterCarrier(ground, portal, onExchange)
  const push = startPushWorkers(
    {
      sql,
      vault,
      portal,
      recorder: createRecorder((outcomes) => recordOutcomes(sql, vault, outcomes)),
      policy: ground.policies.retry,
      lease: ground.policies.lease,
      stepsAfterRefused: settings.STEPS_AFTER_REFUSED,
      ready: (urgency) => ground.pace.ready(urgency),
      held: createHoldWatch(sql),
      catalogue: () => catalogue.current(),
      onExchange,
    },
    { ...common, concurrency: settings.PORTAL_CONCURRENCY, patience: 3 * policies.lease.for },
  )
  const upkeep = startUpkeepWorker(upkeepTasks(ground, portal, keep), {
    ...common,
    concurrency: 1,
    patience: patienceWithoutLease,
  })
  const stopping = new AbortController()
  const counters = startCounterLoop({
    carry: (stop) => carryReports(carrier, { stop }),
    every: 2_000,
    log,
  })
  const reconcile = startReconcileWorker(
    (runId, alive) => {
      const expected = async (ids: number[]) => {
        alive()
        return expectedAtPortal(sql, vault, await catalogue.current(), ids)
      }
      const options = { concurrency: 4, signal: stopping.signal }
      return carry(sql, runId, () => continueRun({ sql, vault, portal, expected }, runId, options), stopping.signal)
    },
    // A look at a few dossiers does not wait behind one at all of them.
    { ...common, concurrency: 3, patience: patienceWithoutLease },
  )
  return [
    () => {
      stopping.abort()
      return Promise.all([counters.stop(), ...[...push, upkeep, reconcile].map((worker) => worker.close())])
    },
  ]
}

/** What is done by the clock; each turn is noted. */
function upkeepTasks(ground: Ground, portal: Portal, keep: CarryDeps['keep']): Parameters<typeof startUpkeepWorker>[0] {
  const { sql, settings, publicReport } = ground
  return {
    'pull-catalogue': noting(sql, 'pull-catalogue', (alive: () => void) =>
      pullOrFail({ sql, portal, keep: (exchanges) => (alive(), keep(exchanges)), details: 10_000 }),
    ),
    'public-figures': noting(sql, 'public-figures', async (alive: () => void) => {
      const at = settings.PUBLIC_REPORT_AT
      // A try that comes after somebody's success has nothing left to do.
      if (publicReport && at !== 'off' && (await isPublicFetchOwed(sql, at)))
        await fetchOrFail({ sql, ...publicReport }, { by: 'schedule', alive })
    }),
    reconcile: noting(sql, 'reconcile', () => startDaily(sql, settings.RECONCILE_EVERY_DAYS)),
    counters: noting(sql, 'counters', async () => {
      if (settings.COUNTERS_DAY !== 'off') await sendScheduled(openCounters(ground), settings.COUNTERS_DAY)
    }),
    rotate: noting(sql, 'rotate', async () => {
      await rotate(sql, {
        bodyDays: settings.EXCHANGE_BODY_DAYS,
        contentDays: settings.CHANGE_CONTENT_DAYS,
        evidenceMonths: settings.EVIDENCE_MONTHS ?? null,
      })
      await rotateReplays(sql, replayLimits.keepDays)
      await rotateEvents(sql, settings.EVENT_DAYS)
      await sweepRegisters(sql)
      await takeSnapshot(sql)
    }),
  }
}

/** Rotating the tables of a large province is one long silence. */
const patienceWithoutLease = 3_600_000

function observe(metrics: Metrics, { service, class: meaning, requestIn, requestOut, responseIn }: Exchange): void {
  metrics.portalCalls.inc({ service, class: meaning })
  metrics.portalSeconds.observe({ service, part: 'queue' }, (requestOut.getTime() - requestIn.getTime()) / 1000)
  if (responseIn)
    metrics.portalSeconds.observe({ service, part: 'portal' }, (responseIn.getTime() - requestOut.getTime()) / 1000)
}

const timesOf = ({ settings, publicReport }: Pick<Ground, 'settings' | 'publicReport'>, portal: Portal) => ({
  cataloguePull: settings.CATALOGUE_PULL,
  // Without a look-up nothing can be compared.
  reconcileAt: portal.canLookUp ? settings.RECONCILE_AT : 'off',
  publicFiguresAt: publicReport ? settings.PUBLIC_REPORT_AT : 'off',
  counters: settings.COUNTERS_DAY !== 'off',
})

function startScheduler(ground: Ground, pulse: Pulse): (() => Promise<unknown>)[] {
  const { sql, redis, redisUrl, catalogue, settings, log, portal } = ground
  if (!portal) return []
  const options = { redisUrl, prefix: settings.QUEUE_PREFIX, log }
  const queues = { fresh: openQueue(pushQueues.fresh, options), backfill: openQueue(pushQueues.backfill, options) }
  const upkeep = openQueue('upkeep', options)
  const runs = openQueue('reconcile', options)
  const { cataloguePull, reconcileAt, publicFiguresAt, counters } = timesOf(ground, portal)
  const feeder = startRunFeeder({ due: () => dueRuns(sql), queue: runs, every: 2_000, log })
  const relay = startRelay({
    sql,
    redis,
    queues,
    catalogue,
    prefix: settings.QUEUE_PREFIX,
    // Where a call takes few dossiers, several of them in one hand still share their calls for steps.
    batch: Math.max(
      portal.limits.dossiersPerCall,
      portal.limits.mixDossiersInStepCalls ? portal.limits.stepsPerCall : 1,
    ),
    depth: settings.PORTAL_CONCURRENCY * 2,
    holdFor: ground.policies.lease.handOut,
    isOpen: async (urgency) => (await ground.pace.ready(urgency)).open,
    makeSchedules: async () =>
      reconcileSchedules(upkeep, {
        cataloguePull,
        pullNow: catalogue.last().national.size === 0,
        reconcileAt,
        reconcileNow: reconcileAt !== 'off' && (await isDailyMissed(sql, reconcileAt)),
        publicFiguresAt,
        publicFiguresNow: publicFiguresAt !== 'off' && (await isPublicFetchMissed(sql, publicFiguresAt)),
        counters,
      }),
    beat: () => pulse.beat('scheduler', 'relay'),
    log,
  })
  return [
    () => queues.fresh.close(),
    () => queues.backfill.close(),
    () => upkeep.close(),
    () => runs.close(),
    () => feeder.stop(),
    () => relay.stop(),
  ]
}

/** Events and alerts need no portal: they are what tells that there is something wrong with it. */
function startMessengers(ground: Ground): (() => Promise<unknown>)[] {
  const { sql, vault, sender, policies, settings, metrics, alertRules: rules, log } = ground
  const events = startEventLoop({
    sql,
    vault,
    sender,
    policy: policies.events,
    onAttempt: (outcome) => metrics.eventSends.inc({ outcome }),
    keepDays: settings.EVENT_KEEP_DAYS,
    log,
  })
  const alerts = startAlertLoop({
    evaluate: () => evaluateAlerts({ sql, rules, movement: () => movementOf(ground) }),
    interval: policies.events.alertInterval,
    log,
  })
  return [() => events.stop(), () => alerts.stop()]
}

/** Where the codes of the ledger are decided about. */
export const openDesk = ({ sql, catalogue, log }: Pick<Ground, 'sql' | 'catalogue' | 'log'>): Desk =>
  createDesk({
    sql,
    catalogue,
    log,
    release: (known, localCodes) => releaseUnder(sql, known, { localCodes }),
    look: lookAtDossiers({ catalogue }),
  })

/** What a decision would mean for the dossiers blocked under its codes, inside its transaction. */
export const lookAtDossiers =
  ({ catalogue }: Pick<Ground, 'catalogue'>): Look =>
  async (tx, localCodes) =>
    releaseForeseen(tx, await catalogue.within(tx), { localCodes })

/** The monthly counters, as this province counts and sends them. */
export const openCounters = ({
  sql,
  catalogue,
  dialect,
  settings,
  portal,
}: Pick<Ground, 'sql' | 'catalogue' | 'dialect' | 'settings' | 'portal'>): CounterDeps => ({
  sql,
  catalogue: () => catalogue.current(),
  reading: dialect.counters,
  since: settings.COUNTERS_SINCE,
  hasPortal: portal !== null,
})

/** How what was asked for gets to the portal. */
export const counterCarrier = (
  ground: Pick<Ground, 'sql' | 'vault'>,
  portal: Portal,
  onExchange: (exchange: Exchange) => void = () => undefined,
): CarryDeps => ({
  sql: ground.sql,
  portal,
  held: createHoldWatch(ground.sql),
  keep: keeperOfCalls(ground, onExchange),
})

/** Keeps calls that carried no dossier as evidence; their ids. */
const keeperOfCalls =
  ({ sql, vault }: Pick<Ground, 'sql' | 'vault'>, onExchange: (exchange: Exchange) => void): CarryDeps['keep'] =>
  (exchanges) => {
    exchanges.forEach(onExchange)
    return keepEvidence(
      sql,
      vault,
      exchanges.map((exchange) => ({ exchange, lanes: [] })),
    )
  }

/** The province's units as they are now. */
export const openUnits = ({ sql, catalogue, settings }: Pick<Ground, 'sql' | 'catalogue' | 'settings'>) =>
  createUnits(sql, catalogue.fresh, settings.PORTAL_UNIT === undefined ? null : topOf(settings.PORTAL_UNIT))

/** What a change of units means for the dossiers that wait because of them. */
const lookAtUnits =
  ({ catalogue }: Pick<Ground, 'catalogue'>): LookAt =>
  async (tx, agencyCodes) =>
    releaseForeseen(tx, await catalogue.within(tx), { agencyCodes })

/** How delivery stands, for the overview. */
async function deliveryState(ground: Ground, lanes: BacklogWatch): Promise<DeliveryState> {
  const movement = await movementOf(ground)
  const backlog = (await lanes()).filter(({ state }) => state !== 'delivered')
  const { ok: moves, sinceLastAnswerSeconds } = movement
  const replays = await listReplays(ground.sql, { state: 'running', limit: 20 }, null)
  return {
    moves,
    words: movementWords(movement),
    sinceLastAnswerSeconds,
    backlog,
    portal: await portalHealth(ground.sql),
    replays: replays.map(({ id, progress: { total, remaining, onWay } }) => ({
      name: { vi: `Gửi lại, đợt ${id}`, en: `Replay ${id}` },
      at: `replay?id=${id}`,
      done: total - remaining - onWay,
      total,
    })),
  }
}

type BacklogWatch = ReturnType<typeof watchBacklog>

/** How what disagrees with the portal is sent again. */
export const openRepair =
  ({ sql, portal }: Pick<Ground, 'sql' | 'portal'>): Resend =>
  (codes, { by, why }) =>
    repairDossiers(sql, { codes, why, listsSteps: portal?.listsSteps ?? false }, { actor: by, scope: null })

/** What routes and pages share. */
interface Shared {
  readonly authority: Authority
  readonly spelling: Spelling
  readonly advice: Advice
  readonly desk: Desk
  readonly organisations: ReturnType<typeof organisationsOf>
}

const organisationsOf = (ground: Ground) => {
  const { sql, catalogue } = ground
  return { sql, catalogue, units: openUnits(ground), look: lookAtUnits(ground) }
}

async function registerApi(app: Http, ground: Ground, backlog: BacklogWatch, queues: QueueDesk): Promise<void> {
  const { sql, catalogue } = ground
  const spelling = (code: string) => spellingIn(catalogue.last().register, code)
  const authority = createAuthority(sql, spelling)
  const advice = createAdvice(sql)
  app.addHook('onClose', () => advice.stop())
  const shared = { authority, spelling, advice, desk: openDesk(ground), organisations: organisationsOf(ground) }
  registerIntake(app, ground, shared)
  registerRoutes(app, ground, shared)
  await openConsole(app, ground, { ...shared, backlog, queues })
}

function registerIntake(app: Http, ground: Ground, { authority, spelling }: Shared): void {
  const { sql, vault, settings, catalogue, portal, metrics } = ground
  const lanes = createLanes(catalogue.last, (dossier) => portal?.problems(dossier) ?? [], settings.STEPS_AFTER_REFUSED)
  const intake = createIntake({
    sql,
    vault,
    lanes,
    refresh: catalogue.current,
    spelling,
    statusOf: (source, word) => statusOf(catalogue.last(), source, word),
    scored: scoredContent,
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
}

function registerRoutes(app: Http, ground: Ground, shared: Shared): void {
  const { sql, vault, catalogue, portal, pace, sender, policies, alertRules: rules, publicReport } = ground
  const { authority, spelling, advice, desk, organisations } = shared
  const authorise = (request: FastifyRequest, right: Right) => authority.authorise(request.headers.authorization, right)
  registerReportRoutes(app, { sql, authorise, resend: openRepair(ground), canCompare: portal?.canLookUp ?? false })
  registerScoreRoutes(app, {
    sql,
    vault,
    authorise,
    publicMap: publicReport?.map ?? null,
    catalogue: () => catalogue.current(),
  })
  registerCounterRoutes(app, { ...openCounters(ground), authorise })
  registerDeliveryRoutes(app, { sql, authorise })
  registerReplayRoutes(app, { sql, authorise })
  registerEventRoutes(app, { sql, vault, sender, policy: policies.events, authority, spelling, rules })
  registerProcedureRoutes(app, { sql, catalogue, advice, desk, authorise })
  registerOrganisationRoutes(app, { ...organisations, authorise })
  registerPaceRoutes(app, { state: () => pace.state(), authorise })
}

interface ConsoleParts extends Shared {
  readonly backlog: BacklogWatch
  readonly queues: QueueDesk
}

/** The pages for persons; the menu has them in this order. */
async function openConsole(app: Http, ground: Ground, parts: ConsoleParts): Promise<void> {
  const { sql, vault, settings, catalogue, portal, pace, publicReport } = ground
  const { authority, spelling, advice, desk, organisations, backlog, queues } = parts
  const console = createConsole({ authority, sessions: createSessions(sql, spelling), publicUrl: settings.PUBLIC_URL })
  const resend = openRepair(ground)
  const canCompare = portal?.canLookUp ?? false
  const lists = createListFiles()
  addOverview(console, { sql, delivery: () => deliveryState(ground, backlog) })
  addReportPages(console, {
    sql,
    publicCounts: publicReport && ((period) => publicMonths(sql, publicReport.map, period)),
  })
  addDossierList(console, { sql })
  addDossierPages(console, {
    sql,
    vault,
    resend: {
      send: async (wish, person) => (await resendDossier(sql, wish, operatorOf(person)))?.id ?? null,
      outcome: (replay, code) => outcomeOfItem(sql, replay, code),
    },
    about: async (language, code) =>
      dossierScoreSection({ sql, vault, catalogue: await catalogue.current() }, language, code),
  })
  addRunPages(console, { sql, canCompare, readColumns: (bytes, columns) => lists.readColumns(bytes, columns) })
  addRegisterPages(console, { sql })
  addDiscrepancyPages(console, { sql, resend, canCompare })
  addDeliveryPages(console, { sql, pace: () => pace.state(), movement: () => movementOf(ground) })
  addScorePages(console, {
    sql,
    newestDay: (agencies) => newestDay(sql, limitOf(agencies)),
    publicMap: publicReport?.map ?? null,
  })
  addCounterPages(console, openCounters(ground))
  addProcedurePages(console, { sql, catalogue, advice, desk, lists, localCodes: createLocalCodes(sql, catalogue) })
  addOrganisationPages(console, organisations)
  addAdministration(console, ground, queues)
  await console.open(app)
}

/** The pages for whoever looks after the service, at the end of the menu. */
function addAdministration(console: Console, ground: Ground, queues: QueueDesk): void {
  const { sql, settings, portal, policies, alertRules: rules } = ground
  addSettingsPage(console, {
    sql,
    settings,
    dialect: ground.dialectInForce,
    rules,
    alerts: () => listAlerts(sql, rules),
    plans: () => (portal === null ? null : plansAt(timesOf(ground, portal))),
    silentSeconds: silentAfter(policies),
  })
  addAuditPage(console, { sql })
  addQueuePage(console, { sql, queues: () => queues.state(), silentSeconds: silentAfter(policies) })
  const outside = settings.PUBLIC_URL === undefined ? '' : new URL(settings.PUBLIC_URL).pathname.replace(/\/$/, '')
  console.area({
    path: 'queues/board',
    right: 'queues:read',
    allAgencies: true,
    unattended: asksByItself,
    serve: createBoard({ queues: queues.queues(), sql, base: `${outside}/console/queues/board/` }),
  })
}

/** Seconds after which a part that gives no sign of life counts as silent. */
const silentAfter = ({ watch }: Policies) => (3 * watch.beat) / 1000

/** Every role answers for its health and its metrics; the API comes with the role of that name. */
async function openHttp(ground: Ground, queues: QueueDesk, withApi: boolean): Promise<Http> {
  const { sql, settings, log, metrics, pace } = ground
  const app = await createHttp({ log, bodyLimit: settings.MAX_LINE_BYTES })
  const lanes = watchBacklog(sql)
  if (withApi) await registerApi(app, ground, lanes, queues)
  const move = () => movementOf(ground)
  registerHealth(app, {
    intake: { database: async () => ({ ok: (await sql`select 1`).length === 1 }) },
    delivery: {
      redis: async () => ({ ok: (await ground.redis.ping()) === 'PONG' }),
      work: async () => ({ ...(await move()) }),
    },
    metrics,
    collect: async () => {
      await collectQueues(metrics, queues)
      await collectEvents(sql, metrics)
      await collectCatalogue(sql, metrics)
      await collectReconciliation(sql, metrics)
      await collectDelivery(sql, metrics, await lanes(), await pace.state().catch(() => null), await move())
    },
    unseen: () => metrics.stalled.set({ reason: 'ledger-unreachable' }, 1),
    metricsToken: settings.METRICS_TOKEN,
  })
  return app
}

/** Do dossiers move, by what the ledger and the pace say? */
export function movementOf({ sql, pace, portal, settings, policies }: Ground): Promise<Movement> {
  return checkMovement({
    sql,
    pace: () => pace.state(),
    portalConfigured: portal !== null,
    stallSeconds: settings.STALL_SECONDS,
    silentSeconds: silentAfter(policies),
    queues: pushQueues,
  })
}

async function collectCatalogue(sql: Sql, metrics: Metrics): Promise<void> {
  const { age, held, changes, endangered } = await catalogueState(sql)
  if (age !== null) metrics.catalogueAge.set(age)
  metrics.catalogueHeld.set(held ? 1 : 0)
  metrics.catalogueChanges.reset()
  for (const kind of changeKinds) metrics.catalogueChanges.set({ kind }, changes[kind] ?? 0)
  metrics.mappingsEndangered.set(endangered)
}

async function collectReconciliation(sql: Sql, metrics: Metrics): Promise<void> {
  const { age } = await dailyState(sql)
  if (age !== null) metrics.reconciliationAge.set(age)
  const figuresAge = await publicFiguresAge(sql)
  if (figuresAge !== null) metrics.publicFiguresAge.set(figuresAge)
  metrics.discrepancies.reset()
  for (const { side, kind, state, count } of await sumDiscrepancies(sql))
    metrics.discrepancies.set({ side, kind, state }, count)
}

async function collectQueues(metrics: Metrics, queues: QueueDesk): Promise<void> {
  metrics.queueJobs.reset()
  for (const { queue, counts } of await queues.counts().catch(() => []))
    for (const [state, count] of Object.entries(counts)) metrics.queueJobs.set({ queue, state }, count)
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
