import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { z } from 'zod'
import { FaultRules } from './faults.ts'
import type { History } from './history.ts'
import type { Meter } from './meter.ts'
import type { PortalParts } from './services.ts'
import { SandboxSettings } from './settings.ts'
import type { HeldDossier } from './store.ts'

const Fields = z.record(z.string(), z.json())
const SettingsChange = SandboxSettings.partial()
const Day = z.string().regex(/^(\d{8})?$/)
const ProcedureChange = z.strictObject({
  name: z.string().min(1).optional(),
  publishedOn: Day.optional(),
  endsOn: Day.optional(),
  legalBases: z.array(z.string().min(1)).optional(),
  open: z.boolean().optional(),
})
const linesPerChunk = 200

export interface SandboxParts extends PortalParts {
  readonly meter: Meter
  /** Undefined when none is kept. */
  readonly history: History | undefined
}

type ByCode = { Params: { code: string } }

/** The control API: what the sandbox holds and does, for tests, the demo and a person with curl. */
export function addControl(server: FastifyInstance, parts: SandboxParts): void {
  addFigures(server, parts)
  addDossiers(server, parts)
  addSwitches(server, parts)
}

function addFigures(server: FastifyInstance, { store, counters, meter, sessions, faults }: SandboxParts): void {
  server.get('/sandbox/stats', () => ({
    dossiers: store.size,
    creates: store.creates,
    updates: store.updates,
    steps: store.steps,
    logins: sessions.logins,
    openSessions: sessions.count,
    ...meter.figures(),
    faults: faults.list(),
  }))
  server.get('/sandbox/counters', () => counters.all())
  server.delete('/sandbox/stats', (_request, reply) => {
    meter.reset()
    return done(reply)
  })
}

function addDossiers(server: FastifyInstance, { store, history }: SandboxParts): void {
  server.get('/sandbox/history', (_request, reply) =>
    history
      ? reply.type('application/x-ndjson').send(Readable.from(history.lines()))
      : missing(reply, 'No history is kept'),
  )
  server.get('/sandbox/dossiers', (_request, reply) =>
    reply.type('application/x-ndjson').send(Readable.from(lines(store.all()))),
  )
  server.get<ByCode>('/sandbox/dossiers/:code', ({ params }, reply) => store.get(params.code) ?? missing(reply))
  server.delete<ByCode>('/sandbox/dossiers/:code', ({ params }, reply) =>
    store.delete(params.code) ? done(reply) : missing(reply),
  )
  server.delete<ByCode>('/sandbox/dossiers/:code/steps', ({ params }, reply) =>
    store.deleteSteps(params.code) ? done(reply) : missing(reply),
  )
  server.patch<ByCode>('/sandbox/dossiers/:code', ({ params, body }, reply) => {
    const fields = Fields.safeParse(body)
    if (!fields.success) return invalid(reply, fields.error)
    return store.patch(params.code, fields.data) ? done(reply) : missing(reply)
  })
}

function addSwitches(server: FastifyInstance, parts: SandboxParts): void {
  const { faults, sessions, catalogue, configuration } = parts
  server.put('/sandbox/faults', ({ body }, reply) => {
    const rules = FaultRules.safeParse(body)
    if (!rules.success) return invalid(reply, rules.error)
    faults.set(rules.data)
    return done(reply)
  })
  server.delete('/sandbox/faults', (_request, reply) => {
    faults.clear()
    return done(reply)
  })
  server.put('/sandbox/sessions/expire', (_request, reply) => {
    sessions.endAll()
    return done(reply)
  })
  server.patch('/sandbox/settings', ({ body }, reply) => {
    const change = SettingsChange.safeParse(body)
    if (!change.success) return invalid(reply, change.error)
    // Defaults fill in what was not said; only what was said may change.
    for (const name of Object.keys(body as object))
      Object.assign(configuration, { [name]: Reflect.get(change.data, name) })
    return done(reply)
  })
  server.patch<ByCode>('/sandbox/procedures/:code', ({ params, body }, reply) => {
    const change = ProcedureChange.safeParse(body)
    if (!change.success) return invalid(reply, change.error)
    return catalogue.change(params.code, change.data) ? done(reply) : missing(reply)
  })
}

function* lines(dossiers: Iterable<HeldDossier>): Generator<string> {
  let chunk: string[] = []
  for (const dossier of dossiers) {
    chunk.push(`${JSON.stringify(dossier)}\n`)
    if (chunk.length < linesPerChunk) continue
    yield chunk.join('')
    chunk = []
  }
  if (chunk.length > 0) yield chunk.join('')
}

function done(reply: FastifyReply): FastifyReply {
  return reply.code(204).send()
}

function missing(reply: FastifyReply, error = 'The sandbox holds nothing under this code'): FastifyReply {
  return reply.code(404).send({ error })
}

function invalid(reply: FastifyReply, error: z.ZodError): FastifyReply {
  const problems = error.issues.map(({ path, message }) => ({ path: path.join('.'), message }))
  return reply.code(400).send({ error: 'This is not understood', problems })
}
