import { mappingReasons, type MappingReason } from '../../config/mapping-reasons.ts'
import { levelNames, type Level } from '../organisations/model.ts'
import { isCertain, readCode, type ReadCode } from './codes.ts'
import { createLikenessIndex } from './likeness.ts'
import { readName, type ReadName } from './names.ts'
import { contrastsOf, traitsOf, type Contrast, type Traits } from './traits.ts'

/** A national procedure with all names it ever had, the newest first; the first is its name today. */
export interface NationalEntry {
  readonly code: string
  readonly names: readonly [string, ...string[]]
  readonly field: string
  readonly levels: ReadonlySet<Level>
  readonly agency: string
  /** False once the portal withdrew it. */
  readonly open: boolean
  /** False when only lists more than a year older than the newest one have it. */
  readonly current: boolean
}

export interface LocalEntry {
  readonly code: string
  readonly name: string
  readonly field?: string
  readonly levels?: ReadonlySet<Level>
  readonly agency?: string
}

export interface Reason {
  readonly code: MappingReason
  readonly values: Readonly<Record<string, string | number>>
}

export type Decision = 'accept' | 'review' | 'none'

export interface Candidate {
  readonly code: string
  /** The newest name of the procedure. */
  readonly name: string
  /** 0 to 1: name, code and everything else together. Comparable between candidates of one local procedure. */
  readonly score: number
  /** 0 to 1: how well the name alone fits, after what speaks against it. */
  readonly fit: number
  readonly decision: Decision
  readonly reasons: readonly Reason[]
}

export interface Suggestion {
  readonly code: ReadCode
  readonly decision: Decision
  /** Best first. */
  readonly candidates: readonly Candidate[]
  /** What holds for the local procedure whichever candidate is taken. */
  readonly remarks: readonly Reason[]
}

export interface Asked {
  readonly top: number
  /** `name` hides the local code: to measure how well names alone are ranked. Then nothing is accepted. */
  readonly evidence?: 'all' | 'name'
  /** How many other agencies had a person accept the same local code for a national one. */
  readonly decided?: ReadonlyMap<string, number>
  /** National codes that a person said are not meant: they are not proposed again. */
  readonly rejected?: ReadonlySet<string>
}

export interface Matcher {
  suggest(local: LocalEntry, asked: Asked): Suggestion
}

/**
 * What evidence weighs: a name alone leaves a tenth of the doubt; each other is the share of the remaining doubt that it takes away, so that several together come near 1
 * and never pass it. The thresholds were set on published decisions, and tried against wrong codes (docs/mapping.md).
 */
const weights = { name: 0.9, certainCode: 0.6, guessedCode: 0.3, decided: 0.5, field: 0.12, agency: 0.06, level: 0.04 }
/** What is left of a fit after something that speaks against it. */
const doubts = { hard: 0.82, soft: 0.97, ministryOnly: 0.9, closed: 0.9, notCurrent: 0.995 }
const thresholds = {
  /** The least fit of a name that a code inside the local code needs to be accepted. */
  acceptCode: 0.6,
  /** The same when the name, on its own, puts that procedure before all others by `lead`: two witnesses name the same one. */
  acceptLeading: 0.38,
  lead: 0.03,
  /** The same where the code had to be guessed: the names say the same. */
  acceptGuess: 0.97,
  acceptDecided: 0.8,
  /** Another code whose name fits better by this much makes it a question for a person. */
  rival: 0.02,
  review: 0.36,
  alike: 0.4,
  sameName: 0.995,
}
/** Names looked at closely. */
const looked = 24
/** Texts remembered at a time: bounds the memory of a matcher that lives long. */
const mostRemembered = 2_500

interface Named {
  readonly entry: NationalEntry
  readonly keys: { readonly field: string; readonly agency: string }
  readonly name: string
  readonly read: ReadName
  readonly traits: Traits
  readonly former: boolean
}

interface Fit {
  readonly named: Named
  readonly likeness: number
  readonly fit: number
  readonly contrasts: readonly Contrast[]
}

/** Made once for a catalogue; asking it does not change it. */
export function createMatcher(entries: readonly NationalEntry[]): Matcher {
  const keyOf = remembered((text: string) => readName(text).words.join(' '))
  const named = entries.flatMap((entry) => {
    const keys = { field: keyOf(entry.field), agency: keyOf(entry.agency) }
    return entry.names.map((name, index): Named => {
      const read = readName(name)
      return { entry, keys, name, read, traits: traitsOf(read), former: index > 0 }
    })
  })
  const index = createLikenessIndex(named.map(({ read }) => read))
  const asked = remembered((text) => {
    const name = readName(text)
    return { name, traits: traitsOf(name), nearest: index.nearest(name, looked) }
  })
  const byCode = Map.groupBy(named.keys(), (place) => named[place]!.entry.code)
  return {
    suggest(local, { top, evidence = 'all', decided = new Map(), rejected = new Set() }) {
      const { name, traits, nearest } = asked(local.name)
      const code = readCode(evidence === 'all' ? local.code : '')
      const fits = new Map<string, Fit>()
      const consider = (place: number, likeness: number) => {
        if (rejected.has(named[place]!.entry.code)) return
        const one = fitOf(named[place]!, likeness, local, traits)
        const known = fits.get(one.named.entry.code)
        if (!known || one.fit > known.fit) fits.set(one.named.entry.code, one)
      }
      for (const { place, likeness } of nearest) consider(place, likeness)
      for (const wanted of [...(code.national ? [code.national] : []), ...decided.keys()])
        for (const place of byCode.get(wanted) ?? []) consider(place, index.likeness(name, place))
      const keys = { field: keyOf(local.field ?? ''), agency: keyOf(local.agency ?? '') }
      const known = byCode.has(code.national ?? '')
      return suggestionOf({ local, keys, name, code, decided, fits: [...fits.values()], known }, top)
    },
  }
}

function fitOf(named: Named, likeness: number, local: LocalEntry, traits: Traits): Fit {
  const { entry } = named
  const ours = local.levels?.size ? { ...traits, levels: local.levels.union(traits.levels) } : traits
  const theirs = entry.levels.size > 0 ? { ...named.traits, levels: entry.levels } : named.traits
  const contrasts = contrastsOf(ours, theirs)
  let fit = Math.min(1, likeness)
  for (const { hard } of contrasts) fit *= hard ? doubts.hard : doubts.soft
  if (isMinistryOnly(entry)) fit *= doubts.ministryOnly
  if (!entry.open) fit *= doubts.closed
  if (!entry.current) fit *= doubts.notCurrent
  return { named, likeness, fit, contrasts }
}

/** A province's own list has what a province or its communes do. */
const isMinistryOnly = ({ levels }: NationalEntry) => levels.size === 1 && levels.has('ministry')

interface Question {
  readonly local: LocalEntry
  readonly keys: Named['keys']
  readonly name: ReadName
  readonly code: ReadCode
  readonly decided: ReadonlyMap<string, number>
  readonly fits: readonly Fit[]
  /** The code inside the local code is in the catalogue. */
  readonly known: boolean
}

function suggestionOf(question: Question, top: number): Suggestion {
  const scored = question.fits
    .map((fit) => ({ fit, score: scoreOf(question, fit) }))
    .toSorted((a, b) => b.score - a.score || Number(closer(question, b.fit)) - Number(closer(question, a.fit)))
  const accepted = scored[0] !== undefined && isBeyondDoubt(question, scored[0].fit)
  const candidates = scored.slice(0, top).map(({ fit, score }, rank): Candidate => {
    return {
      code: fit.named.entry.code,
      name: fit.named.entry.names[0],
      score,
      fit: fit.fit,
      decision: accepted ? (rank === 0 ? 'accept' : 'none') : score >= thresholds.review ? 'review' : 'none',
      reasons: reasonsOf(question, fit),
    }
  })
  const { code, known } = question
  return {
    code,
    decision: candidates[0]?.decision ?? 'none',
    candidates,
    remarks: code.national && !known ? [{ code: 'code-unknown', values: { code: code.national } }] : [],
  }
}

/** Among equals the one that is written the same to the sign comes first. */
const closer = ({ name }: Question, { named }: Fit) => named.read.text === name.text

function scoreOf(question: Question, { named, fit }: Fit): number {
  const { entry, keys } = named
  let doubt = 1 - weights.name * fit
  if (question.code.national === entry.code)
    doubt *= 1 - (isCertain(question.code.form) ? weights.certainCode : weights.guessedCode)
  if (question.decided.has(entry.code)) doubt *= 1 - weights.decided
  if (same(question.keys.field, keys.field)) doubt *= 1 - weights.field
  if (same(question.keys.agency, keys.agency)) doubt *= 1 - weights.agency
  if (sameLevel(question.local, entry)) doubt *= 1 - weights.level
  return 1 - doubt
}

/** Both are known, and they are the same. */
const same = (a: string, b: string) => a !== '' && a === b

/** The same answer for the same text, worked out once: lists repeat names, fields and agencies from unit to unit. */
function remembered<T>(work: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>()
  return (text) => {
    const found = known.get(text)
    if (found !== undefined) return found
    if (known.size >= mostRemembered) known.clear()
    const answer = work(text)
    known.set(text, answer)
    return answer
  }
}

const sameLevel = ({ levels }: LocalEntry, entry: NationalEntry) =>
  Boolean(levels?.size) && entry.levels.size > 0 && !levels!.isDisjointFrom(entry.levels)

/**
 * Whether no person is needed: the code inside the local code, or what persons decided elsewhere, says the same as the name;
 * nothing hard speaks against it; no other procedure's name fits clearly better.
 */
function isBeyondDoubt(question: Question, { named, fit, contrasts }: Fit): boolean {
  const { code, decided, fits, name } = question
  if (!named.entry.open || isMinistryOnly(named.entry) || name.words.length < 2 || contrasts.some(({ hard }) => hard))
    return false
  const nextBest = Math.max(
    0,
    ...fits.filter((other) => other.named.entry.code !== named.entry.code).map((other) => other.fit),
  )
  if (nextBest > fit + thresholds.rival) return false
  if (code.national === named.entry.code) {
    if (!isCertain(code.form)) return fit >= thresholds.acceptGuess
    return fit >= (nextBest + thresholds.lead <= fit ? thresholds.acceptLeading : thresholds.acceptCode)
  }
  return (
    code.national === null && decided.has(named.entry.code) && decided.size === 1 && fit >= thresholds.acceptDecided
  )
}

const kindsOfContrast = {
  act: 'other-act',
  grade: 'other-grade',
  side: 'other-side',
  level: 'other-level',
  negation: 'negated',
} as const satisfies Record<Contrast['kind'], MappingReason>

function reasonsOf(question: Question, { named, likeness, fit, contrasts }: Fit): Reason[] {
  const { local, code, decided, fits } = question
  const { entry, keys } = named
  const reasons: Reason[] = []
  const say = (reason: MappingReason, values: Reason['values'] = {}) => reasons.push({ code: reason, values })
  if (code.national === entry.code) say(isCertain(code.form) ? 'code-inside' : 'code-repaired')
  if (decided.has(entry.code)) say('decided-elsewhere', { count: decided.get(entry.code)! })
  if (named.former && likeness >= thresholds.alike) say('former-name', { name: named.name })
  else if (likeness >= thresholds.sameName) say('same-name')
  else if (likeness >= thresholds.alike) say('similar-name', { percent: Math.floor(likeness * 100) })
  else say('name-unlike')
  if (same(question.keys.field, keys.field)) say('same-field', { field: entry.field })
  if (sameLevel(local, entry)) say('same-level')
  if (same(question.keys.agency, keys.agency)) say('same-agency')
  for (const { kind, local: ours, national } of contrasts)
    say(kindsOfContrast[kind], { local: levelText(kind, ours), national: levelText(kind, national) })
  if (isMinistryOnly(entry)) say('ministry-only')
  if (!entry.open) say('closed')
  else if (!entry.current) say('not-current')
  const rival = fits.filter((other) => other.named.entry.code !== entry.code).toSorted((a, b) => b.fit - a.fit)[0]
  if (rival && rival.fit > fit + thresholds.rival)
    say('name-says-other', { code: rival.named.entry.code, name: rival.named.entry.names[0] })
  const twins = fits.filter((other) => other.named.entry.code !== entry.code && other.likeness >= thresholds.sameName)
  if (twins.length > 0 && likeness >= thresholds.sameName) say('same-name-twice', { count: twins.length })
  return reasons
}

const levelText = (kind: Contrast['kind'], text: string) =>
  kind === 'level'
    ? text
        .split(', ')
        .map((level) => levelNames[level as Level].vi)
        .join(', ')
    : text

/** Each reason by itself. */
export const reasonsApart = (reasons: readonly Reason[], language: 'vi' | 'en') =>
  reasons.map(({ code, values }) => ({
    favours: mappingReasons[code].favours,
    text: mappingReasons[code][language].replace(/\{(\w+)\}/g, (_, key: string) => String(values[key] ?? '–')),
  }))

/** The reasons as one line, those for it first. */
export function reasonsInWords(reasons: readonly Reason[], language: 'vi' | 'en'): string {
  const worded = reasonsApart(reasons, language)
  const [good, bad] = [worded.filter(({ favours }) => favours), worded.filter(({ favours }) => !favours)]
  const join = (list: typeof worded) => list.map(({ text }) => text).join('; ')
  const but = language === 'vi' ? 'nhưng: ' : 'but: '
  return [join(good), bad.length > 0 ? but + join(bad) : ''].filter(Boolean).join(' — ')
}
