import { array, assert, constantFrom, integer, option, pre, property, record } from 'fast-check'
import { expect, test } from 'vitest'
import { createUnitRegister, levels } from '../../src/organisations/model.ts'
import { findNational, type Catalogue, type Mapping, type NationalProcedure } from '../../src/procedures/model.ts'

const nationalCode = integer({ min: 1, max: 6 }).map((value) => `1.00000${value}`)
const day = integer({ min: 1, max: 9 }).map((value) => `2020-01-0${value}`)
const agency = constantFrom('A', 'B')
const source = constantFrom('one-stop', 'ministry')
const level = constantFrom(...levels)
const mapping = (localCode: string) =>
  record({
    nationalCode,
    source: option(source),
    agencyCode: option(agency),
    level: option(level),
    validFrom: option(day),
    validTo: option(day),
  }).map((one): Mapping => ({ localCode, ...one }))
const procedures = array(
  record({
    code: nationalCode,
    publishedOn: option(day),
    endsOn: option(day),
    open: constantFrom(true, true, true, false),
  }),
  { maxLength: 6 },
)
const question = record({ source, agencyCode: agency, level: option(level), receivedOn: day })

function catalogueOf(
  rows: readonly Pick<NationalProcedure, 'code' | 'publishedOn' | 'endsOn' | 'open'>[],
  mappings: readonly Mapping[] = [],
): Catalogue {
  return {
    version: 1,
    national: new Map(rows.map((row) => [row.code, { name: 'n', fieldCode: 'f', fieldName: 'f', ...row }])),
    mappings: Map.groupBy(mappings, ({ localCode }) => localCode),
    rejected: new Set(),
    register: createUnitRegister([]),
    statuses: new Map(),
  }
}

const suffix = constantFrom(
  '.H34',
  '.G22',
  '.000.00.00.H56',
  '.000.00.01.H34',
  '.00.00.H34',
  '.H34.01',
  '.000.12.H34.5',
)
test('an organisation suffix changes nothing but how the procedure was found', () => {
  assert(
    property(
      procedures,
      question,
      nationalCode,
      suffix,
      integer({ min: 0, max: 3 }),
      (rows, asked, code, suffix, spaces) => {
        const catalogue = catalogueOf(rows)
        const plain = findNational(catalogue, { ...asked, procedureCode: code })
        const suffixed = findNational(catalogue, { ...asked, procedureCode: `${' '.repeat(spaces)}${code}${suffix}` })
        expect(suffixed).toEqual(plain.found ? { ...plain, how: 'suffix-stripped' } : plain)
      },
    ),
  )
})

test('what is not a suffix is not cut off', () => {
  const tail = constantFrom(
    '.',
    '.h34',
    '.X34',
    '.H3',
    '.H345',
    'H34',
    '.0.H34',
    '.0000.H34',
    '-H34',
    '.H34x',
    '1',
    '.H34.',
    ' .H34',
  )
  assert(
    property(nationalCode, tail, question, (code, tail, asked) => {
      const catalogue = catalogueOf([{ code, publishedOn: null, endsOn: null, open: true }])
      expect(findNational(catalogue, { ...asked, procedureCode: `${code}${tail}` })).toEqual({
        found: false,
        reason: 'no-national-code',
      })
    }),
  )
})

/** The rules once more, as a plain list: which mappings count on that day, and which of them are the most specific. */
function mostSpecific(
  mappings: readonly Mapping[],
  asked: { source: string; agencyCode: string; level: string | null; receivedOn: string },
): Mapping[] {
  const counts = (one: Mapping) =>
    (one.source ?? asked.source) === asked.source &&
    (one.agencyCode ?? asked.agencyCode) === asked.agencyCode &&
    (one.level === null || one.level === asked.level) &&
    (one.validFrom ?? '0') <= asked.receivedOn &&
    asked.receivedOn < (one.validTo ?? '9')
  const valid = mappings.filter(counts)
  const tiers = [true, false].flatMap((agency) =>
    [true, false].flatMap((level) =>
      [true, false].map((source) =>
        valid.filter(
          (one) => Boolean(one.agencyCode) === agency && Boolean(one.level) === level && Boolean(one.source) === source,
        ),
      ),
    ),
  )
  return tiers.find((tier) => tier.length > 0) ?? []
}

test('the most specific valid mapping decides; two that disagree are a question for a person', () => {
  assert(
    property(procedures, array(mapping('local'), { maxLength: 6 }), question, (rows, mappings, asked) => {
      const catalogue = catalogueOf(rows, mappings)
      const answer = findNational(catalogue, { ...asked, procedureCode: 'local' })
      const top = mostSpecific(mappings, asked)
      const targets = new Set(top.map((one) => one.nationalCode))
      const [target] = targets
      const procedure = catalogue.national.get(target ?? '')
      const dated = top.some((one) => one.validFrom !== null)
      if (targets.size === 0) expect(answer).toEqual({ found: false, reason: 'no-national-code' })
      else if (targets.size > 1) expect(answer).toEqual({ found: false, reason: 'ambiguous-national-code' })
      else if (!procedure) expect(answer).toEqual({ found: false, reason: 'no-national-code', nationalCode: target })
      else if (!procedure.open || asked.receivedOn >= (procedure.endsOn ?? '9'))
        expect(answer).toMatchObject({ reason: 'procedure-closed' })
      else if (procedure.publishedOn && asked.receivedOn < procedure.publishedOn && !dated)
        expect(answer).toEqual({ found: false, reason: 'predates-publication', nationalCode: target })
      else expect(answer).toEqual({ found: true, procedure, how: 'mapping' })
    }),
    { numRuns: 1000 },
  )
})

test('the answer does not depend on the order of the mappings', () => {
  assert(
    property(procedures, array(mapping('local'), { minLength: 2, maxLength: 6 }), question, (rows, mappings, asked) => {
      const ask = (list: Mapping[]) => findNational(catalogueOf(rows, list), { ...asked, procedureCode: 'local' })
      expect(ask(mappings.toReversed())).toEqual(ask(mappings))
    }),
  )
})

test('without a mapping, a dossier is never sent under a procedure published after its reception, ended before it or closed', () => {
  assert(
    property(procedures, question, nationalCode, (rows, asked, code) => {
      const answer = findNational(catalogueOf(rows), { ...asked, procedureCode: code })
      pre(answer.found)
      expect(answer.procedure.open).toBe(true)
      expect((answer.procedure.publishedOn ?? '0') <= asked.receivedOn).toBe(true)
      expect(asked.receivedOn < (answer.procedure.endsOn ?? '9')).toBe(true)
    }),
  )
})
