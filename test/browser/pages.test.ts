import { mkdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import axe, { type AxeResults } from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askFor, readReports } from '../../src/counters/reports.ts'
import { importAgencies, succeed } from '../../src/organisations/store.ts'
import { createKey, rights } from '../../src/platform/auth.ts'
import { openWorkbook } from '../../src/platform/xlsx.ts'
import { decide } from '../../src/procedures/decisions.ts'
import { applyProcedures } from '../../src/procedures/national.ts'
import { importLocalProcedures } from '../../src/procedures/local-lists.ts'
import { readRun } from '../../src/reconciliation/runs.ts'
import { takeSnapshot } from '../../src/reconciliation/snapshots.ts'
import { openBrowser } from '../support/browser.ts'
import { change, nationalCodes, startProvince, step, type Province } from '../support/province.ts'

const [first, second] = nationalCodes
const all = 'from=2000-01-01&to=2100-01-01'
/** Of a dossier that the portal took, and has lost since. */
const delivered = '000.00.01.H34-200703-DA-GUI'
/** Every page that a person can come to, each with something on it. */
const pages = [
  'overview?',
  `report?${all}&`,
  `dossiers?${all}&`,
  'mappings?',
  'mapping?code=2020.XD.1&',
  'decisions?',
  'decision?id=1&',
  'catalogue?',
  `audit?${all}&`,
  ...['published', 'integrated', 'accounts', 'legal', 'content'].map((tab) => `audit?tab=${tab}&${all}&`),
  'agencies?',
  'agency?code=H34.30&',
  'runs?',
  'run?id=1&',
  'run?id=2&',
  'register-rows?run=2&',
  'discrepancies?',
  `dossier?code=${delivered}&`,
  'deliveries?',
  'traffic?',
  `score?${all}&`,
  ...['service', 'sources', 'keys', 'dialect', 'schedules', 'statuses', 'alerts'].map((tab) => `settings?tab=${tab}&`),
  'audit-log?',
  'queues?',
  'counters?month=2020-07&',
  'counters-preview?month=2020-07&',
  'counter-dossiers?month=2020-07&part=total&',
]
/** Kept for whoever looks at a build; not in git. */
const screenshots = fileURLToPath(new URL('../../artifacts/screenshots/', import.meta.url))

describe('every page of the console', () => {
  let province: Province
  let browser: Browser
  let page: Page

  beforeAll(async () => {
    province = await startProvince({ settings: { CATALOGUE_PULL: 'off', COUNTERS_SINCE: '2020-01' } })
    const { sql } = province.ground
    await fill(province)
    await mkdir(screenshots, { recursive: true })
    const wish = { name: 'Nguyễn Thị A', source: 'console', agencies: ['*'], person: true, by: 'test' } as const
    const { key } = await createKey(sql, { ...wish, rights: [...rights] })
    browser = await openBrowser()
    // What looks at a page from outside is not bound by the policy of the page.
    page = await (await browser.newContext({ bypassCSP: true })).newPage()
    await page.goto(`${province.house.url}/console/sign-in`)
    await page.fill('[name=key]', key)
    await page.click('main button')
    await page.waitForURL(/overview/)
  })
  afterAll(async () => {
    await browser.close()
    await province.close()
  })

  it.each(pages)('%s can be used by everybody, on a laptop and a phone, in both languages', async (path) => {
    for (const language of ['vi', 'en']) {
      await page.setViewportSize({ width: 1366, height: 768 })
      await page.goto(`${province.house.url}/console/${path}lang=${language}`)
      expect(await page.locator('html').getAttribute('lang')).toBe(language)
      expect(await faultsOf(page)).toEqual([])
      for (const width of [1366, 390]) {
        await page.setViewportSize({ width, height: 800 })
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
        const name = path.replaceAll(/[^\w.]+/g, '-').replace(/-$/, '')
        await page.screenshot({ path: `${screenshots}${name}-${language}-${width}.png`, fullPage: true })
      }
    }
  })

  it('folds its menu on a phone, and unfolds it by keyboard or thumb', async () => {
    await page.setViewportSize({ width: 390, height: 800 })
    await page.goto(`${province.house.url}/console/runs?lang=vi`)
    const menu = page.getByRole('navigation', { name: 'Trình đơn' })
    expect(await menu.isVisible()).toBe(false)
    await page.getByText('☰ Đối soát').click()
    expect(await menu.isVisible()).toBe(true)
    await page.locator('#menu').press('Space')
    expect(await menu.isVisible()).toBe(false)
    await page.setViewportSize({ width: 1366, height: 768 })
    expect(await menu.isVisible()).toBe(true)
    expect(await page.getByText('☰ Đối soát').isVisible()).toBe(false)
  })
})

/** With one procedure that is known. */
async function smallProvince(): Promise<Province> {
  const province = await startProvince({ settings: { CATALOGUE_PULL: 'off' } })
  await applyProcedures(province.ground.sql, [
    { code: first, name: 'Cấp giấy phép', fieldCode: 'F', fieldName: 'Xây dựng' },
  ])
  await province.ground.catalogue.fresh()
  return province
}

describe('from the overview to a dossier, and back to a better rate', () => {
  let province: Province
  let browser: Browser
  beforeAll(async () => {
    province = await smallProvince()
    browser = await openBrowser()
  })
  afterAll(async () => {
    await browser.close()
    await province.close()
  })

  it('leads to the cause, to the dossier behind it, sends it again, and shows the rate rise without a reload', async () => {
    const { sql } = province.ground
    const now = new Date().toISOString()
    const today = { receivedAt: now, changedAt: now, promisedAt: now }
    await province.faults([
      { service: 'DongBoHoSoMC', kind: 'refuse-dossier', value: { code: '-10', message: 'Thiếu trường' } },
    ])
    const refused = change(today)
    await province.push([refused])
    await province.until(
      async () => (await sql`select 1 from deliveries where state = 'parked'`).length === 1,
      'the refusal',
    )
    await province.faults([])
    await province.push([change(today)])
    await province.until(
      async () => (await sql`select 1 from deliveries where state = 'delivered'`).length === 1,
      'the other',
    )
    const wish = { name: 'A', source: 'console', agencies: ['*'], person: true, by: 'test' } as const
    const { key } = await createKey(sql, { ...wish, rights: [...rights] })
    const context = await browser.newContext({ viewport: { width: 1366, height: 768 } })
    const page = await context.newPage()
    await page.goto(`${province.house.url}/console/sign-in`)
    await page.fill('[name=key]', key)
    await page.click('main button')
    await page.waitForURL(/overview/)
    const watched = await context.newPage()
    await watched.goto(`${province.house.url}/console/overview`)
    expect(await watched.locator('.ring .vi .big').textContent()).toBe('50,0 %')

    await page.click('a[href*="cause=portal-refused"]')
    await page.click(`a[href*="${refused.code}"]`)
    expect(await page.locator('h1').textContent()).toContain(refused.code)
    expect(await page.locator('main').textContent()).toContain('Thiếu trường')
    await page.fill('[name=why]', 'đã sửa ở Cổng')
    await page.getByRole('button', { name: 'Gửi lại' }).click()
    await province.until(
      async () => (await sql`select 1 from deliveries where state = 'delivered'`).length === 2,
      'the second try',
    )
    // The other window was not touched.
    const rate = () => watched.locator('.ring .vi .big').textContent()
    await province.until(async () => (await rate()) === '100,0 %', 'the rate to rise', 40_000)
    await context.close()
  })
})

describe('a reconciliation run', () => {
  let province: Province
  let browser: Browser
  beforeAll(async () => {
    province = await smallProvince()
    browser = await openBrowser()
  })
  afterAll(async () => {
    await browser.close()
    await province.close()
  })

  it('is begun, watched without a touch, found in the overview while it goes on, and its report read back', async () => {
    const { sql } = province.ground
    const now = new Date().toISOString()
    const count = 600
    await province.push(
      Array.from({ length: count }, () => change({ receivedAt: now, changedAt: now, promisedAt: now })),
    )
    await province.until(
      async () => (await sql`select 1 from deliveries where state = 'delivered'`).length === count,
      'the deliveries',
      60_000,
    )
    await province.faults([{ kind: 'latency', value: 100 }])
    const wish = { name: 'A', source: 'console', agencies: ['*'], person: true, by: 'test' } as const
    const { key } = await createKey(sql, { ...wish, rights: [...rights] })
    const context = await browser.newContext({ viewport: { width: 1366, height: 768 } })
    const page = await context.newPage()
    await page.goto(`${province.house.url}/console/sign-in?next=runs`)
    await page.fill('[name=key]', key)
    await page.click('main button')
    await page.getByText('Chạy đối soát ngay').click()
    await page.locator('form[action=start-run] button').click()
    await page.waitForURL(/run\?id=1/)
    const overview = await context.newPage()
    await overview.goto(`${province.house.url}/console/overview`)
    expect(await overview.getByRole('link', { name: 'Đối soát, lần 1' }).count()).toBe(1)
    const seen = new Set<string>()
    await province.until(
      async () => {
        const status = page.locator('[role=status]')
        // The page renews itself meanwhile.
        if ((await status.count()) === 0) return (await page.locator('main .tag.accept').count()) > 0
        seen.add(((await status.textContent({ timeout: 1_000 }).catch(() => '')) ?? '').trim())
        return false
      },
      'the run to end',
      60_000,
    )
    expect([...seen].some((words) => /^[24]00 trên 600$/.test(words))).toBe(true)
    expect(await readRun(sql, 1)).toMatchObject({ state: 'finished', counts: { equal: count } })

    await page.goto(`${province.house.url}/console/report`)
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Excel' }).click(),
    ])
    const book = openWorkbook(new Uint8Array(await readFile(await download.path())))
    expect(book.rows('Theo cơ quan')[1]!.cells.slice(2, 5)).toEqual([String(count), String(count), '1'])
    await context.close()
  })
})

/** What keeps somebody from using the page: contrast, names of fields, order of headings, and the like. */
async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const { violations } = (await page.evaluate('axe.run()')) as AxeResults
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`)
}

async function fill(province: Province): Promise<void> {
  const { ground, sandbox, house, key } = province
  const { sql } = ground
  const national = (code: string, name: string) => ({ code, name, fieldCode: 'F', fieldName: 'Xây dựng' })
  await applyProcedures(sql, [
    national(first, 'Cấp giấy phép xây dựng nhà ở riêng lẻ'),
    national(second, 'Cấp lại giấy phép xây dựng nhà ở riêng lẻ'),
  ])
  await applyProcedures(sql, [
    national(first, 'Cấp giấy phép xây dựng'),
    national(second, 'Cấp lại giấy phép xây dựng nhà ở riêng lẻ'),
  ])
  await importLocalProcedures(sql, [
    { code: '2020.XD.1', name: 'Cấp GPXD nhà ở riêng lẻ', level: null, agencyCode: 'H34.02', onlineLevel: 'full' },
    { code: '2020.XD.1', name: 'Cấp phép xây dựng', level: null, agencyCode: null, source: 'mot-cua-2' },
    { code: '2020.XD.2', name: 'Cấp lại GPXD', level: null, agencyCode: null },
  ])
  await importAgencies(sql, [
    { code: 'H34.30', name: 'UBND huyện Đắk Glei', level: 'district', validTo: '2025-07-01' },
    { code: 'H34.41', name: 'UBND xã Đắk Pék', level: 'commune' },
  ])
  const split = {
    oldCode: 'H34.30',
    newCode: 'H34.41',
    day: '2025-07-01',
    transfer: 'part',
    procedureCode: null,
  } as const
  await succeed(sql, [split], { by: 'test', why: 'Nghị quyết' })
  const mapping = {
    localCode: '2020.XD.2',
    nationalCode: second,
    source: null,
    agencyCode: null,
    level: null,
    validFrom: null,
    validTo: null,
  }
  await decide(sql, { wishes: [{ verdict: 'accept', mapping }], by: 'test', why: 'Quyết định 12' })
  await ground.catalogue.fresh()
  const late = {
    receivedAt: '2026-08-01T08:00:00+07:00',
    changedAt: '2026-08-01T08:00:00+07:00',
    promisedAt: '2026-08-09T08:00:00+07:00',
  }
  const good = change({ code: delivered, steps: [step('2020-07-03T08:40:00+07:00', 'received')] })
  await province.push([good, change({ procedureCode: '2020.XD.1' }), change({ agencyCode: 'H34.30', ...late })])
  const state = async () => (await sql`select 1 from deliveries where state = 'delivered'`).length
  await province.until(async () => (await state()) === 1, 'the delivery')
  await fetch(`${sandbox.controlUrl}/dossiers/${good.code}`, { method: 'DELETE' })
  await fetch(`${house.url}/v1/reconciliation/runs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: '{}',
  })
  await province.until(async () => (await readRun(sql, 1))?.state === 'finished', 'the run')
  const rows = [
    { code: good.code, agency: 'H34.02', status: 'Chờ ký', received_at: '03/07/2020 08:30', steps: 2 },
    { code: '000.00.01.H34-200703-CHI-CO-TRONG-SO', agency: 'H34.01' },
  ]
  await fetch(`${house.url}/v1/reconciliation/registers?complete=true&name=so-mot-cua.ndjson`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(rows),
  })
  await province.until(async () => (await readRun(sql, 2))?.state === 'finished', 'the run with a register')
  await sendCounters(province)
  for (const day of [1, 2, 3]) await takeSnapshot(sql, new Date(Date.now() - day * 86_400_000))
}

/** Taken by the portal, and changed since; and one whose answer was lost. */
async function sendCounters(province: Province): Promise<void> {
  const { sql } = province.ground
  const figures = { received: 1, carried: 0, handledInTime: 1, handledLate: 0, pendingInTime: 0, pendingLate: 0 }
  const ask = async (code: string, name: string) => {
    await askFor(sql, { month: '2020-07', kind: '1', units: [{ code, name, figures }], by: 'test' })
    await province.until(
      async () => (await readReports(sql, '2020-07')).every(({ state, onWay }) => state !== 'waiting' && !onWay),
      'the counters',
    )
  }
  await ask('H34.01', 'Sở Tư pháp')
  await province.faults([{ kind: 'cut-after', service: 'DongBoThongKeHoSo', count: 1 }])
  await ask('H34.02', 'Sở Xây dựng')
  await province.faults([])
}
