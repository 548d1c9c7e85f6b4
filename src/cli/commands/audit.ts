import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { vietnamToday } from '../../dossiers/model.ts'
import { auditFile, auditWorkbook, readAudits } from '../../procedures/audit-files.ts'
import { figureLines, type AuditSheet } from '../../procedures/audit-sheets.ts'
import type { Language } from '../../console/words.ts'
import { UsageError } from '../exits.ts'
import { withGround } from '../ground.ts'
import { languageOption, readDay } from '../options.ts'
import { answer, columns, switchesOf } from '../output.ts'

interface AuditOptions {
  readonly from: string
  readonly to: string
  readonly out?: string
  readonly lang: Language
}

export function addAudit(program: Command): void {
  const year = Number(vietnamToday().slice(0, 4))
  program
    .command('audit')
    .description(
      'What an office is asked for: matching codes, published procedures, integrated services, accounts, legal bases, complete content.',
    )
    .option('--from <day>', 'first day of reception', readDay, `${year}-01-01`)
    .option('--to <day>', 'day after the last day of reception', readDay, `${year + 1}-01-01`)
    .option('--out <file>', 'write all of it, with the rows behind the figures: .xlsx or .html')
    .addOption(languageOption('the file'))
    .action(async ({ from, to, out, lang }: AuditOptions, command: Command) => {
      if (out !== undefined && !/\.(?:xlsx|html)$/i.test(out))
        throw new UsageError(['--out names a file that ends in .xlsx or .html.'])
      const sheets = await withGround(async ({ sql, catalogue }) =>
        readAudits(sql, await catalogue.fresh(), { from, to }),
      )
      if (out !== undefined)
        await writeFile(
          out,
          /\.xlsx$/i.test(out) ? await auditWorkbook(sheets, lang) : auditFile(sheets, { from, to }, lang),
        )
      answer(switchesOf(command), sheets, () => columns(sheets.flatMap(linesOf)))
    })
}

const linesOf = (sheet: AuditSheet): string[][] =>
  figureLines(sheet).map(([words, figure], place) => [place === 0 ? sheet.title.en : '', words.en, figure.en])
