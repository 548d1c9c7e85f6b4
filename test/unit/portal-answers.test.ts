import { describe, expect, it } from 'vitest'
import { readAnswer } from '../../adapters/portal/answers.ts'
import { extraLists, listRequest, readCatalogue } from '../../adapters/portal/catalogue.ts'
import { readRecord } from '../../adapters/portal/record.ts'
import { compareRecord, recordHoldsStep } from '../../adapters/portal/compare.ts'
import { parseRetryAfter } from '../../adapters/portal/http.ts'
import { maskMessage, redact } from '../../adapters/portal/mask.ts'
import { dossierPayload } from '../../adapters/portal/wire.ts'
import { dialects } from '../../config/dialects.ts'
import type { PortalDossier, PortalStep } from '../../src/delivery/portal.ts'

const sandbox = dialects.get('sandbox')!

describe('reading', () => {
  it.each([
    ['{"error_code":0,"message":"a"}', '0'],
    ['{"error_code":"0","message":"a"}', '0'],
    ['\uFEFF {"error_code":" -3 ","message":"a"}', '-3'],
  ])('takes %s', (body, code) => {
    expect(readAnswer(body, 'plain')).toMatchObject({ kind: 'json', code, message: 'a', rows: null })
  })

  it.each([
    ['{"result":[1,2]}', [1, 2]],
    ['{"result":{"data":[1]}}', [1]],
    ['{"result":{"data":null}}', []],
    ['{"result":{"MATTHC":"x"}}', [{ MATTHC: 'x' }]],
    ['{"result":"[{\\"a\\":1}]"}', [{ a: 1 }]],
    ['{"result":null}', []],
    ['{"result":""}', []],
    ['{"result":{}}', []],
    ['[{"a":1}]', [{ a: 1 }]],
    ['{"error_code":0}', null],
    ['{"result":"xong"}', ['xong']],
    ['{"result":"null"}', []],
    ['{"result":7}', [7]],
    ['{"result":0}', []],
  ])('finds the rows of %s', (body, rows) => {
    expect(readAnswer(body, 'plain').rows).toEqual(rows)
  })

  it('parses a double-encoded message, and takes plain words as words', () => {
    const inner = JSON.stringify({ error_code: 0, result: [{ MATTHC: '1.001234' }] })
    const body = JSON.stringify({ message: inner })
    expect(readAnswer(body, 'double-in-message')).toMatchObject({ code: '0', rows: [{ MATTHC: '1.001234' }] })
    expect(readAnswer(body, 'plain')).toMatchObject({ code: null, message: inner, rows: null })
    expect(readAnswer('{"error_code":"5","message":"lỗi"}', 'double-in-message')).toMatchObject({
      code: '5',
      message: 'lỗi',
    })
  })

  it('takes a session where there is one', () => {
    expect(readAnswer('{"error_code":0,"session":" S-1 "}', 'plain').session).toBe('S-1')
    expect(readAnswer('{"error_code":0}', 'plain').session).toBeNull()
  })

  it('keeps a message that is no text as it is written, and takes blanks for nothing', () => {
    expect(readAnswer('{"message":{"vi":"lỗi"}}', 'plain').message).toBe('{"vi":"lỗi"}')
    expect(readAnswer('{"message":["a","b"]}', 'plain').message).toBe('["a","b"]')
    expect(readAnswer('{"error_code":"  ","message":"\t","session":""}', 'plain')).toMatchObject({
      code: null,
      message: null,
      session: null,
    })
  })

  it('a double-encoded message may be rows alone, or leave its code outside', () => {
    const wrapped = (inner: unknown, more = {}) =>
      readAnswer(JSON.stringify({ ...more, message: JSON.stringify(inner) }), 'double-in-message')
    expect(wrapped([{ a: 1 }], { error_code: 0 })).toEqual({
      kind: 'json',
      code: '0',
      message: null,
      session: null,
      rows: [{ a: 1 }],
    })
    expect(wrapped({ result: [] }, { error_code: 5 })).toMatchObject({ code: '5', message: null, rows: [] })
    expect(wrapped({ error_code: 6, result: [] }, { error_code: 5 }).code).toBe('6')
    expect(wrapped({ result: [] }).code).toBeNull()
  })

  it('rows alone are JSON without a code', () =>
    expect(readAnswer('[1]', 'plain')).toEqual({ kind: 'json', code: null, message: null, session: null, rows: [1] }))

  it.each([
    ['upstream failed', 'upstream failed'],
    ['a\uFEFFb', 'a\uFEFFb'],
    ['mã [12] không rõ', 'mã [12] không rõ'],
    ['"[tạm dừng] hệ thống"', '[tạm dừng] hệ thống'],
    ['OK', 'OK'],
    ['{"error_code":', null],
    ['[1,', null],
    ['"tạm', null],
    ['', null],
    [' \n', null],
    ['42', null],
    ['<html><head><TITLE lang="vi"> Bảo trì hệ thống </TITLE></head></html>', 'Bảo trì hệ thống'],
    ['<!DOCTYPE html><title>502</title>', '502'],
    ['<a><title>XML</title></a>', 'XML'],
    ['<a><b></a></c><title>broken', 'broken'],
    [`<html><title>${'x'.repeat(300)}</title></html>`, 'x'.repeat(200)],
    ['<html></html>', null],
    ['<a/>', null],
  ])('keeps the words of %s', (body, message) => expect(readAnswer(body, 'plain').message).toBe(message))

  it.each([
    ['OK', 'ok-text'],
    ['"OK"', 'ok-text'],
    ['ok.', 'ok-text'],
    ['Ok!', 'ok-text'],
    ['\uFEFF\uFEFF OK\r\n', 'ok-text'],
    ['not ok', 'unreadable'],
    ['okay', 'unreadable'],
    ['ok?', 'unreadable'],
    ['<html><head><title>Bảo trì</title></head></html>', 'unreadable'],
    ['<a><b>', 'unreadable'],
    ['{"error_code":', 'unreadable'],
    ['', 'unreadable'],
    ['upstream failed', 'unreadable'],
    ['42', 'unreadable'],
  ])('calls %s %s', (body, kind) => {
    expect(readAnswer(body, 'plain').kind).toBe(kind)
  })

  it('does not walk into an answer that nests without end', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000)
    expect(readAnswer(deep, 'plain').kind).toBe('unreadable')
    expect(readAnswer('<a>'.repeat(20_000), 'plain').kind).toBe('unreadable')
    expect(readAnswer(`{"error_code":1,"message":${deep}}`, 'plain').kind).toBe('unreadable')
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
    expect(readAnswer(nested(50), 'plain').kind).toBe('json')
    expect(readAnswer(nested(51), 'plain').kind).toBe('unreadable')
  })

  it('drops NUL, which the ledger cannot keep', () => {
    const body = '{"error_code":"1","message":"a\\u0000b\\\\u0000"}'
    expect(readAnswer(body, 'plain').message).toBe('ab\\u0000')
  })

  const soap11 =
    '<?xml version="1.0"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="x"><SOAP-ENV:Body><SOAP-ENV:Fault>' +
    '<faultcode>Server.ClientProxy.NetworkError</faultcode><faultstring>no route</faultstring>' +
    '</SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>'
  const soap12 =
    '<e:Envelope xmlns:e="x"><e:Body><e:Fault><e:Code><e:Value>e:Receiver</e:Value></e:Code>' +
    '<e:Reason><e:Text xml:lang="en">down</e:Text></e:Reason></e:Fault></e:Body></e:Envelope>'
  it.each([
    [soap11, 'Server.ClientProxy.NetworkError: no route'],
    [soap12, 'e:Receiver: down'],
    ['{"faultcode":"Server.X","faultstring":"no"}', 'Server.X: no'],
    ['{"Envelope":{"Body":{"Fault":{"faultcode":"Client.Y","faultstring":"bad"}}}}', 'Client.Y: bad'],
    [
      '{"type":"Server.ServerProxy.AccessDenied","message":"denied","detail":"d"}',
      'Server.ServerProxy.AccessDenied: denied',
    ],
  ])('knows the fault in %s', (body, message) => {
    expect(readAnswer(body, 'plain')).toMatchObject({ kind: 'fault', message })
  })

  it.each([
    ['{"SOAP-ENV:Envelope":{"SOAP-ENV:Body":{"SOAP-ENV:Fault":{"faultcode":"S","faultstring":"no"}}}}', 'S', 'S: no'],
    ['{"error":{"type":"Server.X","message":"no"}}', 'Server.X', 'Server.X: no'],
    ['{"type":"Client.Y"}', 'Client.Y', 'Client.Y'],
    ['{"type":"Client.Y","message":{"vi":"lỗi"}}', 'Client.Y', 'Client.Y: {"vi":"lỗi"}'],
    ['{"Code":{"Value":"e:Sender"},"Reason":{"Text":"bad"}}', 'e:Sender', 'e:Sender: bad'],
    ['<Fault><faultcode>0012</faultcode><faultstring>1.0</faultstring></Fault>', '0012', '0012: 1.0'],
    ['<Fault><Code><Value>1</Value></Code><Reason><Text xml:lang="en"> 2 </Text></Reason></Fault>', '1', '1: 2'],
    [
      '<Fault><faultcode>S</faultcode><faultstring><![CDATA[<html>502</html>]]></faultstring></Fault>',
      'S',
      'S: <html>502</html>',
    ],
  ])('takes code and words of the fault in %s', (body, code, message) =>
    expect(readAnswer(body, 'plain')).toEqual({ kind: 'fault', code, message, session: null, rows: null }),
  )

  it.each([
    ['{"faultstring":"no"}', 'json'],
    ['{"faultcode":"Server.X"}', 'json'],
    ['{"code":"Server.X","faultstring":"no"}', 'json'],
    ['{"Code":{"Value":"e:Sender"},"faultstring":"no"}', 'json'],
    ['{"type":"about:blank","message":"no"}', 'json'],
    ['{"type":"My.Server.X","message":"no"}', 'json'],
    ['{"other":{"faultcode":"S","faultstring":"no"}}', 'json'],
    ['{"fault":"no"}', 'json'],
    [
      '<!doctype html><title>a</title><fault><faultcode>S</faultcode><faultstring>no</faultstring></fault>',
      'unreadable',
    ],
  ])('sees no fault in %s', (body, kind) => expect(readAnswer(body, 'plain').kind).toBe(kind))

  it('looks for a fault five levels deep and no further', () => {
    const wrapped = (levels: number) =>
      '{"error":'.repeat(levels) + '{"faultcode":"S","faultstring":"no"}' + '}'.repeat(levels)
    expect(readAnswer(wrapped(5), 'plain').kind).toBe('fault')
    expect(readAnswer(wrapped(6), 'plain').kind).toBe('json')
  })
})

it.each([
  ['7', 7000],
  ['86400', 3_600_000],
  ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
  ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
  ['soon', undefined],
  ['', undefined],
])('reads Retry-After %s', (value, expected) => {
  expect(parseRetryAfter(value, Date.parse('2026-01-01T00:00:00Z'))).toBe(expected)
})

describe('masking', () => {
  it.each([
    ['Hồ sơ 000.00.14.H99-200703-0002 đã tồn tại', 'Hồ sơ 000.00.14.H99-200703-0002 đã tồn tại'],
    ['H34.14-250821-0007 và 1.001234', 'H34.14-250821-0007 và 1.001234'],
    ['H34.14-250821-1234567 lúc 20250821083000', 'H34.14-250821-1234567 lúc 20250821083000'],
    ['CCCD 001099000001, CMND 123456789.', 'CCCD •••, CMND •••.'],
    ['gọi +84912345678 hoặc 0912 345 678', 'gọi +••• hoặc •••'],
    ['thư <Mau.Nguyen@example.com>.', 'thư <•••>.'],
    ['Chủ hồ sơ NGUYỄN VĂN MẪU sai', 'Chủ hồ sơ ••• sai'],
    ['a\u0000b\nc', 'a b c'],
  ])('%s', (message, expected) => {
    expect(maskMessage(message, ['Nguyễn Văn Mẫu'])).toBe(expected)
  })

  it('keeps at most 500 characters', () => {
    expect(maskMessage('x'.repeat(600), [])).toHaveLength(500)
  })

  it('hides sessions and passwords in bodies', () => {
    expect(redact('{"session": "S\\"1","x":"secret"}', ['secret'])).toBe('{"session": "•","x":"•"}')
  })
})

describe('catalogue rows', () => {
  const unit = '000.00.00.H99'
  const asker = { dialect: sandbox, unit }
  it('reads procedures with what they say and nothing else', () => {
    const rows = [
      { MATTHC: '1.001234', TENTTHC: 'A' },
      {
        MATTHC: '1.001235',
        TENTTHC: 'B',
        TRANGTHAI: 0,
        NGAYCONGBO: '06/05/2021',
        LINHVUCTHUCHIEN: [{ MALINHVUC: 'L1', TENLINHVUC: 'Đất đai' }],
        GIAYTO: [{ Url: 'https://x.invalid' }],
      },
      { MATTHC: '', TENTTHC: 'no code' },
      'text',
      null,
    ]
    expect(readCatalogue('procedures', rows, asker)).toEqual({
      skipped: 3,
      rows: [
        { code: '1.001234', name: 'A', publishedOn: null, raw: rows[0] },
        {
          code: '1.001235',
          name: 'B',
          fieldCode: 'L1',
          fieldName: 'Đất đai',
          publishedOn: '2021-05-06',
          open: false,
          raw: { ...(rows[1] as object), GIAYTO: [{ URL: 'https://x.invalid' }] },
        },
      ],
    })
    const known = readCatalogue('procedures', rows, { dialect: dialects.get('xrd-2022')!, unit }).rows
    expect(known[0]).not.toHaveProperty('publishedOn')
  })

  it.each([
    ['20210506000000', '2021-05-06'],
    ['2021-05-06T00:00:00', '2021-05-06'],
    ['2021-02-31', null],
    ['soon', null],
  ])('reads the day %s', (NGAYCONGBO, publishedOn) => {
    const { rows } = readCatalogue('procedures', [{ MATTHC: 'a', TENTTHC: 'b', NGAYCONGBO }], asker)
    expect(rows[0]?.publishedOn).toBe(publishedOn)
  })

  it('reads the day on which a procedure ends only where the dialect names it, and nothing from a blank', () => {
    const row = { MATTHC: 'a', TENTTHC: 'b', NGAYHETHIEULUC: '01/12/2026' }
    expect(readCatalogue('procedures', [row], asker).rows[0]).toMatchObject({ endsOn: '2026-12-01' })
    for (const [rows, dialect] of [
      [[row], dialects.get('xrd-2022')!],
      [[{ ...row, NGAYHETHIEULUC: ' ' }], sandbox],
    ] as const)
      expect(readCatalogue('procedures', rows, { dialect, unit }).rows[0]).not.toHaveProperty('endsOn')
  })

  it('reads fields and agencies', () => {
    const field = { MALINHVUC: 'G99-XX01', TENLINHVUC: 'Lĩnh vực', MANGANH: 'XX' }
    expect(readCatalogue('fields', [field], asker).rows).toEqual([{ code: 'G99-XX01', name: 'Lĩnh vực', sector: 'XX' }])
    const agency = { MADONVI: '000.00.00.H99', TENDONVI: 'UBND', CAPDONVI: 1 }
    expect(readCatalogue('agencies', [agency], asker).rows).toEqual([
      { code: '000.00.00.H99', name: 'UBND', level: '1' },
    ])
  })

  it("reads the unit's procedures and the online services, and keeps what of them is not understood", () => {
    const own = { MATTHC: '1.001234.000.00.00.H99', TENTTHC: 'A' }
    expect(readCatalogue('unit-procedures', [own, { MATTHC: '1.001235' }], asker)).toEqual({
      rows: [{ unit, code: own.MATTHC, name: 'A' }],
      skipped: 1,
    })
    const service = {
      MADVC: 'DVC-1',
      TENDVC: 'S',
      MATTHC: '1.001234',
      TENLINHVUC: 'F',
      APDUNGDVC: [{ X: { Url: 'u' } }],
    }
    expect(readCatalogue('services', [service], asker).rows).toEqual([
      {
        code: 'DVC-1',
        name: 'S',
        procedureCode: '1.001234',
        agencyName: '',
        fieldName: 'F',
        raw: { ...service, APDUNGDVC: [{ X: { URL: 'u' } }] },
      },
    ])
  })

  it('asks for the lists of the dialect, with the unit where it belongs', () => {
    const fields = { maDonVi: '{organisation}', all: '{unit}' }
    const catalogue = { ...sandbox.catalogue, unitProcedures: { ...sandbox.catalogue.unitProcedures!, fields } }
    expect(listRequest('unit-procedures', { unit, dialect: { ...sandbox, catalogue } })).toMatchObject({
      service: 'LayDanhSachTTHCDonVi',
      endpoint: 'integration',
      fields: { maDonVi: 'H99', all: unit },
    })
    expect(listRequest('unit-procedures', { unit, dialect: dialects.get('xrd-2022')! })).toBeNull()
    expect(listRequest('procedures', asker)).toMatchObject({
      service: 'LayDanhSachTTHC',
      endpoint: 'share',
      fields: {},
    })
    expect(extraLists(dialects.get('gateway-paths')!)).toEqual([{ what: 'unit-procedures', optional: true }])
    expect(extraLists(dialects.get('gateway-query')!)).toEqual([])
  })
})

describe('full records', () => {
  const whole = {
    TENTTHC: 'A',
    TRINHTUTHUCHIEN: [{ TRUONGHOP: '', TRINHTU: [{ TENTRINHTU: 'Bước 1' }] }],
    CACHTHUCTHUCHIEN: [{ KENH: '1', THOIGIAN: [{ THOIGIANGIAIQUYET: 10, DONVITINH: 'Ngày' }] }],
    THANHPHANHOSO: [{ TRUONGHOP: '', GIAYTO: [{ TENGIAYTO: 'Đơn' }] }],
    DOITUONGTHUCHIEN: [{ MADOITUONG: '1' }],
    COQUANTHUCHIEN: { MADONVI: '', TENDONVI: 'Sở' },
  }
  const all = ['name', 'steps', 'ways', 'components', 'time-limit', 'subject', 'agency']

  it('have all seven parts of the content', () => expect(readRecord(whole).parts).toEqual(all))

  it.each([
    ['name', { TENTTHC: ' ' }],
    ['steps', { TRINHTUTHUCHIEN: [{ TRUONGHOP: 'x', TRINHTU: [{ TENTRINHTU: '' }] }] }],
    ['ways', { CACHTHUCTHUCHIEN: [{ KENH: '', THOIGIAN: [{ MOTA: 'Trong ngày' }] }] }],
    ['components', { THANHPHANHOSO: [{ TRUONGHOP: 'x', GIAYTO: [] }] }],
    ['time-limit', { CACHTHUCTHUCHIEN: [{ KENH: '1', THOIGIAN: [] }, 'text'] }],
    ['subject', { DOITUONGTHUCHIEN: null }],
    ['agency', { COQUANTHUCHIEN: [{}] }],
  ])('lack %s', (part, change) => {
    expect(readRecord({ ...whole, ...change }).parts).toEqual(all.filter((one) => one !== part))
  })

  it('may say who does it, and for whom, in words alone', () => {
    const words = {
      MOTADOITUONGTHUCHIEN: 'Mọi người',
      MOTACOQUANTHUCHIEN: 'Sở',
      COQUANTHUCHIEN: [],
      DOITUONGTHUCHIEN: [],
    }
    expect(readRecord({ ...whole, ...words }).parts).toEqual(all)
  })

  it('name their legal bases, none, or nothing', () => {
    const CANCUPHAPLY = [
      {
        SOVANBAN: '45/2020/NĐ-CP',
        TENVANBAN: 'Nghị định',
        COQUANBANHANH: 'Chính phủ',
        NGAYBANHANH: '08/04/2020',
        NGAYHIEULUC: '20200522',
      },
      { TENVANBAN: 'Luật', NGAYHIEULUC: 'sớm' },
      { DIACHITRUYCAP: 'https://x.invalid' },
      null,
    ]
    expect(readRecord({ CANCUPHAPLY }).legalBases).toEqual([
      {
        number: '45/2020/NĐ-CP',
        name: 'Nghị định',
        issuedBy: 'Chính phủ',
        issuedOn: '2020-04-08',
        effectiveOn: '2020-05-22',
      },
      { number: '', name: 'Luật', issuedBy: '', issuedOn: null, effectiveOn: null },
    ])
    expect(readRecord({ CANCUPHAPLY: [] }).legalBases).toEqual([])
    for (const one of [{}, { CANCUPHAPLY: '' }, { CANCUPHAPLY: null }])
      expect(readRecord(one)).not.toHaveProperty('legalBases')
    expect(readRecord('text')).toEqual({})
  })
})

describe('comparing', () => {
  const dossier: PortalDossier = {
    code: 'H99.14-250821-0007',
    status: 'processing',
    agencyName: 'Sở Ví Dụ',
    procedure: {
      code: '1.001234',
      name: 'A',
      fieldCode: 'L',
      fieldName: 'F',
      publishedOn: null,
      endsOn: null,
      open: true,
    },
    content: {
      procedureCode: '1.001234',
      agencyCode: 'H99.14',
      status: 'processing',
      owner: { type: 'citizen', name: 'Nguyễn Văn Mẫu' },
      receivedAt: '2025-08-21T01:30:00.000Z',
    },
  }
  const step = (content: string): PortalStep => ({
    dossierCode: dossier.code,
    status: 'received',
    step: { at: '2025-08-21T01:30:00.000Z', status: 'received', officer: 'A', content },
  })
  const wireStep = (NoiDungXuLy: string) => ({ ThoiDiemXuLy: '20250821083000', TrangThai: 2, NoiDungXuLy })

  it('finds none in what was sent', () => {
    expect(compareRecord(dossier, [], { fields: dossierPayload(dossier, sandbox) }, sandbox)).toEqual([])
  })

  it('names fields plainly, masks people and skips columns that are not shown', () => {
    const fields = {
      TRANGTHAIHOSO: '9',
      NgayTiepNhan: '20250821093000',
      NgayHenTra: null,
      ChuHoSo: 'Nguyễn Văn Khác',
      GhiChu: 'not comparable here',
    }
    expect(compareRecord(dossier, [], { fields }, sandbox)).toEqual([
      { field: 'status', here: 'processing', there: 'finished' },
      { field: 'receivedAt', here: '2025-08-21T08:30:00+07:00', there: '2025-08-21T09:30:00+07:00' },
      { field: 'owner.name', here: '•••', there: '•••', raw: expect.stringContaining('Văn Khác') as string },
    ])
  })

  it('compares steps in order', () => {
    const ours = [step('a'), step('b')]
    const found = (...contents: string[]) =>
      compareRecord(dossier, ours, { fields: {}, steps: contents.map(wireStep) }, sandbox)
    expect(found('a', 'b')).toEqual([])
    expect(found('a')).toEqual([{ field: 'steps', here: '2', there: '1', raw: expect.any(String) as string }])
    expect(found('a', 'c')).toEqual([
      { field: 'steps', here: '2', there: '2, differs at 2', raw: expect.any(String) as string },
    ])
    expect(found('a', 'c')[0]!.raw).not.toBe(found('a', 'd')[0]!.raw)
  })

  it('tells whether a step is there', () => {
    const record = { fields: {}, steps: [wireStep('a')] }
    expect(recordHoldsStep(record, step('a'), sandbox)).toBe(true)
    expect(recordHoldsStep(record, step('b'), sandbox)).toBe(false)
    expect(recordHoldsStep({ fields: {} }, step('a'), sandbox)).toBeNull()
  })
})
