import { diffArrays } from 'diff'
import { abbreviations } from '../../config/mapping-words.ts'
import { html } from '../console/html.ts'
import { syllable } from './names.ts'

/** A piece of a name; `own` when the other name does not have it there. */
export interface Piece {
  readonly text: string
  readonly own: boolean
}

/** Two names beside each other: which words each has for itself. Case, tone style, signs and short forms make no difference. */
export function differences(left: string, right: string): { left: Piece[]; right: Piece[] } {
  const [ours, theirs] = [wordsOf(left), wordsOf(right)]
  const changes = diffArrays(ours, theirs, { comparator: (a, b) => a.key === b.key })
  const side = (words: readonly Word[], mine: 'added' | 'removed'): Piece[] => {
    let at = 0
    return changes
      .filter((change) => (mine === 'added' ? !change.removed : !change.added))
      .map((change) => ({ text: textOf(words.slice(at, (at += change.value.length))), own: change[mine] }))
      .filter(({ text }) => text !== '')
  }
  return { left: side(ours, 'removed'), right: side(theirs, 'added') }
}

interface Word {
  /** As it stands in the name; a short form stands at its first word. */
  readonly text: string
  readonly key: string
}

const textOf = (words: readonly Word[]) =>
  words
    .map(({ text }) => text)
    .filter(Boolean)
    .join(' ')

function wordsOf(name: string): Word[] {
  return name
    .normalize('NFC')
    .split(/\s+/)
    .filter(Boolean)
    .flatMap((text) => {
      const letters = text.toLowerCase().replace(/[^\p{L}\p{M}\d]/gu, '')
      const long = abbreviations[letters] ?? letters
      return long.split(' ').map((word, place) => ({ text: place === 0 ? text : '', key: syllable(word) }))
    })
}

/** As a page shows it. */
export const marked = (pieces: readonly Piece[]) =>
  pieces.map(({ text, own }) => (own ? html`<mark>${text}</mark> ` : html`${text} `))
