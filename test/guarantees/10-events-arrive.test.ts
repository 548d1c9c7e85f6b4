import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { defaultEventPolicy, type EventPolicy } from '../../config/events.ts'
import { expireKeptEvents } from '../../src/events/store.ts'
import { change } from '../support/province.ts'
import { startReceiver, type Receiver } from '../support/receiver.ts'
import { isSignedBy } from '../support/signature.ts'
import { startScene, type Scene } from './scene.ts'
import { startWorker, type WorkerProcess } from './worker.ts'

/** Waits that a test can wait for. */
const quickEvents: EventPolicy = {
  ...defaultEventPolicy,
  refusedWaits: [50, 100],
  downWaits: [50, 100],
  breaker: { failures: 3, pauses: [100, 200] },
  jitter: 0,
  deadline: 1_000,
  lease: 4_000,
  idle: 50,
}

describe('10. An event for a destination is kept until that destination took it or the keep time is over, in order per dossier', () => {
  let scene: Scene
  let scheduler: WorkerProcess
  const receivers: Receiver[] = []
  beforeAll(async () => {
    scene = await startScene({
      policies: { events: quickEvents },
      settings: { ROLES: 'api,worker', EVENT_ALLOWED_NETWORKS: '127.0.0.0/8' },
    })
    scheduler = await startScheduler()
  })
  afterAll(async () => {
    await scheduler.stop()
    await scene.close()
  })
  afterEach(async () => {
    await scene.faults([])
    await scene.ground.sql`delete from event_deliveries`
    await scene.ground.sql`delete from event_destinations`
    await Promise.all(receivers.splice(0).map((receiver) => receiver.close()))
  })

  const startScheduler = () => startWorker(scene, { ROLES: 'scheduler' })

  async function subscribe(kinds = ['dossier.*']) {
    const receiver = await startReceiver()
    receivers.push(receiver)
    const { status, body } = await scene.api('POST', '/v1/webhooks', { name: receiver.url, url: receiver.url, kinds })
    expect(status).toBe(201)
    return { receiver, id: String(body['id']), secret: String(body['secret']) }
  }
  const dossiers = (count: number) => Array.from({ length: count }, () => change())
  /** Later than the changes before it. */
  const again = ({ code }: { code: string }, minute: number, overrides: Record<string, unknown> = {}) => ({
    ...change({
      changedAt: `2020-07-03T09:${minute}:00+07:00`,
      promisedAt: `2020-07-10T17:${minute}:00+07:00`,
      ...overrides,
    }),
    code,
  })
  const kindsOf = (receiver: Receiver, code: string) =>
    receiver.received.filter(({ event }) => event.subject === code).map(({ event }) => event.kind)
  /** What a receiver that drops known ids has had. */
  const taken = (receiver: Receiver) => new Map(receiver.received.map(({ event }) => [event.id, event]))
  const openEvents = async (id: string) => {
    const [row] = await scene.ground.sql<{ count: number }[]>`
      select count(*)::int as count from event_deliveries where destination_id = ${id} and state in ('waiting', 'sending')`
    return row!.count
  }

  it('tells each turn of a dossier once, in order, signed, and nothing that names a person', async () => {
    const { receiver, secret } = await subscribe()
    const dossier = change({ procedureCode: 'T-UNMAPPED' })
    await scene.push([dossier])
    await scene.until(async () => receiver.received.length === 1, 'the event of the block')
    await scene.push([again(dossier, 10)])
    await scene.until(async () => receiver.received.length === 2, 'the event of the delivery')
    const words = { message: 'Nguyễn Văn Mẫu chưa đủ giấy tờ' }
    await scene.faults([{ kind: 'refuse-dossier', dossier: dossier.code, value: words }])
    await scene.push([again(dossier, 20)])
    await scene.until(async () => receiver.received.length === 3, 'the event of the refusal')
    await scene.faults([])
    await scene.push([again(dossier, 30)])
    await scene.until(async () => receiver.received.length === 4, 'the event of the second delivery')

    expect(kindsOf(receiver, dossier.code)).toEqual([
      'dossier.blocked',
      'dossier.delivered',
      'dossier.parked',
      'dossier.delivered',
    ])
    expect(receiver.received.map(({ event }) => event.data)).toMatchObject([
      { code: dossier.code, change: 1, state: 'blocked', reason: 'no-national-code', agencyCode: 'H34.01' },
      { code: dossier.code, change: 2, state: 'delivered', reason: null, nationalCode: '1.000010' },
      { code: dossier.code, change: 3, state: 'parked', reason: 'portal-refused' },
      { code: dossier.code, change: 4, state: 'delivered', reason: null },
    ])
    for (const one of receiver.received) {
      expect(isSignedBy(secret, one)).toBe(true)
      expect(one.headers['webhook-id']).toBe(one.event.id)
      expect(one.body).not.toContain('Nguyễn')
      expect(Object.keys(one.event.data).sort()).toEqual(
        ['agencyCode', 'at', 'change', 'code', 'nationalCode', 'reason', 'state'].sort(),
      )
    }
  })

  it('keeps everything while a destination is down, and brings it in order when it is back', async () => {
    const { receiver, id } = await subscribe()
    await receiver.down()
    const some = dossiers(20)
    await scene.push(some)
    await scene.settled()
    await scene.push(some.map((dossier) => again(dossier, 10, { procedureCode: 'T-UNMAPPED' })))
    const isBroken = async () =>
      (await scene.ground.sql`select 1 from event_destinations where id = ${id} and broken_since is not null`).length >
      0
    await scene.until(isBroken, 'the destination to be found down')
    expect(await openEvents(id)).toBe(40)
    await receiver.up()
    await scene.until(async () => (await openEvents(id)) === 0, 'all events to be taken')
    expect(taken(receiver).size).toBe(40)
    for (const { code } of some)
      expect([...new Set(kindsOf(receiver, code))]).toEqual(['dossier.delivered', 'dossier.blocked'])
    // No attempt was used up by the outage.
    expect(await scene.ground.sql`select 1 from event_deliveries where attempts > 0`).toHaveLength(0)
  })

  it('sends an event again under the same id when its sender was killed before it could record the answer', async () => {
    const { receiver, id } = await subscribe()
    receiver.answer(() => undefined)
    await scene.push(dossiers(1))
    await scene.until(async () => receiver.received.length === 1, 'the event to be on the line')
    await scheduler.kill()
    expect(await openEvents(id)).toBe(1)
    receiver.answer(204)
    scheduler = await startScheduler()
    await scene.until(async () => (await openEvents(id)) === 0, 'the event to be taken')
    expect(receiver.received.length).toBeGreaterThan(1)
    expect(taken(receiver).size).toBe(1)
  })

  it('lets no slow or dead destination hold up another', async () => {
    const slow = await subscribe()
    const dead = await subscribe()
    const well = await subscribe()
    slow.receiver.answer(() => undefined)
    await dead.receiver.down()
    const some = dossiers(30)
    await scene.push(some)
    await scene.until(async () => taken(well.receiver).size === 30, 'all events to reach the good destination')
    expect(await openEvents(slow.id)).toBe(30)
    expect(await openEvents(dead.id)).toBe(30)
    slow.receiver.answer(204)
    await scene.until(async () => (await openEvents(slow.id)) === 0, 'the slow destination to take all')
    expect(taken(slow.receiver).size).toBe(30)
  })

  it('lets an event that a destination cannot stomach hold up only its own dossier', async () => {
    const { receiver, id } = await subscribe()
    const [poison, ...others] = dossiers(12)
    receiver.answer(({ event }, response) => response.writeHead(event.subject === poison!.code ? 500 : 204).end())
    await scene.push([poison!, ...others])
    await scene.settled()
    await scene.push([again(poison!, 10)])
    await scene.settled()
    await scene.until(async () => (await openEvents(id)) === 2, 'all other events to be taken')
    // Its second event waits for the first.
    expect(
      new Set(receiver.received.filter(({ event }) => event.subject === poison!.code).map(({ event }) => event.id))
        .size,
    ).toBe(1)
    receiver.answer(204)
    await scene.until(async () => (await openEvents(id)) === 0, 'the last events to be taken')
    expect(taken(receiver).size).toBe(13)
  })

  it('parks what nobody took in time, and sends it when asked to', async () => {
    const { receiver, id } = await subscribe()
    await receiver.down()
    await scene.push(dossiers(2))
    await scene.settled()
    const { sql } = scene.ground
    expect(await expireKeptEvents(sql, 14)).toBe(0)
    await sql`update event_deliveries set kept_since = now() - interval '15 days', state = 'waiting', lease_token = null`
    await scene.until(
      async () => (await expireKeptEvents(sql, 14)) > 0 || (await openEvents(id)) === 0,
      'the events to expire',
    )
    await scene.until(async () => (await expireKeptEvents(sql, 14), (await openEvents(id)) === 0), 'all of them')
    expect(await sql`select distinct state, reason from event_deliveries`).toEqual([
      { state: 'parked', reason: 'event-expired' },
    ])
    await receiver.up()
    const { body } = await scene.api('POST', `/v1/webhooks/${id}/resend`, { why: 'the receiver is mended' })
    expect(body).toEqual({ events: 2 })
    await scene.until(async () => taken(receiver).size === 2, 'the events to arrive after all')
  })
})
