import { html, type Html } from '../console/html.ts'
import { countWords, dayWords, monthWords, percentWords, type Language, type Words } from '../console/words.ts'
import { sharesOf, type SyncRateReport, type Part } from './model.ts'
import type { DayRate, Trends } from './snapshots.ts'
import { reportWords } from './words.ts'

/** As many colours as the style sheet has; more causes than that share the last one. */
export const colourOf = (index: number) => `c${Math.min(index, 7)}`

/** A drawing has one title for both languages: assistive technology reads it as it stands. */
const title = (words: Words) => html`<title>${words.vi} / ${words.en}</title>`

const radius = 84
const circle = 2 * Math.PI * radius

/** The rate as a ring that would be closed at the target of 100 %. */
export function rateRing(rate: number | null): Html {
  const filled = (circle * (rate ?? 0)) / 100
  const words = percentWords(rate)
  const text = { vi: `Đã đồng bộ ${words.vi}, mục tiêu 100 %`, en: `In step ${words.en}, target 100 %` }
  return html`<svg class="ring" role="img" viewBox="0 0 200 200" width="200" height="200">
    ${title(text)}
    <circle class="track" cx="100" cy="100" r="${radius}" />
    <circle
      class="filled"
      cx="100"
      cy="100"
      r="${radius}"
      transform="rotate(-90 100 100)"
      stroke-dasharray="${filled.toFixed(2)} ${circle.toFixed(2)}"
    />
    <path class="mark" d="M100 4v24" />
    ${(['vi', 'en'] as const).map(
      (language) =>
        html`<g class="${language}">
          <text class="big" x="100" y="110" text-anchor="middle">${words[language]}</text>
          <text class="small" x="100" y="136" text-anchor="middle">${reportWords.target[language]}</text>
        </g>`,
    )}
  </svg>`
}

/** Delivered and every cause as one bar that is exactly as long as all that was received. */
export function stackedBar(report: SyncRateReport): Html {
  const { received, delivered } = report.total
  const counts = [delivered, ...report.causes.map(({ count }) => count)]
  const shares = sharesOf(
    delivered,
    report.causes.map(({ count }) => count),
  )
  let x = 0
  const pieces = counts.map((count, index) => {
    const width = received === 0 ? 0 : (count * 1000) / received
    const piece = html`<rect
      class="${index === 0 ? 'delivered' : colourOf(index - 1)}"
      x="${x.toFixed(2)}"
      y="0"
      width="${width.toFixed(2)}"
      height="40"
    />`
    x += width
    return piece
  })
  const percents = shares.map((share) => percentWords(share))
  return html`<svg class="stack" role="img" viewBox="0 0 1000 40" preserveAspectRatio="none">
    ${title({
      vi: `Đã đồng bộ ${percents[0]!.vi}, các nguyên nhân ${percents
        .slice(1)
        .map(({ vi }) => vi)
        .join('; ')}`,
      en: `in step ${percents[0]!.en}, causes ${percents
        .slice(1)
        .map(({ en }) => en)
        .join('; ')}`,
    })}
    <rect class="track" x="0" y="0" width="1000" height="40" />
    ${pieces}
  </svg>`
}

const step = 68
const top = 34
const height = 150

type Month = Pick<Part, 'key' | 'received' | 'rate'>
const monthName = ({ key }: Month) => monthWords(key)

/** One column per month: the frame is all that was received, the filling what is in step. `at`: where the rest of a month is listed. */
export function monthChart(months: readonly Month[], at?: (month: string) => string): Html {
  const width = months.length * step + 8
  const low = [...months].sort((a, b) => (a.rate ?? 100) - (b.rate ?? 100))[0]
  const worst = low === undefined ? { vi: '', en: '' } : percentWords(low.rate)
  const month = low === undefined ? '' : monthName(low)
  return html`<svg
    class="months"
    role="${at === undefined ? 'img' : 'group'}"
    viewBox="0 0 ${width} ${top + height + 46}"
    width="${width}"
    height="${top + height + 46}"
  >
    ${title({
      vi: `Tỷ lệ đồng bộ theo tháng, thấp nhất ${worst.vi} tháng ${month}`,
      en: `sync rate by month, lowest ${worst.en} in ${month}`,
    })}
    <path class="target" d="M0 ${top}h${width}" />
    ${months.map((month, index) => column(month, index, at))}
  </svg>`
}

function column(part: Month, index: number, at?: (month: string) => string): Html {
  const x = index * step + 8
  const middle = x + 26
  const filled = (height * (part.rate ?? 0)) / 100
  const percent = percentWords(part.rate)
  const received = countWords(part.received)
  const name = html`<text class="label" x="${middle}" y="${top + height + 18}" text-anchor="middle"
    >${monthName(part)}</text
  >`
  return html`<rect class="track" x="${x}" y="${top}" width="52" height="${height}" />
    <rect
      class="delivered"
      x="${x}"
      y="${(top + height - filled).toFixed(2)}"
      width="52"
      height="${filled.toFixed(2)}"
    />
    ${at === undefined ? name : html`<a href="${at(part.key)}">${name}</a>`}
    ${(['vi', 'en'] as const).map(
      (language) =>
        html`<g class="${language}">
          <text class="value" x="${middle}" y="${top - 10}" text-anchor="middle">${percent[language]}</text>
          <text class="label" x="${middle}" y="${top + height + 36}" text-anchor="middle">${received[language]}</text>
        </g>`,
    )}`
}

export const trendSections = (language: Language, { days, months }: Trends): Html =>
  html`${trendSection(
    language,
    {
      vi: `${days.length} ngày qua, tính cả hồ sơ các năm`,
      en: `The last ${days.length} days, dossiers of all years`,
    },
    days,
  )}
  ${trendSection(
    language,
    {
      vi: `${months.length} tháng qua, vào ngày cuối mỗi tháng`,
      en: `The last ${months.length} months, on the last day of each`,
    },
    months,
  )}`

/** The chart with its heading, where there is anything to compare. */
function trendSection(language: Language, heading: Words, days: readonly DayRate[]): Html | false {
  if (days.length < 2) return false
  return html`<section>
    <h2>${heading[language]}</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="${heading[language]}">${trendChart(days)}</div>
  </section>`
}

const narrowestStep = 24
/** Between the first and the last point, so that the days below them have room. */
const narrowestChart = 220
const dayHeight = 120

/** A line of the rate day by day against the target; every day says its figure when it is pointed at. */
function trendChart(days: readonly DayRate[]): Html {
  const dayStep = Math.max(narrowestStep, narrowestChart / (days.length - 1))
  const width = (days.length - 1) * dayStep + 60
  const y = (rate: number | null) => 20 + dayHeight - (dayHeight * (rate ?? 0)) / 100
  const points = days.map(({ rate }, place) => `${place * dayStep + 8},${y(rate).toFixed(1)}`)
  const [first, last] = [days[0]!, days.at(-1)!]
  const words = percentWords(last.rate)
  return html`<svg
    role="img"
    class="trend"
    viewBox="0 0 ${width} ${dayHeight + 48}"
    width="${width}"
    height="${dayHeight + 48}"
  >
    ${title({
      vi: `Tỷ lệ đồng bộ từ ${dayWords(first.day)} (${percentWords(first.rate).vi}) đến ${dayWords(last.day)} (${words.vi})`,
      en: `Sync rate from ${dayWords(first.day)} (${percentWords(first.rate).en}) to ${dayWords(last.day)} (${words.en})`,
    })}
    <path class="target" d="M0 20h${width}" />
    <polyline class="line" points="${points.join(' ')}" />
    ${days.map(
      ({ day, rate }, place) =>
        html`<circle class="dot" cx="${place * dayStep + 8}" cy="${y(rate).toFixed(1)}" r="4">
          <title>${dayWords(day)}: ${percentWords(rate).vi}</title>
        </circle>`,
    )}
    <text class="label" x="0" y="${dayHeight + 40}">${dayWords(first.day)}</text>
    <text class="label" x="${width - 80}" y="${dayHeight + 40}">${dayWords(last.day)}</text>
    <text class="value" x="${(days.length - 1) * dayStep + 16}" y="${(y(last.rate) + 4).toFixed(1)}">${words.vi}</text>
  </svg>`
}
