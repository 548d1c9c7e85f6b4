import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rotate } from '../../src/delivery/retention.ts'
import { change, startProvince, step, type Province } from '../support/province.ts'

describe('a dossier on its way to the portal', () => {
  let province: Province
  beforeAll(async () => {
    province = await startProvince()
    await province.until(async () => (await province.ground.catalogue.fresh()).national.size > 4000, 'the catalogue')
  })
  afterAll(() => province.close())

  it('arrives with its steps, in order', async () => {
    const pushed = change({
      steps: [step('2020-07-03T09:00:00+07:00', 'received'), step('2020-07-03T10:00:00+07:00', 'processing')],
    })
    const [result] = await province.push([pushed])
    expect(result).toMatchObject({
      result: 'stored',
      delivery: { state: 'waiting', reason: null },
      steps: { stored: 2 },
    })
    await province.settled()
    const [received] = (await province.received()).filter(({ code }) => code === pushed.code)
    expect(received?.payload).toMatchObject({ MaHoSo: pushed.code, TrangThaiHoSo: '4', DonViXuLy: 'Sở Tư pháp' })
    expect(received?.steps.map((one) => one['TrangThai'])).toEqual(['2', '4'])
  })

  it('is updated, not created again, when a newer change comes', async () => {
    const first = change()
    await province.push([first])
    await province.settled()
    await province.push([{ ...first, status: 'finished', changedAt: '2020-07-04T09:00:00+07:00' }])
    await province.settled()
    const [received] = (await province.received()).filter(({ code }) => code === first.code)
    expect(received).toMatchObject({ creates: 1, updates: 1, payload: { TrangThaiHoSo: '9' } })
  })

  it('carries hundreds of dossiers in batches', async () => {
    const many = Array.from({ length: 500 }, () =>
      change({ backfill: true, steps: [step('2020-07-03T09:00:00+07:00', 'received')] }),
    )
    const results = await province.push(many)
    expect(results.every(({ result }) => result === 'stored')).toBe(true)
    await province.settled(40_000)
    const received = new Map((await province.received()).map((one) => [one.code, one]))
    for (const { code } of many) expect(received.get(code)?.steps).toHaveLength(1)
  })

  it('is counted by metrics that carry codes and counts alone', async () => {
    await province.push([change({ owner: { type: 'citizen', name: 'Bí Mật Riêng' } })])
    await province.settled()
    const text = await (await fetch(`${province.house.url}/metrics`)).text()
    expect(text).toMatch(/^dvcqg_dossiers\{state="delivered",reason=""\} [1-9]/m)
    expect(text).toMatch(/^dvcqg_portal_calls_total\{service="DongBoHoSoMC",class="ok"\} [1-9]/m)
    expect(text).toMatch(/^dvcqg_work_stalled\{reason=""\} 0$/m)
    expect(text).not.toContain('Bí Mật')
    expect(text).not.toContain('H34-200703')
  })

  it('leaves evidence whose bodies are sealed, and dropped by age', async () => {
    const { sql, vault } = province.ground
    const [call] = await sql<{ id: number; request: Buffer }[]>`
      select e.id, b.request from exchanges e join exchange_bodies b on b.exchange_id = e.id and b.at = e.response_out
      where e.service = 'DongBoHoSoMC' order by e.id limit 1`
    expect(call!.request.includes('MaHoSo')).toBe(false)
    expect(vault.open(call!.request, 'exchange')).toContain('"MaHoSo"')
    await sql`update exchange_bodies set at = now() - interval '91 days' where exchange_id = ${call!.id}`
    const { bodies } = await rotate(sql, { bodyDays: 90, contentDays: 365, evidenceMonths: null })
    expect(bodies).toBe(1)
    expect(await sql`select from exchange_bodies where exchange_id = ${call!.id}`).toHaveLength(0)
    const [kept] = await sql`select service, class, http_status from exchanges where id = ${call!.id}`
    expect(kept).toEqual({ service: 'DongBoHoSoMC', class: 'ok', http_status: 200 })
  })
})
