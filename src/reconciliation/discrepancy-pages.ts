import { z } from 'zod'
import type { Console } from '../console/console.ts'
import type { Page } from '../console/frame.ts'
import { address, hiddenInputs, html, trusted, type Html } from '../console/html.ts'
import { countWords, momentWords, sayIn, type Language, type Say } from '../console/words.ts'
import { limitOf } from '../platform/auth.ts'
import { blank, reasonOf } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import type { Sql } from '../platform/database.ts'
import {
  acts,
  chosenRows,
  DiscrepancyFilter,
  discrepancyKinds,
  foresee,
  listDiscrepancies,
  resolve,
  sides,
  type Discrepancy,
  type DiscrepancyAct,
  type Resend,
  type Resolved,
  type Side,
} from './discrepancies.ts'
import {
  actWords,
  discrepancyWords,
  dossierLink,
  fieldWords,
  kindWords,
  sideWords,
  valueWords,
} from './discrepancy-words.ts'
import { startRun } from './reconcile.ts'

export interface DiscrepancyPageDeps {
  readonly sql: Sql
  readonly resend: Resend
  readonly canCompare: boolean
}

const perPage = 100

const Filter = {
  state: DiscrepancyFilter.shape.state,
  side: blank(z.enum(sides)),
  kind: blank(z.enum(discrepancyKinds)),
  agency: blank(z.string().max(50)),
  field: blank(z.string().max(100)),
}
const ActForm = z.object({
  ...Filter,
  act: z.enum([...acts, 'recheck']),
  /** Ticked ones; none: all that the filter chooses. */
  id: z.union([z.string(), z.array(z.string())]).default([]),
  why: z.string().max(1000).default(''),
  sure: z.string().optional(),
})
type ActForm = z.output<typeof ActForm>
type Filtered = keyof typeof Filter

/** What disagrees and what is done about it: chosen, previewed, decided with a reason, and looked at again. */
export function addDiscrepancyPages(console: Console, deps: DiscrepancyPageDeps): void {
  const { sql } = deps
  console.page({
    path: 'discrepancies',
    right: 'reports:read',
    allAgencies: false,
    query: z.strictObject({ ...Filter, after: z.coerce.number().int().min(0).default(0) }),
    async show({ language, person }, { after, ...query }) {
      const filter = { ...query, agencies: limitOf(person.agencies) }
      const { discrepancies, next } = await listDiscrepancies(sql, filter, { after, limit: perPage })
      const mayAct = person.rights.includes('deliveries:resend') && query.state !== 'closed'
      return listPage(language, { query, discrepancies, next, mayAct })
    },
  })
  console.act({
    path: 'resolve',
    right: 'deliveries:resend',
    allAgencies: false,
    form: ActForm,
    async act({ by, language, person }, form) {
      const wish = { filter: { ...filterOf(form), agencies: limitOf(person.agencies) }, ids: idsOf(form) }
      const back = address('discrepancies', filterOf(form))
      if (form.act === 'recheck') {
        const run = await recheck(deps, wish, by)
        // Runs over several agencies are for who sees them all.
        return { to: wish.filter.agencies === undefined ? `run?id=${run}` : back }
      }
      if (form.sure === undefined) {
        const foreseen = await foresee(sql, { ...wish, act: form.act })
        return confirmPage(language, form, foreseen, back)
      }
      await resolve(sql, { ...wish, act: form.act, by, why: reasonOf(form.why) }, deps.resend)
      return { to: back }
    },
  })
}

const filterOf = ({ state, side, kind, agency, field }: Pick<ActForm, Filtered>) => ({
  state,
  side,
  kind,
  agency,
  field,
})

function idsOf({ id }: ActForm): number[] | undefined {
  const ids = [id].flat().map(Number).filter(Number.isSafeInteger)
  return ids.length === 0 ? undefined : ids
}

/** Begins a run over the chosen dossiers alone. */
async function recheck({ sql, canCompare }: DiscrepancyPageDeps, wish: Chosen, by: string): Promise<number> {
  if (!canCompare) throw new Refusal('no-look-up', 'The dialect of the portal has no look-up service')
  // What disagrees with the register is looked at again by the next register.
  const codes = (await chosenRows(sql, wish)).flatMap(({ side, code }) => (side === 'portal' ? [code] : []))
  if (codes.length === 0) throw new Refusal('not-found', 'Nothing is chosen that the portal can be asked for')
  return startRun(sql, { askedBy: by, scope: { only: codes, codes }, served: true })
}

type Chosen = Parameters<typeof chosenRows>[1]

interface List {
  readonly query: Pick<ActForm, Filtered>
  readonly discrepancies: readonly Discrepancy[]
  readonly next: number | null
  readonly mayAct: boolean
}

const stateNames = (say: Say) => ({
  open: say('Chờ xử lý', 'Waiting'),
  acted: say('Đã xử lý, chờ kiểm tra lại', 'Acted on, to be checked again'),
  closed: say('Đã xong', 'Closed'),
})

function listPage(language: Language, { query, discrepancies, next, mayAct }: List): Page {
  const say = sayIn(language)
  const names = stateNames(say)
  return {
    title: { vi: 'Sai lệch', en: 'Discrepancies' },
    body: html`<p class="path"><a href="runs">${say('Đối soát', 'Reconciliation')}</a></p>
      <nav class="tabs" aria-label="${say('Tình trạng', 'State')}">
        ${(['open', 'acted', 'closed'] as const).map(
          (state) =>
            html`<a
              href="${address('discrepancies', { ...filterOf(query), state })}"
              class="${state === query.state && 'here'}"
              >${names[state]}</a
            >`,
        )}
      </nav>
      ${filterForm(language, query)}
      ${
        discrepancies.length === 0
          ? html`<section><p>${say('Không có.', 'There are none.')}</p></section>`
          : html`<form method="post" action="resolve">
              ${hiddenInputs(filterOf(query))} ${mayAct && actBar(language, query.side)}
              <section class="list">${discrepancies.map((one) => row(language, one, mayAct))}</section>
            </form>`
      }
      ${next !== null && html`<p class="pager"><a href="${address('discrepancies', { ...filterOf(query), after: String(next) })}" rel="next">${say('Trang sau', 'Next')}</a></p>`}`,
  }
}

function filterForm(language: Language, query: List['query']): Html {
  const say = sayIn(language)
  return html`<form class="find" method="get" action="discrepancies">
    <input type="hidden" name="state" value="${query.state}" />
    <select name="side" aria-label="${say('Bên nào', 'Side')}">
      <option value="">${say('Cổng và sổ', 'Both sides')}</option>
      ${sides.map((side) => html`<option value="${side}" ${side === query.side && trusted('selected')}>${sideWords[side][language]}</option>`)}
    </select>
    <select name="kind" aria-label="${say('Loại', 'Kind')}">
      <option value="">${say('Mọi loại', 'Every kind')}</option>
      ${discrepancyKinds.map((kind) => html`<option value="${kind}" ${kind === query.kind && trusted('selected')}>${kindWords[kind][language]}</option>`)}
    </select>
    <input
      type="search"
      name="agency"
      value="${query.agency ?? ''}"
      aria-label="${say('Mã cơ quan', 'Agency code')}"
      placeholder="${say('Mã cơ quan', 'Agency code')}"
    />
    <input
      type="search"
      name="field"
      value="${query.field ?? ''}"
      aria-label="${say('Trường', 'Field')}"
      placeholder="${say('Trường', 'Field')}"
    />
    <button class="plain">${say('Lọc', 'Filter')}</button>
  </form>`
}

function actBar(language: Language, side: Side | undefined): Html {
  const say = sayIn(language)
  const offered = acts.filter((act) => side !== 'register' || act !== 'resend')
  return html`<section>
    <p class="bulk">
      <label><input type="checkbox" data-all="id" /> ${say('Chọn cả trang', 'Choose the page')}</label>
      <span class="soft">${say('không chọn: tất cả theo bộ lọc', 'none ticked: all that the filter chooses')}</span>
    </p>
    <p class="actions">
      ${offered.map((act) => html`<button class="plain" name="act" value="${act}">${actWords[act][language]}</button>`)}
      ${
        side === 'register'
          ? html`<span class="soft"
              >${say('Sổ mới hơn khớp thì tự đóng.', 'A newer register that agrees closes it.')}</span
            >`
          : html`<button class="plain" name="act" value="recheck">
              ${say('Kiểm tra lại ngay', 'Check again now')}
            </button>`
      }
    </p>
  </section>`
}

function row(language: Language, one: Discrepancy, mayAct: boolean): Html {
  const say = sayIn(language)
  return html`<article class="code-row">
    <div class="tick">
      ${mayAct && html`<input type="checkbox" name="id" value="${one.id}" aria-label="${say('Chọn', 'Choose')} ${one.code}" />`}
    </div>
    <div>
      ${dossierLink(one.code, one.kind)} <span class="tag review">${discrepancyWords(one)[language]}</span>
      <div class="soft">${one.agencyName ?? one.agencyCode}</div>
      ${one.fields.map(
        ({ field, here, there }) =>
          html`<div>
            <span class="soft">${fieldWords(field, language)}:</span> ${valueWords(field, here, language)}
            <span class="soft">· ${sideWords[one.side][language]}:</span> ${valueWords(field, there, language)}
            ${
              one.side === 'register' &&
              field === 'procedure' &&
              html`<a href="${address('mapping', { code: here })}">${say('ánh xạ', 'map')}</a>`
            }
          </div>`,
      )}
      ${
        one.act !== null &&
        html`<div class="soft">
          ${actWords[one.act][language]} · ${one.actedBy}, ${one.actedAt && momentWords(one.actedAt)}: ${one.why}
        </div>`
      }
    </div>
    <div class="number">
      <span class="soft">${say('từ', 'since')} ${momentWords(one.openedAt)}</span>
      <span class="soft"
        >${say(`thấy ${one.seen} lần, `, `seen ${one.seen} times, `)}<a href="run?id=${one.seenRun}"
          >${say('lần', 'run')} ${one.seenRun}</a
        ></span
      >
    </div>
  </article>`
}

function confirmPage(language: Language, form: ActForm, foreseen: Resolved, back: string): Page {
  const say = sayIn(language)
  const act = form.act as DiscrepancyAct
  const [done, left] = [countWords(foreseen.done), countWords(foreseen.left)]
  return {
    title: actWords[act],
    body: html`<form method="post" action="resolve">
      ${hiddenInputs({ ...filterOf(form), act, sure: '1' })}
      ${[form.id].flat().map((id) => html`<input type="hidden" name="id" value="${id}" />`)}
      <section>
        <p class="released">
          <strong
            >${say(`${done.vi} sai lệch: ${actWords[act].vi}`, `${done.en} discrepancies: ${actWords[act].en}`)}</strong
          >
        </p>
        ${
          foreseen.left > 0 &&
          html`<p>
            ${say(
              `${left.vi} không gửi được: không có hồ sơ ở đây, hoặc chỉ khác với sổ của tỉnh.`,
              `${left.en} cannot be sent: the dossier is not here, or it differs from the register alone.`,
            )}
          </p>`
        }
        <label
          >${say('Vì sao (được lưu lại)', 'Why (kept with it)')}
          <textarea name="why" rows="2" maxlength="1000" required>${form.why}</textarea>
        </label>
        <p class="actions">
          <button>${say('Thực hiện', 'Do it')}</button>
          <a href="${back}">${say('Quay lại, không đổi gì', 'Back, change nothing')}</a>
        </p>
      </section>
    </form>`,
  }
}
