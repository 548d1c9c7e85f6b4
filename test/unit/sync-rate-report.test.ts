import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { failures } from '../../config/failures.ts'
import { html } from '../../src/console/html.ts'
import { checkParts, rateOf, sharesOf, type Part, type SyncRateReport } from '../../src/reconciliation/model.ts'
import { pagePolicy, renderReportPage } from '../../src/reconciliation/page.ts'
import { renderReportTable } from '../../src/reconciliation/table.ts'
import { countWords, momentWords, percentWords } from '../../src/console/words.ts'

const causes = { 'no-national-code': 18_210, 'predates-publication': 14_025, 'waiting-for-portal': 10_825 }
const figures = { received: 77_240, delivered: 34_180, atPortal: 34_200, rate: 44.2, causes }
const part = (key: string, name: string): Part => ({ key, name, ...figures })
const report: SyncRateReport = {
  period: { from: '2020-01-01', to: '2021-01-01' },
  only: { agency: null, level: null, procedure: null },
  generatedAt: '2020-12-29T01:30:00.000Z',
  total: { received: 77_240, delivered: 34_180, atPortal: 34_200, rate: 44.2 },
  causes: Object.entries(causes).map(([code, count]) => ({ code, count })),
  byLevel: [part('province', 'Cấp tỉnh')],
  byAgency: [part('H34.14', 'Sở Tư pháp')],
  byProcedure: [part('TP-01', 'Cấp phiếu lý lịch tư pháp')],
  byMonth: [part('2020-12', '2020-12')],
}

describe('rates', () => {
  it.each([
    [34_180, 77_240, 44.2],
    [0, 0, null],
    [0, 5, 0],
    [5, 5, 100],
    [999_999, 1_000_000, 99.9],
    [2, 3, 66.6],
    [29, 100, 29],
    [57, 1000, 5.7],
  ])('%i of %i is %s', (delivered, received, rate) => {
    expect(rateOf(delivered, received)).toBe(rate)
  })

  it('never reads 100 while one is missing, and 100 when none is', () => {
    for (let received = 1; received <= 3_000_000; received = received * 3 + 1) {
      expect(rateOf(received, received)).toBe(100)
      expect(rateOf(received - 1, received)).toBeLessThan(100)
    }
  })

  it('shares of delivered and causes add up to 100, delivered as in the rate', () => {
    for (const others of [[1], [1, 1, 1], [18_210, 14_025, 10_825], [7, 0, 3]]) {
      const delivered = 10
      const shares = sharesOf(delivered, others)
      const received = delivered + others.reduce((sum, count) => sum + count)
      expect(shares[0]).toBe(rateOf(delivered, received))
      expect(Math.round(shares.reduce((sum, share) => sum + share * 10, 0))).toBe(1000)
    }
    expect(sharesOf(0, [])).toEqual([0])
    expect(sharesOf(5, [])).toEqual([100])
  })
})

describe('checkParts', () => {
  it('finds nothing in a report that adds up', () => {
    expect(checkParts(report)).toEqual([])
  })

  it.each<[string, SyncRateReport, RegExp]>([
    [
      'the total',
      { ...report, total: { ...report.total, received: 77_241 } },
      /^total: delivered and causes are 77240/,
    ],
    ['a rate', { ...report, total: { ...report.total, rate: 44.3 } }, /^total: rate/],
    ['a part', { ...report, byLevel: [{ ...report.byLevel[0]!, delivered: 1 }] }, /^byLevel province/],
    ['a lost part', { ...report, byAgency: [] }, /^byAgency: received adds up to 0, total 77240/],
    [
      'a cause put elsewhere',
      { ...report, byMonth: [{ ...report.byMonth[0]!, causes: { other: 43_060 } }] },
      /^byMonth: no-national-code adds up to 0/,
    ],
    ['what the portal holds', { ...report, byProcedure: [{ ...report.byProcedure[0]!, atPortal: 1 }] }, /atPortal/],
  ])('names %s that does not', (_name, wrong, words) => {
    expect(checkParts(wrong).join('\n')).toMatch(words)
  })
})

describe('words', () => {
  it('writes numbers as each language does', () => {
    expect(countWords(77_240)).toEqual({ vi: '77.240', en: '77,240' })
    expect(countWords(1_000_000)).toEqual({ vi: '1.000.000', en: '1,000,000' })
    expect(countWords(999).vi).toBe('999')
    expect(percentWords(44.2)).toEqual({ vi: '44,2 %', en: '44.2 %' })
    expect(percentWords(null).vi).toBe('–')
  })

  it('writes the time of Vietnam', () => {
    expect(momentWords('2020-12-31T17:05:00.000Z')).toBe('01/01/2021 00:05')
  })
})

describe('html', () => {
  it('escapes every interpolated text, in content and attributes, and keeps its own', () => {
    const evil = `<script>alert("1")</script>'&`
    const page = html`<p title="${evil}">${evil}${html`<b>${1}</b>`}${[html`<i></i>`, '<']}${null}${false}</p>`
    const escaped = '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;'
    expect(page.text).toBe(`<p title="${escaped}">${escaped}<b>1</b><i></i>&lt;</p>`)
  })
})

describe('the page', () => {
  const page = renderReportPage(report, { language: 'vi', samples: { 'no-national-code': ['H34-<1>'] } })

  it('holds both languages, in numbers and words', () => {
    expect(page).toMatch(/^<!doctype html>\s*<html lang="vi">/)
    for (const text of ['77.240', '77,240', '44,2 %', '44.2 %', 'Vì sao chưa đồng bộ', 'Why dossiers are not in step'])
      expect(page).toContain(text)
    for (const { vi, en } of [failures['no-national-code'], failures['predates-publication']])
      for (const text of [vi.cause, vi.next, en.cause, en.next]) expect(page).toContain(html`${text}`.text)
    expect(page).toContain('29/12/2020 08:30')
    expect(page).toContain('77.240 = 34.180 + 18.210 + 14.025 + 10.825')
  })

  it('loads, runs and sends nothing', () => {
    expect(page).not.toMatch(/<script|\son\w+=|\sstyle=|src=|https?:\/\/|url\(|@import|<link|<form/i)
    expect(page).toContain(html`${pagePolicy}`.text)
    expect(pagePolicy).toMatch(/default-src 'none'; style-src 'sha256-/)
    const style = /<style>([^<]*)<\/style>/.exec(page)?.[1] ?? ''
    expect(pagePolicy).toContain(createHash('sha256').update(style).digest('base64'))
  })

  it('opens each cause to sample codes and the full list, escaped', () => {
    expect(page).toContain('<code>H34-&lt;1&gt;</code>')
    expect(page).toContain('/v1/dossiers?from=2020-01-01&amp;to=2021-01-01&amp;cause=no-national-code')
  })

  it('links and renews itself only when it is live, keeping the language', () => {
    const live = renderReportPage(report, { language: 'en', live: true })
    expect(live).toContain('<meta http-equiv="refresh"')
    expect(live).toContain('<body class="show-en">')
    expect(live).toContain('href="?from=2020-01-01&amp;to=2021-01-01&amp;lang=vi"')
    expect(page).not.toMatch(/href=|http-equiv="refresh"/)
  })

  it('folds the rows after the first ten', () => {
    const agencies = Array.from({ length: 12 }, (_, index) => part(`H34.${index}`, `Đơn vị ${index}`))
    const long = renderReportPage({ ...report, byAgency: agencies }, { language: 'vi' })
    expect(long).toContain('Hiện cả 12 dòng')
    expect(long.match(/<tr class="rest">/g)).toHaveLength(2)
    expect(long).toContain('Đơn vị 11')
  })

  it('escapes names that come from outside', () => {
    const wild = { ...report, byAgency: [part('<b>', '"><img src=x>')] }
    const text = renderReportPage(wild, { language: 'vi' })
    expect(text).not.toContain('<img')
    expect(text).toContain('&quot;&gt;&lt;img src=x&gt;')
  })

  it('says so when nothing was received', () => {
    const empty = { received: 0, delivered: 0, atPortal: 0, rate: null }
    const none = { ...report, total: empty, causes: [], byLevel: [], byAgency: [], byProcedure: [], byMonth: [] }
    expect(checkParts(none)).toEqual([])
    expect(renderReportPage(none, { language: 'vi' })).toContain('Không có hồ sơ nào được tiếp nhận')
    expect(renderReportTable(none, 'en')).toContain('No dossier was received')
  })
})

describe('the table', () => {
  it('shows rate, causes and parts with bars', () => {
    const vi = renderReportTable(report)
    expect(vi).toContain('44,2 %')
    expect(vi).toMatch(/18\.210 +23,6 % {2}█+/)
    expect(vi).toMatch(/H34\.14 Sở Tư pháp +77\.240 +43\.060 +44,2 %/)
    const en = renderReportTable(report, 'en')
    expect(en).toContain('77,240')
    expect(en).toContain(failures['no-national-code'].en.next)
  })

  it('lets no name steer the terminal', () => {
    const wild = { ...report, byAgency: [part('H34.14', 'Sở \u001b[31mĐỏ')] }
    expect(renderReportTable(wild)).not.toContain('\u001b')
  })
})
