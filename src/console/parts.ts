import { html, type Html } from './html.ts'
import { momentWords } from './words.ts'

/** A column that holds numbers is set to the right. */
export type Head = string | { readonly number: string }

/** A table that moves sideways on its own where the screen is narrow. The first cell of a row names it. */
export const table = (title: string, heads: readonly Head[], rows: readonly (readonly (Html | string)[])[]): Html =>
  html`<div class="scroll" tabindex="0" role="region" aria-label="${title}">
    <table>
      <thead>
        <tr>
          ${heads.map((head) => html`<th scope="col" class="${classOf(head)}">${typeof head === 'string' ? head : head.number}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ([name, ...cells]) =>
            html`<tr>
              <th scope="row">${name}</th>
              ${cells.map((cell, index) => html`<td class="${classOf(heads[index + 1])}">${cell}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`

const classOf = (head: Head | undefined) => (typeof head === 'object' ? 'number' : '')

export const section = (title: string, ...body: (Html | false)[]): Html =>
  html`<section>
    <h2>${title}</h2>
    ${body}
  </section>`

export const code = (text: string): Html => html`<code>${text}</code>`

/** A name that is read in one piece. */
export const inOnePiece = (text: string): Html => html`<code class="time">${text}</code>`

export const moment = (at: Date | null | undefined): Html =>
  html`<span class="time">${at ? momentWords(at.toISOString()) : '–'}</span>`

/** How something is changed: not here, but by whoever runs the server. */
export const command = (words: string, ...lines: string[]): Html =>
  html`<p class="soft">${words} ${lines.map((line) => html`<code>${line}</code> `)}</p>`

export const tag = (kind: 'accept' | 'review' | 'none', text: string): Html =>
  html`<span class="tag ${kind}">${text}</span>`
