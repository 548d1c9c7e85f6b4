import { clock } from './clock.ts'
import { dossiers } from './dossiers.ts'
import { inTurns, least, rowOf, type Row, type Stage } from './harness.ts'
import { waiting, type Ledger } from './ledger.ts'
import { bareClient, payloadOf, stepPayloadsOf, type BareClient } from './portal.ts'
import { chunks, hands, perCall, pushHeld, stepsPerCall } from './pushing.ts'

const stepsPerDossier = 2

/**
 * Dossiers that wait in the ledger, brought to a sandbox without a ceiling by one worker and its relay; against a bare loop
 * that posts the same batches over as many kept connections and marks the same rows with one `unnest` update per batch. The
 * limit leaves out queue, claims, opening, assessment, pace, session look-up, retries and evidence: its bodies are ready
 * before its clock starts.
 */
export async function pushOpen(stage: Stage): Promise<Row[]> {
  const ledger = await stage.ledger()
  const portal = await stage.portal()
  await ledger.hold(true)
  await stage.roles(ledger, portal, {
    ROLES: 'worker,scheduler',
    PORTAL_CONCURRENCY: String(hands),
    DATABASE_POOL: String(hands + 4),
  })
  const client = await bareClient(portal.url, hands)
  const count = stage.size(20_000, 1_000)
  let next = 1
  const loaded = async () => {
    const from = next
    next += count
    await ledger.load({ from, count, wish: { steps: stepsPerDossier }, lane: waiting })
    return from
  }
  const turns = await inTurns(
    stage,
    async () => bare(ledger, client, await loaded(), count),
    async () => {
      await loaded()
      return (count / (await pushHeld(ledger, count))) * 1000
    },
  )
  client.close()
  const calls = `batches of ${perCall}, ${stepsPerDossier} steps each, ${stepsPerCall} steps per call, ${hands} hands`
  return [rowOf('push-open', 'dossiers/s', least(0.6), turns, [`${count} dossiers per round, ${calls}`])]
}

interface Batch {
  readonly create: string
  readonly steps: readonly string[]
  readonly ids: readonly number[]
}

async function bare(ledger: Ledger, client: BareClient, from: number, count: number): Promise<number> {
  const batches = await prepare(ledger, client, from, count)
  const begun = clock()
  const hand = async () => {
    for (let batch = batches.pop(); batch; batch = batches.pop()) {
      for (const body of [batch.create, ...batch.steps]) {
        const { code, message } = await client.post(body)
        if (code !== '0') throw new Error(`The sandbox refused a bare call: ${code} ${message}`)
      }
      await mark(ledger, batch.ids)
    }
  }
  await Promise.all(Array.from({ length: hands }, hand))
  return count / ((clock() - begun) / 1000)
}

async function prepare(ledger: Ledger, client: BareClient, from: number, count: number): Promise<Batch[]> {
  const all = [...dossiers(from, count, { steps: stepsPerDossier })]
  const rows = await ledger.sql<{ id: number; code: string }[]>`
    select id, code from dossiers where code = any(${all.map(({ code }) => code)}::text[])`
  const ids = new Map(rows.map(({ id, code }) => [code, id]))
  return chunks(all, perCall).map((group) => ({
    create: client.body('DongBoHoSoMC', { isUpdating: 'False', data: group.map(payloadOf) }),
    steps: chunks(group.flatMap(stepPayloadsOf), stepsPerCall).map((data) =>
      client.body('CapNhatTienDoHoSoMC', { data }),
    ),
    ids: group.map(({ code }) => ids.get(code)!),
  }))
}

/** The same rows that the worker ends with: the lane delivered, its steps acknowledged. */
async function mark({ sql }: Ledger, ids: readonly number[]): Promise<void> {
  await sql`
    with done as (
      update deliveries l set state = 'delivered', delivered_change_id = l.wanted_change_id, presence = 'present',
        steps_done = l.steps_total, first_delivered_at = now(), delivered_at = now(), updated_at = now()
      from unnest(${[...ids]}::bigint[]) as r(id) where l.dossier_id = r.id returning l.dossier_id
    )
    update steps s set state = 'delivered', sent_at = now(), acknowledged_at = now() from done where s.dossier_id = done.dossier_id`
}
