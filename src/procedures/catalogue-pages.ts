import { z } from 'zod'
import type { Console } from '../console/console.ts'
import type { Page } from '../console/frame.ts'
import { address, html, type Html } from '../console/html.ts'
import { countWords, dayWords, momentWords, sayIn, type Language, type Say, type Words } from '../console/words.ts'
import { levelNames, type Level } from '../organisations/model.ts'
import { reasonOf } from '../platform/http.ts'
import { differences, marked } from './differences.ts'
import {
  applyHeld,
  endangeredMappings,
  listChanges,
  type ChangeLine,
  type Danger,
  type Endangered,
} from './national.ts'
import type { ChangeKind } from './national-changes.ts'
import { heldPulls, listPulls, type HeldList, type PullLine } from './pulls.ts'
import type { ProcedurePageDeps } from './pages.ts'

/** The national catalogue: what the last lists changed, what that touches, and a list that was held. */

const shownPulls = 30
const shownRows = 500

export function addCataloguePages(console: Console, { sql }: ProcedurePageDeps): void {
  console.page({
    path: 'catalogue',
    right: 'mappings:read',
    allAgencies: true,
    menu: { vi: 'Danh mục quốc gia', en: 'National catalogue' },
    query: z.strictObject({ pull: z.coerce.number().int().min(1).optional() }),
    async show({ language, person }, { pull }) {
      const pulls = await listPulls(sql, shownPulls)
      const chosen = pull ?? pulls.find(({ changes }) => Object.keys(changes).length > 0)?.id
      const changes = chosen === undefined ? [] : await listChanges(sql, chosen, shownRows)
      const mayDecide = person.rights.includes('mappings:write')
      return cataloguePage(language, {
        pulls,
        held: await heldPulls(sql),
        chosen,
        changes,
        endangered: await endangeredMappings(sql, shownRows),
        mayDecide,
      })
    },
  })
  console.act({
    path: 'apply-catalogue',
    right: 'mappings:write',
    allAgencies: true,
    form: z.object({ pull: z.coerce.number().int(), why: z.string() }),
    async act({ by }, form) {
      await applyHeld(sql, form.pull, { by, why: reasonOf(form.why) })
      return { to: 'catalogue' }
    },
  })
}

export const kindWords: Readonly<Record<ChangeKind, Words>> = {
  new: { vi: 'Mới', en: 'New' },
  renamed: { vi: 'Đổi tên', en: 'Renamed' },
  republished: { vi: 'Công bố lại', en: 'Republished' },
  withdrawn: { vi: 'Bãi bỏ', en: 'Withdrawn' },
  reopened: { vi: 'Có lại hiệu lực', en: 'Reopened' },
  moved: { vi: 'Đổi cấp thực hiện', en: 'Another level' },
  'other-field': { vi: 'Đổi lĩnh vực', en: 'Another field' },
  missing: { vi: 'Vắng trong danh mục', en: 'Missing in the list' },
  found: { vi: 'Có lại trong danh mục', en: 'In the list again' },
  'end-set': { vi: 'Đổi ngày hết hiệu lực', en: 'Another day of its end' },
  'legal-basis': { vi: 'Đổi căn cứ pháp lý', en: 'Another legal basis' },
}

interface Shown {
  readonly pulls: readonly PullLine[]
  readonly held: readonly PullLine[]
  readonly chosen: number | undefined
  readonly changes: readonly ChangeLine[]
  readonly endangered: readonly Endangered[]
  readonly mayDecide: boolean
}

function cataloguePage(language: Language, { pulls, held, chosen, changes, endangered, mayDecide }: Shown): Page {
  const say = sayIn(language)
  return {
    title: { vi: 'Danh mục thủ tục quốc gia', en: 'National catalogue' },
    body: html`${held.map((one) => heldSection(say, one, mayDecide))} ${endangeredSection(language, endangered)}
      <section>
        <h2>${say('Các lần lấy danh mục', 'Lists, the newest first')}</h2>
        ${pulls.length === 0 && html`<p>${say('Chưa lấy danh mục lần nào.', 'It was never pulled.')}</p>`}
        <div class="scroll" tabindex="0" role="region" aria-label="${say('Các lần lấy danh mục', 'Lists')}">
          <table>
            ${pulls.map((pull) => pullRow(language, pull, pull.id === chosen))}
          </table>
        </div>
      </section>
      ${
        changes.length > 0 &&
        html`<section>
          <h2>${say('Thay đổi, nhiều hồ sơ nhất trước', 'Changes, those with most dossiers first')}</h2>
          <div class="scroll" tabindex="0" role="region" aria-label="${say('Thay đổi', 'Changes')}">
            <table>
              <thead>
                <tr>
                  <th scope="col">${say('Mã', 'Code')}</th>
                  <th scope="col">${say('Thay đổi', 'Change')}</th>
                  <th scope="col" class="number">${say('Hồ sơ', 'Dossiers')}</th>
                  <th scope="col" class="number">${say('Ánh xạ', 'Mappings')}</th>
                </tr>
              </thead>
              <tbody>
                ${changes.map((change) => changeRow(language, change))}
              </tbody>
            </table>
          </div>
          ${changes.length === shownRows && html`<p class="soft">${say(`${shownRows} dòng đầu`, `The first ${shownRows}`)}</p>`}
        </section>`
      }`,
  }
}

const listWords: Readonly<Record<HeldList, Words>> = {
  procedures: { vi: 'Danh mục thủ tục quốc gia', en: 'The national catalogue' },
  'unit-procedures': { vi: 'Danh sách thủ tục của đơn vị', en: "The list of the unit's procedures" },
  services: { vi: 'Danh sách dịch vụ công', en: 'The list of online services' },
}

function heldSection(say: Say, held: PullLine, mayDecide: boolean): Html {
  const list = listWords[held.list]
  return html`<section class="note bad" role="alert">
    <p>
      <strong
        >${say(
          `${list.vi} lấy về bị thiếu nhiều nên được giữ lại, chưa áp dụng.`,
          `${list.en} lacked so much that it was held and not applied.`,
        )}</strong
      >
    </p>
    <p>
      ${momentWords(held.at)} ·
      ${say(`chỉ có ${countWords(held.rows).vi} dòng`, `only ${countWords(held.rows).en} rows`)}
    </p>
    ${
      mayDecide &&
      html`<form method="post" action="apply-catalogue">
        <input type="hidden" name="pull" value="${held.id}" />
        <label
          >${say('Vẫn áp dụng; vì sao', 'Apply it all the same; why')} <input name="why" maxlength="1000" required
        /></label>
        <p><button>${say('Áp dụng', 'Apply')}</button></p>
        <p class="soft">
          ${say(
            'Những gì không có trong danh sách này chỉ được đánh dấu là vắng, không bị đóng.',
            'What it lacks is only marked as missing; nothing is closed by that.',
          )}
        </p>
      </form>`
    }
  </section>`
}

const dangerWords: Readonly<Record<Danger, Words>> = {
  withdrawn: { vi: 'đã bị bãi bỏ', en: 'was withdrawn' },
  ending: { vi: 'hết hiệu lực từ ngày', en: 'no longer holds from' },
  missing: { vi: 'vắng trong danh mục mới nhất', en: 'is missing in the newest list' },
  unknown: { vi: 'không có trong danh mục', en: 'is not in the catalogue' },
  'mapping-ending': {
    vi: 'nhưng chưa có gì thay ánh xạ này khi nó hết hiệu lực từ ngày',
    en: 'but nothing takes the place of this mapping, which no longer holds from',
  },
}

function endangeredSection(language: Language, endangered: readonly Endangered[]): Html | false {
  const say = sayIn(language)
  if (endangered.length === 0) return false
  return html`<section>
    <h2>${say('Ánh xạ cần xem lại', 'Mappings to look at')}</h2>
    <ul class="changes">
      ${endangered.map(
        ({ localCode, nationalCode, name, why: danger, endsOn, open }) =>
          html`<li>
            <a href="${address('mapping', { code: localCode })}"><code>${localCode}</code></a> →
            <code>${nationalCode}</code> ${dangerWords[danger][language]} ${endsOn && dayWords(endsOn)}
            ${open > 0 && html`· <strong>${say(`${open} hồ sơ chưa đồng bộ`, `${open} dossiers not in step`)}</strong>`}
            <span class="soft">${name}</span>
          </li>`,
      )}
    </ul>
  </section>`
}

function pullRow(language: Language, pull: PullLine, isChosen: boolean): Html {
  const say = sayIn(language)
  const kinds = Object.entries(pull.changes) as [ChangeKind, number][]
  const outcomes = {
    applied: say('đã áp dụng', 'applied'),
    held: say('giữ lại', 'held'),
    failed: say('không lấy được', 'failed'),
  }
  return html`<tr>
    <th scope="row">${momentWords(pull.at)}</th>
    <td>
      <span class="tag ${pull.outcome === 'applied' ? 'accept' : 'review'}">${outcomes[pull.outcome]}</span>
      ${countWords(pull.rows)[language]} ${say('thủ tục', 'procedures')}
      ${pull.origin === 'file' && html`<div class="soft">${fileWords(say, pull)}</div>`}
      ${pull.by !== null && html`<div class="soft">${pull.by}: ${pull.why}</div>`}
      ${pull.outcome === 'failed' && html`<div class="soft">${pull.note}</div>`}
    </td>
    <td>
      ${
        kinds.length === 0
          ? html`<span class="soft">${say('không có gì thay đổi', 'nothing changed')}</span>`
          : html`<a href="catalogue?pull=${pull.id}">
              ${kinds.map(([kind, count]) => `${kindWords[kind][language]}: ${countWords(count)[language]}`).join(', ')}</a
            >`
      }
      ${isChosen && kinds.length > 0 && html`<span class="soft">↓</span>`}
    </td>
  </tr>`
}

const fileWords = (say: Say, { partial }: PullLine) =>
  partial ? say('từ tệp, một phần danh mục', 'from a file, a part of the catalogue') : say('từ tệp', 'from a file')

/** Kinds of which before and after say all there is, a day or documents that were not there included. */
const told: readonly ChangeKind[] = ['end-set', 'legal-basis']
/** Kinds that do not say the name by themselves. */
const nameless: readonly ChangeKind[] = ['republished', 'moved', 'other-field', ...told]

function changeRow(language: Language, { code, kind, before, after, name, dossiers, mappings }: ChangeLine): Html {
  const [old, now] = kind === 'moved' ? [levelWords(language, before), levelWords(language, after)] : [before, after]
  const isName = kind === 'new' || kind === 'missing' || kind === 'found'
  const plain = isName || (old === null && !told.includes(kind))
  return html`<tr>
    <th scope="row">
      <code>${code}</code>
    </th>
    <td>
      <strong>${kindWords[kind][language]}</strong>
      ${kind === 'renamed' ? renamed(before ?? '', after ?? '') : plain ? name : html`${old ?? '–'} → ${now ?? '–'}`}
      ${nameless.includes(kind) && html`<div class="soft">${name}</div>`}
    </td>
    <td class="number">${countWords(dossiers)[language]}</td>
    <td class="number">${countWords(mappings)[language]}</td>
  </tr>`
}

function renamed(before: string, after: string): Html {
  const { left, right } = differences(before, after)
  return html`<div class="soft">${marked(left)}</div>
    <div>${marked(right)}</div>`
}

const levelWords = (language: Language, levels: string | null) =>
  (levels ?? '')
    .split(', ')
    .map((level) => (Object.hasOwn(levelNames, level) ? levelNames[level as Level][language] : level))
    .join(', ')
