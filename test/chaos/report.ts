import type { Chaos } from './chaos.ts'
import { catalogueFaults } from './portal-faults.ts'
import { strikeNames } from './strikes.ts'
import { columns, type Verdict } from './verify.ts'

const line = (name: string, ...cells: readonly (string | number)[]): string =>
  `  ${name.padEnd(26)} ${cells.map((cell) => String(cell).padStart(8)).join(' ')}`.trimEnd()

/** The three tables: what must be 0, what struck, what happened on the way. */
export function tables(chaos: Chaos, verdict: Verdict): string {
  return [...wrong(verdict), '', ...struck(chaos), '', ...happened(chaos, verdict)].join('\n')
}

function wrong({ columns: found }: Verdict): string[] {
  return [
    'Must be 0',
    ...columns.flatMap((name) => [line(name, found[name].count), ...found[name].examples.map((one) => `      ${one}`)]),
  ]
}

function struck({ strikes, evidence }: Chaos): string[] {
  return [
    `${'Strikes'.padEnd(28)} ${'struck'.padStart(8)} ${'met'.padStart(8)}  met means`,
    ...strikeNames.map((name) => {
      const { struck, met, meets, notRun } = strikes.counts[name]
      return notRun === undefined ? `${line(name, struck, met)}  ${meets}` : `${line(name)}  not run: ${notRun}`
    }),
    '',
    'Faults of the portal, times',
    ...Object.entries(evidence.faults).map(([kind, count]) => line(kind, count)),
    ...catalogueFaults.map((kind) => `${line(kind)}  not run: no catalogue is pulled`),
  ]
}

function happened({ plan, clients, evidence, stage, seconds }: Chaos, verdict: Verdict): string[] {
  const { limit } = verdict
  return [
    'On the way',
    line('dossiers', plan.dossiers),
    line('events', plan.events),
    line('pushes answered', clients.answers.answered()),
    line('writes at the portal', verdict.writes),
    line('contents sent again', verdict.repeatedContents),
    line('calls at the portal', verdict.calls),
    line('most calls in a second', `${limit.most} (ceiling ${stage.ceiling}, allowed ${limit.allowed})`),
    line('Retry-After periods judged', limit.periods),
    ...Object.entries(evidence.figures).map(([name, count]) => line(name, count)),
    line('processes that fell', stage.crew.fallen().length),
    ...stage.crew
      .fallen()
      .slice(0, 5)
      .map((words) => `      ${words.slice(0, 180)}`),
    line('seconds', Math.round(seconds)),
  ]
}

/** The same for machines. */
export function asJson(chaos: Chaos, verdict: Verdict, seed: number): object {
  const { plan, strikes, evidence, stage, seconds, settled } = chaos
  return {
    seed,
    events: plan.events,
    dossiers: plan.dossiers,
    servers: stage.servers.kind,
    seconds: Math.round(seconds),
    settled,
    wrong: verdict.columns,
    stories: verdict.stories,
    limit: verdict.limit,
    writes: verdict.writes,
    calls: verdict.calls,
    repeatedContents: verdict.repeatedContents,
    strikes: strikes.counts,
    faults: evidence.faults,
    figures: evidence.figures,
    missing: evidence.missing,
    fallen: stage.crew.fallen(),
  }
}
