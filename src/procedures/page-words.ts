import { dayWords, type Say, type Words } from '../console/words.ts'
import { levelNames, type Level } from '../organisations/model.ts'
import type { Image, Settlement, Wish } from './decisions.ts'
import type { Standing } from './local.ts'
import type { Decision } from './suggest.ts'

/** What pages about codes say. */

export const settlementWords: Readonly<Record<Settlement, Words>> = {
  'no-national-code': { vi: 'Không có mã quốc gia', en: 'Has no national code' },
  'ask-ministry': { vi: 'Hỏi bộ, ngành', en: 'Ask the ministry' },
  later: { vi: 'Để sau', en: 'Later' },
}

export const standingWords: Readonly<Record<Exclude<Standing, 'unmapped'> | 'open', Words>> = {
  open: { vi: 'Cần xử lý', en: 'To do' },
  settled: { vi: 'Đã có ý kiến', en: 'Answered' },
  mapped: { vi: 'Đã ánh xạ', en: 'Mapped' },
  inside: { vi: 'Mã trùng mã quốc gia', en: 'National codes' },
}

export const decisionWords: Readonly<Record<Decision, Words>> = {
  accept: { vi: 'Chắc chắn', en: 'Certain' },
  review: { vi: 'Cần xem', en: 'To review' },
  none: { vi: 'Không rõ', en: 'Not clear' },
}

/** Whom and when a mapping holds for. */
export function scopeWords(
  say: Say,
  scope: {
    readonly source: string | null
    readonly agencyCode: string | null
    readonly level: string | null
    readonly validFrom: string | null
    readonly validTo: string | null
  },
): string {
  const { source, agencyCode, level, validFrom, validTo } = scope
  const parts = [
    ...(source === null ? [] : [say(`hệ thống ${source}`, `system ${source}`)]),
    ...(agencyCode === null ? [] : [say(`cơ quan ${agencyCode}`, `agency ${agencyCode}`)]),
    ...(level === null ? [] : [say(levelNames[level as Level].vi, levelNames[level as Level].en)]),
    ...(validFrom === null ? [] : [say(`tiếp nhận từ ${dayWords(validFrom)}`, `received from ${dayWords(validFrom)}`)]),
    ...(validTo === null ? [] : [say(`tiếp nhận trước ${dayWords(validTo)}`, `received before ${dayWords(validTo)}`)]),
  ]
  return parts.length === 0 ? say('mọi cơ quan, mọi thời gian', 'all agencies, all times') : parts.join(', ')
}

export const scopeOf = (image: Image) => ({
  source: image['source'] ?? null,
  agencyCode: image['agency_code'] ?? null,
  level: image['level'] ?? null,
  validFrom: image['valid_from'] ?? null,
  validTo: image['valid_to'] ?? null,
})

/** A wish as a sentence without its local code. */
export function wishWords(say: Say, wish: Wish): string {
  if (wish.verdict === 'accept') {
    const { nationalCode } = wish.mapping
    const scope = scopeWords(say, wish.mapping)
    return say(`là ${nationalCode} (${scope})`, `means ${nationalCode} (${scope})`)
  }
  if (wish.verdict === 'withdraw')
    return say(`không phải ${wish.mapping.nationalCode}: bỏ hẳn`, `never meant ${wish.mapping.nationalCode}: removed`)
  if (wish.verdict === 'end')
    return say(
      `hết là ${wish.mapping.nationalCode} từ ${dayWords(wish.before)}`,
      `means ${wish.mapping.nationalCode} no more from ${dayWords(wish.before)}`,
    )
  if (wish.verdict === 'reject') return say(`không phải ${wish.nationalCode}`, `does not mean ${wish.nationalCode}`)
  if (wish.verdict === 'reopen') return say('mở lại', 'is open again')
  const { vi, en } = settlementWords[wish.verdict]
  return say(vi.toLowerCase(), en.toLowerCase())
}

/** What a decision did to one row. */
export function changeWords(say: Say, before: Image | null, after: Image | null, kind: 'mapping' | 'verdict'): string {
  const said = (image: Image) => {
    if (kind === 'mapping') return `${image['national_code']} (${scopeWords(say, scopeOf(image))})`
    if (image['verdict'] === 'rejected')
      return say(`không phải ${image['national_code']}`, `not ${image['national_code']}`)
    const { vi, en } = settlementWords[image['verdict'] as Settlement]
    return say(vi, en)
  }
  if (before && after) return `${said(before)} → ${said(after)}`
  return after ? `+ ${said(after)}` : `− ${said(before!)}`
}
