import { getDocument } from 'pdfjs-dist/legacy/build/pdf.mjs'
import { describe, expect, it } from 'vitest'
import { causeWords, countWords, percentWords } from '../../src/console/words.ts'
import { rateOf, type Part, type SyncRateReport } from '../../src/reconciliation/model.ts'
import { paperReport } from '../../src/reconciliation/report-paper.ts'
import { reportPdf } from '../../src/reconciliation/report-pdf.ts'
import { sumWords } from '../../src/reconciliation/words.ts'

const codes = ['no-national-code', 'portal-refused', 'agency-split'] as const

function part(key: string, name: string, received: number): Part {
  const causes = Object.fromEntries(codes.map((code, place) => [code, Math.floor(received / (8 + place))]))
  const delivered = Object.values(causes).reduce((left, count) => left - count, received)
  return { key, name, received, delivered, atPortal: delivered, rate: rateOf(delivered, received), causes }
}

const sumOf = (parts: readonly Part[], of: (part: Part) => number) => parts.reduce((sum, one) => sum + of(one), 0)

function reportOf(
  byAgency: readonly Part[],
  byMonth: readonly Part[] = [part('2026-03', '2026-03', 77_240)],
): SyncRateReport {
  const [received, delivered] = [sumOf(byAgency, (one) => one.received), sumOf(byAgency, (one) => one.delivered)]
  return {
    period: { from: '2026-01-01', to: '2027-01-01' },
    only: { agency: null, level: null, procedure: null },
    generatedAt: '2026-11-26T17:30:00.000Z',
    total: { received, delivered, atPortal: delivered, rate: rateOf(delivered, received) },
    causes: codes.map((code) => ({ code, count: sumOf(byAgency, (one) => one.causes[code]!) })),
    byLevel: [part('province', 'Cấp tỉnh', 77_240)],
    byAgency,
    byProcedure: [],
    byMonth,
  }
}

interface Piece {
  readonly str: string
  readonly transform: readonly number[]
  readonly width: number
}

async function opened(bytes: Uint8Array) {
  const document = await getDocument({ data: new Uint8Array(bytes), verbosity: 0 }).promise
  const pages = await Promise.all(
    Array.from({ length: document.numPages }, async (_, place) => {
      const page = await document.getPage(place + 1)
      const { items } = await page.getTextContent()
      return { pieces: items as unknown as Piece[], tree: await page.getStructTree() }
    }),
  )
  const { info, metadata } = await document.getMetadata()
  const text = pages.map(({ pieces }) => pieces.map(({ str }) => str).join(' ')).join(' ')
  return { pages, text: text.replace(/\s+/g, ' '), info: info as Record<string, unknown>, metadata }
}

interface Node {
  readonly role?: string
  readonly alt?: string
  readonly lang?: string
  readonly children?: readonly Node[]
}

const nodesOf = (node: Node): Node[] => [node, ...(node.children ?? []).flatMap(nodesOf)]

describe('the report on paper', () => {
  it('says in Vietnamese what the report says, in the same numbers', async () => {
    const report = reportOf([part('H34.01', 'Sở Tư pháp', 70_000), part('H34.02', 'UBND phường Đắk Cấm', 7_240)])
    const { text, info } = await opened(await reportPdf(report, 'vi'))
    for (const words of [
      'Tỷ lệ đồng bộ hồ sơ lên Cổng DVCQG',
      'Hồ sơ tiếp nhận từ 01/01/2026 đến hết 31/12/2026',
      'Lập lúc 27/11/2026 00:30 (giờ Việt Nam)',
      percentWords(report.total.rate).vi,
      'mục tiêu 100 %',
      '77.240',
      countWords(report.total.delivered).vi,
      countWords(report.total.received - report.total.delivered).vi,
      'Sở Tư pháp',
      'H34.01',
      'UBND phường Đắk Cấm',
      'Cấp tỉnh',
      '03/2026',
      'Trang 1/',
    ])
      expect(text).toContain(words)
    for (const { code, count } of report.causes) {
      expect(text).toContain(causeWords(code).cause.vi)
      expect(text).toContain(causeWords(code).next.vi.slice(0, 30))
      expect(text).toContain(countWords(count).vi)
    }
    expect(text.replaceAll(' ', '')).toContain(sumWords(report).vi.replaceAll(' ', ''))
    expect(info).toMatchObject({ Language: 'vi', Title: expect.stringContaining('Tỷ lệ đồng bộ') })
  })

  it('is set in time, however long a name is', async () => {
    const units = ['x'.repeat(20_000), 'từ '.repeat(5_000)].map((name, n) => part(`H34.0${n}`, name, 1_000))
    const { text } = await opened(await reportPdf(reportOf(units), 'vi'))
    expect(text).toContain('từ từ từ')
  })

  it('speaks English when it is asked to, and stays on one page when nothing was received', async () => {
    const nothing = { ...reportOf([]), causes: [], byLevel: [], byMonth: [] }
    const { text, pages, info } = await opened(await reportPdf(nothing, 'en'))
    expect(text).toContain('No dossier was received in this period.')
    expect(text).toContain('Page 1 of 1')
    expect(pages).toHaveLength(1)
    expect(info['Language']).toBe('en')
  })

  it('is tagged: headings, tables with their heads, and words for what is drawn', async () => {
    const { pages, metadata } = await opened(await reportPdf(reportOf([part('A', 'Sở Y tế', 900)]), 'vi'))
    const nodes = pages.flatMap(({ tree }) => nodesOf(tree as Node))
    const roles = nodes.map(({ role }) => role)
    expect(roles.filter((role) => role === 'H1')).toHaveLength(1)
    expect(roles.filter((role) => role === 'H2')).toHaveLength(5)
    expect(new Set(roles.filter((role) => role === 'Table' || role === 'TH' || role === 'TD')).size).toBe(3)
    const drawn = nodes.flatMap(({ role, alt }) => (role === 'Figure' ? [alt] : []))
    expect(drawn).toEqual([
      expect.stringContaining('Đã đồng bộ 66,4 %, mục tiêu 100 %. Đã tiếp nhận: 900;'),
      expect.stringContaining('Thủ tục chưa có mã quốc gia'),
    ])
    expect(metadata?.get('pdfuaid:part')).toBe('1')
  })

  it('holds any name: of 300 signs, without a space, in two signs for one, with signs no font of ours has', async () => {
    const names = [
      'Ủy ban nhân dân xã '.repeat(16),
      'X'.repeat(300),
      'Sở Tư pháp tỉnh'.normalize('NFD'),
      'Sở 中\u0000\n Y tế',
    ]
    const report = reportOf(names.map((name, place) => part(`H34.${place}`, name, 1_000)))
    const { pages, text } = await opened(await reportPdf(report, 'vi'))
    expect(text).toContain('Sở Tư pháp tỉnh'.normalize('NFC'))
    expect(text).toContain('Sở □ Y tế')
    expect(text).toContain('…')
    for (const { pieces } of pages)
      for (const { str, transform, width } of pieces) {
        const [x, y] = transform.slice(4) as [number, number]
        expect([str, x >= 47 && x + width <= 595.28 - 47, y >= 20 && y < 842]).toEqual([str, true, true])
      }
  })

  it('names the 40 agencies with the largest gaps and the newest 24 months, and sums the others: all adds up', async () => {
    const byAgency = Array.from({ length: 3_000 }, (_, place) =>
      part(`H34.${place}`, `UBND xã số ${place}`, 40_000 - place),
    )
    const byMonth = Array.from({ length: 240 }, (_, place) => {
      const month = `${2007 + Math.floor(place / 12)}-${String((place % 12) + 1).padStart(2, '0')}`
      return part(month, month, 500_000)
    })
    const { pages, text } = await opened(await reportPdf(reportOf(byAgency, byMonth), 'vi'))
    expect(pages.length).toBeLessThanOrEqual(7)
    expect(text).toContain('UBND xã số 39')
    expect(text).not.toContain('UBND xã số 40')
    const rest = sumOf(byAgency.slice(40), (one) => one.received)
    expect(text).toContain('2.960 cơ quan còn lại')
    expect(text).toContain(countWords(rest).vi)
    expect(text).toContain('216 tháng trước đó')
    expect(text).toContain('108.000.000')
    expect(text).toContain('12/2026')
  })

  it('has its font inside, and of it only what is used', async () => {
    const bytes = await reportPdf(reportOf([part('A', 'Sở Y tế', 900)]), 'vi')
    const raw = bytes.toString('latin1')
    expect(new Set(raw.match(/\/FontName \/[A-Z]{6}\+Inter-\w+/g))).toHaveLength(2)
    expect(raw.match(/\/FontFile2 /g)).toHaveLength(2)
    expect(bytes.length).toBeLessThan(150_000)
  })

  it('is set in a thread, for a few who ask at once', async () => {
    const report = reportOf([part('A', 'Sở Y tế', 900)])
    const wishes = await Promise.allSettled(Array.from({ length: 4 }, () => paperReport(report, 'vi')))
    const made = wishes.flatMap((wish) => (wish.status === 'fulfilled' ? [wish.value.subarray(0, 5).toString()] : []))
    expect(made).toEqual(Array.from({ length: 3 }, () => '%PDF-'))
    expect(wishes.flatMap((wish) => (wish.status === 'rejected' ? [wish.reason.code] : []))).toEqual(['downloads-busy'])
  }, 60_000)
})
