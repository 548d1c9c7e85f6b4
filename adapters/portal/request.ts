import type { Dialect } from '../../config/dialects.ts'
import type { Purpose } from './answers.ts'
import type { WireRecord } from './wire.ts'

/** One kind of call, before the dialect gives it an address and a shape. */
export interface Operation {
  readonly service: string
  readonly purpose: Purpose
  readonly endpoint: 'login' | 'share' | 'integration'
  readonly fields: Readonly<Record<string, string>>
  readonly data: readonly WireRecord[] | null
  readonly items: number
  /** Personal values the call carries, so that the answer's message can be masked of them. */
  readonly personal: readonly string[]
}

interface Peer {
  readonly baseUrl: string
  readonly dstcode: string
  readonly password: string
  readonly unit: string
  readonly dialect: Dialect
}

export function methodOf(dialect: Dialect, { purpose }: Operation): 'POST' | 'GET' {
  return purpose === 'read' ? dialect.reads.method : 'POST'
}

/** No personal value and no secret ever travels in an address: reads by GET carry public codes only. */
export function addressOf(peer: Peer, operation: Operation, withQuery: boolean): string {
  const path = pathOf(peer.dialect, operation).replace('{service}', operation.service)
  const address = `${peer.baseUrl.replace(/\/+$/, '')}/${path.replace(/^\/+/, '')}`
  const query = withQuery ? queryOf(peer, operation) : []
  if (query.length === 0) return address
  const joined = query.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')
  return `${address}${address.includes('?') ? '&' : '?'}${joined}`
}

function pathOf({ paths }: Dialect, { purpose, endpoint }: Operation): string {
  if (purpose === 'login') return paths.login ?? ''
  if (purpose === 'read' || purpose === 'counters') return endpoint === 'share' ? paths.share : paths.integration
  return paths[purpose] ?? paths.integration
}

function queryOf(peer: Peer, operation: Operation): [string, string][] {
  const { dialect } = peer
  const { purpose, fields } = operation
  const query: [string, string][] = []
  if (dialect.dstcode.carrier === 'query' && saysDestination(peer, purpose)) query.push(['dstcode', peer.dstcode])
  if (dialect.providerUrl !== null) query.push(['providerurl', dialect.providerUrl])
  if (dialect.createOrUpdate === 'query' && operation.data !== null) query.push(['MaDinhDanhDV', peer.unit])
  if (dialect.createOrUpdate === 'query') query.push(...updatingOf(purpose))
  if (methodOf(dialect, operation) === 'GET') query.push(...Object.entries(fields))
  return query
}

/** The words "True" and "False", not JSON booleans, is what the portal takes from a province. */
function updatingOf(purpose: Purpose): [string, string][] {
  if (purpose !== 'create' && purpose !== 'update') return []
  return [['isUpdating', purpose === 'update' ? 'True' : 'False']]
}

export function headersOf(peer: Peer, { purpose }: Operation): Record<string, string> {
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json', Charset: 'utf-8' }
  const inHeader = peer.dialect.dstcode.carrier === 'header' && saysDestination(peer, purpose)
  return inHeader ? { ...headers, dstcode: peer.dstcode } : headers
}

function saysDestination({ dialect, dstcode }: Peer, purpose: Purpose): boolean {
  return dstcode !== '' && (purpose !== 'login' || dialect.dstcode.atLogin)
}

interface Bodies {
  readonly sent: string
  /** What is kept as evidence: the same without session and password. */
  readonly kept: string
}

/** The body as text, twice; the dossiers in it are written once, because they are most of the work. */
export function bodiesOf(peer: Peer, operation: Operation, session: string | null): Bodies {
  const { purpose, fields, data } = operation
  if (methodOf(peer.dialect, operation) === 'GET') return { sent: '', kept: '' }
  if (purpose === 'login') {
    const body = (password: string) => JSON.stringify({ ...fields, password })
    return { sent: body(peer.password), kept: body(hidden) }
  }
  const written = JSON.stringify(data ?? fields)
  if (peer.dialect.body === 'bare') return { sent: written, kept: written }
  const body = (session: string | null) => {
    const envelope = JSON.stringify(envelopeOf(peer, operation, session))
    return data === null ? envelope : `${envelope.slice(0, -1)},"data":${written}}`
  }
  return { sent: body(session), kept: body(session === null ? null : hidden) }
}

const hidden = '•'

function envelopeOf({ unit, dialect }: Peer, { purpose, service, fields }: Operation, session: string | null) {
  return {
    ...(session === null ? {} : { session }),
    madonvi: unit,
    service,
    ...fields,
    ...(dialect.createOrUpdate === 'body' ? Object.fromEntries(updatingOf(purpose)) : {}),
  }
}
