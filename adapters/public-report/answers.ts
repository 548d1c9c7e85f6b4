import type { FailureCode } from '../../config/failures.ts'
import type { PublicReportMap } from '../../config/public-figures.ts'
import type { RawAnswer } from './line.ts'

/** What an answer means. */
export type Judgement =
  | { readonly ok: true; readonly data: Readonly<Record<string, unknown>>; readonly size: number }
  | {
      readonly ok: false
      readonly code: FailureCode
      readonly detail: string
      /** The same call may succeed a little later. */
      readonly again: boolean
      /** Milliseconds that the portal asks for. */
      readonly retryAfter: number
    }

const failed = (code: FailureCode, detail: string, again: boolean, retryAfter = 0): Judgement => ({
  ok: false,
  code,
  detail,
  again,
  retryAfter,
})

const away: ReadonlySet<number> = new Set([403, 406, 429])

export function judge(answer: RawAnswer, ok: PublicReportMap['ok']): Judgement {
  if ('trouble' in answer) {
    if (answer.trouble === 'unreachable') return failed('figures-unreachable', 'No answer came', true)
    const isCut = answer.trouble === 'cut'
    return failed('figures-unreadable', isCut ? 'The answer was cut off' : 'The answer is too long', isCut)
  }
  const { status, type, text, retryAfter } = answer
  const isPage = /\bhtml\b/i.test(type) || /^\s*</.test(text)
  if (away.has(status) || status >= 500 || (isPage && status < 300))
    return failed('figures-blocked', awayWords(status, text), true, secondsOf(retryAfter) * 1000)
  if (status < 200 || status >= 300) return failed('figures-unreadable', `HTTP ${status}`, false)
  return judgeBody(text, ok)
}

function judgeBody(text: string, ok: PublicReportMap['ok']): Judgement {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return failed('figures-unreadable', 'The answer is not whole JSON', true)
  }
  if (!isSound(body))
    return failed('figures-unreadable', 'The answer is too deep, or holds signs that are no text', false)
  if (!isRecord(body)) return failed('figures-unreadable', 'The answer is not an object', false)
  const { code, message, data } = body
  if (!ok.some((one) => one === code))
    return failed('figures-refused', `code ${shortly(code)}: ${shortly(message)}`, false)
  if (!isRecord(data)) return failed('figures-unreadable', 'The answer has no data', false)
  return { ok: true, data, size: text.length }
}

/** Lists in lists; a report has some five. */
const deepest = 100

/** Whether it can be compared and kept: what is nested without an end ends whoever follows it, and the ledger takes no sign that is none. */
function isSound(body: unknown): boolean {
  const open: [value: unknown, depth: number][] = [[body, 0]]
  for (let next = open.pop(); next; next = open.pop()) {
    const [value, depth] = next
    if (typeof value === 'string' && !isText(value)) return false
    if (typeof value !== 'object' || value === null) continue
    if (depth === deepest) return false
    for (const [key, inner] of Object.entries(value)) {
      if (!isText(key)) return false
      open.push([inner, depth + 1])
    }
  }
  return true
}

const isText = (text: string) => !text.includes('\u0000') && text.isWellFormed()

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Administrators of a firewall find a refusal by its support id. */
function awayWords(status: number, text: string): string {
  const [, id] = /support id(?: is)?:?\s*(?:<[^>]*>\s*)*([\w-]{4,40})/i.exec(text.slice(0, 20_000)) ?? []
  return `HTTP ${status}${id === undefined ? '' : `, support id ${id}`}`
}

const secondsOf = (header: string | null) => (header !== null && /^\d{1,6}$/.test(header.trim()) ? Number(header) : 0)

/** What comes from outside, short and on one line. */
const shortly = (value: unknown): string =>
  (typeof value === 'string' ? value : (JSON.stringify(value) ?? '–')).replace(/[\p{C}\s]+/gu, ' ').slice(0, 200)
