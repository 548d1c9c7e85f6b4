import { acts, akinActs, gradeNouns, gradeWords, levelWords, sides } from '../../config/mapping-words.ts'
import { levels, type Level } from '../organisations/model.ts'
import { readName, syllable, type ReadName } from './names.ts'

/** What a name says beyond its words: the parts on which two names that look alike can mean different procedures. */
export interface Traits {
  /** What is done, from the head of the name: `cấp lại`, `gia hạn`. */
  readonly acts: ReadonlySet<string>
  /** Grades by the word before them: `hạng` → i, ii. */
  readonly grades: ReadonlyMap<string, ReadonlySet<string>>
  /** By the number of the group in `sides`: which of its words stand in the name. */
  readonly sides: ReadonlyMap<number, ReadonlySet<string>>
  readonly levels: ReadonlySet<Level>
  readonly negated: boolean
}

/** One thing on which two names differ though they look alike. A hard one rules out that a machine accepts. */
export interface Contrast {
  readonly kind: 'act' | 'grade' | 'side' | 'level' | 'negation'
  readonly hard: boolean
  /** What the local name says, and what the national one; empty when one of them is silent. */
  readonly local: string
  readonly national: string
}

/** Phrases by their first syllable, longest first. */
type Phrases = ReadonlyMap<string, readonly { readonly words: readonly string[]; readonly means: string }[]>

function phrasesOf(entries: Iterable<readonly [string, string]>): Phrases {
  const list = [...entries].map(([phrase, means]) => ({ words: phrase.split(' ').map(syllable), means }))
  return Map.groupBy(
    list.toSorted((a, b) => b.words.length - a.words.length),
    ({ words }) => words[0]!,
  )
}

const actPhrases = phrasesOf(Object.entries(acts))
const levelPhrases = phrasesOf(Object.entries(levelWords))
const sidePhrases = phrasesOf(sides.flatMap((group, index) => group.map((word) => [word, `${index}|${word}`] as const)))
const gradeSyllables = new Map(gradeNouns.map((noun) => [syllableOf(noun), noun]))
const gradeValues = phrasesOf(gradeWords.map((word) => [word, word] as const))

function syllableOf(phrase: string): string {
  return phrase.split(' ').map(syllable).join(' ')
}

/** The longest phrase that begins at `at`. */
function phraseAt(phrases: Phrases, words: readonly string[], at: number) {
  return phrases.get(words[at] ?? '')?.find((phrase) => phrase.words.every((word, index) => words[at + index] === word))
}

export function traitsOf(name: ReadName): Traits {
  const found = { levels: new Set<Level>(), sides: new Map<number, Set<string>>() }
  for (let at = 0; at < name.words.length; at += 1) {
    const level = phraseAt(levelPhrases, name.words, at)
    if (level) found.levels.add(level.means as Level)
    const side = phraseAt(sidePhrases, name.words, at)
    if (!side) continue
    const [group, word] = side.means.split('|') as [string, string]
    const words = found.sides.get(Number(group)) ?? new Set()
    found.sides.set(Number(group), words.add(word))
    // "Ngoài công lập" holds "công lập": what a longer phrase took is not read again.
    at += side.words.length - 1
  }
  return { ...found, acts: leadOf(name.parts), grades: gradesOf(name.parts), negated: name.words.includes('không') }
}

const joins = new Set([',', ';', '/', '(', ')', ...['và', 'hoặc', 'hay'].map(syllable)])

/** The acts at the head: "Cấp, cấp lại Giấy phép" does two things. What follows another word belongs to the object. */
function leadOf(parts: readonly string[]): Set<string> {
  const lead = new Set<string>()
  let at = 0
  for (let act = phraseAt(actPhrases, parts, at); act; act = phraseAt(actPhrases, parts, at)) {
    lead.add(act.means)
    const after = at + act.words.length
    at = after
    while (joins.has(parts[at]!)) at += 1
    if (at === after) break
  }
  return lead
}

const numeral = /^(?:[ivx]{1,4}|\d{1,2}|[a-h])$/
const romans = ['', 'i', 'ii', 'iii', 'iv', 'v', 'vi', 'vii', 'viii', 'ix', 'x']

/** "Loại III" and "loại 3" are one grade. */
const gradeOf = (value: string) => (romans.includes(value) ? String(romans.indexOf(value)) : value)

/** Grades with the word before them; "cấp I, II và III" has three. */
function gradesOf(parts: readonly string[]): Map<string, Set<string>> {
  const grades = new Map<string, Set<string>>()
  for (let at = 0; at < parts.length; at += 1) {
    const noun = gradeSyllables.get(parts[at]!) ?? gradeSyllables.get(`${parts[at]} ${parts[at + 1]}`)
    if (noun === undefined) continue
    const values = valuesAfter(parts, at + noun.split(' ').length)
    if (values.length > 0) grades.set(noun, new Set([...(grades.get(noun) ?? []), ...values]))
  }
  return grades
}

function valuesAfter(parts: readonly string[], from: number): string[] {
  const values: string[] = []
  for (let at = from; at < parts.length; at += 1) {
    const word = phraseAt(gradeValues, parts, at)
    if (word) {
      values.push(word.means)
      at += word.words.length - 1
    } else if (numeral.test(parts[at]!)) values.push(gradeOf(parts[at]!))
    else if (values.length === 0 || !joins.has(parts[at]!)) break
  }
  return values
}

/** What speaks against the two being one procedure, hard ones first. */
export function contrastsOf(local: Traits, national: Traits): Contrast[] {
  return [
    ...actContrast(local.acts, national.acts),
    ...gradeContrasts(local, national),
    ...sideContrasts(local, national),
    ...levelContrast(local.levels, national.levels),
    ...(local.negated === national.negated
      ? []
      : [
          {
            kind: 'negation' as const,
            hard: false,
            local: local.negated ? 'không' : '',
            national: national.negated ? 'không' : '',
          },
        ]),
  ].toSorted((a, b) => Number(b.hard) - Number(a.hard))
}

const listed = (words: Iterable<string>) => [...words].join(', ')
const meet = (a: ReadonlySet<unknown>, b: ReadonlySet<unknown>) => !a.isDisjointFrom(b)

function actContrast(local: ReadonlySet<string>, national: ReadonlySet<string>): Contrast[] {
  if (local.size === 0 || national.size === 0 || local.isSubsetOf(national)) return []
  const said = { kind: 'act' as const, local: listed(local), national: listed(national) }
  if (meet(local, national)) return [{ ...said, hard: false }]
  const akin = akinActs.some((group) => group.some((act) => local.has(act)) && group.some((act) => national.has(act)))
  return [{ ...said, hard: !akin }]
}

function gradeContrasts(local: Traits, national: Traits): Contrast[] {
  const nouns = new Set([...local.grades.keys(), ...national.grades.keys()])
  return [...nouns].flatMap((noun) => {
    const [ours, theirs] = [local.grades.get(noun), national.grades.get(noun)]
    if (ours && theirs && ours.size === theirs.size && ours.isSubsetOf(theirs)) return []
    const said = (values: ReadonlySet<string> | undefined) => (values ? `${noun} ${listed(values).toUpperCase()}` : '')
    return [{ kind: 'grade' as const, hard: Boolean(ours && theirs), local: said(ours), national: said(theirs) }]
  })
}

const none: ReadonlySet<string> = new Set()

function sideContrasts(local: Traits, national: Traits): Contrast[] {
  const groups = new Set([...local.sides.keys(), ...national.sides.keys()])
  return [...groups].flatMap((group) => {
    const [ours, theirs] = [local.sides.get(group) ?? none, national.sides.get(group) ?? none]
    if (ours.size === theirs.size && ours.isSubsetOf(theirs)) return []
    const apart = ours.size > 0 && theirs.size > 0 && !meet(ours, theirs)
    return [{ kind: 'side' as const, hard: apart, local: listed(ours), national: listed(theirs) }]
  })
}

/** Districts ended in 2025 and their procedures went to communes or the province: a district says nothing about today's level. */
function levelContrast(local: ReadonlySet<Level>, national: ReadonlySet<Level>): Contrast[] {
  if (local.has('district') || national.has('district')) return []
  if (local.size === 0 || national.size === 0 || meet(local, national)) return []
  return [{ kind: 'level', hard: true, local: listed(local), national: listed(national) }]
}

/** Levels in a catalogue's cell: `Cấp bộ, Cấp Tỉnh`, `province`. Words that are no level ("Cơ quan khác") are left out. */
export function readLevels(cell: string): Set<Level> {
  const plain = cell.trim().toLowerCase()
  const own = levels.find((level) => level === plain)
  return own ? new Set([own]) : new Set(traitsOf(readName(cell)).levels)
}
