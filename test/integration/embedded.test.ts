import { PGlite } from '@electric-sql/pglite'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { openDatabase, transaction, type Sql } from '../../src/platform/database.ts'
import {
  DataDirTaken,
  DataDirUnusable,
  embeddedEncryptionKey,
  startEmbedded,
  type Embedded,
} from '../../src/platform/embedded/embedded.ts'
import { servePostgres } from '../../src/platform/embedded/postgres-server.ts'
import { startServers, type House } from '../support/house.ts'

// The embedded default itself is under test, whatever servers the other tests use.
delete process.env['DATABASE_URL']
delete process.env['REDIS_URL']

const module = new URL('../../src/platform/embedded/embedded.ts', import.meta.url).href

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'dvcqg-embedded-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

function open(url: string | undefined, pool = 2): Sql {
  const sql = openDatabase({ url: url ?? '', pool })
  onTestFinished(() => sql.end({ timeout: 1 }))
  return sql
}

async function until(condition: () => boolean | Promise<boolean>, patience = 15_000): Promise<void> {
  const deadline = performance.now() + patience
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('did not happen in time')
    await sleep(50)
  }
}

/** Processes that were given this folder on their command line. */
function childrenOn(dataDir: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${dataDir}/postgres`)
      } catch {
        return false
      }
    })
    .map(Number)
}

const databaseChild = (dataDir: string) =>
  (JSON.parse(readFileSync(join(dataDir, 'postgres.pid.json'), 'utf8')) as { pid: number }).pid

/** A separate program that starts the embedded servers, to be killed. */
async function startProgram(dataDir: string) {
  const script = join(dataDir, 'program.mjs')
  writeFileSync(
    script,
    `import { startEmbedded } from ${JSON.stringify(module)}
     const { databaseUrl, redisUrl } = await startEmbedded({ dataDir: process.argv[2], database: true, redis: true })
     process.send({ databaseUrl, redisUrl })`,
  )
  const program = fork(script, [dataDir], { execArgv: [] })
  onTestFinished(() => void program.kill('SIGKILL'))
  const [urls] = (await once(program, 'message')) as [{ databaseUrl: string; redisUrl: string }]
  return { program, ...urls }
}

async function kill(program: ReturnType<typeof fork>): Promise<void> {
  program.kill('SIGKILL')
  await once(program, 'exit')
}

/** A client that speaks the wire protocol itself, to stop where no library would. */
async function rawClient(url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.on('error', () => undefined)
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  const names = Buffer.from('user\0postgres\0database\0postgres\0\0')
  const start = Buffer.alloc(8)
  start.writeInt32BE(8 + names.length, 0)
  start.writeInt32BE(196_608, 4)
  socket.write(Buffer.concat([start, names]))
  await once(socket, 'data')
  return socket
}

function message(type: string, content: string): Buffer {
  const head = Buffer.alloc(5)
  head.write(type, 0)
  head.writeInt32BE(4 + Buffer.byteLength(content), 1)
  return Buffer.concat([head, Buffer.from(content)])
}
const parse = (query: string) => message('P', `\0${query}\0\0\0`)
const query = (text: string) => message('Q', `${text}\0`)

describe('the servers', () => {
  let house: House
  beforeAll(async () => {
    house = await startServers()
  })
  afterAll(() => house.stop())

  it('give 20 connections their own rows, in and out of transactions', async () => {
    const sql = open(house.databaseUrl, 20)
    await sql`create table counted (id int primary key, n int not null)`
    const one = async (id: number) => {
      const rows =
        await sql`select ${id}::int as id, ${`name ${id}`}::text as name, ${sql.json({ id })}::jsonb as detail`
      expect([...rows]).toEqual([{ id, name: `name ${id}`, detail: { id } }])
      await expect(sql`select ${id}::int / 0`).rejects.toMatchObject({ code: '22012' })
      await sql`insert into counted values (${id}, 0)`
      await transaction(sql, async (tx) => {
        const [row] = await tx<{ n: number }[]>`select n from counted where id = ${id} for update`
        await tx`update counted set n = ${(row?.n ?? 0) + id} where id = ${id}`
        if (id % 3 === 0) await tx`update counted set n = n + ${1} where id = ${id}`
      })
      const failed = transaction(sql, async (tx) => {
        await tx`update counted set n = -1 where id = ${id}`
        throw new Error('changed its mind')
      })
      await expect(failed).rejects.toThrow('changed its mind')
    }
    await Promise.all(Array.from({ length: 400 }, (_, id) => one(id)))
    const wrong = await sql`select * from counted where n <> id + case when id % 3 = 0 then 1 else 0 end`
    expect([...wrong]).toEqual([])
    expect([...(await sql`select count(*)::int as rows from counted`)]).toEqual([{ rows: 400 }])
  })

  it.each([
    ['inside a transaction', query('begin')],
    ['in the middle of a query', parse('select 1')],
    ['in the middle of a query that failed', parse('select nonsense from nowhere')],
    ['inside a transaction, in the middle of a query', Buffer.concat([query('begin'), parse('select 1')])],
  ])('go on at once when a client is killed %s', async (_, words) => {
    const sql = open(house.databaseUrl)
    const client = await rawClient(house.databaseUrl)
    client.write(words)
    await once(client, 'data')
    client.resetAndDestroy()
    const started = performance.now()
    expect([...(await sql`select ${7}::int as seven`)]).toEqual([{ seven: 7 }])
    await transaction(sql, (tx) => tx`select ${8}::int as eight`)
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  it('go on when a client is gone before its transaction has begun', async () => {
    const sql = open(house.databaseUrl)
    for (let round = 0; round < 20; round += 1) {
      const client = await rawClient(house.databaseUrl)
      client.write(Buffer.concat([query('select pg_sleep(0.01)'), query('begin')]))
      if (round % 2 === 0) await sleep(round)
      client.destroy()
    }
    const started = performance.now()
    expect([...(await sql`select ${7}::int as seven`)]).toEqual([{ seven: 7 }])
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  it('offer a queue server that evicts nothing', async () => {
    const redis = new Redis(house.redisUrl)
    onTestFinished(() => redis.disconnect())
    expect(await redis.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction'])
    expect(await redis.set(`${house.queuePrefix}:x`, '1')).toBe('OK')
  })
})

describe('a client that keeps the session and says nothing', () => {
  it('is cut off, and what it had begun is undone', async () => {
    const db = new PGlite()
    await db.waitReady
    const server = await servePostgres(db, {
      port: 0,
      patience: 2,
      broken: (reason) => expect.unreachable(String(reason)),
    })
    onTestFinished(async () => {
      await server.stop()
      await db.close()
    })
    const url = `postgres://postgres@127.0.0.1:${server.port}/postgres`
    const sql = open(url)
    await sql`create table marks (mark text)`
    const client = await rawClient(url)
    client.write(query("begin; insert into marks values ('half')"))
    await once(client, 'data')
    const cutOff = once(client, 'close')
    const [rows] = await Promise.all([
      until(() =>
        sql`select mark from marks`.then(
          (rows) => rows.length === 0,
          () => false,
        ),
      ),
      cutOff,
    ])
    expect(rows).toBeUndefined()
  })
})

describe('the data folder', () => {
  it('belongs to one process; others may attach; it is free again after stop', async () => {
    const dataDir = folder()
    const first = await startEmbedded({ dataDir, database: true, redis: false })
    onTestFinished(() => first.stop())
    const second = startEmbedded({ dataDir, database: true, redis: false })
    await expect(second).rejects.toThrow(DataDirTaken)
    await expect(second).rejects.toThrow(new RegExp(`${dataDir}.*process ${process.pid}.*DATA_DIR`))
    const attached = await startEmbedded({ dataDir, database: true, redis: false, attach: true })
    expect(attached).toMatchObject({ attached: true, databaseUrl: first.databaseUrl })
    await attached.stop()
    const wants = { dataDir, database: true, redis: true, attach: true }
    await expect(startEmbedded(wants)).rejects.toThrow('with other settings')
    expect([...(await open(first.databaseUrl)`select 1 as one`)]).toEqual([{ one: 1 }])
    await first.stop()
    expect(existsSync(join(dataDir, 'lock.json'))).toBe(false)
    expect(childrenOn(dataDir)).toEqual([])
  })

  it('is named when it cannot be used', async () => {
    const file = join(folder(), 'file')
    writeFileSync(file, '')
    for (const dataDir of [file, join(file, 'deeper')]) {
      const started = startEmbedded({ dataDir, database: true, redis: true })
      await expect(started).rejects.toThrow(DataDirUnusable)
      await expect(started).rejects.toThrow(`${dataDir} cannot be used`)
    }
  })

  it('is taken over from a dead owner, also when another process got its number', async () => {
    const dataDir = folder()
    const content = { ready: true, databaseUrl: 'postgres://127.0.0.1:1/x' }
    const own = await startEmbedded({ dataDir, database: false, redis: false })
    const lock = JSON.parse(readFileSync(join(dataDir, 'lock.json'), 'utf8')) as object
    await own.stop()
    writeFileSync(join(dataDir, 'lock.json'), JSON.stringify({ ...lock, ...content, startedAt: 'long ago' }))
    const starts = await Promise.allSettled(
      Array.from({ length: 5 }, () => startEmbedded({ dataDir, database: false, redis: false })),
    )
    const winners = starts.filter((start): start is PromiseFulfilledResult<Embedded> => start.status === 'fulfilled')
    expect(winners).toHaveLength(1)
    await winners[0]?.value.stop()
  })

  it('keeps the encryption key, for this account only', async () => {
    const dataDir = join(folder(), 'new')
    const [key, again] = await Promise.all([embeddedEncryptionKey(dataDir), embeddedEncryptionKey(dataDir)])
    expect(key).toMatch(/^embedded:[A-Za-z0-9+/]{43}=$/)
    expect(again).toBe(key)
    expect(statSync(join(dataDir, 'encryption.key')).mode & 0o777).toBe(0o600)
    writeFileSync(join(dataDir, 'encryption.key'), 'embedded:short')
    await expect(embeddedEncryptionKey(dataDir)).rejects.toThrow('damaged')
  })
})

describe('when processes die', () => {
  it('kill -9 of the program leaves no process and loses no committed row', async () => {
    const dataDir = folder()
    const { program, databaseUrl } = await startProgram(dataDir)
    const sql = openDatabase({ url: databaseUrl, pool: 1 })
    await sql`create table kept (id int)`
    let committed = 0
    const writing = (async () => {
      for (;;) {
        await sql`insert into kept values (${committed + 1})`
        committed += 1
      }
    })().catch(() => undefined)
    await until(() => committed > 50)
    await kill(program)
    await until(() => childrenOn(dataDir).length === 0)
    await sql.end({ timeout: 0 })
    await writing
    const next = await startEmbedded({ dataDir, database: true, redis: false })
    onTestFinished(() => next.stop())
    const [row] = await open(next.databaseUrl)<{ rows: number }[]>`select count(*)::int as rows from kept`
    // The last insert may have been committed without its answer arriving.
    expect([committed, committed + 1]).toContain(row?.rows)
  })

  it('kill -9 of the whole family during a write and in the first start is survived', async () => {
    const dataDir = folder()
    const starting = startEmbedded({ dataDir, database: true, redis: false })
    starting.catch(() => undefined)
    await until(() => existsSync(join(dataDir, 'postgres.new')))
    for (const pid of childrenOn(dataDir)) process.kill(pid, 'SIGKILL')
    await expect(starting).rejects.toThrow('the embedded database did not start: exit SIGKILL')
    const { program, databaseUrl } = await startProgram(dataDir)
    const sql = openDatabase({ url: databaseUrl, pool: 1 })
    await sql`create table kept as select g as id from generate_series(1, 1000) g`
    const lost = sql`insert into kept select g from generate_series(1, 3000000) g`.catch(() => 'lost')
    await sleep(300)
    const family = childrenOn(dataDir)
    const gone = kill(program)
    for (const pid of family) process.kill(pid, 'SIGKILL')
    await gone
    await sql.end({ timeout: 0 })
    expect(await lost).toBe('lost')
    const next = await startEmbedded({ dataDir, database: true, redis: false })
    onTestFinished(() => next.stop())
    expect([...(await open(next.databaseUrl)`select count(*)::int as rows from kept`)]).toEqual([{ rows: 1000 }])
  })

  it('a server that dies is started again at the same address; one that keeps dying is given up', async () => {
    const dataDir = folder()
    const told: string[] = []
    const failures: string[] = []
    const wanted = { dataDir, database: true, redis: false, log: (text: string) => told.push(text) }
    const embedded = await startEmbedded(wanted)
    onTestFinished(() => embedded.stop())
    embedded.onFailure((what) => failures.push(what))
    const sql = open(embedded.databaseUrl)
    await sql`create table kept as select 5 as id`
    for (let death = 1; death <= 6; death += 1) {
      const pid = databaseChild(dataDir)
      process.kill(pid, 'SIGKILL')
      if (death === 6) break
      await until(() => databaseChild(dataDir) !== pid)
      if (death > 1) continue
      const healed = () =>
        sql`select id from kept`.then(
          (rows) => rows[0]?.['id'] === 5,
          () => false,
        )
      await until(healed)
    }
    await until(() => failures.length > 0)
    expect(told).toHaveLength(5)
    expect(failures).toEqual([expect.stringContaining('the embedded database keeps ending')])
  })
})
