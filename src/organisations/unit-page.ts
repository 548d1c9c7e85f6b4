import { z } from 'zod'
import { problemPage, type Console, type Visit } from '../console/console.ts'
import type { Page } from '../console/frame.ts'
import { address, html, type Html } from '../console/html.ts'
import { released } from '../console/released.ts'
import { countWords, dayWords, momentWords, sayIn, type Language } from '../console/words.ts'
import { reasonOf } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import { levelNames, levels, oneNotation, unitOf, type Agency, type UnitRegister, type Succession } from './model.ts'
import type { OrganisationPageDeps } from './pages.ts'
import { otherActing, proposals, type Proposal } from './proposals.ts'
import {
  addAgency,
  foreseen,
  listSuccessions,
  nameAtPortal,
  succeed,
  waitingByProcedure,
  withdraw,
  type SuccessionLine,
  type WaitingProcedure,
} from './store.ts'
import { remarkWords, stateWords } from './unit-words.ts'
import type { Unit } from './units.ts'

/** One unit: what it is, who follows it, which dossiers wait, and what a person says about it. */

const Code = z.string().trim().min(1).max(50)
const Choice = z.object({
  oldCode: Code,
  newCode: z.string().trim().max(50).default(''),
  day: z.string().default(''),
  procedureCode: z.string().trim().max(100).default(''),
  why: z.string().max(1000).default(''),
})
type Choice = z.output<typeof Choice>

export function addUnitPage(console: Console, deps: OrganisationPageDeps): void {
  const place = { right: 'mappings:write', allAgencies: true } as const
  console.page({
    path: 'agency',
    right: 'mappings:read',
    allAgencies: true,
    query: z.strictObject({ code: Code, choose: z.string().max(50).default('') }),
    show: (visit, { code, choose }) =>
      unitPage(visit, deps, code, { choice: Choice.parse({ oldCode: code, newCode: choose }) }),
  })
  const stay = (visit: Visit, choice: Choice, work: () => Promise<Page | { to: string }>) =>
    work().catch((error: unknown) => {
      if (error instanceof Refusal) return unitPage(visit, deps, choice.oldCode, { choice, refusal: error })
      throw error
    })
  console.act({
    path: 'preview-succession',
    ...place,
    form: Choice,
    act: (visit, choice) =>
      stay(visit, choice, async () => {
        const { dossiers } = await foreseen(deps.sql, [wishOf(choice)], deps.look)
        return confirmPage(visit.language, choice, dossiers)
      }),
  })
  console.act({
    path: 'succeed',
    ...place,
    form: Choice,
    act: (visit, choice) =>
      stay(visit, choice, async () => {
        await succeed(deps.sql, [wishOf(choice)], { by: visit.by, why: reasonOf(choice.why) }, deps.look)
        return { to: address('agency', { code: choice.oldCode }) }
      }),
  })
  console.act({
    path: 'withdraw-succession',
    ...place,
    form: z.object({ id: z.coerce.number().int().min(1), code: Code, why: z.string() }),
    async act({ by }, form) {
      await withdraw(deps.sql, form.id, { by, why: reasonOf(form.why) }, deps.look)
      return { to: address('agency', { code: form.code }) }
    },
  })
  console.act({
    path: 'add-agency',
    ...place,
    form: z.object({ code: Code, name: z.string().trim().min(1).max(2000), level: z.enum(levels), why: z.string() }),
    async act({ by }, { why: reason, ...row }) {
      await addAgency(deps.sql, row, { by, why: reasonOf(reason) }, deps.look)
      return { to: address('agency', { code: row.code }) }
    },
  })
}

function wishOf({ oldCode, newCode, day, procedureCode }: Choice): Succession {
  if (newCode === '') throw new Refusal('missing-field', 'Choose the unit that follows', { field: 'newCode' })
  if (!z.iso.date().safeParse(day).success)
    throw new Refusal('missing-field', 'The day from which it follows is missing', { field: 'day' })
  return { oldCode, newCode, day, transfer: 'whole', procedureCode: procedureCode === '' ? null : procedureCode }
}

interface Shown {
  readonly choice?: Choice
  readonly refusal?: Refusal
}

async function unitPage(visit: Visit, deps: OrganisationPageDeps, code: string, shown: Shown = {}): Promise<Page> {
  const { language, person } = visit
  const { register } = await deps.catalogue.fresh()
  const unit = (await deps.units()).find((one) => one.code === code)
  const agency = unitOf(register, code)
  const same = [...new Set([code, agency?.code ?? code, ...spelled(register, code)])]
  const [successions, procedures, atPortal] = await Promise.all([
    listSuccessions(deps.sql, same),
    waitingByProcedure(deps.sql, same),
    nameAtPortal(deps.sql, code),
  ])
  const name = agency?.name ?? atPortal
  const found = name === null ? [] : await proposals(deps.sql, register, { code, name })
  const mayDecide = person.rights.includes('mappings:write')
  const problem = shown.refusal && problemPage(shown.refusal, language)
  const say = sayIn(language)
  return {
    title: { vi: `Cơ quan ${code}`, en: `Agency ${code}` },
    status: problem?.status ?? 200,
    body: html`${problem?.body}
      <p class="path"><a href="agencies">${say('Mọi cơ quan', 'All agencies')}</a></p>
      ${about(language, unit, agency, atPortal)} ${waitingSection(language, procedures)}
      ${successionSection(language, code, successions, mayDecide)}
      ${mayDecide && !agency && addForm(language, code, atPortal)}
      ${mayDecide && choiceForm(language, { code, unit, register, procedures, found, choice: shown.choice })}`,
  }
}

const spelled = ({ successions }: UnitRegister, code: string) =>
  (successions.get(oneNotation(code)) ?? []).map(({ oldCode }) => oldCode)

function about(language: Language, unit: Unit | undefined, agency: Agency | undefined, atPortal: string | null): Html {
  const say = sayIn(language)
  return html`<section>
    <p class="name">${agency?.name ?? html`<span class="soft">${say('Chưa có tên', 'No name known')}</span>`}</p>
    <p>
      ${unit && html`<span class="tag ${unit.state === 'open' ? 'accept' : 'review'}">${stateWords[unit.state][language]}</span>`}
      ${[
        agency && levelNames[agency.level][language],
        unit?.closedSince &&
          say(`chấm dứt từ ${dayWords(unit.closedSince)}`, `closed on ${dayWords(unit.closedSince)}`),
      ]
        .filter(Boolean)
        .join(' · ')}
    </p>
    ${(agency?.formerNames ?? []).map(
      ({ name, until }) =>
        html`<p class="soft">${say(`Trước ngày ${dayWords(until)}:`, `Before ${dayWords(until)}:`)} ${name}</p>`,
    )}
    ${(unit?.remarks ?? []).map(
      (remark) =>
        html`<p class="soft">
          ${remarkWords[remark][language]}${remark === 'other-name-at-portal' && html`: ${atPortal}`}
        </p>`,
    )}
    ${
      unit &&
      html`<p class="soft">
        ${say('Hồ sơ', 'Dossiers')}: ${countWords(unit.roles.handling)[language]} ${say('xử lý', 'handled')},
        ${countWords(unit.roles.intake)[language]} ${say('nơi nộp', 'taken in')},
        ${countWords(unit.roles.receiving)[language]} ${say('nơi tiếp nhận', 'received')}
      </p>`
    }
  </section>`
}

function waitingSection(language: Language, procedures: readonly WaitingProcedure[]): Html | false {
  const say = sayIn(language)
  if (procedures.length === 0) return false
  return html`<section>
    <h2>${say('Hồ sơ chờ vì cơ quan này', 'Dossiers that wait because of it')}</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="${say('Hồ sơ chờ', 'Waiting dossiers')}">
      <table>
        ${procedures.map(
          ({ procedureCode, name, waiting }) =>
            html`<tr>
              <th scope="row"><code>${procedureCode}</code> ${name}</th>
              <td class="number">${countWords(waiting)[language]}</td>
            </tr>`,
        )}
      </table>
    </div>
  </section>`
}

function successionSection(
  language: Language,
  code: string,
  successions: readonly SuccessionLine[],
  mayDecide: boolean,
): Html | false {
  const say = sayIn(language)
  if (successions.length === 0) return false
  return html`<section>
    <h2>${say('Kế tiếp', 'Who follows whom')}</h2>
    ${successions.map(
      (one) =>
        html`<div class="mapping">
          <span>
            <a href="${address('agency', { code: one.oldCode })}"><code>${one.oldCode}</code></a> →
            <a href="${address('agency', { code: one.newCode })}"><code>${one.newCode}</code></a> ${one.newName}
            <span class="soft"
              >${say(`từ ${dayWords(one.day)}`, `from ${dayWords(one.day)}`)} ·
              ${one.transfer === 'part' ? say('một phần', 'a part') : say('toàn bộ', 'all of it')}
              ${one.procedureCode !== null && html`· <code>${one.procedureCode}</code>`} · ${one.by},
              ${momentWords(one.at)}: ${one.why}</span
            >
            ${
              one.withdrawn &&
              html`<span class="tag none">${say('đã thu hồi', 'taken back')}</span>
                <span class="soft">${one.withdrawn.by}, ${momentWords(one.withdrawn.at)}: ${one.withdrawn.why}</span>`
            }
          </span>
          ${
            mayDecide &&
            !one.withdrawn &&
            html`<form method="post" action="withdraw-succession" class="buttons">
              <input type="hidden" name="id" value="${one.id}" />
              <input type="hidden" name="code" value="${code}" />
              <input
                name="why"
                maxlength="1000"
                required
                aria-label="${say('Vì sao thu hồi', 'Why it is taken back')}"
                placeholder="${say('Vì sao', 'Why')}"
              />
              <button class="plain">${say('Thu hồi', 'Take back')}</button>
            </form>`
          }
        </div>`,
    )}
  </section>`
}

function addForm(language: Language, code: string, atPortal: string | null): Html {
  const say = sayIn(language)
  return html`<section>
    <h2>${say('Thêm vào danh mục cơ quan', 'Add it to the list of agencies')}</h2>
    <form method="post" action="add-agency">
      <input type="hidden" name="code" value="${code}" />
      <div class="fields">
        <label>${say('Tên', 'Name')} <input name="name" value="${atPortal ?? ''}" maxlength="2000" required /></label>
        <label
          >${say('Cấp', 'Level')}
          <select name="level">
            ${levels.map((level) => html`<option value="${level}">${levelNames[level][language]}</option>`)}
          </select></label
        >
        <label>${say('Vì sao', 'Why')} <input name="why" maxlength="1000" required /></label>
      </div>
      <p class="actions"><button>${say('Thêm', 'Add')}</button></p>
    </form>
  </section>`
}

interface ChoiceFacts {
  readonly code: string
  readonly unit: Unit | undefined
  readonly register: UnitRegister
  readonly procedures: readonly WaitingProcedure[]
  readonly found: readonly Proposal[]
  readonly choice: Choice | undefined
}

function choiceForm(language: Language, facts: ChoiceFacts): Html {
  const say = sayIn(language)
  const { code, unit, register, procedures, found, choice } = facts
  const acting = otherActing(register, code)
  return html`<section>
    <h2>${say('Cơ quan nào làm tiếp?', 'Who follows it?')}</h2>
    <p class="soft">
      ${say(
        'Nếu nhiệm vụ được chia theo thủ tục, chọn từng thủ tục. Hồ sơ tiếp nhận trước ngày đó vẫn thuộc cơ quan cũ.',
        'Where its work was divided by procedure, choose procedure by procedure. Dossiers received before that day stay with the old agency.',
      )}
    </p>
    ${found.length > 0 && proposalList(language, facts.code, found)}
    <form method="post" action="preview-succession">
      <input type="hidden" name="oldCode" value="${code}" />
      <div class="fields">
        <label
          >${say('Mã cơ quan kế tiếp', 'Code of the agency that follows')}
          <input name="newCode" value="${choice?.newCode ?? ''}" list="acting" required spellcheck="false" />
          <datalist id="acting">
            ${acting.map((agency) => html`<option value="${agency.code}">${agency.name}</option>`)}
          </datalist></label
        >
        <label
          >${say('Từ ngày', 'From')}
          <input type="date" name="day" value="${choice?.day || (unit?.closedSince ?? '')}" required
        /></label>
        <label
          >${say('Chỉ cho thủ tục', 'Only for the procedure')}
          <input name="procedureCode" value="${choice?.procedureCode ?? ''}" list="procedures" spellcheck="false" />
          <datalist id="procedures">
            ${procedures.map((one) => html`<option value="${one.procedureCode}">${one.name ?? ''}</option>`)}
          </datalist></label
        >
      </div>
      <p class="actions"><button>${say('Xem trước', 'Preview')}</button></p>
    </form>
  </section>`
}

function proposalList(language: Language, oldCode: string, found: readonly Proposal[]): Html {
  const say = sayIn(language)
  return html`<ul class="changes">
    ${found.map(
      ({ code, name, why: reason, transfer, day }) =>
        html`<li>
          <a href="${address('agency', { code: oldCode, choose: code })}"><code>${code}</code> ${name}</a>
          <span class="soft"
            >${
              reason === 'commune'
                ? say(
                    `xã cũ ${transfer === 'whole' ? 'nhập toàn bộ' : 'nhập một phần'} vào xã này từ ${dayWords(day ?? '')}`,
                    `${transfer === 'whole' ? 'all' : 'a part'} of the old commune went to it on ${dayWords(day ?? '')}`,
                  )
                : say('cùng tên, ở tỉnh mới', 'the same name, in the new province')
            }</span
          >
        </li>`,
    )}
  </ul>`
}

function confirmPage(language: Language, choice: Choice, dossiers: Parameters<typeof released>[1]): Page {
  const say = sayIn(language)
  const { oldCode, newCode, day, procedureCode } = choice
  return {
    title: { vi: 'Xem trước', en: 'Preview' },
    body: html`<section>${released(language, dossiers, 'foreseen')}</section>
      <form method="post" action="succeed">
        ${Object.entries({ oldCode, newCode, day, procedureCode }).map(
          ([key, value]) => html`<input type="hidden" name="${key}" value="${value}" />`,
        )}
        <section>
          <p>
            <code>${oldCode}</code> → <code>${newCode}</code> ${say(`từ ${dayWords(day)}`, `from ${dayWords(day)}`)}
            ${procedureCode !== '' && html`· <code>${procedureCode}</code>`}
          </p>
          <label
            >${say('Vì sao (được lưu lại)', 'Why (kept with it)')}
            <textarea name="why" rows="2" maxlength="1000" required>${choice.why}</textarea>
          </label>
          <p class="actions">
            <button>${say('Quyết định', 'Decide')}</button>
            <a href="${address('agency', { code: oldCode })}"
              >${say('Quay lại, không đổi gì', 'Back, change nothing')}</a
            >
          </p>
        </section>
      </form>`,
  }
}
