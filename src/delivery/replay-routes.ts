import { z } from 'zod'
import { replayLimits } from '../../config/replays.ts'
import { answers, pageLimit, why, type Http } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import { ReplayFilter, replayStates } from './replay-filter.ts'
import {
  cancelReplay,
  draftReplay,
  listReplays,
  outcomesOf,
  pauseReplay,
  readReplay,
  replayPhases,
  resumeReplay,
  startReplay,
  stopReplays,
  type Replay,
} from './replays.ts'
import { count, operatorOf, scopeOf, Words, type DeliveryRouteDeps } from './routes.ts'

const tags = ['replays']
const perMinute = z.number().int().min(1).max(replayLimits.mostPerMinute)
const id = z.strictObject({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) })

const shape = {
  id: count,
  state: z.enum(replayPhases),
  filter: ReplayFilter,
  why: z.string(),
  actor: z.string().describe('Who made it'),
  perMinute: count,
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
  progress: z
    .object({ total: count, remaining: count, onWay: count, delivered: count, stopped: count, skipped: count })
    .describe('The parts add up to the total; stopped: parked or blocked again'),
}
const ReplayView = z.object(shape).meta({ id: 'Replay' })
const reason = z.string().nullable()
const Preview = z.object({
  count,
  states: z.array(z.object({ state: z.enum(replayStates), reason, count })),
  agencies: z.array(z.object({ agency: z.string(), count })).describe('The 100 with the most dossiers'),
  first: z.array(z.object({ code: z.string(), agency: z.string(), state: z.enum(replayStates), reason })),
  inOtherReplays: z
    .array(z.object({ replay: count, count }))
    .describe('Dossiers that fit and are left out, because a replay under way has them'),
})
const Outcomes = z.object({
  skipped: z.array(
    z.object({ why: z.string(), words: z.object({ vi: z.string(), en: z.string() }).nullable(), count }),
  ),
  ended: z.array(z.object({ state: z.string(), reason, words: Words, count })),
})

/** The replay desk over HTTP. A key that speaks for some agencies makes, sees and steers the replays of those alone. */
export function registerReplayRoutes(app: Http, deps: DeliveryRouteDeps): void {
  registerDraft(app, deps)
  registerReading(app, deps)
  registerSteering(app, deps)
}

function registerDraft(app: Http, { sql, authorise }: DeliveryRouteDeps): void {
  app.route({
    method: 'POST',
    url: '/v1/replays',
    schema: {
      tags,
      summary: 'Draft a replay: freezes and counts the dossiers; nothing is sent',
      description: `Stopped dossiers by at least one criterion; delivered ones by their codes, or by \`state\`, a period of at most ${replayLimits.periodDays} days and another criterion. A draft can be started for ${replayLimits.draftMinutes} minutes.`,
      body: z.strictObject({ filter: ReplayFilter, why, perMinute: perMinute.optional() }),
      response: answers(ReplayView.extend({ preview: Preview }), 201),
    },
    handler: async (request, reply) => {
      const operator = operatorOf(await authorise(request, 'deliveries:resend'))
      return reply.code(201).send(await draftReplay(sql, request.body, operator))
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/replays/:id/start',
    schema: {
      tags,
      summary: 'Start a draft',
      params: id,
      body: z.strictObject({ expected: count.min(0).describe('The number of dossiers the draft counted') }),
      response: answers(ReplayView),
    },
    handler: async (request) => {
      const operator = operatorOf(await authorise(request, 'deliveries:resend'))
      return found(await startReplay(sql, request.params.id, request.body.expected, operator))
    },
  })
}

function registerReading(app: Http, { sql, authorise }: DeliveryRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/replays',
    schema: {
      tags,
      summary: 'Replays, newest first',
      querystring: z.strictObject({
        state: z.enum(replayPhases).optional(),
        after: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional().describe('The last id shown'),
        limit: pageLimit,
      }),
      response: answers(z.object({ replays: z.array(ReplayView) })),
    },
    handler: async (request) => {
      const scope = scopeOf(await authorise(request, 'deliveries:read'))
      return { replays: await listReplays(sql, request.query, scope) }
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/replays/:id',
    schema: {
      tags,
      summary: 'One replay: how far it is, and how its dossiers ended',
      params: id,
      response: answers(ReplayView.extend({ outcomes: Outcomes })),
    },
    handler: async (request) => {
      const scope = scopeOf(await authorise(request, 'deliveries:read'))
      const replay = found(await readReplay(sql, request.params.id, scope))
      return { ...replay, outcomes: await outcomesOf(sql, replay.id) }
    },
  })
}

const moves = { pause: pauseReplay, cancel: cancelReplay }
const summaries: Readonly<Record<keyof typeof moves, string>> = {
  pause: 'Pause: nothing more is set going, and what no worker has is called back',
  cancel: 'Cancel for good: what was not sent stays as it was',
}

function registerSteering(app: Http, { sql, authorise }: DeliveryRouteDeps): void {
  for (const move of ['pause', 'cancel'] as const)
    app.route({
      method: 'POST',
      url: `/v1/replays/:id/${move}`,
      schema: {
        tags,
        summary: summaries[move],
        params: id,
        body: z.strictObject({ why: why.optional() }).nullish(),
        response: answers(ReplayView),
      },
      handler: async (request) => {
        const operator = operatorOf(await authorise(request, 'deliveries:resend'))
        return found(await moves[move](sql, request.params.id, request.body ?? {}, operator))
      },
    })
  app.route({
    method: 'POST',
    url: '/v1/replays/:id/resume',
    schema: {
      tags,
      summary: 'Go on where it was paused, at another pace if one is given',
      params: id,
      body: z.strictObject({ why: why.optional(), perMinute: perMinute.optional() }).nullish(),
      response: answers(ReplayView),
    },
    handler: async (request) => {
      const operator = operatorOf(await authorise(request, 'deliveries:resend'))
      return found(await resumeReplay(sql, request.params.id, request.body ?? {}, operator))
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/replays/stop',
    schema: {
      tags,
      summary: 'Pause every running replay at once',
      body: z.strictObject({ why }),
      response: answers(
        z.object({
          paused: z.array(count),
          onWay: count.describe('Dossiers that could not be called back, because a worker has them'),
        }),
      ),
    },
    handler: async (request) =>
      stopReplays(sql, request.body.why, operatorOf(await authorise(request, 'deliveries:resend'))),
  })
}

function found(replay: Replay | null): Replay {
  if (replay === null) throw new Refusal('not-found', 'There is no such replay')
  return replay
}
