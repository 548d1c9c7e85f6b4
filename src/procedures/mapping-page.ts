import { z } from 'zod'
import { mappingReasons } from '../../config/mapping-reasons.ts'
import { problemPage, type Console, type Visit } from '../console/console.ts'
import type { Page } from '../console/frame.ts'
import { address, html, miniBar, trusted, type Html } from '../console/html.ts'
import { searchForm } from '../console/forms.ts'
import { countWords, sayIn, type Language } from '../console/words.ts'
import { levelNames, levels } from '../organisations/model.ts'
import { Refusal } from '../platform/problems.ts'
import { NationalCode } from './codes.ts'
import { confirmPage } from './decision-pages.ts'
import { collide, newestDecision, settlements, type Wish } from './decisions.ts'
import { differences, marked } from './differences.ts'
import { differentNames, type LocalName } from './local-lists.ts'
import { waitingUnder, waitsForSomebody, type LocalCode, type WaitingAt } from './local.ts'
import type { Mapping } from './model.ts'
import { decisionWords, scopeWords, settlementWords } from './page-words.ts'
import type { ProcedurePageDeps } from './pages.ts'
import { reasonsApart, reasonsInWords, type Candidate, type Suggestion } from './suggest.ts'

/** One local code, its candidates beside each other, and what a person says about it. */

const proposed = 5
const blank = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' || value === undefined ? null : value), schema.nullable())

const Form = z.object({
  code: z.string().min(1).max(100),
  seen: z.coerce.number().int(),
  /** A candidate, `other`, a settlement, or `reopen`. */
  choice: z.string().max(100).default(''),
  other: z.string().trim().max(100).default(''),
  /** A button beside one candidate. */
  reject: blank(NationalCode),
  /** A button beside one mapping: its place in the list, and the day from which it holds no more. */
  withdraw: blank(z.coerce.number().int().min(0)),
  end: blank(z.coerce.number().int().min(0)),
  before: blank(z.iso.date()),
  replace: z.string().optional(),
  source: blank(z.string().max(50)),
  agencyCode: blank(z.string().max(50)),
  level: blank(z.enum(levels)),
  validFrom: blank(z.iso.date()),
  validTo: blank(z.iso.date()),
})
type Form = z.output<typeof Form>

export function addMappingPage(console: Console, deps: ProcedurePageDeps): void {
  console.page({
    path: 'mapping',
    right: 'mappings:read',
    allAgencies: true,
    query: z.strictObject({ code: z.string().min(1).max(100), find: z.string().max(300).default('') }),
    show: (visit, { code, find }) => mappingPage(visit, deps, code, { find }),
  })
  console.act({
    path: 'mapping',
    right: 'mappings:write',
    allAgencies: true,
    form: Form,
    async act(visit, form) {
      const mappings = await mappingsOf(deps, form.code)
      try {
        const wishes = wishesOf(form, mappings)
        const why = await reasonFor(visit.language, deps, form)
        const back = address('mapping', { code: form.code })
        return await confirmPage(visit, deps, { wishes, why, seen: form.seen, back })
      } catch (error) {
        // What was chosen stays; what is in the way is said above it.
        if (error instanceof Refusal) return mappingPage(visit, deps, form.code, { form, refusal: error })
        throw error
      }
    },
  })
}

/** What persons said the code does not mean, for all agencies. */
async function rejectedNames({ catalogue }: ProcedurePageDeps, code: string) {
  const { rejected, national } = await catalogue.fresh()
  return [...rejected]
    .filter((key) => key.startsWith(`${code}|`))
    .map((key) => key.slice(code.length + 1))
    .map((one) => ({ code: one, name: national.get(one)?.name ?? '' }))
}

const mappingsOf = async ({ catalogue }: ProcedurePageDeps, code: string): Promise<readonly Mapping[]> =>
  (await catalogue.fresh()).mappings.get(code) ?? []

/** What was chosen, as wishes: replacing takes the mappings of the same scope away first. */
function wishesOf(form: Form, mappings: readonly Mapping[]): Wish[] {
  const { code: localCode, choice, agencyCode } = form
  if (form.reject) return [{ verdict: 'reject', localCode, agencyCode: null, nationalCode: form.reject }]
  if (form.withdraw !== null) return [{ verdict: 'withdraw', mapping: atPlace(mappings, form.withdraw) }]
  if (form.end !== null) {
    if (form.before === null) throw new Refusal('missing-field', 'The day is missing', { field: 'before' })
    return [{ verdict: 'end', mapping: atPlace(mappings, form.end), before: form.before }]
  }
  const settled = [...settlements, 'reopen' as const].find((verdict) => verdict === choice)
  if (settled) return [{ verdict: settled, localCode, agencyCode: null }]
  const national = NationalCode.safeParse(choice === 'other' ? form.other : choice)
  if (!national.success) {
    const field = choice === 'other' ? 'other' : 'choice'
    throw new Refusal(choice === '' ? 'missing-field' : 'invalid-field', 'Choose a national code', { field })
  }
  const { source, level, validFrom, validTo } = form
  const mapping: Mapping = {
    localCode,
    nationalCode: national.data,
    source,
    agencyCode,
    level,
    validFrom,
    validTo,
  }
  const rivals = form.replace === undefined ? [] : mappings.filter((one) => collide(one, mapping))
  return [...rivals.map((rival): Wish => ({ verdict: 'withdraw', mapping: rival })), { verdict: 'accept', mapping }]
}

function atPlace(mappings: readonly Mapping[], place: number): Mapping {
  const mapping = mappings[place]
  if (!mapping) throw new Refusal('unknown-mapping', 'This mapping is not there any more')
  return mapping
}

/** What speaks for the chosen candidate is proposed as the reason. */
async function reasonFor(language: Language, deps: ProcedurePageDeps, form: Form): Promise<string> {
  if (form.reject !== null || form.withdraw !== null || form.end !== null) return ''
  const { local, suggestion } = await lookUp(deps, form.code, '')
  const chosen = suggestion?.candidates.find(({ code }) => code === form.choice)
  const good = chosen?.reasons.filter(({ code }) => mappingReasons[code].favours) ?? []
  return local ? reasonsInWords(good, language) : ''
}

interface Look {
  readonly local: LocalCode | undefined
  readonly suggestion: Suggestion | undefined
  /** The next code that waits for somebody. */
  readonly next: LocalCode | undefined
}

async function lookUp({ advice, localCodes }: ProcedurePageDeps, code: string, find: string): Promise<Look> {
  const all = await localCodes()
  const local = all.find((one) => one.code === code)
  const open = all.filter(waitsForSomebody)
  const place = open.findIndex((one) => one.code === code)
  const name = find || (local?.name ?? '')
  const [suggestion] = await advice.suggest([{ code, name }], proposed)
  return { local, suggestion, next: open[place + 1] ?? open.find((one) => one.code !== code) }
}

interface Shown {
  readonly find?: string
  /** What was chosen before, and why it could not be. */
  readonly form?: Form
  readonly refusal?: Refusal
}

async function mappingPage(visit: Visit, deps: ProcedurePageDeps, code: string, shown: Shown): Promise<Page> {
  const { find = '', form, refusal } = shown
  const { language, person } = visit
  const say = sayIn(language)
  // Read first: what is decided while the rest is read counts as not seen.
  const seen = await newestDecision(deps.sql)
  const [look, mappings, waiting] = await Promise.all([
    lookUp(deps, code, find),
    mappingsOf(deps, code),
    waitingUnder(deps.sql, code),
  ])
  const [rejected, names] = await Promise.all([rejectedNames(deps, code), differentNames(deps.sql, code)])
  const { local, suggestion, next } = look
  const mayDecide = person.rights.includes('mappings:write')
  const candidates = suggestion?.candidates ?? []
  const problem = refusal && problemPage(refusal, language)
  return {
    title: { vi: `Mã ${code}`, en: `Code ${code}` },
    status: problem?.status ?? 200,
    body: html`${problem?.body}
      <p class="path">
        <a href="mappings">${say('Mọi mã', 'All codes')}</a>
        ${
          next &&
          html`<a href="${address('mapping', { code: next.code })}" data-key="n"
            >${say('Mã tiếp theo', 'Next code')}: ${next.code} →</a
          >`
        }
      </p>
      ${localSection(language, code, local, waiting)} ${names.length > 0 && namesSection(language, names)}
      <form method="post" action="mapping">
        <input type="hidden" name="code" value="${code}" />
        <input type="hidden" name="seen" value="${seen}" />
        ${mayDecide && html`<button class="unseen" tabindex="-1" aria-hidden="true">${say('Xem trước', 'Preview')}</button>`}
        ${mappings.length > 0 && mappingSection(language, mappings, mayDecide)}
        <section>
          <h2>${say('Mã quốc gia nào?', 'Which national code?')}</h2>
          ${
            candidates.length === 0
              ? html`<p>
                  ${
                    local?.name === null && find === ''
                      ? say(
                          'Chưa biết tên của mã này nên không có đề xuất: tìm bằng tên bên dưới, hoặc nhập danh sách thủ tục địa phương.',
                          'Its name is not known, so nothing is proposed: find by name below, or import the list of local procedures.',
                        )
                      : say('Không có mã nào gần giống.', 'Nothing in the catalogue is like it.')
                  }
                </p>`
              : html`<div class="cards">
                  ${candidates.map((candidate, place) =>
                    card(language, { candidate, place, local, name: find, chosen: form?.choice, mayDecide }),
                  )}
                </div>`
          }
          ${
            rejected.length > 0 &&
            html`<p class="soft">
              ${say('Đã nói không phải', 'Said not to be')}:
              ${rejected.map(({ code: one, name }) => html`<code>${one}</code> ${name}; `)}
            </p>`
          }
          ${mayDecide && choices(language, local, form, mappings.length > 0)}
        </section>
        ${
          mayDecide &&
          html`${scopeSection(language, form, waiting)}
            <p class="actions"><button data-key="x">${say('Xem trước', 'Preview')}</button></p>`
        }
      </form>
      <section>
        <h2>${say('Tìm trong danh mục quốc gia', 'Find in the national catalogue')}</h2>
        ${searchForm(say, {
          action: 'mapping',
          keep: { code },
          name: 'find',
          value: find,
          label: say('Tên thủ tục', 'Name of the procedure'),
        })}
      </section>`,
  }
}

function localSection(
  language: Language,
  code: string,
  local: LocalCode | undefined,
  waiting: readonly WaitingAt[],
): Html {
  const say = sayIn(language)
  const total = waiting.reduce((sum, { waiting: count }) => sum + count, 0)
  const list = address('dossiers', { procedure: code, state: 'gap', from: '2000-01-01', to: '2100-01-01' })
  return html`<section>
    <p class="name">${local?.name ?? html`<span class="soft">${say('Chưa biết tên', 'No name known')}</span>`}</p>
    ${local?.settled && html`<p><span class="tag review">${settlementWords[local.settled][language]}</span></p>`}
    ${
      total === 0
        ? html`<p class="soft">${say('Không có hồ sơ nào chờ mã này.', 'No dossier waits for it.')}</p>`
        : html`<details>
            <summary>
              <strong>${countWords(total)[language]}</strong>
              ${say(`hồ sơ đang chờ, ở ${waiting.length} cơ quan`, `dossiers wait, at ${waiting.length} agencies`)}
            </summary>
            <table>
              ${waiting.map(
                (one) =>
                  html`<tr>
                    <th scope="row">${one.agencyName ?? ''} <code>${one.agencyCode}</code></th>
                    <td>${one.level && levelNames[one.level][language]}</td>
                    <td class="number">${countWords(one.waiting)[language]}</td>
                  </tr>`,
              )}
            </table>
            <p><a href="${list}">${say('Danh sách hồ sơ', 'The dossiers')}</a></p>
          </details>`
    }
  </section>`
}

/** Only a mapping narrowed to a system or an agency is right for such a code. */
function namesSection(language: Language, names: readonly LocalName[]): Html {
  const say = sayIn(language)
  return html`<section class="note">
    <h2>${say('Mã này có nhiều tên', 'This code has several names')}</h2>
    <ul class="changes">
      ${names.map(
        ({ name, source, agencyCode }) =>
          html`<li>
            ${name}
            <span class="soft"
              >${[source ?? say('danh mục chung', 'the common list'), agencyCode].filter(Boolean).join(' · ')}</span
            >
          </li>`,
      )}
    </ul>
    <p class="soft">
      ${say(
        'Nếu là các thủ tục khác nhau, hãy ánh xạ riêng cho từng hệ thống hoặc cơ quan.',
        'If they are different procedures, map them system by system or agency by agency.',
      )}
    </p>
  </section>`
}

function mappingSection(language: Language, mappings: readonly Mapping[], mayDecide: boolean): Html {
  const say = sayIn(language)
  return html`<section>
    <h2>${say('Ánh xạ hiện có', 'What it means so far')}</h2>
    ${mappings.map(
      (mapping, place) =>
        html`<div class="mapping">
          <span><code>${mapping.nationalCode}</code> ${scopeWords(say, mapping)}</span>
          ${
            mayDecide &&
            html`<span class="buttons">
              <button class="plain" name="withdraw" value="${place}">
                ${say('Nhầm, bỏ hẳn', 'A mistake: remove')}
              </button>
              ${
                mapping.validTo === null &&
                html`<button class="plain" name="end" value="${place}">
                  ${say('Kết thúc từ ngày đã chọn', 'End from the chosen day')}
                </button>`
              }
            </span>`
          }
        </div>`,
    )}
    ${
      mayDecide &&
      mappings.some(({ validTo }) => validTo === null) &&
      html`<label
        >${say('Ngày kết thúc (hồ sơ tiếp nhận từ ngày này không dùng nữa)', 'End (dossiers received from this day on no longer use it)')}
        <input type="date" name="before"
      /></label>`
    }
  </section>`
}

interface Card {
  readonly candidate: Candidate
  readonly place: number
  readonly local: LocalCode | undefined
  /** What was looked for instead of the local name. */
  readonly name: string
  readonly chosen: string | undefined
  readonly mayDecide: boolean
}

function card(language: Language, { candidate, place, local, name, chosen, mayDecide }: Card): Html {
  const say = sayIn(language)
  const { left, right } = differences(name || (local?.name ?? ''), candidate.name)
  const isChosen = chosen === candidate.code || (chosen === undefined && candidate.decision === 'accept')
  // That another name fits better is seen on the card before.
  const own = candidate.reasons.filter(({ code }) => place === 0 || code !== 'name-says-other')
  const reasons = reasonsApart(own, language)
  return html`<article class="card">
    <label>
      ${
        mayDecide &&
        html`<input
          type="radio"
          name="choice"
          value="${candidate.code}"
          data-key="${place + 1}"
          ${isChosen && trusted('checked')}
        />`
      }
      <code>${candidate.code}</code>
      <span class="tag ${candidate.decision}">${decisionWords[candidate.decision][language]}</span>
      <span class="number soft" title="${say('Điểm, trên 100', 'Score, of 100')}"
        >${Math.round(candidate.score * 100)}</span
      >
    </label>
    ${miniBar(candidate.score * 100)}
    <p class="differ"><span class="soft">${say('Địa phương', 'Local')}</span> ${marked(left)}</p>
    <p class="differ"><span class="soft">${say('Quốc gia', 'National')}</span> ${marked(right)}</p>
    <ul class="reasons">
      ${reasons.map(({ favours, text }) => html`<li class="${favours ? 'for' : 'against'}">${text}</li>`)}
    </ul>
    ${
      mayDecide &&
      html`<button class="plain" name="reject" value="${candidate.code}">
        ${say('Không phải mã này', 'Not this one')}
      </button>`
    }
  </article>`
}

function choices(language: Language, local: LocalCode | undefined, form: Form | undefined, hasMappings: boolean): Html {
  const say = sayIn(language)
  const radio = (value: string, text: string) =>
    html`<label
      ><input type="radio" name="choice" value="${value}" ${form?.choice === value && trusted('checked')} />
      ${text}</label
    >`
  return html`<div class="choices">
    <div class="other">
      ${radio('other', say('Mã khác:', 'Another code:'))}
      <input
        name="other"
        value="${form?.other ?? ''}"
        placeholder="1.000000"
        aria-label="${say('Mã khác', 'Another code')}"
        spellcheck="false"
      />
    </div>
    ${settlements.map((verdict) => radio(verdict, settlementWords[verdict][language]))}
    ${local?.settled && radio('reopen', say('Mở lại', 'Open it again'))}
    ${
      hasMappings &&
      html`<label
        ><input type="checkbox" name="replace" value="1" ${form?.replace !== undefined && trusted('checked')} />
        ${say('Thay cho ánh xạ hiện có cùng phạm vi (vì nhầm)', 'In place of what it means so far in the same scope (a mistake)')}</label
      >`
    }
  </div>`
}

function scopeSection(language: Language, form: Form | undefined, waiting: readonly WaitingAt[]): Html {
  const say = sayIn(language)
  const given = form && [form.source, form.agencyCode, form.level, form.validFrom, form.validTo].some(Boolean)
  const date = (name: 'validFrom' | 'validTo', text: string) =>
    html`<label>${text} <input type="date" name="${name}" value="${form?.[name] ?? ''}" /></label>`
  return html`<section>
    <details ${given && trusted('open')}>
      <summary>
        ${say('Chỉ cho một cơ quan, một cấp, một hệ thống hoặc một thời gian', 'Only for an agency, a level, a system or a time')}
      </summary>
      <div class="fields">
        <label
          >${say('Mã cơ quan', 'Agency code')}
          <input name="agencyCode" value="${form?.agencyCode ?? ''}" list="agencies" />
          <datalist id="agencies">
            ${waiting.map((one) => html`<option value="${one.agencyCode}">${one.agencyName ?? ''}</option>`)}
          </datalist></label
        >
        <label
          >${say('Cấp', 'Level')}
          <select name="level">
            <option value=""></option>
            ${levels.map(
              (level) =>
                html`<option value="${level}" ${form?.level === level && trusted('selected')}>
                  ${levelNames[level][language]}
                </option>`,
            )}
          </select></label
        >
        <label
          >${say('Hệ thống một cửa', 'One-stop system')} <input name="source" value="${form?.source ?? ''}"
        /></label>
        ${date('validFrom', say('Tiếp nhận từ ngày', 'Received from'))}
        ${date('validTo', say('Tiếp nhận trước ngày', 'Received before'))}
      </div>
    </details>
  </section>`
}
