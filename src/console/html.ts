import type { Words } from './words.ts'

/** Text that is safe to stand in a page as it is. Only `html` and `trusted` make it. */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
  toString(): string {
    return this.text
  }
}

type Value = Html | string | number | null | undefined | false | readonly Value[]

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function render(value: Value): string {
  if (value === null || value === undefined || value === false) return ''
  if (value instanceof Html) return value.text
  if (typeof value === 'object') return value.map(render).join('')
  return String(value).replace(/[&<>"']/g, (character) => entities[character]!)
}

/** Every interpolated text is escaped, for element content and for quoted attributes alike; `Html` and lists of it are kept. */
export function html(parts: TemplateStringsArray, ...values: Value[]): Html {
  return new Html(parts.reduce((text, part, index) => text + render(values[index - 1]) + part))
}

/** Our own fixed text (a style sheet): never call it with anything that came from outside. */
export function trusted(text: string): Html {
  return new Html(text)
}

/** Both languages; the style sheet shows the chosen one. */
export function both({ vi, en }: Words): Html {
  if (vi === en) return html`${vi}`
  return html`<span class="vi" lang="vi">${vi}</span><span class="en" lang="en">${en}</span>`
}

/** The rate of one row, drawn small. */
export function miniBar(rate: number | null): Html {
  return html`<svg class="mini" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
    <rect class="track" width="100" height="8" />
    <rect class="delivered" width="${rate ?? 0}" height="8" />
  </svg>`
}

/** How far work has come, drawn across the page: counts of one whole in the order of their colours. */
export function progressBar(total: number, done: number, moving = 0): Html {
  const width = (count: number) => (total === 0 ? 0 : Math.min(100, (count * 100) / total)).toFixed(2)
  return html`<svg class="stack" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
    <rect class="track" width="100" height="8" />
    <rect class="delivered" width="${width(done)}" height="8" />
    ${moving > 0 && html`<rect class="c4" x="${width(done)}" width="${width(moving)}" height="8" />`}
  </svg>`
}

/** What an address or a form says; what was not asked for is left out. */
export type AddressQuery = Readonly<Record<string, string | undefined>>

const asked = (query: AddressQuery) =>
  Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined)

/** An address of the console: relative, with its query. */
export const address = (path: string, query: AddressQuery) => `${path}?${new URLSearchParams(asked(query)).toString()}`

/** What a form hands on unseen. */
export const hiddenInputs = (query: AddressQuery): Html[] =>
  asked(query).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)
