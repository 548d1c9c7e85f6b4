import { z } from 'zod'
import { isStatus } from '../dossiers/model.ts'
import { statusNames } from '../../config/statuses.ts'
import type { Console, Visit } from '../console/console.ts'
import { longListFile } from '../console/downloads.ts'
import { chooser } from '../console/forms.ts'
import type { Page } from '../console/frame.ts'
import { address, html, type Html } from '../console/html.ts'
import { table } from '../console/parts.ts'
import { countWords, dayWords, momentWords, sayIn, type Language, type Say } from '../console/words.ts'
import type { Sql } from '../platform/database.ts'
import { tableFormat } from '../platform/files.ts'
import { blank } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import { kindWords } from './discrepancy-words.ts'
import { registerKinds, type RegisterDifference } from './register-compare.ts'
import { registerFields } from './register-row.ts'
import { nextStepWords, registerFieldWords, registerKindWords, unclearWords } from './register-words.ts'
import { allRegisterFindings, listRegisterFindings, type RegisterFinding } from './registers.ts'
import { readRun, type RegisterCount, type Run } from './runs.ts'

const kind = blank(z.enum(registerKinds).exclude(['equal']))
const field = blank(z.enum(registerFields))
const outcome = blank(z.enum(['different', 'unclear']))
const chosen = { run: z.coerce.number().int().min(1), kind, field, outcome }

const perPage = 100

/** The rows behind the numbers of a register: as a page and as a file for the one-stop system's people. */
export function addRegisterPages(console: Console, { sql }: { readonly sql: Sql }): void {
  const place = { right: 'reports:read', allAgencies: true } as const
  console.page({
    path: 'register-rows',
    ...place,
    query: z.strictObject({ ...chosen, cursor: blank(z.string().max(100)) }),
    async show(visit, { run: runId, cursor, ...filter }) {
      const run = await runWithRegister(sql, runId)
      const found = await listRegisterFindings(sql, { runId, ...filter, cursor, limit: perPage })
      return rowsPage(visit, { run, filter, ...found })
    },
  })
  console.file({
    path: 'register-file',
    ...place,
    query: z.strictObject({ ...chosen, format: tableFormat }),
    async give({ language }, { run: runId, format, ...filter }) {
      await runWithRegister(sql, runId)
      const rows = linesOf(language, allRegisterFindings(sql, { runId, ...filter }))
      const title = sayIn(language)('Sổ của tỉnh', 'Register')
      return longListFile(`so-tinh-${runId}`, format, { title, headers: headersIn(language), rows })
    },
  })
}

async function runWithRegister(sql: Sql, id: number): Promise<Run> {
  const run = await readRun(sql, id)
  if (!run?.register) throw new Refusal('not-found', `There is no reconciliation run ${id} with a register`)
  return run
}

interface Filter {
  readonly kind?: RegisterFinding['kind'] | undefined
  readonly field?: string | undefined
  readonly outcome?: 'different' | 'unclear' | undefined
}

interface Rows {
  readonly run: Run
  readonly filter: Filter
  readonly rows: readonly RegisterFinding[]
  readonly next: string | null
}

function rowsPage({ language, person }: Visit, { run, filter, rows, next }: Rows): Page {
  const say = sayIn(language)
  const query = { ...filter, run: String(run.id) }
  const shown = filter.kind === undefined ? null : registerKindWords[filter.kind]
  const mayMap = person.rights.includes('mappings:read')
  return {
    title: shown ?? { vi: 'Sổ của tỉnh và ở đây', en: "The province's register and the ledger" },
    body: html`<p class="path"><a href="run?id=${run.id}">${say('Lần đối soát', 'Run')} ${run.id}</a></p>
      ${filterForm(say, language, { run, filter })}
      ${filter.kind !== undefined && html`<section class="note"><p>${nextStepWords[filter.kind][language]}</p></section>`}
      <p class="soft">
        ${say('Lưu thành tệp', 'Keep it as a file')}:
        <a href="${address('register-file', { ...query, format: 'xlsx' })}">Excel</a>,
        <a href="${address('register-file', { ...query, format: 'csv' })}">CSV</a>
      </p>
      ${rows.length === 0 ? html`<section><p>${say('Không có.', 'There are none.')}</p></section>` : rowsTable(language, rows, mayMap)}
      ${next !== null && html`<p class="pager"><a href="${address('register-rows', { ...query, cursor: next })}" rel="next">${say('Trang sau', 'Next')}</a></p>`}`,
  }
}

function filterForm(say: Say, language: Language, { run, filter }: Pick<Rows, 'run' | 'filter'>): Html {
  const kinds = registerKinds.filter((one) => one !== 'equal')
  return html`<section>
    <form method="get" action="register-rows">
      <input type="hidden" name="run" value="${run.id}" />
      <div class="fields">
        ${chooser(
          'kind',
          say('Loại', 'Kind'),
          filter.kind,
          kinds.map((one) => [one, registerKindWords[one][language]]),
        )}
        ${chooser(
          'field',
          say('Trường', 'Field'),
          filter.field,
          registerFields.map((one) => [one, registerFieldWords(one)[language]]),
        )}
        ${chooser('outcome', say('So được không', 'Compared'), filter.outcome, [
          ['different', say('Khác', 'Different')],
          ['unclear', say('Không so được', 'Not compared')],
        ])}
      </div>
      <p class="actions">
        <button>${say('Lọc', 'Filter')}</button> <a href="register-rows?run=${run.id}">${say('Bỏ lọc', 'Clear')}</a>
      </p>
    </form>
  </section>`
}

function rowsTable(language: Language, rows: readonly RegisterFinding[], mayMap: boolean): Html {
  const say = sayIn(language)
  const heads = [
    say('Hồ sơ', 'Dossier'),
    say('Trường', 'Field'),
    say('Ở đây', 'Here'),
    say('Trong sổ', 'In the register'),
  ]
  return table(
    say('Các dòng', 'Rows'),
    heads,
    rows.flatMap((one) => fieldRows(language, one, mayMap)),
  )
}

/** A row for each field; the first one names the dossier. */
function fieldRows(language: Language, one: RegisterFinding, mayMap: boolean): (Html | string)[][] {
  const say = sayIn(language)
  const isHere = one.kind !== 'not-in-ledger'
  const presence = (there: boolean) => (there ? say('có', 'there') : say('không có', 'not there'))
  const name = findingName(language, one, isHere)
  if (one.fields.length === 0)
    return [[name, say('Có hồ sơ', 'Dossier'), presence(isHere), presence(one.kind !== 'not-in-register')]]
  return one.fields.map(({ field, here, there, why }, place) => [
    place === 0 ? name : '',
    html`${registerFieldWords(field)[language]}${why !== undefined && html`<div class="soft">${unclearWords[why][language]}</div>`}`,
    field === 'procedure' && mayMap
      ? html`<a href="${address('mapping', { code: here })}">${here}</a>`
      : valueIn(field, here, language),
    valueIn(field, there, language),
  ])
}

function findingName(language: Language, one: RegisterFinding, isHere: boolean): Html {
  const code = html`<code>${one.code}</code>`
  return html`${isHere ? html`<a href="${address('dossier', { code: one.code })}">${code}</a>` : code}
    <span class="soft"
      >${registerKindWords[one.kind][language]}${one.agencyName !== null && ` · ${one.agencyName}`}</span
    >`
}

/** Days and times as they are read in Vietnam, our own statuses by their names. */
function valueIn(field: RegisterDifference['field'], value: string, language: Language): string {
  if (field === 'status' && isStatus(value)) return statusNames[value][language]
  if (field !== 'receivedAt') return value
  return value
    .split(' / ')
    .map((one) => (one.includes('T') ? momentWords(one) : dayWords(one)))
    .join(' / ')
}

function headersIn(language: Language): string[] {
  const say = sayIn(language)
  return [
    say('Mã hồ sơ', 'Code'),
    say('Loại', 'Kind'),
    say('Mã cơ quan', 'Agency'),
    say('Cơ quan', 'Agency name'),
    say('Trường', 'Field'),
    say('Ở đây', 'Here'),
    say('Trong sổ', 'In the register'),
    say('Lý do', 'Reason'),
  ]
}

/** A line for each field, so that a spreadsheet can filter by it. */
function cellsOf(language: Language, { code, kind, agencyCode, agencyName, fields }: RegisterFinding): string[][] {
  const about = [code, registerKindWords[kind][language], agencyCode ?? '', agencyName ?? '']
  if (fields.length === 0) return [[...about, '', '', '', '']]
  return fields.map(({ field, here, there, why }) => [
    ...about,
    registerFieldWords(field)[language],
    valueIn(field, here, language),
    valueIn(field, there, language),
    why === undefined ? '' : unclearWords[why][language],
  ])
}

async function* linesOf(
  language: Language,
  parts: AsyncIterable<readonly RegisterFinding[]>,
): AsyncGenerator<string[][]> {
  for await (const part of parts) yield part.flatMap((one) => cellsOf(language, one))
}

/** Register, ledger and portal beside each other; every part opens to its rows, and each column says of how many it speaks. */
export function threeSides(language: Language, run: Run, register: RegisterCount): Html {
  const say = sayIn(language)
  return html`<section>
    <h2>${say('Ba bên: sổ của tỉnh, ở đây, Cổng', 'Three sides: register, ledger, portal')}</h2>
    ${register.given && givenWords(say, register.given)}
    <div class="scroll" tabindex="0" role="region" aria-label="${say('Ba bên', 'Three sides')}">
      <table>
        <thead>
          <tr>
            <td></td>
            <th scope="col" class="number">${say('Sổ của tỉnh', 'Register')}</th>
            <th scope="col" class="number">${say('Ở đây', 'Ledger')}</th>
            <th scope="col" class="number">${say('Cổng', 'Portal')}</th>
          </tr>
        </thead>
        <tbody>
          ${sidesOf(language, run, register).map(
            ([name, ...cells]) =>
              html`<tr>
                <th scope="row">${name}</th>
                ${cells.map((cell) => html`<td class="number">${cell}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${register.counts && sumAndNext(language, run, { total: register.total, counts: register.counts })}
    ${Object.keys(register.fields).length > 0 && fieldsTable(language, run, register)}
  </section>`
}

/** That the parts are the whole, and what is to be done about each of them. */
function sumAndNext(
  language: Language,
  run: Run,
  { total, counts }: { readonly total: number; readonly counts: NonNullable<RegisterCount['counts']> },
): Html {
  const say = sayIn(language)
  const seen = countWords(Object.values(run.counts).reduce((sum, count) => sum + count, 0))
  const all = countWords(total)
  const todo = registerKinds.flatMap((kind) => (kind !== 'equal' && counts[kind] > 0 ? [kind] : []))
  return html`<p class="soft">
      ${say(
        `Sổ: khớp + khác + ở đây không có + chưa rõ = ${all.vi}. Cổng: mọi dòng cộng lại = ${seen.vi}.`,
        `Register: equal + different + not in the ledger + unknown = ${all.en}. Portal: all rows together = ${seen.en}.`,
      )}
    </p>
    ${
      todo.length > 0 &&
      html`<h3>${say('Việc cần làm', 'What to do')}</h3>
        <ul>
          ${todo.map((kind) => html`<li><strong>${registerKindWords[kind][language]}</strong>: ${nextStepWords[kind][language]}</li>`)}
        </ul>`
    }`
}

function givenWords(say: Say, { name, hash, rows, asOf, source, complete }: NonNullable<RegisterCount['given']>): Html {
  const count = countWords(rows)
  return html`<p class="soft">
    ${name}, ${say(`${count.vi} dòng`, `${count.en} rows`)} ·
    ${say(`nói về lúc ${momentWords(asOf)}`, `as of ${momentWords(asOf)}`)}
    ${source !== null && html` · ${say('hệ thống', 'system')} ${source}`} ·
    ${complete ? say('có đủ mọi hồ sơ trong phạm vi', 'has every dossier in its scope') : say('không nói là đủ', 'not said to be whole')}
    ${hash !== null && html` · <span title="SHA-256">${hash.slice(0, 12)}</span>`}
  </p>`
}

type Side = readonly [name: string, register: Html | string, ledger: Html | string, portal: Html | string]

function sidesOf(language: Language, run: Run, register: RegisterCount): Side[] {
  const say = sayIn(language)
  const number = (count: number) => countWords(count)[language]
  const { counts } = run
  const inRegister = (kind: RegisterFinding['kind'], count: number) =>
    html`<a href="${address('register-rows', { run: String(run.id), kind })}">${number(count)}</a>`
  const atPortal = (kind: 'different' | 'missing-here' | 'missing-there' | 'unknown') =>
    html`<a href="run?id=${run.id}&kind=${kind}">${number(counts[kind])}</a>`
  const seen = Object.values(counts).reduce((sum, count) => sum + count, 0)
  const parts = register.counts
  const none = '–'
  return [
    [
      say('Số hồ sơ', 'Dossiers'),
      number(register.total),
      number(register.given?.inLedger ?? register.held + (register.unregistered ?? 0)),
      lookedWords(say, run, { seen, number }),
    ],
    [say('Khớp với ở đây', 'Equal to the ledger'), parts ? number(parts.equal) : none, none, number(counts.equal)],
    [
      kindWords.different[language],
      parts ? inRegister('different', parts.different) : none,
      none,
      atPortal('different'),
    ],
    [
      say('Ở đây không có', 'Not in the ledger'),
      parts ? inRegister('not-in-ledger', parts['not-in-ledger']) : number(register.missing),
      none,
      atPortal('missing-here'),
    ],
    [say('Chưa rõ', 'Unknown'), parts ? inRegister('unknown', parts.unknown) : none, none, atPortal('unknown')],
    [
      say('Ở đây có, bên đó không', 'In the ledger, not there'),
      register.unregistered === null
        ? say('không kết luận', 'not concluded')
        : parts
          ? inRegister('not-in-register', register.unregistered)
          : number(register.unregistered),
      none,
      atPortal('missing-there'),
    ],
  ]
}

/** How many were looked at, and how many were not: a sample, or a run that goes on. */
function lookedWords(
  say: Say,
  run: Run,
  { seen, number }: { readonly seen: number; readonly number: (count: number) => string },
): Html {
  const scope = (run.register?.given?.inLedger ?? 0) + (run.register?.missing ?? 0)
  const left = Math.max(0, (run.sampled ? Math.max(scope, run.total) : run.total) - seen)
  return html`${say(`đã xem ${number(seen)}`, `${number(seen)} looked at`)}${
    left > 0 && html`<div class="soft">${say(`chưa xem ${number(left)}`, `${number(left)} not looked at`)}</div>`
  }`
}

function fieldsTable(language: Language, run: Run, { fields }: RegisterCount): Html {
  const say = sayIn(language)
  const title = say('Theo trường', 'By field')
  const heads = [
    say('Trường của sổ', 'Field of the register'),
    { number: say('Khớp', 'Equal') },
    { number: say('Khác', 'Different') },
    { number: say('Không so được', 'Not compared') },
  ]
  const rows = registerFields
    .filter((field) => Object.hasOwn(fields, field))
    .map((field) => {
      const { equal, different, unclear } = fields[field]!
      const open = (outcome: 'different' | 'unclear', count: number) =>
        html`<a href="${address('register-rows', { run: String(run.id), field, outcome })}"
          >${countWords(count)[language]}</a
        >`
      return [
        registerFieldWords(field)[language],
        countWords(equal)[language],
        open('different', different),
        open('unclear', unclear),
      ]
    })
  return html`<h3>${title}</h3>
    ${table(title, heads, rows)}`
}
