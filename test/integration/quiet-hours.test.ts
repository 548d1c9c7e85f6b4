import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { holdDeliveries, endHold } from '../../src/delivery/hold.ts'
import { startScene, type Scene } from '../guarantees/scene.ts'
import { change } from '../support/province.ts'

/** A clock time in Vietnam, so many hours from now. */
const clockIn = (hours: number) => new Date(Date.now() + (7 + hours) * 3_600_000).toISOString().slice(11, 16)

describe('silence that is wanted', () => {
  let scene: Scene
  beforeAll(async () => {
    scene = await startScene({
      settings: { PORTAL_QUIET_HOURS: `${clockIn(-1)}-${clockIn(1)}`, STALL_SECONDS: '5' },
    })
  })
  afterAll(async () => scene?.close())

  const work = async () => {
    const { status, body } = await scene.api('GET', '/health/ready')
    return {
      status,
      ...(body['checks'] as { work: { ok: boolean; reason: string | null; opensAt: string | null } }).work,
    }
  }

  it('is no standstill: readiness and the metric name quiet hours, or the hold, and no call leaves', async () => {
    await scene.control('DELETE', 'stats')
    await scene.push([change()])
    await scene.until(async () => (await work()).reason === 'quiet-hours', 'the silence to be noticed')
    const { status, ok, opensAt } = await work()
    expect({ status, ok }).toEqual({ status: 200, ok: true })
    expect(Date.parse(opensAt!) - Date.now()).toBeGreaterThan(58 * 60_000)
    const metrics = await (await fetch(`${scene.house.url}/metrics`)).text()
    expect(metrics).toContain('dvcqg_work_stalled{reason="quiet-hours"} 0')
    expect(metrics).toContain('dvcqg_portal_gate_closed_seconds{reason="quiet-hours"}')
    await holdDeliveries(scene.ground.sql, { actor: 'test', why: 'maintenance' })
    expect(await work()).toMatchObject({ status: 200, ok: true, reason: 'delivery-held' })
    await endHold(scene.ground.sql, { actor: 'test' })
    expect((await scene.stats()).total.calls).toBe(0)
  })

  it('is told with its end in both languages', async () => {
    const { status, body } = await scene.api('GET', '/v1/portal/pace')
    expect(status).toBe(200)
    expect(body).toMatchObject({
      open: false,
      reason: 'quiet-hours',
      cause: { vi: expect.stringContaining('giờ không gửi'), en: expect.stringContaining('Quiet hours') },
      inFlight: 0,
      quota: null,
    })
  })
})
