import { describe, expect, it } from 'vitest'
import { statuses, statusMoves, statusNames, type Status } from '../../config/statuses.ts'
import { isLegalMove, isStatus } from '../../src/dossiers/model.ts'

describe('status moves', () => {
  it.each<[Status, Status]>([
    ['new', 'received'],
    ['new', 'not-accepted'],
    ['received', 'processing'],
    ['processing', 'supplement-requested'],
    ['supplement-requested', 'processing'],
    ['processing', 'finished'],
    ['finished', 'returned'],
    ['withdrawn', 'returned'],
  ])('%s to %s is allowed', (from, to) => expect(isLegalMove(from, to)).toBe(true))

  it.each<[Status, Status]>([
    ['new', 'finished'],
    ['new', 'processing'],
    ['received', 'new'],
    ['finished', 'processing'],
    ['returned', 'finished'],
    ['not-accepted', 'processing'],
    ['withdrawn', 'processing'],
    ['stopped', 'finished'],
  ])('%s to %s is not', (from, to) => expect(isLegalMove(from, to)).toBe(false))

  it('are these and no others', () => {
    const moves = (from: Status) => statuses.map((to) => (statusMoves[from].includes(to) ? 'x' : '.')).join(' ')
    expect(Object.fromEntries(statuses.map((from) => [from, moves(from)]))).toEqual({
      // In the order of the portal's codes: new, received, not-accepted, processing, supplement-requested,
      // payment-requested, withdrawn, stopped, finished, returned.
      new: '. x x . x x x . . .',
      received: '. . x x x x x x x x',
      'not-accepted': '. . . . . . . . . x',
      processing: '. . . . x x x x x x',
      'supplement-requested': '. x x x . x x x x .',
      'payment-requested': '. x . x x . x x x .',
      withdrawn: '. . . . . . . . . x',
      stopped: '. . . . . . . . . x',
      finished: '. . . . . . . . . x',
      returned: '. . . . . . . . . .',
    })
  })

  it('the first status and a repeated one are always legal, and so are unmapped words', () => {
    for (const status of statuses) {
      expect(isLegalMove(null, status)).toBe(true)
      expect(isLegalMove(status, null)).toBe(true)
      expect(isLegalMove(status, status)).toBe(true)
    }
    expect(isLegalMove(null, null)).toBe(true)
  })

  it('every status has names in both languages, its moves, and a way to the end', () => {
    expect(statuses).toHaveLength(10)
    for (const status of statuses) {
      expect(statusNames[status].vi).toMatch(/^\p{Lu}/u)
      expect(statusNames[status].en).toMatch(/^\p{Lu}/u)
      expect(reachable(status)).toContain('returned')
    }
  })

  it('every status can be reached from "new"', () => expect(reachable('new').size).toBe(statuses.length))

  it('knows its own words only', () => {
    expect(statuses.every(isStatus)).toBe(true)
    for (const word of ['', 'New', 'new ', 'toString', '__proto__', 'đang xử lý']) expect(isStatus(word)).toBe(false)
  })
})

function reachable(from: Status): Set<Status> {
  const found = new Set<Status>([from])
  for (const status of found) for (const next of statusMoves[status]) found.add(next)
  return found
}
