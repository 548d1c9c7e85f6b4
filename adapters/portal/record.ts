import type { CatalogueRows } from '../../src/delivery/portal.ts'
import type { ContentPart, LegalBasis } from '../../src/procedures/model.ts'
import { isRecord } from './answers.ts'
import { calendarDate, column, value } from './catalogue.ts'

/** The full record of a procedure (spec 4.2): its legal bases, and which of the seven parts of its content are there. */

type Row = Record<string, unknown>
type RecordContent = Pick<CatalogueRows['procedures'], 'legalBases' | 'parts'>

export function readRecord(row: unknown): RecordContent {
  if (!isRecord(row)) return {}
  const bases = value(row, 'CANCUPHAPLY')
  return {
    parts: (Object.keys(partReaders) as ContentPart[]).filter((part) => partReaders[part](row)),
    // A column that is not there says nothing; an empty list says that there are none.
    ...(Array.isArray(bases) || isRecord(bases) ? { legalBases: itemsOf(bases).flatMap(legalBasis) } : {}),
  }
}

function legalBasis(item: Row): LegalBasis[] {
  const [number, name] = [column(item, 'SOVANBAN') ?? '', column(item, 'TENVANBAN') ?? '']
  if (number === '' && name === '') return []
  return [
    {
      number,
      name,
      issuedBy: column(item, 'COQUANBANHANH') ?? '',
      issuedOn: calendarDate(column(item, 'NGAYBANHANH')),
      effectiveOn: calendarDate(column(item, 'NGAYHIEULUC')),
    },
  ]
}

/** A list of one is also written as the one. */
const itemsOf = (found: unknown): Row[] => [found].flat().filter(isRecord)
const items = (row: Row, list: string): Row[] => itemsOf(value(row, list))
const says = (row: Row, ...columns: readonly string[]): boolean => columns.some((name) => column(row, name) !== null)

const partReaders: Readonly<Record<ContentPart, (row: Row) => boolean>> = {
  name: (row) => says(row, 'TENTTHC'),
  steps: (row) =>
    items(row, 'TRINHTUTHUCHIEN').some((one) => items(one, 'TRINHTU').some((step) => says(step, 'TENTRINHTU'))),
  ways: (row) => items(row, 'CACHTHUCTHUCHIEN').some((way) => says(way, 'KENH')),
  components: (row) =>
    items(row, 'THANHPHANHOSO').some((one) => items(one, 'GIAYTO').some((paper) => says(paper, 'TENGIAYTO'))),
  'time-limit': (row) =>
    items(row, 'CACHTHUCTHUCHIEN').some((way) =>
      items(way, 'THOIGIAN').some((time) => says(time, 'THOIGIANGIAIQUYET', 'MOTA')),
    ),
  subject: (row) =>
    says(row, 'MOTADOITUONGTHUCHIEN') ||
    items(row, 'DOITUONGTHUCHIEN').some((one) => says(one, 'MADOITUONG', 'TENDOITUONG')),
  agency: (row) =>
    says(row, 'MOTACOQUANTHUCHIEN') || items(row, 'COQUANTHUCHIEN').some((one) => says(one, 'MADONVI', 'TENDONVI')),
}
