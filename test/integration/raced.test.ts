import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createIntake } from '../../src/dossiers/intake.ts'
import { createLanes } from '../../src/delivery/lanes.ts'
import { statusOf } from '../../src/procedures/model.ts'
import type { ApiClient } from '../../src/platform/auth.ts'
import { openDatabase, transaction, type Sql } from '../../src/platform/database.ts'
import { change, startProvince, step, type Province } from '../support/province.ts'

const client: ApiClient = { id: 'test', name: 'test', source: 'one-stop', rights: [], person: false, agencies: ['*'] }

describe('a transaction that is broken off', () => {
  let province: Province
  let sql: Sql
  beforeAll(async () => {
    province = await startProvince({ settings: { ROLES: 'api', CATALOGUE_PULL: 'off' } })
    sql = openDatabase({ url: province.servers.databaseUrl, pool: 2 })
  })
  afterAll(async () => {
    await sql.end()
    await province.close()
  })

  it('takes no statement any more: what comes late is refused, and changes nothing', async () => {
    await sql`create table late (value int)`
    let late: Promise<unknown> = Promise.resolve()
    const work = transaction(sql, async (tx) => {
      await tx`insert into late values (1)`
      late = new Promise((resolve) => setTimeout(resolve, 50)).then(() => tx`insert into late values (2)`)
      late.catch(() => undefined)
      throw new Error('broken off')
    })
    await expect(work).rejects.toThrow('broken off')
    await expect(late).rejects.toThrow('has ended')
    expect(await sql`select value from late`).toHaveLength(0)
    let kept: unknown
    await transaction(sql, async (tx) => {
      kept = tx
      await tx`insert into late values (3)`
    })
    expect(() => (kept as Sql)`insert into late values (4)`).toThrow('has ended')
    expect(await sql`select value from late`).toEqual([{ value: 3 }])
  })

  // Two sessions are needed: the embedded database has one, and no such race.
  it.runIf(process.env['DATABASE_URL'])(
    'leaves no step behind when another process created one of its dossiers in the same moment',
    async () => {
      const old = Array.from({ length: 40 }, () => change())
      await province.push(old)
      const stranger = change()
      let isArmed = true
      const { vault, catalogue } = province.ground
      await catalogue.fresh()
      const intake = createIntake({
        sql,
        vault,
        lanes: createLanes(catalogue.last, () => [], 'wait'),
        refresh: async () => undefined,
        spelling: (code) => code,
        statusOf(source, word) {
          if (isArmed) createElsewhere(province.servers.databaseUrl, old[0]!.code, stranger.code)
          isArmed = false
          return statusOf(catalogue.last(), source, word)
        },
      })
      const more = old.map((one, index) => ({
        ...one,
        changedAt: '2020-07-03T10:00:00+07:00',
        promisedAt: `2020-07-13T10:${String(index).padStart(2, '0')}:00+07:00`,
        steps: [step('2020-07-03T09:30:00+07:00', 'processing')],
      }))
      const soon = globalThis.setImmediate
      // A busy machine: the answer that a dossier is there already comes between two statements that do not wait for it.
      const busy = vi
        .spyOn(globalThis, 'setImmediate')
        .mockImplementation(((work: () => void) =>
          work.name === '' ? setTimeout(work, 50) : soon(work)) as typeof setImmediate)
      const results = await intake.push(client, [...more, stranger]).finally(() => busy.mockRestore())
      expect(isArmed).toBe(false)
      expect(results.slice(0, -1).map((one) => one.steps)).toEqual(more.map(() => ({ stored: 1, unchanged: 0 })))
      const wrong = await sql`
        select l.dossier_id from deliveries l
        where l.steps_total <> (select count(*) from steps s where s.dossier_id = l.dossier_id)`
      expect(wrong).toEqual([])
    },
  )
})

const elsewhere = `
  import postgres from 'postgres'
  const [url, like, code] = process.argv.slice(1)
  const sql = postgres(url, { max: 1 })
  await sql.begin(async (tx) => {
    await tx.unsafe('create temp table one on commit drop as select * from dossiers')
    await tx.unsafe('delete from one where code <> $1', [like])
    await tx.unsafe('update one set code = $1, id = -1', [code])
    await tx.unsafe('insert into dossiers overriding system value select * from one')
  })
  await sql.end()`

/** Commits a dossier from another process, before the next line of this one is run. */
function createElsewhere(url: string, like: string, code: string): void {
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', elsewhere, '--', url, like, code],
    { cwd: new URL('../..', import.meta.url), encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(stderr)
}
