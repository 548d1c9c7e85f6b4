import http from 'node:http'
import https from 'node:https'
import { create } from 'axios'

/** One answer as it came, or why none did. */
export type RawAnswer =
  | { readonly status: number; readonly type: string; readonly text: string; readonly retryAfter: string | null }
  | { readonly trouble: 'unreachable' | 'cut' | 'too-long' }

export type Post = (url: string, body: string) => Promise<RawAnswer>

export interface LineLimits {
  readonly deadline: number
  readonly answerBytes: number
}

/** One connection to the one host that is configured, with the cookies that it sets, in memory alone. Never throws. */
export function createPost({ deadline, answerBytes }: LineLimits): Post {
  const cookies = new Map<string, string>()
  const client = create({
    adapter: 'http',
    httpAgent: new http.Agent({ keepAlive: true, maxSockets: 1 }),
    httpsAgent: new https.Agent({ keepAlive: true, maxSockets: 1 }),
    proxy: false,
    // A redirect would lead to another host, or to a page for people.
    maxRedirects: 0,
    maxContentLength: answerBytes,
    responseType: 'arraybuffer',
    transformRequest: [(data: unknown) => data],
    transformResponse: [(data: unknown) => data],
    validateStatus: () => true,
  })
  return async (url, body) => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    try {
      const response = await client.request<Buffer>({
        method: 'POST',
        url,
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          'user-agent': 'dvcqg-adapter',
          ...(cookie === '' ? {} : { cookie }),
        },
        data: body,
        signal: AbortSignal.timeout(deadline),
      })
      keepCookies(cookies, response.headers['set-cookie'])
      return {
        status: response.status,
        type: textOf(response.headers['content-type']) ?? '',
        text: Buffer.from(response.data).toString('utf8'),
        retryAfter: textOf(response.headers['retry-after']),
      }
    } catch (error) {
      return { trouble: troubleOf(error) }
    }
  }
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)

const mostCookies = 50
const longestCookie = 4_096

/** The firewall lets those pass whom it knows. An empty or outdated one is taken back. */
function keepCookies(cookies: Map<string, string>, headers: unknown): void {
  for (const header of Array.isArray(headers) ? headers : []) {
    const [, name, value] = /^\s*([!#$%&'*+.^_`|~\w-]+)=([^;,\s]*)/.exec(String(header)) ?? []
    if (name === undefined || value === undefined || value.length > longestCookie) continue
    if (value === '' || /;\s*max-age=(?:0|-\d+)\s*(?:;|$)/i.test(String(header))) cookies.delete(name)
    else if (cookies.has(name) || cookies.size < mostCookies) cookies.set(name, value)
  }
}

function troubleOf(error: unknown): 'unreachable' | 'cut' | 'too-long' {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (at.message.includes('maxContentLength')) return 'too-long'
    if (at.message.includes('aborted')) return 'cut'
  }
  return 'unreachable'
}
