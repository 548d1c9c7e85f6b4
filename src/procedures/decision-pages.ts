import { z } from 'zod'
import { problemPage, type Console, type Visit } from '../console/console.ts'
import type { Page } from '../console/frame.ts'
import { address, html, progressBar, type Html } from '../console/html.ts'
import { released } from '../console/released.ts'
import { countWords, momentWords, sayIn, type Language } from '../console/words.ts'
import { reasonOf } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import { listDecisions, readDecision, type DecisionLine, type Wish } from './decisions.ts'
import { namesOfLocal, progressUnder, type Progress } from './local.ts'
import type { Release } from './model.ts'
import { changeWords, wishWords } from './page-words.ts'
import type { ProcedurePageDeps } from './pages.ts'
import { WishBody, wishOf } from './wishes.ts'

/** What a decision would do, what it did, and how it is taken back. */

const shownRows = 200

export interface Wanted {
  readonly wishes: readonly Wish[]
  readonly why: string
  /** The last decision that the person had seen. */
  readonly seen: number
  /** Address of the page on which it was chosen. */
  readonly back: string
  /** What is to be known beside it. */
  readonly remark?: string
}

/** Nothing is done yet: this says what would be. Throws the refusal that deciding would meet. */
export async function confirmPage(visit: Visit, deps: ProcedurePageDeps, wanted: Wanted): Promise<Page> {
  const { wishes, seen } = wanted
  if (wishes.length > mostWishes || isTooLong(wishes))
    throw new Refusal('list-too-long', `At most ${mostWishes} rows in one decision`)
  const { dossiers, changed } = await deps.desk.preview({ wishes, why: wanted.why || '–', by: visit.by, seen })
  return confirmation(visit.language, wanted, await namesOf(deps, wishes.map(codeOf)), { dossiers, changed })
}

/** Codes say little to a person: what they are called, here and in the national catalogue. */
interface Names {
  readonly local: ReadonlyMap<string, string>
  readonly national: (code: string) => string | undefined
}

async function namesOf({ sql, catalogue }: ProcedurePageDeps, codes: readonly string[]): Promise<Names> {
  const { national } = await catalogue.fresh()
  return { local: await namesOfLocal(sql, codes), national: (code) => national.get(code)?.name }
}

interface Foreseen {
  readonly dossiers: Release
  readonly changed: number
}

function confirmation(
  language: Language,
  wanted: Wanted,
  names: Names,
  foreseen: Foreseen | null,
  refusal?: Refusal,
): Page {
  const say = sayIn(language)
  const { wishes, seen, back } = wanted
  const problem = refusal && problemPage(refusal, language)
  return {
    title: { vi: 'Xem trước quyết định', en: 'Preview of the decision' },
    status: problem?.status ?? 200,
    body: html`${problem?.body}
      ${foreseen && html`<section>${released(language, foreseen.dossiers, 'foreseen')}</section>`}
      <section>
        <h2>${say(`${countWords(wishes.length).vi} mã`, `${countWords(wishes.length).en} codes`)}</h2>
        ${wanted.remark !== undefined && html`<p>${wanted.remark}</p>`}
        <ul class="changes">
          ${wishes
            .slice(0, shownRows)
            .map(
              (wish) =>
                html`<li>
                  <code>${codeOf(wish)}</code> ${wishWords(say, wish)}
                  ${called(names, codeOf(wish), 'mapping' in wish ? wish.mapping.nationalCode : undefined)}
                </li>`,
            )}
        </ul>
        ${wishes.length > shownRows && html`<p class="soft">${say(`${shownRows} dòng đầu`, `The first ${shownRows}`)}</p>`}
        ${foreseen?.changed === 0 && html`<p>${say('Đã như vậy rồi: không có gì thay đổi.', 'It is so already: nothing would change.')}</p>`}
      </section>
      <form method="post" action="decide">
        <input type="hidden" name="wishes" value="${fieldOf(wishes)}" />
        <input type="hidden" name="seen" value="${seen}" />
        <input type="hidden" name="back" value="${back}" />
        <section>
          <label
            >${say('Vì sao (được lưu cùng quyết định)', 'Why (kept with the decision)')}
            <textarea name="why" rows="2" maxlength="1000" required>${wanted.why}</textarea>
          </label>
          <p class="actions">
            <button>${say('Quyết định', 'Decide')}</button>
            <a href="${back}">${say('Quay lại, không đổi gì', 'Back, change nothing')}</a>
          </p>
        </section>
      </form>`,
  }
}

const called = ({ local, national }: Names, localCode: string, nationalCode: string | undefined) =>
  html`<span class="soft">${local.get(localCode)}</span>
    ${nationalCode !== undefined && html`<span class="soft">→ ${national(nationalCode)}</span>`}`

const codeOf = (wish: Wish) => ('mapping' in wish ? wish.mapping.localCode : wish.localCode)

/** As `WishBody` takes it back. What is null is left out: a list may have ten thousand of them. */
function bodyOf(wish: Wish): z.input<typeof WishBody> {
  if (!('mapping' in wish)) return wish
  const { localCode, nationalCode, ...scope } = wish.mapping
  const given = Object.fromEntries(Object.entries(scope).filter(([, value]) => value !== null))
  const mapping = { localCode, nationalCode, ...given }
  if (wish.verdict === 'accept') return { verdict: 'accept', ...mapping, ...(wish.why ? { why: wish.why } : {}) }
  if (wish.verdict === 'withdraw') return { verdict: 'withdraw', ...mapping }
  return { verdict: 'end', ...mapping, before: wish.before }
}

/** Wishes that one decision may have: a list of an office. */
export const mostWishes = 10_000
/** Ten thousand rows with a reason each are 3 MB of form; with reasons as long as they may be, they are refused before the preview. */
const longestForm = 16 * 1024 * 1024

const fieldOf = (wishes: readonly Wish[]) => JSON.stringify(wishes.map(bodyOf))

/** As a browser would send it, with room for the rest of the form. */
const isTooLong = (wishes: readonly Wish[]) =>
  new URLSearchParams({ wishes: fieldOf(wishes) }).toString().length > longestForm - 64 * 1024

const Wishes = z
  .string()
  .transform((text, context) => {
    try {
      return JSON.parse(text) as unknown
    } catch {
      context.addIssue({ code: 'custom', message: 'is damaged' })
      return z.NEVER
    }
  })
  .pipe(z.array(WishBody).min(1).max(mostWishes))

export function addDecisionPages(console: Console, deps: ProcedurePageDeps): void {
  const { sql, desk } = deps
  const place = { right: 'mappings:write', allAgencies: true } as const
  console.act({
    path: 'decide',
    ...place,
    longest: longestForm,
    form: z.object({ wishes: Wishes, seen: z.coerce.number().int(), why: z.string(), back: z.string().max(500) }),
    async act(visit, form) {
      const wishes = form.wishes.map(wishOf)
      try {
        const reason = reasonOf(form.why)
        const { decision } = await desk.decide({ wishes, why: reason, by: visit.by, seen: form.seen })
        return { to: decision === null ? 'decisions' : `decision?id=${decision}` }
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        const names = await namesOf(deps, wishes.map(codeOf))
        return confirmation(visit.language, { ...form, wishes, back: ownAddress(form.back) }, names, null, error)
      }
    },
  })
  console.act({
    path: 'undo',
    ...place,
    form: z.object({ id: z.coerce.number().int().min(1), why: z.string() }),
    async act(visit, { id, why: text }) {
      const undone = await desk.undo(id, { by: visit.by, why: reasonOf(text) })
      if (!undone) throw new Refusal('unknown-decision', `There is no decision ${id}`)
      return { to: `decision?id=${undone.decision ?? id}` }
    },
  })
  console.page({
    path: 'decisions',
    right: 'mappings:read',
    allAgencies: true,
    menu: { vi: 'Quyết định', en: 'Decisions' },
    query: z.strictObject({ before: z.coerce.number().int().min(1).optional() }),
    async show({ language }, { before }) {
      const decisions = await listDecisions(sql, before ?? null, perPage + 1)
      return listPage(language, decisions)
    },
  })
  console.page({
    path: 'decision',
    right: 'mappings:read',
    allAgencies: true,
    query: z.strictObject({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) }),
    async show(visit, { id }) {
      const decision = await readDecision(sql, id, shownRows)
      if (!decision) throw new Refusal('unknown-decision', `There is no decision ${id}`)
      const codes = [...new Set(decision.changes.map(({ localCode }) => localCode))]
      return decisionPage(visit, decision, await namesOf(deps, codes), await progressUnder(sql, id))
    },
  })
}

const perPage = 50

/** A form may bring any text; a link is made of it only when it is an address of these pages. */
const ownAddress = (text: string) => (/^mappings?(?:\?[\w=&%.+~*-]*)?$/.test(text) ? text : 'mappings')

function listPage(language: Language, decisions: readonly DecisionLine[]): Page {
  const say = sayIn(language)
  const shown = decisions.slice(0, perPage)
  return {
    title: { vi: 'Quyết định về mã', en: 'Decisions about codes' },
    body: html`<section>
        ${
          shown.length === 0
            ? html`<p>${say('Chưa có quyết định nào.', 'Nothing was decided yet.')}</p>`
            : html`<div class="scroll">
                <table>
                  <thead>
                    <tr>
                      <th scope="col">${say('Số', 'No.')}</th>
                      <th scope="col">${say('Lúc', 'At')}</th>
                      <th scope="col">${say('Ai', 'Who')}</th>
                      <th scope="col" class="number">${say('Dòng', 'Rows')}</th>
                      <th scope="col" class="number">${say('Hồ sơ được gửi', 'Dossiers released')}</th>
                      <th scope="col">${say('Vì sao', 'Why')}</th>
                    </tr>
                  </thead>
                  <tbody>
                    ${shown.map(
                      (one) =>
                        html`<tr>
                          <td><a href="decision?id=${one.id}">${one.id}</a></td>
                          <td>${momentWords(one.at)}</td>
                          <td>${one.name ?? one.by}</td>
                          <td class="number">${countWords(one.rows)[language]}</td>
                          <td class="number">${one.dossiers ? countWords(one.dossiers.released)[language] : '–'}</td>
                          <td>${one.why} ${undoneTag(language, one)}</td>
                        </tr>`,
                    )}
                  </tbody>
                </table>
              </div>`
        }
      </section>
      ${
        decisions.length > perPage &&
        html`<p class="pager"><a href="decisions?before=${shown.at(-1)!.id}">${say('Cũ hơn', 'Older')}</a></p>`
      }`,
  }
}

function undoneTag(language: Language, { undoes, undoneBy }: DecisionLine): Html | false {
  const say = sayIn(language)
  if (undoneBy !== null)
    return html`<span class="tag none">${say(`đã hủy bởi ${undoneBy}`, `undone by ${undoneBy}`)}</span>`
  return undoes !== null && html`<span class="tag review">${say(`hủy ${undoes}`, `undoes ${undoes}`)}</span>`
}

type Full = NonNullable<Awaited<ReturnType<typeof readDecision>>>

function decisionPage({ language, person }: Visit, decision: Full, names: Names, progress: Progress): Page {
  const say = sayIn(language)
  const { id, at, by, name, why: reason, rows, undoes, undoneBy, dossiers, changes } = decision
  return {
    title: { vi: `Quyết định ${id}`, en: `Decision ${id}` },
    body: html`<section>
        <p>${reason} ${undoneTag(language, decision)}</p>
        <p class="soft">${momentWords(at)} · ${name ?? by}</p>
        ${dossiers && released(language, dossiers, 'done')} ${progressOf(language, progress)}
        <p class="actions">
          <a href="mappings">${say('Mã tiếp theo cần xử lý', 'Next codes to do')}</a>
          <a href="decision?id=${id}">${say('Xem lại tiến độ', 'Look again')}</a>
        </p>
      </section>
      <section>
        <h2>${say(`${countWords(rows).vi} dòng thay đổi`, `${countWords(rows).en} rows changed`)}</h2>
        <ul class="changes">
          ${changes.map(
            ({ kind, localCode, before, after }) =>
              html`<li>
                <a href="${address('mapping', { code: localCode })}"><code>${localCode}</code></a>
                ${changeWords(say, before, after, kind)}
                ${called(names, localCode, (after ?? before)?.['national_code'] ?? undefined)}
              </li>`,
          )}
        </ul>
        ${rows > changes.length && html`<p class="soft">${say(`${changes.length} dòng đầu`, `The first ${changes.length}`)}</p>`}
      </section>
      ${
        undoes === null &&
        undoneBy === null &&
        person.rights.includes('mappings:write') &&
        html`<form method="post" action="undo">
          <section>
            <h2>${say('Hủy quyết định này', 'Take it back')}</h2>
            <p class="soft">
              ${say(
                'Mọi dòng trở lại như trước. Hồ sơ đã gửi vẫn ở Cổng; hồ sơ đến sau lại chờ.',
                'Every row becomes what it was. What was delivered stays delivered; what comes later waits again.',
              )}
            </p>
            <input type="hidden" name="id" value="${id}" />
            <label>${say('Vì sao', 'Why')} <input name="why" maxlength="1000" required /></label>
            <p><button class="plain">${say('Hủy', 'Undo')}</button></p>
          </section>
        </form>`
      }`,
  }
}

/** How many blocked dossiers go out, and why the others stay: the parts add up. */
function progressOf(language: Language, { total, delivered, moving }: Progress): Html | false {
  const say = sayIn(language)
  if (total === 0) return false
  const [all, there, way] = [countWords(total), countWords(delivered), countWords(moving)]
  return html`${progressBar(total, delivered, moving)}
    <p>
      ${say(
        `Trong ${all.vi} hồ sơ của các mã này: ${there.vi} đã đồng bộ, ${way.vi} đang gửi.`,
        `Of ${all.en} dossiers under these codes: ${there.en} in step, ${way.en} on their way.`,
      )}
    </p>`
}
