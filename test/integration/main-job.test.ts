import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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
    const many = Array.from({ length: 1200 }, () =>
      change({ backfill: true, steps: [step('2020-07-03T09:00:00+07:00', 'received')] }),
    )
    const results = await province.push(many)
    expect(results.every(({ result }) => result === 'stored')).toBe(true)
    await province.settled(40_000)
    const received = new Map((await province.received()).map((one) => [one.code, one]))
    for (const { code } of many) expect(received.get(code)?.steps).toHaveLength(1)
  })
})
