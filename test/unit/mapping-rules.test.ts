import { createUnitRegister } from '../../src/organisations/model.ts'
import { describe, expect, it } from 'vitest'
import {
  findNational,
  statusOf,
  type Catalogue,
  type Mapping,
  type NationalProcedure,
} from '../../src/procedures/model.ts'

const national = (code: string, more: Partial<NationalProcedure> = {}): NationalProcedure => ({
  code,
  name: 'Đăng ký',
  fieldCode: 'F',
  fieldName: 'Lĩnh vực',
  publishedOn: null,
  endsOn: null,
  open: true,
  ...more,
})
const mapping = (nationalCode: string, more: Partial<Mapping> = {}): Mapping => ({
  localCode: 'KT-01',
  nationalCode,
  source: null,
  agencyCode: null,
  level: null,
  validFrom: null,
  validTo: null,
  ...more,
})
const catalogue = (procedures: NationalProcedure[], mappings: Mapping[] = []): Catalogue => ({
  version: 1,
  national: new Map(procedures.map((one) => [one.code, one])),
  mappings: Map.groupBy(mappings, ({ localCode }) => localCode),
  rejected: new Set(),
  register: createUnitRegister([]),
  statuses: new Map([['one-stop|Đang xử lý', 'processing']]),
})
const ask = (known: Catalogue, procedureCode: string, receivedOn = '2020-07-03') =>
  findNational(known, { procedureCode, source: 'one-stop', agencyCode: 'H34.01', level: 'province', receivedOn })

describe('finding the national procedure', () => {
  const one = catalogue([national('1.001234')])

  it.each([
    ['1.001234', 'exact'],
    [' 1.001234 ', 'exact'],
    ['1.001234.H34', 'suffix-stripped'],
    ['1.001234.000.00.00.H56', 'suffix-stripped'],
  ])('%s: %s', (code, how) => expect(ask(one, code)).toMatchObject({ found: true, how }))

  it.each(['1.001235', '1.01234', '0.001234', '1-001234', '1.001234.', '1.001234.X34', 'KT-01', ''])(
    '%s: none',
    (code) => expect(ask(one, code)).toEqual({ found: false, reason: 'no-national-code' }),
  )

  it('an accepted mapping comes before the code itself', () => {
    const known = catalogue(
      [national('1.001234'), national('2.000001')],
      [mapping('2.000001', { localCode: '1.001234' })],
    )
    expect(ask(known, '1.001234')).toMatchObject({ procedure: { code: '2.000001' }, how: 'mapping' })
  })

  it('the agency counts more than the level, the level more than neither', () => {
    const procedures = ['1.000001', '1.000002', '1.000003'].map((code) => national(code))
    const mappings = [
      mapping('1.000001'),
      mapping('1.000002', { level: 'province' }),
      mapping('1.000003', { agencyCode: 'H34.01' }),
    ]
    expect(ask(catalogue(procedures, mappings), 'KT-01')).toMatchObject({ procedure: { code: '1.000003' } })
    expect(ask(catalogue(procedures, mappings.slice(0, 2)), 'KT-01')).toMatchObject({ procedure: { code: '1.000002' } })
    const elsewhere = mappings.map((one) => ({
      ...one,
      agencyCode: one.agencyCode && 'H34.99',
      level: one.level && ('commune' as const),
    }))
    expect(ask(catalogue(procedures, elsewhere), 'KT-01')).toMatchObject({ procedure: { code: '1.000001' } })
  })

  it('two equal ones that agree are no question; that disagree, one', () => {
    const procedures = [national('1.000001'), national('1.000002')]
    expect(
      ask(catalogue(procedures, [mapping('1.000001'), mapping('1.000001', { validFrom: '2019-01-01' })]), 'KT-01'),
    ).toMatchObject({ found: true })
    expect(ask(catalogue(procedures, [mapping('1.000001'), mapping('1.000002')]), 'KT-01')).toEqual({
      found: false,
      reason: 'ambiguous-national-code',
    })
  })

  it.each([
    ['2020-06-30', 'no-national-code'],
    ['2020-07-01', true],
    ['2020-07-31', true],
    ['2020-08-01', 'no-national-code'],
  ])('a mapping from 1 July to before 1 August, on %s', (day, expected) => {
    const known = catalogue(
      [national('1.000001')],
      [mapping('1.000001', { validFrom: '2020-07-01', validTo: '2020-08-01' })],
    )
    const answer = ask(known, 'KT-01', day)
    expect(answer.found || answer.reason).toBe(expected)
  })

  it('a dossier received before the publication needs a dated mapping', () => {
    const procedure = national('1.001234', { publishedOn: '2020-07-04' })
    for (const known of [
      catalogue([procedure]),
      catalogue([procedure], [mapping('1.001234', { localCode: '1.001234' })]),
    ])
      expect(ask(known, '1.001234')).toEqual({ found: false, reason: 'predates-publication', nationalCode: '1.001234' })
    expect(ask(catalogue([procedure]), '1.001234', '2020-07-04')).toMatchObject({ found: true })
    const dated = catalogue([procedure], [mapping('1.001234', { validFrom: '2020-01-01' })])
    expect(ask(dated, 'KT-01')).toMatchObject({ found: true, how: 'mapping' })
  })

  it('a procedure that ends takes what was received before that day, even by a dated mapping', () => {
    const ending = catalogue(
      [national('1.001234', { endsOn: '2020-07-04' })],
      [mapping('1.001234', { validFrom: '2020-01-01' })],
    )
    for (const code of ['1.001234', 'KT-01']) {
      expect(ask(ending, code, '2020-07-03')).toMatchObject({ found: true })
      expect(ask(ending, code, '2020-07-04')).toMatchObject({ reason: 'procedure-closed', nationalCode: '1.001234' })
    }
  })

  it('a closed procedure, and a mapping to one that does not exist', () => {
    expect(ask(catalogue([national('1.001234', { open: false })]), '1.001234')).toMatchObject({
      reason: 'procedure-closed',
      nationalCode: '1.001234',
    })
    expect(ask(catalogue([], [mapping('9.999999')]), 'KT-01')).toEqual({
      found: false,
      reason: 'no-national-code',
      nationalCode: '9.999999',
    })
  })
})

describe('status words', () => {
  it('our own mean themselves, mapped ones their mapping of this source, others nothing', () => {
    const known = catalogue([])
    expect(statusOf(known, 'one-stop', 'finished')).toBe('finished')
    expect(statusOf(known, 'one-stop', 'Đang xử lý')).toBe('processing')
    expect(statusOf(known, 'other', 'Đang xử lý')).toBeNull()
    expect(statusOf(known, 'one-stop', 'đang xử lý')).toBeNull()
  })
})

describe('what persons said about a local code', () => {
  it('a rejected national code is not taken from inside the local one, and a mapping still is', () => {
    const procedure = national('1.001234')
    const rejected = new Set(['1.001234.H34|1.001234'])
    expect(ask({ ...catalogue([procedure]), rejected }, '1.001234.H34')).toEqual({
      found: false,
      reason: 'no-national-code',
    })
    expect(ask({ ...catalogue([procedure]), rejected }, '1.001234')).toMatchObject({ found: true })
    const mapped = catalogue([procedure], [mapping('1.001234', { localCode: '1.001234.H34' })])
    expect(ask({ ...mapped, rejected }, '1.001234.H34')).toMatchObject({ found: true, how: 'mapping' })
  })

  it('a mapping of one source maps for it alone, and stands before one for all', () => {
    const known = catalogue(
      [national('1.000001'), national('1.000002'), national('1.000003')],
      [
        mapping('1.000001'),
        mapping('1.000002', { source: 'one-stop' }),
        mapping('1.000003', { source: 'ministry', agencyCode: 'H34.01' }),
      ],
    )
    expect(ask(known, 'KT-01')).toMatchObject({ procedure: { code: '1.000002' } })
  })
})
