import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defaultWatchPolicy } from '../../config/retry.ts'
import { spawnSandbox, type SpawnedSandbox } from '../../adapters/sandbox/spawn.ts'
import { change } from '../support/province.ts'
import { startScene, type Scene } from './scene.ts'
import { startWorker, type WorkerProcess } from './worker.ts'

/** The shortest that can be set; 60 by default. */
const stallSeconds = 5

describe('8. Work that has stopped is noticed in time: readiness fails and a metric says why', () => {
  let scene: Scene
  let second: SpawnedSandbox | undefined
  beforeAll(async () => {
    const breaker = { failures: 3, pauses: [300, 1_000] }
    scene = await startScene({
      deadline: 500,
      policies: { breaker },
      settings: { STALL_SECONDS: String(stallSeconds) },
    })
  })
  afterAll(async () => {
    await scene.close()
    await second?.stop()
  })

  const work = async () => {
    const { status, body } = await scene.api('GET', '/health/ready')
    const { ok, reason } = (body['checks'] as { work: { ok: boolean; reason: string | null } }).work
    return { status, ok, reason }
  }
  const metric = async () => {
    const text = await (await fetch(`${scene.house.url}/metrics`)).text()
    return text.split('\n').filter((line) => line.startsWith('dvcqg_work_stalled'))
  }
  const secondsUntil = async (condition: () => Promise<boolean>, what: string, limit: number) => {
    const from = Date.now()
    await scene.until(condition, what, limit * 1_000)
    return (Date.now() - from) / 1_000
  }
  const expectMoving = async () => {
    expect(await work()).toEqual({ status: 200, ok: true, reason: null })
    expect(await metric()).toEqual(['dvcqg_work_stalled{reason=""} 0'])
  }
  const expectStandstill = async (reason: string) => {
    const isNoticed = async () => !(await work()).ok
    expect(await secondsUntil(isNoticed, 'the standstill to be noticed', stallSeconds + 4)).toBeGreaterThan(
      stallSeconds - 2,
    )
    expect(await work()).toEqual({ status: 503, ok: false, reason })
    expect(await metric()).toEqual([`dvcqg_work_stalled{reason="${reason}"} 1`])
    // The load balancer goes on bringing pushes: they are accepted and wait.
    expect((await scene.api('GET', '/health/ready?for=intake')).status).toBe(200)
    const { code, ...pushed } = change()
    expect((await scene.api('PUT', `/v1/dossiers/${code}`, pushed)).status).toBe(200)
  }

  it('is quiet while work moves and while there is none', async () => {
    expect.hasAssertions()
    await scene.push([change()])
    await scene.settled()
    await expectMoving()
    await new Promise((resolve) => setTimeout(resolve, (stallSeconds + 1) * 1_000))
    await expectMoving()
  })

  it('notices that the portal answers nothing that can be read, and that it does again', async () => {
    expect.hasAssertions()
    await scene.faults([{ kind: 'html' }])
    await scene.push([change(), change()])
    await expectStandstill('portal-unavailable')
    await scene.faults([])
    await scene.settled()
    await expectMoving()
  })

  it('notices that the portal is gone, and that it is back', async () => {
    expect.hasAssertions()
    await scene.sandbox.stop()
    await scene.push([change(), change()])
    await expectStandstill('portal-unavailable')
    second = await spawnSandbox({ port: Number(new URL(scene.sandbox.url).port) })
    await scene.settled()
    await expectMoving()
  })
})

describe('8. It is said which part stands still', () => {
  let scene: Scene
  const alive: WorkerProcess[] = []
  // Three signs of life that stay out are a silence.
  const watch = { ...defaultWatchPolicy, look: 250, canary: 500, beat: 1_000 }
  beforeAll(async () => {
    scene = await startScene({ policies: { watch }, settings: { ROLES: 'api', STALL_SECONDS: String(stallSeconds) } })
  })
  afterAll(async () => {
    for (const one of alive) await one.kill()
    await scene.close()
  })

  const start = async (roles: string) => {
    const one = await startWorker(scene, { ROLES: roles })
    alive.push(one)
    return one
  }
  const ready = async () => {
    const { status, body } = await scene.api('GET', '/health/ready')
    const { reason, silent } = (body['checks'] as { work: { reason: string | null; silent: string[] } }).work
    return { status, reason, silent }
  }
  const expectReason = async (reason: string) => {
    await scene.until(async () => (await ready()).reason === reason, reason, 15_000)
    expect((await ready()).status).toBe(503)
  }
  const pulses = async () => (await scene.ground.sql`select from heartbeats where queue = 'push'`).length

  it('warns of roles that are stopped while nothing is due, and is ready all the same', async () => {
    expect(await ready()).toEqual({ status: 200, reason: null, silent: ['worker', 'scheduler'] })
  })

  it('names the missing worker, then the missing scheduler, and a worker that was killed', async () => {
    await scene.push([change()])
    await expectReason('no-worker')
    const worker = await start('worker')
    await expectReason('no-scheduler')
    const scheduler = await start('scheduler')
    await scene.settled()
    await scene.until(async () => (await ready()).silent.length === 0, 'all parts to show life')
    expect((await ready()).status).toBe(200)
    await worker.kill()
    await scene.push([change()])
    await expectReason('no-worker')
    // Stopped in order, it leaves no sign of life that could deceive.
    const next = await start('worker')
    await scene.settled()
    await scene.until(async () => (await pulses()) === 2, 'a sign of life beside that of the killed one')
    await next.stop()
    await scheduler.stop()
    expect(await pulses()).toBe(1)
    await scene.until(async () => (await ready()).silent.join() === 'worker,scheduler', 'the warning')
    expect((await ready()).status).toBe(200)
  })

  it('names a queue that is dead while the other one moves', async () => {
    const { sql } = scene.ground
    await sql`delete from heartbeats`
    const beats = (push: number, backfill: number) => sql`
      insert into heartbeats (process, role, queue, at) values
        ('one', 'scheduler', 'relay', now()), ('one', 'worker', 'push', now() - ${push} * interval '1 second'),
        ('one', 'worker', 'backfill', now() - ${backfill} * interval '1 second')
      on conflict (process, role, queue) do update set at = excluded.at`
    await scene.push([change({ backfill: true })])
    await sql`update deliveries set next_at = now() - interval '1 minute', due_since = now() - interval '1 minute' where state = 'waiting'`
    await beats(0, 40)
    expect(await ready()).toMatchObject({ status: 503, reason: 'queue-silent', silent: ['worker: backfill'] })
    await sql`update exchanges set response_out = now()`
    await beats(0, 40)
    expect(await ready()).toMatchObject({ status: 503, reason: 'queue-silent' })
    await beats(40, 0)
    expect(await ready()).toMatchObject({ status: 200, silent: ['worker: push'] })
  })
})
