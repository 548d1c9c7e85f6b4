import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { spawnSandbox, type SpawnedSandbox } from '../../adapters/sandbox/spawn.ts'
import { change } from '../support/province.ts'
import { startScene, type Scene } from './scene.ts'

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
