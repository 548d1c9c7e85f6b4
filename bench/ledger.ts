import type { DossierChange } from '../src/dossiers/model.ts'
import { createKey, rights } from '../src/platform/auth.ts'
import { createVault, type Vault } from '../src/platform/crypto.ts'
import { openDatabase, type Sql, type Tx } from '../src/platform/database.ts'
import { migrate } from '../src/platform/migrate.ts'
import { applyProcedures } from '../src/procedures/national.ts'
import { importAgencies } from '../src/organisations/store.ts'
import { startServers } from '../test/support/house.ts'
import { agencies, dossiers, procedures, type Wish } from './dossiers.ts'
import type { Environment } from './processes.ts'

/** A ledger of its own for one bench: migrated, with catalogue, agencies and a key, and without dossiers. */
export interface Ledger {
  readonly sql: Sql
  readonly databaseUrl: string
  readonly embedded: boolean
  readonly vault: Vault
  /** A key with all rights for all agencies. */
  readonly key: string
  /** Settings of a process that works on this ledger. */
  readonly environment: Environment
  /** Fills in dossiers as if they had been pushed (and delivered), without the service. */
  load(order: LoadOrder): Promise<void>
  /** The rows of such dossiers, sealed and with their ids, in groups for one transaction each. */
  prepare(order: LoadOrder, perTransaction: number): Promise<LoadedRow[][]>
  /** Writes one group: an `unnest` for each table, one transaction. */
  write(rows: readonly LoadedRow[]): Promise<void>
  /** After `write`: what the service inserts takes the ids behind. */
  settleIds(): Promise<void>
  /** Nothing is handed out while `held`. */
  hold(held: boolean): Promise<void>
  close(): Promise<void>
}

export interface LoadOrder {
  /** Number of the first dossier. */
  readonly from: number
  readonly count: number
  readonly wish: Wish
  /** The lane of dossier `n`. */
  readonly lane: (n: number) => LoadedLane
}

export interface LoadedLane {
  readonly state: 'waiting' | 'blocked' | 'parked' | 'delivered'
  readonly reason?: string
  /** The portal holds an earlier state of it. */
  readonly known?: boolean
}

export const waiting = (): LoadedLane => ({ state: 'waiting' })
export const delivered = (): LoadedLane => ({ state: 'delivered' })

const encryptionKey = Buffer.alloc(32, 7)

export async function openLedger(): Promise<Ledger> {
  const embedded = process.env['DATABASE_URL'] === undefined
  const servers = await startServers()
  const sql = openDatabase({ url: servers.databaseUrl, pool: embedded ? 2 : 8 })
  const vault = createVault([{ id: 'bench', key: encryptionKey }])
  await migrate(sql)
  await importAgencies(sql, agencies)
  await applyProcedures(sql, procedures)
  const client = { name: 'bench', source: 'one-stop', rights: [...rights], agencies: ['*'], by: 'bench' }
  const { key } = await createKey(sql, client)
  return {
    sql,
    databaseUrl: servers.databaseUrl,
    embedded,
    vault,
    key,
    environment: {
      DATABASE_URL: servers.databaseUrl,
      REDIS_URL: servers.redisUrl,
      QUEUE_PREFIX: servers.queuePrefix,
      ENCRYPTION_KEYS: `bench:${encryptionKey.toString('base64')}`,
      PORT: '0',
      CATALOGUE_PULL: 'off',
      RECONCILE_AT: 'off',
      LOG_LEVEL: 'silent',
    },
    load: (order) => load(sql, vault, order, embedded ? 1 : 4),
    async prepare(order, perTransaction) {
      const base = await nextIds(sql)
      return parts(order, perTransaction).map((part) => rowsOf(vault, part, base, part.from - order.from))
    },
    write: (rows) => writeGroup(sql, rows),
    settleIds: () => settleIds(sql),
    hold: (held) => hold(sql, held),
    async close() {
      await sql.end({ timeout: 5 })
      await servers.stop()
    },
  }
}

async function hold(sql: Sql, held: boolean): Promise<void> {
  await sql`delete from delivery_hold`
  if (held) await sql`insert into delivery_hold (actor, why) values ('bench', 'a round is being prepared')`
}

/** A million dossiers in a few minutes: sealed here, written by `hands` connections at the same time. */
async function load(sql: Sql, vault: Vault, order: LoadOrder, hands: number): Promise<void> {
  const base = await nextIds(sql)
  const open = parts(order, 2_000)
  const hand = async () => {
    for (let part = open.shift(); part; part = open.shift())
      await writeGroup(sql, rowsOf(vault, part, base, part.from - order.from))
  }
  await Promise.all(Array.from({ length: hands }, hand))
  await settleIds(sql)
  await quieten(sql)
}

function parts(order: LoadOrder, size: number): LoadOrder[] {
  return Array.from({ length: Math.ceil(order.count / size) }, (_, part) => ({
    ...order,
    from: order.from + part * size,
    count: Math.min(size, order.count - part * size),
  }))
}

interface Ids {
  readonly dossier: number
  readonly change: number
}

async function nextIds(sql: Sql): Promise<Ids> {
  const [row] = await sql<Ids[]>`
    select coalesce((select max(id) from dossiers), 0) + 1 as dossier, coalesce((select max(id) from changes), 0) + 1 as change`
  return row!
}

async function settleIds(sql: Sql): Promise<void> {
  await sql`select setval(pg_get_serial_sequence('dossiers', 'id'), max(id)) from dossiers`
  await sql`select setval('change_ids', max(id)) from changes`
}

/** Figures for the planner, visibility and dirty pages are as after a quiet hour. */
async function quieten(sql: Sql): Promise<void> {
  for (const table of ['dossiers', 'changes', 'steps', 'deliveries', 'exchanges', 'attempts'])
    await sql.unsafe(`vacuum analyze ${table}`)
  await sql`checkpoint`
}

/** Everything of one dossier that goes into the ledger's tables. */
export interface LoadedRow {
  readonly id: number
  readonly changeId: number
  readonly change: DossierChange
  readonly hash: string
  readonly sealed: string
  readonly lane: LoadedLane
  readonly steps: readonly { at: string; status: string; hash: string; sealed: string }[]
}

function rowsOf(vault: Vault, { from, count, wish, lane }: LoadOrder, base: Ids, skip: number): LoadedRow[] {
  return [...dossiers(from, count, wish)].map((change, index): LoadedRow => {
    const { code, changedAt: _changedAt, backfill: _backfill, steps = [], ...content } = change
    const text = JSON.stringify(content)
    return {
      id: base.dossier + skip + index,
      changeId: base.change + skip + index,
      change,
      hash: vault.fingerprint(text).toString('hex'),
      sealed: vault.seal(text, `change:${code}`).toString('base64'),
      lane: lane(from + index),
      steps: steps.map((step) => ({
        at: step.at,
        status: step.status,
        hash: vault.fingerprint(JSON.stringify(step)).toString('hex'),
        sealed: vault.seal(JSON.stringify(step), `step:${code}`).toString('base64'),
      })),
    }
  })
}

/** The statements go out together, in this order, without waiting for one another's answer. */
async function writeGroup(sql: Sql, rows: readonly LoadedRow[]): Promise<void> {
  await sql.begin((tx) =>
    Promise.all([
      writeDossiers(tx, rows),
      writeChanges(tx, rows),
      writeSteps(tx, rows),
      writeLanes(tx, rows),
      writeEvidence(
        tx,
        rows.filter(({ lane }) => lane.state === 'delivered'),
      ),
    ]),
  )
}

async function writeDossiers(tx: Tx, rows: readonly LoadedRow[]): Promise<void> {
  const column = <T>(of: (row: LoadedRow) => T) => rows.map(of)
  await tx`
    insert into dossiers (id, code, source, agency_code, level, procedure_code, status, source_status, channel, received_at,
      promised_at, changed_at, hash, change_id)
    overriding system value
    select r.id, r.code, 'one-stop', r.agency, r.level, r.procedure, r.status, r.status, r.channel, r.received, r.promised,
      r.changed, decode(r.hash, 'hex'), r.change_id
    from unnest(
      ${column(({ id }) => id)}::bigint[], ${column(({ change }) => change.code)}::text[],
      ${column(({ change }) => change.agencyCode)}::text[], ${column(({ change }) => change.level ?? null)}::text[],
      ${column(({ change }) => change.procedureCode)}::text[], ${column(({ change }) => change.status)}::text[],
      ${column(({ change }) => change.channel ?? null)}::text[], ${column(({ change }) => change.receivedAt)}::timestamptz[],
      ${column(({ change }) => change.promisedAt ?? null)}::timestamptz[], ${column(({ change }) => change.changedAt)}::timestamptz[],
      ${column(({ hash }) => hash)}::text[], ${column(({ changeId }) => changeId)}::bigint[]
    ) as r(id, code, agency, level, procedure, status, channel, received, promised, changed, hash, change_id)`
}

async function writeChanges(tx: Tx, rows: readonly LoadedRow[]): Promise<void> {
  const column = <T>(of: (row: LoadedRow) => T) => rows.map(of)
  await tx`
    insert into changes (id, dossier_id, number, changed_at, status, source_status, verdict, client_id, hash, content)
    select r.id, r.dossier_id, 1, r.changed, r.status, r.status, 'stored', 'bench', decode(r.hash, 'hex'), decode(r.content, 'base64')
    from unnest(
      ${column(({ changeId }) => changeId)}::bigint[], ${column(({ id }) => id)}::bigint[],
      ${column(({ change }) => change.changedAt)}::timestamptz[], ${column(({ change }) => change.status)}::text[],
      ${column(({ hash }) => hash)}::text[], ${column(({ sealed }) => sealed)}::text[]
    ) as r(id, dossier_id, changed, status, hash, content)`
}

async function writeSteps(tx: Tx, rows: readonly LoadedRow[]): Promise<void> {
  const steps = rows.flatMap(({ id, lane, steps }) => steps.map((step) => ({ ...step, id, state: stateOfSteps(lane) })))
  if (steps.length === 0) return
  await tx`
    insert into steps (dossier_id, at, status, source_status, state, acknowledged_at, client_id, hash, content)
    select r.id, r.at, r.status, r.status, r.state, case when r.state = 'delivered' then now() end, 'bench',
      decode(r.hash, 'hex'), decode(r.content, 'base64')
    from unnest(
      ${steps.map(({ id }) => id)}::bigint[], ${steps.map(({ at }) => at)}::timestamptz[],
      ${steps.map(({ status }) => status)}::text[], ${steps.map(({ state }) => state)}::text[],
      ${steps.map(({ hash }) => hash)}::text[], ${steps.map(({ sealed }) => sealed)}::text[]
    ) as r(id, at, status, state, hash, content)`
}

const stateOfSteps = ({ state }: LoadedLane) => (state === 'delivered' ? 'delivered' : 'waiting')

async function writeLanes(tx: Tx, rows: readonly LoadedRow[]): Promise<void> {
  const column = <T>(of: (row: LoadedRow) => T) => rows.map(of)
  await tx`
    insert into deliveries (dossier_id, agency_code, state, reason, wanted_change_id, delivered_change_id, presence, steps_total,
      steps_done, priority, assessed_version, national_code, first_delivered_at, delivered_at)
    select r.id, r.agency, r.state, r.reason, r.change_id, case when r.state = 'delivered' then r.change_id end, r.presence, r.steps,
      case when r.state = 'delivered' then r.steps else 0 end, r.priority,
      (select version from catalogue_version), r.national,
      case when r.state = 'delivered' then now() end, case when r.state = 'delivered' then now() end
    from unnest(
      ${column(({ id }) => id)}::bigint[], ${column(({ change }) => change.agencyCode)}::text[],
      ${column(({ lane }) => lane.state)}::text[], ${column(({ lane }) => lane.reason ?? null)}::text[],
      ${column(({ changeId }) => changeId)}::bigint[], ${column(({ lane }) => presenceOf(lane))}::text[],
      ${column(({ steps }) => steps.length)}::int[], ${column(({ change }) => (change.backfill ? 1 : 0))}::smallint[],
      ${column(({ change }) => change.procedureCode)}::text[]
    ) as r(id, agency, state, reason, change_id, presence, steps, priority, national)`
}

const presenceOf = ({ state, known }: LoadedLane) => (state === 'delivered' || known === true ? 'present' : 'unseen')

/** Calls of fifty dossiers, without their bodies: those rotate away within weeks. */
async function writeEvidence(tx: Tx, rows: readonly LoadedRow[]): Promise<void> {
  if (rows.length === 0) return
  await tx`
    with calls as (
      insert into exchanges (service, request_in, request_out, response_in, response_out, http_status, code, message, class, items,
        bytes_out, bytes_in)
      select 'DongBoHoSoMC', now(), now(), now(), now(), 200, '0', '', 'ok', 50, 60000, 80
      from generate_series(1, ${Math.ceil(rows.length / 50)}::int) returning id
    ), numbered as (
      select id, row_number() over (order by id) as number from calls
    )
    insert into attempts (dossier_id, exchange_id, at, change_id, meaning)
    select r.id, numbered.id, now(), r.change_id, 'ok'
    from unnest(${rows.map(({ id }) => id)}::bigint[], ${rows.map(({ changeId }) => changeId)}::bigint[])
      with ordinality as r(id, change_id, position)
    join numbered on numbered.number = (r.position - 1) / 50 + 1`
}
