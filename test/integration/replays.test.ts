import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startWorker } from '../guarantees/worker.ts'
import { startScene, unknownsLookedUp, type Scene } from '../guarantees/scene.ts'
import { releaseReplays } from '../../src/delivery/release.ts'
import type { ReplayFilter } from '../../src/delivery/replay-filter.ts'
import {
  cancelReplay,
  draftReplay,
  pauseReplay,
  readReplay,
  resendDossier,
  resumeReplay,
  rotateReplays,
  startReplay,
  stopReplays,
  type Operator,
} from '../../src/delivery/replays.ts'
import { createKey } from '../../src/platform/auth.ts'
import { change, step } from '../support/province.ts'

type Row = Record<string, unknown>
const operator: Operator = { actor: 'test', scope: null }
const refusal = { code: '-10', message: 'Sai thông tin' }

/** Draft and start in one go, as an operator who looked at the count. */
async function replay({ ground: { sql } }: Scene, filter: ReplayFilter, perMinute?: number) {
  const draft = await draftReplay(sql, { filter, why: 'test', perMinute }, operator)
  return (await startReplay(sql, draft.id, draft.progress.total, operator))!
}

const lanes = ({ ground: { sql } }: Scene, codes: readonly string[]) =>
  sql<
    { code: string; state: string; reason: string | null; again: boolean; priority: number; errorCode: string | null }[]
  >`
    select d.code, l.state, l.reason, l.again, l.priority, l.detail->>'code' as "errorCode"
    from deliveries l join dossiers d on d.id = l.dossier_id where d.code = any(${[...codes]}::text[]) order by d.code`

describe('the replay desk beside a running service', () => {
  let scene: Scene
  beforeAll(async () => {
    scene = await startScene({ settings: { PORTAL_BATCH_SIZE: '1', PORTAL_CONCURRENCY: '1' } })
  })
  afterAll(async () => scene?.close())
  afterEach(() => scene.faults([]))

  /** Dossiers that the portal refused, and the fault is mended. */
  async function parked(count: number, overrides: (index: number) => Row = () => ({})) {
    const changes = Array.from({ length: count }, (_, index) => change(overrides(index)))
    const codes = changes.map(({ code }) => code)
    await scene.faults([{ kind: 'refuse-dossier', dossier: codes, value: refusal }])
    await scene.push(changes)
    await scene.settled()
    await scene.faults([])
    return { changes, codes }
  }

  it('drafts, refuses another count, then sends in the original order and says how it went', async () => {
    const { codes } = await parked(6, (index) => ({
      agencyCode: 'H34.02',
      changedAt: `2020-07-03T09:0${6 - index}:00+07:00`,
    }))
    const filter = { agency: 'H34.02', reason: 'portal-refused', error: '-10', from: '2020-07-01', to: '2020-07-31' }
    const draft = await scene.api('POST', '/v1/replays', { filter, why: 'đã sửa' })
    expect(draft.status).toBe(201)
    const original = codes.toReversed()
    expect(draft.body).toMatchObject({
      state: 'draft',
      progress: { total: 6, remaining: 6, onWay: 0 },
      preview: {
        count: 6,
        states: [{ state: 'parked', reason: 'portal-refused', count: 6 }],
        agencies: [{ agency: 'H34.02', count: 6 }],
        inOtherReplays: [],
      },
    })
    expect((draft.body['preview'] as { first: Row[] }).first.map(({ code }) => code)).toEqual(original.slice(0, 5))
    const path = `/v1/replays/${draft.body['id'] as number}`
    expect(await scene.api('POST', `${path}/start`, { expected: 5 })).toMatchObject({
      status: 409,
      body: { code: 'replay-changed', field: 'expected' },
    })
    expect((await lanes(scene, codes)).every(({ state }) => state === 'parked')).toBe(true)
    expect(await scene.api('POST', `${path}/start`, { expected: 6 })).toMatchObject({ status: 200 })
    await scene.until(async () => (await scene.api('GET', path)).body['state'] === 'done', 'the replay to end')
    const ended = await scene.api('GET', path)
    expect(ended.body).toMatchObject({
      progress: { total: 6, remaining: 0, onWay: 0, delivered: 6, stopped: 0, skipped: 0 },
      outcomes: { skipped: [], ended: [{ state: 'delivered', reason: null, count: 6 }] },
    })
    const mine = new Set(codes)
    expect((await scene.received()).map(({ code }) => code).filter((code) => mine.has(code))).toEqual(original)
    expect((await lanes(scene, codes)).every(({ priority }) => priority === 1)).toBe(true)
    expect(await scene.api('POST', `${path}/start`, { expected: 6 })).toMatchObject({
      status: 409,
      body: { code: 'replay-state' },
    })
    const notes = await scene.ground.sql<{ actor: string; action: string; why: string }[]>`
      select actor, action, detail->>'why' as why from audit where subject = ${`replay:${draft.body['id'] as number}`} order by id`
    expect(notes.map(({ action, why }) => [action, why])).toEqual([
      ['replay.drafted', 'đã sửa'],
      ['deliveries.resent', 'đã sửa'],
    ])
    expect(notes[0]!.actor).toMatch(/^key:[0-9a-f]{12}$/)
  })

  it('never takes the whole history, and names the field that is wrong', async () => {
    const draft = async (body: unknown) => {
      const answer = await scene.api('POST', '/v1/replays', body)
      return [answer.status, answer.body['code'], answer.body['field']]
    }
    expect(await draft({ filter: {}, why: 'x' })).toEqual([422, 'replay-too-broad', 'filter'])
    expect(await draft({ filter: { state: 'delivered', agency: 'H34.01' }, why: 'x' })).toEqual([
      422,
      'replay-too-broad',
      'filter',
    ])
    expect(await draft({ filter: { agency: '' }, why: 'x' })).toEqual([422, 'invalid-field', 'filter.agency'])
    expect(await draft({ filter: { agencies: ['H34.01'] }, why: 'x' })).toEqual([
      422,
      'unknown-field',
      'filter.agencies',
    ])
    expect(await draft({ filter: { agency: 'H34.01' }, why: ' ' })).toEqual([422, 'invalid-field', 'why'])
    expect(await draft({ filter: { agency: 'H34.01' } })).toEqual([422, 'missing-field', 'why'])
    expect(await scene.ground.sql`select from replays where why = 'x'`).toHaveLength(0)
  })

  it('a key for one agency makes and sees replays of that agency alone', async () => {
    const { codes } = await parked(2, (index) => ({ agencyCode: index === 0 ? 'H34.01' : 'H34.02' }))
    const { key } = await createKey(scene.ground.sql, {
      name: 'one agency',
      source: 'one-stop',
      rights: ['deliveries:read', 'deliveries:resend'],
      agencies: ['H34.01'],
      by: 'test',
    })
    const mine = async (method: string, path: string, body?: unknown) => {
      const headers = {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      }
      const answer = await fetch(`${scene.house.url}${path}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return { status: answer.status, body: (await answer.json()) as Row }
    }
    const whole = await draftReplay(scene.ground.sql, { filter: { codes }, why: 'all' }, operator)
    expect(await mine('GET', `/v1/replays/${whole.id}`)).toMatchObject({ status: 404 })
    expect(await mine('POST', `/v1/replays/${whole.id}/cancel`)).toMatchObject({ status: 404 })
    expect(await mine('POST', '/v1/replays', { filter: { agency: 'H34.02' }, why: 'x' })).toMatchObject({
      body: { code: 'agency-out-of-scope', field: 'filter.agency' },
    })
    expect(await mine('POST', '/v1/replays', { filter: { codes }, why: 'own' })).toMatchObject({
      status: 201,
      body: { preview: { count: 1 } },
    })
    expect((await mine('GET', '/v1/replays')).body['replays']).toMatchObject([{ why: 'own' }])
    expect(await mine('PUT', '/v1/deliveries/hold', { why: 'x' })).toMatchObject({
      body: { code: 'agency-out-of-scope' },
    })
  })

  it('a delivered dossier is sent again as an update, and stays at the portal in the report', async () => {
    const dossier = change({ steps: [step('2020-07-03T10:00:00+07:00', 'processing')] })
    await scene.push([dossier])
    await scene.settled()
    const before = (await scene.atPortal()).get(dossier.code)!
    const report = async () => {
      const { body } = await scene.api('GET', '/v1/reports/sync-rate?from=2020-01-01&to=2021-01-01')
      return body['total'] as { delivered: number; atPortal: number }
    }
    const { delivered, atPortal } = await report()
    await scene.api('PUT', '/v1/deliveries/hold', { why: 'look at the report' })
    const sent = await replay(scene, { state: 'delivered', codes: [dossier.code] })
    expect(await lanes(scene, [dossier.code])).toMatchObject([{ state: 'waiting', again: true }])
    expect(await report()).toMatchObject({ delivered: delivered - 1, atPortal })
    await scene.api('DELETE', '/v1/deliveries/hold')
    await scene.settled()
    const after = (await scene.atPortal()).get(dossier.code)!
    expect([
      after.creates - before.creates,
      after.updates - before.updates,
      after.stepWrites - before.stepWrites,
    ]).toEqual([0, 1, 0])
    expect(await lanes(scene, [dossier.code])).toMatchObject([{ state: 'delivered', again: false }])
    await releaseReplays(scene.ground.sql)
    expect(await readReplay(scene.ground.sql, sent.id, null)).toMatchObject({
      state: 'done',
      progress: { delivered: 1 },
    })
  })

  it('what is in doubt is looked up, and never sent again blindly', async () => {
    const { changes, codes } = await parked(1)
    const draft = await draftReplay(scene.ground.sql, { filter: { codes }, why: 'test' }, operator)
    await scene.faults([
      { kind: 'http-500', service: 'TraCuuHoSo' },
      { kind: 'http-500-after-storing', dossier: codes },
    ])
    await scene.push([{ ...changes[0], changedAt: '2020-07-05T09:00:00+07:00', summary: 'newer' }])
    await scene.until(async () => (await scene.states())['unknown'] === 1, 'the outcome to be unknown')
    await startReplay(scene.ground.sql, draft.id, 1, operator)
    await scene.until(
      async () => (await readReplay(scene.ground.sql, draft.id, null))!.state === 'done',
      'the replay to see that it is in doubt',
    )
    const { body } = await scene.api('GET', `/v1/replays/${draft.id}`)
    const why = (body['outcomes'] as { skipped: { why: string }[] }).skipped[0]!.why
    expect(['in-doubt', 'already-waiting']).toContain(why)
    await expect(resendDossier(scene.ground.sql, { code: codes[0]!, why: 'again' }, operator)).rejects.toMatchObject({
      code: 'already-on-way',
    })
    await scene.faults([])
    await scene.settled()
    expect((await scene.atPortal()).get(codes[0]!)).toMatchObject({ creates: 1 })
    expect(
      unknownsLookedUp((await scene.callsOf(codes[0]!)).filter(({ service }) => service !== 'login')),
    ).toBeGreaterThan(0)
  })

  it('a hold stops all calls within seconds, and its end lets everything go', async () => {
    const held = await scene.api('PUT', '/v1/deliveries/hold', { why: 'bảo trì' })
    expect(held.body).toMatchObject({ held: true, why: 'bảo trì' })
    expect((await scene.api('PUT', '/v1/deliveries/hold', { why: 'another' })).body).toMatchObject({ why: 'bảo trì' })
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    const calls = (await scene.stats()).total.calls
    const changes = [change(), change(), change()]
    await scene.push(changes)
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect((await scene.stats()).total.calls).toBe(calls)
    expect(await scene.states()).toMatchObject({ waiting: 3 })
    expect((await scene.api('DELETE', '/v1/deliveries/hold', { why: 'xong' })).body).toMatchObject({ held: false })
    await scene.settled()
    const portal = await scene.atPortal()
    expect(changes.every(({ code }) => portal.has(code))).toBe(true)
    const notes = await scene.ground.sql<{ action: string }[]>`
      select action from audit where subject = 'all' and detail->>'why' in ('bảo trì', 'another', 'xong') order by id`
    expect(notes.map(({ action }) => action)).toEqual(['deliveries.held', 'deliveries.released'])
  })
})

describe('the desk itself, with nobody sending', () => {
  let scene: Scene
  beforeAll(async () => {
    scene = await startScene({ settings: { ROLES: 'api' } })
  })
  afterAll(async () => scene?.close())
  beforeEach(async () => {
    await stopReplays(scene.ground.sql, 'next test', operator)
  })

  /** Dossiers that stopped as if the portal had refused them. */
  async function parked(count: number, overrides: Row = {}): Promise<string[]> {
    const changes = Array.from({ length: count }, () => change(overrides))
    await scene.push(changes)
    const codes = changes.map(({ code }) => code)
    await scene.ground.sql`
      update deliveries set state = 'parked', reason = 'portal-refused', detail = '{"code":"-10","text":"Sai"}', attempts = 1
      where dossier_id in (select id from dossiers where code = any(${codes}::text[]))`
    return codes
  }
  const progress = async (id: number) => (await readReplay(scene.ground.sql, id, null))!.progress
  const waiting = async (codes: readonly string[]) =>
    (await lanes(scene, codes)).filter(({ state }) => state === 'waiting').length

  it('keeps to its throttle, also with two schedulers at it, and releases each dossier once', async () => {
    const codes = await parked(12)
    const begun = performance.now()
    const { id } = await replay(scene, { codes }, 60)
    expect(await progress(id)).toMatchObject({ onWay: 5, remaining: 7 })
    await scene.until(async () => {
      await Promise.all(Array.from({ length: 4 }, () => releaseReplays(scene.ground.sql)))
      return (await progress(id)).onWay >= 7
    }, 'two more')
    const seconds = (performance.now() - begun) / 1000
    const { onWay } = await progress(id)
    expect(seconds).toBeGreaterThan(1.9)
    expect(onWay).toBeLessThanOrEqual(5 + Math.ceil(seconds))
    expect(await waiting(codes)).toBe(onWay)
  })

  it('four releasers at once release each dossier once', async () => {
    const codes = await parked(60)
    const wish = { filter: { codes }, why: 'test', perMinute: 60_000 }
    const { id } = await draftReplay(scene.ground.sql, wish, operator)
    await scene.ground
      .sql`update replays set state = 'running', started_at = now(), clock = '-infinity' where id = ${id}`
    await Promise.all(Array.from({ length: 4 }, () => releaseReplays(scene.ground.sql)))
    expect(await progress(id)).toMatchObject({ total: 60, onWay: 60, skipped: 0 })
    expect(await waiting(codes)).toBe(60)
  })

  it('keeps no more on the way than its window', async () => {
    const codes = await parked(600)
    const { id } = await replay(scene, { agency: 'H34.01', reason: 'portal-refused', error: '-10' }, 1_500)
    for (let turn = 0; turn < 12; turn += 1) {
      await scene.ground.sql`update replays set clock = '-infinity' where id = ${id}`
      await releaseReplays(scene.ground.sql)
    }
    expect(await progress(id)).toMatchObject({ onWay: 500 })
    expect(await waiting(codes)).toBeGreaterThan(0)
    await cancelReplay(scene.ground.sql, id, {}, operator)
  })

  it('a pause calls back what nobody took, as it stood; resumed it goes on, cancelled it is over', async () => {
    const { sql } = scene.ground
    const codes = await parked(4, { steps: [step('2020-07-03T10:00:00+07:00', 'processing')] })
    await sql`
      update steps set state = 'parked', reason = 'portal-refused'
      where dossier_id in (select id from dossiers where code = any(${codes}::text[]))`
    const asTheyStood = await lanes(scene, codes)
    const parkedSteps = async () =>
      (
        await sql`select from steps s join dossiers d on d.id = s.dossier_id where d.code = any(${codes}::text[]) and s.state = 'parked' and s.reason = 'portal-refused'`
      ).length
    const { id } = await replay(scene, { codes })
    expect([await waiting(codes), await parkedSteps()]).toEqual([4, 0])
    // One is in a worker's hands, and one was taken and given back because the portal was busy.
    const [taken, given] = codes as [string, string]
    await sql`update deliveries set state = 'sending' where dossier_id = (select id from dossiers where code = ${taken})`
    await sql`
      update deliveries set reason = 'portal-busy', next_at = now() + interval '1 hour', updated_at = now()
      where dossier_id = (select id from dossiers where code = ${given})`
    const path = `/v1/replays/${id}`
    expect((await scene.api('POST', `${path}/pause`, { why: 'wait' })).body).toMatchObject({
      state: 'paused',
      progress: { remaining: 3, onWay: 1 },
    })
    expect((await lanes(scene, codes)).filter(({ code }) => code !== taken)).toEqual(
      asTheyStood.filter(({ code }) => code !== taken).map((lane) => ({ ...lane, priority: 1 })),
    )
    expect(await parkedSteps()).toBe(3)
    await releaseReplays(sql)
    expect(await progress(id)).toMatchObject({ remaining: 3, onWay: 1 })
    // The worker gives it back: it is called back, too.
    await sql`update deliveries set state = 'waiting' where dossier_id = (select id from dossiers where code = ${taken})`
    await releaseReplays(sql)
    expect(await progress(id)).toMatchObject({ remaining: 4, onWay: 0 })
    expect(await scene.api('POST', `${path}/pause`)).toMatchObject({ status: 409, body: { code: 'replay-state' } })
    expect((await scene.api('POST', `${path}/resume`, { perMinute: 30 })).body).toMatchObject({
      state: 'running',
      perMinute: 30,
    })
    await sql`update replays set clock = '-infinity' where id = ${id}`
    await releaseReplays(sql)
    expect(await waiting(codes)).toBe(4)
    expect((await scene.api('POST', `${path}/cancel`)).body).toMatchObject({
      state: 'cancelled',
      progress: { remaining: 4, onWay: 0 },
    })
    expect(
      (await lanes(scene, codes)).every(({ state, reason }) => state === 'parked' && reason === 'portal-refused'),
    ).toBe(true)
    expect(await scene.api('POST', `${path}/resume`)).toMatchObject({ status: 409 })
  })

  it('a delivered dossier that is called back is delivered as before', async () => {
    const { sql } = scene.ground
    const dossier = change()
    await scene.push([dossier])
    await sql`update deliveries set state = 'delivered', delivered_change_id = wanted_change_id where dossier_id = (select id from dossiers where code = ${dossier.code})`
    const { id } = await replay(scene, { state: 'delivered', codes: [dossier.code] })
    expect(await lanes(scene, [dossier.code])).toMatchObject([{ state: 'waiting', again: true }])
    await pauseReplay(sql, id, {}, operator)
    expect(await lanes(scene, [dossier.code])).toMatchObject([{ state: 'delivered', again: false }])
    await resumeReplay(sql, id, {}, operator)
    // A step came meanwhile: the lane has work of its own now.
    await scene.api('POST', `/v1/dossiers/${dossier.code}/steps`, {
      steps: [step('2020-07-04T10:00:00+07:00', 'processing')],
    })
    await cancelReplay(sql, id, {}, operator)
    expect(await lanes(scene, [dossier.code])).toMatchObject([{ state: 'waiting' }])
  })

  it('a newer change is not called back', async () => {
    const [code] = (await parked(1)) as [string]
    const { id } = await replay(scene, { codes: [code] })
    await scene.push([change({ code, changedAt: '2020-07-09T09:00:00+07:00', summary: 'newer' })])
    await cancelReplay(scene.ground.sql, id, {}, operator)
    expect(await lanes(scene, [code])).toMatchObject([{ state: 'waiting', priority: 0 }])
  })

  it('stop-all pauses every running replay', async () => {
    const [first, second] = [await parked(2), await parked(3)]
    const ids = [(await replay(scene, { codes: first })).id, (await replay(scene, { codes: second })).id]
    expect(await waiting([...first, ...second])).toBe(5)
    const stopped = await scene.api('POST', '/v1/replays/stop', { why: 'stop' })
    expect(stopped.body).toEqual({ paused: ids, onWay: 0 })
    expect(await waiting([...first, ...second])).toBe(0)
    expect((await scene.api('GET', '/v1/replays?state=running')).body).toEqual({ replays: [] })
  })

  it('looks at each dossier again before it goes, and says why it was left out', async () => {
    const { sql } = scene.ground
    const codes = (await parked(6)) as [string, string, string, string, string, string]
    const draft = await draftReplay(sql, { filter: { codes }, why: 'test' }, operator)
    const [delivered, changed, waits, doubt, other] = codes
    const set = (code: string, state: string) =>
      sql`update deliveries set state = ${state}, reason = null where dossier_id = (select id from dossiers where code = ${code})`
    await set(delivered, 'delivered')
    await scene.push([change({ code: changed, changedAt: '2020-07-09T09:00:00+07:00', summary: 'newer' })])
    await sql`update deliveries set state = 'parked', reason = 'portal-refused' where dossier_id = (select id from dossiers where code = ${changed})`
    await set(waits, 'waiting')
    await set(doubt, 'unknown')
    const rival = await replay(scene, { codes: [other] })
    const before = await lanes(scene, codes.slice(0, 5))
    await startReplay(sql, draft.id, 6, operator)
    expect(await progress(draft.id)).toMatchObject({ total: 6, skipped: 5, onWay: 1, remaining: 0 })
    expect(await lanes(scene, codes.slice(0, 5))).toEqual(before)
    const { body } = await scene.api('GET', `/v1/replays/${draft.id}`)
    const skipped = (body['outcomes'] as { skipped: { why: string; count: number }[] }).skipped
    expect(skipped.map(({ why, count }) => `${count} ${why}`).sort()).toEqual([
      '1 already-delivered',
      '1 already-waiting',
      '1 changed-since',
      '1 in-another-replay',
      '1 in-doubt',
    ])
    const again = await draftReplay(sql, { filter: { codes }, why: 'test' }, operator)
    expect(again.preview.inOtherReplays).toEqual([])
    await set(other, 'parked')
    const late = await draftReplay(sql, { filter: { codes: [other] }, why: 'test' }, operator)
    expect(late.preview).toMatchObject({ count: 0, inOtherReplays: [{ replay: rival.id, count: 1 }] })
  })

  it('a draft cannot be started after an hour, and its list is let go of; that of an old replay, too', async () => {
    const { sql } = scene.ground
    const codes = await parked(2)
    const draft = await draftReplay(sql, { filter: { codes }, why: 'test' }, operator)
    await sql`update replays set created_at = now() - interval '61 minutes' where id = ${draft.id}`
    expect(await scene.api('POST', `/v1/replays/${draft.id}/start`, { expected: 2 })).toMatchObject({
      status: 409,
      body: { code: 'replay-expired' },
    })
    await releaseReplays(sql)
    const old = await replay(scene, { codes })
    await sql`
      update deliveries set state = 'delivered' where dossier_id in (select id from dossiers where code = any(${codes}::text[]))`
    await releaseReplays(sql)
    await releaseReplays(sql)
    expect(await readReplay(sql, old.id, null)).toMatchObject({ state: 'done', progress: { delivered: 2 } })
    const items = async (id: number) => (await sql`select from replay_items where replay_id = ${id}`).length
    await rotateReplays(sql, 90)
    expect([await items(draft.id), await items(old.id)]).toEqual([0, 2])
    await sql`update replays set finished_at = now() - interval '91 days' where id = ${old.id}`
    await rotateReplays(sql, 90)
    expect(await items(old.id)).toBe(0)
    expect(await readReplay(sql, old.id, null)).toMatchObject({ progress: { total: 2, delivered: 2 } })
  })

  it('killed in the middle of releasing, it has released some and knows which', async () => {
    const { sql } = scene.ground
    const codes = await parked(2_000, { agencyCode: 'H34.02' })
    const draft = await draftReplay(
      sql,
      { filter: { agency: 'H34.02', reason: 'portal-refused' }, why: 'test', perMinute: 60_000 },
      operator,
    )
    await sql`insert into delivery_hold (actor, why) values ('test', 'nobody sends')`
    const scheduler = await startWorker(scene, { ROLES: 'scheduler' })
    await sql`update replays set state = 'running', started_at = now(), clock = '-infinity' where id = ${draft.id}`
    await scene.until(async () => (await progress(draft.id)).onWay > 0, 'the first to be released')
    await scheduler.kill()
    const check = async () => {
      const [row] = await sql<{ released: number; fit: number }[]>`
        select (count(*) filter (where i.state = 'released'))::int as released,
          (count(*) filter (where (i.state = 'released') = (l.state = 'waiting')))::int as fit
        from replay_items i join deliveries l on l.dossier_id = i.dossier_id where i.replay_id = ${draft.id}`
      expect(row).toEqual({ released: (await progress(draft.id)).onWay, fit: 2_000 })
    }
    await check()
    await sql`update replays set clock = '-infinity' where id = ${draft.id}`
    await releaseReplays(sql)
    await check()
    expect(await waiting(codes)).toBe(2_000)
    await sql`delete from delivery_hold`
  })
})
