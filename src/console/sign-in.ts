import { problemDocument, type Refusal } from '../platform/problems.ts'
import type { Page } from './frame.ts'
import { address, html } from './html.ts'
import { causeWords, sayIn, type Language } from './words.ts'

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

/** The page on which signing in ends when a form waits elsewhere. */
export const besideForm = 'signed-in'

/**
 * The answer to a form that came when its session had ended: it keeps what was typed. The person signs in beside it, because the answer to
 * a key must never be a page that a browser could send again, and then sends the form again by hand.
 */
export function keptPage(language: Language, action: string, form: unknown): Page {
  const say = sayIn(language)
  const fields = Object.entries((form ?? {}) as Readonly<Record<string, string | readonly string[]>>)
  return {
    title: { vi: 'Cần đăng nhập lại', en: 'Sign in again' },
    status: 401,
    body: html`<section class="note bad" role="alert">
        <p><strong>${causeWords('signed-out').cause[language]}</strong></p>
        <p>${say('Những gì bạn đã nhập vẫn được giữ trong trang này.', 'What you typed is kept in this page.')}</p>
        <p class="soft"><code>signed-out</code></p>
      </section>
      <section>
        <p>
          1.
          <a href="${address('sign-in', { next: besideForm })}" target="_blank"
            >${say('Đăng nhập lại trong thẻ mới', 'Sign in again in a new tab')}</a
          >
        </p>
        <form method="post" action="${action}">
          ${fields.map(([name, value]) =>
            [value].flat().map((one) => html`<input type="hidden" name="${name}" value="${one}" />`),
          )}
          <p>2. ${say('Quay lại thẻ này rồi gửi lại:', 'Come back to this tab and send it again:')}</p>
          <p><button>${say('Gửi lại những gì đã nhập', 'Send what was typed')}</button></p>
        </form>
      </section>`,
  }
}

export const besideFormPage = (language: Language): Page => ({
  title: { vi: 'Đã đăng nhập', en: 'Signed in' },
  body: html`<section class="note">
    <p>
      ${sayIn(language)(
        'Đóng thẻ này, quay lại thẻ trước rồi gửi lại những gì đã nhập.',
        'Close this tab, go back to the one before, and send what was typed.',
      )}
    </p>
  </section>`,
})
