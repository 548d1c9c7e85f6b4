import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { failures } from '../../config/failures.ts'
import { answers, type Http } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import { moveWords, type PaceState } from './pace.ts'

export interface PaceRouteDeps {
  readonly state: () => Promise<PaceState>
  /** Throws a refusal when the request may not. */
  readonly authorise: (request: FastifyRequest, right: 'reports:read') => Promise<unknown>
}

const Words = z.object({ vi: z.string(), en: z.string() })
const rate = z.number().describe('Calls per second, all processes together')
const View = z
  .object({
    rate,
    ceiling: rate,
    open: z.boolean(),
    reason: z.string().nullable().describe('Why the gate is closed'),
    cause: Words.nullable(),
    closedFor: z.number().describe('Milliseconds until the gate opens'),
    opensAt: z.string().nullable(),
    inFlight: z.number().int().describe('Calls that are not answered yet'),
    moved: z.object({ at: z.string(), from: rate, to: rate, why: z.string(), words: Words }).nullable(),
    quota: z
      .object({ limit: z.number().int(), used: z.number().int() })
      .nullable()
      .describe("Calls of the day, Vietnam's"),
  })
  .meta({ id: 'PortalPace', description: 'The pace towards the portal: what was learned, and what holds it back' })

/** How fast calls leave for the portal, and why: read-only, no personal data. */
export function registerPaceRoutes(app: Http, { state, authorise }: PaceRouteDeps): void {
  app.get(
    '/v1/portal/pace',
    {
      schema: {
        tags: ['deliveries'],
        summary: 'The pace towards the portal',
        response: answers(View),
      },
    },
    async (request) => {
      await authorise(request, 'reports:read')
      const seen = await state().catch(() => {
        throw new Refusal('pace-unreachable', 'Redis does not answer')
      })
      return viewOf(seen)
    },
  )
}

function viewOf(seen: PaceState): z.output<typeof View> {
  const { rate, ceiling, open, reason, closedFor, opensAt, inFlight, moved, quota } = seen
  return {
    rate,
    ceiling,
    open,
    reason,
    cause: causeOf(reason),
    closedFor,
    opensAt: opensAt?.toISOString() ?? null,
    inFlight,
    moved: moved && { ...moved, at: moved.at.toISOString(), words: moveWords[moved.why] },
    quota,
  }
}

function causeOf(reason: string | null): z.output<typeof Words> | null {
  if (reason === null || !Object.hasOwn(failures, reason)) return null
  const { vi, en } = failures[reason as keyof typeof failures]
  return { vi: vi.cause, en: en.cause }
}
