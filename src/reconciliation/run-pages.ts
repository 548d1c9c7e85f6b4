import { z } from 'zod'
import type { Console, Visit } from '../console/console.ts'
import type { Page } from '../console/frame.ts'
import { html, progressBar, type Html } from '../console/html.ts'
import { table } from '../console/parts.ts'
import { faultWords } from '../console/list-words.ts'
import {
  countWords,
  dayWords,
  momentWords,
  percentWords,
  sayIn,
  type Language,
  type Say,
  type Words,
} from '../console/words.ts'
import type { Sql } from '../platform/database.ts'
import { given } from '../platform/given.ts'
import { blank } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import type { TableProblem } from '../platform/table.ts'
import { findingKinds, type FindingKind } from './agreement.ts'
import { sumDiscrepancies, type DiscrepancySum } from './discrepancies.ts'
import { dossierLink, fieldWords, kindWords, openSums, valueWords } from './discrepancy-words.ts'
import { startRegisterRun, startRun } from './reconcile.ts'
import { threeSides } from './register-pages.ts'
import { RegisterFaults, rowsOfFile, type ReadColumns } from './register-reading.ts'
import { momentOf } from './register-row.ts'
import {
  listFindings,
  listRuns,
  readRun,
  type FindingRow,
  type RegisterCount,
  type Run,
  type RunScope,
} from './runs.ts'

export interface RunPageDeps {
  readonly sql: Sql
  /** Whether the portal can be asked what it holds. */
  readonly canCompare: boolean
  readonly readColumns: ReadColumns
}

/** Runs of reconciliation: begun here, watched while they run, and what each of them found. */
export function addRunPages(console: Console, { sql, canCompare, readColumns }: RunPageDeps): void {
  const place = { right: 'reports:read', allAgencies: true } as const
  console.page({
    path: 'runs',
    ...place,
    menu: { vi: 'Đối soát', en: 'Reconciliation' },
    query: z.strictObject({}),
    async show(visit) {
      return runsPage(visit, { runs: await listRuns(sql, shownRuns), sums: await sumDiscrepancies(sql), canCompare })
    },
  })
  console.page({
    path: 'run',
    ...place,
    query: z.strictObject({ id: z.coerce.number().int().min(1), kind: blank(z.enum(findingKinds)) }),
    async show({ language }, { id, kind }) {
      const run = await readRun(sql, id)
      if (!run) throw new Refusal('not-found', `There is no reconciliation run ${id}`)
      const { findings, next } = await listFindings(sql, { runId: id, kind, limit: shownFindings })
      return runPage(language, { run, findings, more: next !== null, kind })
    },
  })
  console.upload({
    path: 'compare-register',
    right: 'deliveries:resend',
    allAgencies: true,
    async act({ by, language }, { name, bytes, fields }) {
      if (!canCompare) throw new Refusal('no-look-up', 'The dialect of the portal has no look-up service')
      const said = saidOf(fields)
      try {
        const file = rowsOfFile(bytes, readColumns)
        const wish = { askedBy: by, served: true, ...said, given: { ...said.given, name } }
        return { to: `run?id=${await startRegisterRun(sql, { ...wish, ...file })}` }
      } catch (error) {
        if (error instanceof RegisterFaults) return registerFaults(language, error.problems)
        throw error
      }
    },
  })
  console.act({
    path: 'start-run',
    right: 'deliveries:resend',
    allAgencies: true,
    form: StartForm,
    async act({ by }, form) {
      if (!canCompare) throw new Refusal('no-look-up', 'The dialect of the portal has no look-up service')
      return { to: `run?id=${await startRun(sql, { askedBy: by, scope: scopeOf(form), served: true })}` }
    },
  })
}

const shownRuns = 50
const shownFindings = 200
/** Seconds between two looks at a run that goes on. */
const refresh = 3

const RegisterForm = z.object({
  asOf: blank(z.string().max(50)),
  source: blank(z.string().trim().max(50)),
  agency: blank(z.string().trim().max(50)),
  from: blank(z.iso.date()),
  to: blank(z.iso.date()),
  complete: z.string().optional(),
})

/** What a person says of a register beside its rows. */
function saidOf(fields: Readonly<Record<string, string>>) {
  const said = RegisterForm.safeParse(fields)
  if (!said.success)
    throw new Refusal('invalid-field', 'A day is not valid', { field: String(said.error.issues[0]?.path[0]) })
  const { asOf, source, complete, ...period } = said.data
  const moment = asOf === undefined ? undefined : momentOf(asOf)
  if (moment === null) throw new Refusal('invalid-field', 'asOf must be a day and a time', { field: 'asOf' })
  return { scope: scopeIn(period), given: { asOf: moment, source, complete: complete !== undefined } }
}

function registerFaults(language: Language, problems: readonly TableProblem[]): Page {
  const say = sayIn(language)
  return {
    title: { vi: 'Tệp có lỗi, chưa chạy', en: 'The file has faults; nothing was begun' },
    status: 422,
    body: html`<section class="note bad" role="alert">
        <ul class="changes">
          ${problems.slice(0, shownFindings).map(({ row, column, name, detail }) => html`<li>${say('Dòng', 'Row')} ${row}${(column ?? name) !== null && html` · ${say('cột', 'column')} ${column ?? name}`}: ${faultWords(detail, language)}</li>`)}
        </ul>
      </section>
      <p><a href="runs">${say('Quay lại', 'Back')}</a></p>`,
  }
}

const StartForm = z.object({
  share: z.coerce.number().min(0.1).max(100),
  from: blank(z.iso.date()),
  to: blank(z.iso.date()),
  agency: blank(z.string().max(50)),
})

const scopeOf = ({ share, ...period }: z.output<typeof StartForm>): RunScope => ({
  ...(share < 100 && { sample: share / 100 }),
  ...scopeIn(period),
})

const scopeIn = ({ from, to, agency }: Omit<z.output<typeof StartForm>, 'share'>): RunScope =>
  given({ from, to, agency })

interface Shown {
  readonly runs: readonly Run[]
  readonly sums: readonly DiscrepancySum[]
  readonly canCompare: boolean
}

function runsPage({ language, person }: Visit, { runs, sums, canCompare }: Shown): Page {
  const say = sayIn(language)
  const mayStart = canCompare && person.rights.includes('deliveries:resend')
  return {
    title: { vi: 'Đối soát với Cổng', en: 'Reconciliation with the portal' },
    body: html`<section>
        <h2>${say('Sai lệch chưa xong', 'Discrepancies that are open')}</h2>
        ${openSums(language, sums)}
      </section>
      ${!canCompare && html`<section class="note"><p>${say('Cổng (theo phương ngữ đã đặt) không có dịch vụ tra cứu nên không đối soát được.', 'The portal, by its dialect, has no look-up: nothing can be compared.')}</p></section>`}
      ${mayStart && startForm(say)}
      <section>
        <h2>${say('Các lần chạy', 'Runs')}</h2>
        ${
          runs.length === 0
            ? html`<p>${say('Chưa chạy lần nào.', 'There was none yet.')}</p>`
            : html`<div class="scroll" tabindex="0" role="region" aria-label="${say('Các lần chạy', 'Runs')}">
                <table>
                  <thead>
                    <tr>
                      <th scope="col">${say('Bắt đầu', 'Began')}</th>
                      <th scope="col">${say('Phạm vi', 'Scope')}</th>
                      <th scope="col" class="number">${say('Đã xem', 'Looked at')}</th>
                      <th scope="col" class="number">${say('Khớp', 'Agree')}</th>
                      <th scope="col" class="number">${say('Sai lệch', 'Disagree')}</th>
                    </tr>
                  </thead>
                  <tbody>
                    ${runs.map((run) => runRow(language, run))}
                  </tbody>
                </table>
              </div>`
        }
      </section>`,
  }
}

function startForm(say: Say): Html {
  return html`<section>
    <details>
      <summary>${say('Chạy đối soát ngay', 'Run one now')}</summary>
      <form method="post" action="start-run">
        <div class="fields">
          <label
            >${say('Tỷ lệ hồ sơ xem (%)', 'Share of the dossiers (%)')}
            <input type="number" name="share" value="100" min="0.1" max="100" step="0.1" required
          /></label>
          <label>${say('Tiếp nhận từ', 'Received from')} <input type="date" name="from" /></label>
          <label>${say('Trước ngày', 'Before')} <input type="date" name="to" /></label>
          <label>${say('Mã cơ quan', 'Agency code')} <input name="agency" maxlength="50" /></label>
        </div>
        <p class="actions"><button>${say('Bắt đầu', 'Begin')}</button></p>
        <p class="soft">
          ${say(
            'Chạy xen vào lúc rảnh của Cổng, không cản hồ sơ mới; dừng máy giữa chừng thì tự chạy tiếp.',
            'It runs in the gaps of normal traffic, and goes on by itself after a stop.',
          )}
        </p>
      </form>
      ${registerForm(say)}
    </details>
  </section>`
}

function registerForm(say: Say): Html {
  return html`<h3>${say('Với sổ theo dõi của tỉnh', "With the province's own register")}</h3>
    <form method="post" action="compare-register" enctype="multipart/form-data">
      <p class="soft">
        ${say(
          'Cột: mã hồ sơ; nếu có thì so thêm cơ quan, thủ tục, trạng thái, ngày tiếp nhận, số bước. Cột khác không đọc.',
          'Columns: code; where they are there also agency, procedure, status, received_at, steps. No other column is read.',
        )}
      </p>
      <div class="fields">
        <label
          >${say('Sổ nói về lúc (để trống: bây giờ)', 'The moment it speaks of (blank: now)')}
          <input type="datetime-local" name="asOf"
        /></label>
        <label>${say('Hệ thống một cửa', 'One-stop system')} <input name="source" maxlength="50" /></label>
        <label>${say('Chỉ của cơ quan', 'Of this agency alone')} <input name="agency" maxlength="50" /></label>
        <label>${say('Tiếp nhận từ', 'Received from')} <input type="date" name="from" /></label>
        <label>${say('Trước ngày', 'Before')} <input type="date" name="to" /></label>
      </div>
      <p>
        <label
          ><input type="checkbox" name="complete" value="1" /> ${say(
            'Sổ có đủ mọi hồ sơ trong phạm vi trên (khi đó mới kết luận hồ sơ nào sổ thiếu)',
            'It has every dossier within these limits (only then it is said what it lacks)',
          )}</label
        >
      </p>
      <label
        >${say('Tệp Excel, CSV hoặc NDJSON (tối đa 20 MB)', 'Excel, CSV or NDJSON (at most 20 MB)')}
        <input type="file" name="file" accept=".xlsx,.csv,.ndjson,.jsonl" required
      /></label>
      <p class="actions"><button>${say('So ba bên', 'Compare all three')}</button></p>
    </form>`
}

const disagreeing = ({ counts }: Run) => counts.different + counts['missing-there'] + counts['missing-here']
const lookedAt = ({ counts }: Run) => Object.values(counts).reduce((sum, count) => sum + count, 0)

function runRow(language: Language, run: Run): Html {
  const { id, startedAt, state, agreement } = run
  return html`<tr>
    <th scope="row">
      <a href="run?id=${id}">${momentWords(startedAt)}</a>
      <span class="tag ${state === 'finished' ? 'accept' : 'review'}">${stateWords[state][language]}</span>
    </th>
    <td>${scopeWords(language, run)}</td>
    <td class="number">${countWords(lookedAt(run))[language]}</td>
    <td class="number">${percentWords(agreement.rate)[language]}</td>
    <td class="number">${countWords(disagreeing(run))[language]}</td>
  </tr>`
}

const stateWords: Readonly<Record<Run['state'], Words>> = {
  running: { vi: 'Đang chạy', en: 'Running' },
  finished: { vi: 'Xong', en: 'Finished' },
  failed: { vi: 'Không chạy được', en: 'Failed' },
}

function scopeWords(language: Language, { scope, sampled }: Run): string {
  const say = sayIn(language)
  const { daily, onlyCount, from, to, agency, sample, codesCount } = scope
  const parts = [
    daily &&
      say(
        `hằng ngày: mọi hồ sơ đã gửi từ lần trước, và 1/${daily.every} số còn lại`,
        `daily: all delivered since the last one, and 1/${daily.every} of the others`,
      ),
    onlyCount !== null && say(`${onlyCount} hồ sơ được chọn`, `${onlyCount} chosen dossiers`),
    sampled && sample !== undefined && say(`mẫu ngẫu nhiên ${sample * 100} %`, `a random sample of ${sample * 100} %`),
    from !== undefined && say(`từ ${dayWords(from)}`, `from ${dayWords(from)}`),
    to !== undefined && say(`trước ${dayWords(to)}`, `before ${dayWords(to)}`),
    agency,
    onlyCount === null &&
      codesCount > 0 &&
      say(`${codesCount} mã của sổ chưa có ở đây`, `${codesCount} codes of the register that are not here`),
  ].filter((part) => typeof part === 'string')
  const narrowed = [daily, from, to, agency].some((one) => one !== undefined) || onlyCount !== null || sampled
  return [...(narrowed ? [] : [say('tất cả', 'all')]), ...parts].join(' · ')
}

interface RunFacts {
  readonly run: Run
  readonly findings: readonly FindingRow[]
  readonly more: boolean
  readonly kind: FindingKind | undefined
}

function runPage(language: Language, { run, findings, more, kind }: RunFacts): Page {
  const say = sayIn(language)
  const { id, state, total, counts, agreement, note } = run
  const done = lookedAt(run)
  return {
    title: { vi: `Lần đối soát ${id}`, en: `Reconciliation run ${id}` },
    ...(state === 'running' && { refresh }),
    body: html`<p class="path"><a href="runs">${say('Mọi lần chạy', 'All runs')}</a></p>
      <section>
        <p>
          <span class="tag ${state === 'finished' ? 'accept' : 'review'}">${stateWords[state][language]}</span>
          ${momentWords(run.startedAt)} · ${scopeWords(language, run)} · ${run.askedBy}
        </p>
        ${state === 'running' && (run.register?.given?.judgedAt === null ? judging(say, run.register) : progress(say, language, done, total))}
        ${note !== '' && html`<p class="soft">${note}</p>`}
        <dl class="figures">
          <div class="good">
            <dt>${say('Tỷ lệ khớp', 'Agreement')}</dt>
            <dd>${percentWords(agreement.rate)[language]}</dd>
            ${
              agreement.interval &&
              html`<dd class="soft">
                ${say('tin cậy 95 %:', '95 % confidence:')} ${percentWords(agreement.interval.low)[language]} –
                ${percentWords(agreement.interval.high)[language]}
              </dd>`
            }
          </div>
          ${findingKinds.map(
            (one) =>
              html`<div class="${one !== 'equal' && one !== 'unknown' && counts[one] > 0 && 'gap'}">
                <dt>${kindWords[one][language]}</dt>
                <dd>
                  ${
                    one === 'equal'
                      ? countWords(counts[one])[language]
                      : html`<a href="run?id=${id}&kind=${one}">${countWords(counts[one])[language]}</a>`
                  }
                </dd>
              </div>`,
          )}
        </dl>
        <p class="soft">
          ${say(`Cộng lại: ${countWords(done).vi} hồ sơ.`, `Together: ${countWords(done).en} dossiers.`)}
        </p>
      </section>
      ${run.register && threeSides(language, run, run.register)}
      ${
        findings.length > 0 &&
        html`<section>
          <h2>${kind === undefined ? say('Đã thấy', 'Found') : kindWords[kind][language]}</h2>
          ${findingTable(language, findings)}
          ${more && html`<p class="soft">${say(`${shownFindings} dòng đầu`, `The first ${shownFindings}`)}</p>`}
        </section>`
      }`,
  }
}

const judging = (say: Say, { total, given }: RegisterCount): Html =>
  html`<p role="status">
    ${say(
      `Đang so sổ của tỉnh với ở đây: ${countWords(total).vi} trên ${countWords(given!.rows).vi} dòng.`,
      `The register is being compared with what is here: ${countWords(total).en} of ${countWords(given!.rows).en} rows.`,
    )}
  </p>`

function progress(say: Say, language: Language, done: number, total: number): Html {
  return html`${progressBar(total, done)}
    <p role="status">
      ${say(`${countWords(done).vi} trên ${countWords(total).vi}`, `${countWords(done)[language]} of ${countWords(total)[language]}`)}
    </p>`
}

/** Equal and yet shown: neither side holds what the register names. */
const seenAs = (kind: FindingKind) => (kind === 'equal' ? 'missing-everywhere' : kind)

const findingTable = (language: Language, findings: readonly FindingRow[]): Html => {
  const say = sayIn(language)
  const heads = [say('Hồ sơ', 'Dossier'), say('Trường', 'Field'), say('Ở đây', 'Here'), say('Ở Cổng', 'At the portal')]
  return table(
    say('Đã thấy', 'Found'),
    heads,
    findings.flatMap((finding) => findingCells(language, finding)),
  )
}

/** A row for each field; the first one names the dossier. */
function findingCells(language: Language, { code, kind, fields }: FindingRow): (Html | string)[][] {
  const name = html`${dossierLink(code, seenAs(kind))} ${kindWords[seenAs(kind)][language]}`
  if (fields.length === 0) return [[name, '', '', '']]
  return fields.map(({ field, here, there }, place) => [
    place === 0 ? name : '',
    fieldWords(field, language),
    valueWords(field, here, language),
    valueWords(field, there, language),
  ])
}
