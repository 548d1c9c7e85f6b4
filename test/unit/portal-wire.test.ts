import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dossierPayload, problems, stepPayload } from '../../adapters/portal/wire.ts'
import { dialects, type Dialect } from '../../config/dialects.ts'
import type { PortalDossier } from '../../src/delivery/portal.ts'
import { DossierContent } from '../../src/dossiers/model.ts'

const dialect = (name: string, payload: Partial<Dialect['payload']> = {}): Dialect => {
  const base = dialects.get(name)!
  return { ...base, payload: { ...base.payload, ...payload } }
}

const procedure = {
  code: '1.001234',
  name: 'Thủ tục ví dụ',
  fieldCode: 'G99-XX01',
  fieldName: 'Lĩnh vực ví dụ',
  publishedOn: null,
  endsOn: null,
  open: true,
}
const content2019: DossierContent = {
  procedureCode: '1.001234',
  agencyCode: '000.00.14.H99',
  status: 'processing',
  owner: { type: 'citizen', name: 'Nguyễn Văn Mẫu', email: 'mau@example.invalid', phone: '0900000000' },
  summary: 'Hồ sơ ví dụ',
  receivedAt: '2020-07-03T01:30:00.000Z',
  promisedAt: '2020-07-10T10:00:00.000Z',
  returnMethod: 'in-person',
  papers: [{ id: '501', name: 'To khai mau.pdf', url: 'https://files.example.invalid/d/501' }],
}
const dossier2019: PortalDossier = {
  code: '000.00.14.H99-200703-0002',
  content: content2019,
  status: 'processing',
  procedure,
  agencyName: 'Sở Ví Dụ',
}
const content2022: DossierContent = {
  ...content2019,
  channel: 'online',
  submittedThrough: 'local',
  owner: {
    ...content2019.owner,
    idNumber: '099099000001',
    portalAccountId: 'TECHID-INVENTED-0001',
    identities: [{ type: '1', number: '099099000001' }],
  },
  submittedAt: '2025-08-20T14:30:00.000Z',
  receivedAt: '2025-08-21T01:30:00.000Z',
  promisedAt: '2025-08-29T10:00:00.000Z',
  finishedAt: '2025-08-26T07:00:00.000Z',
  returnedAt: '2025-08-26T08:00:00.000Z',
  papers: [
    {
      id: '7001',
      name: 'To khai mau.pdf',
      paperCode: 'GT0001-INVENTED',
      url: 'https://files.example.invalid/d/7001',
      digitised: true,
      reused: 'no',
      fromNationalStore: false,
    },
  ],
  fees: [{ name: 'Phí ví dụ', code: '1', collection: '1', amount: 20000, kind: '1' }],
  supplements: [
    {
      id: '1',
      requestedBy: 'Cán bộ A',
      content: 'Bổ sung bản chụp',
      requestedAt: '2025-08-22T02:00:00.000Z',
      receivedBy: 'Cán bộ A',
      receptionNote: 'Đã nhận',
      receivedAt: '2025-08-23T02:00:00.000Z',
      done: true,
      promisedBefore: '2025-08-28T10:00:00.000Z',
      promisedAfter: '2025-08-29T10:00:00.000Z',
    },
  ],
  results: [{ name: 'ketqua.pdf', url: 'https://files.example.invalid/d/9001', resultCode: 'KQ.G99.000001-INVENTED' }],
  hasDigitisedPapers: true,
  verifiedWithVneid: true,
  paidOnline: 'local-gateway',
  databases: ['7'],
}
const dossier2022: PortalDossier = {
  ...dossier2019,
  code: 'H99.14-250821-0007',
  content: content2022,
  status: 'returned',
  procedure: { ...procedure, code: '1.001234.000.00.00.H99' },
}

const supplement2022 = {
  NguoiYeuCauBoSung: 'Cán bộ A',
  NoiDungBoSung: 'Bổ sung bản chụp',
  NgayBoSung: '20250822090000',
  NguoiTiepNhanBoSung: 'Cán bộ A',
  ThongTinTiepNhan: 'Đã nhận',
  NgayTiepNhanBoSung: '20250823090000',
  DanhSachGiayToBoSung: [],
  DanhSachLePhiBoSung: [],
  NgayHenTraTruoc: '20250828170000',
  NgayHenTraMoi: '20250829170000',
}
const wire2022 = {
  MaHoSo: 'H99.14-250821-0007',
  MaTTHC: '1.001234.000.00.00.H99',
  TenTTHC: 'Thủ tục ví dụ',
  MaLinhVuc: 'G99-XX01',
  TenLinhVuc: 'Lĩnh vực ví dụ',
  KenhThucHien: '2',
  SoGiayToChuHoSo: '099099000001',
  ChuHoSo: 'Nguyễn Văn Mẫu',
  LoaiDoiTuong: '1',
  MaDoiTuong: 'TECHID-INVENTED-0001',
  ThongTinKhac: '',
  Email: 'mau@example.invalid',
  Fax: '',
  SoDienThoai: '0900000000',
  TrichYeuHoSo: 'Hồ sơ ví dụ',
  NgayTiepNhan: '20250821083000',
  NgayHenTra: '20250829170000',
  TrangThaiHoSo: '10',
  NgayTra: '20250826150000',
  ThongTinTra: '',
  HinhThuc: '0',
  NgayKetThucXuLy: '20250826140000',
  DonViXuLy: 'Sở Ví Dụ',
  GhiChu: '',
  TaiLieuNop: [
    {
      TepDinhKemId: '7001',
      TenTepDinhKem: 'To khai mau.pdf',
      IsDeleted: 'False',
      MaThanhPhanHoSo: 'GT0001-INVENTED',
      DuongDanTaiTepTin: 'https://files.example.invalid/d/7001',
      DuocSoHoa: '1',
      DuocTaiSuDung: '0',
      DuocLayTuKhoDMQG: '0',
      MaKetQuaThayThe: '',
    },
  ],
  DanhSachLePhi: [{ TenPhiLePhi: 'Phí ví dụ', MaPhiLePhi: '1', HinhThucThu: '1', Gia: '20000', LoaiPhiLePhi: '1' }],
  DanhSachTepDinhKemKhac: [],
  DanhSachHoSoBoSung: [{ HoSoBoSungId: '1', TrangThaiBoSung: 'True', ...supplement2022 }],
  DanhSachGiayToKetQua: [
    {
      TenGiayTo: 'ketqua.pdf',
      MaThanhPhanHoSo: '',
      GiayToId: '',
      DuongDanTepTinKetQua: 'https://files.example.invalid/d/9001',
      MaGiayToKetQua: 'KQ.G99.000001-INVENTED',
    },
  ],
  NoiNopHoSo: '2',
  HoSoCoThanhPhanSoHoa: '1',
  TaiKhoanDuocXacThucVoiVNeID: '1',
  DuocThanhToanTrucTuyen: '2',
  NgayTuChoi: '',
  DinhDanhCHS: [{ LoaiDinhDanh: '1', SoDinhDanh: '099099000001' }],
  NgayNopHoSo: '20250820213000',
  DSKetNoiCSDL: [{ MaCSDL: '7' }],
}

describe('dossier payload', () => {
  it('has exactly the 2019 shape', () => {
    expect(dossierPayload(dossier2019, dialect('xrd-2019'))).toEqual({
      MaHoSo: '000.00.14.H99-200703-0002',
      MaTTHC: '1.001234',
      TenTTHC: 'Thủ tục ví dụ',
      MaLinhVuc: 'G99-XX01',
      TenLinhVuc: 'Lĩnh vực ví dụ',
      SoBienNhan: '',
      ChuHoSo: 'Nguyễn Văn Mẫu',
      LoaiDoiTuong: '1',
      MaDoiTuong: '',
      ThongTinKhac: '',
      Email: 'mau@example.invalid',
      Fax: '',
      SoDienThoai: '0900000000',
      TrichYeuHoSo: 'Hồ sơ ví dụ',
      NgayTiepNhan: '20200703083000',
      NgayHenTra: '20200710170000',
      TrangThaiHoSo: '4',
      NgayTra: '',
      ThongTinTra: '',
      HinhThuc: '0',
      NgayKetThucXuLy: '',
      DonViXuLy: 'Sở Ví Dụ',
      GhiChu: '',
      TaiLieuNop: [
        {
          TepDinhKemId: '501',
          TenTepDinhKem: 'To khai mau.pdf',
          IsDeleted: 'False',
          MaThanhPhanHoSo: '',
          DuongDanTaiTepTin: 'https://files.example.invalid/d/501',
        },
      ],
      DanhSachLePhi: [],
      DanhSachTepDinhKemKhac: [],
      DanhSachHoSoBoSung: [],
      DanhSachGiayToKetQua: [],
    })
  })

  it('has exactly the 2022 shape', () => {
    expect(dossierPayload(dossier2022, dialect('xrd-2022'))).toEqual(wire2022)
  })

  it('types nested values where the dialect wants them typed', () => {
    const content: DossierContent = { ...content2022, otherAttachments: [{ name: 'Bản đồ', quantity: 2, kind: '3' }] }
    const payload = dossierPayload({ ...dossier2022, content }, dialect('gateway-paths'))
    expect(payload['DanhSachHoSoBoSung']).toEqual([{ HoSoBoSungId: 1, TrangThaiBoSung: true, ...supplement2022 }])
    expect(payload['DanhSachTepDinhKemKhac']).toEqual([{ TenGiayTo: 'Bản đồ', SoLuong: 2, LoaiGiayTo: 3 }])
    expect(payload['GhiChu']).toBeNull()
  })

  it('leaves a missing value out, and writes supplement dates in ISO, where the dialect says so', () => {
    const payload = dossierPayload(dossier2022, dialect('xrd-2022', { missing: 'absent', supplementDates: 'iso' }))
    expect(payload).not.toHaveProperty('GhiChu')
    expect(payload).toHaveProperty(['DanhSachHoSoBoSung', 0, 'NgayBoSung'], '2025-08-22T09:00:00+07:00')
    expect(payload['DanhSachTepDinhKemKhac']).toEqual([])
  })

  it('cuts long texts visibly and never inside a character', () => {
    const content = { ...content2019, note: 'a'.repeat(1998) + '😀b', summary: 's'.repeat(1000) }
    const payload = dossierPayload({ ...dossier2019, content }, dialect('xrd-2019'))
    expect(payload['GhiChu']).toBe('a'.repeat(1998) + '…')
    expect(payload['TrichYeuHoSo']).toBe('s'.repeat(1000))
  })

  it('makes nothing up for a dossier that says little', () => {
    const content: DossierContent = {
      procedureCode: '1.001234',
      agencyCode: 'H99.14',
      status: 'new',
      owner: { type: 'enterprise' },
      receivedAt: '2025-08-21T01:30:00.000Z',
    }
    const payload = dossierPayload({ ...dossier2022, content, status: 'new' }, dialect('xrd-2022'))
    const filled = Object.keys(payload).filter((name) => payload[name] !== '' && !Array.isArray(payload[name]))
    const known = 'MaHoSo MaTTHC TenTTHC MaLinhVuc TenLinhVuc LoaiDoiTuong NgayTiepNhan TrangThaiHoSo DonViXuLy'
    expect(filled).toEqual(known.split(' '))
  })
})

it('writes a step', () => {
  const step = { at: '2025-08-21T01:30:00.000Z', status: 'received', officer: 'Cán bộ A', content: 'Tiếp nhận hồ sơ' }
  expect(stepPayload({ dossierCode: 'H99.14-250821-0007', step, status: 'received' }, dialect('xrd-2022'))).toEqual({
    MaHoSo: 'H99.14-250821-0007',
    NguoiXuLy: 'Cán bộ A',
    ChucDanh: '',
    ThoiDiemXuLy: '20250821083000',
    PhongBanXuLy: '',
    NoiDungXuLy: 'Tiếp nhận hồ sơ',
    TrangThai: '2',
    NgayBatDau: '',
    NgayKetThucTheoQuyDinh: '',
  })
})

describe('problems', () => {
  it('finds none in a full dossier', () => {
    expect(problems(dossier2022, dialect('xrd-2022'))).toEqual([])
    expect(problems(dossier2019, dialect('xrd-2019'))).toEqual([])
  })

  it('names what a generation requires and no more', () => {
    const { promisedAt: _, ...content } = { ...content2019, owner: { type: 'citizen' as const, name: ' ' } }
    const fields = (name: string) => problems({ ...dossier2019, content }, dialect(name)).map((one) => one.field)
    expect(fields('xrd-2019')).toEqual(['owner.name', 'promisedAt'])
    expect(fields('xrd-2022')).toEqual(['owner.name'])
  })

  it('names an identity number of the wrong form without quoting it', () => {
    const identities = [
      { type: '1', number: '12345' },
      { type: '2', number: '123456789' },
      { type: '9', number: 'X' },
    ]
    const content = { ...content2022, owner: { ...content2022.owner, identities } }
    const found = problems({ ...dossier2022, content }, dialect('xrd-2022'))
    expect(found).toEqual([
      { field: 'owner.identities.0.number', code: 'invalid-for-portal', detail: 'type 1 takes 12 digits' },
    ])
  })
})

describe('any content', () => {
  const word = fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' })
  const instant = fc
    .date({ min: new Date('1975-01-02'), max: new Date('2099-12-30'), noInvalidDate: true })
    .map((date) => date.toISOString())
  const optional = { requiredKeys: [] }
  const paper = fc.record(
    { name: word, id: word, deleted: fc.boolean(), digitised: fc.boolean() },
    { requiredKeys: ['name'] },
  )
  const contents = fc
    .record(
      {
        note: word,
        summary: word,
        promisedAt: instant,
        channel: fc.constantFrom('counter' as const, 'online' as const, 'post' as const),
        papers: fc.array(paper, { maxLength: 3 }),
        fees: fc.array(fc.record({ name: word, amount: fc.nat() }), { maxLength: 3 }),
        otherAttachments: fc.array(fc.record({ name: word, quantity: fc.nat(1000) }), { maxLength: 3 }),
        supplements: fc.array(
          fc.record(
            {
              id: word,
              requestedBy: word,
              content: word,
              requestedAt: instant,
              done: fc.boolean(),
              papers: fc.array(paper),
            },
            { requiredKeys: ['id', 'requestedBy', 'content', 'requestedAt'] },
          ),
          { maxLength: 3 },
        ),
        hasDigitisedPapers: fc.boolean(),
        databases: fc.array(word, { maxLength: 3 }),
      },
      optional,
    )
    .map((some): DossierContent => ({ ...content2019, ...some }))

  it('becomes strings only, in lists too, when the dialect nests strings', () => {
    fc.assert(
      fc.property(contents, fc.constantFrom('xrd-2019', 'xrd-2022', 'gateway-query', 'sandbox'), (content, name) => {
        const kinds = new Set<string>()
        JSON.stringify(dossierPayload({ ...dossier2019, content }, dialect(name)), (_, value: unknown) => {
          kinds.add(value === null ? 'null' : typeof value)
          return value
        })
        expect([...kinds].filter((kind) => kind !== 'object')).toEqual(['string'])
      }),
      { numRuns: 100 },
    )
  })
})
