import { appRoutes } from '@bull-board/api/dist/routes.js'
import { Worker, type Job } from 'bullmq'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { defaultWatchPolicy } from '../../config/retry.ts'
import { openQueue, openWorker } from '../../jobs/queues.ts'
import { createKey, type NewKey } from '../../src/platform/auth.ts'
import { createLog } from '../../src/platform/log.ts'
import { startProvince, type Province } from '../support/province.ts'

/** A citizen's data where none of our programs would put it. */
const citizen = 'Nguyễn Thị Lộ 062999000888'

describe('the queues in the console', () => {
  let province: Province
  let url: string
  let queue: ReturnType<typeof openQueue>
  beforeAll(async () => {
    // Nobody takes tickets here: they stay as the tests leave them.
    province = await startProvince({ settings: { CATALOGUE_PULL: 'off', ROLES: 'api' } })
    url = `${province.house.url}/console/`
    const { redisUrl, queuePrefix } = province.servers
    queue = openQueue('reconcile', { redisUrl, prefix: queuePrefix, log: createLog('silent') })
  })
  afterAll(async () => {
    await queue.close()
    await province.close()
  })
  beforeEach(() => queue.obliterate({ force: true }))

  async function enter(more: Partial<NewKey> = {}) {
    const { key, id } = await createKey(province.ground.sql, {
      name: 'Trần Văn Q',
      source: 'console',
      rights: ['queues:read'],
      agencies: ['*'],
      person: true,
      by: 'test',
      ...more,
    })
    const answer = await fetch(`${url}sign-in`, {
      method: 'POST',
      headers: { origin: province.house.url },
      body: new URLSearchParams({ key }),
      redirect: 'manual',
    })
    const cookie = answer.headers.get('set-cookie')!.split(';')[0]!
    const ask = (path: string, method = 'GET', headers: Record<string, string> = { origin: province.house.url }) =>
      fetch(url + path, { method, headers: { cookie, ...headers }, redirect: 'manual' })
    return { id, cookie, ask, actor: `key:${id}` }
  }
  const writer = () => enter({ rights: ['queues:read', 'queues:write'] })

  /** A ticket that failed with what no ticket of ours fails with. */
  async function failedJob(): Promise<Job> {
    const { redisUrl, queuePrefix } = province.servers
    const carried = { runId: 7, ids: [1, 2], owner: citizen }
    const job = await queue.add('continue', carried, { deduplication: { id: citizen } })
    await job.updateProgress({ citizen })
    await job.log(citizen)
    const connection = { url: redisUrl, maxRetriesPerRequest: null }
    const done = Promise.withResolvers<void>()
    const work = () => Promise.reject(new Error(`null value in ${citizen}`))
    const worker = new Worker('reconcile', work, { connection, prefix: queuePrefix })
    worker.on('failed', () => done.resolve())
    await done.promise
    await worker.close()
    return job
  }

  const sub = [
    'queues/board',
    'queues/board/',
    'queues/board/queue/push',
    'queues/board/static/images/logo.svg',
    'queues/board/static/no-such-file.js',
    'queues/board/api/queues',
    'queues/board/api/queues/push/1/logs',
    'queues/board/api/nothing',
    'queues/board/nothing/at/all',
  ]
  it.each(sub)(
    '%s is closed to whoever is not signed in, lacks the right, or speaks for some agencies',
    async (path) => {
      const out = await fetch(url + path, { redirect: 'manual' })
      expect([303, 401]).toContain(out.status)
      if (out.status === 303)
        expect(new URL(out.headers.get('location')!, url + path).href).toBe(`${url}sign-in?next=queues`)
      const wrong = [
        await enter({ rights: ['settings:read', 'queues:write'] }),
        await enter({ agencies: ['H34.01'], rights: ['queues:read', 'queues:write'] }),
      ]
      for (const { ask } of wrong) expect((await ask(path)).status).toBe(403)
      for (const { ask } of wrong) expect((await ask(path, 'PUT')).status).toBe(403)
    },
  )

  it('say nothing that is kept on the way, and allow neither frames nor inline code', async () => {
    const { ask } = await enter()
    for (const path of sub) {
      const answer = await ask(path)
      const csp = answer.headers.get('content-security-policy')!
      expect(csp).toContain("frame-ancestors 'none'")
      expect(csp).not.toMatch(/unsafe|https?:|\*|data:/)
      expect(answer.headers.get('cache-control')).toMatch(path.includes('logo') ? /^private, / : /^no-store$/)
    }
    const page = await (await ask('queues/board/')).text()
    expect(page).not.toMatch(/<style|style=|fonts\.g|<script>/)
    expect(page).toContain('<base href="/console/queues/board/"')
    const [, script] = /src="(static\/js\/main[^"]+)"/.exec(page)!
    expect((await ask(`queues/board/${script}`)).headers.get('content-type')).toMatch(/javascript/)
    for (const way of ['..%2f..%2f..%2fpackage.json', '%2e%2e/index.ejs', '../index.ejs'])
      expect((await ask(`queues/board/static/${way}`)).status).not.toBe(200)
  })

  const filled = (route: string, state: string, job: string) =>
    route
      .replace(':queueName', 'reconcile')
      .replace(':jobId', job)
      .replace(':queueStatus', state)
      .replace(':schedulerId', 'rotate')
  const changing = appRoutes.api
    .filter(({ method }) => method !== 'get')
    .map(({ method, route }) => [String(method).toUpperCase(), String(route)] as const)

  it('let nobody act who may only look, whatever the act', async () => {
    const { ask } = await enter()
    const job = await failedJob()
    expect(changing.length).toBeGreaterThan(15)
    for (const [method, route] of changing)
      expect((await ask(`queues/board${filled(route, 'failed', job.id!)}`, method)).status).toBe(403)
    expect(await queue.getJobCounts('failed', 'waiting')).toMatchObject({ failed: 1, waiting: 0 })
    const { queues } = (await (await ask('queues/board/api/queues')).json()) as { queues: { readOnlyMode: boolean }[] }
    expect(queues).toHaveLength(4)
    for (const { readOnlyMode } of queues) expect(readOnlyMode).toBe(true)
  })

  it('let whoever may act do what is on the list, and nothing else', async () => {
    const { ask } = await writer()
    const job = await failedJob()
    const open: string[] = []
    for (const [method, route] of changing) {
      // Completed tickets may not be acted on: only for the routes of the list is the answer another than a refusal.
      const answer = await ask(`queues/board${filled(route, 'completed', 'no-such-job')}`, method)
      const { code } = (await answer.json()) as { code: string }
      if (code !== 'queue-act-refused') open.push(route)
    }
    expect(open.toSorted()).toEqual([
      '/api/queues/:queueName/:jobId/promote',
      '/api/queues/:queueName/:jobId/retry',
      '/api/queues/:queueName/promote',
    ])
    for (const state of ['completed', 'wait', 'active', 'delayed', 'failed%2f'])
      for (const act of ['clean', 'retry'])
        expect((await ask(`queues/board/api/queues/reconcile/${act}/${state}`, 'PUT')).status).toBe(403)
    expect((await ask(`queues/board/api/queues/reconcile/${job.id}/promote`, 'PUT')).status).toBe(403)
    expect(await queue.getFailedCount()).toBe(1)
  })

  it('retry, promote and clean, and keep who did it', async () => {
    const { sql } = province.ground
    const { ask, actor } = await writer()
    const job = await failedJob()
    const put = async (path: string) => (await ask(`queues/board/api/queues/${path}`, 'PUT')).status
    expect(await put(`reconcile/${job.id}/retry`)).toBe(204)
    expect(await queue.getWaitingCount()).toBe(1)
    const later = await queue.add('continue', { runId: 1 }, { delay: 600_000 })
    expect(await put(`reconcile/${later.id}/promote`)).toBe(204)
    await queue.add('continue', { runId: 2 }, { delay: 600_000 })
    expect(await put('reconcile/promote')).toBe(200)
    expect(await queue.getDelayedCount()).toBe(0)
    expect(await put('reconcile/clean/failed')).toBe(200)
    expect(await put('nothing/clean/failed')).toBe(404)
    const kept =
      await sql`select action, subject, detail from audit where actor = ${actor} and action like 'queues.%' order by id`
    expect(kept).toMatchObject([
      { action: 'queues.retry', subject: 'reconcile', detail: { job: job.id, state: 'failed' } },
      { action: 'queues.promote', detail: { job: later.id } },
      { action: 'queues.promote', subject: 'reconcile' },
      { action: 'queues.clean', subject: 'reconcile' },
    ])
  })

  it.each([{ origin: 'https://elsewhere.example' }, { origin: 'null' }, {}])(
    'take no act that another site sends: %j',
    async (headers) => {
      const { ask } = await writer()
      const job = await failedJob()
      for (const path of [`api/queues/reconcile/${job.id}/retry`, 'api/queues/reconcile/retry/failed', 'nothing'])
        for (const method of ['PUT', 'POST', 'PATCH', 'DELETE'])
          expect((await ask(`queues/board/${path}`, method, headers)).status).toBe(403)
      expect(await queue.getFailedCount()).toBe(1)
    },
  )

  it('show no word of what failed or was carried, on the page and in the board', async () => {
    const { ask } = await enter()
    const job = await failedJob()
    const opts = JSON.stringify({ attempts: citizen, delay: { citizen } })
    await province.ground.redis.hset(`${province.servers.queuePrefix}:reconcile:${job.id}`, 'opts', opts)
    const board = 'queues/board/api/queues'
    const all = [
      'queues',
      `${board}?activeQueue=reconcile&status=failed&page=1&jobsPerPage=10`,
      `${board}?activeQueue=reconcile&status=latest`,
      `${board}/reconcile/${job.id}`,
      `${board}/reconcile/${job.id}/logs`,
      `${board}/reconcile/${job.id}/flow`,
      `${board}/reconcile/${job.id}/flow?root=node`,
      'queues/board/api/job-schedulers',
    ]
    for (const path of all) {
      const answer = await ask(path)
      expect(answer.status).toBe(200)
      const text = await answer.text()
      expect(text).not.toContain('062999000888')
      expect(text).not.toContain('Thị Lộ')
    }
    const told = (await (await ask(all[3]!)).json()) as { job: Record<string, unknown> }
    expect(told.job).toMatchObject({
      data: { runId: 7, ids: [1, 2], owner: '•••' },
      failedReason: '•••',
      stacktrace: [],
    })
    const page = await (await ask('queues')).text()
    expect(page).toMatch(/Lỗi/)
    expect(page).toContain(`<code>${job.id}</code>`)
    expect(page).toContain('2 hồ sơ')
  })

  it('have no word of what our own workers failed with in Redis', async () => {
    const { redisUrl, queuePrefix: prefix } = province.servers
    const log = createLog('silent')
    const policy = defaultWatchPolicy
    const watch = { policy, beat: async () => undefined, onRestart: () => undefined, giveUp: () => undefined }
    const fail = () => Promise.reject(new TypeError(`Không ghi được ${citizen}`))
    const worker = openWorker('reconcile', () => null, fail, {
      redisUrl,
      prefix,
      log,
      concurrency: 1,
      patience: 60_000,
      watch,
    })
    await queue.add('continue', { runId: 3 })
    await province.until(async () => (await queue.getFailedCount()) === 1, 'the failure')
    await worker.close()
    const [job] = await queue.getFailed()
    expect(job).toMatchObject({ failedReason: 'TypeError' })
    const kept = await province.ground.redis.hgetall(`${prefix}:reconcile:${job!.id}`)
    expect(JSON.stringify(kept)).not.toMatch(/062999000888|Lộ|queues\.ts/)
    const { ask } = await enter()
    expect(await (await ask('queues')).text()).toContain('<code>TypeError</code>')
  })

  it('keep nobody signed in by asking for news', async () => {
    const { sql } = province.ground
    const { ask, id } = await enter()
    const idle = async () => {
      const [row] = await sql<{ minutes: number }[]>`
        select extract(epoch from now() - seen_at)::float8 / 60 as minutes from console_sessions where client_id = ${id}`
      return row!.minutes
    }
    await sql`update console_sessions set seen_at = now() - interval '5 minutes' where client_id = ${id}`
    for (const path of ['api/queues', 'static/images/logo.svg', 'api/nothing']) await ask(`queues/board/${path}`)
    await (await ask('queues-live')).body?.cancel()
    expect(await idle()).toBeGreaterThan(4.9)
    await ask('queues/board/')
    expect(await idle()).toBeLessThan(1)
  })

  it('say in words that Redis is away, and only there', async () => {
    const { ask } = await enter({ rights: ['queues:read', 'settings:read'] })
    province.ground.redis.disconnect()
    const page = await ask('queues')
    expect(page.status).toBe(503)
    expect(await page.text()).toMatch(/queues-unreachable.*Chuyển động gần nhất/s)
    const news = await ask('queues/board/api/queues')
    expect(news.status).toBe(503)
    expect(await news.json()).toMatchObject({ code: 'queues-unreachable' })
    expect((await ask('settings')).status).toBe(200)
  })
})

describe('the queues behind a proxy that puts a path in front', () => {
  let province: Province
  beforeAll(async () => {
    const settings = { CATALOGUE_PULL: 'off', ROLES: 'api', PUBLIC_URL: 'https://tinh.example/dong-bo/' }
    province = await startProvince({ settings })
  })
  afterAll(() => province.close())

  it('give the board a base below that path, and lead to signing in from any depth', async () => {
    const wish = { name: 'A', source: 'console', agencies: ['*'], person: true, by: 'test' } as const
    const { key } = await createKey(province.ground.sql, { ...wish, rights: ['queues:read'] })
    const url = `${province.house.url}/console/`
    const entered = await fetch(`${url}sign-in`, {
      method: 'POST',
      headers: { origin: 'https://tinh.example' },
      body: new URLSearchParams({ key }),
      redirect: 'manual',
    })
    const cookie = entered.headers.get('set-cookie')!.split(';')[0]!
    const page = await fetch(`${url}queues/board/`, { headers: { cookie } })
    expect(await page.text()).toContain('<base href="/dong-bo/console/queues/board/"')
    for (const path of ['queues/board', 'queues/board/', 'queues/board/queue/push?status=failed']) {
      const answer = await fetch(url + path, { redirect: 'manual' })
      const asBrowsersSeeIt = new URL(answer.headers.get('location')!, `https://tinh.example/dong-bo/console/${path}`)
      expect(asBrowsersSeeIt.href).toBe('https://tinh.example/dong-bo/console/sign-in?next=queues')
    }
  })
})
