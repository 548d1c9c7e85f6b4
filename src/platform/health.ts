import { timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { sha256 } from './crypto.ts'
import type { Http } from './http.ts'
import type { Metrics } from './metrics.ts'
import { Refusal } from './problems.ts'

export interface Check {
  readonly ok: boolean
  readonly [detail: string]: unknown
}

export interface HealthOptions {
  /** What must hold so that pushes can be accepted. */
  readonly intake: Readonly<Record<string, () => Promise<Check>>>
  /** What must hold so that dossiers also reach the portal. */
  readonly delivery: Readonly<Record<string, () => Promise<Check>>>
  readonly metrics: Metrics
  readonly collect: () => Promise<void>
  /** Told when the ledger could not be read for the metrics. */
  readonly unseen: () => void
  readonly metricsToken: string | undefined
}

const timeLimit = 3_000

async function judged(checks: HealthOptions['intake']): Promise<Record<string, Check>> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      const late = new Promise<Check>((resolve) => {
        setTimeout(() => resolve({ ok: false, reason: 'no answer in time' }), timeLimit).unref()
      })
      return [name, await Promise.race([check(), late]).catch(() => ({ ok: false, reason: 'not reachable' }))] as const
    }),
  )
  return Object.fromEntries(results)
}

/**
 * `/health/live`: the process answers. `/health/ready`: each dependency, and that work moves. `/health/ready?for=intake`:
 * only what accepting pushes needs, for a load balancer, which must not turn pushes away because the portal is down.
 */
export function registerHealth(app: Http, options: HealthOptions): void {
  const tags = ['operations']
  const security: [] = []
  app.get('/health/live', { schema: { tags, security, summary: 'Is the process alive' } }, async () => ({ ok: true }))
  app.get(
    '/health/ready',
    {
      schema: {
        tags,
        security,
        summary: 'Are all dependencies there, and does work move',
        querystring: z.strictObject({ for: z.enum(['intake', 'all']).default('all') }),
      },
    },
    async (request, reply) => {
      const wanted = request.query.for === 'intake' ? options.intake : { ...options.intake, ...options.delivery }
      const checks = await judged(wanted)
      const ok = Object.values(checks).every((check) => check.ok)
      return reply.code(ok ? 200 : 503).send({ ok, checks })
    },
  )
  app.get('/metrics', { schema: { tags, security, summary: 'Prometheus metrics' } }, async (request, reply) => {
    if (options.metricsToken !== undefined) {
      const given = (request.headers.authorization ?? '').replace(/^Bearer\s+/i, '')
      if (!timingSafeEqual(sha256(given), sha256(options.metricsToken)))
        throw new Refusal('invalid-key', 'The token for metrics is wrong')
    }
    // The ledger may be away: that is said, and the counters of this process are still told.
    await options.collect().catch(options.unseen)
    return reply.type(options.metrics.registry.contentType).send(await options.metrics.registry.metrics())
  })
}
