import { failures, type Failure } from '../../config/failures.ts'

export type Language = 'vi' | 'en'
export type Words = Readonly<Record<Language, string>>

/** Says the one of two texts that belongs to a page's language. */
export type Say = (vi: string, en: string) => string
export const sayIn =
  (language: Language): Say =>
  (vi, en) =>
    language === 'vi' ? vi : en

/** 77.240 in Vietnamese, 77,240 in English. */
export function countWords(count: number): Words {
  const grouped = (separator: string) => String(count).replace(/\B(?=(\d{3})+$)/g, separator)
  return { vi: grouped('.'), en: grouped(',') }
}

/** 44,2 % in Vietnamese, 44.2 % in English; a dash when there is nothing to speak of. */
export function percentWords(percent: number | null): Words {
  if (percent === null) return { vi: '–', en: '–' }
  const text = percent.toFixed(1)
  return { vi: `${text.replace('.', ',')} %`, en: `${text} %` }
}

/** The share of a part; a part that exists is never shown as nothing. */
export function shareWords(share: number, count: number): Words {
  if (share > 0 || count === 0) return percentWords(share)
  return { vi: '< 0,1 %', en: '< 0.1 %' }
}

/** dd/MM/yyyy, as dates are written in Vietnam, from `yyyy-MM-dd`. */
export const dayWords = (date: string) => date.split('-').toReversed().join('/')

/** MM/yyyy, from `yyyy-MM`. */
export const monthWords = (month: string) => dayWords(month)

/** dd/MM/yyyy HH:mm in Vietnam's time. */
export function momentWords(instant: string): string {
  const local = new Date(Date.parse(instant) + 7 * 3_600_000).toISOString()
  return `${dayWords(local.slice(0, 10))} ${local.slice(11, 16)}`
}

/** dd/MM/yyyy HH:mm:ss in Vietnam's time: calls follow one another within a minute. */
export function secondWords(instant: string): string {
  return `${momentWords(instant)}:${instant.slice(17, 19)}`
}

/** 250 ms; 1,2 s in Vietnamese, 1.2 s in English. */
export function spanWords(milliseconds: number): Words {
  if (milliseconds < 1000) return { vi: `${milliseconds} ms`, en: `${milliseconds} ms` }
  const seconds = (milliseconds / 1000).toFixed(1)
  return { vi: `${seconds.replace('.', ',')} giây`, en: `${seconds} s` }
}

/** An age in the largest unit that says enough. */
export function ageWords(seconds: number): Words {
  const units = [
    [90, 1, 'giây', 's'],
    [5_400, 60, 'phút', 'min'],
    [172_800, 3_600, 'giờ', 'h'],
    [Number.POSITIVE_INFINITY, 86_400, 'ngày', 'd'],
  ] as const
  const [, length, vi, en] = units.find(([below]) => seconds < below)!
  const count = Math.round(seconds / length)
  return { vi: `${count} ${vi}`, en: `${count} ${en}` }
}

export interface CauseWords {
  readonly cause: Words
  readonly next: Words
}

/** The cause in plain words and the next step; an unknown code speaks for itself. */
export function causeWords(code: string): CauseWords {
  const known: Failure | undefined = Object.hasOwn(failures, code) ? failures[code as keyof typeof failures] : undefined
  if (known === undefined)
    return {
      cause: { vi: code, en: code },
      next: { vi: 'Xem chi tiết của từng hồ sơ.', en: 'Look at the detail of each dossier.' },
    }
  return {
    cause: { vi: known.vi.cause, en: known.en.cause },
    next: { vi: known.vi.next, en: known.en.next },
  }
}
