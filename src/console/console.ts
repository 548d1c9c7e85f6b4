import { finished, Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import cookie from '@fastify/cookie'
import multipart from '@fastify/multipart'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { ApiClient, Authority, Right } from '../platform/auth.ts'
import { decodeUtf8, refusalOfError, type Http } from '../platform/http.ts'
import { problemDocument, Refusal } from '../platform/problems.ts'
import { byItself, consolePolicy, renderFrame, type MenuEntry, type Page } from './frame.ts'
import { address, html, type Html } from './html.ts'
import type { Sessions } from './sessions.ts'
import { besideForm, besideFormPage, keptPage, signInPage } from './sign-in.ts'
import type { Language, Words } from './words.ts'

/** The console: pages for persons, made on the server. Capabilities hang theirs in it; it knows none of them. */

export interface Visit {
  readonly person: ApiClient
  /** As acts are recorded. */
  readonly by: string
  readonly language: Language
}

interface Guarded {
  /** Without directories, because all addresses are relative to `/console/`. */
  readonly path: string
  readonly right: Right
  /** Shows or decides what concerns all agencies: a person who is limited to some does not get in. */
  readonly allAgencies: boolean
}

export interface PageWish<Query extends z.ZodType> extends Guarded {
  /** Its place in the menu; left out, it is not in it. */
  readonly menu?: Words
  /** Whoever has this right comes to it from another page, and does not have it in the menu. */
  readonly menuWithout?: Right
  readonly query: Query
  readonly show: (visit: Visit, query: z.output<Query>) => Promise<Page>
}

export interface ActWish<Form extends z.ZodType> extends Guarded {
  readonly form: Form
  /** Bytes of its longest form, where it is longer than others: taken only from somebody who is signed in. */
  readonly longest?: number
  /** A page (what was typed stands in it), or the address that shows what was done. */
  readonly act: (visit: Visit, form: z.output<Form>) => Promise<Page | { readonly to: string }>
}

/** Content of a page that is renewed while somebody looks at it, in the element whose `data-live` names it. */
export interface LiveWish extends Guarded {
  /** Milliseconds between two of them. */
  readonly every: number
  readonly show: (visit: Visit) => Promise<Html>
}

/** A file that is handed out. */
export interface Download {
  readonly name: string
  readonly type: string
  /** A stream where it may be longer than memory should hold. */
  readonly bytes: Buffer | Readable
}

export interface FileWish<Query extends z.ZodType> extends Guarded {
  readonly query: Query
  readonly give: (visit: Visit, query: z.output<Query>) => Promise<Download>
}

/** A file that is given back: only ever held in memory. */
export interface Upload {
  readonly name: string
  readonly bytes: Buffer
  /** What its form says before the file. */
  readonly fields: Readonly<Record<string, string>>
}

export interface UploadWish extends Guarded {
  readonly act: (visit: Visit, upload: Upload) => Promise<Page | { readonly to: string }>
}

/** A program of others below an address of its own: whatever it answers, who asks is checked first, on every address. */
export interface AreaWish extends Guarded {
  /** Its page asks this by itself: that keeps nobody signed in, and is not led to signing in. */
  readonly unattended: (request: FastifyRequest) => boolean
  /** `visitOf`: who asks. */
  readonly serve: (app: FastifyInstance, visitOf: (request: FastifyRequest) => Visit) => Promise<void>
}

export interface Console {
  page<Query extends z.ZodType>(wish: PageWish<Query>): void
  act<Form extends z.ZodType>(wish: ActWish<Form>): void
  live(wish: LiveWish): void
  file<Query extends z.ZodType>(wish: FileWish<Query>): void
  /** Its form has one file, in the field `file`, behind its other fields. */
  upload(wish: UploadWish): void
  area(wish: AreaWish): void
  /** After all pages are known. */
  open(app: Http): Promise<void>
}

export interface ConsoleDeps {
  readonly authority: Authority
  readonly sessions: Sessions
  /** The address browsers use, where it is not the one that reaches this process. */
  readonly publicUrl: string | undefined
}

const longestForm = 1024 * 1024
const largestFile = 20 * 1024 * 1024
/** Streamed files that one process hands out at once. */
const mostStreams = 3
const languageCookie = 'dvcqg_language'
const language = z.enum(['vi', 'en'])

export function createConsole(deps: ConsoleDeps): Console {
  const wishes: Wishes = { pages: [], acts: [], lives: [], files: [], uploads: [], areas: [] }
  return {
    page: (wish) => void wishes.pages.push(wish),
    act: (wish) => void wishes.acts.push(wish),
    live: (wish) => void wishes.lives.push(wish),
    file: (wish) => void wishes.files.push(wish),
    upload: (wish) => void wishes.uploads.push(wish),
    area: (wish) => void wishes.areas.push(wish),
    async open(app) {
      const scope = async (inner: FastifyInstance) => {
        await inner.register(cookie)
        await new ConsoleServer(deps, wishes).serve(inner)
      }
      await app.register(scope as unknown as Parameters<Http['register']>[0], { prefix: '/console' })
    },
  }
}

interface Wishes {
  readonly pages: PageWish<z.ZodType>[]
  readonly acts: ActWish<z.ZodType>[]
  readonly lives: LiveWish[]
  readonly files: FileWish<z.ZodType>[]
  readonly uploads: UploadWish[]
  readonly areas: AreaWish[]
}

class ConsoleServer {
  readonly #deps: ConsoleDeps
  readonly #wishes: Wishes
  readonly #menu: readonly MenuEntry[]
  readonly #secure: boolean
  readonly #cookie: string
  #streams = 0

  constructor(deps: ConsoleDeps, wishes: Wishes) {
    this.#deps = deps
    this.#wishes = wishes
    this.#menu = wishes.pages.flatMap(({ path, menu, right, menuWithout: without }) =>
      menu ? [{ path, words: menu, right, ...(without && { without }) }] : [],
    )
    this.#secure = deps.publicUrl?.startsWith('https:') ?? false
    // The prefix keeps other programs of the same domain from setting it.
    this.#cookie = this.#secure ? '__Host-dvcqg' : 'dvcqg'
  }

  async serve(app: FastifyInstance): Promise<void> {
    readForms(app)
    app.setErrorHandler((error: Error, request, reply) => this.#problem(request, reply, refusalOfError(error, request)))
    app.setNotFoundHandler((request, reply) =>
      this.#problem(request, reply, new Refusal('not-found', 'There is no such page')),
    )
    app.addHook('onRequest', async (request) => {
      if (request.method !== 'GET' && request.method !== 'HEAD') this.#fromUs(request)
    })
    this.#doors(app)
    this.#showPages(app)
    this.#takeForms(app)
    await app.register((inner) => this.#takeFiles(inner))
    for (const area of this.#wishes.areas)
      await app.register((inner) => this.#openArea(inner, area), { prefix: `/${area.path}` })
  }

  /** The hook comes before anything of the area: its routes, its files, and what it does not know. */
  async #openArea(app: FastifyInstance, { path, serve, unattended, ...guarded }: AreaWish): Promise<void> {
    const visits = new WeakMap<FastifyRequest, Visit>()
    app.addHook('onRequest', async (request, reply) => {
      const alone = unattended(request)
      const visit = await this.#visit(request, guarded, alone)
      if (visit) return void visits.set(request, visit)
      if (alone || request.method !== 'GET') throw signedOut()
      return reply.redirect(`${upTo(request)}${address('sign-in', { next: path.split('/')[0]! })}`, 303)
    })
    await serve(app, (request) => visits.get(request)!)
  }

  #showPages(app: FastifyInstance): void {
    for (const { path, query, show, ...guarded } of this.#wishes.pages)
      app.get(`/${path}`, { schema: { hide: true } }, async (request, reply) => {
        const visit = await this.#visit(request, guarded, byItself in (request.query as object))
        if (!visit) return reply.redirect(address('sign-in', { next: this.#here(request) }), 303)
        const asked = ownQuery(request.query)
        return this.#send(request, reply, await show(visit, parsed(query, asked)), visit)
      })
    this.#keepAlive(app)
    this.#giveFiles(app)
  }

  /** Not to HEAD, which would have a file made and thrown away. */
  #giveFiles(app: FastifyInstance): void {
    for (const { path, query, give, ...guarded } of this.#wishes.files)
      app.get(`/${path}`, { schema: { hide: true }, exposeHeadRoute: false }, async (request, reply) => {
        const visit = await this.#visit(request, guarded)
        if (!visit) return reply.redirect('sign-in', 303)
        const { name, type, bytes } = await give(visit, parsed(query, ownQuery(request.query)))
        return reply
          .headers({ 'cache-control': 'no-store', 'content-disposition': `attachment; filename="${name}"` })
          .type(type)
          .send(bytes instanceof Readable ? this.#inTurn(bytes) : bytes)
      })
  }

  /**
   * Long files read the ledger for minutes: a few at once, so that everything else goes on. What nobody reads any more is ended by the server's
   * time-out of connections.
   */
  #inTurn(bytes: Readable): Readable {
    if (this.#streams >= mostStreams) {
      bytes.destroy()
      throw new Refusal('downloads-busy', `${mostStreams} long files are being downloaded`)
    }
    this.#streams += 1
    finished(bytes, () => {
      this.#streams -= 1
    })
    return bytes
  }

  /** As server-sent events, each one the whole content: whoever missed some is right again with the next. */
  #keepAlive(app: FastifyInstance): void {
    const closing = new AbortController()
    app.addHook('preClose', async () => closing.abort())
    for (const { path, every, show, ...guarded } of this.#wishes.lives)
      app.get(`/${path}`, { schema: { hide: true } }, async (request, reply) => {
        if (!(await this.#visit(request, guarded, true))) throw signedOut()
        const gone = new AbortController()
        request.raw.on('close', () => gone.abort())
        const signal = AbortSignal.any([closing.signal, gone.signal])
        const visit = () => this.#visit(request, guarded, true).catch(() => null)
        return reply
          .headers({ 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
          .type('text/event-stream')
          .send(Readable.from(events(visit, show, { every, signal })))
      })
  }

  #takeForms(app: FastifyInstance): void {
    for (const { path, form, act, longest = longestForm, ...guarded } of this.#wishes.acts) {
      const onRequest = async (request: FastifyRequest) => {
        const isShort = Number(request.headers['content-length']) <= longestForm
        if (!isShort && !(await this.#person(request))) throw signedOut()
      }
      app.post(`/${path}`, { schema: { hide: true }, bodyLimit: longest, onRequest }, async (request, reply) => {
        const visit = await this.#visit(request, guarded)
        if (!visit) return this.#send(request, reply, keptPage(this.#language(request), path, request.body), null)
        return this.#done(request, reply, visit, await act(visit, parsed(form, request.body)))
      })
    }
  }

  /** In a scope of their own, so that no other form is taken in parts. Nothing is read before it is known who sends it. */
  async #takeFiles(app: FastifyInstance): Promise<void> {
    await app.register(multipart, { limits: { fileSize: largestFile, files: 1, fields: 10, parts: 11 } })
    for (const { path, act, ...guarded } of this.#wishes.uploads)
      app.post(`/${path}`, { schema: { hide: true } }, async (request, reply) => {
        const visit = await this.#visit(request, guarded)
        if (!visit) throw signedOut()
        return this.#done(request, reply, visit, await act(visit, await uploadOf(request)))
      })
  }

  #done(request: FastifyRequest, reply: FastifyReply, visit: Visit, done: Page | { readonly to: string }) {
    return 'to' in done ? reply.redirect(done.to, 303) : this.#send(request, reply, done, visit)
  }

  /** Signing in and out, and the way from the bare address to the first page. */
  #doors(app: FastifyInstance): void {
    const hidden = { schema: { hide: true } }
    const signIn = (request: FastifyRequest, reply: FastifyReply, next: string, refusal?: Refusal) =>
      this.#send(request, reply, signInPage(this.#language(request), this.#known(next), refusal), null)
    app.get('/', hidden, async (request, reply) => {
      const inside = request.url.split('?')[0]!.endsWith('/') ? '' : 'console/'
      const person = await this.#person(request)
      return reply.redirect(`${inside}${(person && this.#menuOf(person)[0]?.path) ?? 'sign-in'}`, 303)
    })
    app.get('/sign-in', hidden, async (request, reply) =>
      signIn(request, reply, parsed(z.object({ next: z.string().optional() }), request.query).next ?? ''),
    )
    app.post('/sign-in', hidden, async (request, reply) => {
      const { key, next } = parsed(z.object({ key: z.string().max(200), next: z.string().default('') }), request.body)
      try {
        const person = await this.#deps.authority.identify(key)
        if (!person.person) throw new Refusal('not-a-person', "This is the key of a program, not a person's")
        const token = await this.#deps.sessions.open(person, request.cookies[this.#cookie])
        void reply.setCookie(this.#cookie, token, this.#attributes())
        return reply.redirect(this.#known(next) || this.#menuOf(person)[0]?.path || 'sign-in', 303)
      } catch (error) {
        if (error instanceof Refusal) return signIn(request, reply, next, error)
        throw error
      }
    })
    app.get(`/${besideForm}`, hidden, async (request, reply) => {
      const person = await this.#person(request)
      if (!person) return reply.redirect(address('sign-in', { next: besideForm }), 303)
      const language = this.#language(request)
      return this.#send(request, reply, besideFormPage(language), { person, by: '', language })
    })
    app.post('/sign-out', hidden, async (request, reply) => {
      const token = request.cookies[this.#cookie]
      if (token !== undefined) await this.#deps.sessions.close(token)
      void reply.clearCookie(this.#cookie, this.#attributes())
      return reply.redirect('sign-in', 303)
    })
  }

  #attributes() {
    return { path: '/', httpOnly: true, sameSite: 'lax', secure: this.#secure } as const
  }

  /** Null: nobody is signed in. Throws a refusal when the person may not. */
  async #visit(
    request: FastifyRequest,
    { right, allAgencies }: Omit<Guarded, 'path'>,
    unattended = false,
  ): Promise<Visit | null> {
    const person = await this.#person(request, unattended)
    if (!person) return null
    if (!person.rights.includes(right)) throw new Refusal('missing-right', `The key lacks the right ${right}`)
    if (allAgencies && !person.agencies.includes('*'))
      throw new Refusal('agency-out-of-scope', 'This page concerns all agencies')
    return { person, by: `key:${person.id}`, language: this.#language(request) }
  }

  async #person(request: FastifyRequest, unattended = false): Promise<ApiClient | null> {
    const token = request.cookies[this.#cookie]
    return token === undefined ? null : this.#deps.sessions.find(token, unattended)
  }

  #menuOf({ rights, agencies }: ApiClient): MenuEntry[] {
    const open = new Set(
      this.#wishes.pages.flatMap((page) => (page.allAgencies && !agencies.includes('*') ? [] : page.path)),
    )
    const has = (right: Right | undefined) => right !== undefined && rights.includes(right)
    return this.#menu.filter(({ path, right, without }) => open.has(path) && has(right) && !has(without))
  }

  /** A form that another site sends in a person's name is turned away: browsers say where a form comes from. */
  #fromUs({ headers }: FastifyRequest): void {
    const { publicUrl } = this.#deps
    const ours = publicUrl === undefined ? `http://${headers.host}` : new URL(publicUrl).origin
    if (headers.origin !== ours) throw new Refusal('foreign-form', 'The form does not come from this console')
  }

  /** An address of ours to go back to: nothing else is ever redirected to. */
  #known(next: string): string {
    const [path = '', query] = next.split('?', 2)
    if (path !== besideForm && !this.#wishes.pages.some((page) => page.path === path)) return ''
    return query === undefined ? path : `${path}?${new URLSearchParams(query).toString()}`
  }

  #here(request: FastifyRequest): string {
    const { path, query } = placeOf(request)
    return query === '' ? path : `${path}?${query}`
  }

  #language(request: FastifyRequest): Language {
    const asked = language.safeParse((request.query as { lang?: unknown }).lang)
    const kept = language.safeParse(request.cookies?.[languageCookie])
    return asked.data ?? kept.data ?? 'vi'
  }

  async #problem(request: FastifyRequest, reply: FastifyReply, refusal: Refusal): Promise<FastifyReply> {
    const person = await this.#person(request).catch(() => null)
    const visit = person && { person, by: '', language: this.#language(request) }
    return this.#send(request, reply, problemPage(refusal, this.#language(request), request.id), visit)
  }

  #send(request: FastifyRequest, reply: FastifyReply, page: Page, visit: Visit | null): FastifyReply {
    const asked = language.safeParse((request.query as { lang?: unknown }).lang)
    if (asked.success)
      void reply.setCookie(languageCookie, asked.data, { ...this.#attributes(), maxAge: 365 * 24 * 3600 })
    const framing = {
      language: this.#language(request),
      person: visit && visit.person,
      menu: visit ? this.#menuOf(visit.person) : [],
      here: request.method === 'GET' ? placeOf(request) : null,
    }
    return reply
      .code(page.status ?? 200)
      .headers({
        'content-security-policy': consolePolicy,
        'cache-control': 'no-store',
        'referrer-policy': 'same-origin',
        'content-type': 'text/html; charset=utf-8',
      })
      .serializer(String)
      .send(renderFrame(page, framing))
  }
}

const signedOut = () => new Refusal('signed-out', 'Nobody is signed in any more')

async function uploadOf(request: FastifyRequest): Promise<Upload> {
  if (!request.isMultipart()) throw new Refusal('unsupported-media-type', 'The form has no file')
  try {
    const part = await request.file()
    if (part?.fieldname !== 'file') throw new Refusal('missing-field', 'Choose a file', { field: 'file' })
    const bytes = await part.toBuffer()
    const fields = Object.entries(part.fields).flatMap(([name, one]) => {
      const field = [one].flat()[0]
      return field?.type === 'field' && typeof field.value === 'string' ? [[name, field.value] as const] : []
    })
    return { name: part.filename, bytes, fields: Object.fromEntries(fields) }
  } catch (error) {
    if ((error as FastifyError).code !== 'FST_REQ_FILE_TOO_LARGE') throw error
    throw new Refusal('file-too-large', 'The file is larger than 20 MB', { field: 'file' })
  }
}

/** Ends when nobody is signed in any more, when the browser has gone, or when the server stops. */
async function* events(
  visit: () => Promise<Visit | null>,
  show: LiveWish['show'],
  { every, signal }: { readonly every: number; readonly signal: AbortSignal },
): AsyncGenerator<string> {
  while (!signal.aborted) {
    const someone = await visit()
    if (!someone) return
    yield `data: ${JSON.stringify((await show(someone)).text)}\n\n`
    await sleep(every, undefined, { signal }).catch(() => undefined)
  }
}

/** What every address may have, whatever its page asks. */
const common = ['lang', byItself]

const ownQuery = (query: unknown) =>
  Object.fromEntries(Object.entries(query as Record<string, unknown>).filter(([name]) => !common.includes(name)))

function placeOf({ url }: FastifyRequest): { path: string; query: string } {
  const [address = '', text = ''] = url.split('?', 2)
  const query = new URLSearchParams(text)
  for (const name of common) query.delete(name)
  return { path: address.split('/').at(-1) ?? '', query: query.toString() }
}

/** The way from an address up to `/console/`, whatever a proxy put in front of it. */
const upTo = ({ url }: FastifyRequest) => {
  const inside = url.split('?')[0]!.replace(/^.*?\/console\//, '')
  return '../'.repeat(inside.split('/').length - 1)
}

/** Forms are read here and nowhere else: the API takes JSON alone, which no foreign form can send. */
function readForms(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      const text = decodeUtf8(body as Buffer)
      const pairs = [...new URLSearchParams(text)]
      // What a percent sign hides is decoded leniently by the platform: a byte that is no letter is refused here as well.
      if (pairs.some((pair) => pair.join('').includes('\uFFFD')))
        throw new Refusal('broken-utf8', 'The form holds bytes that are not UTF-8')
      const fields = Map.groupBy(pairs, ([name]) => name)
      done(
        null,
        Object.fromEntries(
          [...fields].map(([name, own]) => [name, own.length === 1 ? own[0]![1] : own.map(([, value]) => value)]),
        ),
      )
    } catch (error) {
      done(error as Error)
    }
  })
}

function parsed<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const field = issue?.path.join('.') ?? ''
  throw new Refusal('invalid-field', `${field}: ${issue?.message}`, { field })
}

/** `requestId` for whoever has to find it in the log. */
export function problemPage(refusal: Refusal, spoken: Language, requestId?: string): Page {
  return {
    title: { vi: 'Chưa thực hiện được', en: 'This was not done' },
    status: problemDocument(refusal).status,
    body: problemNote(refusal, spoken, requestId),
  }
}

/** What is refused, in words: on a page of its own, or on the one that asked. */
export function problemNote(refusal: Refusal, spoken: Language, requestId?: string): Html {
  const { cause, next, field, findings = [], code } = problemDocument(refusal)
  return html`<section class="note bad" role="alert">
    <p><strong>${cause[spoken]}</strong></p>
    <p>${next[spoken]}</p>
    ${findings.slice(0, 20).map(({ detail }) => html`<p>${detail}</p>`)}
    <p class="soft">
      <code>${code}</code
      >${field !== undefined && html` · <code>${field}</code>`}${requestId !== undefined && html` · <code>${requestId}</code>`}
    </p>
  </section>`
}
