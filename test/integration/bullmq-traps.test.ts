import { createServer, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker, type Queue } from 'bullmq'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { defaultLeasePolicy, defaultWatchPolicy } from '../../config/retry.ts'
import { openQueue, openWorker, QueueDesk, pushQueues } from '../../jobs/queues.ts'
import { reconcileSchedules } from '../../jobs/upkeep.ts'
import { checkRedis } from '../../src/cli/checks/redis.ts'
import { startHouse, type House } from '../../src/main.ts'
import { createLog } from '../../src/platform/log.ts'
import { takeRedis, type OwnRedis } from '../guarantees/own-redis.ts'
import { startScene, type Scene } from '../guarantees/scene.ts'
import { change } from '../support/province.ts'

/**
 * The known traps of the queue library, each with what keeps us out of it. That Redis may be flushed, cut and killed in the
 * middle of the work is guarantee 4; that it holds no words and no personal data is tested with the catalogue.
 */
const log = createLog(process.env['TEST_LOG'] ?? 'silent')
const watch = { ...defaultWatchPolicy, look: 250, idle: 1_000, canary: 500, beat: 500 }
const policies = { watch, lease: { ...defaultLeasePolicy, handOut: 3_000 } }
const unwatched = { policy: watch, beat: async () => {}, onRestart: () => {}, giveUp: () => {} }

let redis: OwnRedis
let scene: Scene
let queue: Queue
let scheduler: House | null = null
beforeAll(async () => {
  redis = await takeRedis()
  // No relay runs unless a test starts one: tickets are written by hand.
  scene = await startScene({ deadline: 10_000, policies, settings: { ROLES: 'api,worker' } })
  queue = openQueue(pushQueues.fresh, optionsOf())
  await queue.waitUntilReady()
})
afterEach(async () => {
  await scheduler?.close()
  scheduler = null
  await scene.faults([])
})
afterAll(async () => {
  await queue?.close()
  await scene?.close()
  await redis?.stop()
})

const optionsOf = () => ({ redisUrl: redis.url, prefix: scene.servers.queuePrefix, log })
const startRelay = async () => {
  const { ground } = scene
  const settings = { ...ground.settings, ROLES: ['scheduler' as const], PORT: 0 }
  scheduler = await startHouse({ ...ground, settings, close: async () => undefined })
}
const idsOf = async (codes: readonly string[]) => {
  const rows = await scene.ground.sql<
    { id: number }[]
  >`select id from dossiers where code = any(${[...codes]}) order by id`
  return rows.map(({ id }) => id)
}
const laneOf = async (code: string) => {
  const [lane] = await scene.ground.sql<{ state: string; reason: string | null; attempts: number }[]>`
    select l.state, l.reason, l.attempts from deliveries l join dossiers d on d.id = l.dossier_id where d.code = ${code}`
  return lane!
}
const creates = async (code: string) => (await scene.atPortal()).get(code)?.creates ?? 0
const nothingLeft = () =>
  scene.until(async () => {
    const { waiting, active, delayed } = await queue.getJobCounts('waiting', 'active', 'delayed')
    return waiting === 0 && active === 0 && delayed === 0
  }, 'the queue to be empty')

describe('a ticket', () => {
  it('is no idempotency, with an id or without: the same one five times leads to one call', async () => {
    const pushed = change()
    await scene.push([pushed])
    const ids = await idsOf([pushed.code])
    await queue.addBulk(Array.from({ length: 4 }, () => ({ name: 'create', data: { ids } })))
    await queue.add('create', { ids }, { jobId: 'the-same' })
    await scene.settled()
    await nothingLeft()
    // The library forgot the id with the finished job, and takes it again.
    await queue.add('create', { ids }, { jobId: 'the-same' })
    await nothingLeft()
    expect(await creates(pushed.code)).toBe(1)
    expect((await scene.callsOf(pushed.code)).map(({ service }) => service)).toEqual(['DongBoHoSoMC'])
  })

  it('is run a second time when its lock is lost in the middle: nothing is sent twice', async () => {
    const pushed = change()
    await scene.faults([{ kind: 'latency', value: 4_000 }])
    await scene.push([pushed])
    const job = await queue.add('create', { ids: await idsOf([pushed.code]) })
    await scene.until(async () => (await laneOf(pushed.code)).state === 'sending', 'the claim')
    const stalls: string[] = []
    const checker = new Worker(queue.name, null, {
      connection: { url: redis.url, maxRetriesPerRequest: null },
      prefix: scene.servers.queuePrefix,
      stalledInterval: 100,
    })
    checker.on('stalled', (id) => stalls.push(id)).on('error', () => undefined)
    const key = (end: string) => `${scene.servers.queuePrefix}:${queue.name}:${end}`
    await checker.startStalledCheckTimer()
    await scene.ground.redis.unlink(key(`${job.id}:lock`))
    await scene.until(async () => {
      // The library looks for lost locks only now and then; here it does at once.
      await scene.ground.redis.unlink(key('stalled-check'))
      return stalls.length > 0
    }, 'the lock to be missed')
    await checker.close()
    expect((await laneOf(pushed.code)).state).toBe('sending')
    await scene.settled()
    await nothingLeft()
    expect(await creates(pushed.code)).toBe(1)
    expect(await scene.callsOf(pushed.code)).toHaveLength(1)
  })

  it('that is garbage neither loops nor stops the queue, and loses nothing', async () => {
    const pushed = change()
    await scene.push([pushed])
    const ids = await idsOf([pushed.code])
    for (const data of [{}, { ids: [] }, { ids: 'all' }, { ids: [1.5] }, null]) await queue.add('create', data)
    await queue.add('create', { ids })
    await scene.settled()
    await nothingLeft()
    const failed = await queue.getFailed()
    expect(failed).toHaveLength(5)
    expect(failed.map(({ attemptsStarted }) => attemptsStarted)).toEqual([1, 1, 1, 1, 1])
    expect(await creates(pushed.code)).toBe(1)
  })

  it('is not written before the ledger has committed the work', async () => {
    const pushed = change()
    await scene.faults([{ kind: 'refuse-dossier', dossier: pushed.code, value: { message: 'Sai' } }])
    await startRelay()
    await scene.push([pushed])
    await scene.until(async () => (await laneOf(pushed.code)).state === 'parked', 'it to be parked')
    await scene.faults([])
    const before = (await scene.callsOf(pushed.code)).length
    const undone = scene.ground.sql.begin(async (tx) => {
      await tx`update deliveries set state = 'waiting', attempts = 0, next_at = now(), handed_until = null
        where dossier_id = (select id from dossiers where code = ${pushed.code})`
      await sleep(700)
      throw new Error('undone')
    })
    await expect(undone).rejects.toThrow('undone')
    await nothingLeft()
    expect((await laneOf(pushed.code)).state).toBe('parked')
    expect(await scene.callsOf(pushed.code)).toHaveLength(before)
  })
})

describe('what is left behind', () => {
  it('is nothing of a finished job', async () => {
    const pushed = Array.from({ length: 40 }, () => change())
    await scene.push(pushed)
    await queue.addBulk(
      (await idsOf(pushed.map(({ code }) => code))).map((id) => ({ name: 'create', data: { ids: [id] } })),
    )
    await scene.settled()
    await nothingLeft()
    const failed = await queue.getFailedCount()
    const keys = await scene.ground.redis.keys(`${scene.servers.queuePrefix}:push:*`)
    const jobs = keys.filter((key) => /:\d+$/.test(key))
    expect(jobs).toHaveLength(failed)
    expect(await queue.getCompletedCount()).toBe(0)
  })

  it('is no dead letter in Redis: failed jobs are few and may be purged, parked dossiers are in the ledger', async () => {
    const pushed = change()
    await scene.faults([{ kind: 'refuse-dossier', dossier: pushed.code, value: { message: 'Sai' } }])
    await scene.push([pushed])
    await queue.addBulk(Array.from({ length: 1_100 }, () => ({ name: 'create', data: { ids: [] } })))
    await queue.add('create', { ids: await idsOf([pushed.code]) })
    await scene.until(async () => (await laneOf(pushed.code)).state === 'parked', 'it to be parked')
    await nothingLeft()
    expect(await queue.getFailedCount()).toBeLessThanOrEqual(1_000)
    await queue.clean(0, 0, 'failed')
    expect(await queue.getFailedCount()).toBe(0)
    expect(await laneOf(pushed.code)).toMatchObject({ state: 'parked', reason: 'portal-refused' })
  })
})

describe('a long back-off', () => {
  it('does not hold up a fresh change: it is kept in the ledger, where a change ends it, and not as a delayed job', async () => {
    const pushed = change()
    await scene.faults([{ kind: 'later', dossier: pushed.code, value: {} }])
    await startRelay()
    await scene.push([pushed])
    const { sql } = scene.ground
    await scene.until(async () => (await laneOf(pushed.code)).attempts > 0, 'the first attempt')
    await sql`update deliveries set next_at = now() + interval '6 hours'
      where dossier_id = (select id from dossiers where code = ${pushed.code}) and state = 'waiting'`
    await scene.faults([])
    await nothingLeft()
    expect((await laneOf(pushed.code)).state).toBe('waiting')
    await scene.push([{ ...pushed, status: 'finished', changedAt: '2020-07-04T09:00:00+07:00' }])
    await scene.until(async () => (await laneOf(pushed.code)).state === 'delivered', 'the fresh change to arrive')
    expect((await scene.atPortal()).get(pushed.code)?.payload).toMatchObject({ TrangThaiHoSo: '9' })
  })
})

describe('Redis', () => {
  it('that is away makes whoever adds fail at once, and workers wait', async () => {
    const pushed = change()
    await scene.push([pushed])
    const ids = await idsOf([pushed.code])
    await redis.away()
    await scene.until(
      () =>
        queue.add('create', { ids }).then(
          () => false,
          () => true,
        ),
      'an add to fail',
    )
    const asked = performance.now()
    expect(await queue.add('create', { ids }).catch((error: unknown) => error)).toBeInstanceOf(Error)
    expect(performance.now() - asked).toBeLessThan(6_000)
    await redis.back()
    await queue.waitUntilReady()
    await scene.until(
      () =>
        queue.add('create', { ids }).then(
          () => true,
          () => false,
        ),
      'an add to go through',
    )
    await scene.settled()
    expect(await creates(pushed.code)).toBe(1)
  })

  it('that stood still while work was handed out gets everything later, and nothing is sent twice', async () => {
    const pushed = Array.from({ length: 30 }, () => change())
    await startRelay()
    redis.hold()
    await scene.push(pushed)
    // Longer than the patience of whoever adds: the outcome of the adds is unknown.
    await sleep(6_000)
    redis.release()
    await scene.settled(40_000)
    const there = await scene.atPortal()
    for (const { code } of pushed) expect(there.get(code)).toMatchObject({ creates: 1, updates: 0 })
  })

  it('whose connections are all half open does not stop the service: they are opened anew, workers too', async () => {
    const before = await restarts()
    const pushed = Array.from({ length: 30 }, () => change())
    await startRelay()
    await scene.push([change()])
    await scene.settled()
    redis.mute()
    await scene.push(pushed)
    await scene.settled(50_000)
    const there = await scene.atPortal()
    for (const { code } of pushed) expect(there.get(code)).toMatchObject({ creates: 1, updates: 0 })
    expect(await restarts()).toBeGreaterThan(before)
    expect((await scene.api('GET', '/health/ready')).status).toBe(200)
    const answers = () => queue.getWaitingCount().then(Number.isInteger, () => false)
    await scene.until(answers, 'the queue of this test to be reached again')
  }, 90_000)

  const restarts = async () => {
    const { values } = await scene.ground.metrics.workerRestarts.get()
    return values.reduce((sum, { value }) => sum + value, 0)
  }

  it('that may drop keys when it is full is told by doctor', async () => {
    const fake = await pretend('# Server\r\nredis_version:7.2.0\r\n# Memory\r\nmaxmemory_policy:allkeys-lru\r\n')
    const findings = await checkRedis(fake.url, false)
    fake.stop()
    const policy = findings.find(({ what }) => what === 'redis memory policy')
    expect(policy).toMatchObject({ ok: false, detail: expect.stringContaining('allkeys-lru') as string })
    const own = await checkRedis(redis.url, false)
    expect(own.find(({ what }) => what === 'redis memory policy')).toMatchObject({ ok: true })
  })
})

/** A server that answers INFO with this text, and everything else with OK. */
async function pretend(info: string): Promise<{ url: string; stop(): void }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('data', (data) => {
      for (const command of data.toString().split(/(?=\*\d+\r\n)/))
        socket.write(/\r\ninfo\r\n/i.test(command) ? `$${Buffer.byteLength(info)}\r\n${info}\r\n` : '+OK\r\n')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  return { url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`, stop }
}

describe('a schedule', () => {
  let upkeep: Queue
  const noFigures = { publicFiguresAt: 'off', publicFiguresNow: false }
  const everySecond = {
    cataloguePull: '* * * * * *',
    pullNow: false,
    reconcileAt: 'off',
    reconcileNow: false,
    ...noFigures,
    counters: false,
  }
  beforeAll(async () => {
    upkeep = openQueue('upkeep', { ...optionsOf(), prefix: `${scene.servers.queuePrefix}-schedules` })
    await upkeep.waitUntilReady()
  })
  afterAll(async () => {
    await upkeep.obliterate({ force: true })
    await upkeep.close()
  })
  // On a slow machine a run may be due already when it is added.
  const pulls = async () =>
    (await upkeep.getJobs(['delayed', 'waiting'])).filter(({ name }) => name === 'pull-catalogue')

  it('is not put off by a start after its hour has come, and not doubled: the run that is due runs once', async () => {
    await reconcileSchedules(upkeep, everySecond)
    const [due] = await pulls()
    await scene.until(async () => Date.now() > due!.timestamp + due!.delay + 200, 'its time to come')
    // What a deploy does, three times.
    for (let start = 0; start < 3; start += 1) await reconcileSchedules(upkeep, everySecond)
    expect((await pulls()).map(({ id }) => id)).toEqual([due!.id])
    const ran: string[] = []
    const worker = openWorker(
      'upkeep',
      (job) => job.id!,
      async (id) => ran.push(id),
      {
        ...optionsOf(),
        prefix: `${scene.servers.queuePrefix}-schedules`,
        concurrency: 1,
        patience: 60_000,
        watch: unwatched,
      },
    )
    await scene.until(async () => ran.length > 2, 'the runs')
    await worker.close()
    expect(ran[0]).toBe(due!.id)
    expect(new Set(ran).size).toBe(ran.length)
  })

  it('follows the configuration, and ends with it', async () => {
    await reconcileSchedules(upkeep, {
      cataloguePull: '0 0 2 * * *',
      pullNow: false,
      reconcileAt: '01:30',
      reconcileNow: false,
      publicFiguresAt: '06:00',
      publicFiguresNow: false,
      counters: true,
    })
    expect(await upkeep.getJobScheduler('reconcile')).toMatchObject({ pattern: '0 30 1 * * *', tz: 'Asia/Ho_Chi_Minh' })
    expect(await upkeep.getJobScheduler('public-figures')).toMatchObject({
      pattern: '0 0 6 * * *',
      tz: 'Asia/Ho_Chi_Minh',
    })
    expect(await upkeep.getJobScheduler('pull-catalogue')).toMatchObject({ pattern: '0 0 2 * * *' })
    // Whether a month is due, and whether its day was missed, the ledger says at every start.
    expect(await upkeep.getJobScheduler('counters')).toMatchObject({ pattern: '0 0 7 * * *', tz: 'Asia/Ho_Chi_Minh' })
    expect((await upkeep.getJobs(['waiting'])).map(({ name }) => name)).toContain('counters')
    expect(await pulls()).toHaveLength(1)
    await reconcileSchedules(upkeep, {
      cataloguePull: 'off',
      pullNow: false,
      reconcileAt: 'off',
      reconcileNow: false,
      ...noFigures,
      counters: false,
    })
    expect(await pulls()).toHaveLength(0)
    expect(await upkeep.getJobScheduler('reconcile')).toBeUndefined()
    expect(await upkeep.getJobScheduler('public-figures')).toBeUndefined()
    expect(await upkeep.getJobScheduler('counters')).toBeUndefined()
  })
})

describe('the queues, rebuilt from the ledger', () => {
  it('are filled again while the service runs: nothing is lost, nothing is sent twice', async () => {
    await scene.faults([{ kind: 'latency', value: [20, 80] }])
    await startRelay()
    const pushed = Array.from({ length: 120 }, () => change({ backfill: true }))
    await scene.push(pushed)
    const desk = new QueueDesk(scene.ground.redis, scene.servers.queuePrefix)
    await queue.add('create', { ids: 'garbage' })
    for (let time = 0; time < 3; time += 1) await desk.rebuild(scene.ground.sql, 'cli:test', 'sau sự cố')
    await scene.settled()
    await desk.close()
    const there = await scene.atPortal()
    for (const { code } of pushed) expect(there.get(code)).toMatchObject({ creates: 1, updates: 0 })
    const [kept] = await scene.ground.sql`
      select actor, detail->>'why' as why from audit where action = 'queues.rebuilt' limit 1`
    expect(kept).toEqual({ actor: 'cli:test', why: 'sau sự cố' })
  })

  it('go on after somebody paused them', async () => {
    const pushed = change()
    await scene.push([pushed])
    await queue.pause()
    const desk = new QueueDesk(scene.ground.redis, scene.servers.queuePrefix)
    await desk.rebuild(scene.ground.sql, 'cli:test', 'mở lại')
    await desk.close()
    await startRelay()
    await scene.settled()
    expect(await creates(pushed.code)).toBe(1)
  })
})
