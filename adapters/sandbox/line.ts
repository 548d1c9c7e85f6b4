import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Strike } from './faults.ts'
import type { PortalAnswer } from './services.ts'

/** What goes over the line instead of, or as, an answer. */
export interface Page {
  readonly status: number
  readonly type: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
  /** Under which name the meter counts it. */
  readonly counted: string
}

const json = 'application/json; charset=utf-8'
const defaultHang = 120_000

/** Milliseconds an answer is held back: what the rule says, within its range. */
export function delayOf(strike: Strike): number {
  const range = strike.get('latency')?.value ?? 0
  const [from, to] = typeof range === 'number' ? [range, range] : range
  const slow = strike.get('slow-period')?.value
  const share = slow ? Math.min(1, strike.age / slow.over) : 0
  return from + (to - from) * strike.chance + (slow ? slow.from + (slow.to - slow.from) * share : 0)
}

/** The page that stands in for an answer, with the word whether the call is processed behind it. */
export function standIn(strike: Strike, url: string): { page: Page; stored: boolean } | undefined {
  const http = strike.get('http-500')
  if (http) return { page: serverError, stored: http.stored ?? false }
  if (strike.has('http-500-after-storing')) return { page: serverError, stored: true }
  const html = strike.get('html')
  if (html) return { page: htmlPage, stored: html.stored ?? false }
  const soap = strike.get('soap-fault')
  if (soap) return { page: soapPage, stored: soap.stored ?? false }
  const redirect = strike.get('redirect')
  if (redirect)
    return {
      page: redirectPage(redirect.value?.status ?? 307, redirect.value?.location ?? url),
      stored: redirect.stored ?? false,
    }
  const status = strike.get('json-error-status')
  if (status)
    return {
      page: errorPage(status.value?.status ?? 400, status.value?.code ?? '-500'),
      stored: status.stored ?? false,
    }
  return undefined
}

const serverError: Page = { status: 500, type: 'text/plain', body: 'Internal Server Error', counted: 'http-500' }
const htmlPage: Page = {
  status: 200,
  type: 'text/html; charset=utf-8',
  body: '<html><head><title>Request Rejected</title></head><body>Your support ID is: 0000000000</body></html>',
  counted: 'html',
}
const soapPage: Page = {
  status: 500,
  type: 'text/xml; charset=utf-8',
  body:
    '<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/">' +
    '<SOAP-ENV:Body><SOAP-ENV:Fault><faultcode>Server.ServerProxy.ServiceFailed</faultcode>' +
    '<faultstring>Connection refused</faultstring></SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>',
  counted: 'http-500',
}

function redirectPage(status: number, location: string): Page {
  return { status, type: 'text/plain', body: '', headers: { location }, counted: `http-${status}` }
}

function errorPage(status: number, code: string): Page {
  const body = JSON.stringify({ error_code: code, message: 'Yêu cầu không được xử lý' })
  return { status, type: json, body, counted: `http-${status}` }
}

export function busyPage(status: number, retryAfter: number): Page {
  const body = 'Too many requests'
  return {
    status,
    type: 'text/plain',
    body,
    headers: { 'retry-after': String(retryAfter) },
    counted: `http-${status}`,
  }
}

export function textPage(status: number, body: string): Page {
  return { status, type: 'text/plain; charset=utf-8', body, counted: `http-${status}` }
}

export const jsonPage = (body: string): Page => ({ status: 200, type: json, body, counted: 'OK' })

/** The answer as text, in whatever clothes the faults put it. */
export function pageOf(
  answer: PortalAnswer,
  strike: Strike,
  style: { doubleEncoded: boolean; camelCase: boolean },
): Page {
  const counted = answer.code
  if (strike.has('plain-ok')) return { status: 200, type: 'text/plain', body: 'OK', counted: 'text' }
  if (strike.has('not-json')) return { status: 200, type: json, body: 'Da tiep nhan ho so', counted: 'text' }
  const camel = style.camelCase || (answer.session !== undefined && strike.has('camel-case-login'))
  const plain = camel ? camelCase(answer, strike) : written(answer, strike)
  const body = style.doubleEncoded || strike.has('double-encoded') ? JSON.stringify({ message: plain }) : plain
  return { status: 200, type: json, body, counted }
}

function codeText(code: string, strike: Strike): string {
  return strike.has('numeric-codes') && /^-?\d+$/.test(code) ? code : JSON.stringify(code)
}

function written(answer: PortalAnswer, strike: Strike): string {
  const code = strike.has('missing-error-code') ? '' : `"error_code":${codeText(answer.code, strike)},`
  const session = answer.session === undefined ? '' : `,"session":${JSON.stringify(answer.session)}`
  return `{${code}"message":${JSON.stringify(answer.message)}${session}${resultText(answer.result, strike)}}`
}

function resultText(result: string | undefined, strike: Strike): string {
  if (result === undefined) return ''
  const emptied = strike.get('empty-result')
  if (!emptied) return `,"result":${result}`
  if (emptied.value === 'missing') return ''
  return `,"result":${emptied.value === 'null' ? 'null' : '[]'}`
}

function camelCase(answer: PortalAnswer, strike: Strike): string {
  const result = JSON.stringify(answer.session === undefined ? null : { session: answer.session })
  const head = `"errorCode":${codeText(answer.code, strike)},"message":${JSON.stringify(answer.message)}`
  return `{${head},"signature":"","result":${result}}`
}

/** Writes a page, whole or broken as the faults say. The reply has been taken over from the framework. */
export async function write(reply: FastifyReply, page: Page, strike: Strike): Promise<void> {
  const { raw } = reply
  const body = Buffer.from(page.body)
  raw.writeHead(page.status, { 'content-type': page.type, 'content-length': body.length, ...page.headers })
  if (strike.has('half-body')) {
    raw.write(body.subarray(0, Math.floor(body.length / 2)), () => raw.socket?.resetAndDestroy())
    return
  }
  const slow = strike.get('slow-body')
  if (slow) await trickle(raw, body, slow.value)
  else raw.end(body)
}

const pieces = 10

async function trickle(raw: FastifyReply['raw'], body: Buffer, milliseconds: number): Promise<void> {
  raw.flushHeaders()
  for (let piece = 0; piece < pieces && !raw.destroyed; piece += 1) {
    await sleep(milliseconds / pieces, undefined, { ref: false })
    raw.write(
      body.subarray(Math.floor((body.length * piece) / pieces), Math.floor((body.length * (piece + 1)) / pieces)),
    )
  }
  raw.end()
}

/** Never answers: until the client has gone, or the line is cut after the rule's time. */
export async function hang(request: FastifyRequest, milliseconds = defaultHang): Promise<void> {
  const { socket } = request.raw
  if (socket.destroyed) return
  const gone = new AbortController()
  socket.once('close', () => gone.abort())
  await sleep(milliseconds, undefined, { ref: false, signal: gone.signal }).catch(() => undefined)
  socket.destroy()
}
