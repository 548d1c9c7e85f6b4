import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { change, step } from '../support/province.ts'
import { takeRedis, type OwnRedis } from './own-redis.ts'
import { startScene, type Scene } from './scene.ts'

/** A ticket that got lost on the way is written again after `handOut`. */
const lease = { for: 90_000, margin: 15_000, handOut: 2_000 }

describe('4. Redis can be flushed, stopped or replaced at any moment without loss', () => {
  let redis: OwnRedis
  let scene: Scene
  beforeAll(async () => {
    redis = await takeRedis()
    scene = await startScene({ policies: { lease }, settings: { PORTAL_BATCH_SIZE: '5', STALL_SECONDS: '5' } })
    await scene.faults([{ kind: 'latency', value: [20, 80] }])
  })
  afterAll(async () => {
    await scene?.close()
    await redis?.stop()
  })

  const some = (count: number) =>
    Array.from({ length: count }, () => change({ steps: [step('2020-07-03T09:00:00+07:00', 'received')] }))
  const delivered = async () => (await scene.states())['delivered'] ?? 0
  const onTheWay = async (pushed: readonly { code: string }[], before: number) => {
    await scene.until(async () => (await delivered()) > before, 'work to start')
    expect((await delivered()) - before).toBeLessThan(pushed.length)
  }
  /** Everything arrived, and nothing because of the loss of Redis arrived twice. */
  const expectArrived = async (pushed: readonly { code: string }[], milliseconds = 20_000) => {
    await scene.settled(milliseconds)
    const there = await scene.atPortal()
    for (const { code } of pushed) expect(there.get(code)).toMatchObject({ creates: 1, updates: 0, stepWrites: 1 })
  }

  it('is flushed in the middle, three times', async () => {
    expect.hasAssertions()
    const pushed = some(200)
    await scene.push(pushed)
    await onTheWay(pushed, 0)
    for (let time = 0; time < 3; time += 1) {
      await redis.flush()
      await sleep(150)
    }
    await expectArrived(pushed)
  })

  it('is away while dossiers are pushed: they are accepted, readiness says why nothing moves, and they arrive later', async () => {
    await redis.away()
    const pushed = some(20)
    for (const one of pushed.slice(0, 5))
      expect((await scene.api('PUT', `/v1/dossiers/${one.code}`, one)).status).toBe(200)
    const rest = await scene.push(pushed.slice(5))
    expect(rest.every(({ result }) => result === 'stored')).toBe(true)
    expect((await scene.api('GET', '/health/ready?for=intake')).status).toBe(200)
    const { status, body } = await scene.api('GET', '/health/ready')
    expect([status, (body['checks'] as { redis: { ok: boolean } }).redis.ok]).toEqual([503, false])
    await redis.back()
    await expectArrived(pushed)
    expect((await scene.api('GET', '/health/ready')).status).toBe(200)
  })

  it('goes away in the middle of the work and comes back with what it held', async () => {
    expect.hasAssertions()
    const before = await delivered()
    const pushed = some(200)
    await scene.push(pushed)
    await onTheWay(pushed, before)
    await redis.away()
    await sleep(700)
    await redis.back()
    await expectArrived(pushed)
  })

  it('is replaced by an empty one in the middle of the work', async () => {
    expect.hasAssertions()
    const before = await delivered()
    const pushed = some(200)
    await scene.push(pushed)
    await onTheWay(pushed, before)
    await redis.away()
    await redis.flush()
    await redis.back()
    await expectArrived(pushed)
  })

  it('is killed in the middle of the work and started again by its supervisor', async ({ skip }) => {
    skip(redis.kill === null, 'REDIS_URL names a server that is not ours to kill')
    expect.hasAssertions()
    const before = await delivered()
    const pushed = some(200)
    await scene.push(pushed)
    await onTheWay(pushed, before)
    redis.kill?.()
    await expectArrived(pushed)
  })
})
