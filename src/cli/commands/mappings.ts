import type { Command } from 'commander'
import { createAdvice } from '../../procedures/advice.ts'
import { acceptanceOf, certainOf, type Certain } from '../../procedures/certain.ts'
import { listDecisions, newestDecision, type Decision } from '../../procedures/decisions.ts'
import { localCodes, waitsForSomebody, type LocalCode } from '../../procedures/local.ts'
import type { Release } from '../../procedures/model.ts'
import { reasonsInWords } from '../../procedures/suggest.ts'
import { openDesk, type Ground } from '../../main.ts'
import { momentWords, type Language } from '../../console/words.ts'
import { CommandFailed, UsageError } from '../exits.ts'
import { withGround } from '../ground.ts'
import { actor, readWhole, languageOption } from '../options.ts'
import { answer, columns, switchesOf } from '../output.ts'
import { startProgress } from '../progress.ts'
import { addMappingLists } from './mapping-lists.ts'

export function addMappings(program: Command): void {
  const mappings = program
    .command('mappings')
    .description('Local codes that wait for a national one, what is decided about them, and how to take it back.')
  addPending(mappings)
  addAccept(mappings)
  addDecisions(mappings)
  addUndo(mappings)
  addMappingLists(mappings)
}

async function pendingOf({ sql, catalogue }: Ground): Promise<LocalCode[]> {
  const all = await localCodes(sql, await catalogue.fresh())
  return all.filter(waitsForSomebody)
}

function addPending(mappings: Command): void {
  mappings
    .command('pending')
    .description('Local codes that are not mapped, those with most waiting dossiers first.')
    .option('--limit <number>', 'at most so many', readWhole(1), 50)
    .action(async ({ limit }: { limit: number }, command: Command) => {
      const codes = (await withGround(pendingOf)).slice(0, limit)
      answer(switchesOf(command), codes, () =>
        codes.length === 0
          ? 'Every local code is mapped, or somebody said what becomes of it.'
          : columns([
              ['CODE', 'WAITING', 'AGENCIES', 'NAME'],
              ...codes.map((one) => [one.code, String(one.waiting), String(one.agencies), one.name ?? '-']),
            ]),
      )
    })
}

interface AcceptOptions {
  readonly why?: string
  readonly yes?: boolean
  readonly lang: Language
}

/** Acceptances shown: with --json all are. */
const shown = 20

function addAccept(mappings: Command): void {
  mappings
    .command('accept-certain')
    .description('Accept what needs no person: the code and the name agree, and nothing speaks against it.')
    .option('--why <text>', 'kept with the decision (required with --yes)')
    .option('--yes', 'do it; without it, it is only counted')
    .addOption(languageOption())
    .addHelpText('after', '\nOne decision, taken back as a whole by "dvcqg mappings undo".')
    .action(async ({ why, yes = false, lang }: AcceptOptions, command: Command) => {
      if (yes && !why?.trim()) throw new UsageError(['--why is missing: say why, it is kept with the decision.'])
      const result = await withGround((ground) => acceptCertain(ground, why ?? '', yes))
      answer(switchesOf(command), result, () => describeAccept(result, yes, lang))
    })
}

interface Accepted {
  readonly decision: number | null
  readonly looked: number
  readonly accepted: readonly Certain[]
  readonly dossiers: Release
}

async function acceptCertain(ground: Ground, why: string, isMeant: boolean): Promise<Accepted> {
  const { sql } = ground
  // What somebody decides while the codes are compared is not decided over.
  const seen = await newestDecision(sql)
  const named = (await pendingOf(ground)).filter(({ name }) => name !== null)
  const accepted = await compare(sql, named)
  const wishes = accepted.map(acceptanceOf)
  const decision: Decision = { wishes, by: actor(), why, seen }
  const desk = openDesk(ground)
  const outcome = await (isMeant ? desk.decide(decision) : desk.preview(decision))
  return { decision: outcome.decision, looked: named.length, accepted, dossiers: outcome.dossiers }
}

async function compare(sql: Ground['sql'], locals: readonly LocalCode[]): Promise<Certain[]> {
  const advice = createAdvice(sql)
  const progress = startProgress('Comparing')
  try {
    return await certainOf(advice, locals, (done, total) => progress.show(done, total, ''))
  } finally {
    progress.end()
    await advice.stop()
  }
}

function describeAccept({ decision, looked, accepted, dossiers }: Accepted, isMeant: boolean, lang: Language): string {
  const rows = accepted.slice(0, shown).map(({ local, suggestion }) => {
    const [first] = suggestion.candidates
    return [local.code, first!.code, String(local.waiting), reasonsInWords(first!.reasons, lang)]
  })
  const rest = accepted.length - rows.length
  const still = Object.entries(dossiers.still).map(([reason, count]) => `${count} ${reason}`)
  return [
    `${accepted.length} of ${looked} unmapped codes with a name need no person.`,
    ...(rows.length > 0 ? [columns([['CODE', 'NATIONAL', 'WAITING', 'WHY'], ...rows])] : []),
    ...(rest > 0 ? [`… and ${rest} more (--json shows all).`] : []),
    `${isMeant ? 'Released' : 'It would release'}: ${dossiers.released} of ${dossiers.blocked} blocked dossiers.`,
    ...(still.length > 0 ? [`Still blocked: ${still.join(', ')}.`] : []),
    ...(isMeant
      ? decision === null
        ? []
        : [`Decision ${decision}; "dvcqg mappings undo ${decision} --why ..." takes it back.`]
      : accepted.length > 0
        ? ['Nothing was done. Add --yes --why "..." to accept them.']
        : []),
  ].join('\n')
}

function addDecisions(mappings: Command): void {
  mappings
    .command('decisions')
    .description('Decisions, the newest first.')
    .option('--limit <number>', 'at most so many', readWhole(1), 20)
    .action(async ({ limit }: { limit: number }, command: Command) => {
      const list = await withGround(({ sql }) => listDecisions(sql, null, limit))
      answer(switchesOf(command), list, () =>
        columns([
          ['DECISION', 'AT', 'BY', 'ROWS', '', 'WHY'],
          ...list.map(({ id, at, by, rows, undoes, undoneBy, why }) => [
            String(id),
            momentWords(at),
            by,
            String(rows),
            undoes !== null ? `undoes ${undoes}` : undoneBy !== null ? `undone by ${undoneBy}` : '',
            why,
          ]),
        ]),
      )
    })
}

function addUndo(mappings: Command): void {
  mappings
    .command('undo <decision>')
    .description('Take a decision back: every row becomes what it was. What was delivered stays delivered.')
    .requiredOption('--why <text>', 'kept with it')
    .action(async (text: string, { why }: { why: string }, command: Command) => {
      const id = readWhole(1)(text)
      const undone = await withGround((ground) => openDesk(ground).undo(id, { by: actor(), why }))
      if (!undone) throw new CommandFailed(`There is no decision ${id}. "dvcqg mappings decisions" lists them.`)
      answer(switchesOf(command), undone, () => `Decision ${id} is taken back: ${undone.changed} rows.`)
    })
}
