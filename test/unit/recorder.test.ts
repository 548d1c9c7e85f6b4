import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createRecorder } from '../../src/delivery/recorder.ts'
import type { Outcome } from '../../src/delivery/store.ts'

const outcome = (token: string, dossierId: number): Outcome => ({
  token,
  evidence: null,
  taken: [{ dossierId, changeId: null, stepIds: [], last: true }],
})

/** A ledger that notes what came together, and in which order; every lane leaves. */
function ledger({ fails = () => false }: { fails?: (outcomes: readonly Outcome[]) => boolean } = {}) {
  const written: number[][] = []
  const write = async (outcomes: readonly Outcome[]) => {
    await sleep(5)
    if (fails(outcomes)) throw new Error('the ledger said no')
    written.push(outcomes.map(({ taken }) => taken[0]!.dossierId))
    return outcomes.map(({ taken }) => taken.map(({ dossierId }) => dossierId))
  }
  return { written, recorder: createRecorder(write) }
}

describe('the recorder', () => {
  it('writes all calls of a hand with one statement when the hand waits for them', async () => {
    const { written, recorder } = ledger()
    const notes = [1, 2, 3].map((id) => recorder.note(outcome('a', id)))
    recorder.hurry('a')
    expect(await Promise.all(notes)).toEqual([[1], [2], [3]])
    expect(written).toEqual([[1, 2, 3]])
  })

  it('lets those of another hand wait for their own calls, but not for long', async () => {
    const { written, recorder } = ledger()
    const own = recorder.note(outcome('a', 1))
    const other = recorder.note(outcome('b', 2))
    recorder.hurry('a')
    await own
    expect(written).toEqual([[1]])
    const asked = performance.now()
    await other
    expect(performance.now() - asked).toBeLessThan(2_000)
    expect(written).toEqual([[1], [2]])
  })

  it('takes whoever waits while a statement runs into the next one', async () => {
    const { written, recorder } = ledger()
    const first = recorder.note(outcome('a', 1))
    recorder.hurry('a')
    await sleep(2)
    const notes = ['b', 'c'].map((token, index) => recorder.note(outcome(token, index + 2)))
    for (const token of ['b', 'c']) recorder.hurry(token)
    await Promise.all([first, ...notes])
    expect(written).toEqual([[1], [2, 3]])
  })

  it('never lets many wait for the clock', async () => {
    const { written, recorder } = ledger()
    const asked = performance.now()
    await Promise.all(Array.from({ length: 250 }, (_, id) => recorder.note(outcome(`hand ${id % 7}`, id))))
    expect(written.flat()).toEqual(Array.from({ length: 250 }, (_, id) => id))
    expect(performance.now() - asked).toBeLessThan(2_000)
    expect(Math.max(...written.map(({ length }) => length))).toBeLessThanOrEqual(100)
  })

  it('tries one by one what fails together, in its order, and fails the guilty one alone', async () => {
    const { written, recorder } = ledger({ fails: (all) => all.some(({ taken }) => taken[0]!.dossierId === 2) })
    const notes = [1, 2, 3].map((id) => recorder.note(outcome(`hand ${id}`, id)))
    for (const id of [1, 2, 3]) recorder.hurry(`hand ${id}`)
    const ends = await Promise.allSettled(notes)
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(written).toEqual([[1], [3]])
  })

  it('records nothing of a hand after what it could not record: the gap would be sent again', async () => {
    const { written, recorder } = ledger({ fails: (all) => all.some(({ taken }) => taken[0]!.dossierId === 2) })
    const notes = [1, 2, 3].map((id) => recorder.note(outcome('a', id)))
    const other = recorder.note(outcome('b', 4))
    for (const token of ['a', 'b']) recorder.hurry(token)
    expect((await Promise.allSettled(notes)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
    expect(await other).toEqual([4])
    const late = recorder.note(outcome('a', 5))
    recorder.hurry('a')
    await expect(late).rejects.toThrow('An earlier outcome of this hand could not be recorded')
    expect(written).toEqual([[1], [4]])
  })

  it('writes nothing twice that a lost connection may have left in the ledger', async () => {
    let asked = 0
    const lost = Object.assign(new Error('lost'), { code: 'CONNECTION_CLOSED' })
    const recorder = createRecorder(async () => {
      asked += 1
      await sleep(1)
      throw lost
    })
    const notes = ['a', 'b', 'a'].map((token, id) => recorder.note(outcome(token, id)))
    for (const token of ['a', 'b']) recorder.hurry(token)
    for (const note of notes) await expect(note).rejects.toBe(lost)
    expect(asked).toBe(1)
  })
})
