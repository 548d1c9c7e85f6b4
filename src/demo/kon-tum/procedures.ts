import type { Level } from '../../organisations/model.ts'
import { published } from './figures.ts'
import { Random } from './random.ts'
import type { AgencyRow, NationalRow } from './tables.ts'

/**
 * How a local code relates to the national one. `exact` and `suffixed` are understood as they are; the others need a
 * mapping: a space inside, an extra dot, a spreadsheet number that lost its last zeros, and the province's own forms.
 */
type Shape = 'exact' | 'suffixed' | 'spaced' | 'dotted' | 'rounded' | 'own'

export interface LocalProcedure {
  readonly code: string
  readonly name: string
  readonly level: Exclude<Level, 'ministry'>
  /** The department in charge of it, also for what districts and communes handle. */
  readonly agencyCode: string
  /** The truth; null when it has no national counterpart. */
  readonly nationalCode: string | null
  readonly shape: Shape
  /** Level of the online service; 2 = forms to print. */
  readonly onlineLevel: 2 | 3 | 4
  /** Published nationally in the middle of 2020. Only where the code is understood as it is. */
  readonly publishedLate: boolean
}

type ProvinceLevel = LocalProcedure['level']
export const provinceLevels: readonly ProvinceLevel[] = ['province', 'district', 'commune']

/** What only this province does: no national procedure stands behind it. Invented. */
const provincial: Readonly<Record<ProvinceLevel, readonly (readonly [department: string, name: string])[]>> = {
  province: [
    ['SNNPTNT', 'Hỗ trợ phát triển cây Sâm Ngọc Linh theo Nghị quyết của Hội đồng nhân dân tỉnh'],
    ['SKHDT', 'Hỗ trợ lãi suất vay vốn cho hộ sản xuất cà phê xứ lạnh theo chính sách của tỉnh'],
    ['SVHTTDL', 'Hỗ trợ phục dựng nhà rông truyền thống'],
    ['SNV', 'Chính sách thu hút bác sĩ về công tác tại tỉnh'],
    ['SKHCN', 'Hỗ trợ bộ nhận diện sản phẩm mang thương hiệu của tỉnh'],
  ],
  district: [
    ['SNNPTNT', 'Hỗ trợ giống dược liệu cho hộ đồng bào theo Đề án của huyện'],
    ['SLDTBXH', 'Hỗ trợ làm nhà ở từ quỹ vận động của huyện'],
    ['SGDDT', 'Hỗ trợ học sinh bán trú theo chính sách của tỉnh'],
  ],
  commune: [
    ['SLDTBXH', 'Xác nhận hưởng hỗ trợ gạo theo chính sách của tỉnh'],
    ['SVHTTDL', 'Hỗ trợ tổ chức lễ hội của thôn làng'],
  ],
}

const shares: readonly (readonly [Shape, number])[] = [
  ['spaced', 0.04],
  ['dotted', 0.04],
  ['own', 0.2],
  ['suffixed', 0.2],
]
const roundedShare = 0.04
const lateShare = 0.18
/** A small province still has every shape at every level. */
const smallest = 12

export function makeProcedures(
  agencies: readonly AgencyRow[],
  national: readonly NationalRow[],
  options: { seed: number; scale: number },
): LocalProcedure[] {
  const random = new Random(options.seed, 'procedures')
  const departments = new Map(agencies.filter((row) => row.abbreviation).map((row) => [row.abbreviation, row.code]))
  const own = ownCodes()
  const plain = provinceLevels.flatMap((level) => {
    const rows = random.shuffle(national.filter((row) => row.level === level))
    const count = Math.max(smallest, Math.round(published.procedures[level] * options.scale))
    const none = provincial[level].slice(0, Math.max(1, Math.round(provincial[level].length * options.scale)))
    return [
      ...withNational(rows, count - none.length).map(({ row, shape }) => ({
        code: shape === 'own' ? own(row.department, level, random) : localCode(row.national_code, shape, random),
        name: localName(row.name, level, random),
        level,
        agencyCode: departments.get(row.department)!,
        nationalCode: row.national_code,
        shape,
      })),
      ...none.map(([department, name]) => ({
        code: own(department, level, random),
        name,
        level,
        agencyCode: departments.get(department)!,
        nationalCode: null,
        shape: 'own' as const,
      })),
    ]
  })
  return withPublication(withOnlineLevels(plain, random, options.scale), random)
}

/** Each level has its share of every shape; a code can only lose a zero that it has. */
function withNational(rows: readonly NationalRow[], count: number): { row: NationalRow; shape: Shape }[] {
  const rounded = rows
    .filter((row) => row.national_code.endsWith('0'))
    .slice(0, Math.max(1, Math.round(count * roundedShare)))
  const others = rows.filter((row) => !rounded.includes(row)).slice(0, count - rounded.length)
  const shapes = shares.flatMap(([shape, share]) => Array<Shape>(Math.max(1, Math.round(count * share))).fill(shape))
  return [
    ...rounded.map((row) => ({ row, shape: 'rounded' as const })),
    ...others.map((row, index) => ({ row, shape: shapes[index] ?? ('exact' as const) })),
  ]
}

function localCode(national: string, shape: Exclude<Shape, 'own'>, random: Random): string {
  const [kind, number] = national.split('.') as [string, string]
  const [head, tail] = [number.slice(0, 3), number.slice(3)]
  const forms: Record<typeof shape, readonly [usual: string, other: string]> = {
    exact: [national, national],
    suffixed: [`${national}.000.00.00.H34`, `${national}.H34`],
    spaced: [`${kind}. ${number}`, `${kind}.${head} ${tail}`],
    dotted: [`${kind}.${head}.${tail}`, `${national}.`],
    rounded: [String(Number(national)), String(Number(national))],
  }
  const [usual, other] = forms[shape]
  return random.chance(0.65) ? usual : other
}

/** The province's own forms, numbered per form, department and level: `2018.CT.12`, `2019.TP.CX.04`, `KTM-STNMT-014`, `2020STTTT_CT06`. */
function ownCodes(): (department: string, level: ProvinceLevel, random: Random) => string {
  const numbers = new Map<string, number>()
  const tags: Record<ProvinceLevel, string> = { province: '', district: 'CH.', commune: 'CX.' }
  return (department, level, random) => {
    const form = random.next()
    const year = random.between(2018, 2020)
    const prefix =
      form < 0.6
        ? `${year}.${department.replace(/^S/, '')}.${tags[level]}`
        : form < 0.85
          ? `KTM-${department}-`
          : `${year}${department}_CT`
    const number = (numbers.get(prefix) ?? 0) + 1
    numbers.set(prefix, number)
    return prefix + String(number).padStart(prefix.startsWith('KTM') ? 3 : 2, '0')
  }
}

const levelWords: Readonly<Record<ProvinceLevel, string>> = {
  province: 'cấp tỉnh',
  district: 'cấp huyện',
  commune: 'cấp xã',
}
/** The other place of the tone mark: hòa and hoà are the same word. */
const toneStyles: readonly (readonly [string, string])[] = [
  ['òa', 'oà'],
  ['óa', 'oá'],
  ['ỏa', 'oả'],
  ['ọa', 'oạ'],
  ['ủy', 'uỷ'],
  ['úy', 'uý'],
  ['ụy', 'uỵ'],
]

/** The name as a provincial list would print it: nothing changes its meaning, everything defeats a comparison by letter. */
export function localName(national: string, level: ProvinceLevel, random: Random): string {
  let name = national
  if (!/^thủ tục/i.test(name)) {
    if (random.chance(0.28)) name = `Thủ tục ${name.charAt(0).toLowerCase()}${name.slice(1)}`
    else if (random.chance(0.1)) name = `Thủ tục: ${name}`
  }
  if (random.chance(0.12)) name += random.chance(0.6) ? ` (${levelWords[level]})` : ` - ${levelWords[level]}`
  if (random.chance(0.25)) for (const [one, other] of toneStyles) name = name.replaceAll(one, other)
  if (random.chance(0.1)) name = name.replace(/ (?=\S+$)/, '  ')
  if (random.chance(0.1)) name += random.chance(0.6) ? ';' : '.'
  if (random.chance(0.05)) name = name.replaceAll('(', '&#40;').replaceAll(')', '&#41;')
  return random.chance(0.03) ? name.normalize('NFD') : name
}

type Unpublished = Omit<LocalProcedure, 'publishedLate'>

function withOnlineLevels(
  procedures: readonly Omit<Unpublished, 'onlineLevel'>[],
  random: Random,
  scale: number,
): Unpublished[] {
  const full = published.procedures.province + published.procedures.district + published.procedures.commune
  const share = scale === 1 ? 1 : procedures.length / full
  const third = Math.round(published.onlineServices.level3 * share)
  const fourth = Math.round(published.onlineServices.level4 * share)
  const order = random.shuffle(procedures.map((_, index) => index))
  const rank = new Map(order.map((index, position) => [index, position]))
  return procedures.map((procedure, index) => {
    const position = rank.get(index)!
    return { ...procedure, onlineLevel: position < third ? 3 : position < third + fourth ? 4 : 2 }
  })
}

function withPublication(procedures: readonly Unpublished[], random: Random): LocalProcedure[] {
  const understood = procedures.filter((procedure) => procedure.shape === 'exact' || procedure.shape === 'suffixed')
  const late = new Set(random.shuffle(understood).slice(0, Math.max(1, Math.round(understood.length * lateShare))))
  return procedures.map((procedure) => ({ ...procedure, publishedLate: late.has(procedure) }))
}
