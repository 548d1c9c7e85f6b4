import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { faultWords } from '../../src/console/list-words.ts'

const root = new URL('../../src/', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')

/** Every sentence that a reader of lists says, as it stands in its source; what is filled in is a word. */
function sentencesOf(path: string): string[] {
  const texts = [...read(path).matchAll(/(['`])((?:(?!\1)[^\n\\])+)\1/g)].map(([, , text]) => text!)
  return texts
    .map((text) => text.replace(/\$\{wanted\}/g, 'No sheet').replace(/\$\{[^}]*\}/g, '7'))
    .filter((text) => /^[A-Z][\w.]* \S+ \S+ [^{]*[^{.:]$/.test(text))
}

describe('what is wrong with a list', () => {
  it.each([
    ['platform/table.ts', 7],
    ['platform/files.ts', 2],
    ['platform/csv.ts', 3],
    ['platform/xlsx.ts', 9],
    ['procedures/cells.ts', 6],
    ['procedures/codes.ts', 1],
    ['procedures/mapping-list.ts', 1],
  ])('is said in Vietnamese too: %s', (path, least) => {
    const sentences = sentencesOf(path)
    expect(sentences.length).toBeGreaterThanOrEqual(least)
    expect(sentences.filter((text) => faultWords(text, 'vi') === text)).toEqual([])
  })

  it('keeps the words of the file', () => {
    const detail = 'TT.1 means 1.000002 at the same time in the same scope; end that mapping first'
    expect(faultWords(detail, 'en')).toBe(detail)
    expect(faultWords(detail, 'vi')).toMatch(/^TT\.1 đang là 1\.000002 trong cùng phạm vi/)
    expect(faultWords('The cells B2:B3 are merged; each row needs a value of its own', 'vi')).toBe(
      'Các ô B2:B3 bị gộp; mỗi dòng cần có giá trị riêng',
    )
    expect(faultWords('Something else', 'vi')).toBe('Something else')
  })
})
