import {
  array,
  assert,
  boolean,
  constant,
  constantFrom,
  date,
  integer,
  oneof,
  option,
  property,
  record,
  string,
} from 'fast-check'
import { expect, test } from 'vitest'
import { indicators } from '../../config/score-766.ts'
import { scoreReasons } from '../../config/score-reasons.ts'
import { statuses } from '../../config/statuses.ts'
import { DossierContent } from '../../src/dossiers/model.ts'
import { reasonsOf, type ScoreFacts } from '../../src/scoring/model.ts'
import { scoreDossier, scoredContent } from '../../src/scoring/rules.ts'

const instant = oneof(
  // Few different days, so that ties and wrong orders come up.
  integer({ min: 1, max: 9 }).map((day) => `2026-03-0${day}T02:00:00.000Z`),
  date({ min: new Date('1975-01-01T00:00:00Z'), max: new Date('2099-12-31T00:00:00Z'), noInvalidDate: true }).map(
    (value) => value.toISOString(),
  ),
)
const link = constant('https://one-stop.example/f.pdf')
const status = constantFrom(...statuses)
const paper = record(
  {
    name: constant('Đơn'),
    deleted: boolean(),
    url: link,
    digitised: boolean(),
    reused: constantFrom('no', 'yes', 'with-replacement'),
    fromNationalStore: boolean(),
  },
  { requiredKeys: ['name'] },
)
const supplement = record(
  {
    id: constant('S'),
    requestedBy: constant('B'),
    content: constant('Bổ sung'),
    requestedAt: instant,
    receivedAt: instant,
    done: boolean(),
  },
  { requiredKeys: ['id', 'requestedBy', 'content', 'requestedAt'] },
)
const content = record(
  {
    procedureCode: constant('1.000010'),
    agencyCode: constant('H34.01'),
    level: constantFrom('ministry', 'province', 'district', 'commune'),
    status: oneof(status, constant('Xong')),
    owner: constant({ type: 'citizen' }),
    channel: constantFrom('counter', 'online', 'post'),
    submittedThrough: constantFrom('national-portal', 'local'),
    receivedAt: instant,
    promisedAt: instant,
    finishedAt: instant,
    returnedAt: instant,
    refusedAt: instant,
    papers: array(paper, { maxLength: 3 }),
    fees: array(record({ name: constant('Lệ phí'), amount: constantFrom(0, 5) }), { maxLength: 2 }),
    supplements: array(supplement, { maxLength: 3 }),
    results: array(record({ name: constant('Giấy phép'), url: link }, { requiredKeys: ['name'] }), { maxLength: 2 }),
    hasDigitisedPapers: boolean(),
    verifiedWithVneid: boolean(),
    paidOnline: constantFrom('no', 'on-portal', 'local-gateway'),
    databases: array(string({ minLength: 1, maxLength: 3, unit: constantFrom('1', '7') }), { maxLength: 2 }),
  },
  { requiredKeys: ['procedureCode', 'agencyCode', 'status', 'owner', 'receivedAt'] },
).map((value) => DossierContent.parse(value))
const facts = record({
  status: option(status),
  steps: array(record({ at: instant, status: option(status) }), { maxLength: 4 }),
  atPortal: boolean(),
  stepsBehind: boolean(),
  at: instant,
})

test('every dossier has one outcome for each indicator, and the same one again', () => {
  assert(
    property(content, facts, (dossier, known: ScoreFacts) => {
      const outcomes = scoreDossier(dossier, known)
      expect(outcomes.map(({ indicator }) => indicator)).toEqual(indicators)
      for (const { reason, outcome } of outcomes) {
        expect(scoreReasons[reason].outcome).toBe(outcome)
        expect(['open', 'stopped-by-step']).not.toContain(reason)
      }
      expect(scoreDossier(structuredClone(dossier), { ...known, steps: known.steps.toReversed() })).toEqual(outcomes)
    }),
  )
})

test('what the ledger keeps is what the content decides', () => {
  assert(
    property(content, option(status), (dossier, mapped) => {
      const { outcomes, dueAt } = scoredContent(dossier, mapped)
      expect(outcomes).toMatch(/^[A-Za-z0-9]{9}$/)
      expect(reasonsOf(outcomes)).not.toBeNull()
      expect(dueAt === null).toBe(dossier.promisedAt === undefined)
      if (dueAt !== null) expect(dueAt >= dossier.promisedAt!).toBe(true)
    }),
  )
})

test('nothing promised is never on time and never late by the clock', () => {
  assert(
    property(content, facts, ({ promisedAt: _promised, ...dossier }, known: ScoreFacts) => {
      const { outcome, reason } = scoreDossier(dossier, known).find(({ indicator }) => indicator === 'onTime')!
      if (reason !== 'many-supplements') expect(['unknown', 'not-counted']).toContain(outcome)
    }),
  )
})

test('more facts in its favour never lose an indicator that was won', () => {
  assert(
    property(content, facts, (dossier, known: ScoreFacts) => {
      const better = {
        ...dossier,
        verifiedWithVneid: true,
        results: [...(dossier.results ?? []), { name: 'Giấy phép', url: 'https://one-stop.example/r.pdf' }],
      }
      const won = scoreDossier(dossier, known).flatMap(({ indicator, outcome }) =>
        outcome === 'wins' ? indicator : [],
      )
      const now = scoreDossier(better, known)
      for (const indicator of won) expect(now.find((one) => one.indicator === indicator)!.outcome).toBe('wins')
    }),
  )
})
