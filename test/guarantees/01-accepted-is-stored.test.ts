import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { change, step } from '../support/province.ts'
import { startScene, type Scene } from './scene.ts'

type Result = { code: string; result: string; delivery?: { state: string; reason: string | null } }

describe('1. What was answered 2xx is stored, and is delivered, superseded, blocked or parked', () => {
  let scene: Scene
  beforeAll(async () => void (scene = await startScene()))
  afterAll(() => scene.close())

  const dossier = (code: string) => scene.api('GET', `/v1/dossiers/${code}`)
  const standingOf = async (code: string) => {
    const { body } = await dossier(code)
    const { state, reason } = body['delivery'] as { state: string; reason: { code: string } | null }
    return reason ? `${state} ${reason.code}` : state
  }
  const knownCodes = async () => {
    const rows = await scene.ground.sql<{ code: string }[]>`select code from dossiers`
    return new Set(rows.map(({ code }) => code))
  }

  const good = Array.from({ length: 40 }, () => change({ steps: [step('2020-07-03T09:00:00+07:00', 'received')] }))
  const noCode = [change({ procedureCode: 'DP-17' }), change({ procedureCode: '9.999999' })]
  const noStatus = [change({ status: 'Chờ ký số' })]
  const noAgency = [change({ agencyCode: 'H34.99' })]
  const noName = [change({ owner: { type: 'citizen', idNumber: '062999000001' } })]
  const poison = [change(), change()]
  const accepted = [...good, ...noCode, ...noStatus, ...noAgency, ...noName, ...poison]
  const { receivedAt: _receivedAt, ...withoutDate } = change()
  const refused = [withoutDate, change({ changedAt: 'hôm qua' }), change({ maHoSo: 'x' }), change({ agencyCode: '' })]

  it('keeps every accepted change through every door before it answers, and none that it refused', async () => {
    await scene.faults([
      { kind: 'refuse-dossier', dossier: poison.map(({ code }) => code), value: { message: 'Sai mã' } },
    ])
    const mixed = [...accepted.slice(0, 25), ...refused, ...accepted.slice(25, 40)]
    const streamed = (await scene.push([...mixed, '{"code": broken'])) as Result[]
    expect(streamed.map(({ result }) => result)).toEqual([
      ...mixed.map((one) => (refused.includes(one as never) ? 'refused' : 'stored')),
      'refused',
    ])
    const batch = await scene.api('POST', '/v1/dossiers/batch', [...accepted.slice(40, 44), refused[0]])
    expect(batch.status).toBe(200)
    expect((batch.body['results'] as Result[]).map(({ result }) => result)).toEqual([
      ...Array.from({ length: 4 }, () => 'stored'),
      'refused',
    ])
    for (const one of accepted.slice(44))
      expect((await scene.api('PUT', `/v1/dossiers/${one.code}`, one)).status).toBe(200)
    for (const one of refused.slice(1))
      expect((await scene.api('PUT', `/v1/dossiers/${one.code}`, one)).status).toBe(422)
    expect(await knownCodes()).toEqual(new Set(accepted.map(({ code }) => code)))
  })

  it('brings each of them to one of the named ends, each with its reason', async () => {
    await scene.settled()
    const ends = Object.fromEntries(await Promise.all(accepted.map(async ({ code }) => [code, await standingOf(code)])))
    const expected = [
      ...good.map(({ code }) => [code, 'delivered']),
      ...noCode.map(({ code }) => [code, 'blocked no-national-code']),
      ...noStatus.map(({ code }) => [code, 'blocked unmapped-status']),
      ...noAgency.map(({ code }) => [code, 'blocked unknown-agency']),
      ...noName.map(({ code }) => [code, 'blocked missing-for-portal']),
      ...poison.map(({ code }) => [code, 'parked portal-refused']),
    ]
    expect(ends).toEqual(Object.fromEntries(expected))
    const there = await scene.atPortal()
    expect(new Set(there.keys())).toEqual(new Set(good.map(({ code }) => code)))
    for (const { code } of good) expect(there.get(code)).toMatchObject({ creates: 1, stepWrites: 1 })
  })

  it('keeps a change that came late as superseded, and the portal keeps the newer one', async () => {
    const first = change({ changedAt: '2020-07-03T10:00:00+07:00', note: 'mới' })
    await scene.push([first])
    const older = { ...first, changedAt: '2020-07-03T08:00:00+07:00', note: 'cũ' }
    const { status, body } = await scene.api('PUT', `/v1/dossiers/${first.code}`, older)
    expect([status, body['result']]).toEqual([200, 'superseded'])
    await scene.settled()
    const timeline = (await dossier(first.code)).body
    const verdicts = (timeline['changes'] as { verdict: string }[]).map(({ verdict }) => verdict)
    expect(verdicts).toEqual(['stored', 'superseded'])
    expect((await scene.atPortal()).get(first.code)?.payload).toMatchObject({ GhiChu: 'mới' })
  })

  it('keeps every change when a newer one overtakes it on the way', async () => {
    const codes = Array.from({ length: 5 }, () => change().code)
    const versions = Array.from({ length: 6 }, (_, version) =>
      codes.map((code) => ({ ...change({ note: `bản ${version}` }), code, version })),
    )
    for (const version of versions) await scene.push(version)
    await scene.settled()
    const there = await scene.atPortal()
    for (const code of codes) {
      expect((await dossier(code)).body['changes']).toHaveLength(6)
      expect(there.get(code)?.payload).toMatchObject({ GhiChu: 'bản 5' })
    }
  })
})
