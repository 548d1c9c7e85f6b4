import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import nock from 'nock'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createPortal } from '../../adapters/portal/portal.ts'
import { dialects, type AnswerRule, type Dialect } from '../../config/dialects.ts'
import { PaceClosed } from '../../src/delivery/portal.ts'
import type { KnownSession, Pace, Portal, PortalDossier, SessionStore } from '../../src/delivery/portal.ts'

const host = 'http://adapter.example.invalid:8080'
const base = '/XrdAdapter/RestService/forward'
const dstcode = 'VN:GOV:000.00.00.G22:vpcpdvcprovider'
const query = '?dstcode=VN%3AGOV%3A000.00.00.G22%3Avpcpdvcprovider'
const unit = '000.00.00.H99'

class MemorySessions implements SessionStore {
  current: KnownSession | null = null
  owner: string | null = null
  async read() {
    await sleep(1)
    return this.current
  }
  async tryLock(_endpoint: string, owner: string) {
    await sleep(1)
    this.owner ??= owner
    return this.owner === owner
  }
  async write(_endpoint: string, _owner: string, session: string) {
    const generation = (this.current?.generation ?? 0) + 1
    this.current = { session, generation, obtainedAt: performance.now() }
    await sleep(1)
    return generation
  }
  async unlock(_endpoint: string, owner: string) {
    if (this.owner === owner) this.owner = null
    await sleep(1)
  }
  put(session: string, ageMs = 0) {
    const generation = (this.current?.generation ?? 0) + 1
    this.current = { session, generation, obtainedAt: performance.now() - ageMs }
  }
}

function recordingPace(log: string[], closed: string[] = []): Pace {
  return {
    take: async (service) => {
      log.push(`take ${service}`)
      await sleep(0)
      if (closed.includes(service)) throw new PaceClosed(4_000, 'breaker open')
      return {
        done: async (answer) => {
          log.push(`report ${service} ${answer.class}${answer.failure ? ` ${answer.failure}` : ''}`)
          await sleep(0)
        },
        unused: async () => {
          log.push(`unused ${service}`)
          await sleep(0)
        },
      }
    },
  }
}

interface Setup {
  dialect?: string
  change?: Partial<Dialect>
  sessions?: MemorySessions
  closed?: string[]
}
function setUp({ dialect = 'xrd-2022', change = {}, sessions = new MemorySessions(), closed = [] }: Setup = {}) {
  const log: string[] = []
  const portal = createPortal({
    baseUrl: `${host}${base}/`,
    dstcode,
    username: unit,
    password: 'top-secret',
    unit,
    dialect: { ...dialects.get(dialect)!, ...change },
    pace: recordingPace(log, closed),
    sessions,
  })
  return { portal, log, sessions }
}

const code = 'H99.14-250821-0007'
const dossier: PortalDossier = {
  code,
  status: 'processing',
  agencyName: 'Sở Ví Dụ',
  procedure: {
    code: '1.001234',
    name: 'Thủ tục',
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
    owner: { type: 'citizen', name: 'Nguyễn Văn Mẫu', phone: '0900000000' },
    receivedAt: '2025-08-21T01:30:00.000Z',
  },
}
const call = { requestIn: new Date(), urgency: 'fresh' as const }
const ok = { error_code: '0', message: 'Thành công' }
const expired = { error_code: '-401', message: 'hết phiên' }
const withRules = (...rules: AnswerRule[]) => ({ answers: [...rules, ...dialects.get('xrd-2022')!.answers] })
const expiryRule: AnswerRule = { codes: ['-401'], means: 'session-expired' }

function login(session = 'SESSION-ONE', errorCode: string | number = 0) {
  return nock(host)
    .post(`${base}/mapi/login${query}`, { username: unit, password: 'top-secret' })
    .reply(200, { error_code: errorCode, message: '', session })
}
const data = (body?: nock.RequestBodyMatcher) => nock(host).post(`${base}/mapi/g${query}`, body)
/** A portal with a good session, so that only the data call has to be served. */
function ready(setup: Setup = {}) {
  const made = setUp(setup)
  made.sessions.put('SESSION-OLD')
  return made
}
const create = (portal: Portal) => portal.send('create', [dossier], call)

beforeEach(() => nock.disableNetConnect())
afterEach(() => {
  const open = nock.pendingMocks()
  nock.cleanAll()
  nock.enableNetConnect()
  if (open.length > 0) throw new Error(`never called: ${open.join(', ')}`)
})

describe('the X-Road dialects', () => {
  it('log in, then send the envelope, in this order, and keep the evidence without secrets', async () => {
    const { portal, log } = setUp()
    login()
    let body: Record<string, unknown> = {}
    data((sent: Record<string, unknown>) => {
      body = sent
      return true
    })
      .matchHeader('charset', 'utf-8')
      .matchHeader('content-type', 'application/json')
      .reply(200, ok)
    const lastCheck = async () => void log.push('last check')
    const answer = await portal.send('create', [dossier], { ...call, lastCheck })
    expect(answer).toMatchObject({ class: 'ok', code: '0', message: 'Thành công' })
    expect(answer).not.toHaveProperty('failure')
    expect(Object.keys(body)).toEqual(['session', 'madonvi', 'service', 'isUpdating', 'data'])
    expect(body).toMatchObject({
      session: 'SESSION-ONE',
      madonvi: unit,
      service: 'DongBoHoSoMC',
      isUpdating: 'False',
      data: [{ MaHoSo: code, NgayTiepNhan: '20250821083000' }],
    })
    expect(log).toEqual(['take login', 'report login ok', 'take DongBoHoSoMC', 'last check', 'report DongBoHoSoMC ok'])
    expect(answer.exchanges.map((one) => [one.service, one.class, one.items, one.httpStatus])).toEqual([
      ['login', 'ok', 0, 200],
      ['DongBoHoSoMC', 'ok', 1, 200],
    ])
    expect(JSON.stringify(answer)).not.toMatch(/SESSION-ONE|top-secret/)
    expect(answer.exchanges[1]?.responseBody).toBe(JSON.stringify(ok))
    expect(answer.exchanges[1]?.bytesOut).toBeGreaterThan(500)
  })

  it('takes a new slot when the last check outlasted it, and never waits for ever', async () => {
    const { portal, log } = ready()
    nock(host).post(`${base}/mapi/g${query}`).times(2).reply(200, ok)
    const slowly = [80, 0]
    const once = async () => void (await sleep(slowly.shift() ?? 0))
    expect(await portal.send('create', [dossier], { ...call, lastCheck: once })).toMatchObject({ class: 'ok' })
    const again = ['take DongBoHoSoMC', 'unused DongBoHoSoMC', 'take DongBoHoSoMC', 'report DongBoHoSoMC ok']
    expect(log.filter((line) => !line.includes('login'))).toEqual(again)
    const always = async () => void (await sleep(80))
    expect(await portal.send('create', [dossier], { ...call, lastCheck: always })).toMatchObject({ class: 'ok' })
  })

  it('carry the destination as a header in the 2019 dialect', async () => {
    const { portal } = setUp({ dialect: 'xrd-2019' })
    const inHeader = nock(host, { reqheaders: { dstcode } })
    inHeader.post(`${base}/mapi/login`).reply(200, { error_code: 0, session: 'S-2019' })
    inHeader.post(`${base}/mapi/g`, (sent: Record<string, unknown>) => sent['isUpdating'] === 'True').reply(200, ok)
    expect(await portal.send('update', [dossier], call)).toMatchObject({ class: 'ok' })
  })

  it('append the provider address when it is set', async () => {
    const { portal } = ready({ change: { providerUrl: 'https://provider.invalid' } })
    nock(host).post(`${base}/mapi/g${query}&providerurl=https%3A%2F%2Fprovider.invalid`).reply(200, ok)
    expect(await create(portal)).toMatchObject({ class: 'ok' })
  })

  it('send steps without isUpdating', async () => {
    const { portal } = ready()
    data((sent: Record<string, unknown>) => !('isUpdating' in sent) && sent['service'] === 'CapNhatTienDoHoSoMC').reply(
      200,
      { error_code: 1, message: 'Hồ sơ không tồn tại' },
    )
    const step = { at: '2025-08-21T01:30:00.000Z', status: 'received', officer: 'A', content: 'Tiếp nhận' }
    const answer = await portal.sendSteps([{ dossierCode: code, status: 'received', step }], call)
    expect(answer).toMatchObject({ class: 'absent', code: '1' })
  })
})

describe('the gateways', () => {
  const gateway = 'https://gateway.example.invalid'
  const at = (dialect: string) =>
    createPortal({
      baseUrl: gateway,
      dstcode: '',
      username: '',
      password: '',
      unit,
      dialect: dialects.get(dialect)!,
      pace: recordingPace([]),
      sessions: new MemorySessions(),
    })
  const bare = (sent: unknown) => Array.isArray(sent) && (sent[0] as { MaHoSo: string }).MaHoSo === code

  it('by address: bare arrays to three addresses, GET reads with a double-encoded answer', async () => {
    const portal = at('gateway-paths')
    const server = nock(gateway)
    server.post('/KetNoiMotCuaQuocGia/ThemMoi', bare).reply(200, ok)
    server.post('/KetNoiMotCuaQuocGia/CapNhat', bare).reply(200, ok)
    server
      .get('/KetNoiMotCuaQuocGia/TraCuuHoSo')
      .query({ mahoso: code })
      .reply(200, {
        message: JSON.stringify({ error_code: 0, result: [{ MaHoSo: code }] }),
      })
    expect(await create(portal)).toMatchObject({ class: 'ok' })
    expect(await portal.send('update', [dossier], call)).toMatchObject({ class: 'ok' })
    expect(await portal.lookUp(code, call)).toMatchObject({ class: 'ok', record: { fields: { MaHoSo: code } } })
    expect(await portal.checkLogin(call)).toMatchObject({ class: 'ok', exchanges: [] })
  })

  it('by query: organisation and isUpdating behind the question mark', async () => {
    nock(gateway)
      .post('/api/SynsTTHCC/DongBoHoSoMC', bare)
      .query({ MaDinhDanhDV: unit, isUpdating: 'True' })
      .reply(200, ok)
    expect(await at('gateway-query').send('update', [dossier], call)).toMatchObject({ class: 'ok' })
  })
})

describe('classes of answers', () => {
  const exists = { error_code: 0, message: 'Hồ sơ ĐÃ TỒN TẠI'.normalize('NFD') }
  const fault =
    '<Envelope><Body><Fault><faultcode>Server.X</faultcode><faultstring>no</faultstring></Fault></Body></Envelope>'
  const rules = withRules(
    { codes: ['-10'], means: 'refused' },
    { codes: ['-90'], means: 'transient' },
    { codes: ['-91'], means: 'unknown' },
    { phrase: 'thành công', httpStatus: [202], means: 'ok' },
  )
  it.each<[string, number, unknown, string, string?]>([
    ['success as text', 200, { error_code: '0' }, 'ok'],
    ['success as number with a byte-order mark', 200, '\uFEFF{"error_code":0}', 'ok'],
    ['exists with code 0', 200, exists, 'exists'],
    ['exists with code -3', 200, { ...exists, error_code: '-3' }, 'exists'],
    ['absent on a create', 200, { error_code: 0, message: 'không tồn tại' }, 'unrecognised', 'portal-unrecognised'],
    ['refused', 200, { error_code: -10 }, 'refused', 'portal-refused'],
    ['later', 200, { error_code: -90 }, 'transient', 'portal-later'],
    ['unknown by rule', 200, { error_code: -91 }, 'unknown', 'portal-error'],
    ['words that a rule knows', 202, 'Đồng bộ thành công', 'ok'],
    ['an unknown code', 200, { error_code: 77 }, 'unrecognised', 'portal-unrecognised'],
    ['no code', 200, { message: 'gì đó' }, 'unrecognised', 'portal-unrecognised'],
    ['plain OK', 200, 'OK', 'unrecognised', 'portal-unrecognised'],
    ['HTML', 200, '<html><title>Request Rejected</title></html>', 'unknown', 'portal-unreadable'],
    ['broken JSON', 200, '{"error_code":', 'unknown', 'portal-unreadable'],
    ['nothing', 200, '', 'unknown', 'portal-unreadable'],
    ['broken UTF-8', 200, Buffer.from([0x7b, 0xff, 0x7d]), 'unknown', 'portal-unreadable'],
    ['a fault', 200, fault, 'unknown', 'portal-error'],
    ['a fault with 500', 500, fault, 'unknown', 'portal-error'],
    ['success under a failed status', 500, { error_code: 0 }, 'unknown', 'portal-error'],
    ['gateway error', 502, '<html></html>', 'unknown', 'portal-error'],
    ['overload', 503, '', 'busy', 'portal-busy'],
    ['too many', 429, '', 'busy', 'portal-busy'],
    ['not found', 404, 'x', 'unrecognised', 'portal-unrecognised'],
    ['redirect', 302, '', 'busy', 'portal-unreachable'],
  ])('%s', async (_name, status, body, expected, failure) => {
    const { portal, log } = ready({ change: rules })
    data().reply(status, body as nock.Body, status === 302 ? { location: 'http://elsewhere.invalid/' } : {})
    const answer = await create(portal)
    expect([answer.class, answer.failure]).toEqual([expected, failure])
    expect(answer.exchanges.at(-1)).toMatchObject({ class: expected, httpStatus: status })
    expect(log.at(-1)).toBe(`report DongBoHoSoMC ${expected}${failure ? ` ${failure}` : ''}`)
  })

  it.each([
    ['ECONNREFUSED', 'busy', 'portal-unreachable'],
    ['ENOTFOUND', 'busy', 'portal-unreachable'],
    ['CERT_HAS_EXPIRED', 'busy', 'portal-unreachable'],
    ['ECONNRESET', 'unknown', 'portal-cut'],
    ['EPIPE', 'unknown', 'portal-cut'],
  ])('network error %s', async (errorCode, expected, failure) => {
    const { portal } = ready()
    data().replyWithError(Object.assign(new Error('network'), { code: errorCode }))
    const answer = await create(portal)
    expect(answer).toMatchObject({ class: expected, failure })
    expect(answer.exchanges[0]).toMatchObject({ httpStatus: null, responseIn: null, responseBody: '' })
  })

  it('takes "exists" as success on update and "absent" as absent', async () => {
    const { portal } = ready()
    data().reply(200, { error_code: 3, message: 'đã tồn tại' })
    data().reply(200, { error_code: -4, message: 'Hồ sơ không tồn tại' })
    expect(await portal.send('update', [dossier], call)).toMatchObject({ class: 'ok' })
    expect(await portal.send('update', [dossier], call)).toMatchObject({ class: 'absent' })
  })

  it('reads the fault of the transport', async () => {
    const { portal } = ready()
    data().reply(500, fault, { 'content-type': 'text/xml' })
    expect(await create(portal)).toMatchObject({ code: 'Server.X', message: 'Server.X: no' })
  })

  it('passes Retry-After on, one hour at most', async () => {
    const { portal } = ready()
    data().reply(503, '', { 'retry-after': '12' })
    data().reply(429, '', { 'retry-after': '999999' })
    expect(await create(portal)).toMatchObject({ retryAfter: 12_000 })
    expect(await create(portal)).toMatchObject({ retryAfter: 3_600_000 })
  })

  it('masks people in messages and keeps dossier codes', async () => {
    const { portal } = ready()
    data().reply(200, { error_code: 9, message: `${code}: NGUYỄN VĂN MẪU, 0900000000, a@b.vn` })
    const answer = await create(portal)
    expect(answer.message).toBe(`${code}: •••, •••, •••`)
    expect(answer.exchanges[0]?.message).toBe(answer.message)
  })

  it('never follows the portal to another host with a session', async () => {
    const { portal } = ready({ change: { followRedirects: 2 } })
    data().reply(307, '', { location: 'http://elsewhere.invalid/' })
    expect(await create(portal)).toMatchObject({ class: 'busy', failure: 'portal-unreachable' })
    data().reply(307, '', { location: `${host}/moved` })
    nock(host).post('/moved').reply(200, ok)
    expect(await create(portal)).toMatchObject({ class: 'ok' })
  })
})

describe('sessions', () => {
  it('are obtained once by two portals that share a store', async () => {
    const sessions = new MemorySessions()
    const two = [setUp({ sessions }), setUp({ sessions })]
    login()
    data((sent: Record<string, unknown>) => sent['session'] === 'SESSION-ONE')
      .times(10)
      .delay(5)
      .reply(200, ok)
    const answers = await Promise.all(
      two.flatMap(({ portal }) => Array.from({ length: 5 }, async () => portal.send('update', [dossier], call))),
    )
    expect(new Set(answers.map((one) => one.class))).toEqual(new Set(['ok']))
    expect(answers.flatMap((one) => one.exchanges).filter((one) => one.service === 'login')).toHaveLength(1)
  })

  it('are renewed when they are older than the dialect allows', async () => {
    const { portal, sessions } = setUp()
    sessions.put('SESSION-OLD', 11 * 60_000)
    login()
    data({ session: 'SESSION-ONE', madonvi: unit, service: 'TraCuuHoSo', mahoso: code }).reply(200, {
      error_code: 0,
    })
    expect(await portal.lookUp(code, call)).toMatchObject({ class: 'ok', record: null })
  })

  it('that expired are renewed and the call is repeated once, with a last check each time', async () => {
    const { portal, log } = ready({ change: withRules(expiryRule) })
    let checks = 0
    data().reply(200, expired)
    login('SESSION-NEW')
    data((sent: Record<string, unknown>) => sent['session'] === 'SESSION-NEW').reply(200, ok)
    const answer = await portal.send('create', [dossier], { ...call, lastCheck: async () => void checks++ })
    expect(answer).toMatchObject({ class: 'ok' })
    expect(answer.exchanges.map((one) => one.class)).toEqual(['session-expired', 'ok', 'ok'])
    expect(checks).toBe(2)
    expect(log).toContain('report DongBoHoSoMC ok')
  })

  it('stored meanwhile by another worker are used without a login', async () => {
    const { portal, sessions } = ready({ change: withRules(expiryRule) })
    data().reply(200, () => {
      sessions.put('SESSION-OF-OTHERS')
      return expired
    })
    data((sent: Record<string, unknown>) => sent['session'] === 'SESSION-OF-OTHERS').reply(200, ok)
    expect(await create(portal)).toMatchObject({ class: 'ok' })
  })

  it('that expire twice are a login that does not work', async () => {
    const { portal } = ready({ change: withRules(expiryRule) })
    data().times(2).reply(200, expired)
    login()
    expect(await create(portal)).toMatchObject({ class: 'busy', failure: 'portal-login' })
  })

  it('are as old as they are, whatever the host says about the time', async () => {
    const { portal } = ready()
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 })
    onTestFinished(() => void vi.useRealTimers())
    data().reply(200, ok)
    expect((await create(portal)).exchanges.map(({ service }) => service)).toHaveLength(1)
  })

  it('are suspected when an old one meets an answer nobody knows', async () => {
    const { portal, sessions } = setUp()
    sessions.put('SESSION-OLD', 61_000)
    data().reply(200, { error_code: 99, message: 'invalid' })
    login()
    data().reply(200, ok)
    expect(await create(portal)).toMatchObject({ class: 'ok' })
  })

  it('are not suspected when they are young, and a failed renewal leaves the answer as it was', async () => {
    const young = ready()
    data().reply(200, { error_code: 99 })
    expect(await create(young.portal)).toMatchObject({ class: 'unrecognised' })
    const old = setUp()
    old.sessions.put('SESSION-OLD', 61_000)
    data().reply(200, { error_code: 99 })
    login('', -1)
    const answer = await create(old.portal)
    expect(answer).toMatchObject({ class: 'unrecognised', code: '99' })
    expect(answer.exchanges).toHaveLength(2)
  })

  it.each<[string, number, unknown]>([
    ['a wrong password', 200, { error_code: '-1', message: 'sai mật khẩu' }],
    ['no session', 200, { error_code: '0', message: '' }],
    ['an error', 500, 'x'],
  ])('cannot be had with %s', async (_name, status, body) => {
    const { portal, log, sessions } = setUp()
    nock(host)
      .post(`${base}/mapi/login${query}`)
      .times(2)
      .reply(status, body as nock.Body)
    expect(await create(portal)).toMatchObject({ class: 'busy', failure: 'portal-login' })
    expect(log).toEqual(['take login', 'report login busy portal-login'])
    expect(sessions.owner).toBeNull()
    expect(await portal.checkLogin(call)).toMatchObject({ class: 'busy', failure: 'portal-login' })
  })

  it('are waited for no longer than a login may take', async () => {
    const sessions = new MemorySessions()
    sessions.owner = randomUUID()
    const { portal } = setUp({ sessions, change: { timeouts: { call: 1_000, login: 60 } } })
    expect(await create(portal)).toMatchObject({ class: 'busy', failure: 'portal-login', exchanges: [] })
  })

  it('are forgotten after a check', async () => {
    const { portal, sessions } = setUp()
    login()
    expect(await portal.checkLogin(call)).toMatchObject({ class: 'ok' })
    expect(sessions.current).toBeNull()
  })
})

describe('before the bytes leave', () => {
  it('a closed pace is an answer', async () => {
    const { portal, log } = ready({ closed: ['DongBoHoSoMC'] })
    expect(await create(portal)).toEqual({
      class: 'busy',
      failure: 'portal-pace',
      message: 'breaker open',
      retryAfter: 4_000,
      exchanges: [],
    })
    expect(log).toEqual(['take DongBoHoSoMC'])
    const atLogin = setUp({ closed: ['login'] })
    expect(await create(atLogin.portal)).toMatchObject({ class: 'busy', failure: 'portal-pace' })
  })

  it('what the last check throws is passed on, and the slot is given back', async () => {
    const { portal, log } = ready()
    const lost = new Error('lease lost')
    const lastCheck = async () => Promise.reject(lost)
    await expect(portal.send('create', [dossier], { ...call, lastCheck })).rejects.toBe(lost)
    expect(log).toEqual(['take DongBoHoSoMC', 'unused DongBoHoSoMC'])
  })
})

describe('reads', () => {
  it('show a dossier, with its steps where the dialect names them', async () => {
    const { portal } = ready({ dialect: 'sandbox' })
    const row = { MaHoSo: code, TrangThaiHoSo: '4', DanhSachTienDo: [{ TrangThai: '2' }, null] }
    data().reply(200, { error_code: 0, result: [{ MaHoSo: 'other' }, row] })
    expect(await portal.lookUp(code, call)).toMatchObject({ record: { fields: row, steps: [{ TrangThai: '2' }] } })
  })

  it.each([
    { error_code: 0, result: [] },
    { error_code: 0, result: null },
    { error_code: 0 },
    { result: { data: [] } },
  ])('show that there is none: %j', async (body) => {
    const { portal } = ready()
    data().reply(200, body)
    expect(await portal.lookUp(code, call)).toMatchObject({ class: 'ok', record: null })
  })

  it('say nothing about the dossier when they fail', async () => {
    const { portal } = ready()
    data().reply(500, '')
    const answer = await portal.lookUp(code, call)
    expect(answer).toMatchObject({ class: 'unknown', failure: 'portal-error' })
    expect(answer).not.toHaveProperty('record')
  })

  it('pull the catalogue around broken rows', async () => {
    const { portal } = ready()
    data({ session: 'SESSION-OLD', madonvi: unit, service: 'LayDanhSachTTHC' }).reply(200, {
      result: { data: [{ MATTHC: '1.001234', TENTTHC: 'A' }, 'broken'] },
    })
    expect(await portal.pull('procedures', call)).toMatchObject({
      class: 'ok',
      message: '1 of 2 rows left out: no code or no name',
      rows: [{ code: '1.001234', name: 'A' }],
    })
    data({ session: 'SESSION-OLD', madonvi: unit, service: 'LayThuTuc', maTTHC: '1.001234' }).reply(200, {
      error_code: 0,
      result: [{ MATTHC: '1.001234', TENTTHC: 'A', TRANGTHAI: '1' }],
    })
    expect(await portal.pullProcedure('1.001234', call)).toMatchObject({ rows: [{ code: '1.001234', open: true }] })
    data().reply(502, '')
    expect(await portal.pull('agencies', call)).toMatchObject({ class: 'unknown', rows: [] })
  })

  it('pull the online services from an object, by the fields of the dialect', async () => {
    const { catalogue } = dialects.get('xrd-2022')!
    const services = { ...catalogue.services!, fields: { CAP: '1' } }
    const { portal } = ready({ change: { catalogue: { ...catalogue, services } } })
    expect(portal.extras).toEqual([{ what: 'services', optional: true }])
    const row = { MADVC: 'DVC-1', TENDVC: 'S', MATTHC: '1.001234', TENTTHC: 'A', APDUNGDVC: [{ X: '1' }] }
    data({ session: 'SESSION-OLD', madonvi: unit, service: 'LayDVC', CAP: '1' }).reply(200, {
      result: { data: [row, {}] },
    })
    expect(await portal.pull('services', call)).toMatchObject({
      class: 'ok',
      message: '1 of 2 rows left out: no code or no name',
      rows: [{ code: 'DVC-1', name: 'S', procedureCode: '1.001234', raw: row }],
    })
    expect(await portal.pull('unit-procedures', call)).toMatchObject({ class: 'unrecognised', exchanges: [], rows: [] })
  })

  it("pull the procedures of the province's own unit", async () => {
    const { catalogue } = dialects.get('sandbox')!
    const { portal } = ready({ change: { catalogue } })
    data({ session: 'SESSION-OLD', madonvi: unit, service: 'LayDanhSachTTHCDonVi', maDonVi: 'H99' }).reply(200, {
      error_code: '0',
      result: [{ MATTHC: '1.001234.H99', TENTTHC: 'A' }],
    })
    const rows = [{ unit, code: '1.001234.H99', name: 'A' }]
    expect(await portal.pull('unit-procedures', call)).toMatchObject({ class: 'ok', rows })
    data().reply(200, { error_code: '-10', message: 'Dịch vụ không được hỗ trợ' })
    expect(await portal.pull('unit-procedures', call)).toMatchObject({ failure: 'portal-unrecognised', rows: [] })
  })

  it('read the legal bases and the parts of the content from a full record', async () => {
    const { portal } = ready()
    const row = { MATTHC: '1.001234', TENTTHC: 'A', CANCUPHAPLY: [{ SOVANBAN: '1/2026/TT' }], MOTACOQUANTHUCHIEN: 'Sở' }
    data().reply(200, { error_code: 0, result: [row] })
    expect(await portal.pullProcedure('1.001234', call)).toMatchObject({
      rows: [{ parts: ['name', 'agency'], legalBases: [{ number: '1/2026/TT' }] }],
    })
  })

  it('are not offered where the dialect has none', async () => {
    const { portal } = ready({ change: { lookUp: { service: null, comparable: [], stepsColumn: null } } })
    expect(portal.canLookUp).toBe(false)
    expect(await portal.lookUp(code, call)).toMatchObject({ class: 'unrecognised', exchanges: [] })
  })
})

describe('monthly counters', () => {
  const figures = { received: 100, carried: 5, handledInTime: 88, handledLate: 2, pendingInTime: 14, pendingLate: 1 }
  const counters = { month: '2020-07', code: unit, name: 'UBND tỉnh Ví Dụ', kind: '1', figures }
  const backfill = { ...call, urgency: 'backfill' as const }
  const nothing = { received: 0, carried: 0, handledInTime: 0, handledLate: 0, pendingInTime: 0, pendingLate: 0 }
  const reading = dialects.get('xrd-2022')!.counters!

  const sent = async (wish: Partial<typeof counters> = {}, setup: Setup = {}) => {
    const { portal } = ready(setup)
    let body: Record<string, unknown> = {}
    data((one: Record<string, unknown>) => {
      body = one
      return true
    }).reply(200, ok)
    const answer = await portal.sendCounters({ ...counters, ...wish }, backfill)
    return { body, answer, row: (body['data'] as Record<string, string>[])[0]! }
  }

  it('go out as the field shows them: every value a text, under its own name', async () => {
    const { body, answer, row } = await sent()
    expect(Object.keys(body)).toEqual(['session', 'madonvi', 'service', 'data'])
    expect(body).toMatchObject({ madonvi: unit, service: 'DongBoThongKeHoSo' })
    expect(row).toEqual({
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
    })
    expect(answer).toMatchObject({ class: 'ok', exchanges: [{ service: 'DongBoThongKeHoSo', items: 1, class: 'ok' }] })
    expect(answer.exchanges[0]!.requestBody).not.toContain('SESSION')
  })

  it.each([
    [1, 3, '33.33', '66.67'],
    [1, 6, '16.67', '83.33'],
    [1, 200_000, '0.00', '100.00'],
    [0, 7, '0.00', '100.00'],
    [7, 7, '100.00', '0.00'],
  ])('%i of %i in time are percentages that make a hundred', async (inTime, total, share, rest) => {
    const { row } = await sent({ figures: { ...figures, handledInTime: inTime, handledLate: total - inTime } })
    expect([row['PhanTramXuLyDungHan'], row['PhanTramXuLyTreHan']]).toEqual([share, rest])
  })

  it('leave the sign, the decimals and the percentage of nothing to the dialect', async () => {
    expect((await sent({ figures: nothing })).row).toMatchObject({ PhanTramXuLyDungHan: '0', PhanTramXuLyTreHan: '0' })
    const change = { counters: { ...reading, decimal: ',' as const, decimals: 1, zeroOfZero: '' } }
    expect((await sent({}, { change })).row).toMatchObject({ PhanTramXuLyDungHan: '97,8', PhanTramXuLyTreHan: '2,2' })
    expect((await sent({ figures: nothing }, { change })).row).toMatchObject({ PhanTramXuLyDungHan: '' })
  })

  it('go to the endpoint of their dialect, after a new login when the session is over', async () => {
    const change = {
      counters: { ...reading, service: 'ThongKe', endpoint: 'share' as const },
      paths: { ...dialects.get('xrd-2022')!.paths, share: 'mapi/{service}' },
      ...withRules(expiryRule),
    }
    const { portal } = ready({ change })
    nock(host).post(`${base}/mapi/ThongKe${query}`).reply(200, expired)
    login('SESSION-TWO')
    nock(host)
      .post(`${base}/mapi/ThongKe${query}`, (body: Record<string, unknown>) => body['session'] === 'SESSION-TWO')
      .reply(200, ok)
    const answer = await portal.sendCounters(counters, backfill)
    expect(answer.class).toBe('ok')
    expect(answer.exchanges.map(({ service }) => service)).toEqual(['ThongKe', 'login', 'ThongKe'])
  })

  it('are judged by the rules of the dialect; what no rule knows stays open', async () => {
    const change = withRules({ services: ['DongBoThongKeHoSo'], codes: ['-10'], means: 'refused' })
    const { portal } = ready({ change })
    data().reply(200, { error_code: '-10', message: 'Thiếu trường' })
    expect(await portal.sendCounters(counters, backfill)).toMatchObject({ class: 'refused', code: '-10' })
    data().reply(200, { error_code: '7', message: '?' })
    expect(await portal.sendCounters(counters, backfill)).toMatchObject({ class: 'unrecognised' })
    data().reply(500, 'oops')
    expect(await portal.sendCounters(counters, backfill)).toMatchObject({ class: 'unknown' })
  })

  it('never go twice on the suspicion that the session was at fault', async () => {
    const sessions = new MemorySessions()
    sessions.put('SESSION-OLD', 120_000)
    const { portal } = setUp({ sessions })
    data().reply(200, { error_code: '7', message: '?' })
    expect(await portal.sendCounters(counters, backfill)).toMatchObject({ class: 'unrecognised', code: '7' })
  })

  it('do not leave where the dialect has no such service, or the gate is closed', async () => {
    const none = ready({ change: { counters: null } })
    expect(await none.portal.sendCounters(counters, backfill)).toMatchObject({ class: 'busy', exchanges: [] })
    const { portal } = ready({ closed: ['DongBoThongKeHoSo'] })
    expect(await portal.sendCounters(counters, backfill)).toMatchObject({ class: 'busy', failure: 'portal-pace' })
  })
})
