import { hiddenInputs, html, trusted, type Html } from './html.ts'
import type { Say } from './words.ts'

/** Forms that several pages have. They only ask: what they give stands in the address. */

export interface SearchForm {
  readonly action: string
  /** What the page was about before, and stays about. */
  readonly keep: Readonly<Record<string, string>>
  readonly name: string
  readonly value: string
  readonly label: string
}

export const searchForm = (say: Say, { action, keep, name, value, label }: SearchForm): Html =>
  html`<form class="find" method="get" action="${action}">
    ${hiddenInputs(keep)}
    <input type="search" name="${name}" value="${value}" data-key="/" aria-label="${label}" placeholder="${label}" />
    <button class="plain">${say('Tìm', 'Find')}</button>
  </form>`

/** Days of reception, the last one not included. */
export const periodForm = (
  say: Say,
  action: string,
  period: { readonly from: string; readonly to: string },
  keep: Readonly<Record<string, string>> = {},
): Html =>
  html`<form class="find" method="get" action="${action}">
    ${hiddenInputs(keep)}
    <input type="date" name="from" value="${period.from}" aria-label="${say('Từ ngày', 'From')}" />
    <input type="date" name="to" value="${period.to}" aria-label="${say('Trước ngày', 'Before')}" />
    <button class="plain">${say('Xem', 'Show')}</button>
  </form>`

/** One of some values, or none of them. */
export const chooser = (
  name: string,
  label: string,
  chosen: string | undefined,
  options: readonly (readonly [value: string, text: string])[],
): Html =>
  html`<label
    >${label}<select name="${name}">
      <option value=""></option>
      ${options.map(([value, text]) => html`<option value="${value}" ${value === chosen && trusted('selected')}>${text}</option>`)}
    </select></label
  >`
