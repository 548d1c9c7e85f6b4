import type { Advice } from './advice.ts'
import { plainMapping, type Wish } from './decisions.ts'
import type { LocalCode } from './local.ts'
import { reasonsInWords, type Suggestion } from './suggest.ts'

/** A local code whose national one needs no person: the suggestion says `accept`. */
export interface Certain {
  readonly local: LocalCode
  readonly suggestion: Suggestion
}

/** Local procedures compared together: few messages, and progress that moves. */
const atOnce = 100

/** Those of the named local codes that need no person; nothing is decided. */
export async function certainOf(
  advice: Advice,
  locals: readonly LocalCode[],
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<Certain[]> {
  const named = locals.filter(({ name }) => name !== null)
  const certain: Certain[] = []
  for (let from = 0; from < named.length; from += atOnce) {
    const some = named.slice(from, from + atOnce)
    const suggestions = await advice.suggest(
      some.map(({ code, name }) => ({ code, name: name ?? '' })),
      3,
    )
    for (const [place, suggestion] of suggestions.entries())
      if (suggestion.decision === 'accept') certain.push({ local: some[place]!, suggestion })
    onProgress(from + some.length, named.length)
  }
  return certain
}

/** The wish to accept it for everybody, with what speaks for it as the reason. */
export const acceptanceOf = ({ local, suggestion }: Certain): Wish => ({
  verdict: 'accept',
  mapping: plainMapping(local.code, suggestion.candidates[0]!.code),
  why: reasonsInWords(suggestion.candidates[0]!.reasons, 'vi'),
})
