import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { defaultEventPolicy, type EventPolicy } from '../../config/events.ts'
import { emit, expireEventLeases, rotateEvents } from '../../src/events/store.ts'
import { createKey } from '../../src/platform/auth.ts'
import { startScene, type Scene } from '../guarantees/scene.ts'
import { startWorker } from '../guarantees/worker.ts'
import { change } from '../support/province.ts'
import { startReceiver, type Receiver } from '../support/receiver.ts'
import { isSignedBy } from '../support/signature.ts'

const quickEvents: EventPolicy = {
  ...defaultEventPolicy,
  refusedWaits: [50, 100],
  downWaits: [50, 100],
  breaker: { failures: 3, pauses: [100, 200] },
  jitter: 0,
  deadline: 1_000,
  lease: 4_000,
  idle: 50,
  alertInterval: 100,
}

const rules = {
  rules: {
    'dossiers-parked': { count: 3, for: 0, recoverFor: 0, remindEvery: 0 },
    'destination-down': { for: 0, recoverFor: 0 },
    'fresh-dossier-late': false,
    'work-stands-still': false,
    'portal-refuses': false,
    'catalogue-not-pulled': false,
  },
}

let scene: Scene
const folder = mkdtempSync(join(tmpdir(), 'dvcqg-alerts-'))
const receivers: Receiver[] = []
beforeAll(async () => {
  const path = join(folder, 'rules.json')
  writeFileSync(path, JSON.stringify(rules))
  scene = await startScene({
    policies: { events: quickEvents },
    settings: { EVENT_ALLOWED_NETWORKS: '127.0.0.0/8', ALERT_RULES: path },
  })
})
afterAll(async () => {
  await scene.close()
  rmSync(folder, { recursive: true, force: true })
})
afterEach(async () => {
  await scene.faults([])
  await scene.ground.sql`delete from event_destinations`
  await scene.ground.sql`delete from event_deliveries`
  await scene.ground.sql`delete from alerts`
  await Promise.all(receivers.splice(0).map((receiver) => receiver.close()))
})

async function receive() {
  const receiver = await startReceiver()
  receivers.push(receiver)
  return receiver
}
async function subscribe(wish: Record<string, unknown> = {}) {
  const receiver = await receive()
  const { body } = await scene.api('POST', '/v1/webhooks', {
    name: receiver.url,
    url: receiver.url,
    kinds: ['dossier.*'],
    ...wish,
  })
  return { receiver, id: String(body['id']), secret: String(body['secret']) }
}
const raise = (subject: string, agencyCode: string | null = null) =>
  emit(scene.ground.sql, [{ kind: 'dossier.parked', subject, agencyCode, data: { code: subject } }])
const webhook = async (id: string) =>
  ((await scene.api('GET', '/v1/webhooks')).body['items'] as Record<string, unknown>[]).find((one) => one['id'] === id)
const subjects = (receiver: Receiver) => receiver.received.map(({ event }) => event.subject)
const until = (condition: () => Promise<boolean> | boolean, what: string) => scene.until(async () => condition(), what)

describe('a destination', () => {
  it('is shown without its secret, changed and removed, and the audit knows by whom', async () => {
    const { receiver, id, secret } = await subscribe({ kinds: ['dossier.parked'], agencies: ['H34.01'] })
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    const shown = await scene.api('GET', '/v1/webhooks')
    expect(JSON.stringify(shown.body)).not.toContain(secret.slice(6))
    expect(await webhook(id)).toMatchObject({
      url: receiver.url,
      kinds: ['dossier.parked'],
      agencies: ['H34.01'],
      state: 'active',
      waiting: 0,
      parked: 0,
      brokenSince: null,
    })
    expect((await scene.api('PATCH', `/v1/webhooks/${id}`, { kinds: ['*'] })).status).toBe(200)
    expect(await webhook(id)).toMatchObject({ kinds: ['*'], agencies: ['H34.01'] })
    expect((await scene.api('DELETE', `/v1/webhooks/${id}`)).status).toBe(200)
    expect((await scene.api('DELETE', `/v1/webhooks/${id}`)).status).toBe(404)
    const audit = await scene.ground.sql<{ action: string }[]>`
      select action from audit where subject = ${id} and actor like 'key:%' order by id`
    expect(audit.map(({ action }) => action)).toEqual(['webhook.added', 'webhook.changed', 'webhook.removed'])
  })

  it.each([
    [{ url: 'https://169.254.169.254/' }, 'destination-forbidden', 'url'],
    [{ url: 'https://10.1.2.3/' }, 'destination-forbidden', 'url'],
    [{ url: 'http://8.8.8.8/' }, 'destination-forbidden', 'url'],
    [{ url: 'nonsense' }, 'invalid-field', 'url'],
    [{ kinds: ['payment.paid'] }, 'invalid-field', 'kinds[0]'],
    [{ kinds: [] }, 'invalid-field', 'kinds'],
    [{ name: ' ' }, 'invalid-field', 'name'],
    [{ secret: 'whsec_mine' }, 'unknown-field', 'secret'],
  ])('is refused with the field that is wrong: %j', async (wish, code, field) => {
    const sound = { name: 'x', url: 'http://127.0.0.1:1/' }
    const { status, body } = await scene.api('POST', '/v1/webhooks', { ...sound, ...wish })
    expect(status).toBe(422)
    expect(body).toMatchObject({ code, field })
  })

  it('may not take the name of another, nor move to a forbidden address', async () => {
    const { receiver, id } = await subscribe()
    const twin = await scene.api('POST', '/v1/webhooks', { name: receiver.url, url: receiver.url })
    expect(twin).toMatchObject({ status: 409, body: { code: 'destination-exists', field: 'name' } })
    const moved = await scene.api('PATCH', `/v1/webhooks/${id}`, { url: 'https://192.168.1.1/' })
    expect(moved).toMatchObject({ status: 422, body: { code: 'destination-forbidden', field: 'url' } })
  })

  it('belongs to the agencies of the key', async () => {
    const { sql } = scene.ground
    const { id } = await subscribe()
    const wish = { name: 'one agency', source: 's', rights: ['webhooks:manage', 'reports:read'] as const, by: 'test' }
    const { key } = await createKey(sql, { ...wish, agencies: ['H34.02'] })
    const call = async (method: string, path: string, body?: unknown) => {
      const answer = await fetch(`${scene.house.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${key}`, ...(body ? { 'content-type': 'application/json' } : {}) },
        ...(body ? { body: JSON.stringify(body) } : {}),
      })
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
    }
    expect((await call('GET', '/v1/webhooks')).body).toEqual({ items: [] })
    expect((await call('DELETE', `/v1/webhooks/${id}`)).status).toBe(404)
    expect((await call('GET', `/v1/webhooks/${id}/log`)).status).toBe(404)
    const { url } = await receive()
    expect((await call('POST', '/v1/webhooks', { name: 'all', url })).body).toMatchObject({
      code: 'agency-out-of-scope',
    })
    expect((await call('POST', '/v1/webhooks', { name: 'own', url, agencies: ['H34.02'] })).status).toBe(201)
    expect((await call('GET', '/v1/alerts')).body).toMatchObject({ code: 'agency-out-of-scope' })
  })

  it('hears of its own agencies and kinds only', async () => {
    const one = await subscribe({ agencies: ['H34.01'] })
    const other = await subscribe({ agencies: ['H34.02'], kinds: ['dossier.*'] })
    const deaf = await subscribe({ kinds: ['dossier.delivered', 'alert.*'] })
    const all = await subscribe()
    await raise('A-1', 'H34.01')
    await raise('B-1', 'H34.02')
    await raise('P-1')
    await until(() => all.receiver.received.length === 3, 'all events to arrive')
    await until(() => one.receiver.received.length + other.receiver.received.length === 2, 'the others, too')
    expect(subjects(one.receiver)).toEqual(['A-1'])
    expect(subjects(other.receiver)).toEqual(['B-1'])
    expect(subjects(deaf.receiver)).toEqual([])
  })

  it('is told by a test whether events would arrive', async () => {
    const { receiver, id, secret } = await subscribe({ kinds: ['alert.*'] })
    expect((await scene.api('POST', `/v1/webhooks/${id}/test`)).body).toMatchObject({
      outcome: 'delivered',
      httpStatus: 204,
    })
    expect(receiver.received[0]?.event).toMatchObject({ kind: 'webhook.test', subject: id })
    expect(isSignedBy(secret, receiver.received[0]!)).toBe(true)
    receiver.answer(401)
    expect((await scene.api('POST', `/v1/webhooks/${id}/test`)).body).toMatchObject({
      outcome: 'refused',
      httpStatus: 401,
      error: 'event-refused',
    })
  })

  it('changes its secret without a gap', async () => {
    const { receiver, id, secret } = await subscribe()
    const { body } = await scene.api('POST', `/v1/webhooks/${id}/secret`)
    const newer = String(body['secret'])
    expect(newer).not.toBe(secret)
    await raise('A-1')
    await until(() => receiver.received.length === 1, 'the event')
    expect([secret, newer].map((one) => isSignedBy(one, receiver.received[0]!))).toEqual([true, true])
    await scene.api('DELETE', `/v1/webhooks/${id}/secret/old`)
    await raise('A-2')
    await until(() => receiver.received.length === 2, 'the next event')
    expect([secret, newer].map((one) => isSignedBy(one, receiver.received[1]!))).toEqual([false, true])
  })

  it('gets what was kept for it when it is resumed', async () => {
    const { receiver, id } = await subscribe()
    await scene.api('PATCH', `/v1/webhooks/${id}`, { state: 'paused' })
    for (const subject of ['A-1', 'A-2', 'A-3']) await raise(subject)
    expect(await webhook(id)).toMatchObject({ state: 'paused', pausedReason: 'operator', waiting: 3 })
    await scene.api('PATCH', `/v1/webhooks/${id}`, { state: 'active' })
    await until(() => receiver.received.length === 3, 'what was kept')
    expect(await webhook(id)).toMatchObject({ state: 'active', pausedReason: null })
  })

  it('is paused when it answers 410, and its event is kept', async () => {
    const { receiver, id } = await subscribe()
    receiver.answer(410)
    await raise('A-1')
    await until(async () => (await webhook(id))?.['state'] === 'paused', 'the pause')
    expect(await webhook(id)).toMatchObject({
      pausedReason: 'destination-gone',
      lastError: 'destination-gone',
      waiting: 1,
    })
  })
})

describe('an event', () => {
  it('that is refused is tried a few times, parked, logged without the answer, and sent again when asked to', async () => {
    const { receiver, id } = await subscribe()
    receiver.answer((_event, response) => response.writeHead(422).end('an inner page'))
    await raise('A-1')
    await raise('A-1')
    await until(async () => (await webhook(id))?.['parked'] === 2, 'both to be parked, one after the other')
    expect(receiver.received).toHaveLength(6)
    const ids = receiver.received.map(({ event }) => event.id)
    expect(ids).toEqual([...ids.slice(0, 3).fill(ids[0]!), ...ids.slice(3).fill(ids[3]!)])
    const log = (await scene.api('GET', `/v1/webhooks/${id}/log`)).body['items'] as Record<string, unknown>[]
    expect(log).toHaveLength(6)
    expect(log[0]).toMatchObject({
      event: ids[5],
      kind: 'dossier.parked',
      outcome: 'refused',
      httpStatus: 422,
      error: 'event-refused',
    })
    expect(JSON.stringify(log)).not.toContain('inner')
    receiver.answer(204)
    const resent = await scene.api('POST', `/v1/webhooks/${id}/resend`, { why: 'mended', event: ids[3] })
    expect(resent.body).toEqual({ events: 1 })
    await until(async () => (await webhook(id))?.['parked'] === 1, 'the one to be taken')
    expect(receiver.received.at(-1)?.event.id).toBe(ids[3])
  })

  it('waits as long as the destination asks for', async () => {
    const { receiver, id } = await subscribe()
    receiver.answer((_event, response) => response.writeHead(429, { 'retry-after': '3600' }).end())
    await raise('A-1')
    await until(async () => (await webhook(id))?.['brokenSince'] !== null, 'the pause')
    const [row] = await scene.ground.sql<{ seconds: number }[]>`
      select extract(epoch from probe_at - now())::float8 as seconds from event_destinations where id = ${id}`
    expect(row!.seconds).toBeGreaterThan(3_500)
    expect(receiver.received).toHaveLength(1)
  })

  it('comes in order and once, though two schedulers are at work', async () => {
    const second = await startWorker(scene, { ROLES: 'scheduler' })
    const { receiver, id } = await subscribe()
    const wanted = Array.from({ length: 10 }, (_, turn) =>
      ['A', 'B', 'C', 'D'].map((subject) => ({ subject, turn })),
    ).flat()
    for (const { subject, turn } of wanted)
      await emit(scene.ground.sql, [{ kind: 'dossier.parked', subject, agencyCode: null, data: { turn } }])
    await until(async () => receiver.received.length >= 40 && (await webhook(id))?.['waiting'] === 0, 'all events')
    for (const subject of ['A', 'B', 'C', 'D'])
      expect(
        receiver.received.filter(({ event }) => event.subject === subject).map(({ event }) => event.data['turn']),
      ).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    await second.stop()
  })

  it('is not stored when nobody wants it, and is let go of by age', async () => {
    const { sql } = scene.ground
    const count = async () => (await sql<{ n: number }[]>`select count(*)::int as n from outbound_events`)[0]!.n
    const before = await count()
    await raise('A-1')
    expect(await count()).toBe(before)
    const { receiver, id } = await subscribe()
    await raise('A-2')
    await until(async () => receiver.received.length === 1 && (await webhook(id))?.['waiting'] === 0, 'the event')
    await scene.api('PATCH', `/v1/webhooks/${id}`, { state: 'paused' })
    await raise('A-3')
    await until(async () => (await expireEventLeases(sql)) === 0, 'nothing in hand')
    await sql`update outbound_events set occurred_at = now() - interval '31 days'`
    await sql`update event_deliveries set settled_at = now() - interval '31 days' where state = 'delivered'`
    await sql`update event_attempts set at = now() - interval '31 days'`
    await rotateEvents(sql, 30)
    // What is still wanted stays, however old.
    expect(await sql`select subject from outbound_events`).toEqual([{ subject: 'A-3' }])
    expect(await sql`select 1 from event_attempts`).toHaveLength(0)
  })
})

describe('alerts', () => {
  it('say what failed, with a sample, and that it is over', async () => {
    const { receiver } = await subscribe({ kinds: ['alert.*'] })
    const some = [change(), change(), change()]
    await scene.faults([
      { kind: 'refuse-dossier', dossier: some.map(({ code }) => code), value: { message: 'Thiếu giấy tờ' } },
    ])
    await scene.push(some)
    await until(() => receiver.received.length === 1, 'the alert')
    const { event } = receiver.received[0]!
    expect(event).toMatchObject({
      kind: 'alert.raised',
      subject: 'dossiers-parked:portal-refused',
      data: {
        rule: 'dossiers-parked',
        state: 'firing',
        count: 3,
        firstError: { code: 'portal-refused', vi: { cause: 'Cổng DVCQG từ chối hồ sơ.' } },
        words: { vi: { title: 'Nhiều hồ sơ dừng vì cùng một nguyên nhân.' }, en: {} },
      },
    })
    expect(some.map(({ code }) => code)).toContain((event.data['lastError'] as { sample: string }).sample)
    expect(JSON.stringify(event)).not.toContain('giấy tờ')
    const listed = (await scene.api('GET', '/v1/alerts')).body['items'] as Record<string, unknown>[]
    expect(listed).toMatchObject([{ key: 'dossiers-parked:portal-refused', state: 'firing', count: 3 }])
    const metrics = await (await fetch(`${scene.house.url}/metrics`)).text()
    expect(metrics).toContain('dvcqg_alerts{rule="dossiers-parked",state="firing"} 1')
    expect(metrics).toContain('dvcqg_event_destinations{state="active"} 1')

    await scene.faults([])
    await scene.push(
      some.map((dossier) => ({
        ...dossier,
        changedAt: '2020-07-03T10:00:00+07:00',
        promisedAt: '2020-07-11T17:00:00+07:00',
      })),
    )
    await until(() => receiver.received.length === 2, 'the recovery')
    expect(receiver.received[1]?.event).toMatchObject({
      kind: 'alert.recovered',
      data: { state: 'recovered', count: 0, firstError: { code: 'portal-refused' } },
    })
  })

  it('tell one destination that another is down', async () => {
    const well = await subscribe({ kinds: ['alert.*'] })
    const dead = await subscribe({ kinds: ['dossier.*'] })
    await dead.receiver.down()
    await raise('A-1')
    await until(() => well.receiver.received.length === 1, 'the alert')
    expect(well.receiver.received[0]?.event).toMatchObject({
      kind: 'alert.raised',
      subject: `destination-down:${dead.id}`,
      data: { lastError: { code: 'destination-unreachable' } },
    })
    await dead.receiver.up()
    await until(() => well.receiver.received.length === 2, 'the recovery')
  })
})
