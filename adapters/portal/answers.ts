import { XMLParser } from 'fast-xml-parser'
import type { AnswerRule, Dialect } from '../../config/dialects.ts'
import type { AnswerClass, PortalFailure } from '../../src/delivery/portal.ts'
import type { HttpAnswer } from './http.ts'

/** What an answer says, before anyone judges what it means. */
export interface Reading {
  /** `fault`: the transport between us and the portal spoke (X-Road, SOAP), not the portal. */
  readonly kind: 'json' | 'ok-text' | 'fault' | 'unreadable'
  readonly code: string | null
  readonly message: string | null
  readonly session: string | null
  /** Null when the answer carries no result at all. */
  readonly rows: readonly unknown[] | null
}

type Json = Record<string, unknown>
const nothing: Reading = { kind: 'unreadable', code: null, message: null, session: null, rows: null }

export function readAnswer(text: string, encoding: Dialect['reads']['encoding']): Reading {
  const body = text.replace(/^\uFEFF+/, '').trim()
  if (body.startsWith('<')) return readMarkup(body)
  const value = parse(body)
  if (typeof value === 'string' || value === undefined) return readText(value ?? body, value === undefined)
  if (Array.isArray(value)) return { ...nothing, kind: 'json', rows: value }
  if (!isRecord(value)) return nothing
  const fault = findFault(value, 0)
  if (fault !== null) return { ...nothing, kind: 'fault', ...fault }
  return readObject(value, encoding)
}

function readObject(outer: Json, encoding: Dialect['reads']['encoding']): Reading {
  const inner =
    encoding === 'double-in-message' && typeof outer['message'] === 'string' ? parse(outer['message']) : null
  if (Array.isArray(inner)) return { ...nothing, kind: 'json', code: text(outer['error_code']), rows: inner }
  const body = isRecord(inner) ? { ...(hasCode(outer) ? { error_code: outer['error_code'] } : {}), ...inner } : outer
  return {
    kind: 'json',
    code: text(body['error_code']),
    message: words(body['message']),
    session: text(body['session']),
    rows: 'result' in body ? rowsOf(body['result']) : null,
  }
}

const hasCode = (body: Json): boolean => text(body['error_code']) !== null

/** `result` is an array, an object with `data`, one object, or text that holds one of these. Anything not empty is a row. */
function rowsOf(result: unknown): unknown[] {
  if (Array.isArray(result)) return result
  if (typeof result === 'string') {
    const inner = parse(result)
    return typeof inner === 'object' ? rowsOf(inner) : [text(result)].filter((one) => one !== null)
  }
  if (!isRecord(result)) return result ? [result] : []
  if ('data' in result) return rowsOf(result['data'])
  return Object.keys(result).length === 0 ? [] : [result]
}

/** Plain words are kept as the message, so that a rule can know them; only a bare OK counts as readable without one. */
function readText(body: string, isRaw: boolean): Reading {
  const broken = isRaw && /^[[{"]/.test(body)
  if (body === '' || broken) return nothing
  return { ...nothing, kind: /^ok[.!]?$/i.test(body) ? 'ok-text' : 'unreadable', message: body }
}

const xml = new XMLParser({ removeNSPrefix: true, parseTagValue: false, ignoreDeclaration: true })

function readMarkup(body: string): Reading {
  if (/^<(?:!doctype html|html)/i.test(body)) return { ...nothing, message: titleOf(body) }
  try {
    const fault = findFault(xml.parse(body), 0)
    return fault === null ? { ...nothing, message: titleOf(body) } : { ...nothing, kind: 'fault', ...fault }
  } catch {
    return { ...nothing, message: titleOf(body) }
  }
}

function titleOf(body: string): string | null {
  return /<title[^>]*>([^<]{1,200})/i.exec(body)?.[1]?.trim() ?? null
}

/** SOAP 1.1 and 1.2 faults, however deep and in XML or JSON, and the `{type, message}` errors of X-Road's own servers. */
function findFault(value: unknown, depth: number): { code: string | null; message: string } | null {
  if (!isRecord(value) || depth > 5) return null
  const entries = new Map(Object.entries(value).map(([key, one]) => [key.toLowerCase().replace(/^.*:/, ''), one]))
  const said = words(entries.get('faultstring')) ?? leaf(entries.get('reason'))
  const code = text(entries.get('faultcode')) ?? (entries.has('reason') ? leaf(entries.get('code')) : null)
  if (said !== null && code !== null) return { code, message: `${code}: ${said}` }
  const type = text(entries.get('type'))
  if (type !== null && /^(?:Server|Client)\./.test(type))
    return { code: type, message: [type, words(entries.get('message'))].filter((one) => one !== null).join(': ') }
  for (const name of ['envelope', 'body', 'fault', 'error']) {
    const found = findFault(entries.get(name), depth + 1)
    if (found !== null) return found
  }
  return null
}

/** SOAP 1.2 wraps both texts: `Code/Value`, `Reason/Text`. */
function leaf(value: unknown): string | null {
  if (!isRecord(value)) return null
  const inner = value['Value'] ?? value['Text']
  return text(isRecord(inner) ? inner['#text'] : inner)
}

export type Purpose = 'create' | 'update' | 'steps' | 'counters' | 'read' | 'login'

export interface Verdict {
  readonly class: AnswerClass | 'session-expired'
  readonly failure?: PortalFailure
}

/** The dialect's table first; only an answer that no rule knows is judged by its form. */
export function judge(
  service: string,
  purpose: Purpose,
  http: HttpAnswer,
  reading: Reading,
  dialect: Dialect,
): Verdict {
  if (http.status === null) return failed(http)
  const status = http.status
  const rule = dialect.answers.find((one) => matches(one, service, status, reading))
  if (rule !== undefined) return ruled(rule.means, purpose)
  if (status >= 300 && status < 400) return { class: 'busy', failure: 'portal-unreachable' }
  if (status >= 500) return { class: 'unknown', failure: 'portal-error' }
  if (status >= 400) return { class: 'unrecognised', failure: 'portal-unrecognised' }
  if (reading.kind === 'fault') return { class: 'unknown', failure: 'portal-error' }
  if (reading.kind === 'unreadable' || http.trouble !== null) return { class: 'unknown', failure: 'portal-unreadable' }
  if (purpose === 'read' && reading.code === null && reading.rows !== null) return { class: 'ok' }
  return { class: 'unrecognised', failure: 'portal-unrecognised' }
}

function failed(http: HttpAnswer): Verdict {
  if (http.trouble === 'unreachable') return { class: 'busy', failure: 'portal-unreachable' }
  if (http.trouble === 'timeout') return { class: 'unknown', failure: 'portal-timeout' }
  return { class: 'unknown', failure: http.trouble === 'unreadable' ? 'portal-unreadable' : 'portal-cut' }
}

function matches(rule: AnswerRule, service: string, status: number, reading: Reading): boolean {
  if (rule.services !== undefined && !rule.services.includes(service)) return false
  if (rule.httpStatus !== undefined && !rule.httpStatus.includes(status)) return false
  // A body that says "ok" under a failed HTTP status proves nothing, unless the dialect names that status.
  if (rule.means === 'ok' && rule.httpStatus === undefined && (status < 200 || status > 299)) return false
  if (rule.codes !== undefined && (reading.code === null || !rule.codes.includes(reading.code))) return false
  return rule.phrase === undefined || plain(reading.message ?? '').includes(plain(rule.phrase))
}

const plain = (value: string): string => value.normalize('NFC').toLowerCase()

function ruled(means: AnswerRule['means'], purpose: Purpose): Verdict {
  const unrecognised: Verdict = { class: 'unrecognised', failure: 'portal-unrecognised' }
  switch (means) {
    case 'exists':
      // "It is there" is what an update and a step wish for, and says nothing about a read. Of counters nobody knows what it would mean.
      if (purpose === 'create') return { class: 'exists' }
      return purpose === 'update' || purpose === 'steps' ? { class: 'ok' } : unrecognised
    case 'absent':
      return purpose === 'create' || purpose === 'login' || purpose === 'counters' ? unrecognised : { class: 'absent' }
    case 'refused':
      return { class: 'refused', failure: 'portal-refused' }
    case 'transient':
      return { class: 'transient', failure: 'portal-later' }
    case 'busy':
      return { class: 'busy', failure: 'portal-busy' }
    case 'unknown':
      return { class: 'unknown', failure: 'portal-error' }
    case 'ok':
    case 'session-expired':
    default:
      return { class: means }
  }
}

function parse(body: string): unknown {
  try {
    // The ledger cannot keep NUL in text, so it goes here; the evidence keeps the body as it came.
    const value = JSON.parse(body.replaceAll(/(?<!\\)((?:\\\\)*)\\u0000/g, '$1')) as unknown
    return isShallow(value, 50) ? value : undefined
  } catch {
    return undefined
  }
}

/** No known answer nests deeper than ten; one that nests without end must not exhaust the stack of whoever walks it. */
function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return levels > 0 && Object.values(value).every((one) => isShallow(one, levels - 1))
}

export function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Text or a number as trimmed text; blank is nothing. */
export function text(value: unknown): string | null {
  if (typeof value === 'number') return value.toString()
  return typeof value === 'string' && value.trim() !== '' ? value.trim().toWellFormed() : null
}

function words(value: unknown): string | null {
  return isRecord(value) || Array.isArray(value) ? JSON.stringify(value) : text(value)
}
