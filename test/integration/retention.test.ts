import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { makePartitions, rotate, type Retention } from '../../src/delivery/retention.ts'
import { claimLanes, keepEvidence } from '../../src/delivery/store.ts'
import type { Exchange } from '../../src/delivery/portal.ts'
import { createVault } from '../../src/platform/crypto.ts'
import { openDatabase, type Sql } from '../../src/platform/database.ts'
import { migrate } from '../../src/platform/migrate.ts'
import { startServers, type House } from '../support/house.ts'
import { startScene, type Scene } from '../guarantees/scene.ts'
import { change } from '../support/province.ts'

const keep: Retention = { bodyDays: 90, contentDays: 365, evidenceMonths: null }
const vault = createVault([{ id: 'test', key: Buffer.alloc(32, 7) }])
/** The embedded database has one session: nobody can hold a lock while somebody else asks for it. */
const severalSessions = process.env['DATABASE_URL'] !== undefined

const exchange = (service: string): Exchange => ({
  service,
  requestIn: new Date(),
  requestOut: new Date(),
  responseIn: new Date(),
  httpStatus: 200,
  code: '0',
  message: null,
  class: 'ok',
  items: 0,
  bytesOut: 1,
  bytesIn: 1,
  requestBody: '{}',
  responseBody: '{}',
})

/** Records a call as a worker does. */
const kept = (sql: Sql, service: string) => keepEvidence(sql, vault, [{ exchange: exchange(service), lanes: [] }])

/** Name of the partition that covers `daysAgo`, as the ledger names it. */
async function partitionOf(sql: Sql, parent: string, daysAgo: number): Promise<string> {
  const form = parent === 'exchange_bodies' ? 'IYYY"w"IW' : 'YYYY_MM'
  const [row] = await sql<{ name: string }[]>`
    select ${`${parent}_`} || to_char((now() - ${daysAgo} * interval '1 day') at time zone 'UTC', ${form}) as name`
  return row!.name
}

const partitions = async (sql: Sql, parent: string) =>
  (
    await sql<{ name: string }[]>`
      select inhrelid::regclass::text as name from pg_inherits where inhparent = ${parent}::regclass order by 1`
  ).map(({ name }) => name)

const ensure = (sql: Sql, parent: string, every: string, fromDaysAgo: number, toDaysAgo: number) =>
  sql`select ensure_partitions(${parent}, ${every}, (now() - ${fromDaysAgo} * interval '1 day')::date, (now() - ${toDaysAgo} * interval '1 day')::date)`

/** A call with its body and one attempt, as they were recorded so many days ago. */
async function recorded(sql: Sql, service: string, daysAgo: number): Promise<number> {
  const [row] = await sql<{ id: number }[]>`
    with evidence as (
      insert into exchanges (service, request_in, request_out, response_out, class)
      select ${service}, at, at, at, 'ok' from (select now() - ${daysAgo} * interval '1 day' as at) r
      returning id, response_out as at
    ), bodies as (
      insert into exchange_bodies (exchange_id, at, request, response) select id, at, '\\x01', '\\x02' from evidence
    ), noted as (
      insert into attempts (dossier_id, exchange_id, at, meaning) select 1, id, at, 'ok' from evidence
    )
    select id from evidence`
  return row!.id
}

const idsIn = async (sql: Sql, table: 'exchanges' | 'exchange_bodies' | 'attempts') =>
  (
    await sql<{ id: number }[]>`
      select ${sql(table === 'exchanges' ? 'id' : 'exchange_id')} as id from ${sql(table)} order by 1`
  ).map(({ id }) => id)

describe('evidence in partitions', () => {
  let servers: House
  let sql: Sql
  beforeAll(async () => {
    servers = await startServers()
    sql = openDatabase({ url: servers.databaseUrl, pool: 5 })
    await migrate(sql)
  })
  beforeEach(async () => {
    for (const parent of ['exchanges', 'attempts', 'exchange_bodies']) {
      const named = (await partitions(sql, parent)).filter((name) => !name.endsWith('_default'))
      if (named.length > 0) await sql`drop table ${sql(named)}`
      await sql`truncate ${sql(parent)}`
    }
    await makePartitions(sql)
  })
  afterAll(async () => {
    await sql.end({ timeout: 5 })
    await servers.stop()
  })

  it('has partitions for now and ahead, and records land in the one of their time', async () => {
    for (const parent of ['exchanges', 'attempts', 'exchange_bodies']) {
      const there = await partitions(sql, parent)
      expect(there).toContain(await partitionOf(sql, parent, 0))
      // Fourteen days ahead there is always one, whatever the calendar.
      expect(there).toContain(await partitionOf(sql, parent, -14))
    }
    expect(await makePartitions(sql)).toBe(0)
    await kept(sql, 'here')
    for (const parent of ['exchanges', 'exchange_bodies'] as const) {
      const rows = await sql`select tableoid::regclass::text as place from ${sql(parent)}`
      expect(rows).toEqual([{ place: await partitionOf(sql, parent, 0) }])
    }
  })

  it('drops old bodies by whole partitions, clears the one at the limit by row, and keeps the evidence', async () => {
    await ensure(sql, 'exchange_bodies', 'week', 140, 70)
    await ensure(sql, 'exchanges', 'month', 140, 70)
    await ensure(sql, 'attempts', 'month', 140, 70)
    const old = [await recorded(sql, 'old', 130), await recorded(sql, 'old', 115)]
    const atLimit = [await recorded(sql, 'limit', 90.01), await recorded(sql, 'limit', 89.99)]
    const young = await recorded(sql, 'young', 75)
    const gone = await partitionOf(sql, 'exchange_bodies', 115)
    const { dropped, bodies } = await rotate(sql, keep)
    expect(dropped).toContain(gone)
    expect(dropped.every((name) => name.startsWith('exchange_bodies_'))).toBe(true)
    expect(bodies).toBeGreaterThanOrEqual(1)
    expect(await partitions(sql, 'exchange_bodies')).not.toContain(gone)
    expect(await partitions(sql, 'exchange_bodies')).toContain('exchange_bodies_default')
    expect(await idsIn(sql, 'exchange_bodies')).toEqual([atLimit[1], young])
    const all = [...old, ...atLimit, young]
    expect(await idsIn(sql, 'exchanges')).toEqual(all)
    expect(await idsIn(sql, 'attempts')).toEqual(all)
    expect(await rotate(sql, keep)).toEqual({ made: 0, dropped: [], bodies: 0, contents: 0 })
  })

  it('lets go of evidence by whole months, and only when told to', async () => {
    await ensure(sql, 'exchanges', 'month', 800, 0)
    await ensure(sql, 'attempts', 'month', 800, 0)
    await recorded(sql, 'old', 790)
    const young = [await recorded(sql, 'young', 300), await recorded(sql, 'young', 1)]
    const { dropped } = await rotate(sql, { ...keep, evidenceMonths: 24 })
    expect(dropped).toContain(await partitionOf(sql, 'exchanges', 790))
    expect(dropped).toContain(await partitionOf(sql, 'attempts', 790))
    expect(await idsIn(sql, 'exchanges')).toEqual(young)
    expect(await idsIn(sql, 'attempts')).toEqual(young)
    // What is on record must still be readable together.
    expect(await partitions(sql, 'exchanges')).toContain(await partitionOf(sql, 'exchanges', 300))
  })

  it('keeps what has no partition in the default one, and lets go of it by age as well', async () => {
    const stray = [
      await recorded(sql, 'stray', 400),
      await recorded(sql, 'stray', 100),
      await recorded(sql, 'ahead', -400),
    ]
    const rows = await sql`select tableoid::regclass::text as place from exchanges group by 1`
    expect(rows).toEqual([{ place: 'exchanges_default' }])
    await rotate(sql, keep)
    expect(await idsIn(sql, 'exchanges')).toEqual(stray)
    expect(await idsIn(sql, 'exchange_bodies')).toEqual([stray[2]])
    await rotate(sql, { ...keep, evidenceMonths: 6 })
    expect(await idsIn(sql, 'exchanges')).toEqual(stray.slice(1))
    expect(await idsIn(sql, 'attempts')).toEqual(stray.slice(1))
  })

  it('makes the other partitions although rows of one lie in the default, and goes on recording there', async () => {
    const current = await partitionOf(sql, 'exchanges', 0)
    await sql`drop table ${sql(current)}`
    await kept(sql, 'early')
    const next = await partitionOf(sql, 'exchanges', -31)
    await sql`drop table ${sql(next)}`
    expect(await makePartitions(sql)).toBe(1)
    expect(await partitions(sql, 'exchanges')).toContain(next)
    await kept(sql, 'later')
    expect(await sql`select service from exchanges_default order by id`).toEqual([
      { service: 'early' },
      { service: 'later' },
    ])
  })

  it('makes partitions by two processes at once, each of them once', async () => {
    const months = [0, 200, 400, 600]
    await Promise.all(
      months.flatMap((from) => [
        ensure(sql, 'exchanges', 'month', from + 250, from),
        ensure(sql, 'exchange_bodies', 'week', from + 250, from),
      ]),
    )
    const there = await partitions(sql, 'exchanges')
    expect(new Set(there).size).toBe(there.length)
    expect(there).toContain(await partitionOf(sql, 'exchanges', 850))
  })

  it.runIf(severalSessions)(
    'leaves a partition that is in use for the next time, and new evidence is not held up',
    async () => {
      await ensure(sql, 'exchange_bodies', 'week', 140, 112)
      const old = await recorded(sql, 'old', 133)
      const used = await partitionOf(sql, 'exchange_bodies', 133)
      const free = await partitionOf(sql, 'exchange_bodies', 119)
      let waited = 0
      await sql.begin(async (reader) => {
        await reader`select from ${reader(used)}`
        const rotation = rotate(sql, keep)
        const through = new AbortController()
        void rotation.finally(() => through.abort()).catch(() => undefined)
        while (!through.signal.aborted) {
          const from = performance.now()
          await kept(sql, 'meanwhile')
          waited = Math.max(waited, performance.now() - from)
        }
        const { dropped } = await rotation
        expect(dropped).not.toContain(used)
        expect(dropped).toContain(free)
      })
      // Its rows went all the same, one by one.
      expect(await sql`select from exchange_bodies where exchange_id = ${old}`).toHaveLength(0)
      // Two seconds for each lock that somebody holds, and a slow machine.
      expect(waited).toBeLessThan(10_000)
      expect((await rotate(sql, keep)).dropped).toEqual([used])
    },
  )

  it.runIf(severalSessions)('does not wait for a reader of the default partition to make new ones', async () => {
    const next = await partitionOf(sql, 'exchanges', -31)
    await sql`drop table ${sql(next)}`
    await sql.begin(async (reader) => {
      await reader`select from exchanges_default`
      expect(await makePartitions(sql)).toBe(0)
      await kept(sql, 'meanwhile')
    })
    expect(await makePartitions(sql)).toBe(1)
    expect(await partitions(sql, 'exchanges')).toContain(next)
  })
})

describe('contents of old changes', () => {
  let scene: Scene
  let sql: Sql
  beforeAll(async () => {
    scene = await startScene({ settings: { ROLES: 'api' } })
    sql = scene.ground.sql
  })
  afterAll(() => scene.close())

  const at = (day: number) => `2020-07-${String(day).padStart(2, '0')}T09:00:00+07:00`
  /** A dossier with a change for each of these days, all stored two years ago. */
  async function aged(...days: number[]): Promise<ReturnType<typeof change>> {
    const dossier = change()
    for (const day of days) await scene.push([versionOf(dossier, day)])
    await sql`update changes c set stored_at = now() - interval '2 years' from dossiers d where d.id = c.dossier_id and d.code = ${dossier.code}`
    return dossier
  }
  const versionOf = (dossier: ReturnType<typeof change>, day: number) => ({
    ...dossier,
    note: `ngày ${day}`,
    changedAt: at(day),
  })
  /** By number, whether each change of a dossier still has its content. */
  const contents = async (code: string) =>
    (
      await sql<{ there: boolean }[]>`
        select c.content is not null as there from changes c join dossiers d on d.id = c.dossier_id where d.code = ${code} order by c.number`
    ).map(({ there }) => there)
  const changeId = (code: string, number: number) =>
    sql`(select c.id from changes c join dossiers d on d.id = c.dossier_id where d.code = ${code} and c.number = ${number})`
  const laneOf = (code: string) => sql`dossier_id = (select id from dossiers where code = ${code})`

  it('are emptied when they are neither wanted, delivered nor on the line; their hash stays', async () => {
    const dossier = await aged(1, 2, 3, 4)
    await sql`update deliveries set delivered_change_id = ${changeId(dossier.code, 2)} where ${laneOf(dossier.code)}`
    const young = change()
    await scene.push([versionOf(young, 1), versionOf(young, 2)])
    expect((await rotate(sql, keep)).contents).toBe(2)
    expect(await contents(dossier.code)).toEqual([false, true, false, true])
    expect(await contents(young.code)).toEqual([true, true])
    expect(await sql`select from changes where hash is null`).toHaveLength(0)
    expect((await rotate(sql, keep)).contents).toBe(0)
  })

  it('stay while the lane is on the line or in doubt, also the one that a call carries', async () => {
    const sending = await aged(1, 2)
    const claim = {
      ids: [await idOf(sending.code)],
      urgency: 'fresh',
      token: crypto.randomUUID(),
      leaseFor: 60_000,
    } as const
    expect((await claimLanes(sql, scene.ground.vault, claim)).lanes).toHaveLength(1)
    await scene.push([versionOf(sending, 3)])
    const doubtful = await aged(1, 2)
    await sql`update deliveries set state = 'unknown', sent_change_id = ${changeId(doubtful.code, 1)} where ${laneOf(doubtful.code)}`
    const tried = await aged(1, 2)
    await sql`update deliveries set sent_change_id = ${changeId(tried.code, 1)} where ${laneOf(tried.code)}`
    expect((await rotate(sql, keep)).contents).toBe(0)
    expect(await contents(sending.code)).toEqual([true, true, true])
    await sql`update deliveries set state = 'waiting', sent_change_id = null, lease_token = null where ${laneOf(sending.code)}`
    expect((await rotate(sql, keep)).contents).toBe(2)
    expect(await contents(sending.code)).toEqual([false, false, true])
  })

  it.runIf(severalSessions)('stay while somebody holds the lane, and go the next time', async () => {
    const dossier = await aged(1, 2)
    await sql.begin(async (tx) => {
      await tx`select from deliveries where dossier_id = (select id from dossiers where code = ${dossier.code}) for update`
      await rotate(sql, keep)
    })
    expect(await contents(dossier.code)).toEqual([true, true])
    await rotate(sql, keep)
    expect(await contents(dossier.code)).toEqual([false, true])
  })

  it('are shown as gone by the timeline, and known when they are pushed again', async () => {
    const dossier = await aged(1, 2)
    expect((await rotate(sql, keep)).contents).toBe(1)
    for (const reveal of ['', '?personal=true']) {
      const answer = await fetch(`${scene.house.url}/v1/dossiers/${dossier.code}${reveal}`, {
        headers: { authorization: `Bearer ${scene.key}` },
      })
      expect(answer.status).toBe(200)
      const { changes } = (await answer.json()) as { changes: { number: number; content: unknown }[] }
      expect(changes).toMatchObject([
        { number: 1, content: null },
        { number: 2, content: { procedureCode: dossier['procedureCode'] } },
      ])
    }
    expect(await scene.push([versionOf(dossier, 1)])).toMatchObject([{ result: 'unchanged' }])
    expect(await scene.push([versionOf(dossier, 2)])).toMatchObject([{ result: 'unchanged' }])
    expect(await scene.push([{ ...versionOf(dossier, 1), changedAt: at(5) }])).toMatchObject([
      { result: 'stored', change: 3 },
    ])
    expect(await contents(dossier.code)).toEqual([false, true, true])
  })

  it('are walked through in lots, however many changes lie between', async () => {
    const [owner] = await sql<{ id: number }[]>`select id from dossiers limit 1`
    // More than two lots; ids with a gap, as refused and unchanged pushes leave them.
    await sql`
      insert into changes (id, dossier_id, number, changed_at, stored_at, source_status, verdict, client_id, hash, content)
      select 1000000 + i * 3, ${owner!.id}, 100 + i, now(), now() - interval '2 years', 'x', 'superseded', 'c', '\\x00', '\\x01'
      from generate_series(1, 11000) i`
    const { contents: emptied } = await rotate(sql, keep)
    expect(emptied).toBeGreaterThanOrEqual(11_000)
    const [left] = await sql`select count(*)::int as count from changes where id > 1000000 and content is not null`
    expect(left).toEqual({ count: 0 })
  })

  async function idOf(code: string): Promise<number> {
    const [row] = await sql<{ id: number }[]>`select id from dossiers where code = ${code}`
    return row!.id
  }
})

describe('a ledger of the first schema', () => {
  let servers: House
  let sql: Sql
  beforeAll(async () => {
    servers = await startServers()
    sql = openDatabase({ url: servers.databaseUrl, pool: 2 })
  })
  afterAll(async () => {
    await sql.end({ timeout: 5 })
    await servers.stop()
  })

  const script = (name: string) =>
    readFileSync(new URL(`../../src/platform/migrations/${name}.sql`, import.meta.url), 'utf8')

  it('carries its lanes, exchanges, bodies and attempts over', async () => {
    await sql.unsafe(script('001.do.ledger')).simple()
    await sql.unsafe(firstLedger).simple()
    await sql.begin((tx) => tx.unsafe(script('002.do.under-fire')).simple())
    await makePartitions(sql)
    expect(await sql`select dossier_id, agency_code, again from deliveries order by 1`).toEqual([
      { dossier_id: 1, agency_code: 'H34.01', again: false },
      { dossier_id: 2, agency_code: 'H34.02', again: false },
    ])
    expect(await sql`select service, code, items, bytes_out from exchanges order by id`).toEqual([
      { service: 'login', code: '0', items: 0, bytes_out: 7 },
      { service: 'DongBoHoSoMC', code: null, items: 2, bytes_out: 8 },
      { service: 'CapNhatTienDoHoSoMC', code: '0', items: 1, bytes_out: 9 },
    ])
    expect(
      await sql`
        select e.service, b.request, b.response from exchanges e join exchange_bodies b on b.exchange_id = e.id and b.at = e.response_out order by e.id`,
    ).toEqual([
      { service: 'DongBoHoSoMC', request: Buffer.from([1]), response: Buffer.from([2]) },
      { service: 'CapNhatTienDoHoSoMC', request: Buffer.from([3]), response: Buffer.from([4]) },
    ])
    expect(
      await sql`
        select a.dossier_id, e.service, a.change_id, a.step_ids, a.meaning
        from attempts a join exchanges e on e.id = a.exchange_id and e.response_out = a.at order by 1, e.id`,
    ).toEqual([
      { dossier_id: 1, service: 'DongBoHoSoMC', change_id: 11, step_ids: null, meaning: 'ok' },
      { dossier_id: 1, service: 'CapNhatTienDoHoSoMC', change_id: null, step_ids: [5, 6], meaning: 'ok' },
      { dossier_id: 2, service: 'DongBoHoSoMC', change_id: 12, step_ids: null, meaning: 'ok' },
    ])
    // Each in the partition of its month, none in the default one.
    for (const table of ['exchanges_default', 'attempts_default', 'exchange_bodies_default'])
      expect(await sql`select from ${sql(table)}`).toHaveLength(0)
  })

  it('goes on numbering where it stopped, and rotates what it carried over', async () => {
    await kept(sql, 'new')
    const [newest] = await sql`select service from exchanges order by id desc limit 1`
    expect(newest).toEqual({ service: 'new' })
    expect(new Set(await idsIn(sql, 'exchanges')).size).toBe(4)
    const { dropped } = await rotate(sql, { ...keep, evidenceMonths: 2 })
    expect(dropped.some((name) => name.startsWith('exchange_bodies_'))).toBe(true)
    expect(await sql`select service from exchanges order by id`).toEqual([
      { service: 'CapNhatTienDoHoSoMC' },
      { service: 'new' },
    ])
  })
})

/** Two dossiers, three calls (one culled of its body, one of half a year ago) and their attempts. */
const firstLedger = `
insert into dossiers (code, source, agency_code, procedure_code, source_status, received_at, changed_at, hash, change_id)
values ('A', 's', 'H34.01', 'p', 'x', now(), now(), '\\x00', 11), ('B', 's', 'H34.02', 'p', 'x', now(), now(), '\\x00', 12);
insert into changes (id, dossier_id, number, changed_at, source_status, verdict, client_id, hash, content)
values (11, 1, 1, now(), 'x', 'stored', 'c', '\\x00', '\\x01'), (12, 2, 1, now(), 'x', 'stored', 'c', '\\x00', '\\x01');
insert into deliveries (dossier_id, state, wanted_change_id) values (1, 'waiting', 11), (2, 'delivered', 12);
insert into exchanges (service, request_in, request_out, response_out, code, class, items, bytes_out, request_body, response_body) values
  ('login', now() - interval '190 days', now(), now() - interval '190 days', '0', 'ok', 0, 7, null, null),
  ('DongBoHoSoMC', now() - interval '180 days', now(), now() - interval '180 days', null, 'ok', 2, 8, '\\x01', '\\x02'),
  ('CapNhatTienDoHoSoMC', now(), now(), now(), '0', 'ok', 1, 9, '\\x03', '\\x04');
insert into attempts (dossier_id, exchange_id, change_id, step_ids, meaning)
values (1, 2, 11, null, 'ok'), (2, 2, 12, null, 'ok'), (1, 3, null, '{5,6}', 'ok');`
