import { describe, expect, it } from 'vitest'
import { linesOf } from '../../src/platform/lines.ts'

async function cut(max: number, ...chunks: string[]) {
  const lines: [number, string | null][] = []
  for await (const some of linesOf(
    (async function* () {
      for (const chunk of chunks) yield Buffer.from(chunk)
    })(),
    max,
  ))
    for (const line of some) lines.push([line.number, 'bytes' in line ? line.bytes.toString() : null])
  return lines
}

describe('lines', () => {
  it('cut where they end, across chunks', async () =>
    expect(await cut(10, 'a\nb', 'c\n', '\nd')).toEqual([
      [1, 'a'],
      [2, 'bc'],
      [4, 'd'],
    ]))
  it('those that end in one chunk come together, and an empty list never', async () => {
    const lists = []
    const chunks = (async function* () {
      for (const chunk of ['a\nb\nc', 'd', '\n', '\n\n', 'e']) yield Buffer.from(chunk)
    })()
    for await (const some of linesOf(chunks, 10)) lists.push(some.map(({ number }) => number))
    expect(lists).toEqual([[1, 2], [3], [6]])
  })
  it('nothing, and only ends', async () => {
    expect(await cut(10)).toEqual([])
    expect(await cut(10, '', '\n\r\n \t\n')).toEqual([])
  })
  it('keep a carriage return, which JSON allows', async () =>
    expect(await cut(10, '{}\r\n{}')).toEqual([
      [1, '{}\r'],
      [2, '{}'],
    ]))
  it('one too long is reported once, wherever its chunks end, and the next is whole', async () => {
    for (const chunks of [
      ['12345\nab'],
      ['123', '45\nab'],
      ['12345', '\n', 'ab'],
      ['1', '2', '3', '4', '5', '\na', 'b'],
    ])
      expect(await cut(4, ...chunks)).toEqual([
        [1, null],
        [2, 'ab'],
      ])
  })
  it('one that is too long and never ends', async () => expect(await cut(4, '12', '345', '6')).toEqual([[1, null]]))
  it('a letter of several bytes may be cut by a chunk', async () => {
    const bytes = Buffer.from('ắ\n')
    const lines = []
    for await (const some of linesOf(
      (async function* () {
        yield bytes.subarray(0, 2)
        yield bytes.subarray(2)
      })(),
      10,
    ))
      lines.push(...some)
    expect(lines).toEqual([{ number: 1, bytes: Buffer.from('ắ') }])
  })
})
