import { Worker } from 'bullmq'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openQueue } from '../../jobs/queues.ts'
import { createKey, type Right } from '../../src/platform/auth.ts'
import { createLog } from '../../src/platform/log.ts'
import { openBrowser } from '../support/browser.ts'
import { startProvince, type Province } from '../support/province.ts'

describe('Bull Board in the console', () => {
  let province: Province
  let browser: Browser
  let queue: ReturnType<typeof openQueue>
  let jobId: string
  /** What the browser complained about: the policy first of all. */
  const complaints: string[] = []
  beforeAll(async () => {
    province = await startProvince({ settings: { CATALOGUE_PULL: 'off', ROLES: 'api' } })
    const { redisUrl, queuePrefix: prefix } = province.servers
    queue = openQueue('reconcile', { redisUrl, prefix, log: createLog('silent') })
    jobId = (await queue.add('continue', { runId: 7 })).id!
    const failed = Promise.withResolvers<void>()
    const connection = { url: redisUrl, maxRetriesPerRequest: null }
    const worker = new Worker('reconcile', () => Promise.reject(new Error('Error')), { connection, prefix })
    worker.on('failed', () => failed.resolve())
    await failed.promise
    await worker.close()
    browser = await openBrowser()
  })
  afterAll(async () => {
    await browser.close()
    await queue.close()
    await province.close()
  })

  async function enter(rights: Right[]): Promise<Page> {
    const wish = { name: 'Nguyễn Thị A', source: 'console', agencies: ['*'], person: true, by: 'test' } as const
    const { key } = await createKey(province.ground.sql, { ...wish, rights })
    const page = await (await browser.newContext({ viewport: { width: 1366, height: 768 } })).newPage()
    page.on('console', (message) => {
      const isPolicy = /Content.Security.Policy/i.test(message.text())
      if (message.type() === 'error' || isPolicy) complaints.push(message.text())
    })
    page.on(
      'response',
      (answer) => void (answer.status() >= 400 && complaints.push(`${answer.status()} ${answer.url()}`)),
    )
    page.on('pageerror', (error) => void complaints.push(String(error)))
    page.on('request', (request) => {
      if (!request.url().startsWith(province.house.url)) complaints.push(`asked for ${request.url()}`)
    })
    await page.goto(`${province.house.url}/console/sign-in?next=queues`)
    await page.fill('[name=key]', key)
    await page.click('main button')
    await page.getByRole('link', { name: 'Từng phiếu, bằng Bull Board' }).click()
    return page
  }
  const shot = async (page: Page, name: string) => {
    const folder = process.env['SCREENSHOTS']
    if (folder) await page.screenshot({ path: `${folder}/${name}.png` })
  }

  it('works under its strict policy, and offers nothing to whoever may only look', async () => {
    const page = await enter(['queues:read'])
    await page.getByText('reconcile').first().waitFor()
    await shot(page, 'board')
    await page.goto(`${province.house.url}/console/queues/board/queue/reconcile?status=failed`)
    await page.getByText(`#${jobId}`).first().waitFor()
    await shot(page, 'board-queue')
    await page.goto(`${province.house.url}/console/queues/board/queue/reconcile/${jobId}`)
    for (const name of ['Options', 'Logs', 'Data']) await page.getByText(name, { exact: true }).first().click()
    await page.getByText('runId').first().waitFor()
    await shot(page, 'board-job')
    expect(
      await page.getByRole('button', { name: /retry|promote|obliterate|pause|clean|remove|add job/i }).count(),
    ).toBe(0)
    await page.goto(`${province.house.url}/console/queues/board/job-schedulers`)
    await page.waitForTimeout(500)
    await page.setViewportSize({ width: 390, height: 800 })
    await page.goto(`${province.house.url}/console/queues/board/`)
    await page.getByText('reconcile').first().waitFor()
    await shot(page, 'board-390')
    expect(complaints).toEqual([])
    await page.context().close()
  })

  it('lets whoever may act run a failed ticket again', async () => {
    const page = await enter(['queues:read', 'queues:write'])
    await page.goto(`${province.house.url}/console/queues/board/queue/reconcile?status=failed`)
    await page.getByText(`#${jobId}`).first().waitFor()
    await shot(page, 'board-act')
    await page.getByRole('button', { name: 'Retry all' }).click()
    await shot(page, 'board-confirm')
    await page.getByRole('button', { name: 'Confirm' }).click()
    await province.until(async () => (await queue.getFailedCount()) === 0, 'the retry')
    expect(complaints).toEqual([])
    expect(await province.ground.sql`select 1 from audit where action = 'queues.retry'`).toHaveLength(1)
    await page.context().close()
  })
})
