import { readFile } from 'node:fs/promises'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createKey } from '../../src/platform/auth.ts'
import { openWorkbook } from '../../src/platform/xlsx.ts'
import { applyProcedures } from '../../src/procedures/national.ts'
import { importLocalProcedures } from '../../src/procedures/local-lists.ts'
import { openBrowser } from '../support/browser.ts'
import { change, nationalCodes, startProvince, type Province } from '../support/province.ts'

const [first, second] = nationalCodes
const laptop = { width: 1366, height: 768 }
const phone = { width: 390, height: 844 }

const national = (code: string, name: string) => ({ code, name, fieldCode: 'F', fieldName: 'Xây dựng' })
const local = (code: string, name: string) => ({ code, name, level: null, agencyCode: null })

describe('the console in a browser', () => {
  let province: Province
  let browser: Browser
  let page: Page
  let key: string
  /** What the browser complained about: a policy that was broken, a script that failed. */
  let complaints: string[]

  beforeAll(async () => {
    province = await startProvince({ settings: { CATALOGUE_PULL: 'off' } })
    const { sql } = province.ground
    await applyProcedures(sql, [
      national(first, 'Cấp giấy phép xây dựng nhà ở riêng lẻ'),
      national(second, 'Cấp lại giấy phép xây dựng nhà ở riêng lẻ'),
    ])
    await importLocalProcedures(sql, [
      local('2020.XD.1', 'Cấp GPXD nhà ở riêng lẻ'),
      local('2020.XD.2', 'Cấp lại GPXD nhà ở riêng lẻ'),
      local('1. 000 010', 'Cấp giấy phép xây dựng nhà ở riêng lẻ'),
    ])
    await province.ground.catalogue.fresh()
    const wish = { name: 'Nguyễn Thị A', source: 'console', agencies: ['*'], person: true, by: 'test' } as const
    key = (
      await createKey(sql, { ...wish, rights: ['reports:read', 'deliveries:read', 'mappings:read', 'mappings:write'] })
    ).key
    browser = await openBrowser()
  })
  afterAll(async () => {
    await browser.close()
    await province.close()
  })
  beforeEach(async () => {
    complaints = []
    page = await (await browser.newContext({ viewport: laptop })).newPage()
    page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())))
    page.on('pageerror', (error) => void complaints.push(String(error)))
    page.on('request', (request) => {
      if (!request.url().startsWith(province.house.url)) complaints.push(`asked for ${request.url()}`)
    })
  })
  afterEach(async () => {
    await page.context().close()
    if (complaints.length > 0) throw new Error(`The browser complained: ${complaints.join('; ')}`)
  })

  const at = (path: string) => page.goto(`${province.house.url}/console/${path}`)
  async function enter(path: string) {
    await at(path)
    await page.getByLabel('Khóa cá nhân').fill(key)
    await page.getByRole('button', { name: 'Vào' }).click()
  }
  const all = 'from=2000-01-01&to=2100-01-01'
  const rate = async () => {
    await at(`report?${all}`)
    return page.locator('.ring .big').first().textContent()
  }
  /** The page does not move sideways under a thumb. */
  const checkFits = async () => {
    const wide = await page.locator('html').evaluate((node) => node.scrollWidth)
    expect(wide).toBeLessThanOrEqual(page.viewportSize()!.width)
  }

  it('maps a blocked procedure; its dossiers go out and the rate rises', async () => {
    const dossiers = [1, 2, 3].map(() => change({ procedureCode: '2020.XD.1' }))
    await province.push([...dossiers, change({ procedureCode: '2020.XD.2' })])
    await enter('mappings')
    await expect(rate()).resolves.toBe('0,0 %')

    // The code for which most dossiers wait comes first.
    await at('mappings')
    const top = page.locator('.code-row').first()
    expect(await top.textContent()).toMatch(/2020\.XD\.1.*3\s*hồ sơ, 1 cơ quan/s)
    await top.getByRole('link').click()
    const card = page.locator('.card').first()
    expect(await card.textContent()).toContain(first)
    // What sets the second candidate apart stands out.
    expect(await page.locator('.card').nth(1).locator('mark').allTextContents()).toContain('lại')

    await page.keyboard.press('1')
    expect(await card.getByRole('radio').isChecked()).toBe(true)
    await page.keyboard.press('x')
    await page.getByText('3 trên 3 hồ sơ đang chờ sẽ được gửi').waitFor()
    await page.getByLabel('Vì sao').fill('Quyết định 12/QĐ-UBND')
    await page.getByRole('button', { name: 'Quyết định' }).click()

    await page.getByText('Đã cho gửi 3 trên 3 hồ sơ đang chờ').waitFor()
    expect(await page.locator('main').textContent()).toContain('Nguyễn Thị A')
    const decision = page.url()
    await province.settled()
    await page.getByText('Xem lại tiến độ').click()
    await page.getByText('Trong 3 hồ sơ của các mã này: 3 đã đồng bộ, 0 đang gửi.').waitFor()
    await expect(rate()).resolves.toBe('75,0 %')
    const sent = (await province.received()).filter(({ code }) => dossiers.some((dossier) => dossier.code === code))
    expect(sent).toHaveLength(3)

    await page.goto(decision)
    await page.getByLabel('Vì sao').fill('nhầm')
    await page.getByRole('button', { name: 'Hủy' }).click()
    await page.getByText(/hủy \d+/).waitFor()
    await at('mappings')
    expect(await page.locator('.code-row').allTextContents()).toContainEqual(expect.stringContaining('2020.XD.1'))
  })

  it('takes the report away on paper and as a workbook, and the dossiers behind a number, as they are on the page', async () => {
    const kept = change({ procedureCode: '2020.XD.7' })
    await province.push([kept])
    await province.settled()
    await enter(`report?${all}`)
    await at(`report?${all}`)
    const received = (await page.locator('.figures .all dd').first().textContent())!.replace(/\D/g, '')
    const taken = async (link: string) => {
      const asked = page.waitForEvent('download')
      await page.getByRole('link', { name: link, exact: true }).click()
      const file = await asked
      return { name: file.suggestedFilename(), bytes: new Uint8Array(await readFile(await file.path())) }
    }
    const paper = await taken('PDF')
    expect(paper.name).toMatch(/^ty-le-dong-bo-.*\.pdf$/)
    expect(Buffer.from(paper.bytes.subarray(0, 5)).toString()).toBe('%PDF-')
    const book = openWorkbook((await taken('Excel')).bytes)
    expect(book.rows('Tổng hợp')[1]!.cells.slice(0, 2)).toEqual(['Đã tiếp nhận', received])
    for (const size of [phone, laptop]) {
      await page.setViewportSize(size)
      await checkFits()
    }
    await at(`dossiers?${all}&procedure=2020.XD.7`)
    const list = openWorkbook((await taken('Excel')).bytes)
    expect(list.rows('Hồ sơ').map(({ cells }) => cells[0])).toEqual(['Mã hồ sơ', kept.code])
  })

  it('accepts what is certain together, after a preview', async () => {
    await enter('mappings')
    await page.getByLabel(/Chọn 1 mã chắc chắn/).check()
    expect(await page.locator('input[name=code]:checked').count()).toBe(1)
    await page.getByRole('button', { name: 'Xem trước khi chấp nhận' }).click()
    expect(await page.locator('.changes').textContent()).toContain('Cấp giấy phép xây dựng nhà ở riêng lẻ')
    await page.getByRole('button', { name: 'Quyết định' }).click()
    await page.getByRole('heading', { name: /^Quyết định \d+$/ }).waitFor()
    await at('mappings?tab=mapped')
    expect(await page.locator('.code-row').count()).toBe(1)
  })

  it('says what is in the way and keeps what was chosen', async () => {
    await enter(`mapping?code=2020.XD.2`)
    await page.getByLabel('Mã khác', { exact: true }).fill('9.999999')
    await page.getByRole('radio', { name: 'Mã khác:' }).check()
    await page.getByRole('button', { name: 'Xem trước' }).click()
    expect(await page.getByRole('alert').textContent()).toContain('unknown-national-code')
    expect(await page.getByLabel('Mã khác', { exact: true }).inputValue()).toBe('9.999999')
    expect(await page.getByRole('radio', { name: 'Mã khác:' }).isChecked()).toBe(true)
    // The browser notes the refusal's status as an error; it is what was to be seen.
    complaints = complaints.filter((text) => !text.includes('422'))
  })

  it('previews when Enter is pressed in a field, and reloads when F5 is', async () => {
    await enter('mapping?code=2020.XD.2')
    await page.keyboard.press('F1')
    expect(await page.locator('.card input:checked').count()).toBe(0)
    await page.getByRole('radio', { name: 'Mã khác:' }).check()
    await page.getByLabel('Mã khác', { exact: true }).fill(second)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Xem trước quyết định' }).waitFor()
    expect(await page.locator('.changes').textContent()).toContain(`là ${second}`)
  })

  it('takes a list that was filled in, and names the rows of one with faults', async () => {
    await enter('mappings')
    const choose = async (name: string, text: string) => {
      const file = { name, mimeType: 'text/csv', buffer: Buffer.from(text) }
      await page.getByLabel(/Tệp gửi lại/).setInputFiles(file)
      await page.getByRole('button', { name: 'Xem trước', exact: true }).click()
    }
    await page.getByText('Làm theo danh sách').click()
    const asked = page.waitForEvent('download')
    await page.getByRole('link', { name: 'Excel' }).first().click()
    expect((await asked).suggestedFilename()).toMatch(/^ma-can-xu-ly-.*\.xlsx$/)

    const head = 'local_code,national_code,why\n'
    await choose(
      `${'DanhSách'.repeat(20)}.csv`,
      `${head}2020.XD.2,1.5,\n2020.XD.9,,\n,${first},\n2020.XD.9,${first},${'một lý do rất dài '.repeat(150)}\n`,
    )
    await page.getByRole('heading', { name: 'Tệp có lỗi, chưa có gì thay đổi' }).waitFor()
    expect(await page.locator('tbody tr').allTextContents()).toEqual([
      expect.stringMatching(/2\s+B national_code\s+Mã quốc gia phải có dạng 1\.000001/),
      expect.stringMatching(/4\s+A local_code\s+Không được để trống/),
      expect.stringMatching(/5\s+C why\s+Tối đa 2000 ký tự/),
    ])
    for (const size of [phone, laptop]) {
      await page.setViewportSize(size)
      await checkFits()
    }
    complaints = complaints.filter((text) => !text.includes('422'))

    await choose('Danh sách sở Xây dựng.csv', `${head}2020.XD.2,${second},Quyết định 5\n2020.XD.9,,\n`)
    await page.getByText('1 dòng để trống mã quốc gia: chưa quyết định, giữ nguyên.').waitFor()
    expect(await page.getByLabel('Vì sao').inputValue()).toBe('Theo tệp Danh sách sở Xây dựng.csv')
    await page.setViewportSize(phone)
    await checkFits()
    await page.getByRole('button', { name: 'Quyết định' }).click()
    await page.getByRole('heading', { name: /^Quyết định \d+$/ }).waitFor()
    await page.getByLabel('Vì sao').fill('nhầm tệp')
    await page.getByRole('button', { name: 'Hủy' }).click()
    await page.getByText(/hủy \d+/).waitFor()
  })

  it('keeps a form whose session has ended until its author has signed in beside it', async () => {
    await enter('mapping?code=2020.XD.2')
    await page.getByRole('radio', { name: 'Để sau' }).check()
    await page.getByRole('button', { name: 'Xem trước' }).click()
    await page.getByLabel('Vì sao').fill('chờ Bộ trả lời,\ncông văn 7')
    await province.ground.sql`delete from console_sessions`
    await page.getByRole('button', { name: 'Quyết định' }).click()
    for (const size of [phone, laptop]) {
      await page.setViewportSize(size)
      await checkFits()
    }
    const opened = page.waitForEvent('popup')
    await page.getByRole('link', { name: 'Đăng nhập lại trong thẻ mới' }).click()
    const beside = await opened
    await beside.getByLabel('Khóa cá nhân').fill(key)
    await beside.getByRole('button', { name: 'Vào' }).click()
    await beside.getByText('quay lại thẻ trước').waitFor()
    await page.getByRole('button', { name: 'Gửi lại' }).click()
    await page.getByRole('heading', { name: /^Quyết định \d+$/ }).waitFor()
    expect(await page.locator('main').textContent()).toMatch(/chờ Bộ trả lời,\s+công văn 7/)
    complaints = complaints.filter((text) => !text.includes('401'))
    await page.getByLabel('Vì sao').fill('xong')
    await page.getByRole('button', { name: 'Hủy' }).click()
    await page.getByText(/hủy \d+/).waitFor()
  })

  it('leaves typing alone: letters and digits in a field are no commands', async () => {
    await enter('mapping?code=2020.XD.2')
    await page.getByLabel('Tên thủ tục').fill('')
    await page.getByLabel('Tên thủ tục').pressSequentially('1nx/')
    expect(await page.getByLabel('Tên thủ tục').inputValue()).toBe('1nx/')
    expect(await page.locator('.card input:checked').count()).toBe(0)
    expect(page.url()).toContain('2020.XD.2')
  })

  it('finds a code by what was typed without marks, and a national procedure by its name', async () => {
    await enter('mappings')
    await page.getByLabel('Tìm theo mã hoặc tên, không cần dấu').fill('cap lai gpxd')
    await page.getByRole('button', { name: 'Tìm' }).click()
    expect(await page.locator('.code-row').count()).toBe(1)
    await page.locator('.code-row a').click()
    await page.getByLabel('Tên thủ tục').fill('cấp giấy phép xây dựng nhà ở riêng lẻ')
    await page.getByRole('button', { name: 'Tìm' }).click()
    expect(await page.locator('.card').first().textContent()).toContain(first)
  })

  it.each([
    ['laptop', laptop],
    ['phone', phone],
  ])('fits a %s in both languages', async (_name, size) => {
    const pushed = change({ procedureCode: '2020.XD.2' })
    await province.push([pushed])
    await page.setViewportSize(size)
    await at('sign-in')
    await checkFits()
    await enter('mappings')
    for (const language of ['vi', 'en'])
      for (const path of [
        'mappings?',
        'mapping?code=2020.XD.2&',
        'decisions?',
        'catalogue?',
        `report?${all}&`,
        `dossiers?${all}&`,
        `dossier?code=${pushed.code}&`,
        'deliveries?state=blocked&',
        'traffic?',
      ]) {
        await at(`${path}lang=${language}`)
        expect(await page.locator('html').getAttribute('lang')).toBe(language)
        expect(await page.locator('h1').count()).toBe(1)
        await checkFits()
      }
    // The choice of a language stays.
    await at('mappings')
    expect(await page.locator('h1').textContent()).toBe('Procedure codes')
  })

  it('sorts a whole table where it stands, by numbers, words and rates, for keyboard and ear', async () => {
    const { sql } = province.ground
    const agencies = Array.from({ length: 12 }, (_, index) => ({ code: `H34.9${index}`, dossiers: index + 1 }))
    for (const { code, dossiers } of agencies)
      await sql`
        with new as (
          insert into dossiers (code, source, agency_code, procedure_code, source_status, received_at, changed_at, hash, change_id)
          select ${code} || '-' || n, 'one-stop', ${code}, 'P', 'finished', '2019-03-01', now(), '', 1 from generate_series(1, ${dossiers}::int) n
          returning id
        )
        insert into deliveries (dossier_id, agency_code, state, wanted_change_id) select id, ${code}, 'waiting', 1 from new`
    await enter('report?from=2019-01-01&to=2020-01-01')
    await page.waitForURL(/report\?/)
    const table = page.locator('table', { hasText: 'H34.90' })
    const shown = async () => {
      const rows = await table.locator('tbody tr:visible').all()
      return Promise.all(rows.map(async (row) => Number(await row.locator('td').first().textContent())))
    }
    expect(await shown()).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3])
    const byReceived = table.getByRole('button', { name: 'Đã tiếp nhận' })
    await byReceived.focus()
    await page.keyboard.press('Enter')
    expect(await table.locator('th[aria-sort]').getAttribute('aria-sort')).toBe('descending')
    await page.keyboard.press('Enter')
    expect(await table.locator('th[aria-sort]').getAttribute('aria-sort')).toBe('ascending')
    expect(await shown()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    await page.getByText('Hiện cả 12 dòng').click()
    expect(await shown()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    await table.getByRole('button', { name: 'Theo cơ quan' }).click()
    expect(await table.locator('tbody tr th').first().textContent()).toContain('H34.90')
    await checkFits()
  })
})
