import type { Agency } from '../../organisations/model.ts'
import type { DossierChange } from '../../dossiers/model.ts'
import { writeDossiers } from './dossiers.ts'
import { makePlan, makePublication, ProcedureChoice, type Plan } from './plan.ts'
import { makeProcedures, type LocalProcedure } from './procedures.ts'
import { readAgencies, readNational } from './tables.ts'

export { assumed, figuresNote, published } from './figures.ts'

/** Exact by construction: every dossier's fate at the first attempt is decided before it is written, and no dossier has two. */
interface Truth {
  readonly total: number
  readonly online: number
  /** Can be sent before any mapping: code understood, published in time, no defect. */
  readonly resolvable: number
  /** Includes `neverMappable`. */
  readonly noNationalCode: number
  readonly predatesPublication: number
  /** By the failure each dossier ends with. The mapping of act two does not help these. */
  readonly unsendable: Readonly<Record<'invalid-for-portal' | 'missing-for-portal' | 'unknown-agency', number>>
  /** Still without a national code after act two. */
  readonly neverMappable: number
}

export interface KonTum {
  readonly agencies: readonly Agency[]
  readonly localProcedures: readonly LocalProcedure[]
  /** National code to `yyyyMMdd`. */
  readonly publishedOn: Readonly<Record<string, string>>
  readonly truth: Truth
  /** Act two: a mapping for every code that needs one, and dated ones for dossiers older than the publication. */
  mappingCsv(): string
  /** In order of reception; made while read, the same each time. */
  dossiers(): Iterable<DossierChange>
}

/** The province's year. `scale` keeps the proportions; below about 0.01 every kind still occurs at least once. */
export function konTum({ seed = 2020, scale = 1 }: { seed?: number; scale?: number } = {}): KonTum {
  const agencyRows = readAgencies()
  const agencies = agencyRows.map(({ code, name, level }) => ({ code, name, level }))
  const localProcedures = makeProcedures(agencyRows, readNational(), { seed, scale })
  const publication = makePublication(localProcedures, seed)
  const choice = new ProcedureChoice(localProcedures, publication)
  const plan = makePlan((date) => choice.lateShareOn(date), { seed, scale })
  return {
    agencies,
    localProcedures,
    publishedOn: Object.fromEntries([...publication].map(([code, date]) => [code, date.replaceAll('-', '')])),
    truth: truthOf(plan),
    mappingCsv: () => writeMappings(localProcedures),
    dossiers: () => ({ [Symbol.iterator]: () => writeDossiers(plan, choice, agencies, seed) }),
  }
}

function truthOf({ counts, total, onlineTotal }: Plan): Truth {
  return {
    total,
    online: onlineTotal,
    resolvable: counts.resolvable,
    noNationalCode: counts['local-code'] + counts['never-mappable'],
    predatesPublication: counts['predates-publication'],
    unsendable: {
      'invalid-for-portal': counts['invalid-for-portal'],
      'missing-for-portal': counts['missing-for-portal'],
      'unknown-agency': counts['unknown-agency'],
    },
    neverMappable: counts['never-mappable'],
  }
}

const reasons: Readonly<Record<LocalProcedure['shape'], string>> = {
  exact: 'Hồ sơ tiếp nhận trước ngày công bố vẫn thuộc thủ tục này',
  suffixed: 'Hồ sơ tiếp nhận trước ngày công bố vẫn thuộc thủ tục này',
  spaced: 'Mã có khoảng trắng',
  dotted: 'Mã thừa dấu chấm',
  rounded: 'Mã mất số 0 ở cuối do bảng tính',
  own: 'Mã riêng của tỉnh - đối chiếu theo tên thủ tục',
}
/** Long before the first dossier of the year. */
const before = '2019-01-01'

/** Codes, dates and the reasons above hold no comma and no quotation mark: nothing has to be quoted. */
function writeMappings(procedures: readonly LocalProcedure[]): string {
  const lines = ['local_code,national_code,agency_code,level,valid_from,valid_to,why']
  for (const procedure of procedures) {
    const { code, nationalCode, shape, level, publishedLate } = procedure
    if (nationalCode === null) continue
    if ((shape === 'exact' || shape === 'suffixed') && !publishedLate) continue
    const narrowed = shape === 'own' ? level : ''
    lines.push([code, nationalCode, '', narrowed, publishedLate ? before : '', '', reasons[shape]].join(','))
  }
  return `${lines.join('\n')}\n`
}
