import { abbreviations } from '../../config/mapping-words.ts'
import { tidyText } from './codes.ts'

/**
 * Vietnamese procedure names, read so that two ways to write one name become one: NFC, entities, both tone styles (hòa,
 * hoà), both spellings of i (kỹ, kĩ), short forms, and what lists put around a name ("Thủ tục", numbers, "Mã TTHC").
 */
export interface ReadName {
  /** Lower case, short forms written out, nothing around it: what is compared and shown. */
  readonly text: string
  /** Its syllables, each with its tone as a digit behind, and the signs , ; / ( ) between them as words of their own. */
  readonly parts: readonly string[]
  /** The syllables alone. Equal for two names that say the same. */
  readonly words: readonly string[]
}

const tones: Readonly<Record<string, string>> = {
  '\u0300': '1',
  '\u0301': '2',
  '\u0303': '3',
  '\u0309': '4',
  '\u0323': '5',
}

/**
 * One syllable (lower case, NFC) with its tone moved behind: `hòa` and `hoà` are `hoa1`. After h, k, l, m, s, t and qu, y is
 * i, because both are written (kỹ, kĩ). Numbers stay as they are.
 */
export function syllable(word: string): string {
  let tone = ''
  let letters = ''
  for (const sign of word.normalize('NFD')) {
    const found = tones[sign]
    if (found === undefined) letters += sign
    else tone = found
  }
  letters = letters.normalize('NFC')
  if (/^(?:[hklmst]|qu)y$/.test(letters)) letters = `${letters.slice(0, -1)}i`
  return letters + tone
}

/** The syllable without tone and marks, as it is typed in a hurry: `hoa1` and `hóa` are `hoa`, `đất` is `dat`. */
export function folded(part: string): string {
  if (/^\d/.test(part)) return part
  return part
    .normalize('NFD')
    .replace(/[\u0300-\u036f\d]/g, '')
    .replaceAll('đ', 'd')
}

const letter = String.raw`[\p{L}\p{M}\d]`
const shortForms = Object.keys(abbreviations).toSorted((a, b) => b.length - a.length)
const shortForm = new RegExp(`(?<!${letter})(?:${shortForms.join('|')})(?!${letter})`, 'gu')

/** What lists put before a name, again and again: "II.", "3)", "Quy trình số: 03", "Thủ tục hành chính:". */
const before = [
  /^(?:lĩnh vực|phụ lục)\b[^:.]{0,80}[:.]\s*/u,
  /^[[(]?(?:\d{1,3}(?:\.\d{1,2})*|[ivx]{1,5}|[a-h])\s?[.)\]:]\s+/u,
  /^[-+•*·–]\s*/u,
  /^quy trình số\s*:?\s*\d+\s*/u,
  /^quy trình (?:nội bộ )?(?:giải quyết )?(?:thủ tục hành chính\s*:?\s*)?/u,
  /^thủ tục(?: hành chính)?\s*:?\s+/u,
]
/** Where the name begins in a heading that was pasted together with it. */
const heading = /^.{0,300}?\bquy trình số\s*:?\s*\d+\s+/u
/** What lists put behind a name: footnotes, stars, the word for a code whose number is in the next column, punctuation. */
const behind = [
  /[\s(–\-:.,;]*\bmã (?:số )?(?:thủ tục hành chính|thủ tục|tthc)\b[\s:]*[\d.h]*\)?$/u,
  /\[\d+\]$/u,
  /(?:^|\s)\(\d\)$/u,
  /[\s.,;:*…\-–]+$/u,
]

/** "ngày 01 tháng 8 năm 2024", "01/8/2024" and "1-8-2024" are one day. */
const longDay = /(?<!\d)0?(\d{1,2}) tháng 0?(\d{1,2}) năm (\d{4})/gu
const shortDay = /(?<!\d)0?(\d{1,2})\s?[/-]\s?0?(\d{1,2})\s?[/-]\s?(\d{4})/gu

const stripped = (text: string, patterns: readonly RegExp[]): string => {
  const once = patterns.reduce((left, pattern) => left.replace(pattern, ''), text)
  return once === text || once === '' ? text : stripped(once, patterns)
}

/** The longest name of the national catalogue has 1,100 signs; what follows far behind names nothing more. */
const longest = 2_000

/** Reads a name in any of the shapes that lists have. Never throws; a name without letters has no words. */
export function readName(name: string): ReadName {
  const plain = tidyText(name.slice(0, longest)).toLowerCase().replaceAll('ð', 'đ').replace(/[–—]/g, '-')
  const whole = plain
    .replace(shortForm, (short) => abbreviations[short]!)
    .replace(longDay, '$1/$2/$3')
    .replace(shortDay, '$1/$2/$3')
  const text = stripped(stripped(whole.replace(heading, ''), before), behind)
  const parts = (text.match(/[\p{L}\p{M}]+|\d+(?:[./]\d+)*|[,;/()]/gu) ?? []).map(syllable)
  return { text, parts, words: parts.filter((part) => !/^[,;/()]$/.test(part)) }
}
