import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { isDatabaseDown, openDatabase, transaction, type Sql } from '../../src/platform/database.ts'
import { startServers, type House } from '../support/house.ts'
import { openBreakableLine, type BreakableLine } from '../support/line.ts'

let house: House
let line: BreakableLine
beforeAll(async () => {
  house = await startServers()
  line = await openBreakableLine(house.databaseUrl)
})
afterAll(async () => {
  await line.stop()
  await house.stop()
})

function open(pool: number): Sql {
  const sql = openDatabase({ url: line.url, pool })
  onTestFinished(() => sql.end({ timeout: 1 }))
  return sql
}

/** Longer than any query may stay without an answer or a failure. */
const patience = 15_000
const late = new Error('neither answered nor failed')
const inTime = <T>(work: Promise<T>): Promise<T> => {
  const waiting = new AbortController()
  const end = sleep(patience, undefined, { signal: waiting.signal }).then(
    () => Promise.reject(late),
    () => Promise.reject(late),
  )
  return Promise.race([work, end]).finally(() => waiting.abort())
}

/** Everything the house does with the database: with and without parameters, short and long, alone and in transactions. */
const ways: readonly ((sql: Sql, n: number) => Promise<void>)[] = [
  async (sql, n) => {
    const [row] = await sql<{ n: number }[]>`select ${n}::bigint as n`
    expect(row).toEqual({ n })
  },
  async (sql, n) => {
    const text = String(n).padEnd(20_000, '.')
    const [row] = await sql<{ text: string }[]>`select ${text}::text as text, ${[n, n + 1]}::bigint[] as ids`
    expect(row).toEqual({ text, ids: [n, n + 1] })
  },
  async (sql, n) => {
    await transaction(sql, async (tx) => {
      await tx`insert into pairs (n, half) values (${n}, 1)`
      const [row] = await tx<{ n: number }[]>`select ${n}::bigint as n`
      expect(row).toEqual({ n })
      await tx`insert into pairs (n, half) values (${n}, 2)`
    })
  },
  async (sql, n) => {
    await transaction(sql, (tx) =>
      Promise.all([1, 2].map((half) => tx`insert into pairs (n, half) values (${n}, ${half})`)),
    )
  },
  // Goes on after the loss, as no work should: what it does then must not reach the database outside the transaction.
  async (sql, n) => {
    await transaction(sql, async (tx) => {
      await tx`insert into pairs (n, half) values (${n}, 1)`.catch(() => undefined)
      await sleep(5)
      await tx`insert into pairs (n, half) values (${n}, 2)`
    })
  },
]

it('survives a line that is reset 20 times under load', async () => {
  const sql = open(4)
  await sql`create table pairs (n bigint not null, half int not null)`
  const seen = { answered: 0, failed: 0, wrong: [] as unknown[] }
  const over = new AbortController()
  let n = 0
  const work = async () => {
    while (!over.signal.aborted) {
      n += 1
      try {
        await inTime(ways[n % ways.length]!(sql, n))
        seen.answered += 1
      } catch (error) {
        if (isDatabaseDown(error)) seen.failed += 1
        else seen.wrong.push(error)
        await sleep(1)
      }
    }
  }
  const workers = Array.from({ length: 12 }, work)
  for (let resets = 0; resets < 20;) {
    // Every time at another moment of the work.
    const goal = seen.answered + 1 + (resets % 4)
    await expect.poll(() => seen.answered, { timeout: patience, interval: 3 }).toBeGreaterThanOrEqual(goal)
    if (line.reset() > 0) resets += 1
  }
  over.abort()
  await Promise.all(workers)
  expect(seen.wrong).toEqual([])
  expect(seen.failed).toBeGreaterThan(20)

  await Promise.all(Array.from({ length: 40 }, (_, i) => ways[i % ways.length]!(sql, 1_000_000 + i)))
  const halves = await sql`select n from pairs group by n having count(distinct half) <> 2`
  expect([...halves]).toEqual([])
})

it('fails each query while the database is away, and finds it again', async () => {
  const sql = open(2)
  await sql`select 1`
  line.refuse(true)
  line.reset()
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, (_, n) => inTime(ways[0]!(sql, n))))
  line.refuse(false)
  const failures = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason as unknown)
  expect(failures.filter((reason) => !isDatabaseDown(reason))).toEqual([])
  expect(failures.length).toBeGreaterThan(0)
  await expect
    .poll(
      () =>
        sql`select 1`.then(
          () => true,
          () => false,
        ),
      { timeout: patience },
    )
    .toBe(true)
})

it('reads and writes arrays without asking the server about them', async () => {
  const sql = open(1)
  const texts = ['', 'a,b', 'say "no"', 'back\\slash', '{x}', 'NULL', 'Nguyễn\nVăn', null]
  const at = new Date('2026-03-01T02:03:04.567Z')
  const [row] = await sql`
    select ${texts as string[]}::text[] as texts, ${[]}::text[] as none, ${[2 ** 40, -1, null] as number[]}::bigint[] as ids, ${[1, 2]}::int[] as counts,
      ${[null, at] as Date[]}::timestamptz[] as times, ${[null, Buffer.from([0, 255])] as Buffer[]}::bytea[] as bytes,
      ${[null, { a: ['"'] }] as never}::jsonb[] as documents, array[true, false] as flags`
  expect(row).toEqual({
    texts,
    none: [],
    ids: [2 ** 40, -1, null],
    counts: [1, 2],
    times: [null, at],
    bytes: [null, Buffer.from([0, 255])],
    documents: [null, { a: ['"'] }],
    flags: [true, false],
  })
})
