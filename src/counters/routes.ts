import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { countersVersion } from '../../config/counters.ts'
import { limitOf, type ApiClient } from '../platform/auth.ts'
import { answers, nextCursor, pageLimit, why, type Http } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import { unplacedReasons } from './model.ts'
import {
  dossiersBehind,
  hasMoved,
  monthReport,
  obstacles,
  sendMonth,
  type CounterDeps,
  type UnitLine,
} from './month.ts'
import { decide, type Report } from './reports.ts'
import { behindQuery, lastMonth, monthQuery, wholeMonth } from './selection.ts'

export interface CounterRouteDeps extends CounterDeps {
  /** Throws a refusal when the request may not; `*` among the agencies = all of them. */
  readonly authorise: (
    request: FastifyRequest,
    right: 'reports:read' | 'deliveries:resend',
  ) => Promise<Pick<ApiClient, 'id' | 'agencies'>>
}

const count = z.number().int()
const timed = { total: count, inTime: count, late: count, untold: count.describe('Nobody can say') }
const Figures = z.object({
  received: count,
  carried: count,
  total: count.describe('received + carried = handled + pending'),
  handled: z.object(timed),
  pending: z.object({ ...timed, waiting: count.describe('For the citizen') }),
  unplaced: z.object({ total: count, ...Object.fromEntries(unplacedReasons.map((reason) => [reason, count])) }),
})
const Sent = z.object({
  received: count,
  carried: count,
  handledInTime: count,
  handledLate: count,
  pendingInTime: count,
  pendingLate: count,
})
const SentReport = z.object({
  id: count,
  code: z.string(),
  name: z.string(),
  kind: z.string(),
  version: count,
  rules: z.string(),
  figures: Sent,
  state: z.enum(['waiting', 'sent', 'unknown', 'refused']),
  onWay: z.boolean(),
  askedBy: z.string(),
  askedAt: z.string(),
  failure: z.string().nullable(),
  portalCode: z.string().nullable(),
  message: z.string().nullable(),
  exchange: count.nullable(),
  answeredAt: z.string().nullable(),
  decided: z.object({ by: z.string(), at: z.string(), why: z.string() }).nullable(),
})
const Month = z
  .object({
    month: z.string(),
    countedAt: z.string(),
    rules: z.string(),
    untellable: z.boolean().describe('The ledger does not hold the whole month: no figures are given'),
    obstacles: z.array(z.enum(obstacles)).describe('Why nothing can be sent'),
    hash: z.string().nullable().describe('Give it as `expected` to send exactly this'),
    total: Figures.nullable(),
    units: z.array(
      z.object({
        code: z.string(),
        name: z.string().nullable(),
        why: z.string().nullable().describe('Why nobody can say whose these dossiers are; null: a unit'),
        figures: Figures,
        takenOver: count,
        handedOver: count,
        toSend: Sent.nullable(),
        changedSinceSent: z.boolean(),
      }),
    ),
    reports: z.array(SentReport).describe('All that was ever sent, the newest of a unit first'),
  })
  .meta({ id: 'MonthlyCounters' })
const Behind = z.object({
  count,
  dossiers: z.array(
    z.object({
      code: z.string(),
      agencyCode: z.string(),
      procedureCode: z.string(),
      receivedAt: z.string(),
      promisedAt: z.string().nullable(),
      endedAt: z.string().nullable(),
      place: z.string(),
      timing: z.string().nullable(),
      waiting: z.boolean(),
      reason: z.string().nullable(),
    }),
  ),
  next: nextCursor,
})
const tags = ['counters']

/** The monthly counters: counted, sent, and what became of that. */
export function registerCounterRoutes(app: Http, deps: CounterRouteDeps): void {
  registerReading(app, deps)
  registerActs(app, deps)
}

function registerReading(app: Http, deps: CounterRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/counters',
    schema: {
      tags,
      summary: 'The counters of a month by unit, what was sent of them, and what stands in the way of sending',
      querystring: z.strictObject(monthQuery),
      response: answers(Month),
    },
    handler: async (request) => {
      const { agencies } = await deps.authorise(request, 'reports:read')
      const report = await monthReport(deps, request.query.month ?? lastMonth(), { agencies: limitOf(agencies) })
      const { lines, reports, obstacles: found, total, ...rest } = report
      return {
        ...rest,
        rules: countersVersion,
        obstacles: [...found],
        total: report.untellable ? null : total,
        units: report.untellable ? [] : lines.map(lineOf),
        reports: reports.map(reportOf),
      }
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/counters/dossiers',
    schema: {
      tags,
      summary: 'The dossiers behind a number of the monthly counters, newest first',
      querystring: z.strictObject({ ...behindQuery, limit: pageLimit }),
      response: answers(Behind),
    },
    handler: async (request) => {
      const { agencies } = await deps.authorise(request, 'reports:read')
      const { nobodys, ...query } = request.query
      return dossiersBehind(deps, { ...query, nobodys: nobodys !== undefined, agencies: limitOf(agencies) })
    },
  })
}

function registerActs(app: Http, deps: CounterRouteDeps): void {
  const operator = async (request: FastifyRequest) => {
    const { id, agencies } = await deps.authorise(request, 'deliveries:resend')
    if (!agencies.includes('*')) throw new Refusal('agency-out-of-scope', 'Monthly counters concern all agencies')
    return `key:${id}`
  }
  app.route({
    method: 'POST',
    url: '/v1/counters/send',
    schema: {
      tags,
      summary: 'Sends the counters of a month as they were read: new and changed ones, each unit once',
      body: z.strictObject({ month: wholeMonth, expected: z.string().max(100).describe('`hash` of what was read') }),
      response: answers(
        z.object({ units: count.describe('That are sent now; the others are at the portal, or unsettled') }),
      ),
    },
    handler: async (request) => {
      const by = await operator(request)
      return { units: await sendMonth(deps, { ...request.body, by }) }
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/counters/decisions',
    schema: {
      tags,
      summary: "A person's word on a sending whose outcome is unknown: the portal took it, or it did not",
      body: z.strictObject({ id: count, taken: z.boolean(), why }),
      response: answers(z.object({ id: count })),
    },
    handler: async (request) => {
      const by = await operator(request)
      await decide(deps.sql, { ...request.body, by })
      return { id: request.body.id }
    },
  })
}

const lineOf = (line: UnitLine) => {
  const {
    code,
    name,
    why: reason,
    takenOver,
    handedOver,
    received,
    carried,
    total,
    handled,
    pending,
    unplaced,
  } = line.unit
  return {
    code,
    name,
    why: reason,
    figures: { received, carried, total, handled, pending, unplaced },
    takenOver,
    handedOver,
    toSend: line.toSend?.figures ?? null,
    changedSinceSent: hasMoved(line),
  }
}

const reportOf = ({ month: _month, decided, figures, ...report }: Report) => ({
  ...report,
  figures: { ...figures },
  decided: decided && { ...decided },
})
