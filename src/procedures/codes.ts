import { decodeHTML } from 'entities'
import { z } from 'zod'

/**
 * How sure a national code was read out of a local one. `exact` and `suffixed` (an organisation behind it) are forms of the
 * portal (spec 9.4); `untidy` has all digits but spaces, dots or marks too many; the digits of the others are a guess:
 * `damaged` lost its last zeros or its dot in a spreadsheet, `embedded` stands inside other text.
 */
export type CodeForm = 'exact' | 'suffixed' | 'untidy' | 'damaged' | 'embedded'

export interface ReadCode {
  /** The code as people see it: entities decoded, NFC, no invisible or doubled spaces. */
  readonly text: string
  /** The national code that stands in it; null when there is none, or more than one. */
  readonly national: string | null
  readonly form: CodeForm | null
  /** The organisation behind the code (`H56`), when it names one. */
  readonly organisation: string | null
}

const exactForm = /^[1-9]\.\d{6}$/
const suffixedForm = /^([1-9]\.\d{6})(?:\.\d{2,3})*\.([GH]\d{2})(?:\.\d+)*$/
/** All seven digits, whatever stands between them, then nothing, punctuation or an organisation. */
const untidyForm =
  /^[^\p{L}\d]*([1-9])\s?[.,]\s?(\d{3})\s?[.,]?\s?(\d{3})(?:(?:[.\-\s]+\d{2,3})*[.\-\s]*\b([GH]\d{2})(?:[.\-\s]\d+)*)?[^\p{L}\d]*$/u
/** A code of the national catalogue, as input has to write it. */
export const NationalCode = z.string().regex(exactForm, { message: 'A national code looks like 1.000001' })
/** A number of a spreadsheet: `1.00065` was `1.000650`, `1000656` was `1.000656`. */
const lostZeros = /^([1-9])[.,](\d{3,5})$/
const lostDot = /^([1-9])(\d{6})$/
const embeddedForm = /(?<![\p{L}\d.])([1-9]\.\d{6})(?!\d)/gu

/** Spaces and signs that no eye sees, and what stands for a space. */
const invisible = /[\u00AD\u200B-\u200D\u2060\uFEFF]/g

/** Text as people see it: entities decoded, one composed form (NFC), no invisible signs, single spaces. */
export function tidyText(text: string): string {
  const decoded = text.includes('&') ? decodeHTML(text) : text
  return decoded.normalize('NFC').replace(invisible, '').replace(/\s+/g, ' ').trim()
}

/** The forms of the portal itself, to the letter: what a dossier may be sent by without anybody looking at a name. */
export function portalForm(code: string): { readonly national: string; readonly form: 'exact' | 'suffixed' } | null {
  if (exactForm.test(code)) return { national: code, form: 'exact' }
  const suffixed = suffixedForm.exec(code)
  return suffixed ? { national: suffixed[1]!, form: 'suffixed' } : null
}

/** Reads a local procedure code in any of the shapes that provinces' lists have. Never throws. */
export function readCode(code: string): ReadCode {
  const text = tidyText(code)
  const plain = text.toUpperCase()
  const known = portalForm(plain)
  if (known) return { text, ...known, organisation: suffixedForm.exec(plain)?.[2] ?? null }
  const untidy = untidyForm.exec(plain)
  if (untidy)
    return {
      text,
      national: `${untidy[1]}.${untidy[2]}${untidy[3]}`,
      form: 'untidy',
      organisation: untidy[4] ?? null,
    }
  return { text, organisation: null, ...guessed(plain) }
}

function guessed(plain: string): Pick<ReadCode, 'national' | 'form'> {
  const zeros = lostZeros.exec(plain)
  if (zeros) return { national: `${zeros[1]}.${zeros[2]!.padEnd(6, '0')}`, form: 'damaged' }
  const dot = lostDot.exec(plain)
  if (dot) return { national: `${dot[1]}.${dot[2]}`, form: 'damaged' }
  const inside = new Set([...plain.matchAll(embeddedForm)].map((match) => match[1]!))
  const [only] = inside
  return inside.size === 1 ? { national: only!, form: 'embedded' } : { national: null, form: null }
}

/** All seven digits are there, so the code may decide without a person. */
export const isCertain = (form: CodeForm | null): boolean =>
  form === 'exact' || form === 'suffixed' || form === 'untidy'
