import { z } from 'zod'
import type { Console, Visit } from '../console/console.ts'
import { longListFile } from '../console/downloads.ts'
import { chooser } from '../console/forms.ts'
import type { Page } from '../console/frame.ts'
import { address, html, type Html } from '../console/html.ts'
import { secondWords, sayIn, type Language } from '../console/words.ts'
import { vietnamToday } from '../dossiers/model.ts'
import type { Sql } from '../platform/database.ts'
import { blank } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import { allAudit, auditCursor, detailWords, listAudit, type AuditLine } from './audit.ts'
import { code, inOnePiece, section, table } from '../console/parts.ts'
import { tabLinks } from './settings-page.ts'
import { actionWords } from './words.ts'

const search = {
  actor: blank(z.string().trim().max(100)),
  action: blank(z.string().max(60)),
  from: blank(z.iso.date()),
  to: blank(z.iso.date()),
}
const Query = z.strictObject({ ...search, cursor: blank(z.string().regex(auditCursor)) })
const FileQuery = z.strictObject(search)
type Search = z.output<typeof FileQuery>

const perPage = 100

/** Who did what and when, for whoever may read about everybody's acts. */
export function addAuditPage(console: Console, { sql }: { readonly sql: Sql }): void {
  const place = { right: 'audit:read', allAgencies: true } as const
  console.page({
    path: 'audit-log',
    ...place,
    menu: { vi: 'Nhật ký', en: 'Audit log' },
    menuWithout: 'settings:read',
    query: Query,
    async show(visit, { cursor, ...query }) {
      return auditPage(visit, query, await listAudit(sql, { ...inOrder(query), cursor }, perPage))
    },
  })
  console.file({
    path: 'audit-log-file',
    ...place,
    query: FileQuery,
    async give({ language }, query) {
      const rows = async function* () {
        for await (const part of allAudit(sql, inOrder(query))) yield part.map((line) => cellsOf(language, line))
      }
      const title = sayIn(language)('Nhật ký thao tác', 'Audit log')
      return longListFile(`nhat-ky-${vietnamToday()}`, 'csv', { title, headers: headersIn(language), rows: rows() })
    },
  })
}

function inOrder(query: Search): Search {
  if (query.from !== undefined && query.to !== undefined && query.from >= query.to)
    throw new Refusal('invalid-field', 'from must be earlier than to', { field: 'from' })
  return query
}

function auditPage(visit: Visit, query: Search, found: Awaited<ReturnType<typeof listAudit>>): Page {
  const { language } = visit
  const say = sayIn(language)
  const title = say('Thao tác', 'Acts')
  return {
    title: { vi: 'Nhật ký thao tác', en: 'Audit log' },
    body: html`${tabLinks(visit, 'audit')} ${searchForm(language, query)}
    ${section(
      title,
      found.lines.length === 0
        ? html`<p>${say('Không có thao tác nào.', 'There are none.')}</p>`
        : table(
            title,
            [
              say('Lúc', 'When'),
              say('Người làm', 'By'),
              say('Việc', 'Act'),
              say('Đối tượng', 'Subject'),
              say('Chi tiết', 'Detail'),
            ],
            found.lines.map((line) => rowOf(visit, line)),
          ),
      html`<p class="soft">
        ${say(
          'Chi tiết nào không nằm trong danh sách cho phép thì hiện là •••.',
          'What is not on the list of fields that may be read is shown as •••.',
        )}
      </p>`,
    )}
    ${
      found.lines.length > 0 &&
      html`<p class="pager">
        ${found.next !== null && html`<a href="${address('audit-log', { ...query, cursor: found.next })}" rel="next">${say('Cũ hơn', 'Older')}</a>`}
        <a href="${address('audit-log-file', query)}">${say('Tải tất cả (CSV)', 'Download all (CSV)')}</a>
      </p>`
    }`,
  }
}

function searchForm(language: Language, query: Search): Html {
  const say = sayIn(language)
  const { action } = query
  const known = Object.keys(actionWords)
  const actions = action === undefined || known.includes(action) ? known : [...known, action]
  const day = (name: 'from' | 'to', label: string) =>
    html`<label>${label}<input type="date" name="${name}" value="${query[name]}" /></label>`
  return html`<section>
    <form method="get" action="audit-log">
      <div class="fields">
        <label
          >${say('Người làm (tên hoặc mã khóa)', 'By (name, or id of the key)')}<input
            name="actor"
            value="${query.actor}"
            maxlength="100"
        /></label>
        ${chooser(
          'action',
          say('Việc', 'Act'),
          action,
          actions.map((one) => [one, nameOf(language, one)] as const),
        )}
        ${day('from', say('Từ ngày', 'From'))} ${day('to', say('Trước ngày', 'Before'))}
      </div>
      <p class="actions"><button>${say('Tìm', 'Find')}</button> <a href="audit-log">${say('Bỏ lọc', 'Clear')}</a></p>
    </form>
  </section>`
}

const nameOf = (language: Language, action: string) => actionWords[action]?.[language] ?? action

function rowOf({ language, person }: Visit, line: AuditLine): (Html | string)[] {
  const { action, actor, name, subject } = line
  const opens = action === 'personal-data.read' && person.rights.includes('reports:read')
  return [
    html`<span class="time">${secondWords(line.at.toISOString())}</span>`,
    name === null
      ? code(actor)
      : html`${name}
          <div class="soft">${inOnePiece(actor)}</div>`,
    html`${nameOf(language, action)}
      <div class="soft">${inOnePiece(action)}</div>`,
    opens ? html`<a href="${address('dossier', { code: subject })}"><code>${subject}</code></a>` : code(subject),
    html`${detailWords(line.detail).map((words) => html`<div>${words}</div>`)}`,
  ]
}

function headersIn(language: Language): string[] {
  const say = sayIn(language)
  return [
    say('Lúc', 'When'),
    say('Người làm', 'By'),
    say('Tên', 'Name'),
    say('Mã việc', 'Act'),
    say('Việc', 'In words'),
    say('Đối tượng', 'Subject'),
    say('Chi tiết', 'Detail'),
  ]
}

const cellsOf = (language: Language, line: AuditLine): string[] => [
  secondWords(line.at.toISOString()),
  line.actor,
  line.name ?? '',
  line.action,
  nameOf(language, line.action),
  line.subject,
  detailWords(line.detail).join('\n'),
]
