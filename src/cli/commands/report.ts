import { writeFile } from 'node:fs/promises'
import { Option, type Command } from 'commander'
import { levels } from '../../organisations/model.ts'
import { noLevel } from '../../reconciliation/model.ts'
import { renderReportPage } from '../../reconciliation/page.ts'
import { reportWorkbook } from '../../reconciliation/report-file.ts'
import { yearUntil } from '../../dossiers/model.ts'
import { sampleCodes, syncRate, type Selection } from '../../reconciliation/store.ts'
import { renderReportTable } from '../../reconciliation/table.ts'
import { given } from '../../platform/given.ts'
import { UsageError } from '../exits.ts'
import { withGround } from '../ground.ts'
import { readDay, languageOption } from '../options.ts'
import { remark, sayJson, switchesOf } from '../output.ts'

interface Options extends Selection {
  readonly html?: string
  readonly xlsx?: string
  readonly pdf?: string
  readonly lang: 'vi' | 'en'
}

export function addReport(program: Command): void {
  program
    .command('report')
    .description('The sync rate: how many dossiers the portal holds, and why the others are missing.')
    .option('--from <day>', 'first day of reception (default: 1 January of this year)', readDay)
    .option('--to <day>', 'day after the last day of reception (default: tomorrow)', readDay)
    .option('--agency <code>', 'only dossiers of this agency')
    .addOption(new Option('--level <level>', 'only dossiers of this level').choices([...levels, noLevel]))
    .option('--procedure <code>', 'only this procedure, as the one-stop system names it')
    .option('--html <file>', 'write the report as one self-contained page')
    .option('--xlsx <file>', 'write the report as a workbook')
    .option('--pdf <file>', 'write the report on paper (A4), for the leadership')
    .addOption(languageOption('table and files'))
    .action(async (options: Options, command: Command) => {
      const { from, to, agency, level, procedure, html, xlsx, pdf, lang } = options
      const period = { ...yearUntil(new Date()), ...given({ from, to }) }
      if (period.from >= period.to)
        throw new UsageError([`--from (${period.from}) must lie before --to (${period.to}), which is exclusive.`])
      const selection = { ...period, ...given({ agency, level, procedure }) }
      const { report, samples } = await withGround(async ({ sql }) => {
        const made = await syncRate(sql, selection)
        const causes = made.causes.map(({ code }) => code)
        return { report: made, samples: html === undefined ? {} : await sampleCodes(sql, selection, causes) }
      })
      if (html !== undefined) {
        await writeFile(html, renderReportPage(report, { language: lang, samples }))
        remark(`The report is in ${html}.`)
      }
      if (xlsx !== undefined) {
        await writeFile(xlsx, await reportWorkbook(report, lang))
        remark(`The report is in ${xlsx}.`)
      }
      if (pdf !== undefined) {
        // What sets type is large; no other command waits for it to load.
        const { reportPdf } = await import('../../reconciliation/report-pdf.ts')
        await writeFile(pdf, await reportPdf(report, lang))
        remark(`The report is in ${pdf}.`)
      }
      if (switchesOf(command).json) sayJson(report)
      else if ([html, xlsx, pdf].every((file) => file === undefined))
        process.stdout.write(renderReportTable(report, lang))
    })
}
