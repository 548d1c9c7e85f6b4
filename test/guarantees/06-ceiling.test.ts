import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { change } from '../support/province.ts'
import { takeRedis, type OwnRedis } from './own-redis.ts'
import { startScene, type Scene } from './scene.ts'
import { startWorker, type WorkerProcess } from './worker.ts'

const ceiling = 20
/** On the way the first call of a window may come late, and the last one early: one at each end. */
const edge = process.env['REDIS_URL'] ? 2 : 4

describe('6. The portal is never called faster than the ceiling, by all processes together', () => {
  let redis: OwnRedis
  let scene: Scene
  const workers: WorkerProcess[] = []
  beforeAll(async () => {
    redis = await takeRedis()
    scene = await startScene({
      settings: {
        ROLES: 'api,scheduler',
        PORTAL_MAX_CALLS_PER_SECOND: String(ceiling),
        PORTAL_BATCH_SIZE: '1',
        PORTAL_CONCURRENCY: '30',
      },
    })
    workers.push(await startWorker(scene), await startWorker(scene))
  })
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.stop()))
    await scene?.close()
    await redis?.stop()
  })

  const pushAndMeasure = async (count: number, disturb: () => Promise<void>) => {
    await scene.control('DELETE', 'stats')
    const pushed = Array.from({ length: count }, () => change())
    await scene.push(pushed)
    await disturb()
    await scene.settled(30_000)
    const { total } = await scene.stats()
    return total
  }

  it('holds with two worker processes that could send ten times as much, and is used', async () => {
    const { calls, maxPerSecond } = await pushAndMeasure(90, async () => undefined)
    expect(calls).toBeGreaterThanOrEqual(90)
    expect(maxPerSecond).toBeLessThanOrEqual(ceiling + edge)
    // A ceiling nobody comes near would hold for the wrong reason.
    expect(maxPerSecond).toBeGreaterThan(ceiling * 0.6)
  })

  it('holds across a flush of Redis, where the pace is kept', async () => {
    const atPortal = async () => (await scene.stats()).total.calls
    const { maxPerSecond } = await pushAndMeasure(120, async () => {
      await scene.until(async () => (await atPortal()) >= 15, 'calls')
      await redis.flush()
      await scene.until(async () => (await atPortal()) >= 60, 'more calls')
      await redis.flush()
    })
    expect(maxPerSecond).toBeLessThanOrEqual(ceiling + edge)
  })
})

describe('6. Nor more often in a day than the quota, whatever happens to Redis', () => {
  const quota = 25
  let redis: OwnRedis
  let scene: Scene
  beforeAll(async () => {
    redis = await takeRedis()
    scene = await startScene({ settings: { PORTAL_CALLS_PER_DAY: String(quota), PORTAL_BATCH_SIZE: '1' } })
  })
  afterAll(async () => {
    await scene?.close()
    await redis?.stop()
  })

  it('stops at the quota, across a flush, and says so', async () => {
    const atPortal = async () => (await scene.stats()).total.calls
    await scene.control('DELETE', 'stats')
    await scene.push(Array.from({ length: quota * 2 }, () => change()))
    await scene.until(async () => (await atPortal()) >= 5, 'calls')
    await redis.flush()
    // A slot that is given back for a moment is taken again: the day ends when every hand is empty and nothing is left.
    await scene.until(async () => {
      const { reason } = await scene.ground.pace.state()
      return reason === 'daily-quota' && ((await scene.states())['sending'] ?? 0) === 0
    }, 'the quota to be used up')
    const { body } = await scene.api('GET', '/v1/portal/pace')
    expect(body).toMatchObject({ open: false, reason: 'daily-quota', quota: { limit: quota, used: quota } })
    // What a flush took with it counts as used: what had been granted, and a slot for each hand.
    expect(await atPortal()).toBeGreaterThan(quota - 10)
    expect(await atPortal()).toBeLessThanOrEqual(quota)
    expect((await scene.states())['waiting']).toBeGreaterThanOrEqual(quota)
  })
})
