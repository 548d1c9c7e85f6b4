import { Option, type Command } from 'commander'
import { defaultScoreVersion, scoreVersionIds, type ScoreVersionId } from '../../../config/score-766.ts'
import type { Language } from '../../console/words.ts'
import { recomputeScores } from '../../scoring/recompute.ts'
import { yearUntil } from '../../dossiers/model.ts'
import { scoreReport, type ScoreReport } from '../../scoring/store.ts'
import { indicatorWords, percentSpan, pointsWords, reasonWords, scoreWords, sourceWords } from '../../scoring/words.ts'
import { given } from '../../platform/given.ts'
import { UsageError } from '../exits.ts'
import { withGround, withGroundUntilStopped } from '../ground.ts'
import { languageOption, readDay } from '../options.ts'
import { answer, columns, switchesOf } from '../output.ts'
import { startProgress } from '../progress.ts'

interface Options {
  readonly from?: string
  readonly to?: string
  readonly agency?: string
  readonly points: ScoreVersionId
  readonly lang: Language
}

export function addScore(program: Command): void {
  const score = program
    .command('score')
    .description(
      'Preview of the index 766: what dossiers win and lose, estimated points, and which would raise them most.',
    )
    .option('--from <day>', 'first day of reception (default: 1 January of this year)', readDay)
    .option('--to <day>', 'day after the last day of reception (default: tomorrow)', readDay)
    .option('--agency <code>', 'only dossiers of this agency')
    .addOption(new Option('--points <version>', 'whose points').choices(scoreVersionIds).default(defaultScoreVersion))
    .addOption(languageOption())
    .action(async ({ from, to, agency, points, lang }: Options, command: Command) => {
      const period = { ...yearUntil(new Date()), ...given({ from, to }) }
      if (period.from >= period.to)
        throw new UsageError([`--from (${period.from}) must lie before --to (${period.to}), which is exclusive.`])
      const report = await withGround(({ sql }) => scoreReport(sql, { ...period, agency }, points))
      answer(switchesOf(command), report, () => reportText(report, lang))
    })
  addRecompute(score)
}

function addRecompute(score: Command): void {
  score
    .command('recompute')
    .description(
      'Judges dossiers that were stored before there were scores or monthly counters, or under older rules. May be stopped and started again.',
    )
    .action(async (_options: unknown, command: Command) => {
      const progress = startProgress('Judging')
      const done = await withGroundUntilStopped(async ({ sql, vault, catalogue }, stop) => {
        const deps = { sql, vault, catalogue: await catalogue.fresh() }
        return recomputeScores(deps, {
          stop,
          onPage: ({ judged, gone, left }) => progress.show(judged + gone, judged + gone + left, `${left} left`),
        })
      })
      progress.end()
      const { judged, gone, left } = done
      answer(switchesOf(command), done, () => `${judged} dossiers judged, ${gone} whose content is gone, ${left} left.`)
    })
}

function reportText(report: ScoreReport, language: Language): string {
  const { total, period, version, gains } = report
  const words = (one: Readonly<Record<Language, string>>) => one[language]
  const head = [
    '766',
    '%',
    words({ vi: 'Điểm', en: 'Points' }),
    words(scoreWords.wins),
    words(scoreWords.loses),
    words(scoreWords.unknown),
  ]
  const lines = total.indicators.map((one) => [
    words(indicatorWords(one.indicator)),
    words(percentSpan(one.ratioWithFactor ?? one.ratio)),
    words(pointsWords(one)),
    String(one.wins),
    String(one.loses),
    String(one.unknown),
  ])
  const raise = gains.map(({ code, loses }) => [code, loses.map(({ reason }) => words(reasonWords(reason))).join('; ')])
  return [
    `${words(scoreWords.title)} · ${period.from} – ${period.to} · ${total.received}`,
    words(sourceWords(version)),
    ...(total.notJudged > 0 ? [`${words(scoreWords.notJudged)}: ${total.notJudged} (dvcqg score recompute)`] : []),
    columns([head, ...lines]),
    ...(raise.length > 0 ? [columns(raise)] : []),
  ].join('\n\n')
}
