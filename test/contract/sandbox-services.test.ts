import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startSandbox, type Sandbox } from '../../adapters/sandbox/sandbox.ts'
import { clientOf, codeOf, destination, dossier, logIn, post, step, unit, type Client } from './sandbox-client.ts'

let sandbox: Sandbox
let client: Client
const defaults = {
  arrays: 'atomic',
  strict: true,
  emptyLogin: false,
  newLoginEndsOld: false,
  sessionSeconds: 600,
} as const

beforeAll(async () => {
  sandbox = await startSandbox({ publishedOn: { '1.000045': '20260101' } })
})
afterAll(() => sandbox.close())
beforeEach(async () => {
  Object.assign(sandbox.settings, defaults)
  sandbox.store.clear()
  sandbox.faults.clear()
  client = await clientOf(sandbox)
})

describe('doors', () => {
  const login = { username: 'sandbox', password: 'sandbox' }
  it.each([
    ['in the query', `?dstcode=${destination}`, {}],
    ['percent-encoded', `?dstcode=${encodeURIComponent(destination)}`, {}],
    ['in a header', '', { dstcode: destination }],
    ['without a name', `?${encodeURIComponent(destination)}&https%3A%2F%2Fexample.invalid`, {}],
  ])('takes the destination %s, under both forwarder names', async (_how, query, headers) => {
    for (const name of ['XrdAdapter', 'VXPAdapter']) {
      const answer = await fetch(`${sandbox.gatewayUrl}/${name}/RestService/forward/mapi/login${query}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(login),
      })
      expect(await answer.json()).toMatchObject({ error_code: '0', session: expect.any(String) })
    }
  })

  it('refuses a missing and an unknown destination with text', async () => {
    expect((await post(`${sandbox.url}/mapi/login`, login)).status).toBe(400)
    const unknown = await post(`${sandbox.url}/mapi/login?dstcode=VN:GOV:000.00.00.G01:x`, login)
    expect(unknown.status).toBe(404)
    expect(unknown.headers.get('content-type')).toContain('text/plain')
    sandbox.settings.checkDestination = false
    expect((await post(`${sandbox.url}/mapi/login`, login)).status).toBe(200)
    sandbox.settings.checkDestination = true
  })

  it('answers the personal-papers login in camel case', async () => {
    const answer = await post(`${sandbox.url}/bndp/public/v1/login?${destination}`, login)
    expect(await answer.json()).toMatchObject({
      errorCode: '0',
      signature: '',
      result: { session: expect.any(String) },
    })
  })

  it('knows no other address', async () => {
    expect((await post(`${sandbox.url}/mapi/x?dstcode=${destination}`, login)).status).toBe(404)
  })
})

describe('session', () => {
  it('needs the right account, or no body where that is allowed', async () => {
    expect(await logIn(sandbox, { username: 'sandbox', password: 'no' })).toMatchObject({ error_code: '-1' })
    expect(await logIn(sandbox, undefined)).toMatchObject({ error_code: '0' })
    const empty = () => post(`${sandbox.url}/mapi/login?dstcode=${destination}`)
    expect(await (await empty()).json()).toMatchObject({ error_code: '-1' })
    sandbox.settings.emptyLogin = true
    expect(await (await empty()).json()).toMatchObject({ error_code: '0', session: expect.any(String) })
  })

  it('ends with time, on command, and with a newer login where that is set', async () => {
    expect(await client.call('LayDanhMucLinhVuc')).toMatchObject({ error_code: '0' })
    sandbox.sessions.endAll()
    expect(await client.call('LayDanhMucLinhVuc')).toMatchObject({ error_code: '-401' })
    sandbox.settings.newLoginEndsOld = true
    const older = await clientOf(sandbox)
    const newer = await clientOf(sandbox)
    expect(await older.call('LayDanhMucLinhVuc')).toMatchObject({ error_code: '-401' })
    expect(await newer.call('LayDanhMucLinhVuc')).toMatchObject({ error_code: '0' })
    sandbox.settings.sessionSeconds = 0.01
    const short = await clientOf(sandbox)
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(await short.call('LayDanhMucLinhVuc')).toMatchObject({ error_code: '-401' })
  })

  it('needs the unit in every call', async () => {
    expect(await client.call('LayDanhMucLinhVuc', { madonvi: '' })).toMatchObject({ error_code: '-10' })
  })
})

describe('dossiers', () => {
  it('creates, updates, and tells exists from absent', async () => {
    expect(await client.create(dossier(1))).toEqual({ error_code: '0', message: 'Đồng bộ hồ sơ thành công' })
    expect(await client.create(dossier(1))).toEqual({ error_code: '3', message: 'Hồ sơ đã tồn tại' })
    expect(await client.update(dossier(1, { TrangThaiHoSo: '9' }))).toMatchObject({ error_code: '0' })
    expect(await client.update(dossier(2))).toEqual({ error_code: '-4', message: 'Hồ sơ không tồn tại' })
    expect(sandbox.store.get(codeOf(1))).toMatchObject({ creates: 1, updates: 1, payload: { TrangThaiHoSo: '9' } })
    expect(sandbox.store.size).toBe(1)
  })

  it('takes steps of a dossier it holds, ten at most', async () => {
    await client.create(dossier(1))
    expect(await client.steps(step(1), step(1, { TrangThai: '4' }))).toMatchObject({ error_code: '0' })
    expect(await client.steps(step(2))).toMatchObject({ error_code: '-4' })
    expect(await client.steps(...Array.from({ length: 11 }, () => step(1)))).toMatchObject({ error_code: '-12' })
    expect(await client.steps(step(1, { NoiDungXuLy: null }))).toMatchObject({ error_code: '-10' })
    expect(await client.steps(step(1, { NguoiXuLy: 'ê'.repeat(51) }))).toMatchObject({ error_code: '-11' })
    expect(sandbox.store.get(codeOf(1))).toMatchObject({
      stepWrites: 2,
      steps: [{ TrangThai: '2' }, { TrangThai: '4' }],
    })
  })

  it('shows a dossier with its scalars and steps, and nothing for an unknown one', async () => {
    await client.create(dossier(1))
    await client.steps(step(1))
    const { result } = await client.call('TraCuuHoSo', { mahoso: codeOf(1) })
    expect(result).toEqual([
      expect.objectContaining({ MaHoSo: codeOf(1), ChuHoSo: 'Nguyễn Văn Mẫu', DanhSachTienDo: [step(1)] }),
    ])
    expect((result as object[])[0]).not.toHaveProperty('TaiLieuNop')
    expect(await client.call('TraCuuHoSo', { mahoso: codeOf(2) })).toMatchObject({ error_code: '0', result: [] })
    expect(await client.call('TraCuuHoSo')).toMatchObject({ error_code: '-10' })
  })

  it.each([
    ['a missing field', { DonViXuLy: '' }, '-10'],
    ['a number where text belongs', { TrangThaiHoSo: 4 }, '-10'],
    ['text where a list belongs', { TaiLieuNop: '' }, '-10'],
    ['a date of another form', { NgayHenTra: '2026-07-10' }, '-10'],
    ['an unknown status', { TrangThaiHoSo: '12' }, '-10'],
    ['an unknown procedure', { MaTTHC: '9.999999' }, '-10'],
    ['a long note', { GhiChu: 'ê'.repeat(2001) }, '-11'],
    ['a long file name', { TaiLieuNop: [{ TenTepDinhKem: 'a'.repeat(4001) }] }, '-11'],
    ['a long result name', { DanhSachGiayToKetQua: [{ TenGiayTo: 'a'.repeat(2001) }] }, '-11'],
  ])('refuses %s, unless it is lenient', async (_what, change, code) => {
    expect(await client.create(dossier(1, change))).toMatchObject({ error_code: code })
    expect(sandbox.store.size).toBe(0)
    sandbox.settings.strict = false
    expect(await client.create(dossier(1, change))).toMatchObject({ error_code: '0' })
  })

  it('refuses calls without items, without the flag, with a boolean flag, and unknown services', async () => {
    expect(await client.create()).toMatchObject({ error_code: '-10' })
    expect(await client.call('DongBoHoSoMC', { data: [dossier(1)] })).toMatchObject({ error_code: '-10' })
    const flag = await client.call('DongBoHoSoMC', { isUpdating: false, data: [dossier(1)] })
    expect(flag).toMatchObject({ error_code: '-10' })
    expect(await client.call('constructor')).toMatchObject({ error_code: '-10' })
    const broken = await fetch(`${sandbox.url}/mapi/g?dstcode=${destination}`, { method: 'POST', body: '{"session":' })
    expect(await broken.json()).toMatchObject({ error_code: '-10' })
  })

  it('refuses an array as a whole, or only the bad item', async () => {
    const mixed = [dossier(1), dossier(2, { MaTTHC: '' }), dossier(3)]
    expect(await client.create(...mixed)).toMatchObject({ error_code: '-10' })
    expect(sandbox.store.size).toBe(0)
    sandbox.settings.arrays = 'partial'
    expect(await client.create(...mixed)).toMatchObject({ error_code: '-10' })
    expect([...sandbox.store.codes()]).toEqual([codeOf(1), codeOf(3)])
  })

  it('does not create the same dossier twice within one call', async () => {
    expect(await client.create(dossier(1), dossier(1))).toMatchObject({ error_code: '3' })
    expect(sandbox.store.size).toBe(0)
  })
})

describe('catalogue', () => {
  it('lists every code once, under its newest name, with field, publication day and state', async () => {
    const { result } = await client.call('LayDanhSachTTHC')
    const rows = result as Record<string, string>[]
    expect(rows).toHaveLength(4969)
    expect(new Set(rows.map((row) => row['MATTHC'])).size).toBe(4969)
    expect(rows.find((row) => row['MATTHC'] === '1.000045')).toEqual({
      MATTHC: '1.000045',
      TENTTHC: 'Xác nhận bảng kê lâm sản',
      MALINHVUC: expect.stringMatching(/^G00-LV\d{3}$/),
      TENLINHVUC: 'Kiểm lâm',
      NGAYCONGBO: '20260101',
      TRANGTHAI: '1',
    })
    expect(rows.find((row) => row['MATTHC'] === '1.000002')).toMatchObject({
      MALINHVUC: 'G00-LV000',
      TENLINHVUC: 'Chưa phân loại',
      NGAYCONGBO: '',
    })
    expect(rows.filter((row) => /&#|\s\s|\n/.test(row['TENTTHC']!))).toEqual([])
  })

  it('gives one procedure in full, none for an unknown code, and shows a closed one as closed', async () => {
    const { result } = await client.call('LayThuTuc', { maTTHC: '1.000045' })
    expect(result).toMatchObject([
      { MATTHC: '1.000045', TRANGTHAI: '1', NGAYCONGBO: '20260101', LINHVUCTHUCHIEN: [{ TENLINHVUC: 'Kiểm lâm' }] },
    ])
    expect(result).toMatchObject([
      { TRINHTUTHUCHIEN: [{ TRINHTU: [{ TENTRINHTU: 'Nộp hồ sơ' }, {}] }], CACHTHUCTHUCHIEN: [{ THOIGIAN: [{}] }, {}] },
    ])
    expect(await client.call('LayThuTuc', { maTTHC: '9.999999' })).toMatchObject({ error_code: '0', result: [] })
    sandbox.catalogue.change('1.000045', { open: false })
    expect(await client.call('LayThuTuc', { maTTHC: '1.000045' })).toMatchObject({ result: [{ TRANGTHAI: '0' }] })
    expect(await client.create(dossier(1))).toMatchObject({ error_code: '-10' })
    sandbox.catalogue.change('1.000045', { open: true })
  })

  it('lists fields, agencies, services and the procedures of a unit', async () => {
    const rows = async (service: string, fields = {}) =>
      (await client.call(service, fields))['result'] as Record<string, string>[]
    const fields = await rows('LayDanhMucLinhVuc')
    expect(new Set(fields.map((row) => row['MALINHVUC'])).size).toBe(fields.length)
    const agencies = await rows('LayDanhMucCoQuan')
    expect(agencies).toContainEqual(expect.objectContaining({ TENDONVI: 'Chi cục Kiểm lâm', CAPDONVI: '1' }))
    const rangers = agencies.find((row) => row['TENDONVI'] === 'Chi cục Kiểm lâm')!
    const own = await rows('LayDanhSachTTHCDonVi', { maDonVi: rangers['MADONVI'] })
    expect(own.map((row) => row['MATTHC'])).toContain('1.000045')
    expect((await rows('LayDanhSachTTHCDonVi', { maDonVi: 'H99' })).length).toBeGreaterThan(own.length)
    const { result } = await client.call('LayDVC', { maTTHC: '1.000045' })
    expect(result).toMatchObject({ data: [{ MATTHC: '1.000045', APDUNGDVC: [] }] })
    expect(((await client.call('LayDVC'))['result'] as { data: unknown[] }).data.length).toBeGreaterThan(1000)
  })

  it('gives the same account id for the same number', async () => {
    const ask = (number: string) => client.call('TraCuuTechID', { provider: 'wso2is', mstorcmnd: number })
    const first = await ask('0000000001')
    expect(first).toMatchObject({ result: [{ TECHNICALID: expect.stringContaining('TECHID-') }] })
    expect(await ask('0000000001')).toEqual(first)
    expect(await ask('abc')).toMatchObject({ result: [] })
  })
})

describe('gateways', () => {
  const at = (path: string) => `${sandbox.gatewayUrl}/${path}`

  it('takes bare arrays at three addresses and double-encodes what is read', async () => {
    const base = at('KetNoiMotCuaQuocGia')
    expect(await (await post(`${base}/ThemMoi`, [dossier(1)])).json()).toMatchObject({ error_code: '0' })
    expect(await (await post(`${base}/ThemMoi`, [dossier(1)])).json()).toMatchObject({ error_code: '3' })
    expect(await (await post(`${base}/CapNhat`, [dossier(1)])).json()).toMatchObject({ error_code: '0' })
    expect(await (await post(`${base}/DongBoTienTrinh`, step(1))).text()).toContain('thành công')
    const read = (await (await fetch(`${base}/TraCuuHoSo?mahoso=${codeOf(1)}`)).json()) as { message: string }
    expect(JSON.parse(read.message)).toMatchObject({ error_code: '0', result: [{ DanhSachTienDo: [step(1)] }] })
  })

  it('takes the flag from the query', async () => {
    const base = at(`api/SynsTTHCC/DongBoHoSoMC?MaDinhDanhDV=${unit}`)
    expect(await (await post(`${base}&isUpdating=True`, [dossier(1)])).json()).toMatchObject({ error_code: '-4' })
    expect(await (await post(`${base}&isUpdating=False`, [dossier(1)])).json()).toMatchObject({ error_code: '0' })
    const steps = await post(at('api/SynsTTHCC/CapNhatTienDoHoSoMC'), [step(1)])
    expect(await steps.json()).toMatchObject({ error_code: '0' })
    const read = await post(at('api/SynsTTHCC/TraCuuHoSo'), { mahoso: codeOf(1) })
    expect(await read.json()).toMatchObject({ result: [{ MaHoSo: codeOf(1) }] })
  })
})

describe('the monthly counters', () => {
  const row = {
    Thang: '7',
    Nam: '2020',
    SoNhanTrongKy: '100',
    SoTonKyTruoc: '5',
    TongSoXuLy: '105',
    TongDaXuLy: '90',
    TongXuLyDungHan: '88',
    PhanTramXuLyDungHan: '97.78',
    TongXuLyTreHan: '2',
    PhanTramXuLyTreHan: '2.22',
    TongChuaXuLy: '15',
    TongChuaXuLyTrongHan: '14',
    PhanTramChuaXuLyTrongHan: '93.33',
    TongChuaXuLyTreHan: '1',
    PhanTramChuaXuLyTreHan: '6.67',
    GhiChu: '',
    Madonvi: unit,
    TenDonVi: 'UBND tỉnh Ví Dụ',
    LoaiThongKe: '1',
  }
  const held = async () => (await (await fetch(`${sandbox.controlUrl}/counters`)).json()) as unknown[]

  it('are taken, and the newest ones kept', async () => {
    expect(await client.call('DongBoThongKeHoSo', { data: [row] })).toMatchObject({ error_code: '0' })
    const newer = { ...row, TenDonVi: 'UBND tỉnh Ví Dụ (mới)' }
    expect(await client.call('DongBoThongKeHoSo', { data: [newer] })).toMatchObject({ error_code: '0' })
    expect(await held()).toEqual([{ row: newer, times: 2 }])
  })

  it.each([
    ['a number', { SoNhanTrongKy: 100 }],
    ['a sum that does not hold', { TongSoXuLy: '104' }],
    ['percentages that make no hundred', { PhanTramXuLyTreHan: '2.23' }],
    [
      'a percentage of nothing',
      {
        SoNhanTrongKy: '90',
        SoTonKyTruoc: '0',
        TongSoXuLy: '90',
        TongChuaXuLy: '0',
        TongChuaXuLyTrongHan: '0',
        TongChuaXuLyTreHan: '0',
      },
    ],
    ['no month', { Thang: '13' }],
    ['no kind', { LoaiThongKe: '' }],
    ['a unit under another name', { MaDonVi: unit, Madonvi: undefined }],
  ])('are refused with %s', async (_what, change) => {
    const before = await held()
    const answer = await client.call('DongBoThongKeHoSo', { data: [{ ...row, ...change }] })
    expect(answer).toMatchObject({ error_code: '-10' })
    expect(await held()).toEqual(before)
  })
})
