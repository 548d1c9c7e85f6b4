import { execFile } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defaultWatchPolicy } from '../../config/retry.ts'
import { openQueue, openWorker, type QueueWorker } from '../../jobs/queues.ts'
import { createLog } from '../../src/platform/log.ts'
import { takeRedis, type OwnRedis } from '../guarantees/own-redis.ts'
import { startScene, type Scene } from '../guarantees/scene.ts'
import { change } from '../support/province.ts'

const program = fileURLToPath(new URL('../../src/cli/dvcqg.ts', import.meta.url))
const policy = { ...defaultWatchPolicy, look: 250, idle: 1_000, canary: 500, beat: 500 }
const log = createLog(process.env['TEST_LOG'] ?? 'silent')

/** One worker whose processor does what the test wants, over a line that can go silent. */
function openCrew(redisUrl: string, prefix: string) {
  const seen = { beats: 0, restarts: 0, gaveUp: [] as string[], done: [] as string[], running: 0, most: 0 }
  const held = new Set<() => void>()
  const watch = {
    policy,
    beat: async () => void (seen.beats += 1),
    onRestart: () => void (seen.restarts += 1),
    giveUp: (_queue: string, why: string) => void seen.gaveUp.push(why),
  }
  const work = async (name: string) => {
    seen.running += 1
    seen.most = Math.max(seen.most, seen.running)
    if (name === 'long') await new Promise<void>((resolve) => held.add(resolve))
    seen.running -= 1
    seen.done.push(name)
  }
  const options = { redisUrl, prefix, log, concurrency: 2, patience: 60_000, watch }
  const worker = openWorker('reconcile', (job) => job.name, work, options)
  const release = () => held.forEach((resolve) => resolve())
  return { worker, seen, release }
}

describe('a worker on a connection that went silent', () => {
  let redis: OwnRedis
  let worker: QueueWorker | undefined
  beforeAll(async () => {
    redis = await takeRedis()
  })
  afterAll(async () => {
    await worker?.close()
    await redis.flush()
    await redis.stop()
  })
  const until = async (condition: () => boolean, what: string) => {
    const end = Date.now() + 25_000
    while (!condition()) {
      if (Date.now() > end) throw new Error(`Waited in vain for ${what}`)
      await sleep(20)
    }
  }

  it('is opened anew and goes on; what it has in hand is finished and takes up a hand', async () => {
    const options = { redisUrl: redis.url, prefix: 'dvcqg-watchdog', log }
    const crew = openCrew(options.redisUrl, options.prefix)
    worker = crew.worker
    const { seen } = crew
    await until(() => seen.beats > 1, 'canaries to prove that it lives')
    const queue = openQueue('reconcile', options)
    await queue.waitUntilReady()
    await queue.add('long', {})
    await until(() => seen.running === 1, 'the first job')
    redis.mute()
    const fresh = openQueue('reconcile', options)
    await fresh.waitUntilReady()
    await fresh.addBulk(Array.from({ length: 5 }, () => ({ name: 'short', data: {} })))
    await until(() => seen.done.length === 5, 'the work to go on')
    expect(seen.restarts).toBeGreaterThanOrEqual(1)
    expect(seen.gaveUp).toEqual([])
    expect(seen.most).toBeLessThanOrEqual(2)
    crew.release()
    await until(() => seen.done.includes('long'), 'the old job to end')
    await queue.close()
    await fresh.close()
  })
})

describe('dvcqg queues', () => {
  let scene: Scene
  beforeAll(async () => {
    scene = await startScene({ policies: { watch: policy } })
  })
  afterAll(() => scene.close())
  const run = (...args: string[]) =>
    new Promise<{ code: number; out: string; err: string }>((resolve) => {
      const env = { PATH: process.env['PATH'] ?? '', ...scene.environment }
      execFile(process.execPath, [program, 'queues', ...args], { env }, (error, out, err) =>
        resolve({ code: error ? Number(error.code) : 0, out, err }),
      )
    })

  it('list shows what waits, who works, and when each queue last moved', async () => {
    await scene.push([change()])
    await scene.settled()
    const moving = async () => (await scene.ground.sql`select distinct role, queue from heartbeats`).length === 5
    await scene.until(moving, 'signs of life of all parts')
    const { code, out } = await run('list', '--json')
    expect(code).toBe(0)
    const { queues, heartbeats } = JSON.parse(out) as { queues: Record<string, unknown>[]; heartbeats: unknown[] }
    expect(queues.map(({ queue }) => queue)).toEqual(['push', 'backfill', 'upkeep', 'reconcile'])
    for (const one of queues) expect(one).toMatchObject({ waiting: expect.any(Number) as number, workers: 1 })
    expect(heartbeats).toHaveLength(5)
    expect((await run('list')).out).toMatch(/HÀNG ĐỢI .*\npush /)
    const metrics = await (await fetch(`${scene.house.url}/metrics`)).text()
    expect(metrics).toMatch(/^dvcqg_queue_jobs\{queue="push",state="waiting"\} \d/m)
    expect(metrics).toMatch(/^dvcqg_heartbeat_age_seconds\{role="worker",queue="backfill"\} \d/m)
  })

  it('rebuild asks why, keeps who and why, and loses nothing while the service runs', async () => {
    expect(await run('rebuild')).toMatchObject({ code: 2, err: expect.stringContaining('--why') as string })
    const pushed = Array.from({ length: 60 }, () => change())
    await scene.faults([{ kind: 'latency', value: [50, 150] }])
    await scene.push(pushed)
    expect(await run('rebuild', '--why', 'thử lại', '--lang', 'en')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+ tickets were dropped; \d+ due dossiers/) as string,
    })
    await scene.settled()
    const there = await scene.atPortal()
    for (const { code } of pushed) expect(there.get(code)).toMatchObject({ creates: 1, updates: 0 })
    const [kept] = await scene.ground.sql`
      select actor, detail->>'why' as why from audit where action = 'queues.rebuilt'`
    expect(kept).toMatchObject({ actor: expect.stringMatching(/^cli:./) as string, why: 'thử lại' })
  })
})
