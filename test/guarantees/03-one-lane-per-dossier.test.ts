import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { change, step } from '../support/province.ts'
import { startRecorder, type Recorder, type WireCall } from './recorder.ts'
import { startScene, type Scene } from './scene.ts'
import { startWorker, type WorkerProcess } from './worker.ts'

const versions = 45
const stepsOf = (version: number) =>
  Array.from({ length: Math.floor(version / 3) + 1 }, (_, index) =>
    step(`2020-07-03T10:${String(index).padStart(2, '0')}:00+07:00`, 'processing', `Bước ${index}`),
  )

/** Pairs of calls that carried the same dossier at the same time. */
function overlaps(calls: readonly WireCall[]): string[] {
  const sorted = [...calls].sort((a, b) => a.from - b.from)
  return sorted
    .slice(1)
    .flatMap((call, index) =>
      call.from < sorted[index]!.until ? [`${sorted[index]!.service} and ${call.service}`] : [],
    )
}

function falls(numbers: readonly number[]): string[] {
  return numbers.slice(1).flatMap((now, index) => (now < numbers[index]! ? [`${now} after ${numbers[index]}`] : []))
}

describe('3. Per dossier one call in flight, never an older version over a newer one, steps in order', () => {
  let recorder: Recorder
  let scene: Scene
  let second: WorkerProcess
  beforeAll(async () => {
    recorder = await startRecorder()
    scene = await startScene({
      deadline: 400,
      policies: { breaker: { failures: 50, pauses: [100] } },
      settings: { PORTAL_URL: recorder.url, PORTAL_CONCURRENCY: '6', PORTAL_BATCH_SIZE: '2' },
    })
    recorder.lead(scene.sandbox.url)
    second = await startWorker(scene)
  })
  afterAll(async () => {
    await second?.stop()
    await scene?.close()
    await recorder?.stop()
  })

  it('holds under many quick changes, two worker processes, latency and lost answers', async () => {
    await scene.faults([
      { kind: 'latency', value: [5, 60] },
      { kind: 'cut-after', probability: 0.05 },
      { kind: 'cut-before', probability: 0.03 },
      { kind: 'timeout-after-storing', value: 2_000, probability: 0.03 },
      { kind: 'http-500', probability: 0.03 },
    ])
    const codes = Array.from({ length: 6 }, () => change().code)
    await Promise.all(codes.map((code) => pushVersions(code)))
    await scene.settled(40_000)
    const there = await scene.atPortal()
    for (const code of codes) {
      const carried = recorder.calls.filter((call) => call.codes.includes(code))
      expect(overlaps(carried)).toEqual([])
      expect(falls(versionsIn(carried, code))).toEqual([])
      const received = there.get(code)
      expect(received).toMatchObject({ creates: 1, payload: { GhiChu: `v${versions - 1}` } })
      expect(received?.steps.map((one) => one['NoiDungXuLy'])).toEqual(
        stepsOf(versions - 1).map((one) => one['content']),
      )
    }
    // Enough to overtake: otherwise the test would prove nothing.
    const written = recorder.calls.filter(({ service }) => service === 'DongBoHoSoMC')
    expect(written.flatMap((call) => call.codes).length).toBeGreaterThan(codes.length * 4)
  })

  /** Pushes go out in threes at once, so that they reach the ledger in any order. */
  async function pushVersions(code: string): Promise<void> {
    for (let version = 0; version < versions; version += 3) {
      await sleep(300)
      await Promise.all(
        [version, version + 1, version + 2].map((one) =>
          scene.push([{ ...change({ note: `v${one}`, steps: stepsOf(one) }), code, version: one }]),
        ),
      )
    }
  }

  function versionsIn(calls: readonly WireCall[], code: string): number[] {
    return [...calls]
      .sort((a, b) => a.from - b.from)
      .flatMap(({ service, items }) =>
        service === 'DongBoHoSoMC' ? items.filter((item) => item['MaHoSo'] === code) : [],
      )
      .map((item) => Number(String(item['GhiChu']).slice(1)))
  }
})
