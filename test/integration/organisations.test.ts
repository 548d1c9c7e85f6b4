import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { communes } from '../../src/cli/tables.ts'
import { communeLives, importCommunes } from '../../src/organisations/communes.ts'
import { proposals } from '../../src/organisations/proposals.ts'
import { importAgencies } from '../../src/organisations/store.ts'
import { createKey } from '../../src/platform/auth.ts'
import { readTable } from '../../src/platform/files.ts'
import { change, startProvince, type Province } from '../support/province.ts'

const received = (day: string) => ({
  receivedAt: `${day}T08:30:00+07:00`,
  changedAt: `${day}T09:00:00+07:00`,
  promisedAt: `${day}T17:00:00+07:00`,
})

let province: Province
beforeAll(async () => {
  province = await startProvince()
  await importAgencies(province.ground.sql, [
    { code: 'H34.30', name: 'UBND huyện Đắk Glei', level: 'district', validTo: '2025-07-01' },
    { code: 'H34.31', name: 'UBND huyện Ngọc Hồi', level: 'district', validTo: '2025-07-01' },
    { code: 'H34.41', name: 'UBND xã Đắk Pék', level: 'commune' },
    { code: 'H34.42', name: 'UBND xã Đắk Môn', level: 'commune' },
  ])
  await province.until(
    async () => (await province.ground.catalogue.fresh()).national.size > 4000,
    'the first pull of the catalogue',
  )
})
afterAll(() => province.close())

describe("the province's units", () => {
  const call = async (method: string, path: string, body?: unknown) => {
    const answer = await fetch(`${province.house.url}/v1/organisations${path}`, {
      method,
      headers: {
        authorization: `Bearer ${province.key}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }
  const laneOf = async (code: string) => {
    const [row] = await province.ground.sql`
      select l.state, l.reason, l.detail->>'text' as text from deliveries l join dossiers d on d.id = l.dossier_id where d.code = ${code}`
    return row as { state: string; reason: string | null; text: string | null }
  }
  const unitAtPortal = async (code: string) =>
    (await province.received()).find((dossier) => dossier.code === code)?.payload['DonViXuLy']
  const unitOf = async (code: string) => {
    const { body } = await call('GET', '')
    return (body['units'] as { code: string }[]).find((unit) => unit.code === code)
  }

  it('send an old dossier under the old unit, and ask who handles what came after its end', async () => {
    const old = change({ agencyCode: 'H34.30', ...received('2025-06-30') })
    const late = change({ agencyCode: '000.00.30.H34', ...received('2025-07-01') })
    await province.push([old, late])
    await province.until(async () => (await laneOf(old.code)).state === 'delivered', 'the old one')
    expect(await unitAtPortal(old.code)).toBe('UBND huyện Đắk Glei')
    expect(await laneOf(late.code)).toMatchObject({ state: 'blocked', reason: 'agency-closed' })
    expect(await unitOf('H34.30')).toMatchObject({ state: 'closed', waiting: 1, closedSince: '2025-07-01' })

    const parts = ['H34.41', 'H34.42'].map((newCode) => ({
      oldCode: 'H34.30',
      newCode,
      day: '2025-07-01',
      transfer: 'part',
    }))
    const divided = await call('POST', '/successions', { successions: parts, why: 'NQ 1673' })
    expect(divided.body).toMatchObject({
      changed: 2,
      dossiers: { blocked: 1, released: 0, still: { 'agency-split': 1 } },
    })
    await province.until(async () => (await laneOf(late.code)).reason === 'agency-split', 'the question')
    expect(await unitOf('H34.30')).toMatchObject({ state: 'split', followedBy: ['H34.41', 'H34.42'] })

    const answer = { oldCode: 'H34.30', newCode: 'H34.42', day: '2025-07-01', procedureCode: late['procedureCode'] }
    const preview = await call('POST', '/successions', { successions: [answer], why: 'x', preview: true })
    expect(preview.body).toMatchObject({ changed: 1, dossiers: { blocked: 1, released: 1, still: {} } })
    expect((await laneOf(late.code)).state).toBe('blocked')
    expect((await call('POST', '/successions', { successions: [answer], why: 'QĐ 5' })).body).toMatchObject({
      changed: 1,
    })
    await province.until(async () => (await laneOf(late.code)).state === 'delivered', 'the answer to release it')
    expect(await unitAtPortal(late.code)).toBe('UBND xã Đắk Môn')
  })

  it('ask again when an answer is taken back', async () => {
    const { body } = await call('GET', '/successions')
    const list = body['successions'] as { id: number; procedureCode: string | null; by: string }[]
    const own = list.find(({ procedureCode }) => procedureCode !== null)!
    expect(own.by).toBe('test')
    expect((await call('POST', `/successions/${own.id}/withdraw`, { why: 'nhầm' })).status).toBe(200)
    expect((await call('POST', `/successions/${own.id}/withdraw`, { why: 'nhầm' })).body).toMatchObject({
      code: 'already-undone',
    })
    expect((await call('POST', '/successions/999999/withdraw', { why: 'x' })).status).toBe(404)
    // Workers judge by a catalogue that is a second old at most.
    await province.ground.catalogue.fresh()
    const next = change({ agencyCode: 'H34.30', ...received('2025-07-02') })
    await province.push([next])
    await province.until(async () => (await laneOf(next.code)).state === 'blocked', 'the question')
    expect(await laneOf(next.code)).toMatchObject({
      state: 'blocked',
      reason: 'agency-split',
      text: 'agency H34.30: H34.41, H34.42',
    })
  })

  it('keep nothing of a list in which one row cannot be, and name it', async () => {
    const { status, body } = await call('POST', '/successions', {
      successions: [
        { oldCode: 'H34.01', newCode: 'H34.41', day: '2026-01-01' },
        { oldCode: 'H34.02', newCode: 'H34.77', day: '2026-01-01' },
      ],
      why: 'x',
    })
    expect(status).toBe(422)
    expect(body['findings']).toMatchObject([{ field: 'successions.1', code: 'unknown-agency' }])
    expect(await province.ground.sql`select 1 from agency_successions where old_code = 'H34.01'`).toHaveLength(0)
  })

  it('are one in both notations: one code in the ledger, whichever was pushed', async () => {
    const one = change({ agencyCode: '000.00.01.H34' })
    await province.push([one])
    await province.until(async () => (await laneOf(one.code)).state === 'delivered', 'it')
    expect(await unitAtPortal(one.code)).toBe('Sở Tư pháp')
    const [row] = await province.ground.sql`select agency_code as code from dossiers where code = ${one.code}`
    expect(row).toEqual({ code: 'H34.01' })
    const again = await call('POST', '/agencies', {
      agencies: [{ code: '000.00.01.H34', name: 'Sở Tư pháp', level: 'province' }],
    })
    expect(again.body).toMatchObject({ findings: [{ field: 'agencies.0' }] })
  })

  it('let a key of the newer notation speak for the older one', async () => {
    const { key } = await createKey(province.ground.sql, {
      name: 'x',
      source: 'one-stop',
      rights: ['dossiers:write', 'dossiers:read', 'reports:read', 'webhooks:manage'],
      agencies: ['000.00.02.H34'],
      by: 'test',
    })
    const push = async (agencyCode: string) => {
      const answer = await fetch(`${province.house.url}/v1/dossiers/stream`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' },
        body: JSON.stringify(change({ agencyCode })),
      })
      return ((await answer.json()) as { result: string }).result
    }
    expect(await push('H34.02')).toBe('stored')
    expect(await push('H34.01')).toBe('refused')
    const asked = async (path: string, body?: unknown) => {
      const answer = await fetch(`${province.house.url}/v1/${path}`, {
        ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
        headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
      })
      return (await answer.json()) as Record<string, unknown>
    }
    const { dossiers } = (await asked('dossiers?from=2020-01-01&to=2030-01-01')) as {
      dossiers: { agencyCode: string; code: string }[]
    }
    expect(new Set(dossiers.map(({ agencyCode }) => agencyCode))).toEqual(new Set(['H34.02']))
    expect((await asked(`dossiers/${dossiers[0]!.code}`))['dossier']).toMatchObject({ code: dossiers[0]!.code })
    expect(await asked(`dossiers/${dossiers[0]!.code}/score`)).toMatchObject({ code: dossiers[0]!.code })
    const made = await asked('webhooks', { name: 'x', url: 'https://93.184.216.34/x', agencies: ['000.00.02.H34'] })
    expect(made).toHaveProperty('id')
    const [destination] = await province.ground.sql`
      select agencies from event_destinations where id = ${made['id'] as string}`
    expect(destination).toEqual({ agencies: ['H34.02'] })
  })

  it('do not rewrite the past: a changed name needs its day, or is a correction', async () => {
    const { sql, catalogue } = province.ground
    const nameIt = (name: string, more: object = {}) =>
      importAgencies(sql, [{ code: 'H34.02', name, level: 'province', ...more }])
    await expect(nameIt('Sở Giao thông')).rejects.toMatchObject({ findings: [{ field: 'agencies.0' }] })
    expect(await nameIt('Sở Xây dựng và Giao thông', { renamedOn: '2025-03-01' })).toBe(1)
    // A slip in the new name does not become the former one.
    expect(await nameIt('Sở Xây dựng, Giao thông', { renamedOn: '2025-03-01' })).toBe(1)
    const names = async () => (await catalogue.fresh()).register.agencies.get('H34.02')
    expect(await names()).toMatchObject({
      name: 'Sở Xây dựng, Giao thông',
      formerNames: [{ until: '2025-03-01', name: 'Sở Xây dựng' }],
    })
    const before = change({ agencyCode: 'H34.02', ...received('2025-02-28') })
    const after = change({ agencyCode: 'H34.02', ...received('2025-03-01') })
    await province.push([before, after])
    await province.until(async () => (await laneOf(after.code)).state === 'delivered', 'both')
    await province.until(async () => (await laneOf(before.code)).state === 'delivered', 'both')
    expect(await unitAtPortal(before.code)).toBe('Sở Xây dựng')
    expect(await unitAtPortal(after.code)).toBe('Sở Xây dựng, Giao thông')
    expect(
      await importAgencies(sql, [{ code: 'H34.02', name: 'Sở Xây dựng', level: 'province' }], { corrections: true }),
    ).toBe(1)
  })

  it('that only took in or officially received are counted in their roles', async () => {
    await province.push([change({ intakeAgencyCode: 'H34.41', receivingAgencyCode: 'H34.99' })])
    await province.until(async () => (await unitOf('H34.99')) !== undefined, 'the counts to be fresh')
    expect(await unitOf('H34.99')).toMatchObject({ state: 'unknown', waiting: 0, roles: { receiving: 1, handling: 0 } })
    expect(await unitOf('H34.41')).toMatchObject({ state: 'open', roles: { intake: 1 } })
  })
})

describe('the pages about units', () => {
  let cookie: string
  beforeAll(async () => {
    const { key } = await createKey(province.ground.sql, {
      name: 'Trần Văn B',
      source: 'console',
      rights: ['mappings:read', 'mappings:write'],
      agencies: ['*'],
      person: true,
      by: 'test',
    })
    cookie = (await post('sign-in', { key })).headers.get('set-cookie')!.split(';')[0]!
  })
  const post = (path: string, fields: Record<string, string>) =>
    fetch(`${province.house.url}/console/${path}`, {
      method: 'POST',
      headers: { cookie: cookie ?? '', origin: province.house.url },
      body: new URLSearchParams(fields),
      redirect: 'manual',
    })
  const page = async (path: string) =>
    (await fetch(`${province.house.url}/console/${path}`, { headers: { cookie } })).text()
  const stateOf = async (code: string) => {
    const [row] = await province.ground.sql`
      select l.state from deliveries l join dossiers d on d.id = l.dossier_id where d.code = ${code}`
    return row!['state']
  }

  it('lead from a question to its answer, and back', async () => {
    const late = change({ agencyCode: 'H34.31', ...received('2025-07-01') })
    await province.push([late])
    expect(await page('agencies')).toContain('agency?code=H34.31')
    const unit = await page('agency?code=H34.31')
    expect(unit).toContain('UBND huyện Ngọc Hồi')
    expect(unit).toContain(String(late['procedureCode']))
    const choice = { oldCode: 'H34.31', newCode: 'H34.41', day: '2025-07-01' }
    expect(await (await post('preview-succession', choice)).text()).toContain('1 trên 1 hồ sơ đang chờ sẽ được gửi')
    expect(await stateOf(late.code)).toBe('blocked')
    const none = await post('succeed', choice)
    expect([none.status, await none.text()]).toEqual([422, expect.stringContaining('missing-field')])
    const done = await post('succeed', { ...choice, why: 'NQ 1673' })
    expect([done.status, done.headers.get('location')]).toEqual([303, 'agency?code=H34.31'])
    await province.until(async () => (await stateOf(late.code)) === 'delivered', 'it to go out')
    const [row] = await province.ground.sql`select id from agency_successions where old_code = 'H34.31'`
    expect((await post('withdraw-succession', { id: String(row!['id']), code: 'H34.31', why: 'nhầm' })).status).toBe(
      303,
    )
    expect(await page('agency?code=H34.31')).toContain('đã thu hồi')
  })

  it('say what was typed wrong and keep it', async () => {
    const answer = await post('preview-succession', { oldCode: 'H34.31', newCode: 'H34.88', day: '2025-07-01' })
    const text = await answer.text()
    expect([answer.status, text.includes('value="H34.88"'), text.includes('H34.88 is not in the list')]).toEqual([
      422,
      true,
      true,
    ])
  })

  it('add a unit that dossiers name and no list has', async () => {
    const one = change({ agencyCode: 'H34.77' })
    await province.push([one])
    expect(await page('agency?code=H34.77')).toContain('action="add-agency"')
    const added = await post('add-agency', {
      code: 'H34.77',
      name: 'Chi cục Thủy lợi',
      level: 'province',
      why: 'mới lập',
    })
    expect(added.status).toBe(303)
    await province.until(async () => (await stateOf(one.code)) === 'delivered', 'it to go out')
  })
})

describe('what became of the communes', () => {
  beforeAll(async () => {
    const file = new URL('../../src/organisations/data/communes-2025.csv', import.meta.url)
    const read = readTable(await readFile(file), communes.shape)
    if (!read.ok) throw new Error(JSON.stringify(read.problems[0]))
    // A list that comes again takes its own place.
    await importCommunes(province.ground.sql, '2025-07-01', read.rows)
    await importCommunes(province.ground.sql, '2025-07-01', read.rows)
  })

  it('depends on the day: a code was used again under another name', async () => {
    const { sql } = province.ground
    expect(await sql`select 1 from commune_successions`).toHaveLength(10_602)
    expect(await communeLives(sql, '00004')).toMatchObject([
      { name: 'Phường Trúc Bạch', district: 'Quận Ba Đình', from: null, until: '2025-07-01' },
      { name: 'Phường Ba Đình', district: null, from: '2025-07-01', until: null },
    ])
    expect(await communeLives(sql, '00004', '2025-06-30')).toMatchObject([{ name: 'Phường Trúc Bạch' }])
    const [now] = await communeLives(sql, '00004', '2025-07-01')
    expect(now!.cameFrom.length).toBeGreaterThan(1)
    expect((await communeLives(sql, '00007', '2025-06-30'))[0]!.becameThis.length).toBeGreaterThan(1)
    expect(await communeLives(sql, '99999')).toEqual([])
  })

  it('is told over the API, with a refusal for a code that no list has', async () => {
    const ask = async (path: string) => {
      const answer = await fetch(`${province.house.url}/v1/organisations/communes/${path}`, {
        headers: { authorization: `Bearer ${province.key}` },
      })
      return [answer.status, await answer.json()]
    }
    expect(await ask('00001?on=2025-01-01')).toMatchObject([
      200,
      {
        lives: [{ name: 'Phường Phúc Xá', becameThis: [{ code: '00097', name: 'Phường Hồng Hà', transfer: 'whole' }] }],
      },
    ])
    expect(await ask('99999')).toMatchObject([404, { code: 'not-found' }])
    expect(await ask('ABC')).toMatchObject([422, { code: 'invalid-field' }])
  })

  it('proposes who follows a commune office, and a department of a merged province; nothing where names say too little', async () => {
    const { sql, catalogue } = province.ground
    await importAgencies(sql, [
      { code: 'H14.01', name: 'UBND xã Thục Phán', level: 'commune' },
      { code: 'H14.02', name: 'UBND phường Thục Phán', level: 'commune' },
      { code: 'H48.05', name: 'Sở Nội vụ tỉnh Quảng Ngãi', level: 'province' },
      { code: 'H48.06', name: 'Sở Y tế tỉnh Quảng Ngãi', level: 'province' },
    ])
    const { register } = await catalogue.fresh()
    const proposed = async (code: string, name: string) =>
      (await proposals(sql, register, { code, name })).map((one) => [one.code, one.why])
    expect(await proposed('H14.77', 'UBND xã Hưng Đạo, thành phố Cao Bằng')).toEqual([['H14.02', 'commune']])
    expect(await proposed('H14.77', 'UBND xã Hưng Đạo')).toEqual([])
    expect(await proposed('H34.05', 'Sở Nội vụ tỉnh Kon Tum')).toEqual([['H48.05', 'same-name']])
    expect(await proposed('H34.05', 'Sở Nội vụ')).toEqual([['H48.05', 'same-name']])
  })
})
