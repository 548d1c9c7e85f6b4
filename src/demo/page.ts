import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'
import type { Sql } from '../platform/database.ts'
import { shared } from '../platform/shared.ts'
import { pagePolicy, renderReportPage } from '../reconciliation/page.ts'
import { listDossiers } from '../reconciliation/store.ts'
import type { SyncRateReport } from '../reconciliation/model.ts'
import { figuresNote } from './kon-tum/figures.ts'
import { reportOf, year } from './ledger.ts'

/**
 * The report for a browser on this machine, without an API key: the demo's dossiers are invented, and a report shows no
 * personal data anyway. Listens on the loopback only; the real service always asks for a key.
 */
export interface ReportPage {
  readonly url: string
  /** From now on shown at /act-one. */
  keepActOne(text: { readonly vi: string; readonly en: string }): void
  close(): Promise<void>
}

type Language = 'vi' | 'en'
const freshFor = 2000

export async function servePage(sql: Sql): Promise<ReportPage> {
  let actOne: Readonly<Record<Language, string>> | null = null
  // However many browsers look.
  const current = shared(() => reportOf(sql), freshFor)
  const server = createServer((request, response) => {
    answer(request, response).catch(() => end(response, 500, 'text/plain', 'The report cannot be made at the moment'))
  })
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    const language: Language = url.searchParams.get('lang') === 'en' ? 'en' : 'vi'
    if (!isLocal(request)) end(response, 403, 'text/plain', 'This page is only for this machine')
    else if (url.pathname === '/') end(response, 200, 'text/html', renderLive(await current(), language))
    else if (url.pathname === '/act-one' && actOne) end(response, 200, 'text/html', actOne[language])
    else if (url.pathname === '/v1/dossiers') await answerList(sql, url, response)
    else end(response, 404, 'text/plain', 'There is no such page')
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    keepActOne: (text) => {
      actOne = text
    },
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

type Made = Awaited<ReturnType<typeof reportOf>>

const renderLive = ({ report, samples }: Made, language: Language) =>
  renderReportPage(report, { language, samples, note: figuresNote, live: true })

/** The page as a file to keep: both languages inside. */
export function renderFile(made: { report: SyncRateReport; samples: Record<string, string[]> }, language: Language) {
  return renderReportPage(made.report, { language, samples: made.samples, note: figuresNote })
}

export async function writePage(path: string, made: Made): Promise<void> {
  await writeFile(path, renderFile(made, 'vi'))
}

/** A page of another name that points here by a trick of the name server is not served. */
const isLocal = (request: IncomingMessage) => /^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? '')

const word = z.string().max(100).optional()
const ListQuery = z.object({
  from: z.iso.date().default(year.from),
  to: z.iso.date().default(year.to),
  agency: word,
  level: word,
  procedure: word,
  cause: word,
  state: z.enum(['delivered', 'gap']).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
})

/** The dossiers behind a number: what the links of the page point to. */
async function answerList(sql: Sql, url: URL, response: ServerResponse): Promise<void> {
  const query = ListQuery.safeParse(Object.fromEntries([...url.searchParams].filter(([, value]) => value !== '')))
  if (!query.success) return end(response, 400, 'text/plain', 'This address is not understood')
  end(response, 200, 'application/json', JSON.stringify(await listDossiers(sql, query.data), null, 1))
}

function end(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'content-security-policy': `${pagePolicy}; frame-ancestors 'none'`,
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  })
  response.end(text)
}
