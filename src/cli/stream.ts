import { createReadStream } from 'node:fs'
import { request as requestHttp, type ClientRequest, type IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import { pipeline } from 'node:stream/promises'
import { linesOf } from '../platform/lines.ts'
import { CommandFailed, Interrupted } from './exits.ts'

/** What the service said to one line; only what the command line shows. */
export interface LineAnswer {
  readonly line: number
  readonly code: string | null
  readonly result: string
  readonly findings?: readonly { code: string; field?: string; detail: string }[]
}

export interface StreamWish {
  readonly file: string
  readonly url: string
  readonly key: string
  readonly stop: AbortSignal
  readonly onBytes: (sent: number) => void
}

const longestAnswer = 16 * 1024 * 1024

/**
 * Sends a file of dossiers to a running service and yields its answers, line by line, while lines still leave. Nothing is
 * held in memory. Sending the same file again is harmless: what is stored already is answered `unchanged`.
 */
export async function* streamDossiers({ file, url, key, stop, onBytes }: StreamWish): AsyncGenerator<LineAnswer> {
  const address = new URL('/v1/dossiers/stream', url)
  const open = address.protocol === 'https:' ? requestHttps : requestHttp
  const request = open(address, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' },
    signal: stop,
  })
  const answered = responseOf(request)
  const source = createReadStream(file)
  source.on('data', () => onBytes(source.bytesRead))
  // A refusal ends the sending; what it was is read from the response.
  const sent = pipeline(source, request).catch((error: unknown) => error)
  try {
    const response = await answered
    if (response.statusCode !== 200) throw new CommandFailed(await refusalOf(response))
    // A connection that is cut throws here.
    for await (const lines of linesOf(response as AsyncIterable<Uint8Array>, longestAnswer))
      for (const line of lines) if ('bytes' in line) yield JSON.parse(line.bytes.toString('utf8')) as LineAnswer
    await sent
  } catch (error) {
    throw told(error, stop, address.origin)
  } finally {
    source.destroy()
    request.destroy()
  }
}

const responseOf = (request: ClientRequest): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    request.once('response', resolve)
    // Stays on: an error after the answer began is noticed in the answer itself.
    request.on('error', reject)
  })

async function refusalOf(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) text += chunk.slice(0, 10_000)
  try {
    const { detail, next } = JSON.parse(text) as { detail?: string; next?: { en?: string } }
    if (detail) return `The service refused: ${detail}. ${next?.en ?? ''}`.trim()
  } catch {
    // Not our service's own words.
  }
  return `The address answers, but not as this service does (HTTP ${response.statusCode}). Check --url.`
}

function told(error: unknown, stop: AbortSignal, origin: string): unknown {
  if (error instanceof CommandFailed) return error
  if (stop.aborted) return new Interrupted()
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND')
    return new CommandFailed(`No service answers at ${origin}. Start it with "dvcqg serve", or name another --url.`)
  return new CommandFailed('The connection was cut. Send the file again: what is stored already is only compared.')
}
