import { describe, expect, it } from 'vitest'
import { failures } from '../../config/failures.ts'
import { createUnitRegister } from '../../src/organisations/model.ts'
import { assess, type Subject } from '../../src/delivery/assess.ts'
import type { PortalDossier, PortalProblem } from '../../src/delivery/portal.ts'
import { DossierContent } from '../../src/dossiers/model.ts'
import type { Catalogue } from '../../src/procedures/model.ts'

const content = DossierContent.parse({
  procedureCode: '1.000010',
  agencyCode: 'H34.01',
  status: 'processing',
  owner: { type: 'citizen', name: 'Bí Mật' },
  receivedAt: '2020-07-03T18:00:00Z',
})
const subject = (more: Partial<DossierContent> = {}): Subject => ({
  code: 'H34-1',
  source: 'one-stop',
  changedAt: '2020-07-05T00:00:00.000Z',
  content: { ...content, ...more },
})
const procedure = {
  code: '1.000010',
  name: 'n',
  fieldCode: 'f',
  fieldName: 'f',
  publishedOn: '2020-07-04',
  endsOn: null,
  open: true,
}
const catalogue = (more: Partial<Catalogue> = {}): Catalogue => ({
  version: 1,
  national: new Map([[procedure.code, procedure]]),
  mappings: new Map(),
  rejected: new Set(),
  register: createUnitRegister([{ code: 'H34.01', name: 'Sở Tư pháp', level: 'province' }]),
  statuses: new Map(),
  ...more,
})
const none = () => []
const problem: PortalProblem = { field: 'owner.name', code: 'missing-for-portal', detail: 'owner.name is needed' }

describe('can this dossier be sent', () => {
  it('yes, with all that the portal must learn', () => {
    expect(assess(catalogue(), none, subject())).toEqual({
      ready: true,
      dossier: { code: 'H34-1', content, status: 'processing', procedure, agencyName: 'Sở Tư pháp' },
    })
  })

  it('the day of reception is the day in Vietnam', () => {
    // 17:00 UTC of 3 July is midnight of the 4th, the day of publication.
    expect(assess(catalogue(), none, subject({ receivedAt: '2020-07-03T17:00:00.000Z' }))).toMatchObject({
      ready: true,
    })
    expect(assess(catalogue(), none, subject({ receivedAt: '2020-07-03T16:59:59.999Z' }))).toMatchObject({
      ready: false,
      obstacle: { reason: 'predates-publication', field: 'procedureCode' },
      nationalCode: '1.000010',
    })
  })

  it("without a level of its own, a dossier has its agency's", () => {
    const mapping = {
      localCode: 'KT',
      nationalCode: '1.000010',
      source: null,
      agencyCode: null,
      level: 'province' as const,
      validFrom: null,
      validTo: null,
    }
    const known = catalogue({ mappings: new Map([['KT', [mapping]]]) })
    expect(assess(known, none, subject({ procedureCode: 'KT' }))).toMatchObject({ ready: true })
    expect(assess(known, none, subject({ procedureCode: 'KT', level: 'commune' }))).toMatchObject({
      obstacle: { reason: 'no-national-code' },
    })
  })

  it('the obstacle an administrator can remove is named before what an officer must correct', () => {
    const odd = subject({ procedureCode: 'KT', status: 'lạ', agencyCode: 'X' })
    const reasonOf = (known: Catalogue, wish: Subject) => {
      const answer = assess(known, () => [problem], wish)
      return answer.ready ? 'ready' : [answer.obstacle.reason, answer.obstacle.field]
    }
    expect(reasonOf(catalogue(), odd)).toEqual(['no-national-code', 'procedureCode'])
    expect(reasonOf(catalogue(), subject({ status: 'lạ', agencyCode: 'X' }))).toEqual(['unmapped-status', 'status'])
    expect(reasonOf(catalogue(), subject({ agencyCode: 'X' }))).toEqual(['unknown-agency', 'agencyCode'])
    expect(reasonOf(catalogue(), subject())).toEqual(['missing-for-portal', 'owner.name'])
    expect(Object.keys(failures)).toEqual(
      expect.arrayContaining(['no-national-code', 'unmapped-status', 'unknown-agency', 'missing-for-portal']),
    )
  })

  it('the portal rules are asked once, about the dossier as it would be sent', () => {
    const asked: PortalDossier[] = []
    assess(
      catalogue({ statuses: new Map([['one-stop|lạ', 'finished']]) }),
      (dossier) => (asked.push(dossier), []),
      subject({ status: 'lạ' }),
    )
    expect(asked).toMatchObject([{ code: 'H34-1', status: 'finished' }])
  })

  it('names of people stand in no obstacle', () => {
    for (const wish of [subject({ procedureCode: 'KT' }), subject({ status: 'lạ' }), subject({ agencyCode: 'X' })])
      expect(JSON.stringify(assess(catalogue(), none, wish))).not.toContain('Bí Mật')
  })
})
