import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runChaos, type Chaos } from '../chaos/chaos.ts'
import { tables } from '../chaos/report.ts'
import { sabotages, type SabotageName } from '../chaos/sabotage.ts'
import { columns, isClean, verify, type Column } from '../chaos/verify.ts'

const isReal = process.env['DATABASE_URL'] !== undefined && process.env['REDIS_URL'] !== undefined

/** Strikes that take long to recover from; `npm run chaos` has them all. */
const leftToTheLongForm = ['kill-all', 'database-crash', 'disk-full', 'redis-kill', 'kill-worker', 'line-stall']

describe('All guarantees at once, under fire', () => {
  let chaos: Chaos
  beforeAll(async () => {
    chaos = await runChaos({
      seed: 7,
      events: isReal ? 600 : 300,
      servers: isReal ? 'url' : 'embedded',
      without: new Set(leftToTheLongForm),
      ceiling: 60,
      mostOpen: 3_000,
      batch: 10,
      hands: 3,
      count: { api: 1, worker: 2, scheduler: 1 },
      clients: 4,
      hosts: 1,
      cycles: 1,
      scale: 0.3,
      longest: 60_000,
      progress: () => undefined,
    })
  }, 150_000)
  afterAll(() => chaos?.stop(), 60_000)

  const wrong = async () => {
    const verdict = await verify(chaos.ground)
    return new Map(columns.map((name) => [name, verdict.columns[name].count]))
  }

  it('loses, invents, repeats and reorders nothing, and passes no limit', async () => {
    const verdict = await verify(chaos.ground)
    // The whole table when it is not: it names dossiers.
    expect(isClean(verdict) ? '' : tables(chaos, verdict)).toBe('')
    expect(chaos.settled).toBe(true)
  })

  it('was under fire: the strikes met work, and outcomes were unknown', () => {
    const { strikes, evidence } = chaos
    expect(strikes.possible.filter((name) => strikes.counts[name].struck === 0)).toEqual([])
    const needed = ['kill-workers', 'kill-scheduler', 'redis-flush'] as const
    expect(needed.filter((name) => strikes.counts[name].met === 0)).toEqual([])
    const figures = ['outcomes unknown', 'look-ups', 'halvings']
    expect(figures.filter((name) => evidence.figures[name] === 0)).toEqual([])
  })

  // Each leaves its mark, so that the next one is judged by what it adds.
  it.each<[SabotageName, Column]>(
    (['duplicate-step', 'old-version', 'stranger', 'drop-change', 'lose-at-portal'] as const).map((name) => [
      name,
      sabotages[name].shows,
    ]),
  )('sees the sabotage %s as %s', async (name, column) => {
    const before = await wrong()
    await sabotages[name].run(chaos.ground)
    expect((await wrong()).get(column)).toBeGreaterThan(before.get(column)!)
  })
})
