import { randomUUID } from 'node:crypto'
import type { LeasePolicy, RetryPolicy } from '../../config/retry.ts'
import { statusOf, type Catalogue } from '../procedures/model.ts'
import type { Vault } from '../platform/crypto.ts'
import type { Sql } from '../platform/database.ts'
import { assess, type Obstacle } from './assess.ts'
import type { StepsAfterRefused, Urgency } from './model.ts'
import type { Answer, Call, Exchange, Portal, PortalDossier, PortalRecord, PortalStep } from './portal.ts'
import type { Readiness } from './pace.ts'
import type { Recorder } from './recorder.ts'
import { lookUpWait, waitAfter, withJitter } from './retry.ts'
import {
  chunks,
  claimLanes,
  forgetHandOuts,
  keepEvidence,
  recordLookUp,
  renewLease,
  settle,
  type Evidence,
  type Lane,
  type LaneStep,
  type Taken,
  type Verdict,
} from './store.ts'

export interface PushDeps {
  readonly sql: Sql
  readonly vault: Vault
  readonly portal: Portal
  readonly recorder: Recorder
  readonly policy: RetryPolicy
  readonly lease: LeasePolicy
  /** What follows a step that the portal refused. */
  readonly stepsAfterRefused: StepsAfterRefused
  /** Would a call be let go now? */
  readonly ready: (urgency: Urgency) => Promise<Readiness>
  /** Did an operator stop all sending? */
  readonly held: () => Promise<boolean>
  readonly catalogue: () => Promise<Catalogue>
  readonly onExchange: (exchange: Exchange) => void
}

/** The lease ran out and somebody else may hold these lanes: stop at once, write nothing. */
class LeaseLost extends Error {}
/** The portal is not available or its answer is in doubt: give back what was not sent. */
class Pause extends Error {
  readonly answer: Answer
  constructor(answer: Answer) {
    super('The portal is not available')
    this.answer = answer
  }
}

interface Ready {
  readonly lane: Lane
  readonly dossier: PortalDossier
  /** How often this worker has already changed its mind between create and update. */
  readonly turns: number
}

/**
 * Brings a batch of lanes to the portal: look-ups for unsettled outcomes, contents by create or update, then steps in
 * order. Every lane that was claimed leaves with a verdict in the ledger, whatever happens; if this process dies, its
 * lease ends and the lanes are looked up. Safe to run twice for the same ids: the second claim finds nothing.
 */
export async function pushBatch(
  deps: PushDeps,
  ids: readonly number[],
  urgency: Urgency,
): Promise<{ claimed: number }> {
  if (!(await deps.ready(urgency)).open) {
    // Taking them in hand only to give them back would be written twice for each of them, for as long as the gate is shut.
    await forgetHandOuts(deps.sql, ids)
    return { claimed: 0 }
  }
  const token = randomUUID()
  const asked = performance.now()
  const { lanes, unreadable } = await claimLanes(deps.sql, deps.vault, {
    ids,
    urgency,
    token,
    leaseFor: deps.lease.for,
  })
  const claimed = new Set([...lanes, ...unreadable].map(({ dossierId }) => dossierId))
  const missed = ids.filter((id) => !claimed.has(id))
  if (missed.length > 0) await forgetHandOuts(deps.sql, missed)
  // Nobody can send what nobody can open: it must not keep its batch in hand until the lease ends, again and again.
  const parked = {
    state: 'parked',
    reason: 'content-unreadable',
    detail: null,
    wait: 0,
    attempts: 0,
    doubts: 0,
  } as const
  await settle(
    deps.sql,
    deps.vault,
    token,
    null,
    unreadable.map((lane) => ({ ...lane, ...parked })),
  )
  if (lanes.length === 0) return { claimed: 0 }
  const round = new Round(deps, {
    token,
    lanes,
    urgency,
    catalogue: await deps.catalogue(),
    leaseEnds: asked + deps.lease.for,
  })
  try {
    await round.run()
  } catch (error) {
    if (error instanceof LeaseLost) return { claimed: lanes.length }
    if (!(error instanceof Pause)) {
      // Something failed between a call and its record: what is still in hand may have been sent, so it is looked up first.
      await round.doubt().catch(() => undefined)
      throw error
    }
    await round.giveBack({
      wait: Math.max(deps.policy.busyWait, Math.min(error.answer.retryAfter ?? 0, 60_000)),
      reason: error.answer.failure ?? null,
    })
  }
  return { claimed: lanes.length }
}

/** What a round begins with. */
interface Hand {
  readonly token: string
  readonly lanes: readonly Lane[]
  readonly urgency: Urgency
  readonly catalogue: Catalogue
  /** By `performance.now()`. */
  readonly leaseEnds: number
}

class Round {
  readonly #deps: PushDeps
  readonly #token: string
  readonly #catalogue: Catalogue
  /** Lanes still in our hands; every path takes a lane out exactly once. */
  readonly #held: Map<number, Lane>
  readonly #call: Call
  /** Outcomes on their way into the ledger. */
  #underWay: Promise<void>[] = []
  #leaseEnds: number

  constructor(deps: PushDeps, { token, lanes, urgency, catalogue, leaseEnds }: Hand) {
    this.#deps = deps
    this.#token = token
    this.#catalogue = catalogue
    this.#held = new Map(lanes.map((lane) => [lane.dossierId, lane]))
    this.#leaseEnds = leaseEnds
    this.#call = { requestIn: new Date(), urgency, lastCheck: () => this.#lastCheck() }
  }

  async run(): Promise<void> {
    const lanes = [...this.#held.values()]
    const settled: Lane[] = lanes.filter((lane) => lane.unsettled === null)
    for (const lane of lanes.filter((lane) => lane.unsettled !== null)) {
      const next = await this.#lookUp(lane, lane.doubts)
      if (next) settled.push(next)
    }
    const ready = await this.#assess(settled)
    const withContent = ready.filter(({ lane }) => !lane.contentDelivered)
    const creates = withContent.filter(({ lane }) => lane.presence !== 'present')
    const updates = withContent.filter(({ lane }) => lane.presence === 'present')
    const size = this.#deps.portal.limits.dossiersPerCall
    for (const group of apart(creates, size)) await this.#sendContent('create', group)
    for (const group of apart(updates, size)) await this.#sendContent('update', group)
    await this.#sendAllSteps(ready)
    await this.#closeOut(ready)
  }

  /** Lanes whose content and sendable steps are through: finished, or stuck at a step that cannot go. */
  async #closeOut(ready: readonly Ready[]): Promise<void> {
    await this.#recorded()
    const finished: Lane[] = []
    for (const { lane } of ready) {
      if (!this.#held.has(lane.dossierId)) continue
      const stuck = lane.steps.find((step) => step.parked || this.#portalStep(lane, step) === null)
      if (stuck) await this.#settle(null, [this.#stuckVerdict(lane, stuck)])
      else finished.push(lane)
    }
    if (finished.length === 0) return
    this.#note(
      null,
      finished.map(({ dossierId }) => ({ dossierId, changeId: null, stepIds: [], last: true })),
    )
    await this.#recorded()
  }

  #stuckVerdict(lane: Lane, { parked, step }: LaneStep): Verdict {
    if (parked) return this.#verdict(lane, { state: 'parked', reason: 'step-refused' })
    const text = `status "${step.status}" of ${lane.source}`
    return this.#blockedVerdict(lane, { reason: 'unmapped-status', field: 'steps.status', text }, null)
  }

  /** Whatever is still held goes back to waiting and loses no attempt: it was not sent. */
  async giveBack({ wait, reason }: { wait: number; reason: string | null }): Promise<void> {
    const { jitter } = this.#deps.policy
    await this.#settle(
      null,
      [...this.#held.values()].map((lane) =>
        this.#verdict(lane, { state: 'waiting', reason, wait: withJitter(wait, jitter) }),
      ),
    )
  }

  /** Whatever is still held is looked up before it is sent again; so is that whose outcome could not be recorded. */
  async doubt(): Promise<void> {
    await this.#recorded().catch(() => undefined)
    const verdict = (lane: Lane) =>
      this.#verdict(lane, {
        state: 'unknown',
        reason: 'worker-lost',
        doubts: lane.doubts + 1,
        wait: lookUpWait(this.#deps.policy, lane.doubts + 1),
      })
    await this.#settle(null, [...this.#held.values()].map(verdict))
  }

  async #lastCheck(): Promise<void> {
    if (await this.#deps.held()) throw new Pause({ class: 'busy', failure: 'delivery-held', exchanges: [] })
    await this.#keepLease()
  }

  /** Right before the bytes leave: the lease must outlive the longest call, or somebody else could send something newer meanwhile. */
  async #keepLease(): Promise<void> {
    const needed = this.#deps.portal.limits.callDeadline + this.#deps.lease.margin
    if (this.#leaseEnds - performance.now() > needed) return
    const asked = performance.now()
    if (!(await renewLease(this.#deps.sql, this.#token, this.#deps.lease.for)))
      throw new LeaseLost('The lease was lost')
    this.#leaseEnds = asked + this.#deps.lease.for
  }

  async #assess(lanes: readonly Lane[]): Promise<Ready[]> {
    const ready: Ready[] = []
    const blocked: Verdict[] = []
    for (const lane of lanes) {
      const judged = assess(this.#catalogue, (dossier) => this.#deps.portal.problems(dossier), lane)
      if (judged.ready) ready.push({ lane, dossier: judged.dossier, turns: 0 })
      else blocked.push(this.#blockedVerdict(lane, judged.obstacle, judged.nationalCode))
    }
    await this.#settle(null, blocked)
    return ready
  }

  #blockedVerdict(lane: Lane, { reason, field, text }: Obstacle, nationalCode: string | null): Verdict {
    return {
      ...this.#verdict(lane, { state: 'blocked', reason, detail: { field, text } }),
      attempts: 0,
      nationalCode,
      assessedVersion: this.#catalogue.version,
    }
  }

  #verdict(lane: Lane, verdict: Pick<Verdict, 'state' | 'reason'> & Partial<Verdict>): Verdict {
    // What is not known does not become known by waiting.
    const doubt = lane.unsettled !== null && verdict.state === 'waiting'
    return {
      dossierId: lane.dossierId,
      changeId: lane.changeId,
      detail: null,
      wait: 0,
      attempts: lane.attempts,
      doubts: lane.doubts,
      ...verdict,
      ...(doubt ? { state: 'unknown', sentAs: lane.unsettled } : {}),
    }
  }

  /** What was noted about a lane goes into the ledger before a verdict on it. */
  async #settle(evidence: Evidence | null, verdicts: readonly Verdict[]): Promise<void> {
    await this.#recorded()
    await settle(this.#deps.sql, this.#deps.vault, this.#token, evidence, verdicts)
    for (const { dossierId } of verdicts) this.#held.delete(dossierId)
  }

  /** Gives an outcome to the recorder. The next call need not wait for it: see `#recorded`. */
  #note(evidence: Evidence | null, taken: readonly Taken[]): void {
    const recording = this.#deps.recorder.note({ token: this.#token, evidence, taken }).then((left) => {
      for (const dossierId of left) this.#held.delete(dossierId)
    })
    // Met when it is awaited; a round that ends otherwise leaves its lanes to their lease.
    recording.catch(() => undefined)
    this.#underWay.push(recording)
  }

  /** Resolves when all outcomes noted so far are in the ledger; throws when one of them is not. */
  async #recorded(): Promise<void> {
    if (this.#underWay.length === 0) return
    const underWay = this.#underWay
    this.#underWay = []
    this.#deps.recorder.hurry(this.#token)
    const failed = (await Promise.allSettled(underWay)).find((one) => one.status === 'rejected')
    if (failed) throw failed.reason
  }

  /** The evidence of the call that carried the answer; calls before it (logins) are kept on their own. */
  async #evidence(
    answer: Answer,
    lanes: readonly { dossierId: number; changeId: number | null; stepIds?: readonly number[] }[],
  ): Promise<Evidence | null> {
    for (const exchange of answer.exchanges) this.#deps.onExchange(exchange)
    const last = answer.exchanges.at(-1)
    const carried = last && last.class !== 'session-expired' && last.service !== 'login'
    const before = carried ? answer.exchanges.slice(0, -1) : answer.exchanges
    await keepEvidence(
      this.#deps.sql,
      this.#deps.vault,
      before.map((exchange) => ({ exchange, lanes: [] })),
    )
    if (!last || !carried) return null
    return { exchange: last, lanes: lanes.map((lane) => ({ stepIds: [], ...lane, meaning: answer.class })) }
  }

  /** Asks the portal what became of an earlier call. Null when the lane has left our hands. */
  async #lookUp(lane: Lane, doubts: number): Promise<Lane | null> {
    // Without a look-up service an update settles it: it is harmless when the dossier is there, and says so when it is not.
    if (!this.#deps.portal.canLookUp)
      return {
        ...lane,
        unsettled: null,
        presence: 'present',
        contentDelivered: lane.contentDelivered && lane.unsettled === 'steps',
      }
    await this.#recorded()
    const answer = await this.#deps.portal.lookUp(lane.code, this.#call)
    const evidence = await this.#evidence(answer, [{ dossierId: lane.dossierId, changeId: null }])
    if (answer.class !== 'ok' || answer.record === undefined) {
      const wait = Math.max(lookUpWait(this.#deps.policy, doubts + 1), answer.retryAfter ?? 0)
      const counts = answer.class !== 'busy'
      await this.#settle(evidence, [
        this.#verdict(lane, {
          state: 'unknown',
          reason: answer.failure ?? null,
          wait,
          doubts: counts ? doubts + 1 : doubts,
        }),
      ])
      if (answer.class === 'busy' || answer.class === 'unknown') throw new Pause(answer)
      return null
    }
    const presence = answer.record ? 'present' : 'absent'
    await recordLookUp(this.#deps.sql, this.#deps.vault, this.#token, evidence!, {
      dossierId: lane.dossierId,
      presence,
    })
    const known = {
      ...lane,
      unsettled: null,
      presence,
      contentDelivered: lane.contentDelivered && answer.record !== null,
    } as const
    this.#held.set(lane.dossierId, known)
    const settled = answer.record ? await this.#noticeSteps(known, answer.record) : known
    // A time-out is looked up for as long as it takes; an answer that nobody understands is not repeated for ever.
    const repeats = answer.record === null || (lane.unsettled === 'steps' && lane.reason === 'portal-unrecognised')
    const isOver = waitAfter(this.#deps.policy, Math.max(lane.attempts, 1)) === null
    return repeats && isOver && this.#held.has(lane.dossierId) ? this.#exhausted(settled) : settled
  }

  async #exhausted(lane: Lane): Promise<null> {
    await this.#settle(null, [this.#verdict(lane, { state: 'parked', reason: 'retries-exhausted' })])
    return null
  }

  /** Steps that the portal was seen to hold are not sent again. */
  async #noticeSteps(lane: Lane, record: PortalRecord): Promise<Lane> {
    const held = lane.steps.filter((step) => {
      const wire = this.#portalStep(lane, step)
      return wire !== null && this.#deps.portal.holdsStep(record, wire) === true
    })
    if (held.length === 0) return lane
    const ids = new Set(held.map(({ id }) => id))
    const rest = lane.steps.filter(({ id }) => !ids.has(id))
    const last = rest.length === 0 && lane.contentDelivered
    this.#note(null, [{ dossierId: lane.dossierId, changeId: null, stepIds: [...ids], last }])
    await this.#recorded()
    const noticed = { ...lane, steps: rest }
    if (this.#held.has(lane.dossierId)) this.#held.set(lane.dossierId, noticed)
    return noticed
  }

  #portalStep(lane: Lane, { step }: LaneStep): PortalStep | null {
    const status = statusOf(this.#catalogue, lane.source, step.status)
    return status ? { dossierCode: lane.code, step, status } : null
  }

  async #sendContent(operation: 'create' | 'update', group: readonly Ready[]): Promise<void> {
    if (group.length === 0) return
    const answer = await this.#deps.portal.send(
      operation,
      group.map(({ dossier }) => dossier),
      this.#call,
    )
    const carried = group.map(({ lane }) => ({ dossierId: lane.dossierId, changeId: lane.changeId }))
    const evidence = await this.#evidence(answer, carried)
    switch (answer.class) {
      case 'ok':
        return this.#note(
          evidence,
          carried.map((lane) => ({ ...lane, stepIds: [], last: false })),
        )
      case 'exists':
      case 'absent':
        return this.#turnAround(operation, group, evidence, answer)
      case 'refused':
      case 'transient':
      case 'unrecognised':
        if (group.length > 1) return this.#halve(operation, group, evidence)
        return this.#settle(evidence, [this.#failed(group[0]!.lane, answer)])
      case 'busy':
      case 'unknown':
        await this.#settle(
          evidence,
          group.map(({ lane }) => this.#interrupted(lane, answer)),
        )
        throw new Pause(answer)
      default:
        return answer.class satisfies never
    }
  }

  /** One answer for the whole array: both halves are tried on their own until the guilty one stands alone. */
  async #halve(operation: 'create' | 'update', group: readonly Ready[], evidence: Evidence | null): Promise<void> {
    await this.#keep(evidence)
    const middle = Math.ceil(group.length / 2)
    await this.#sendContent(operation, group.slice(0, middle))
    await this.#sendContent(operation, group.slice(middle))
  }

  /** Evidence of a call that decided nothing for its lanes. */
  async #keep(evidence: Evidence | null): Promise<void> {
    if (evidence) await keepEvidence(this.#deps.sql, this.#deps.vault, [evidence])
  }

  /** The portal holds a dossier we thought new, or does not hold one we thought known: the other operation is right. */
  async #turnAround(
    operation: 'create' | 'update',
    group: readonly Ready[],
    evidence: Evidence | null,
    answer: Answer,
  ): Promise<void> {
    const [single] = group
    if (group.length === 1 && single) {
      if (single.turns >= 2)
        return this.#settle(evidence, [this.#failed(single.lane, { ...answer, failure: 'portal-unrecognised' })])
      await this.#keep(evidence)
      const lane = turned(operation, single.lane)
      this.#held.set(lane.dossierId, lane)
      return this.#sendContent(operation === 'create' ? 'update' : 'create', [
        { ...single, lane, turns: single.turns + 1 },
      ])
    }
    if (!this.#deps.portal.canLookUp) return this.#halve(operation, group, evidence)
    await this.#keep(evidence)
    const found: Ready[] = []
    for (const item of group) {
      const lane = await this.#lookUp(item.lane, item.lane.doubts)
      if (lane) found.push({ ...item, lane, turns: item.turns + 1 })
    }
    await this.#sendContent(
      'create',
      found.filter(({ lane }) => lane.presence === 'absent'),
    )
    await this.#sendContent(
      'update',
      found.filter(({ lane }) => lane.presence === 'present'),
    )
  }

  /** The portal judged this one dossier: parked when repeating is useless, tried again later otherwise. */
  #failed(lane: Lane, answer: Answer): Verdict {
    const detail = {
      ...(answer.code ? { code: answer.code } : {}),
      ...(answer.message ? { text: answer.message } : {}),
    }
    const reason = answer.failure ?? 'portal-unrecognised'
    if (answer.class === 'refused')
      return this.#verdict(lane, { state: 'parked', reason, detail, attempts: lane.attempts + 1 })
    const attempts = lane.attempts + 1
    const wait = waitAfter(this.#deps.policy, attempts)
    if (wait === null) return this.#verdict(lane, { state: 'parked', reason: 'retries-exhausted', detail, attempts })
    return this.#verdict(lane, {
      state: 'waiting',
      reason,
      detail,
      attempts,
      wait: Math.max(wait, answer.retryAfter ?? 0),
    })
  }

  /** Busy: nothing happened and nothing is counted. Unknown: looked up before anything is sent again. */
  #interrupted(lane: Lane, answer: Answer): Verdict {
    const reason = answer.failure ?? null
    if (answer.class === 'busy') {
      const wait = withJitter(
        Math.max(this.#deps.policy.busyWait, Math.min(answer.retryAfter ?? 0, 60_000)),
        this.#deps.policy.jitter,
      )
      return this.#verdict(lane, { state: 'waiting', reason, wait })
    }
    const doubts = lane.doubts + 1
    const wait = Math.max(lookUpWait(this.#deps.policy, doubts), this.#stillWorking(answer))
    return this.#verdict(lane, { state: 'unknown', reason, doubts, attempts: lane.attempts + 1, wait })
  }

  /**
   * A line that was cut, or a gateway's error, does not end the portal's work on the call: what it stores late must not land
   * on something newer. Milliseconds until the call's deadline.
   */
  #stillWorking({ failure, exchanges }: Answer): number {
    const out = exchanges.at(-1)?.requestOut.getTime()
    if (out === undefined || (failure !== 'portal-cut' && failure !== 'portal-error')) return 0
    const deadline = this.#deps.portal.limits.callDeadline
    return Math.min(Math.max(out + deadline - Date.now(), 0), deadline)
  }

  /**
   * A look-up that did not find the dossier was wrong: its steps may be there as well, so they are looked up before any is sent.
   * Null when the lane has left our hands.
   */
  async #lookUpSteps(lane: Lane): Promise<Lane | null> {
    const known = await this.#lookUp(lane, lane.doubts)
    if (!known || !this.#held.has(lane.dossierId)) return null
    if (known.presence === 'present') return known
    await this.#settle(null, [this.#failed(lane, { class: 'unrecognised', exchanges: [] })])
    return null
  }

  /** All open steps of lanes whose content the portal has, dossier by dossier and in order, as many per call as allowed. */
  async #sendAllSteps(ready: readonly Ready[]): Promise<void> {
    const { stepsPerCall, mixDossiersInStepCalls } = this.#deps.portal.limits
    const lanes: Lane[] = []
    for (const { lane: begun } of ready) {
      const lane = this.#held.get(begun.dossierId)
      const known = lane?.unsettled ? await this.#lookUpSteps(lane) : lane
      if (known) lanes.push(known)
    }
    const runs = lanes.map((lane) => this.#openSteps(lane))
    const calls = mixDossiersInStepCalls
      ? apart(runs.flat(), stepsPerCall)
      : runs.flatMap((run) => chunks(run, stepsPerCall))
    for (const call of calls) await this.#sendSteps(call)
  }

  /** The steps of a lane that can go: up to the first that cannot, or past refused ones where the rule says so. */
  #openSteps(lane: Lane): StepItem[] {
    const items: StepItem[] = []
    const last = lane.steps.some(({ parked }) => parked) ? -1 : lane.steps.length - 1
    for (const [index, step] of lane.steps.entries()) {
      if (step.parked && this.#deps.stepsAfterRefused === 'go') continue
      const wire = step.parked ? null : this.#portalStep(lane, step)
      if (!wire) break
      items.push({ lane, step, wire, last: index === last })
    }
    return items
  }

  async #sendSteps(items: readonly StepItem[]): Promise<void> {
    // A lane that left our hands meanwhile (a step of it was refused) sends no further steps.
    const open = items.filter(({ lane }) => this.#held.has(lane.dossierId))
    if (open.length === 0) return
    const byLane = [...Map.groupBy(open, ({ lane }) => lane.dossierId).entries()]
    const answer = await this.#deps.portal.sendSteps(
      open.map(({ wire }) => wire),
      this.#call,
    )
    const carried = byLane.map(([dossierId, own]) => ({
      dossierId,
      changeId: null,
      stepIds: own.map(({ step }) => step.id),
      last: own.at(-1)!.last,
    }))
    const evidence = await this.#evidence(
      answer,
      carried.map(({ dossierId, changeId, stepIds }) => ({ dossierId, changeId, stepIds })),
    )
    switch (answer.class) {
      case 'ok':
      case 'exists':
        this.#note(evidence, carried)
        // Where the portal does not show what it holds, a step whose outcome is lost is sent again: at most those of one call.
        return this.#deps.portal.listsSteps ? undefined : this.#recorded()
      case 'unrecognised':
        if (!this.#deps.portal.canLookUp) return this.#halveSteps(open, evidence, answer)
        // Perhaps taken: sent again without a look they could arrive twice.
        return this.#settle(
          evidence,
          byLane.map(([, [first]]) => this.#unrecognised(first!.lane, answer)),
        )
      case 'absent':
      case 'refused':
      case 'transient':
        return this.#halveSteps(open, evidence, answer)
      case 'busy':
      case 'unknown':
        await this.#settle(
          evidence,
          byLane.map(([, [first]]) => this.#interrupted(first!.lane, answer)),
        )
        throw new Pause(answer)
      default:
        return answer.class satisfies never
    }
  }

  async #halveSteps(items: readonly StepItem[], evidence: Evidence | null, answer: Answer): Promise<void> {
    if (items.length === 1) return this.#settle(evidence, [this.#failedStep(items[0]!, answer)])
    await this.#keep(evidence)
    const middle = Math.ceil(items.length / 2)
    await this.#sendSteps(items.slice(0, middle))
    await this.#sendSteps(items.slice(middle))
  }

  #unrecognised(lane: Lane, answer: Answer): Verdict {
    const attempts = lane.attempts + 1
    const wait = waitAfter(this.#deps.policy, attempts) ?? lookUpWait(this.#deps.policy, 1)
    const reason = answer.failure ?? 'portal-unrecognised'
    return this.#verdict(lane, { state: 'unknown', sentAs: 'steps', reason, attempts, doubts: lane.doubts + 1, wait })
  }

  #failedStep({ lane, step }: StepItem, answer: Answer): Verdict {
    if (answer.class === 'absent')
      return this.#verdict(lane, {
        state: 'waiting',
        reason: answer.failure ?? null,
        presence: 'absent',
        forgetDelivered: true,
        attempts: lane.attempts + 1,
        wait: waitAfter(this.#deps.policy, 1) ?? 0,
      })
    const verdict = this.#failed(lane, answer)
    if (verdict.state !== 'parked') return verdict
    const parkStep = { id: step.id, reason: verdict.reason ?? 'step-refused' }
    // Where later steps may go, the lane comes back for them and stops only when nothing else is left.
    if (this.#deps.stepsAfterRefused === 'go') return { ...verdict, state: 'waiting', attempts: 0, parkStep }
    return { ...verdict, reason: 'step-refused', parkStep }
  }
}

/** The lane after the portal said that the other operation is right. */
function turned(operation: 'create' | 'update', lane: Lane): Lane {
  if (operation === 'update') return { ...lane, presence: 'absent' }
  return { ...lane, presence: 'present', unsettled: lane.wasDelivered ? 'steps' : null }
}

/** Calls of `size` items; what was in doubt twice travels apart, each dossier in calls of its own, after all others. */
function apart<T extends { readonly lane: Lane }>(items: readonly T[], size: number): T[][] {
  const doubtful = (item: T) => item.lane.doubts >= 2
  const alone = Map.groupBy(items.filter(doubtful), ({ lane }) => lane.dossierId)
  const together = chunks(
    items.filter((item) => !doubtful(item)),
    size,
  )
  return [...together, ...[...alone.values()].flatMap((own) => chunks(own, own[0] && 'step' in own[0] ? size : 1))]
}

interface StepItem {
  readonly lane: Lane
  readonly step: LaneStep
  readonly wire: PortalStep
  readonly last: boolean
}
