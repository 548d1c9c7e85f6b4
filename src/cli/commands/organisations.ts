import type { Command } from 'commander'
import { sweepBlocked } from '../../delivery/lanes.ts'
import { openUnits } from '../../main.ts'
import { communeLives } from '../../organisations/communes.ts'
import { proposals } from '../../organisations/proposals.ts'
import { listSuccessions, withdraw } from '../../organisations/store.ts'
import type { Unit } from '../../organisations/units.ts'
import { writeTable } from '../../platform/files.ts'
import { CommandFailed } from '../exits.ts'
import { withGround } from '../ground.ts'
import { actor, readDay, readWhole } from '../options.ts'
import { answer, columns, switchesOf } from '../output.ts'
import { successionRemarks } from '../tables.ts'

export function addOrganisations(program: Command): void {
  const group = program
    .command('organisations')
    .description(
      "The province's units: which ones act, which were closed, who follows them; and the country's communes.",
    )
  addList(group)
  addWorksheet(group)
  addSuccessions(group)
  addWithdraw(group)
  addCommune(group)
}

const needsSomebody = ({ state, waiting }: Unit) => waiting > 0 || state === 'split' || state === 'closed'

function addList(group: Command): void {
  group
    .command('list')
    .description('Units that the list or the dossiers know; those that dossiers wait for first.')
    .option('--open', 'only those that somebody must look at')
    .action(async ({ open = false }: { open?: boolean }, command: Command) => {
      const units = await withGround(async (ground) => openUnits(ground)())
      const shown = open ? units.filter((unit) => needsSomebody(unit) || unit.remarks.length > 0) : units
      answer(switchesOf(command), shown, () =>
        shown.length === 0
          ? 'There is none.'
          : columns([
              ['CODE', 'STATE', 'FOLLOWED BY', 'WAITING', 'DOSSIERS', 'REMARKS', 'NAME'],
              ...shown.map((unit) => [
                unit.code,
                unit.state,
                unit.followedBy.join(', ') || '-',
                String(unit.waiting),
                String(unit.roles.handling),
                unit.remarks.join(', ') || '-',
                unit.name ?? '-',
              ]),
            ]),
      )
    })
}

function addWorksheet(group: Command): void {
  group
    .command('worksheet <file>')
    .description(
      'Units that somebody must look at, with what might follow them, for an office to fill in; "dvcqg import successions" takes it back.',
    )
    .action(async (file: string, _options: unknown, command: Command) => {
      const rows = await withGround(async (ground) => {
        const { register } = await ground.catalogue.fresh()
        const units = (await openUnits(ground)()).filter(needsSomebody)
        const lines: (string | number)[][] = []
        for (const unit of units) {
          const found = unit.name === null ? [] : await proposals(ground.sql, register, { ...unit, name: unit.name })
          const words = found.map(({ code, name, day }) => [code, name, day ?? ''].join(' ').trim()).join('; ')
          lines.push([unit.code, '', unit.closedSince ?? '', '', '', '', unit.name ?? '', unit.waiting, words])
        }
        return lines
      })
      const headers = ['old_code', 'new_code', 'day', 'transfer', 'procedure_code', 'why', ...successionRemarks]
      await writeTable(file, headers, rows, { excel: true })
      answer(switchesOf(command), { rows: rows.length, file }, () => `${rows.length} units written to ${file}.`)
    })
}

function addSuccessions(group: Command): void {
  group
    .command('successions')
    .description('Everything that was said about who follows whom, the newest first.')
    .action(async (_options: unknown, command: Command) => {
      const list = await withGround(({ sql }) => listSuccessions(sql))
      answer(switchesOf(command), list, () =>
        list.length === 0
          ? 'Nothing was said yet.'
          : columns([
              ['NUMBER', 'OLD', 'NEW', 'FROM', 'TRANSFER', 'PROCEDURE', 'BY', 'WHY'],
              ...list.map((one) => [
                String(one.id),
                one.oldCode,
                one.newCode,
                one.day,
                one.withdrawn ? 'taken back' : one.transfer,
                one.procedureCode ?? '-',
                one.by,
                one.why,
              ]),
            ]),
      )
    })
}

function addWithdraw(group: Command): void {
  group
    .command('withdraw <number>')
    .description('Take back what was said about a unit. What was delivered under it stays delivered.')
    .requiredOption('--why <text>', 'kept with it')
    .action(async (text: string, { why }: { why: string }, command: Command) => {
      if (why.trim() === '') throw new CommandFailed('--why is blank: say why, it is kept.')
      const number = readWhole(1)(text)
      const done = await withGround(async ({ sql, catalogue }) => {
        const outcome = await withdraw(sql, number, { by: actor(), why: why.trim() })
        return outcome && { released: await sweepBlocked(sql, await catalogue.fresh()) }
      })
      if (!done) throw new CommandFailed(`There is no number ${number}: see "dvcqg organisations successions".`)
      answer(switchesOf(command), done, () => `Taken back. ${done.released} blocked dossiers were released.`)
    })
}

function addCommune(group: Command): void {
  group
    .command('commune <code>')
    .description('What a commune code of the statistics office meant, and what became of the commune.')
    .option('--on <day>', 'a day on which the code was in use', readDay)
    .action(async (code: string, { on }: { on?: string }, command: Command) => {
      const lives = await withGround(({ sql }) => communeLives(sql, code, on))
      if (lives.length === 0)
        throw new CommandFailed(`No list has the commune ${code}: "dvcqg import communes" brings the list of 2025 in.`)
      answer(switchesOf(command), lives, () =>
        [
          ...(lives.length > 1 ? ['This code says too little without its date (--on):', ''] : []),
          ...lives.flatMap((life) => [
            `${life.name}, ${[life.district, life.province].filter(Boolean).join(', ')}: ${life.from ?? '…'} – ${life.until ?? 'today'}`,
            ...life.becameThis.map(({ code, name, transfer }) => `  → ${code} ${name} (${transfer})`),
            ...(life.becameThis.length > 1 ? ['  Several follow: which one is a question for a person.'] : []),
          ]),
        ].join('\n'),
      )
    })
}
