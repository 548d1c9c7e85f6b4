import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { change, step } from '../support/province.ts'
import { startScene, type Scene } from './scene.ts'
import { startWorker, type WorkerProcess } from './worker.ts'

const lease = { for: 2_000, margin: 200, handOut: 1_500 }
/** The relay sweeps every two seconds. */
const sweep = 2_000

describe('5. A killed process loses nothing and blocks nothing for longer than its lease', () => {
  let scene: Scene
  const alive = new Set<WorkerProcess>()
  beforeAll(async () => {
    scene = await startScene({
      deadline: 1_200,
      policies: { lease },
      settings: { ROLES: 'api,scheduler', PORTAL_BATCH_SIZE: '10' },
    })
  })
  afterAll(async () => {
    await Promise.all([...alive].map((worker) => worker.stop()))
    await scene.close()
  })

  const start = async (settings: Record<string, string> = {}) => {
    const worker = await startWorker(scene, settings)
    alive.add(worker)
    return worker
  }
  const kill = async (worker: WorkerProcess) => {
    await worker.kill()
    alive.delete(worker)
  }
  const some = (count: number) =>
    Array.from({ length: count }, () =>
      change({
        steps: [step('2020-07-03T09:00:00+07:00', 'received'), step('2020-07-03T10:00:00+07:00', 'processing')],
      }),
    )
  const expectOnce = async (pushed: readonly { code: string }[]) => {
    const there = await scene.atPortal()
    for (const { code } of pushed) {
      expect(there.get(code)).toMatchObject({ creates: 1, stepWrites: 2 })
      expect(there.get(code)?.steps.map((one) => one['TrangThai'])).toEqual(['2', '4'])
    }
  }
  const sending = async () => (await scene.states())['sending'] ?? 0

  it.each([
    { what: 'contents', service: 'DongBoHoSoMC' },
    { what: 'steps', service: 'CapNhatTienDoHoSoMC' },
  ])('is killed while the portal holds an answer back: $what', async ({ service }) => {
    const worker = await start()
    // Stored first, answered late: at the kill the portal has taken what nobody here knows of.
    await scene.faults([{ kind: 'latency', value: 1_000, stored: true, service }])
    const pushed = some(10)
    await scene.push(pushed)
    const isTaken = async () => {
      const there = await scene.atPortal()
      const done = service === 'DongBoHoSoMC' ? 0 : 1
      return pushed.some(({ code }) => (there.get(code)?.stepWrites ?? -1) >= done)
    }
    await scene.until(isTaken, 'the portal to take the call')
    await kill(worker)
    const killedAt = Date.now()
    expect(await sending()).toBe(pushed.length)
    await scene.faults([])
    await scene.until(async () => (await sending()) === 0, 'the lease to end', lease.for + sweep + 1_500)
    expect(Date.now() - killedAt).toBeLessThan(lease.for + sweep + 1_500)
    const next = await start()
    await scene.settled()
    await expectOnce(pushed)
    await next.stop()
    alive.delete(next)
    for (const { code } of pushed) {
      const after = (await scene.callsOf(code)).filter(({ at }) => at.getTime() > killedAt)
      // The killed call left no evidence; the first one after it about each of these dossiers asked.
      expect(after[0]?.service).toBe('TraCuuHoSo')
    }
  })

  it('is killed again and again while a second process goes on', async () => {
    expect.hasAssertions()
    await scene.faults([{ kind: 'latency', value: [30, 120] }])
    const steady = await start({ PORTAL_CONCURRENCY: '1' })
    const pushed = some(150)
    await scene.push(pushed)
    for (let time = 0; time < 3; time += 1) {
      const worker = await start({ PORTAL_CONCURRENCY: '2' })
      await sleep(100 + 70 * time)
      await kill(worker)
    }
    await scene.settled()
    await expectOnce(pushed)
    await steady.stop()
    alive.delete(steady)
  })

  it('is killed while it takes in a stream: every line it answered is stored', async () => {
    const api = await startWorker(scene, { ROLES: 'api' })
    const pushed = Array.from({ length: 3_000 }, () => change())
    const answered: string[] = []
    const reading = readAnswers(api.url, pushed, async (code) => {
      if (answered.push(code) === 500) await api.kill()
    })
    await reading.catch(() => undefined)
    await api.kill()
    expect(answered.length).toBeGreaterThanOrEqual(500)
    expect(answered.length).toBeLessThan(pushed.length)
    const rows = await scene.ground.sql<{ code: string }[]>`select code from dossiers where code = any(${answered})`
    expect(rows).toHaveLength(answered.length)
  })

  async function readAnswers(
    url: string,
    pushed: readonly unknown[],
    take: (code: string) => Promise<void>,
  ): Promise<void> {
    const answer = await fetch(`${url}/v1/dossiers/stream`, {
      method: 'POST',
      headers: { authorization: `Bearer ${scene.key}`, 'content-type': 'application/x-ndjson' },
      body: pushed.map((one) => `${JSON.stringify(one)}\n`).join(''),
    })
    let rest = ''
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
      const lines = `${rest}${chunk}`.split('\n')
      rest = lines.pop()!
      for (const line of lines) await take((JSON.parse(line) as { code: string }).code)
    }
  }
})
