import { describe, expect, it } from 'vitest'
import { shareCommits } from '../../src/dossiers/commits.ts'
import type { Accepted, IntakeResult } from '../../src/dossiers/intake.ts'

const item = (code: string) => ({ change: { code } }) as Accepted
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A ledger whose transactions end when the test says so. */
function ledger(fails: (codes: string[]) => Error | undefined = () => undefined) {
  const transactions: string[][] = []
  const open: (() => void)[] = []
  const share = shareCommits(async (items) => {
    const codes = items.map(({ change }) => change.code)
    transactions.push(codes)
    await new Promise<void>((resolve) => open.push(resolve))
    const error = fails(codes)
    if (error !== undefined) throw error
    return codes.map((code): IntakeResult => ({ code, result: 'stored' }))
  })
  const commitAll = async () => {
    for (await turn(); open.length > 0; await turn()) open.shift()!()
  }
  const settled = async (pushes: Promise<IntakeResult>[]) => {
    const outcomes = Promise.allSettled(pushes)
    await commitAll()
    return (await outcomes).map((one) => (one.status === 'fulfilled' ? one.value.code : one.reason))
  }
  return { share: (code: string) => share(item(code)), transactions, open, settled }
}

describe('shared commits', () => {
  it('take together what came while transactions ran, and answer each with its own result', async () => {
    const { share, transactions, settled } = ledger()
    const pushes = [share('a'), share('b')]
    await turn()
    pushes.push(share('c'))
    await turn()
    pushes.push(share('d'), share('e'))
    await turn()
    expect(transactions).toEqual([['a', 'b'], ['c']])
    expect(await settled(pushes)).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect(transactions).toEqual([['a', 'b'], ['c'], ['d', 'e']])
  })

  it('never hold two changes of one dossier at a time, and keep their order', async () => {
    const { share, transactions, settled } = ledger()
    const pushes = [share('a'), share('b'), share('a')]
    await turn()
    await turn()
    pushes.push(share('a'), share('c'))
    await turn()
    expect(transactions).toEqual([['a', 'b'], ['c']])
    expect(await settled(pushes)).toEqual(['a', 'b', 'a', 'a', 'c'])
    expect(transactions).toEqual([['a', 'b'], ['c'], ['a'], ['a']])
  })

  it('nobody pays for a neighbour: what fails together is halved', async () => {
    const guilty = new Error('guilty')
    const { share, transactions, settled } = ledger((codes) => (codes.includes('c') ? guilty : undefined))
    const pushes = ['a', 'b', 'c', 'd', 'e'].map(share)
    expect(await settled(pushes)).toEqual(['a', 'b', guilty, 'd', 'e'])
    expect(transactions).toEqual([['a', 'b', 'c', 'd', 'e'], ['a', 'b', 'c'], ['a', 'b'], ['c'], ['d', 'e']])
    expect(await settled([share('c'), share('a')])).toEqual([guilty, 'a'])
  })

  it('a ledger out of reach fails all at once, and the next push tries again', async () => {
    let down: Error | undefined = Object.assign(new Error('down'), { code: 'ECONNREFUSED' })
    const { share, transactions, settled } = ledger(() => down)
    expect(await settled(['a', 'b', 'c'].map(share))).toEqual([down, down, down])
    expect(transactions).toHaveLength(1)
    down = undefined
    expect(await settled([share('a')])).toEqual(['a'])
  })
})
