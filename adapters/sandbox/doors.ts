import type { FastifyRequest } from 'fastify'
import { reportVisitOf } from './public-report.ts'
import { codeOf, isItem } from './rules.ts'
import type { PortalCall } from './services.ts'

/**
 * The doors of the portal: the forwarder under both of its names, and two kinds of provincial gateway. Each is turned into
 * the same call.
 */
export interface Visit {
  readonly call: PortalCall
  /** Came through the forwarder to the portal itself: a destination must be named. Gateways know theirs. */
  readonly forwarded: boolean
  /** Gateway reads wrap the portal's answer in `message`. */
  readonly doubleEncoded: boolean
  /** The personal-papers login answers in camel case. */
  readonly camelCase: boolean
}

const forwardPrefix = /^\/(?:XrdAdapter|VXPAdapter)\/RestService\/forward\//
const gatewayWrites: ReadonlyMap<string, { service: string; updating?: boolean }> = new Map([
  ['ThemMoi', { service: 'DongBoHoSoMC', updating: false }],
  ['CapNhat', { service: 'DongBoHoSoMC', updating: true }],
  ['DongBoTienTrinh', { service: 'CapNhatTienDoHoSoMC' }],
])
const writes: ReadonlySet<string> = new Set(['DongBoHoSoMC', 'CapNhatTienDoHoSoMC'])

type Query = Readonly<Record<string, unknown>>

/** Null when no door is at this address. */
export function visitOf(request: FastifyRequest): Visit | null {
  const [path = ''] = request.url.split('?')
  const forwarded = forwardPrefix.test(path)
  const [, first = '', ...rest] = path.replace(forwardPrefix, '/').split('/')
  const query = request.query as Query
  const bytes = Number(request.headers['content-length'] ?? 0)
  const service = rest.at(-1) ?? ''
  const visit = { forwarded, doubleEncoded: false, camelCase: false }
  if (first === 'mapi' && service === 'login') return { ...visit, call: loginCall(request.body, bytes) }
  if (first === 'bndp' && service === 'login')
    return { ...visit, camelCase: true, call: loginCall(request.body, bytes) }
  if (first === 'mapi' && service === 'g') return { ...visit, call: envelopeCall(request.body, bytes) }
  if (first === 'KetNoiMotCuaQuocGia')
    return {
      ...visit,
      forwarded: false,
      doubleEncoded: request.method === 'GET',
      call: gatewayCall(service, query, request.body, bytes),
    }
  if (first === 'api' && rest[0] === 'SynsTTHCC')
    return { ...visit, forwarded: false, call: gatewayCall(service, query, request.body, bytes) }
  return reportVisitOf(request, path)
}

function loginCall(body: unknown, bytes: number): PortalCall {
  const fields = isItem(body) ? body : {}
  return { door: 'login', service: 'login', organisation: '', codes: [], fields, bytes }
}

function envelopeCall(body: unknown, bytes: number): PortalCall {
  const fields = isItem(body) ? body : {}
  const service = typeof fields['service'] === 'string' ? fields['service'] : ''
  const organisation = typeof fields['madonvi'] === 'string' ? fields['madonvi'] : ''
  const updating = flag(fields['isUpdating'])
  const items = Array.isArray(fields['data']) ? fields['data'] : undefined
  return { door: 'envelope', service, organisation, codes: codesOf(fields, items), fields, items, updating, bytes }
}

function gatewayCall(name: string, query: Query, body: unknown, bytes: number): PortalCall {
  const write = gatewayWrites.get(name)
  const service = write?.service ?? name
  const named = query['MaDinhDanhDV'] ?? query['madonvi']
  const organisation = typeof named === 'string' ? named : ''
  const fields = { ...query, ...(isItem(body) ? body : {}) }
  const items = Array.isArray(body) ? body : isItem(body) && writes.has(service) ? [body] : undefined
  const updating = write?.updating ?? flag(query['isUpdating'])
  return { door: 'gateway', service, organisation, codes: codesOf(fields, items), fields, items, updating, bytes }
}

/** The flag travels as a word, not as a boolean. */
function flag(value: unknown): boolean | undefined {
  return value === 'True' ? true : value === 'False' ? false : undefined
}

function codesOf(fields: Query, items: readonly unknown[] | undefined): string[] {
  if (items) return items.flatMap((item) => codeOf(item) ?? [])
  return typeof fields['mahoso'] === 'string' ? [fields['mahoso']] : []
}

/** The X-Road identifier of a call: in the query, in a header, or as a query part without a name. */
export function destinationOf(request: FastifyRequest): string | undefined {
  const named = (request.query as Query)['dstcode'] ?? request.headers['dstcode']
  if (typeof named === 'string' && named !== '') return named
  const parts = request.url.split('?')[1]?.split('&') ?? []
  return parts.map(decoded).find((part) => /^VN:[^=]+$/.test(part))
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
