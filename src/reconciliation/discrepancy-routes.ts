import { z } from 'zod'
import { limitOf } from '../platform/auth.ts'
import { answers, pageLimit, why, type Http } from '../platform/http.ts'
import {
  acts,
  DiscrepancyFilter,
  discrepancyKinds,
  foresee,
  listDiscrepancies,
  mostAtOnce,
  resolve,
  sides,
  sumDiscrepancies,
} from './discrepancies.ts'
import type { ReportRouteDeps } from './routes.ts'

type DiscrepancyRouteDeps = Pick<ReportRouteDeps, 'sql' | 'authorise' | 'resend'>

const count = z.number().int()

const DiscrepancyView = z
  .object({
    id: count,
    code: z.string(),
    agencyCode: z.string().nullable(),
    agencyName: z.string().nullable(),
    side: z.enum(sides).describe('With whom the ledger disagrees'),
    kind: z.enum(discrepancyKinds),
    fields: z.array(z.object({ field: z.string(), here: z.string(), there: z.string() })).readonly(),
    openedAt: z.string(),
    openedRun: count,
    seenAt: z.string(),
    seenRun: count,
    seen: count.describe('In how many runs'),
    act: z.enum(acts).nullable().describe('What was done since it was last seen'),
    actedAt: z.string().nullable(),
    actedBy: z.string().nullable(),
    why: z.string().nullable(),
    closedAt: z.string().nullable(),
    closedHow: z.enum(['agreed', 'accept', 'ignore']).nullable(),
  })
  .meta({ id: 'Discrepancy' })

/** What disagrees, and what is done about it, over the API. */
export function registerDiscrepancyRoutes(app: Http, { sql, authorise, resend }: DiscrepancyRouteDeps): void {
  const tags = ['reconciliation']
  app.route({
    method: 'GET',
    url: '/v1/reconciliation/discrepancies',
    schema: {
      tags,
      summary: 'What disagrees, the oldest first, until both sides agree or somebody says that it may stay',
      querystring: z.strictObject({
        ...DiscrepancyFilter.shape,
        after: z.coerce.number().int().min(0).default(0).describe('The last id shown'),
        limit: pageLimit,
      }),
      response: answers(
        z.object({
          discrepancies: z.array(DiscrepancyView),
          next: count.nullable().describe('Give it as after to read on; null at the end'),
          sums: z.array(
            z.object({
              side: z.enum(sides),
              kind: z.enum(discrepancyKinds),
              state: z.enum(['open', 'acted']),
              count,
              since: z.string(),
            }),
          ),
        }),
      ),
    },
    handler: async (request) => {
      const agencies = limitOf((await authorise(request, 'reports:read')).agencies)
      const { after, limit: most, ...filter } = request.query
      const list = await listDiscrepancies(sql, { ...filter, agencies }, { after, limit: most })
      return { ...list, sums: await sumDiscrepancies(sql, agencies) }
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/reconciliation/discrepancies/resolve',
    schema: {
      tags,
      summary:
        'Send again, accept what the portal has, or ignore: those chosen by a filter or by their ids, at most 10,000',
      description:
        'What is sent again stays until a look at the portal says that it agrees; what is accepted or ignored is closed until it changes. ' +
        'With `preview` nothing is done, and the counts are those it would have.',
      body: z.strictObject({
        filter: DiscrepancyFilter.default({ state: 'open' }),
        ids: z.array(count).min(1).max(mostAtOnce).optional(),
        act: z.enum(acts),
        why,
        preview: z.boolean().default(false),
      }),
      response: answers(
        z.object({
          chosen: count,
          done: count,
          left: count.describe('What is not in the ledger, or disagrees with the register alone, cannot be sent'),
        }),
      ),
    },
    handler: async (request) => {
      const client = await authorise(request, 'deliveries:resend')
      const { preview, why: reason, ...wish } = request.body
      const own = { ...wish, filter: { ...wish.filter, agencies: limitOf(client.agencies) } }
      return preview ? foresee(sql, own) : resolve(sql, { ...own, by: `key:${client.id}`, why: reason }, resend)
    },
  })
}
