import { createHash } from 'node:crypto'
import { address, both, html, miniBar, trusted, type Html } from '../console/html.ts'
import { style } from '../console/style.ts'
import {
  causeWords,
  countWords,
  momentWords,
  percentWords,
  shareWords,
  type Language,
  type Words,
} from '../console/words.ts'
import { colourOf, monthChart, rateRing, stackedBar } from './charts.ts'
import { sharesOf, type Breakdown, type Part, type SyncRateReport } from './model.ts'
import { onlyWords, partWords, periodWords, reportWords, sumWords } from './words.ts'

export interface PageOptions {
  readonly language: Language
  readonly note?: Words
  /** A few dossier codes for each cause. */
  readonly samples?: Readonly<Record<string, readonly string[]>>
  /** Served by the running program: addresses are links and the page renews itself. Otherwise it is a file to keep. */
  readonly live?: boolean
  /** Where the dossiers behind a number are listed; the API, if nothing is said. */
  readonly listAt?: string
  /** Where the report is narrowed to an agency, with its past; without it, agencies are no links. */
  readonly reportAt?: string
  /** Where a local code is mapped; without it, codes are no links. */
  readonly mappingAt?: string
}

/** Rows of a table that are shown at once; the others are folded. */
const shownRows = 10
const refreshSeconds = 30

/** Nothing may be loaded, run or sent by the page; its own style sheet is allowed by its hash. */
export const pagePolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

/** Built apart: a space more between the tags and the hash would no longer match. */
const styleElement = trusted(`<style>${style}</style>`)

/** The report as one self-contained page: no script, nothing loaded from elsewhere, both languages inside. */
export function renderReportPage(report: SyncRateReport, options: PageOptions): string {
  const page = html`<!doctype html>
    <html lang="${options.language}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="${pagePolicy}" />
        ${options.live === true && html`<meta http-equiv="refresh" content="${refreshSeconds}" />`}
        <title>${reportWords.title[options.language]}</title>
        ${styleElement}
      </head>
      <body class="${options.live === true && `show-${options.language}`}">
        ${options.live !== true && languageSwitches(options.language)}
        <main>
          ${head(report, options)} ${options.note && html`<section class="note"><p>${both(options.note)}</p></section>`}
          ${report.total.received === 0 ? html`<section><p>${both(reportWords.nothing)}</p></section>` : reportBody(report, options)}
          <footer>
            <p>${both(sumWords(report))}</p>
            <p>
              ${both({ vi: 'Tỷ lệ được làm tròn xuống một chữ số thập phân.', en: 'Rates are rounded down to one decimal.' })}
            </p>
          </footer>
        </main>
      </body>
    </html> `
  return page.text
}

/** In a kept file two radio buttons in front of everything carry the choice, so that CSS alone can switch. */
function languageSwitches(language: Language): Html {
  const button = (code: Language, name: string) =>
    html`<input
      class="switch"
      type="radio"
      name="language"
      id="language-${code}"
      aria-label="${name}"
      ${trusted(code === language ? ' checked' : '')}
    />`
  return html`${button('vi', 'Tiếng Việt')}${button('en', 'English')}`
}

function head(report: SyncRateReport, { language, live }: PageOptions): Html {
  const choice = (code: Language, name: string) =>
    live === true
      ? html`<a
          href="${addressOf(report, { lang: code })}"
          lang="${code}"
          ${trusted(code === language ? ' aria-current="true"' : '')}
          >${name}</a
        >`
      : html`<label for="language-${code}" lang="${code}">${name}</label>`
  const only = onlyWords(report.only)
  const time = momentWords(report.generatedAt)
  return html`<header>
    <div>
      <h1>${both(reportWords.title)}</h1>
      <p>${both(periodWords(report.period))}${only && html` · ${both(only)}`}</p>
      <p class="soft">${both({ vi: `Lập lúc ${time} (giờ Việt Nam)`, en: `Made at ${time} (Vietnam time)` })}</p>
    </div>
    <nav class="languages" aria-label="Ngôn ngữ / Language">
      ${choice('vi', 'Tiếng Việt')}${choice('en', 'English')}
    </nav>
  </header>`
}

/** The page's own address (relative, so that a path prefix of a proxy stays) with the report's period and limits. */
function addressOf(report: SyncRateReport, more: Readonly<Record<string, string>>): string {
  const only = Object.entries(report.only).filter((entry): entry is [string, string] => entry[1] !== null)
  return `?${new URLSearchParams([...Object.entries(report.period), ...only, ...Object.entries(more)]).toString()}`
}

const listAddress = (report: SyncRateReport, { listAt }: PageOptions, filter: Readonly<Record<string, string>>) =>
  `${listAt ?? '/v1/dossiers'}${addressOf(report, filter)}`

/** The report without a page around it. */
export function reportBody(report: SyncRateReport, options: PageOptions): Html {
  return html`${hero(report)} ${causes(report, options)}
    <section>
      <h2>${both(reportWords.byMonth)}</h2>
      <div class="scroll" tabindex="0" role="region" aria-label="${reportWords.byMonth.vi} / ${reportWords.byMonth.en}">
        ${monthChart(report.byMonth)}
      </div>
    </section>
    ${(['byLevel', 'byAgency', 'byProcedure'] as const).map((name) => breakdown(report, name, options))}`
}

function hero(report: SyncRateReport): Html {
  const { received, delivered, atPortal, rate } = report.total
  const figure = (words: Words, count: number, kind: string) =>
    html`<div class="${kind}">
      <dt>${both(words)}</dt>
      <dd>${both(countWords(count))}</dd>
    </div>`
  return html`<section class="hero">
    ${rateRing(rate)}
    <dl class="figures">
      ${figure(reportWords.received, received, 'all')} ${figure(reportWords.delivered, delivered, 'good')}
      ${figure(reportWords.gap, received - delivered, 'gap')} ${figure(reportWords.atPortal, atPortal, 'all')}
    </dl>
  </section>`
}

const swatch = (colour: string) =>
  html`<svg class="swatch" viewBox="0 0 16 16" aria-hidden="true">
    <rect class="${colour}" width="16" height="16" rx="3" />
  </svg>`

function causes(report: SyncRateReport, options: PageOptions): Html {
  const { delivered } = report.total
  const counts = report.causes.map(({ count }) => count)
  const [share, ...shares] = sharesOf(delivered, counts)
  return html`<section>
    <h2>${both(reportWords.causes)}</h2>
    ${stackedBar(report)}
    <div class="row">
      ${swatch('delivered')}<span>${both(reportWords.delivered)}</span>
      <span class="number">${both(countWords(delivered))}</span
      ><span class="number soft">${both(percentWords(share!))}</span>
    </div>
    ${report.causes.map(({ code, count }, index) => cause(report, options, { code, count, index, share: shares[index]! }))}
    ${report.causes.length === 0 && html`<p>${both(reportWords.noGap)}</p>`}
  </section>`
}

function cause(
  report: SyncRateReport,
  options: PageOptions,
  { code, count, index, share }: { code: string; count: number; index: number; share: number },
): Html {
  const words = causeWords(code)
  const codes = options.samples?.[code] ?? []
  return html`<details class="cause">
    <summary class="row">
      ${swatch(colourOf(index))}<span class="words">${both(words.cause)}</span>
      <span class="number">${both(countWords(count))}</span
      ><span class="number soft">${both(shareWords(share, count))}</span>
    </summary>
    <div class="inside">
      <p><strong>${both({ vi: 'Cần làm', en: 'Next step' })}:</strong> ${both(words.next)} <code>${code}</code></p>
      ${
        codes.length > 0 &&
        html`<ul class="codes">
          ${codes.map((sample) => html`<li><code>${sample}</code></li>`)}
        </ul>`
      }
      <p>
        ${both({ vi: 'Danh sách đầy đủ', en: 'The full list' })}:
        ${linked(listAddress(report, options, { cause: code }), options)}
      </p>
    </div>
  </details>`
}

function linked(path: string, { live }: PageOptions): Html {
  return live === true ? html`<a href="${path}"><code>${path}</code></a>` : html`<code>${path}</code>`
}

const filterOf = { byLevel: 'level', byAgency: 'agency', byProcedure: 'procedure' } as const
type Table = Exclude<Breakdown, 'byMonth'>

function breakdown(report: SyncRateReport, name: Table, options: PageOptions): Html {
  const count = report[name].length
  const all = countWords(count)
  return html`<section>
    <h2>${both(reportWords[name])}</h2>
    ${count > shownRows && html`<input class="switch unfold" type="checkbox" id="all-${name}" />`}
    ${table(report, name, options)}
    ${count > shownRows && html`<label class="all-rows" for="all-${name}">${both({ vi: `Hiện cả ${all.vi} dòng`, en: `Show all ${all.en} rows` })}</label>`}
  </section>`
}

function table(report: SyncRateReport, name: Table, options: PageOptions): Html {
  const number = (words: Words, kind = '') => html`<th scope="col" class="number ${kind}">${both(words)}</th>`
  const label = `${reportWords[name].vi} / ${reportWords[name].en}`
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${label}">
    <table data-sort="${shownRows}">
      <thead>
        <tr>
          <th scope="col">${both(reportWords[name])}</th>
          ${number(reportWords.received)}${number(reportWords.delivered, 'wide')}
          ${number(reportWords.gap)}${number(reportWords.rate)}
          <th scope="col" class="wide">${both(reportWords.mainCause)}</th>
        </tr>
      </thead>
      <tbody>
        ${report[name].map((part, place) => row(report, name, part, { ...options, isRest: place >= shownRows }))}
      </tbody>
    </table>
  </div>`
}

function row(
  report: SyncRateReport,
  name: Table,
  part: Part,
  options: PageOptions & { readonly isRest: boolean },
): Html {
  const gap = part.received - part.delivered
  const number = both(countWords(gap))
  const path = listAddress(report, options, { [filterOf[name]]: part.key, state: 'gap' })
  const [main] = Object.entries(part.causes).sort((a, b) => b[1] - a[1])
  const key = html`<code>${part.key}</code>`
  const mapping =
    name === 'byProcedure' && options.mappingAt !== undefined
      ? html`<a href="${address(options.mappingAt, { code: part.key })}">${key}</a>`
      : key
  const words = both(partWords(name, part))
  const isNarrowed = name === 'byAgency' && options.reportAt !== undefined
  const narrow = isNarrowed
    ? html`<a href="${options.reportAt}${addressOf(report, { agency: part.key })}">${words}</a>`
    : words
  return html`<tr class="${options.isRest && 'rest'}">
    <th scope="row">${narrow}${name !== 'byLevel' && (part.name !== part.key || mapping !== key) && mapping}</th>
    <td class="number">${both(countWords(part.received))}</td>
    <td class="number wide">${both(countWords(part.delivered))}</td>
    <td class="number">${options.live === true && gap > 0 ? html`<a href="${path}">${number}</a>` : number}</td>
    <td class="number rate">${both(percentWords(part.rate))}${miniBar(part.rate)}</td>
    <td class="wide">${main && both(causeWords(main[0]).cause)}</td>
  </tr> `
}
