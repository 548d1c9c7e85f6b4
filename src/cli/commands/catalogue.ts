import { Option, type Command } from 'commander'
import { momentWords } from '../../console/words.ts'
import { applyHeld, endangeredMappings, listChanges } from '../../procedures/national.ts'
import { heldLists, listPulls, type HeldList } from '../../procedures/pulls.ts'
import { CommandFailed } from '../exits.ts'
import { withGround } from '../ground.ts'
import { actor, readWhole } from '../options.ts'
import { answer, columns, switchesOf } from '../output.ts'

export function addCatalogue(program: Command): void {
  const catalogue = program
    .command('catalogue')
    .description('The national catalogue: the lists that came, what they changed, and what that touches.')
  addPulls(catalogue)
  addChanges(catalogue)
  addApply(catalogue)
  addEndangered(catalogue)
}

function addPulls(catalogue: Command): void {
  catalogue
    .command('pulls')
    .description('Lists as they came, the newest first; a held one can be applied.')
    .option('--limit <number>', 'at most so many', readWhole(1), 20)
    .addOption(
      new Option('--list <list>', 'the catalogue, or what the portal lists beside it')
        .choices(heldLists)
        .default('procedures'),
    )
    .action(async ({ limit, list }: { limit: number; list: HeldList }, command: Command) => {
      const pulls = await withGround(({ sql }) => listPulls(sql, limit, list))
      answer(switchesOf(command), pulls, () =>
        columns([
          ['PULL', 'AT', 'FROM', 'OUTCOME', 'ROWS', 'CHANGES', ''],
          ...pulls.map(({ id, at, origin, partial, outcome, rows, changes, note, by, appliable }) => [
            String(id),
            momentWords(at),
            partial ? `${origin}, a part` : origin,
            appliable ? 'held, can be applied' : outcome,
            String(rows),
            Object.entries(changes)
              .map(([kind, count]) => `${count} ${kind}`)
              .join(', ') || '-',
            by === null || outcome === 'held' ? note : `applied by ${by}`,
          ]),
        ]),
      )
    })
}

function addChanges(catalogue: Command): void {
  catalogue
    .command('changes [pull]')
    .description(
      'What a list changed, those with most dossiers first; without a number, the last one that changed anything.',
    )
    .option('--limit <number>', 'at most so many', readWhole(1), 100)
    .action(async (text: string | undefined, { limit }: { limit: number }, command: Command) => {
      const wanted = text === undefined ? undefined : readWhole(1)(text)
      const changes = await withGround(async ({ sql }) => {
        const pull = wanted ?? (await listPulls(sql, 100)).find((one) => Object.keys(one.changes).length > 0)?.id
        return pull === undefined ? [] : listChanges(sql, pull, limit)
      })
      answer(switchesOf(command), changes, () =>
        changes.length === 0
          ? 'Nothing changed.'
          : columns([
              ['CODE', 'CHANGE', 'DOSSIERS', 'MAPPINGS', 'BEFORE', 'AFTER'],
              ...changes.map((one) => [
                one.code,
                one.kind,
                String(one.dossiers),
                String(one.mappings),
                one.before ?? '-',
                one.after ?? '-',
              ]),
            ]),
      )
    })
}

function addApply(catalogue: Command): void {
  catalogue
    .command('apply <pull>')
    .description(
      'Apply a list that was held because it had shrunk. What it lacks is marked as missing; nothing is closed.',
    )
    .requiredOption('--why <text>', 'kept with it')
    .action(async (text: string, { why }: { why: string }, command: Command) => {
      if (why.trim() === '') throw new CommandFailed('--why is blank: say why, it is kept with the list.')
      const pull = readWhole(1)(text)
      const applied = await withGround(({ sql }) => applyHeld(sql, pull, { by: actor(), why: why.trim() }))
      answer(switchesOf(command), applied, () => `Applied: ${applied.changed} rows are new or different.`)
    })
}

function addEndangered(catalogue: Command): void {
  catalogue
    .command('endangered')
    .description(
      'Mappings in force that end soon, or lead to procedures that are withdrawn, end soon, are missing in the newest lists, or unknown.',
    )
    .option('--limit <number>', 'at most so many', readWhole(1), 100)
    .action(async ({ limit }: { limit: number }, command: Command) => {
      const list = await withGround(({ sql }) => endangeredMappings(sql, limit))
      answer(switchesOf(command), list, () =>
        list.length === 0
          ? 'Every mapping leads to an open procedure of the newest list, and none ends within a month.'
          : columns([
              ['CODE', 'NATIONAL', 'WHY', 'ENDS', 'OPEN DOSSIERS', 'NAME'],
              ...list.map((one) => [
                one.localCode,
                one.nationalCode,
                one.why,
                one.endsOn ?? '-',
                String(one.open),
                one.name ?? '-',
              ]),
            ]),
      )
    })
}
