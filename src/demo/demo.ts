import { join } from 'node:path'
import type { FaultRule } from '../../adapters/sandbox/faults.ts'
import { Interrupted } from '../cli/exits.ts'
import { stoppable } from '../cli/ground.ts'
import { remark, say, sayJson } from '../cli/output.ts'
import { startProgress } from '../cli/progress.ts'
import { expectedAtPortal } from '../delivery/expected.ts'
import { sweepBlocked } from '../delivery/lanes.ts'
import { lookAtDossiers } from '../main.ts'
import { readCsv } from '../platform/csv.ts'
import { describeProblem } from '../platform/table.ts'
import { createAdvice } from '../procedures/advice.ts'
import { acceptanceOf, certainOf } from '../procedures/certain.ts'
import { acceptAll, decide, type Wish } from '../procedures/decisions.ts'
import { localCodes } from '../procedures/local.ts'
import { decidedRows, mappingList } from '../procedures/mapping-list.ts'
import { checkParts } from '../reconciliation/model.ts'
import { continueRun, startRun } from '../reconciliation/reconcile.ts'
import type { Run } from '../reconciliation/runs.ts'
import { assumed, figuresNote, konTum, published, type KonTum } from './kon-tum/generator.ts'
import { causesOf, reportOf, standingOf, watch, type Standing } from './ledger.ts'
import { pushAll, type Intake } from './load.ts'
import { renderFile, writePage } from './page.ts'
import { judge, type Act, type DemoResult } from './result.ts'
import { catalogueReady, openStage, type Stage } from './stage.ts'
import { verify } from './verify.ts'
import { actOneText, inWords, summaryText } from './words.ts'

export interface DemoOptions {
  /** End when the demo is over, instead of staying up to be looked at. */
  readonly exit: boolean
  /** One JSON object on stdout; everything else goes to stderr. */
  readonly json: boolean
  /** Share of the province's year, above 0 and up to 1. */
  readonly scale: number
  readonly port?: number
  readonly dataDir?: string
}

/** The portal of act one: it takes so many calls a second, turns the others away, and takes its time. */
const crowded: FaultRule[] = [
  { kind: 'ceiling', value: { perSecond: 400, status: 429, retryAfter: 1 } },
  { kind: 'latency', value: [1, 6] },
]
/** Act one ends after so long even when the machine is too slow for the province's figure. */
const longestAct = 85_000
/** Of the figure; what a crowded portal turned away in the last second may be missing. */
const nearEnough = 0.999
/** Act two has no clock; this only keeps a broken run from hanging. */
const longestRest = 600_000
/** Share of the dossiers that the ordinary reconciliation looks at. */
const sample = 0.01

/** Replays Kon Tum 2020 in two acts and proves that nothing was lost. True when every figure is as it must be. */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  return stoppable(async (stop) => {
    const startedAt = performance.now()
    remark(inWords.opening(published.dossiers, options.scale))
    const province = konTum({ scale: options.scale })
    const stage = await openStage(province, options, stop)
    try {
      const result = await Promise.race([play(stage, province, options.scale, stop, startedAt), ending(stage, stop)])
      if (options.json) sayJson(result)
      else say(summaryText(result))
      remark(inWords.addresses(stage, options.exit))
      if (!options.exit) await Promise.race([resting(stop), ending(stage, null)])
      return result.good
    } finally {
      await stage.close()
    }
  })
}

/** Rejects when Ctrl-C is pressed or a server cannot be kept alive; never resolves. */
function ending(stage: Stage, stop: AbortSignal | null): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (stop?.aborted) reject(new Interrupted())
    stop?.addEventListener('abort', () => reject(new Interrupted()), { once: true })
    stage.ground.embedded?.onFailure((what) => reject(new Error(what)))
  })
}

const resting = (stop: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (stop.aborted) resolve()
    // The listener of a signal keeps no process alive; the servers do.
    stop.addEventListener('abort', () => resolve(), { once: true })
  })

async function play(
  stage: Stage,
  province: KonTum,
  scale: number,
  stop: AbortSignal,
  startedAt: number,
): Promise<DemoResult> {
  const seconds: Record<string, number> = {}
  const timed = async <T>(phase: string, from: number, work: Promise<T>): Promise<T> => {
    const done = await work
    seconds[phase] = secondsSince(from)
    return done
  }
  const procedures = await timed('prepare', startedAt, prepare(stage, stop))
  remark(inWords.prepared(procedures, province.agencies.length, province.localProcedures.length))
  const actOne = await timed('actOne', performance.now(), playActOne(stage, province, scale, stop))
  remark(actOneText(actOne, scale))
  const actTwo = await timed('actTwo', performance.now(), playActTwo(stage, province, stop))
  const verification = await timed('verify', performance.now(), check(stage, province.truth.total))
  const reconciliation = await timed('reconcile', performance.now(), reconcileSample(stage, stop))
  seconds['total'] = secondsSince(startedAt)
  const figures = { actOne, actTwo, verification, reconciliation: reconciliationOf(reconciliation) }
  const problems = judge(figures, province.truth)
  return { good: problems.length === 0, problems, scale, published, assumed, note: figuresNote, ...figures, seconds }
}

const secondsSince = (start: number) => Math.round((performance.now() - start) / 100) / 10

async function prepare(stage: Stage, stop: AbortSignal): Promise<number> {
  await stage.startWorkers()
  const procedures = await catalogueReady(stage.ground, stop)
  // Intake judges by the catalogue that is loaded: the first dossier must already meet the national codes.
  await stage.ground.catalogue.fresh()
  return procedures
}

/** All dossiers come in over HTTP while the crowded portal takes what it can; the clock stops at the province's figure. */
async function playActOne(stage: Stage, province: KonTum, scale: number, stop: AbortSignal): Promise<Act & ActOne> {
  remark(inWords.actOne)
  const target = Math.round(published.inStep * scale)
  const { total } = province.truth
  const startedAt = performance.now()
  const progress = startProgress(inWords.actOneBar)
  const show = ({ received, delivered }: Standing) =>
    progress.show(received, total, inWords.standing(received, delivered, total))
  await stage.faults(crowded)
  const taken = timedIntake(stage, province, startedAt)
  const [clocked, intake] = await Promise.all([stopTheClock(stage, target, show, stop), taken]).finally(() =>
    progress.end(),
  )
  const act = await actOf(stage, 'act-one.html')
  return { ...act, target, clock: clocked, turnedAway: await stage.turnedAway(), intake }
}

/**
 * Stops the workers at the figure. What is in their hands when they are told is finished first, and some more is taken up
 * meanwhile: so all of them stop a little before, and fewer and fewer go on from there.
 */
async function stopTheClock(stage: Stage, target: number, show: (now: Standing) => void, stop: AbortSignal) {
  const { sql, portal, settings } = stage.ground
  const startedAt = performance.now()
  let reached = false
  for (const hands of [settings.PORTAL_CONCURRENCY, 4, 1]) {
    await stage.startWorkers(hands)
    const goal = target - Math.floor((hands * portal!.limits.dossiersPerCall) / 2)
    reached = await watch(sql, {
      enough: ({ delivered, sending }) => delivered + sending >= goal,
      left: ({ delivered, sending }) => goal - delivered - sending,
      onLook: show,
      deadline: startedAt + longestAct,
      signal: stop,
    })
    await stage.stopWorkers()
    if (!reached || (await standingOf(sql)).delivered >= target * nearEnough) break
  }
  return { stoppedBy: reached ? ('figure' as const) : ('time' as const), seconds: secondsSince(startedAt) }
}

async function timedIntake(stage: Stage, province: KonTum, startedAt: number): Promise<Intake & { seconds: number }> {
  const intake = await pushAll(stage.api, province.dossiers(), () => undefined)
  return { ...intake, seconds: secondsSince(startedAt) }
}

type ActOne = DemoResult['actOne']

/** What the ledger says at the end of an act; kept as a page. */
async function actOf(stage: Stage, file: string): Promise<Act> {
  const made = await reportOf(stage.ground.sql)
  await writePage(join(stage.folder, file), made)
  if (file === 'act-one.html') stage.page.keepActOne({ vi: renderFile(made, 'vi'), en: renderFile(made, 'en') })
  const { report } = made
  return { ...report.total, causes: causesOf(report), byCause: report.causes, sums: checkParts(report) }
}

/** The mapping goes in, the crowd goes home, and everything that can be sent is sent. */
async function playActTwo(stage: Stage, province: KonTum, stop: AbortSignal): Promise<DemoResult['actTwo']> {
  remark(inWords.actTwo)
  const { sql, catalogue } = stage.ground
  const list = readMappings(province.mappingCsv())
  const suggested = await acceptCertain(stage)
  remark(inWords.suggested(suggested.codes, suggested.released))
  const reviewed = await review(stage, list)
  remark(inWords.reviewed(reviewed.codes, reviewed.released))
  const mappings = await acceptAll(sql, list, 'demo', 'bảng ánh xạ do tỉnh lập', lookAtDossiers({ catalogue }))
  const released = await sweepBlocked(sql, await catalogue.fresh())
  remark(inWords.released(mappings, released))
  await stage.faults([])
  await stage.startWorkers()
  const progress = startProgress(inWords.actTwoBar)
  const over = await watch(sql, {
    enough: ({ sending, waiting }) => sending + waiting === 0,
    left: ({ sending, waiting }) => sending + waiting,
    onLook: ({ received, delivered }) =>
      progress.show(delivered, received, inWords.standing(received, delivered, received)),
    deadline: performance.now() + longestRest,
    signal: stop,
  }).finally(() => progress.end())
  if (!over) remark(inWords.late)
  return { ...(await actOf(stage, 'act-two.html')), suggested, reviewed, mappings, released }
}

/** What needs no person is accepted by the suggestions: codes that a spreadsheet or a typist damaged, with their names. */
async function acceptCertain({ ground: { sql, catalogue } }: Stage): Promise<{ codes: number; released: number }> {
  const locals = await localCodes(sql, await catalogue.fresh())
  const advice = createAdvice(sql)
  try {
    const certain = await certainOf(
      advice,
      locals.filter(({ standing }) => standing === 'unmapped'),
    )
    const wishes = certain.map(acceptanceOf)
    await decide(
      sql,
      { wishes, by: 'demo', why: 'đề xuất chắc chắn, không cần người xem' },
      lookAtDossiers({ catalogue }),
    )
    return { codes: certain.length, released: await sweepBlocked(sql, await catalogue.fresh()) }
  } finally {
    await advice.stop()
  }
}

/** As an office would import it: the same reader, the same checks. */
/** Candidates that a person looks through for each code. */
const looked = 5

/**
 * A person who knows the province goes through what is left and takes the right code where it stands among the candidates. The others, and
 * those that need a date, come with the list that the province made by hand.
 */
async function review({ ground: { sql, catalogue } }: Stage, list: ReturnType<typeof readMappings>) {
  const right = new Map(list.map((row) => [row.localCode, row]))
  const open = (await localCodes(sql, await catalogue.fresh())).filter(
    ({ standing, name, code }) => standing === 'unmapped' && name !== null && right.has(code),
  )
  const advice = createAdvice(sql)
  try {
    const suggestions = await advice.suggest(
      open.map(({ code, name }) => ({ code, name: name ?? '' })),
      looked,
    )
    const wishes = open.flatMap(({ code }, place): Wish[] => {
      const { why: _, ...mapping } = right.get(code)!
      const rank = suggestions[place]!.candidates.findIndex((one) => one.code === mapping.nationalCode)
      return rank === -1 ? [] : [{ verdict: 'accept', mapping, why: `đề xuất thứ ${rank + 1}` }]
    })
    await decide(sql, { wishes, by: 'demo', why: 'người xem chọn trong các đề xuất' }, lookAtDossiers({ catalogue }))
    return { codes: wishes.length, released: await sweepBlocked(sql, await catalogue.fresh()) }
  } finally {
    await advice.stop()
  }
}

function readMappings(csv: string) {
  const read = readCsv(Buffer.from(csv), mappingList)
  if (!read.ok) throw new Error(`The mapping of the demo is wrong: ${read.problems.map(describeProblem).join('; ')}`)
  return decidedRows(read.rows)
}

async function check(stage: Stage, total: number): Promise<DemoResult['verification']> {
  remark(inWords.verifying)
  const progress = startProgress(inWords.verifyBar)
  return verify(stage.ground, stage.controlUrl, (checked) => progress.show(checked, total, `${checked}`)).finally(() =>
    progress.end(),
  )
}

/** The ordinary proof of the service, on a sample and through the portal's own look-up. */
async function reconcileSample({ ground }: Stage, stop: AbortSignal): Promise<Run> {
  const { sql, vault, catalogue, portal } = ground
  const id = await startRun(sql, { askedBy: 'demo', scope: { sample } })
  const expected = async (ids: number[]) => expectedAtPortal(sql, vault, await catalogue.current(), ids)
  return continueRun({ sql, vault, portal: portal!, expected }, id, { concurrency: 4, signal: stop })
}

function reconciliationOf({ state, total, counts, agreement }: Run): DemoResult['reconciliation'] {
  return {
    state,
    total,
    counts,
    agreed: agreement.agreed,
    answered: agreement.answered,
    rate: agreement.rate,
    interval: agreement.interval,
  }
}
