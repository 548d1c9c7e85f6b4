import { z } from 'zod'
import { statusNames, type Status } from '../../config/statuses.ts'
import type { Console } from '../console/console.ts'
import { longListFile } from '../console/downloads.ts'
import { chooser } from '../console/forms.ts'
import type { Page } from '../console/frame.ts'
import { address, hiddenInputs, html, type Html } from '../console/html.ts'
import { causeWords, momentWords, sayIn, type Language, type Say } from '../console/words.ts'
import { vietnamToday } from '../dossiers/model.ts'
import { levelNames, type Level } from '../organisations/model.ts'
import { limitOf } from '../platform/auth.ts'
import type { Sql } from '../platform/database.ts'
import { tableFormat } from '../platform/files.ts'
import { blank } from '../platform/http.ts'
import { selection, shownPeriod } from './selection.ts'
import {
  allDossiers,
  dossierCursor,
  isWholeCode,
  listDossiers,
  orders,
  type DossierFilter,
  type DossierLine,
} from './store.ts'
import { causeCodes } from './words.ts'

/** The dossiers behind a number, or those somebody looks for: as a page and as a file. A person sees their own agencies. */

const search = {
  ...selection,
  code: blank(z.string().trim().max(100)),
  cause: blank(z.string().max(50)),
  state: blank(z.enum(['delivered', 'gap'])),
  order: blank(z.enum(orders)),
  source: blank(z.string().max(100)),
  unmapped: blank(z.string().max(500)),
}
const ListQuery = z.strictObject({ ...search, cursor: blank(z.string().regex(dossierCursor)) })
const FileQuery = z.strictObject({ ...search, format: tableFormat })
type Search = Omit<z.output<typeof ListQuery>, 'cursor'>

const perPage = 100

export function addDossierList(console: Console, { sql }: { readonly sql: Sql }): void {
  const place = { right: 'reports:read', allAgencies: false } as const
  console.page({
    path: 'dossiers',
    ...place,
    menu: { vi: 'Hồ sơ', en: 'Dossiers' },
    query: ListQuery,
    async show({ language, person }, { cursor, ...query }) {
      const filter = await filterOf(sql, query, person.agencies)
      const found = await listDossiers(sql, { ...filter, cursor, limit: perPage })
      return listPage(language, query, filter, found)
    },
  })
  console.file({
    path: 'dossiers-file',
    ...place,
    query: FileQuery,
    async give({ language, person, by }, { format, ...query }) {
      const filter = await filterOf(sql, query, person.agencies)
      const name = `ho-so-${vietnamToday()}`
      const detail = { ...query, from: filter.from, to: filter.to, format }
      const taken = { by, name: `${name}.${format}`, detail }
      const rows = rowsOf(language, recorded(sql, taken, allDossiers(sql, filter)))
      const title = sayIn(language)('Hồ sơ', 'Dossiers')
      return longListFile(name, format, { title, headers: headersIn(language), rows })
    },
  })
}

/** A whole code is looked for at any time; everything else within the period, the newest year's where none is named. */
async function filterOf(sql: Sql, query: Search, agencies: readonly string[]) {
  const { code, ...rest } = query
  const limit = limitOf(agencies)
  const whole = code !== undefined && (await isWholeCode(sql, code, limit))
  const period = whole ? { from: undefined, to: undefined } : await shownPeriod(sql, query, limit)
  return { ...rest, ...period, agencies: limit, code: code === undefined ? undefined : { text: code, whole } }
}

type Filter = Omit<DossierFilter, 'limit'>

type Parts<T> = AsyncIterable<readonly T[]>
type Cells = readonly (string | number | Date)[]

interface Taken {
  readonly by: string
  /** Of the file. */
  readonly name: string
  /** The filter. */
  readonly detail: Readonly<Record<string, unknown>>
}

/** Who took which dossiers away, and how many: also when a download breaks off. A file whose record fails is not ended. */
async function* recorded(
  sql: Sql,
  { by, name, detail }: Taken,
  parts: Parts<DossierLine>,
): AsyncGenerator<readonly DossierLine[], void> {
  let rows = 0
  let whole = false
  try {
    for await (const part of parts) {
      yield part
      rows += part.length
    }
    whole = true
  } finally {
    const said = { ...detail, rows, whole }
    await sql`
      insert into audit (actor, action, subject, detail) values (${by}, 'dossiers.exported', ${name}, ${sql.json(said)})`
  }
}

async function* rowsOf(language: Language, parts: Parts<DossierLine>): AsyncGenerator<Cells[], void> {
  for await (const part of parts) yield part.map((line) => cellsOf(language, line))
}

function headersIn(language: Language): string[] {
  const say = sayIn(language)
  return [
    say('Mã hồ sơ', 'Code'),
    say('Mã cơ quan', 'Agency'),
    say('Cơ quan', 'Agency name'),
    say('Cấp', 'Level'),
    say('Thủ tục', 'Procedure'),
    say('Mã quốc gia', 'National code'),
    say('Trạng thái', 'Status'),
    say('Tiếp nhận', 'Received'),
    say('Tình trạng', 'Standing'),
    say('Việc cần làm', 'What to do'),
    say('Mã nguyên nhân', 'Cause'),
    say('Số lần đã thử', 'Attempts'),
  ]
}

const cellsOf = (language: Language, line: DossierLine): Cells => [
  line.code,
  line.agencyCode,
  line.agencyName ?? '',
  levelIn(language, line.level),
  line.procedureCode,
  line.nationalCode ?? '',
  line.status === null ? line.sourceStatus : (statusNames[line.status as Status]?.[language] ?? line.status),
  new Date(line.receivedAt),
  standingIn(language, line.cause),
  line.cause === null ? '' : causeWords(line.cause).next[language],
  line.cause ?? '',
  line.attempts,
]

const levelIn = (language: Language, level: string | null): string =>
  level === null ? '' : (levelNames[level as Level]?.[language] ?? level)

const standingIn = (language: Language, cause: string | null): string =>
  cause === null ? sayIn(language)('Đã đồng bộ', 'In step') : causeWords(cause).cause[language]

interface Found {
  readonly dossiers: readonly DossierLine[]
  readonly next: string | null
}

function listPage(language: Language, query: Search, filter: Filter, { dossiers, next }: Found): Page {
  const say = sayIn(language)
  const { cause } = query
  return {
    title: { vi: 'Hồ sơ', en: 'Dossiers' },
    body: html`${searchForm(language, query, filter)} ${originNote(say, query)}
      ${
        cause !== undefined &&
        html`<section class="note">
          <p><strong>${causeWords(cause).cause[language]}</strong></p>
          <p>${causeWords(cause).next[language]}</p>
        </section>`
      }
      <section>
        ${dossiers.length === 0 ? html`<p>${say('Không có hồ sơ nào.', 'There are none.')}</p>` : dossierTable(say, language, dossiers)}
      </section>
      ${
        dossiers.length > 0 &&
        html`<p class="pager">
          ${next !== null && html`<a href="${address('dossiers', { ...query, cursor: next })}" rel="next">${say('Trang sau', 'Next')}</a>`}
          <span>${say('Tải tất cả:', 'Download all:')}</span>
          ${(['xlsx', 'csv'] as const).map((format) => html`<a href="${address('dossiers-file', { ...query, format })}">${format === 'csv' ? 'CSV' : 'Excel'}</a>`)}
        </p>`
      }`,
  }
}

/** What no field of the form shows. */
function originNote(say: Say, { source, unmapped }: Search): Html | false {
  if (source === undefined && unmapped === undefined) return false
  return html`<section class="note">
    <p>
      ${source !== undefined && html`${say('Nguồn', 'Source')} <code>${source}</code>`}
      ${unmapped !== undefined && html`· ${say('trạng thái chưa ánh xạ khi gửi tới', 'a status word that was not mapped when it came')} <code>${unmapped}</code>`}
    </p>
  </section>`
}

function searchForm(language: Language, query: Search, { from, to }: Filter): Html {
  const say = sayIn(language)
  const field = (name: 'code' | 'agency' | 'procedure', label: string) =>
    html`<label>${label}<input name="${name}" value="${query[name]}" maxlength="100" /></label>`
  const day = (name: string, value: string | undefined, label: string) =>
    html`<label>${label}<input type="date" name="${name}" value="${value}" /></label>`
  const states = { delivered: say('Đã đồng bộ', 'In step'), gap: say('Chưa đồng bộ', 'Not in step') }
  const causes = [...new Set([...causeCodes, ...(query.cause === undefined ? [] : [query.cause])])]
  return html`<section>
    <form method="get" action="dossiers">
      ${hiddenInputs({ level: query.level, source: query.source, unmapped: query.unmapped })}
      <div class="fields">
        ${field('code', say('Mã hồ sơ, hoặc phần đầu', 'Code, or how it begins'))}
        ${field('agency', say('Mã cơ quan', 'Agency code'))} ${field('procedure', say('Mã thủ tục', 'Procedure code'))}
        ${chooser('state', say('Tình trạng', 'Standing'), query.state, Object.entries(states))}
        ${chooser(
          'cause',
          say('Nguyên nhân', 'Cause'),
          query.cause,
          causes.map((code) => [code, causeWords(code).cause[language]]),
        )}
        ${chooser('order', say('Thứ tự', 'Order'), query.order, [
          ['oldest', say('Tiếp nhận trước', 'Oldest first')],
          ['newest', say('Tiếp nhận sau', 'Newest first')],
        ])}
        ${day('from', from, say('Tiếp nhận từ ngày', 'Received from'))} ${day('to', to, say('Trước ngày', 'Before'))}
      </div>
      <p class="actions"><button>${say('Tìm', 'Find')}</button> <a href="dossiers">${say('Bỏ lọc', 'Clear')}</a></p>
    </form>
  </section>`
}

function dossierTable(say: Say, language: Language, dossiers: readonly DossierLine[]): Html {
  const head = (text: string, kind = '') => html`<th scope="col" class="${kind}">${text}</th>`
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${say('Hồ sơ', 'Dossiers')}">
    <table>
      <thead>
        <tr>
          ${head(say('Hồ sơ', 'Dossier'))}${head(say('Cơ quan', 'Agency'))}${head(say('Thủ tục', 'Procedure'))}
          ${head(say('Tiếp nhận', 'Received'), 'wide')}${head(say('Tình trạng', 'Standing'))}
        </tr>
      </thead>
      <tbody>
        ${dossiers.map(
          (one) =>
            html`<tr>
              <th scope="row">
                <a href="${address('dossier', { code: one.code })}"><code>${one.code}</code></a>
              </th>
              <td>
                ${one.agencyName ?? one.agencyCode}
                ${one.level !== null && html`<div class="soft">${levelIn(language, one.level)}</div>`}
              </td>
              <td>
                <code>${one.procedureCode}</code>
                ${one.nationalCode !== null && html`→ <code>${one.nationalCode}</code>`}
              </td>
              <td class="wide">${momentWords(one.receivedAt)}</td>
              <td>${standingIn(language, one.cause)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}
