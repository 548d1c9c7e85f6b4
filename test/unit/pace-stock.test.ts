import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createStock, type Given, type GivenSlot } from '../../src/delivery/pace-stock.ts'

/** Gives as many slots as it is asked for, and notes what was given back. */
function source(answer: (token: string, atMost: number) => Promise<Given> | Given) {
  const asked: number[] = []
  const back: string[] = []
  const stock = createStock(
    {
      take: async (_urgency, token, atMost) => {
        asked.push(atMost)
        await sleep(2)
        return answer(token, atMost)
      },
      unused: async (token) => void back.push(token),
    },
    'fresh',
  )
  return { asked, back, stock }
}

const slots = (token: string, count: number) => {
  const now = performance.now()
  const one = (number: number): GivenSlot => ({
    kind: 'slot',
    token: `${token}.${number}`,
    at: String(number),
    round: '0',
    epoch: 'e',
    interval: 1,
    asked: now,
    answered: now,
    wait: number,
    usual: 0,
  })
  return Array.from({ length: count }, (_, number) => one(number))
}
const tokenOf = (turn: Awaited<ReturnType<ReturnType<typeof createStock>['next']>>) =>
  turn.kind === 'slot' ? turn.token : turn.kind

describe('slots of the pace for one process', () => {
  it('who asks while a trip is under way makes one of its own, and each gets a slot of its own', async () => {
    const { asked, stock } = source(slots)
    const got = await Promise.all(Array.from({ length: 5 }, () => stock.next()))
    expect(asked).toEqual([1, 1, 1, 1, 1])
    expect(new Set(got.map(tokenOf)).size).toBe(5)
  })

  it('a process that asks seldom takes nothing ahead', async () => {
    const { asked, back, stock } = source(slots)
    await stock.next()
    await sleep(30)
    await stock.next()
    expect(asked).toEqual([1, 1])
    expect(back).toEqual([])
  })

  it('a busy process takes ahead what it needs soon, and gives back what nobody came for', async () => {
    const { asked, back, stock } = source(slots)
    for (let count = 0; count < 40; count += 1) await stock.next()
    expect(Math.max(...asked)).toBeGreaterThan(1)
    expect(asked.length).toBeLessThan(40)
    const taken = asked.reduce((sum, one) => sum + one, 0)
    await sleep(80)
    expect(back).toHaveLength(taken - 40)
  })

  it('gives everything back when the portal asks for less', async () => {
    const { asked, back, stock } = source(slots)
    for (let count = 0; count < 40 || asked.reduce((sum, one) => sum + one, 0) === count; count += 1) await stock.next()
    stock.clear()
    expect(back.length).toBeGreaterThan(0)
  })

  it('a closed gate and a later time are told to each who waits', async () => {
    const gate = source(() => ({ kind: 'closed', wait: 5, why: 'quiet-hours' }))
    expect((await Promise.all([1, 2, 3].map(() => gate.stock.next()))).map(tokenOf)).toEqual(Array(3).fill('closed'))
    expect(gate.asked).toHaveLength(3)
    const later = source(() => ({ kind: 'again', wait: 5 }))
    await Promise.all([1, 2, 3].map(() => later.stock.next()))
    expect(later.asked).toHaveLength(3)
  })

  it('a failure reaches all who wait, and the next one asks anew', async () => {
    let works = false
    const { stock } = source((token, atMost) => {
      if (!works) throw new Error('away')
      return slots(token, atMost)
    })
    const ends = await Promise.allSettled([stock.next(), stock.next()])
    expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    works = true
    expect(tokenOf(await stock.next())).toMatch(/\.0$/)
  })
})
