import { afterEach, describe, expect, it } from 'vitest'
import { createMatcher, type NationalEntry } from '../../src/procedures/suggest.ts'
import { startSuggesting, type Suggesting } from '../../src/procedures/suggesting.ts'

const entry = (code: string, ...names: [string, ...string[]]): NationalEntry => ({
  code,
  names,
  field: '',
  levels: new Set(['province']),
  agency: '',
  open: true,
  current: true,
})
const entries = [entry('1.000001', 'Cấp giấy phép'), entry('1.000002', 'Cấp lại giấy phép', 'Đổi giấy phép')]
const question = (code: string, name: string) => ({
  local: { code, name, levels: new Set(['province'] as const) },
  asked: { top: 2, decided: new Map([['1.000001', 2]]) },
})

describe('suggestions from a thread of their own', () => {
  let suggesting: Suggesting
  afterEach(() => suggesting.stop())

  it('are those of the matcher, for each question in its order, also when several ask at once', async () => {
    suggesting = startSuggesting()
    await suggesting.load(entries)
    const lists = [
      [question('1.000002.H34', 'Cấp lại giấy phép'), question('X', 'Cấp giấy phép')],
      [question('Y', 'Đổi giấy phép')],
      [],
    ]
    const matcher = createMatcher(entries)
    expect(await Promise.all(lists.map((list) => suggesting.suggest(list)))).toEqual(
      lists.map((list) => list.map(({ local, asked }) => matcher.suggest(local, asked))),
    )
  })

  it('come from the catalogue that was loaded last', async () => {
    suggesting = startSuggesting()
    await suggesting.load(entries)
    const first = suggesting.suggest([question('', 'Cấp giấy phép')])
    const second = suggesting.load([entry('2.000009', 'Cấp giấy phép')])
    expect((await first)[0]!.candidates[0]!.code).toBe('1.000001')
    await second
    expect((await suggesting.suggest([question('', 'Cấp giấy phép')]))[0]!.candidates[0]!.code).toBe('2.000009')
  })

  it('are refused, and leave nobody waiting, once the thread is gone', async () => {
    suggesting = startSuggesting()
    // Nothing was loaded: the thread dies of the question, as it would of any slip.
    await expect(suggesting.suggest([question('', 'Cấp')])).rejects.toThrow(Error)
    await expect(suggesting.suggest([question('', 'Cấp')])).rejects.toThrow(Error)
    await expect(suggesting.load(entries)).rejects.toThrow(Error)
  })
})
