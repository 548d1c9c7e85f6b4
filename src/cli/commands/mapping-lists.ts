import type { Command } from 'commander'
import { percentWords, type Language } from '../../console/words.ts'
import { vietnamToday } from '../../dossiers/model.ts'
import type { Ground } from '../../main.ts'
import { writeTable } from '../../platform/files.ts'
import type { Table } from '../../platform/table.ts'
import { createAdvice } from '../../procedures/advice.ts'
import { matchAudit, matchRate, type MatchAudit, type MatchCount } from '../../procedures/audit.ts'
import { localCodes, waitsForSomebody } from '../../procedures/local.ts'
import { mappingTable, worksheetTable } from '../../procedures/mapping-list.ts'
import { withGround } from '../ground.ts'
import { languageOption, readDay } from '../options.ts'
import { answer, columns, switchesOf } from '../output.ts'
import { startProgress } from '../progress.ts'

/** Lists that leave the house: mappings, worksheets for offices, the audit. */

/** Agencies shown: with --json all are. */
const shown = 20

export function addMappingLists(mappings: Command): void {
  addExport(mappings)
  addWorksheet(mappings)
  addAudit(mappings)
}

function addExport(mappings: Command): void {
  mappings
    .command('export <file>')
    .description(
      'Write all mappings, in the columns that "dvcqg import mappings" takes back: a workbook (.xlsx), else CSV.',
    )
    .option('--excel', 'CSV for a spreadsheet: a byte order mark, and no cell that starts a formula')
    .action(async (file: string, { excel = false }: { excel?: boolean }, command: Command) => {
      const { headers, rows } = await withGround(({ sql }) => mappingTable(sql))
      await writeTable(file, headers, rows, { excel })
      answer(switchesOf(command), { rows: rows.length, file }, () => `${rows.length} mappings written to ${file}.`)
    })
}

interface AuditOptions {
  readonly from: string
  readonly to: string
  readonly out?: string
}

function addAudit(mappings: Command): void {
  const year = Number(vietnamToday().slice(0, 4))
  mappings
    .command('audit')
    .description('How many of the codes that agencies use match the national catalogue; the goal is all of them.')
    .option('--from <day>', 'first day of reception', readDay, `${year}-01-01`)
    .option('--to <day>', 'day after the last day of reception', readDay, `${year + 1}-01-01`)
    .option('--out <file>', 'write the codes that do not match to a file (.xlsx, else CSV)')
    .action(async ({ from, to, out }: AuditOptions, command: Command) => {
      const today = vietnamToday()
      const audit = await withGround(async ({ sql, catalogue }) =>
        matchAudit(sql, await catalogue.fresh(), { from, to, today }),
      )
      if (out !== undefined)
        await writeTable(
          out,
          ['agency_code', 'agency_name', 'local_code', 'local_name', 'dossiers', 'reason'],
          audit.unmatched.map((one) => [
            one.agencyCode,
            one.agencyName ?? '',
            one.localCode,
            one.name ?? '',
            one.dossiers,
            one.reason,
          ]),
          { excel: false },
        )
      answer(switchesOf(command), audit, () => describeAudit(audit))
    })
}

function describeAudit({ total, byLevel, byAgency }: MatchAudit): string {
  const line = (name: string, count: MatchCount) => [
    name,
    String(count.codes),
    String(count.matched),
    percentWords(matchRate(count)).en,
    String(count.dossiers),
  ]
  return columns([
    ['', 'CODES', 'MATCH', 'RATE', 'DOSSIERS'],
    line('all', total),
    ...byLevel.map((one) => line(one.level ?? 'level not known', one)),
    ...byAgency.slice(0, shown).map((one) => line(one.agencyName ?? one.agencyCode, one)),
    ...(byAgency.length > shown ? [[`… and ${byAgency.length - shown} more (--json shows all)`, '', '', '', '']] : []),
  ])
}

function addWorksheet(mappings: Command): void {
  mappings
    .command('worksheet <file>')
    .description(
      'Write the codes that wait for somebody, with proposals, for an office to fill in and give back by "dvcqg import mappings".',
    )
    .option('--excel', 'CSV for a spreadsheet: a byte order mark, and no cell that starts a formula')
    .addOption(languageOption())
    .addHelpText('after', '\nA row whose national_code is left blank stays undecided when the file comes back.')
    .action(async (file: string, { excel = false, lang }: { excel?: boolean; lang: Language }, command: Command) => {
      const { headers, rows } = await withGround((ground) => worksheetOf(ground, lang))
      await writeTable(file, headers, rows, { excel })
      answer(switchesOf(command), { rows: rows.length, file }, () => `${rows.length} codes written to ${file}.`)
    })
}

async function worksheetOf(ground: Ground, lang: Language): Promise<Table> {
  const pending = (await localCodes(ground.sql, await ground.catalogue.fresh())).filter(waitsForSomebody)
  const advice = createAdvice(ground.sql)
  const progress = startProgress('Comparing')
  try {
    return await worksheetTable(advice, pending, lang, (done, total) => progress.show(done, total, ''))
  } finally {
    progress.end()
    await advice.stop()
  }
}
