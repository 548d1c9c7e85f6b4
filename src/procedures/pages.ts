import { z } from 'zod'
import type { Console, Visit } from '../console/console.ts'
import type { Page } from '../console/frame.ts'
import { address, html, miniBar, type Html } from '../console/html.ts'
import { searchForm } from '../console/forms.ts'
import { countWords, percentWords, sayIn, type Language } from '../console/words.ts'
import type { Sql } from '../platform/database.ts'
import { rateOf } from '../reconciliation/model.ts'
import type { Advice } from './advice.ts'
import { addAuditPages } from './audit-pages.ts'
import { addCataloguePages } from './catalogue-pages.ts'
import { addDecisionPages, confirmPage } from './decision-pages.ts'
import { newestDecision } from './decisions.ts'
import type { Desk } from './desk.ts'
import { acceptanceOf } from './certain.ts'
import { waitsForSomebody, type LocalCode } from './local.ts'
import type { ListFiles } from './list-files.ts'
import { addListPages, listSection } from './list-pages.ts'
import { addMappingPage } from './mapping-page.ts'
import { folded, syllable } from './names.ts'
import { decisionWords, settlementWords, standingWords } from './page-words.ts'
import type { CatalogueSource } from './store.ts'
import type { Suggestion } from './suggest.ts'

export interface ProcedurePageDeps {
  readonly sql: Sql
  readonly catalogue: CatalogueSource
  readonly advice: Advice
  readonly desk: Desk
  readonly localCodes: () => Promise<LocalCode[]>
  readonly lists: ListFiles
}

/** The pages on which persons map codes. All of them concern all agencies. */
export function addProcedurePages(console: Console, deps: ProcedurePageDeps): void {
  addList(console, deps)
  addMappingPage(console, deps)
  addListPages(console, deps)
  addDecisionPages(console, deps)
  addCataloguePages(console, deps)
  addAuditPages(console, deps)
}

const perPage = 50
const tabs = ['open', 'settled', 'mapped', 'inside'] as const
type Tab = (typeof tabs)[number]

const isIn = (tab: Tab, local: LocalCode) => (tab === 'open' ? waitsForSomebody(local) : local.standing === tab)

const ListQuery = z.strictObject({
  tab: z.enum(tabs).default('open'),
  q: z.string().max(200).default(''),
  page: z.coerce.number().int().min(1).max(100_000).default(1),
})

function addList(console: Console, deps: ProcedurePageDeps): void {
  const { sql, advice, localCodes } = deps
  console.page({
    path: 'mappings',
    right: 'mappings:read',
    allAgencies: true,
    menu: { vi: 'Ánh xạ mã', en: 'Procedure codes' },
    query: ListQuery,
    async show(visit, query) {
      const seen = await newestDecision(sql)
      const all = await localCodes()
      const found = all.filter((local) => isIn(query.tab, local) && matches(local, query.q))
      const shown = found.slice((query.page - 1) * perPage, query.page * perPage)
      const named = query.tab === 'open' ? shown.filter(({ name }) => name !== null) : []
      const suggestions = new Map<string, Suggestion>()
      if (named.length > 0)
        for (const [place, suggestion] of (
          await advice.suggest(
            named.map(({ code, name }) => ({ code, name: name ?? '' })),
            1,
          )
        ).entries())
          suggestions.set(named[place]!.code, suggestion)
      return listPage(visit, query, { all, found: found.length, shown, suggestions, seen })
    },
  })
  console.act({
    path: 'accept',
    right: 'mappings:write',
    allAgencies: true,
    form: z.object({ code: z.union([z.string(), z.array(z.string())]).optional(), seen: z.coerce.number() }),
    async act(visit, { code = [], seen }) {
      const codes = new Set([code].flat())
      const locals = (await localCodes()).filter((local) => codes.has(local.code))
      const suggestions = await advice.suggest(
        locals.map((local) => ({ code: local.code, name: local.name ?? '' })),
        3,
      )
      const wishes = locals.flatMap((local, place) => {
        const suggestion = suggestions[place]!
        return suggestion.decision === 'accept' ? [acceptanceOf({ local, suggestion })] : []
      })
      if (wishes.length === 0) return { to: 'mappings' }
      const why = sayIn(visit.language)('Mã và tên khớp nhau', 'Code and name agree')
      return confirmPage(visit, deps, { wishes, why, seen, back: 'mappings' })
    },
  })
}

/** Found by parts of code or name; typed without tones it finds them with any. */
function matches({ code, name }: LocalCode, text: string): boolean {
  const plain = (part: string) =>
    part
      .toLowerCase()
      .split(/\s+/)
      .map((word) => folded(syllable(word)))
      .join(' ')
  const wanted = text.trim()
  return wanted === '' || code.toLowerCase().includes(wanted.toLowerCase()) || plain(name ?? '').includes(plain(wanted))
}

interface List {
  readonly all: readonly LocalCode[]
  readonly found: number
  readonly shown: readonly LocalCode[]
  readonly suggestions: ReadonlyMap<string, Suggestion>
  readonly seen: number
}

function listPage(visit: Visit, query: z.output<typeof ListQuery>, list: List): Page {
  const { language, person } = visit
  const say = sayIn(language)
  const mayDecide = person.rights.includes('mappings:write')
  const certain = [...list.suggestions.values()].filter(({ decision }) => decision === 'accept').length
  return {
    title: { vi: 'Ánh xạ mã thủ tục', en: 'Procedure codes' },
    body: html`${summary(language, list.all)} ${listSection(language, mayDecide)}
      <nav class="tabs" aria-label="${say('Nhóm mã', 'Groups of codes')}">
        ${tabs.map(
          (tab) =>
            html`<a href="mappings?tab=${tab}" class="${tab === query.tab && 'here'}"
              >${standingWords[tab][language]}
              <span class="count">${countWords(list.all.filter((local) => isIn(tab, local)).length)[language]}</span></a
            >`,
        )}
      </nav>
      ${searchForm(say, {
        action: 'mappings',
        keep: { tab: query.tab },
        name: 'q',
        value: query.q,
        label: say('Tìm theo mã hoặc tên, không cần dấu', 'Find by code or name'),
      })}
      ${
        list.shown.length === 0
          ? html`<section>
              <p>
                ${
                  query.q === '' && query.tab === 'open'
                    ? say('Mọi mã đều đã ánh xạ hoặc đã có ý kiến.', 'Every code is mapped, or was answered.')
                    : say('Không có mã nào.', 'There are none.')
                }
              </p>
            </section>`
          : html`<form method="post" action="accept">
              <input type="hidden" name="seen" value="${list.seen}" />
              <section class="list">
                ${
                  mayDecide &&
                  certain > 0 &&
                  html`<p class="bulk">
                    <label
                      ><input type="checkbox" data-all="code" />
                      ${say(`Chọn ${certain} mã chắc chắn trong trang`, `Choose the ${certain} certain ones`)}</label
                    >
                    <button>${say('Xem trước khi chấp nhận', 'Preview accepting them')}</button>
                  </p>`
                }
                ${list.shown.map((local) => row(language, local, list.suggestions.get(local.code), mayDecide))}
              </section>
            </form>`
      }
      ${pager(language, query, list.found)}`,
  }
}

function summary(language: Language, all: readonly LocalCode[]): Html {
  const say = sayIn(language)
  const done = all.filter(({ standing }) => standing === 'mapped' || standing === 'inside').length
  const rate = rateOf(done, all.length)
  const waiting = all.reduce((sum, local) => sum + (waitsForSomebody(local) ? local.waiting : 0), 0)
  return html`<section>
    <dl class="figures">
      <div class="good">
        <dt>${say('Mã đã khớp', 'Codes that match')}</dt>
        <dd>${percentWords(rate)[language]}</dd>
        <dd>${miniBar(rate)}</dd>
        <dd class="soft">
          ${say(
            `${countWords(done).vi} trên ${countWords(all.length).vi}, mục tiêu 100 %`,
            `${countWords(done).en} of ${countWords(all.length).en}, target 100 %`,
          )}
        </dd>
      </div>
      <div class="gap">
        <dt>${say('Hồ sơ đang chờ mã', 'Dossiers that wait for a code')}</dt>
        <dd>${countWords(waiting)[language]}</dd>
      </div>
    </dl>
  </section>`
}

function row(language: Language, local: LocalCode, suggestion: Suggestion | undefined, mayDecide: boolean): Html {
  const say = sayIn(language)
  const [first] = suggestion?.candidates ?? []
  const decision = suggestion?.decision ?? 'none'
  const partly = local.standing !== 'unmapped' && local.standing !== 'settled' && waitsForSomebody(local)
  return html`<article class="code-row">
    <div class="tick">
      ${
        mayDecide &&
        decision === 'accept' &&
        html`<input
          type="checkbox"
          name="code"
          value="${local.code}"
          aria-label="${say('Chọn', 'Choose')} ${local.code}"
        />`
      }
    </div>
    <div>
      <a href="${address('mapping', { code: local.code })}"><code>${local.code}</code></a>
      <div>${local.name ?? html`<span class="soft">${say('chưa có tên', 'no name known')}</span>`}</div>
      ${
        local.national.length > 0 &&
        html`<div class="soft">
          → ${local.national.map((code) => html`<code>${code}</code> `)}
          ${partly && html`<span class="tag review">${say('mới khớp một phần', 'partly')}</span>`}
        </div>`
      }
      ${local.settled && html`<div class="soft">${settlementWords[local.settled][language]}</div>`}
      ${
        first &&
        html`<div class="proposal">
          <span class="tag ${decision}">${decisionWords[decision][language]}</span>
          <code>${first.code}</code> ${first.name}
        </div>`
      }
    </div>
    <div class="number">
      ${
        local.waiting > 0 &&
        html`<strong>${countWords(local.waiting)[language]}</strong>
          <span class="soft">${say(`hồ sơ, ${local.agencies} cơ quan`, `dossiers, ${local.agencies} agencies`)}</span>`
      }
    </div>
  </article>`
}

function pager(language: Language, query: z.output<typeof ListQuery>, found: number): Html | false {
  const say = sayIn(language)
  const last = Math.ceil(found / perPage)
  if (last <= 1) return false
  const to = (page: number) => address('mappings', { tab: query.tab, q: query.q, page: String(page) })
  return html`<p class="pager">
    ${query.page > 1 && html`<a href="${to(query.page - 1)}" rel="prev">${say('Trang trước', 'Previous')}</a>`}
    <span>${say(`Trang ${query.page} trên ${last}`, `Page ${query.page} of ${last}`)}</span>
    ${query.page < last && html`<a href="${to(query.page + 1)}" rel="next">${say('Trang sau', 'Next')}</a>`}
  </p>`
}
