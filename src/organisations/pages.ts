import { z } from 'zod'
import type { Console } from '../console/console.ts'
import type { Page } from '../console/frame.ts'
import { searchForm } from '../console/forms.ts'
import { address, html, type Html } from '../console/html.ts'
import { countWords, sayIn, type Language } from '../console/words.ts'
import { levelNames, plainName, type UnitRegister } from './model.ts'
import type { Sql } from '../platform/database.ts'
import type { LookAt } from './store.ts'
import { addUnitPage } from './unit-page.ts'
import { remarkWords, stateWords } from './unit-words.ts'
import type { Unit } from './units.ts'

export interface OrganisationPageDeps {
  readonly sql: Sql
  readonly catalogue: { readonly fresh: () => Promise<{ readonly register: UnitRegister }> }
  readonly units: () => Promise<Unit[]>
  readonly look: LookAt
}

/** The pages on which persons say what became of units. All of them concern all agencies. */
export function addOrganisationPages(console: Console, deps: OrganisationPageDeps): void {
  addList(console, deps)
  addUnitPage(console, deps)
}

const tabs = ['questions', 'remarks', 'acting', 'all'] as const
type Tab = (typeof tabs)[number]

const asks = ({ state, waiting }: Unit) => waiting > 0 || state === 'split' || state === 'closed'

const isIn = (tab: Tab, unit: Unit): boolean => {
  if (tab === 'questions') return asks(unit)
  if (tab === 'remarks') return unit.remarks.length > 0
  return tab === 'all' || unit.state === 'open'
}

const perPage = 100

const ListQuery = z.strictObject({
  tab: z.enum(tabs).default('questions'),
  q: z.string().max(200).default(''),
  page: z.coerce.number().int().min(1).max(10_000).default(1),
})
type ListQuery = z.output<typeof ListQuery>

function addList(console: Console, { units }: OrganisationPageDeps): void {
  console.page({
    path: 'agencies',
    right: 'mappings:read',
    allAgencies: true,
    menu: { vi: 'Cơ quan', en: 'Agencies' },
    query: ListQuery,
    async show({ language }, query) {
      return listPage(language, query, await units())
    },
  })
}

const matches = ({ code, name }: Unit, text: string) =>
  code.toLowerCase().includes(text.trim().toLowerCase()) || plainName(name ?? '').includes(plainName(text))

function listPage(language: Language, query: ListQuery, all: readonly Unit[]): Page {
  const say = sayIn(language)
  const found = all.filter((unit) => isIn(query.tab, unit) && (query.q.trim() === '' || matches(unit, query.q)))
  const shown = found.slice((query.page - 1) * perPage, query.page * perPage)
  const names: Record<Tab, string> = {
    questions: say('Cần trả lời', 'To answer'),
    remarks: say('Cần xem lại', 'To look at'),
    acting: say('Đang hoạt động', 'Acting'),
    all: say('Tất cả', 'All'),
  }
  return {
    title: { vi: 'Cơ quan', en: 'Agencies' },
    body: html`${summary(language, all)}
      <nav class="tabs" aria-label="${say('Nhóm cơ quan', 'Groups of agencies')}">
        ${tabs.map(
          (tab) =>
            html`<a href="agencies?tab=${tab}" class="${tab === query.tab && 'here'}"
              >${names[tab]}
              <span class="count">${countWords(all.filter((unit) => isIn(tab, unit)).length)[language]}</span></a
            >`,
        )}
      </nav>
      ${searchForm(say, {
        action: 'agencies',
        keep: { tab: query.tab },
        name: 'q',
        value: query.q,
        label: say('Tìm theo mã hoặc tên, không cần dấu', 'Find by code or name'),
      })}
      <section class="list">
        ${
          shown.length === 0
            ? html`<p>
                ${
                  query.tab === 'questions' && query.q === ''
                    ? say('Không có cơ quan nào cần trả lời.', 'No agency asks for anything.')
                    : say('Không có cơ quan nào.', 'There are none.')
                }
              </p>`
            : shown.map((unit) => row(language, unit))
        }
      </section>
      ${pager(language, query, found.length)}`,
  }
}

function summary(language: Language, all: readonly Unit[]): Html {
  const say = sayIn(language)
  const waiting = all.reduce((sum, unit) => sum + unit.waiting, 0)
  const figure = (text: string, count: number, kind: string) =>
    html`<div class="${kind}">
      <dt>${text}</dt>
      <dd>${countWords(count)[language]}</dd>
    </div>`
  return html`<section>
    <dl class="figures">
      ${figure(say('Cơ quan đang hoạt động', 'Acting agencies'), all.filter(({ state }) => state === 'open').length, 'good')}
      ${figure(say('Cần trả lời', 'To answer'), all.filter(asks).length, 'gap')}
      ${figure(say('Hồ sơ chờ vì cơ quan', 'Dossiers that wait for it'), waiting, 'gap')}
    </dl>
  </section>`
}

function row(language: Language, unit: Unit): Html {
  const say = sayIn(language)
  const { roles } = unit
  const uses = [
    [roles.handling, say('xử lý', 'handled')],
    [roles.intake, say('nơi nộp', 'taken in')],
    [roles.receiving, say('nơi tiếp nhận', 'received')],
  ] as const
  return html`<article class="code-row">
    <div></div>
    <div>
      <a href="${address('agency', { code: unit.code })}"><code>${unit.code}</code></a>
      <span class="tag ${unit.state === 'open' ? 'accept' : 'review'}">${stateWords[unit.state][language]}</span>
      <div>${unit.name ?? html`<span class="soft">${say('chưa có tên', 'no name known')}</span>`}</div>
      <div class="soft">
        ${unit.level && levelNames[unit.level][language]}
        ${unit.followedBy.length > 0 && html`→ ${unit.followedBy.map((code) => html`<code>${code}</code> `)}`}
      </div>
      ${unit.remarks.map((remark) => html`<div class="soft">${remarkWords[remark][language]}</div>`)}
    </div>
    <div class="number">
      ${
        unit.waiting > 0 &&
        html`<strong>${countWords(unit.waiting)[language]}</strong>
          <span class="soft">${say('hồ sơ chờ', 'dossiers wait')}</span>`
      }
      ${uses.map(([count, text]) => count > 0 && html`<span class="soft">${countWords(count)[language]} ${text}</span>`)}
    </div>
  </article>`
}

function pager(language: Language, query: ListQuery, found: number): Html | false {
  const say = sayIn(language)
  const last = Math.ceil(found / perPage)
  if (last <= 1) return false
  const to = (page: number) => address('agencies', { tab: query.tab, q: query.q, page: String(page) })
  return html`<p class="pager">
    ${query.page > 1 && html`<a href="${to(query.page - 1)}" rel="prev">${say('Trang trước', 'Previous')}</a>`}
    <span>${say(`Trang ${query.page} trên ${last}`, `Page ${query.page} of ${last}`)}</span>
    ${query.page < last && html`<a href="${to(query.page + 1)}" rel="next">${say('Trang sau', 'Next')}</a>`}
  </p>`
}
