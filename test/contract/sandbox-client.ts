import type { Sandbox } from '../../adapters/sandbox/sandbox.ts'

/** A bare client of the sandbox, so that the tests see the wire and not our portal adapter. */
export type Wire = Record<string, unknown>
export const destination = 'VN:GOV:000.00.00.G22:vpcpdvcprovider'
export const unit = '000.00.00.H99'

export async function post(address: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  return fetch(address, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    redirect: 'manual',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
  })
}

export async function logIn(
  sandbox: Pick<Sandbox, 'url'>,
  body: unknown = { username: 'sandbox', password: 'sandbox' },
): Promise<Wire> {
  return (await (await post(`${sandbox.url}/mapi/login?dstcode=${destination}`, body)).json()) as Wire
}

export interface Client {
  raw(service: string, fields?: Wire, signal?: AbortSignal): Promise<Response>
  call(service: string, fields?: Wire): Promise<Wire>
  create(...items: unknown[]): Promise<Wire>
  update(...items: unknown[]): Promise<Wire>
  steps(...items: unknown[]): Promise<Wire>
}

export async function clientOf(sandbox: Pick<Sandbox, 'url'>): Promise<Client> {
  const { session } = await logIn(sandbox)
  const raw: Client['raw'] = (service, fields = {}, signal) =>
    post(`${sandbox.url}/mapi/g?dstcode=${destination}`, { session, madonvi: unit, service, ...fields }, signal)
  const call: Client['call'] = async (service, fields) => (await (await raw(service, fields)).json()) as Wire
  return {
    raw,
    call,
    create: (...data) => call('DongBoHoSoMC', { isUpdating: 'False', data }),
    update: (...data) => call('DongBoHoSoMC', { isUpdating: 'True', data }),
    steps: (...data) => call('CapNhatTienDoHoSoMC', { data }),
  }
}

export function codeOf(number: number): string {
  return `000.00.14.H99-260703-${String(number).padStart(4, '0')}`
}

export function dossier(number: number, change: Wire = {}): Wire {
  return {
    MaHoSo: codeOf(number),
    MaTTHC: '1.000045',
    TenTTHC: 'Xác nhận bảng kê lâm sản',
    MaLinhVuc: 'G00-LV001',
    TenLinhVuc: 'Kiểm lâm',
    KenhThucHien: '2',
    ChuHoSo: 'Nguyễn Văn Mẫu',
    LoaiDoiTuong: '1',
    MaDoiTuong: null,
    TrichYeuHoSo: '',
    NgayTiepNhan: '20260703083000',
    NgayHenTra: '20260710170000',
    TrangThaiHoSo: '4',
    HinhThuc: '0',
    DonViXuLy: 'Sở Ví Dụ',
    TaiLieuNop: [],
    DanhSachLePhi: [],
    DanhSachGiayToKetQua: [],
    ...change,
  }
}

export function step(number: number, change: Wire = {}): Wire {
  return {
    MaHoSo: codeOf(number),
    NguoiXuLy: 'Trần Thị Mẫu',
    ThoiDiemXuLy: '20260703083000',
    NoiDungXuLy: 'Tiếp nhận hồ sơ',
    TrangThai: '2',
    ...change,
  }
}
