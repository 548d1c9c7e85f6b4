import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Urgency } from '../../src/delivery/model.ts'
import { claimLanes, forgetHandOuts, handOut, type HandOut } from '../../src/delivery/store.ts'
import { importAgencies } from '../../src/organisations/store.ts'
import { openDatabase, type Sql } from '../../src/platform/database.ts'
import { migrate } from '../../src/platform/migrate.ts'
import { meanwhile, startScene, type Scene } from '../guarantees/scene.ts'
import { startServers, type House } from '../support/house.ts'
import { change, step } from '../support/province.ts'

/** The embedded database has one session: nobody can hold a lane while somebody else asks for it. */
const severalSessions = process.env['DATABASE_URL'] !== undefined

interface LaneKind {
  readonly state?: 'waiting' | 'unknown' | 'delivered' | 'parked'
  readonly priority?: 0 | 1
  /** Seconds since it became due; negative: in the future. */
  readonly dueFor?: number
  readonly attempts?: number
  readonly doubts?: number
}

describe('lanes handed out', () => {
  let servers: House
  let sql: Sql
  beforeAll(async () => {
    servers = await startServers({ tables: 'perhaps' })
    sql = openDatabase({ url: servers.databaseUrl, pool: 5 })
    await migrate(sql)
  })
  afterAll(async () => {
    await sql.end({ timeout: 5 })
    await servers.stop()
  })
  beforeEach(async () => {
    await sql`truncate deliveries, changes, steps, dossiers cascade`
    await sql`delete from delivery_hold`
  })

  /** Lanes of one agency, the first one longest due. Returns their ids. */
  async function lanes(agency: string, count: number, kind: LaneKind = {}): Promise<number[]> {
    const { state = 'waiting', priority = 0, dueFor = 3600, attempts = 0, doubts = 0 } = kind
    const rows = await sql<{ id: number }[]>`
      with made as (
        insert into dossiers (code, source, agency_code, procedure_code, source_status, received_at, changed_at, hash, change_id)
        select gen_random_uuid()::text, 's', ${agency}, 'p', 'x', now(), now(), '\\x00', 1 from generate_series(1, ${count}::int)
        returning id
      )
      insert into deliveries (dossier_id, agency_code, state, wanted_change_id, priority, attempts, doubts, next_at)
      select id, ${agency}, ${state}, 1, ${priority}, ${attempts}, ${doubts},
        now() - ${dueFor} * interval '1 second' + row_number() over (order by id) * interval '1 millisecond'
      from made returning dossier_id as id`
    return rows.map(({ id }) => id).sort((a, b) => a - b)
  }

  const wish = { urgency: 'fresh', batch: 50, holdFor: 60_000, turns: new Map<Urgency, string>() } as const
  const idsOf = (handed: readonly HandOut[]) => handed.flatMap(({ ids }) => ids)
  /** How many lanes of each agency are handed out. */
  async function shares(handed: readonly HandOut[]): Promise<Map<string, number>> {
    const rows = await sql<{ agency: string; count: number }[]>`
      select agency_code as agency, count(*)::int as count from deliveries
      where dossier_id = any(${idsOf(handed)}::bigint[]) group by 1`
    return new Map(rows.map(({ agency, count }) => [agency, count]))
  }
  const agency = (number: number) => `A${String(number).padStart(3, '0')}`

  it('give a hundred agencies with one lane each their turn beside one with five thousand, and use all the room', async () => {
    // Longer due than all others, as a backlog is.
    await lanes('BIG', 5_000, { dueFor: 86_400 })
    for (let number = 1; number <= 100; number += 1) await lanes(agency(number), 1)
    const handed = await handOut(sql, { ...wish, limit: 400 })
    const counts = await shares(handed)
    expect(idsOf(handed)).toHaveLength(400)
    expect(new Set(idsOf(handed)).size).toBe(400)
    expect(counts.get('BIG')).toBe(300)
    expect(counts.size).toBe(101)
  })

  it('give every agency its turn before any its second, however little room there is', async () => {
    await lanes('BIG', 5_000, { dueFor: 86_400 })
    for (let number = 1; number <= 100; number += 1) await lanes(agency(number), 1)
    const first = await handOut(sql, { ...wish, limit: 8 })
    expect(idsOf(first)).toHaveLength(8)
    expect((await shares(first)).get('BIG') ?? 0).toBeLessThanOrEqual(1)
    const handed = [...first]
    for (let turn = 2; turn <= 15; turn += 1) handed.push(...(await handOut(sql, { ...wish, limit: 8 })))
    // 120 lanes in 15 turns: all hundred single ones are among them.
    const counts = await shares(handed)
    expect(counts.size).toBe(101)
    expect(counts.get('BIG')).toBe(20)
  })

  it('let no backlogs keep out an agency that came later, also when room comes one by one', async () => {
    for (let number = 1; number <= 5; number += 1) await lanes(agency(number), 200, { dueFor: 86_400 - number })
    await lanes('LATE', 3, { dueFor: 60 })
    const handed: HandOut[] = []
    for (let turn = 1; turn <= 18; turn += 1) handed.push(...(await handOut(sql, { ...wish, batch: 1, limit: 1 })))
    const counts = await shares(handed)
    expect(counts.get('LATE')).toBe(3)
    for (let number = 1; number <= 5; number += 1) expect(counts.get(agency(number))).toBe(3)
  })

  it('deal what small agencies leave over among the larger ones', async () => {
    await lanes('SMALL', 3)
    await lanes('MIDDLE', 30)
    await lanes('LARGE', 500)
    await lanes('LARGER', 900)
    const counts = await shares(await handOut(sql, { ...wish, limit: 233 }))
    expect(Object.fromEntries(counts)).toMatchObject({ SMALL: 3, MIDDLE: 30 })
    expect(counts.get('LARGE')! + counts.get('LARGER')!).toBe(200)
    expect(Math.abs(counts.get('LARGE')! - counts.get('LARGER')!)).toBeLessThanOrEqual(1)
  })

  it('go out longest due first within an agency, and never before they are due', async () => {
    const later = await lanes('ONE', 20, { dueFor: 100 })
    const sooner = await lanes('ONE', 20, { dueFor: 200 })
    const future = await lanes('ONE', 20, { dueFor: -3600 })
    await lanes('ONE', 20, { state: 'parked', dueFor: 86_400 })
    await lanes('ONE', 20, { state: 'delivered', dueFor: 86_400 })
    expect(idsOf(await handOut(sql, { ...wish, limit: 25 })).sort((a, b) => a - b)).toEqual(
      [...sooner, ...later.slice(0, 5)].sort((a, b) => a - b),
    )
    expect(idsOf(await handOut(sql, { ...wish, limit: 100 }))).toEqual(later.slice(5))
    expect(idsOf(await handOut(sql, { ...wish, limit: 100 }))).toEqual([])
    expect(await forgetHandOuts(sql, [...later, ...future])).toBe(20)
    expect(idsOf(await handOut(sql, { ...wish, limit: 100 }))).toEqual(later)
  })

  it('go out again when nobody picked them up in time', async () => {
    const ids = await lanes('ONE', 3)
    expect(idsOf(await handOut(sql, { ...wish, limit: 10, holdFor: 0 }))).toEqual(ids)
    expect(idsOf(await handOut(sql, { ...wish, limit: 10 }))).toEqual(ids)
    expect(idsOf(await handOut(sql, { ...wish, limit: 10 }))).toEqual([])
  })

  it.runIf(severalSessions)('do not wait for a lane that somebody holds: the others go', async () => {
    const ids = await lanes('ONE', 10)
    await sql.begin(async (other) => {
      await other`select from deliveries where dossier_id = ${ids[0]!} for update`
      expect(idsOf(await handOut(sql, { ...wish, limit: 10 }))).toEqual(ids.slice(1))
    })
    expect(idsOf(await handOut(sql, { ...wish, limit: 10 }))).toEqual([ids[0]])
  })

  it('are never given out twice by relays that run at once', async () => {
    for (let number = 1; number <= 20; number += 1) await lanes(agency(number), 50)
    for (let round = 1; round <= 3; round += 1) {
      const both = await Promise.all([1, 2, 3].map(() => handOut(sql, { ...wish, limit: 100 })))
      const ids = both.flatMap(idsOf)
      expect(ids.length).toBeGreaterThan(0)
      expect(new Set(ids).size).toBe(ids.length)
    }
  })

  it('stay where they are while an operator holds everything, and so do tickets that are out', async () => {
    const ids = await lanes('ONE', 5)
    const out = await handOut(sql, { ...wish, limit: 2 })
    await sql`insert into delivery_hold (actor, why) values ('test', 'maintenance')`
    expect(await handOut(sql, { ...wish, limit: 10 })).toEqual([])
    const claim = { ids: idsOf(out), urgency: 'fresh', token: randomUUID(), leaseFor: 60_000 } as const
    expect(await claimLanes(sql, noVault, claim)).toEqual({ lanes: [], unreadable: [] })
    await sql`delete from delivery_hold`
    expect(idsOf(await handOut(sql, { ...wish, limit: 10 }))).toEqual(ids.slice(2))
  })

  it('travel apart when they failed before, and alone when their outcome was unknown twice', async () => {
    const clean = await lanes('ONE', 3)
    const failed = await lanes('TWO', 2, { attempts: 1 })
    const doubtful = await lanes('TWO', 2, { attempts: 2, doubts: 2 })
    const unsettled = await lanes('ONE', 2, { state: 'unknown', doubts: 3 })
    const handed = await handOut(sql, { ...wish, limit: 100 })
    const expected = [
      { operation: 'create', ids: clean },
      { operation: 'create', ids: failed },
      ...doubtful.map((id) => ({ operation: 'create', ids: [id] })),
      // A look-up carries one dossier in any case.
      { operation: 'look-up', ids: unsettled },
    ]
    expect(handed).toHaveLength(expected.length)
    expect(handed).toEqual(expect.arrayContaining(expected))
  })

  it('are split into batches of the wanted size', async () => {
    await lanes('ONE', 7)
    const handed = await handOut(sql, { ...wish, limit: 100, batch: 3 })
    expect(handed.map(({ ids }) => ids.length)).toEqual([3, 3, 1])
  })

  it('are asked for by urgency', async () => {
    const fresh = await lanes('ONE', 2)
    const backfill = await lanes('ONE', 2, { priority: 1, dueFor: 86_400 })
    expect(idsOf(await handOut(sql, { ...wish, limit: 100 }))).toEqual(fresh)
    expect(idsOf(await handOut(sql, { ...wish, urgency: 'backfill', limit: 100 }))).toEqual(backfill)
  })
})

/** Nothing may be opened where nothing is claimed. */
const noVault = {
  seal: () => Buffer.of(),
  fingerprint: () => Buffer.of(),
  open(): string {
    throw new Error('Nothing was to be opened')
  },
}

describe('urgency of a lane', () => {
  let scene: Scene
  beforeAll(async () => void (scene = await startScene()))
  afterAll(() => scene.close())
  afterEach(() => release())

  const hold = () => scene.ground.sql`insert into delivery_hold (actor, why) values ('test', 'look at it')`
  const release = () => scene.ground.sql`delete from delivery_hold`
  async function urgencyOf(code: string): Promise<Urgency> {
    const [row] = await scene.ground.sql<{ priority: number }[]>`
      select l.priority from deliveries l join dossiers d on d.id = l.dossier_id where d.code = ${code}`
    return row!.priority === 0 ? 'fresh' : 'backfill'
  }
  const at = (day: number) => ({ changedAt: `2020-08-${String(day).padStart(2, '0')}T09:00:00+07:00` })
  const aStep = (hour: number) => step(`2020-07-03T${hour}:00:00+07:00`, 'processing', `Bước ${hour}`)

  it('is raised by a fresh change, and not lowered by backfill while fresh work waits', async () => {
    await hold()
    const dossier = change({ backfill: true })
    await scene.push([dossier])
    expect(await urgencyOf(dossier.code)).toBe('backfill')
    await scene.push([{ ...dossier, ...at(1), note: 'mới', backfill: false }])
    expect(await urgencyOf(dossier.code)).toBe('fresh')
    await scene.push([{ ...dossier, ...at(2), note: 'cũ', backfill: true }])
    expect(await urgencyOf(dossier.code)).toBe('fresh')
    await release()
    await scene.settled()
    expect((await scene.atPortal()).get(dossier.code)?.payload['GhiChu']).toBe('cũ')
  })

  it('is raised by a fresh step, by both doors', async () => {
    await hold()
    const [one, two] = [change({ backfill: true }), change({ backfill: true })] as const
    await scene.push([one, two])
    await scene.push([{ ...one, backfill: false, steps: [aStep(10)] }])
    expect((await scene.api('POST', `/v1/dossiers/${two.code}/steps`, { steps: [aStep(10)] })).status).toBe(200)
    expect(await urgencyOf(one.code)).toBe('fresh')
    expect(await urgencyOf(two.code)).toBe('fresh')
    await scene.push([{ ...one, backfill: true, steps: [aStep(11)] }])
    expect(await urgencyOf(one.code)).toBe('fresh')
    await release()
    await scene.settled()
    expect((await scene.atPortal()).get(one.code)?.steps).toHaveLength(2)
    expect((await scene.atPortal()).get(two.code)?.steps).toHaveLength(1)
  })

  it('is that of the new work once the old is delivered', async () => {
    const dossier = change()
    await scene.push([dossier])
    await scene.settled()
    expect(await urgencyOf(dossier.code)).toBe('fresh')
    await hold()
    await scene.push([{ ...dossier, ...at(1), note: 'cũ', backfill: true }])
    expect(await urgencyOf(dossier.code)).toBe('backfill')
    await release()
    await scene.settled()
    await hold()
    await scene.push([{ ...dossier, ...at(1), note: 'cũ', backfill: false, steps: [aStep(12)] }])
    expect(await urgencyOf(dossier.code)).toBe('fresh')
    await release()
    await scene.settled()
    await hold()
    await scene.push([{ ...dossier, ...at(1), note: 'cũ', backfill: true, steps: [aStep(13)] }])
    expect(await urgencyOf(dossier.code)).toBe('backfill')
    await release()
    await scene.settled()
    expect((await scene.atPortal()).get(dossier.code)).toMatchObject({ creates: 1, updates: 1, stepWrites: 2 })
  })
})

describe('a ticket that went stale', () => {
  let scene: Scene
  beforeAll(async () => void (scene = await startScene({ settings: { ROLES: 'api' } })))
  afterAll(() => scene.close())

  const wish = { limit: 10, batch: 10, holdFor: 60_000, turns: new Map<Urgency, string>() } as const
  const handed = async (urgency: Urgency) =>
    (await handOut(scene.ground.sql, { ...wish, urgency })).flatMap(({ ids }) => ids)
  const claimed = async (ids: readonly number[], urgency: Urgency) => {
    const claim = { ids, urgency, token: randomUUID(), leaseFor: 60_000 }
    return (await claimLanes(scene.ground.sql, scene.ground.vault, claim)).lanes.map(({ dossierId }) => dossierId)
  }

  it.each([
    ['change', (dossier: object) => ({ ...dossier, note: 'mới', changedAt: '2020-08-01T09:00:00+07:00' })],
    ['step', (dossier: object) => ({ ...dossier, steps: [step('2020-07-03T10:00:00+07:00', 'processing')] })],
  ])('does not take a lane that a fresh %s made fresh; that one is handed out anew at once', async (_what, fresher) => {
    const dossier = change({ backfill: true })
    await scene.push([dossier])
    const ids = await handed('backfill')
    expect(ids).toHaveLength(1)
    await scene.push([{ ...fresher(dossier), backfill: false }])
    expect(await claimed(ids, 'backfill')).toEqual([])
    expect(await handed('fresh')).toEqual(ids)
    expect(await handed('backfill')).toEqual([])
    expect(await claimed(ids, 'fresh')).toEqual(ids)
    expect(await claimed(ids, 'fresh')).toEqual([])
  })
})

const backlog = 300
/**
 * Behind these a late one may have to stand: what has left the ledger for the queue and for hands, about 190 here, which no later turn
 * overtakes. Without turns it would be the whole backlog.
 */
const onTheWay = 225

describe('a backlog on its way', () => {
  let scene: Scene
  beforeAll(async () => {
    scene = await startScene({
      settings: { PORTAL_MAX_CALLS_PER_SECOND: '30', PORTAL_BATCH_SIZE: '1', PORTAL_CONCURRENCY: '4' },
    })
    await importAgencies(scene.ground.sql, [{ code: 'H34.03', name: 'Sở Y tế', level: 'province' }])
    await scene.ground.catalogue.fresh()
  })
  afterAll(() => scene.close())
  /** What is left of a backlog has shown what it was for. */
  afterEach(async () => {
    await scene.ground.sql`update deliveries set state = 'parked', reason = 'portal-refused' where state = 'waiting'`
    await scene.settled()
  })

  const many = (count: number, overrides: Record<string, unknown>) =>
    Array.from({ length: count }, () => change(overrides))
  const writes = async () => (await scene.stats()).dossiers
  const deliveredOf = async (pushed: readonly { code: string }[]) => {
    const [row] = await scene.ground.sql<{ count: number }[]>`
      select count(*)::int as count from deliveries l join dossiers d on d.id = l.dossier_id
      where l.state = 'delivered' and d.code = any(${pushed.map(({ code }) => code)})`
    return row!.count
  }
  /** Pushes a backlog and, when it is on its way, some more; waits for those, and says how much of the backlog went before each. */
  async function overtakers(
    waiting: Record<string, unknown>,
    late: readonly ReturnType<typeof change>[],
  ): Promise<number[]> {
    const old = many(backlog, waiting)
    const before = await writes()
    await scene.push(old)
    await scene.until(async () => (await writes()) >= before + 5, 'the backlog to move')
    await scene.push(late)
    await scene.until(async () => (await deliveredOf(late)) === late.length, 'the late ones to arrive', 40_000)
    const there = await firstWrites()
    const places = old.map(({ code }) => there.get(code) ?? Number.POSITIVE_INFINITY)
    return late.map(({ code }) => places.filter((place) => place < there.get(code)!).length)
  }
  /** Place of each dossier in the order in which the portal first heard of it. */
  const firstWrites = async () =>
    new Map(
      (await scene.received()).map(
        (one) => [one.code, (one as typeof one & { firstWrite: number }).firstWrite] as const,
      ),
    )

  it('does not keep another agency waiting, neither its fresh change nor its backfill', async () => {
    const late = [change({ agencyCode: 'H34.02' }), change({ agencyCode: 'H34.03', backfill: true })]
    const gone = await overtakers({ agencyCode: 'H34.01' }, late)
    for (const count of gone) expect(count).toBeLessThan(onTheWay)
  })

  it('of backfill lets pass what is fresh, also of the same agency, and the backfill of others', async () => {
    const late = [
      change({ agencyCode: 'H34.01' }),
      change({ agencyCode: 'H34.02' }),
      change({ agencyCode: 'H34.03', backfill: true }),
    ]
    const gone = await overtakers({ agencyCode: 'H34.01', backfill: true }, late)
    for (const count of gone) expect(count).toBeLessThan(onTheWay)
  })

  it('of backfill moves on while fresh changes never end', async () => {
    const fresh = meanwhile(async () => {
      const open = (await scene.states())['waiting'] ?? 0
      if (open < 60) await scene.push(many(30, { agencyCode: 'H34.01' }))
      else await new Promise((resolve) => setTimeout(resolve, 50))
    })
    try {
      await scene.until(async () => ((await scene.states())['waiting'] ?? 0) > 50, 'fresh changes to pile up')
      const old = many(12, { agencyCode: 'H34.01', backfill: true })
      await scene.push(old)
      await scene.until(async () => (await deliveredOf(old)) === old.length, 'the backfill', 40_000)
      expect((await scene.states())['waiting']).toBeGreaterThan(10)
    } finally {
      await fresh.stop()
    }
  })
})
