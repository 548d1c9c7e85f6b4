import { describe, expect, it } from 'vitest'
import { formulaVersion, indicators, scoreIndicators, scoreVersions, type Indicator } from '../../config/score-766.ts'
import { scoreReasons, type ScoreReason } from '../../config/score-reasons.ts'
import type { Status } from '../../config/statuses.ts'
import { DossierContent } from '../../src/dossiers/model.ts'
import { marksOf, marksWith, placeOf, reasonsOf, type ScoreFacts } from '../../src/scoring/model.ts'
import { judgeContent, scoreDossier, scoredContent } from '../../src/scoring/rules.ts'

const day = (number: number) => `2026-03-${String(number).padStart(2, '0')}T02:00:00.000Z`
const contentOf = (more: Readonly<Record<string, unknown>> = {}) =>
  DossierContent.parse({
    procedureCode: '1.000010',
    agencyCode: 'H34.01',
    status: 'processing',
    owner: { type: 'citizen' },
    receivedAt: day(1),
    promisedAt: day(10),
    ...more,
  })
const facts = (more: Partial<ScoreFacts> = {}): ScoreFacts => ({
  status: 'processing',
  steps: [],
  atPortal: true,
  stepsBehind: false,
  at: day(20),
  ...more,
})
const score = (
  indicator: Indicator,
  content: Readonly<Record<string, unknown>>,
  more: Partial<ScoreFacts> = {},
): string => scoreDossier(contentOf(content), facts(more)).find((one) => one.indicator === indicator)!.reason

const asked = (at: number, more: Readonly<Record<string, unknown>> = {}) => ({
  id: `S${at}`,
  requestedBy: 'B',
  content: 'Bổ sung',
  requestedAt: day(at),
  ...more,
})
const step = (at: number, status: Status) => ({ at: day(at), status })

describe('on time (2.1)', () => {
  it.each<[string, Record<string, unknown>, Partial<ScoreFacts>, string]>([
    ['done on the promised date', { finishedAt: day(10) }, {}, 'on-time'],
    ['done a day later', { finishedAt: day(11) }, {}, 'late'],
    ['done in time, fetched later', { finishedAt: day(9), returnedAt: day(30) }, {}, 'on-time'],
    ['returned, and nobody said when it was done', { returnedAt: day(12) }, {}, 'late'],
    ['done, but nothing says when', {}, { status: 'finished' }, 'end-unknown'],
    ['done, and nothing was promised', { finishedAt: day(3), promisedAt: undefined }, {}, 'no-promise'],
    ['refused in time', { refusedAt: day(5) }, { status: 'not-accepted' }, 'on-time'],
    ['refused late', { refusedAt: day(12) }, { status: 'not-accepted' }, 'late'],
    [
      'refused before it was received',
      { receivedAt: day(6), refusedAt: day(5) },
      { status: 'not-accepted' },
      'not-received',
    ],
    ['refused once, and handled after all', { refusedAt: day(5) }, {}, 'overdue'],
    ['stopped, told by a step', {}, { status: 'stopped', steps: [step(9, 'stopped')] }, 'on-time'],
    ['stopped late, told by a step', {}, { status: 'stopped', steps: [step(12, 'stopped')] }, 'late'],
    ['withdrawn, and nothing says when', {}, { status: 'withdrawn' }, 'end-unknown'],
    [
      'stopped by a step before it was received',
      { receivedAt: day(6) },
      { status: 'stopped', steps: [step(5, 'stopped')] },
      'not-received',
    ],
    [
      'stopped, nothing promised',
      { promisedAt: undefined },
      { status: 'stopped', steps: [step(5, 'stopped')] },
      'no-promise',
    ],
    ['new', {}, { status: 'new' }, 'not-received'],
    ['a status nobody mapped', {}, { status: null }, 'status-unmapped'],
    ['running, in time', {}, { at: day(10) }, 'within-time'],
    ['running, overdue', {}, { at: day(11) }, 'overdue'],
    ['running, nothing promised', { promisedAt: undefined }, {}, 'no-promise'],
    ['one supplement asked for', { supplements: [asked(4)] }, {}, 'supplement-on-time'],
    ['one supplement asked for too late', { supplements: [asked(12)] }, {}, 'supplement-late'],
    ['one supplement, nothing promised', { supplements: [asked(4)], promisedAt: undefined }, {}, 'no-promise'],
    ['two supplements', { supplements: [asked(4), asked(6)] }, { at: day(7) }, 'many-supplements'],
    ['one supplement, told by a step', {}, { steps: [step(4, 'supplement-requested')] }, 'supplement-on-time'],
    ['one late supplement, told by a step', {}, { steps: [step(14, 'supplement-requested')] }, 'supplement-late'],
    [
      'two supplements, told by steps',
      {},
      { steps: [step(4, 'supplement-requested'), step(5, 'supplement-requested')] },
      'many-supplements',
    ],
    [
      'done within the time of the citizen',
      { finishedAt: day(13), supplements: [asked(4, { receivedAt: day(7) })] },
      {},
      'on-time',
    ],
    ['done after it', { finishedAt: day(14), supplements: [asked(4, { receivedAt: day(7) })] }, {}, 'late'],
    [
      'supplements that overlap',
      { finishedAt: day(14), supplements: [asked(4, { receivedAt: day(7) }), asked(5, { receivedAt: day(7) })] },
      {},
      'late',
    ],
    [
      'stopped, because the supplement never came',
      { refusedAt: day(25), supplements: [asked(8)] },
      { status: 'stopped' },
      'on-time',
    ],
    ['stopped, the supplement never came, no time told', { supplements: [asked(8)] }, { status: 'stopped' }, 'on-time'],
    [
      'a supplement that came, nobody says when',
      { finishedAt: day(14), supplements: [asked(4, { done: true })] },
      {},
      'supplement-end-unknown',
    ],
    ['the same, and in time anyway', { finishedAt: day(9), supplements: [asked(4, { done: true })] }, {}, 'on-time'],
    ['the same, stopped', { supplements: [asked(4, { done: true })] }, { status: 'stopped' }, 'supplement-end-unknown'],
  ])('%s', (_, content, more, reason) => {
    expect(score('onTime', content, more)).toBe(reason)
  })
})

const file = { url: 'https://one-stop.example/f.pdf' }
const result = { name: 'Giấy phép' }
const paper = { name: 'Đơn' }

describe('the other indicators', () => {
  it.each<[Indicator, Record<string, unknown>, string]>([
    ['online', {}, 'channel-empty'],
    ['online', { channel: 'counter' }, 'counter'],
    ['online', { channel: 'post' }, 'post'],
    ['online', { channel: 'online' }, 'online-result-open'],
    ['online', { channel: 'online', finishedAt: day(4) }, 'online-result-unknown'],
    ['online', { channel: 'online', results: [result] }, 'online-without-file'],
    ['online', { channel: 'online', results: [{ ...result, ...file }] }, 'online-with-result'],
    ['paidOnline', {}, 'fees-unknown'],
    ['paidOnline', { paidOnline: 'no' }, 'fees-unknown'],
    ['paidOnline', { paidOnline: 'on-portal' }, 'paid-online'],
    ['paidOnline', { fees: [{ name: 'Lệ phí', amount: 0 }], paidOnline: 'on-portal' }, 'fees-zero'],
    ['paidOnline', { fees: [{ name: 'Lệ phí', amount: 5 }] }, 'payment-untold'],
    ['paidOnline', { fees: [{ name: 'Lệ phí', amount: 5 }], paidOnline: 'no' }, 'paid-otherwise'],
    ['paidOnline', { fees: [{ name: 'Lệ phí', amount: 5 }], paidOnline: 'local-gateway' }, 'paid-online'],
    ['electronicResult', {}, 'result-open'],
    ['electronicResult', { returnedAt: day(4) }, 'result-unknown'],
    ['electronicResult', { results: [result] }, 'result-without-file'],
    ['electronicResult', { results: [{ ...result, ...file }] }, 'result-with-file'],
    ['digitised', {}, 'papers-without-file'],
    ['digitised', { papers: [paper] }, 'papers-without-file'],
    ['digitised', { papers: [{ ...paper, ...file, deleted: true }] }, 'papers-without-file'],
    ['digitised', { papers: [{ ...paper, ...file }] }, 'digitised-open'],
    ['digitised', { papers: [{ ...paper, ...file }], finishedAt: day(4) }, 'digitised-without-result'],
    ['digitised', { papers: [{ ...paper, ...file }], results: [{ ...result, ...file }] }, 'files-complete'],
    ['reused', {}, 'not-reused'],
    ['reused', { papers: [{ ...paper, reused: 'no' }] }, 'not-reused'],
    ['reused', { papers: [{ ...paper, reused: 'with-replacement' }] }, 'reused'],
    ['reused', { papers: [{ ...paper, reused: 'yes' }], submittedThrough: 'national-portal' }, 'not-reused'],
    ['reused', { papers: [{ ...paper, digitised: true }], submittedThrough: 'national-portal' }, 'reused'],
    ['reused', { level: 'ministry', hasDigitisedPapers: true }, 'reused'],
    ['personalStore', {}, 'store-open'],
    ['personalStore', { finishedAt: day(4) }, 'not-from-store'],
    ['personalStore', { results: [{ ...result, ...file }] }, 'store-unknown'],
    ['personalStore', { papers: [{ ...paper, fromNationalStore: true }] }, 'from-store'],
    ['populationData', {}, 'no-population-data'],
    ['populationData', { verifiedWithVneid: true }, 'population-data'],
    ['populationData', { papers: [{ ...paper, fromNationalStore: true }] }, 'population-data'],
    ['populationData', { databases: ['7'] }, 'database-unknown'],
  ])('%s of %j is %s', (indicator, content, reason) => {
    expect(score(indicator, content)).toBe(reason)
  })

  it('sees from the lane whether it is synced', () => {
    expect(score('sync', {})).toBe('at-portal')
    expect(score('sync', {}, { stepsBehind: true })).toBe('steps-behind')
    expect(score('sync', {}, { atPortal: false })).toBe('not-at-portal')
  })

  it('takes a result as due by the mapped status, whatever the one-stop system calls it', () => {
    expect(score('electronicResult', { status: 'Xong' }, { status: 'returned' })).toBe('result-unknown')
    expect(score('electronicResult', { status: 'finished' }, { status: null })).toBe('result-open')
  })
})

describe('marks', () => {
  it('are one letter for each reason, never the same, and never one that needs quotes', () => {
    const marks = Object.values(scoreReasons).map(({ mark }) => mark)
    expect(new Set(marks).size).toBe(marks.length)
    expect(marks.join('')).toMatch(/^[A-Za-z0-9]+$/)
    expect(marksWith('not-counted')).toBe('DO')
  })

  it('are read back as they were kept, and not at all when older rules made them', () => {
    const { reasons } = judgeContent(contentOf({ channel: 'online' }), 'processing')
    const { outcomes } = scoredContent(contentOf({ channel: 'online' }), 'processing')
    expect(outcomes).toBe(marksOf(reasons))
    expect(outcomes[placeOf('online') - 1]).toBe('L')
    expect(reasonsOf(outcomes)).toEqual(reasons)
    for (const other of [null, '', '0AAAAAAAA', outcomes.slice(0, -1), `${outcomes.slice(0, -1)}?`])
      expect(reasonsOf(other)).toBeNull()
  })

  it('name fields that a dossier has', () => {
    const own = new Set([...Object.keys(DossierContent.shape), 'steps'])
    for (const { fields } of Object.values<ScoreReason>(scoreReasons))
      for (const field of fields) expect(own).toContain(field.split('.')[0])
  })
})

describe('the versions', () => {
  it('give a hundred points in groups where all are given, and no more to their indicators', () => {
    const { groups, points } = scoreVersions['metrics-2026']
    expect(Object.values(groups!).reduce((sum, one) => sum + one)).toBe(100)
    expect(Object.values(points).reduce<number>((sum, one) => sum + (one ?? 0), 0)).toBeLessThanOrEqual(100)
    expect(scoreVersions['daklak-log-2026'].split!.satisfaction!.reduce((sum, one) => sum + one)).toBe(18)
  })

  it('hold thresholds in the note alone, which gives no points', () => {
    expect(scoreVersions[formulaVersion].points).toEqual({})
    expect(
      indicators.flatMap((one) => (scoreIndicators[one].threshold === null ? [] : [scoreIndicators[one].number])),
    ).toEqual(['3.3', '4.2', '4.3'])
  })
})
