import { createHash } from 'node:crypto'
import type { Right } from '../platform/auth.ts'
import { html, trusted, type Html } from './html.ts'
import { script } from './script.ts'
import { style } from './style.ts'
import type { Language, Words } from './words.ts'

/** What a page of the console is made of; the frame puts menu, language and person around it. */
export interface Page {
  readonly title: Words
  readonly body: Html
  /** Seconds after which it loads again by itself: for a page that shows work going on, and has nothing to type in. */
  readonly refresh?: number
  /** HTTP status; 200 when left out. */
  readonly status?: number
}

export interface MenuEntry {
  /** Relative, as all addresses of the console are: a proxy may put a path in front of them. */
  readonly path: string
  readonly words: Words
  readonly right: Right
  /** It is not in the menu of whoever has this one. */
  readonly without?: Right
}

export interface Framing {
  readonly language: Language
  /** Null: nobody is signed in. */
  readonly person: { readonly name: string } | null
  readonly menu: readonly MenuEntry[]
  /** The page's own path and query, without a language; null where the address alone does not show it, after a form. */
  readonly here: { readonly path: string; readonly query: string } | null
}

const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

/** Nothing is loaded from anywhere; our own style and script are allowed by their hashes, forms go to us alone. */
export const consolePolicy = [
  "default-src 'none'",
  `style-src ${hashOf(style)}`,
  `script-src ${hashOf(script)}`,
  // Pages that renew themselves listen to us alone.
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ')

/** Built apart: a space more between the tags and the hashes would no longer match. */
const styleElement = trusted(`<style>${style}</style>`)
const scriptElement = trusted(`<script>${script}</script>`)

const words = {
  product: { vi: 'Đồng bộ DVCQG', en: 'DVCQG sync' },
  signOut: { vi: 'Đăng xuất', en: 'Sign out' },
  menu: { vi: 'Trình đơn', en: 'Menu' },
} as const

export function renderFrame({ title, body, refresh }: Page, framing: Framing): string {
  const { language } = framing
  const page = html`<!doctype html>
    <html lang="${language}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        ${refresh !== undefined && framing.here && html`<meta http-equiv="refresh" content="${refresh}; url=${unattended(framing.here)}" />`}
        <title>${title[language]} – ${words.product[language]}</title>
        ${styleElement}
      </head>
      <body class="show-${language}">
        ${top(framing)}
        <main>
          <h1>${title[language]}</h1>
          ${body}
        </main>
        ${scriptElement}
      </body>
    </html> `
  return page.text
}

/** A parameter of addresses that a page asks for by itself: it keeps nobody signed in. */
export const byItself = 'by-itself'

const unattended = ({ path, query }: { readonly path: string; readonly query: string }) =>
  `${path}?${[query, `${byItself}=1`].filter((part) => part !== '').join('&')}`

/** A page as a file of its own: it loads nothing, and runs nothing. */
export function renderFile({ title, body }: Page, language: Language): string {
  const policy = `default-src 'none'; style-src ${hashOf(style)}`
  return html`<!doctype html>
    <html lang="${language}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <title>${title[language]}</title>
        ${styleElement}
      </head>
      <body class="show-${language}">
        <main>
          <h1>${title[language]}</h1>
          ${body}
        </main>
      </body>
    </html> `.text
}

function top(framing: Framing): Html {
  const { language, person, menu, here } = framing
  return html`<div class="top">
    <strong>${words.product[language]}</strong>
    ${
      menu.length > 0 &&
      menuButton(
        language,
        menu.find(({ path }) => path === here?.path),
      )
    }
    <nav aria-label="${words.menu[language]}">
      ${menu.map(
        (entry) =>
          html`<a href="${entry.path}" ${entry.path === here?.path && trusted('aria-current="page"')}
            >${entry.words[language]}</a
          >`,
      )}
    </nav>
    ${
      here &&
      html`<span class="languages"
        >${languageLink(language, here, 'vi', 'Tiếng Việt')}${languageLink(language, here, 'en', 'English')}</span
      >`
    }
    ${
      person &&
      html`<form method="post" action="sign-out" class="person">
        <span>${person.name}</span> <button class="plain">${words.signOut[language]}</button>
      </form>`
    }
  </div>`
}

/** On a phone the menu is folded until this is ticked: a page begins with its content. Wider screens have no such button. */
const menuButton = (language: Language, current: MenuEntry | undefined): Html =>
  html`<input class="switch unmenu" type="checkbox" id="menu" /><label class="menu-button" for="menu"
      >☰ ${current?.words[language] ?? words.menu[language]}</label
    >`

function languageLink(language: Language, here: NonNullable<Framing['here']>, code: Language, name: string): Html {
  const query = new URLSearchParams(here.query)
  query.set('lang', code)
  return html`<a
    href="${here.path}?${query.toString()}"
    lang="${code}"
    ${code === language && trusted('aria-current="true"')}
    >${name}</a
  >`
}
