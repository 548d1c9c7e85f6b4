import { z } from 'zod'
import { faultWords } from '../console/list-words.ts'
import { problemPage, type Console, type Upload, type Visit } from '../console/console.ts'
import { shortListFile } from '../console/downloads.ts'
import type { Page } from '../console/frame.ts'
import { address, html, type Html } from '../console/html.ts'
import { countWords, sayIn, type Language } from '../console/words.ts'
import { vietnamToday } from '../dossiers/model.ts'
import { tableFormat } from '../platform/files.ts'
import { Refusal } from '../platform/problems.ts'
import type { TableProblem } from '../platform/table.ts'
import { confirmPage } from './decision-pages.ts'
import { acceptancesOf, newestDecision } from './decisions.ts'
import { waitsForSomebody } from './local.ts'
import { decidedRows, isUndecided, mappingTable, refusedRows, worksheetTable } from './mapping-list.ts'
import type { ProcedurePageDeps } from './pages.ts'

/** Lists that an office takes away, fills in or edits, and gives back. */

const Format = z.strictObject({ format: tableFormat })

export function addListPages(console: Console, deps: ProcedurePageDeps): void {
  const { sql, advice, localCodes } = deps
  console.file({
    path: 'worksheet',
    right: 'mappings:read',
    allAgencies: true,
    query: Format,
    async give({ language }, { format }) {
      const open = (await localCodes()).filter(waitsForSomebody)
      return shortListFile(`ma-can-xu-ly-${vietnamToday()}`, format, await worksheetTable(advice, open, language))
    },
  })
  console.file({
    path: 'all-mappings',
    right: 'mappings:read',
    allAgencies: true,
    query: Format,
    give: async (_visit, { format }) => shortListFile(`anh-xa-ma-${vietnamToday()}`, format, await mappingTable(sql)),
  })
  console.upload({
    path: 'import',
    right: 'mappings:write',
    allAgencies: true,
    act: (visit, upload) => importPage(visit, deps, upload),
  })
}

/** A file that was given back, as the preview of a decision; or what is wrong with it. */
async function importPage(visit: Visit, deps: ProcedurePageDeps, { name, bytes }: Upload): Promise<Page> {
  const { language } = visit
  const say = sayIn(language)
  // Read first: what is decided while the file is read counts as not seen.
  const seen = await newestDecision(deps.sql)
  const read = await deps.lists.read(bytes)
  if (!read.ok) return faultsPage(language, name, read.problems)
  const wishes = acceptancesOf(decidedRows(read.rows))
  const remark = undecidedWords(language, read.rows.length - wishes.length)
  if (wishes.length === 0) return nothingPage(language, remark)
  const why = say(`Theo tệp ${fileName(name)}`, `By the file ${fileName(name)}`)
  try {
    const wanted = { wishes, why, seen, back: 'mappings' }
    return await confirmPage(visit, deps, remark === null ? wanted : { ...wanted, remark })
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    // What was left blank never came before the ledger.
    const numbers = read.numbers.filter((_, place) => !isUndecided(read.rows[place]!))
    if (error.findings.length > 0) return faultsPage(language, name, refusedRows(error, numbers))
    return withForm(language, problemPage(error, language))
  }
}

const fileName = (name: string) => name.toWellFormed().replaceAll('\u0000', '').slice(0, 200)

function undecidedWords(language: Language, count: number): string | null {
  const { vi, en } = countWords(count)
  const say = sayIn(language)
  if (count === 0) return null
  return say(
    `${vi} dòng để trống mã quốc gia: chưa quyết định, giữ nguyên.`,
    count === 1
      ? '1 row has no national code: undecided, left as it is.'
      : `${en} rows have no national code: undecided, left as they are.`,
  )
}

const withForm = (language: Language, page: Page): Page => ({
  ...page,
  body: html`${page.body}
    <section>${uploadForm(language)}</section>`,
})

const nothingPage = (language: Language, remark: string | null): Page =>
  withForm(language, {
    title: { vi: 'Không có gì để quyết định', en: 'Nothing to decide' },
    body: html`<section class="note"><p>${remark}</p></section>`,
  })

/** More would not help whoever corrects the file. */
const shownFaults = 500

function faultsPage(language: Language, name: string, problems: readonly TableProblem[]): Page {
  const say = sayIn(language)
  const { vi, en } = countWords(problems.length)
  return withForm(language, {
    title: { vi: 'Tệp có lỗi, chưa có gì thay đổi', en: 'The file has faults; nothing was changed' },
    status: 422,
    body: html`<section class="note bad" role="alert">
        <p>
          <strong
            >${say(`${vi} lỗi trong tệp`, problems.length === 1 ? '1 fault in the file' : `${en} faults in the file`)}</strong
          >
          <code>${fileName(name)}</code>
        </p>
        <p>${say('Sửa trong tệp rồi gửi lại cả tệp.', 'Correct the file and send it again as a whole.')}</p>
      </section>
      <section>
        <div class="scroll" tabindex="0">
          <table>
            <thead>
              <tr>
                <th scope="col" class="number">${say('Dòng', 'Row')}</th>
                <th scope="col">${say('Cột', 'Column')}</th>
                <th scope="col">${say('Lỗi', 'What is wrong')}</th>
              </tr>
            </thead>
            <tbody>
              ${problems.slice(0, shownFaults).map((one) => faultRow(language, one))}
            </tbody>
          </table>
        </div>
        ${
          problems.length > shownFaults &&
          html`<p class="soft">${say(`${shownFaults} lỗi đầu`, `The first ${shownFaults}`)}</p>`
        }
      </section>`,
  })
}

const faultRow = (language: Language, { row, column, name, detail }: TableProblem): Html =>
  html`<tr>
    <td class="number">${row}</td>
    <td>${column}${name !== null && html` <code>${name}</code>`}</td>
    <td>${faultWords(detail, language)}</td>
  </tr>`

/** What the list of codes offers: files to take away, and the form that takes them back. */
export function listSection(language: Language, mayDecide: boolean): Html {
  const say = sayIn(language)
  const links = (path: string) =>
    html`<a href="${address(path, { format: 'xlsx' })}" download>Excel</a> ·
      <a href="${address(path, { format: 'csv' })}" download>CSV</a>`
  return html`<section>
    <details>
      <summary>
        ${say('Làm theo danh sách: tải về, điền, gửi lại', 'Work with lists: take away, fill in, give back')}
      </summary>
      <ul class="changes">
        <li>
          ${say('Mã cần xử lý, kèm đề xuất, để cơ quan điền mã quốc gia', 'Codes to do, with proposals, for an office to fill in')}:
          ${links('worksheet')}
        </li>
        <li>
          ${say('Mọi ánh xạ hiện có, để xem hoặc bổ sung', 'All mappings there are, to look through or to add to')}:
          ${links('all-mappings')}
        </li>
      </ul>
      ${mayDecide && uploadForm(language)}
    </details>
  </section>`
}

function uploadForm(language: Language): Html {
  const say = sayIn(language)
  return html`<form method="post" action="import" enctype="multipart/form-data">
    <label
      >${say('Tệp gửi lại (.xlsx hoặc .csv, tối đa 20 MB)', 'The file to give back (.xlsx or .csv, at most 20 MB)')}
      <input type="file" name="file" accept=".xlsx,.csv" required
    /></label>
    <p class="soft">
      ${say(
        'Dòng để trống mã quốc gia được giữ nguyên. Chưa có gì thay đổi trước khi bạn quyết định.',
        'Rows without a national code are left as they are. Nothing is changed before you decide.',
      )}
    </p>
    <p><button class="plain">${say('Xem trước', 'Preview')}</button></p>
  </form>`
}
