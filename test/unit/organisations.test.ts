import { describe, expect, it } from 'vitest'
import {
  createUnitRegister,
  handlingUnit,
  oneNotation,
  topOf,
  type Agency,
  type Succession,
} from '../../src/organisations/model.ts'
import { concerned, judgeSuccessions } from '../../src/organisations/successions.ts'
import { unitsOf, type UnitFacts } from '../../src/organisations/units.ts'

const agency = (code: string, more: Partial<Agency> = {}): Agency => ({
  code,
  name: `Đơn vị ${code}`,
  level: 'province',
  ...more,
})
const succession = (oldCode: string, newCode: string, more: Partial<Succession> = {}): Succession => ({
  oldCode,
  newCode,
  day: '2025-07-01',
  transfer: 'whole',
  procedureCode: null,
  ...more,
})
const known = [
  agency('H34.01'),
  agency('H34.30', { name: 'UBND huyện Đắk Glei', level: 'district', validTo: '2025-07-01' }),
  agency('H48.01'),
  agency('H48.02', { level: 'commune' }),
  agency('H48.03', { level: 'commune' }),
]
const ask = (
  successions: readonly Succession[],
  agencyCode: string,
  day = '2025-08-01',
  procedureCodes = ['1.000010'],
) => {
  const answer = handlingUnit(createUnitRegister(known, successions), { agencyCode, day, procedureCodes })
  return answer.found ? answer.agency.code : [answer.reason, ...answer.among]
}

describe('the code of a unit', () => {
  it.each([
    ['000.00.14.H34', 'H34.14'],
    ['000.05.14.H34', 'H34.14.05'],
    ['000.00.00.H34', 'H34'],
    ['H34.14.00', 'H34.14'],
    ['H34.14', 'H34.14'],
  ])('%s is %s in the newer notation', (code, newer) => {
    expect(oneNotation(code)).toBe(newer)
  })

  it.each(['H34.1', 'H34.01', 'H34.001', 'LOCAL-7', 'X34.01', 'H34.A', ''])('%j stays as it is', (code) => {
    expect(oneNotation(code)).toBe(code)
  })

  it('tells the province or ministry', () => {
    expect(['000.00.14.H34', 'G22', 'H34.1', 'LOCAL'].map(topOf)).toEqual(['H34', 'G22', 'H34', null])
  })
})

describe('the unit that handles a dossier', () => {
  it('is the one it names, in either notation', () => {
    expect(ask([], 'H34.01')).toBe('H34.01')
    expect(ask([], '000.00.01.H34')).toBe('H34.01')
    expect(ask([], 'H34.99')).toEqual(['unknown-agency'])
  })

  it('is the old one for what was received before the change, and the one that follows from the day on', () => {
    const merged = [succession('H34.01', 'H48.01')]
    expect(ask(merged, 'H34.01', '2025-06-30')).toBe('H34.01')
    expect(ask(merged, 'H34.01', '2025-07-01')).toBe('H48.01')
    expect(ask(merged, '000.00.01.H34', '2025-07-01')).toBe('H48.01')
  })

  it('is found over several changes, each by its own day', () => {
    const twice = [succession('H34.01', 'H48.01'), succession('H48.01', 'H48.02', { day: '2026-01-01' })]
    expect(ask(twice, 'H34.01', '2025-12-31')).toBe('H48.01')
    expect(ask(twice, 'H34.01', '2026-01-01')).toBe('H48.02')
  })

  it('is asked for where several follow, also when only one of the parts is known so far', () => {
    const parts = [
      succession('H34.30', 'H48.02', { transfer: 'part' }),
      succession('H34.30', 'H48.03', { transfer: 'part' }),
    ]
    expect(ask(parts, 'H34.30')).toEqual(['agency-split', 'H48.02', 'H48.03'])
    expect(ask(parts.slice(0, 1), 'H34.30')).toEqual(['agency-split', 'H48.02'])
    expect(ask(parts.slice(0, 1), 'H34.01')).toBe('H34.01')
  })

  it('is what a person answered for the procedure, else for the whole', () => {
    const answered = [
      succession('H34.30', 'H48.02', { transfer: 'part' }),
      succession('H34.30', 'H48.03'),
      succession('H34.30', 'H48.02', { procedureCode: '2020.XD' }),
    ]
    expect(ask(answered, 'H34.30')).toBe('H48.03')
    expect(ask(answered, 'H34.30', '2025-08-01', ['2020.XD'])).toBe('H48.02')
    expect(ask(answered, 'H34.30', '2025-06-30', ['2020.XD'])).toBe('H34.30')
  })

  it('is another one for a procedure that a living unit gave away', () => {
    const given = [succession('H34.01', 'H48.01', { procedureCode: '1.000010', day: '2025-03-01' })]
    expect(ask(given, 'H34.01', '2025-03-01', ['KT.1', '1.000010'])).toBe('H48.01')
    expect(ask(given, 'H34.01', '2025-03-01', ['1.000005'])).toBe('H34.01')
    expect(ask(given, 'H34.01', '2025-02-28')).toBe('H34.01')
  })

  it('goes on itself when it gave only a part away', () => {
    const rest = [
      succession('H34.01', 'H34.01', { transfer: 'part' }),
      succession('H34.01', 'H48.01', { transfer: 'part' }),
    ]
    expect(ask(rest, 'H34.01')).toBe('H34.01')
  })

  it('is nobody where a closed unit has no heir', () => {
    expect(ask([], 'H34.30', '2025-06-30')).toBe('H34.30')
    expect(ask([], 'H34.30')).toEqual(['agency-closed'])
  })

  it('is never looked for in circles', () => {
    expect(ask([succession('H34.01', 'H48.01'), succession('H48.01', 'H34.01')], 'H34.01')).toEqual([
      'agency-split',
      'H34.01',
      'H48.01',
    ])
  })

  it('is called as on the day', () => {
    const register = createUnitRegister([
      agency('H34.01', {
        name: 'Sở Nông nghiệp và Môi trường',
        formerNames: [
          { until: '2010-01-01', name: 'Sở Địa chính' },
          { until: '2025-03-01', name: 'Sở Tài nguyên và Môi trường' },
        ],
      }),
    ])
    const name = (day: string) => {
      const answer = handlingUnit(register, { agencyCode: 'H34.01', day, procedureCodes: [] })
      return answer.found && answer.name
    }
    expect(['2009-12-31', '2010-01-01', '2025-02-28', '2025-03-01'].map(name)).toEqual([
      'Sở Địa chính',
      'Sở Tài nguyên và Môi trường',
      'Sở Tài nguyên và Môi trường',
      'Sở Nông nghiệp và Môi trường',
    ])
  })
})

describe('what may be said about who follows whom', () => {
  const judge = (wishes: readonly Succession[], before: readonly Succession[] = []) =>
    judgeSuccessions(createUnitRegister(known, before), wishes).map((one) =>
      one.ok ? (one.isKnown ? 'known' : one.succession.newCode) : one.finding.detail,
    )

  it('is taken once, in the spelling of the list', () => {
    expect(judge([succession('000.00.01.H34', '000.00.01.H48'), succession('H34.01', 'H48.01')])).toEqual([
      'H48.01',
      'known',
    ])
  })

  it.each([
    ['an heir of no list', [succession('H34.01', 'H99.01')], 'H99.01 is not in the list'],
    ['a unit that follows itself', [succession('H34.01', 'H34.01')], 'written as a part of itself'],
    ['a day before its end', [succession('H34.30', 'H48.02', { day: '2025-06-01' })], 'H34.30 acts until 2025-07-01'],
    ['an heir that is closed', [succession('H34.01', 'H34.30')], 'H34.30 was itself closed'],
    [
      'two heirs of the whole',
      [succession('H34.01', 'H48.01'), succession('H34.01', 'H48.02')],
      'already followed by H48.01',
    ],
    [
      'two heirs of a procedure',
      ['H48.01', 'H48.02'].map((code) => succession('H34.01', code, { procedureCode: 'X' })),
      'already followed by H48.01',
    ],
    [
      'a circle',
      [succession('H34.01', 'H48.01'), succession('H48.01', 'H48.02'), succession('H48.02', 'H34.01')],
      'a circle',
    ],
  ])('is refused for %s', (_name, wishes, text) => {
    expect(judge(wishes).at(-1)).toContain(text)
  })

  it('lets a person answer for the whole what was said in parts', () => {
    const parts = [
      succession('H34.30', 'H48.02', { transfer: 'part' }),
      succession('H34.30', 'H48.03', { transfer: 'part' }),
    ]
    expect(judge([succession('H34.30', 'H48.03')], parts)).toEqual(['H48.03'])
  })

  it('concerns the unit and all that lead to it', () => {
    const register = createUnitRegister(known, [succession('H34.01', 'H48.01'), succession('H34.30', 'H34.01')])
    expect(concerned(register, ['H34.01', '000.00.30.H34', 'H48.02'], ['H34.01'])).toEqual(['H34.01', '000.00.30.H34'])
  })
})

describe('the units of a province', () => {
  const facts = (more: Partial<UnitFacts> = {}): UnitFacts => ({
    register: createUnitRegister(known, [succession('H34.01', 'H48.01')]),
    today: '2026-01-01',
    waiting: new Map([['H34.30', 7]]),
    roles: new Map([['NGOAI', { handling: 1, intake: 0, receiving: 0 }]]),
    accounts: new Map([['H48.01', true]]),
    atPortal: new Map([['H48.01', 'Sở khác']]),
    top: 'H48',
    ...more,
  })
  const stateOf = (code: string, more: Partial<UnitFacts> = {}) =>
    unitsOf(facts(more)).find((unit) => unit.code === code)

  it('come with what they are today; the ones that dossiers wait for first', () => {
    expect(unitsOf(facts()).map(({ code, state }) => [code, state])).toEqual([
      ['H34.30', 'closed'],
      ['NGOAI', 'unknown'],
      ['H34.01', 'follows'],
      ['H48.01', 'open'],
      ['H48.02', 'open'],
      ['H48.03', 'open'],
    ])
    expect(stateOf('H34.01')).toMatchObject({ followedBy: ['H48.01'], closedSince: '2025-07-01' })
    expect(stateOf('H48.01')).toMatchObject({ beneficiaryAccount: true, remarks: ['other-name-at-portal'] })
    expect(stateOf('NGOAI')).toMatchObject({ remarks: ['no-official-code', 'missing-at-portal'] })
    expect(stateOf('H48.02')).toMatchObject({ remarks: ['missing-at-portal'] })
  })

  it('say nothing about the portal before its list was pulled', () => {
    expect(stateOf('H48.02', { atPortal: new Map() })).toMatchObject({ remarks: [] })
  })

  it('remark an H code that was closed in 2025 under a unit that acts, and the code of another province', () => {
    const register = createUnitRegister([agency('H34.05'), agency('H56.01'), agency('G12.01')])
    expect(stateOf('H34.05', { register, atPortal: new Map() })).toMatchObject({ remarks: ['closed-province'] })
    expect(stateOf('H56.01', { register, atPortal: new Map() })).toMatchObject({ remarks: ['other-province'] })
    expect(stateOf('G12.01', { register, atPortal: new Map() })).toMatchObject({ remarks: [] })
  })
})
