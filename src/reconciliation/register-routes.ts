import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { code, moment } from '../dossiers/model.ts'
import type { Sql } from '../platform/database.ts'
import { given } from '../platform/given.ts'
import { answers, blank, documentedBody, nextCursor, pageLimit, type Http } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import { startRegisterRun } from './reconcile.ts'
import { registerKinds, unclearReasons } from './register-compare.ts'
import { hashed, RegisterFaults, rowsOfLines, rowsOfObjects, type RegisterRows } from './register-reading.ts'
import { registerFields } from './register-row.ts'
import { listRegisterFindings } from './registers.ts'
import { RunView, runView } from './run-view.ts'
import { readRun, type Run } from './runs.ts'

export interface RegisterRouteDeps {
  readonly sql: Sql
  /** Throws a refusal unless the request may begin runs over all agencies. */
  readonly mayStart: (request: FastifyRequest) => Promise<{ readonly id: string }>
  /** Throws a refusal when the reader may not see the run. */
  readonly found: (request: FastifyRequest, id: number) => Promise<Run>
}

const said = {
  name: blank(z.string().max(200)).describe('What the register is called, for persons'),
  asOf: blank(moment).describe(
    'The moment it speaks of (default: now). What was received or changed later is not concluded from',
  ),
  source: blank(code(50)).describe('The one-stop system whose words it uses and whose dossiers alone it has'),
  agency: blank(z.string().max(50)).describe('It has dossiers of this agency alone'),
  from: blank(z.iso.date()).describe('It begins with dossiers received on this Vietnam date'),
  to: blank(z.iso.date()).describe('It ends before this date of reception'),
}
const isComplete = 'It has every dossier within these limits: only then what it lacks is said to be missing in it'
const Said = z.strictObject({
  ...said,
  complete: z.enum(['true', 'false']).default('false').describe(isComplete),
  sample: z.coerce.number().gt(0).max(1).optional().describe('Share of the dossiers that are looked up at the portal'),
})
const row = z.looseObject({
  code: z.string(),
  agency: z.string().optional(),
  procedure: z.string().optional(),
  status: z.string().optional(),
  received_at: z.string().optional(),
  steps: z.number().int().optional(),
})

const Finding = z.object({
  code: z.string(),
  kind: z.enum(registerKinds),
  agencyCode: z.string().nullable(),
  agencyName: z.string().nullable(),
  fields: z
    .array(
      z.object({
        field: z.enum(registerFields),
        here: z.string(),
        there: z.string().describe('In the register'),
        why: z.enum(unclearReasons).optional().describe('Why it cannot be compared'),
      }),
    )
    .readonly(),
})

const tags = ['reconciliation']

/** The province's own register over the API: rows come in, a run compares them; what did not agree is read. */
export function registerRegisterRoutes(app: Http, deps: RegisterRouteDeps): void {
  registerIntake(app, deps)
  app.route({
    method: 'GET',
    url: '/v1/reconciliation/runs/:id/register',
    schema: {
      tags,
      summary:
        "What of the province's register and the ledger does not agree, by dossier; what is equal is counted only",
      params: z.object({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) }),
      querystring: z.strictObject({
        kind: blank(z.enum(registerKinds).exclude(['equal'])),
        field: blank(z.enum(registerFields)),
        outcome: blank(z.enum(['different', 'unclear'])).describe('Whether the field differs or cannot be compared'),
        cursor: blank(z.string().max(100)),
        limit: pageLimit,
      }),
      response: answers(
        z.object({
          rows: z.array(Finding),
          next: nextCursor,
        }),
      ),
    },
    handler: async (request) => {
      const run = await deps.found(request, request.params.id)
      return listRegisterFindings(deps.sql, { runId: run.id, ...request.query })
    },
  })
}

const starters = new WeakMap<FastifyRequest, { readonly id: string }>()

/** Rows are kept while they come; nothing is read of them before it is known who sends them. */
function registerIntake(app: Http, { sql, mayStart }: RegisterRouteDeps): void {
  void app.register(async (scope) => {
    const unlimited = { bodyLimit: Number.MAX_SAFE_INTEGER }
    scope.addContentTypeParser('application/x-ndjson', unlimited, (_request, payload, done) => done(null, payload))
    scope.route({
      method: 'POST',
      url: '/v1/reconciliation/registers',
      // Of JSON, which is held as a whole.
      bodyLimit: 128 * 1024 * 1024,
      onRequest: async (request) => void starters.set(request, await mayStart(request)),
      schema: {
        tags,
        summary: "Hand in the province's own register and begin a run that compares it with the ledger and the portal",
        description:
          'One JSON object a line, or a JSON array of them: `code`, and what the register knows of `agency`, `procedure`, `status`, `received_at` and ' +
          '`steps` (their number). Other fields are not read. Any number of lines; a fault in one refuses them all, and nothing is begun.',
        consumes: ['application/x-ndjson', 'application/json'],
        querystring: Said,
        body: documentedBody(z.array(row)),
        response: answers(RunView),
      },
      handler: async (request) => {
        const { name, asOf, source, complete, ...scope } = request.query as z.output<typeof Said>
        const { rows, hash } = rowsIn(request)
        const register = { name: name ?? 'API', asOf, source, complete: complete === 'true' }
        const askedBy = `key:${starters.get(request)!.id}`
        const id = await refusing(
          startRegisterRun(sql, { askedBy, scope: given(scope), served: true, given: register, rows, hash }),
        )
        return runView((await readRun(sql, id))!)
      },
    })
  })
}

function rowsIn(request: FastifyRequest): { readonly rows: RegisterRows; readonly hash?: () => string } {
  if (Array.isArray(request.body)) return { rows: rowsOfObjects(request.body) }
  const body = request.body as AsyncIterable<Uint8Array> | null
  if (body === null || typeof body !== 'object' || !(Symbol.asyncIterator in body))
    throw new Refusal('invalid-field', 'The body must be a JSON array of rows, or NDJSON')
  const { bytes, hash } = hashed(body)
  return { rows: rowsOfLines(bytes), hash }
}

/** Faults as findings, which say the row and never what stands in it. */
async function refusing<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof RegisterFaults)) throw error
    const findings = error.problems.map(({ row: place, name, detail }) => ({
      code: 'invalid-field' as const,
      field: name === null ? `rows.${place}` : `rows.${place}.${name}`,
      detail,
    }))
    throw new Refusal('invalid-field', 'The register has faults; nothing was begun', {
      findings: findings.slice(0, 20),
    })
  }
}
