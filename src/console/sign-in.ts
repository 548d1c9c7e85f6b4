import { problemDocument, type Refusal } from '../platform/problems.ts'
import type { Page } from './frame.ts'
import { html } from './html.ts'
import type { Language } from './words.ts'

const words = {
  title: { vi: 'Đăng nhập', en: 'Sign in' },
  key: { vi: 'Khóa cá nhân', en: 'Your personal key' },
  how: {
    vi: 'Người quản trị máy chủ cấp khóa cho từng người bằng lệnh dưới đây; khóa chỉ hiện một lần. Mọi việc làm ở đây được ghi theo người giữ khóa.',
    en: 'Whoever runs the server makes one for each person with the command below; it is shown once. Everything done here is recorded under it.',
  },
  enter: { vi: 'Vào', en: 'Enter' },
} as const

/** `next`: an address of the console to go on to, or nothing. */
export function signInPage(language: Language, next: string, refusal?: Refusal): Page {
  const problem = refusal && problemDocument(refusal)
  return {
    title: words.title,
    status: problem?.status ?? 200,
    body: html`<section class="narrow">
      ${
        problem &&
        html`<p class="bad" role="alert"><strong>${problem.cause[language]}</strong> ${problem.next[language]}</p>`
      }
      <form method="post" action="sign-in">
        <input type="hidden" name="next" value="${next}" />
        <label
          >${words.key[language]}
          <input name="key" type="password" autocomplete="current-password" required autofocus spellcheck="false"
        /></label>
        <p><button>${words.enter[language]}</button></p>
      </form>
      <p class="soft">${words.how[language]}</p>
      <p><code>dvcqg keys create --person --name "Nguyễn Thị A"</code></p>
    </section>`,
  }
}
