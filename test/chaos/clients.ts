import { setTimeout as sleep } from 'node:timers/promises'
import { randomOf } from '../../adapters/sandbox/chance.ts'
import { changeOf, mostPushes, stepsBy, stepsOf, type Parcel, type Plan, type Push } from './plan.ts'

/** What a client was told about one push; several answers leave several marks. */
export const told = { stored: 1, superseded: 2, unchanged: 4, refused: 8, nothing: 16 } as const
type Word = keyof typeof told

/** Everything that clients were told, push by push. */
export interface Answers {
  of(push: Push): number
  /** Pushes that have a final answer. */
  answered(): number
  /** Requests whose answer never came. */
  unheard(): number
}

export interface Clients {
  readonly answers: Answers
  /** Clients may go on until this share of the plan is pushed. */
  open(share: number): void
  /** While true, clients send nothing new. */
  hold(held: boolean): void
  /** Resolves when the share that is open has been pushed, or after so many milliseconds. */
  caughtUp(milliseconds: number): Promise<boolean>
  inFlight(): number
  stop(): Promise<void>
}

export interface ClientOptions {
  readonly plan: Plan
  readonly key: string
  readonly count: number
  readonly apis: () => readonly string[]
}

/** A client gives up waiting after this long, in milliseconds, and pushes again later. */
const patience = 15_000

interface Again {
  readonly parcel: Parcel
  readonly at: number
}

export function startClients({ plan, key, count, apis }: ClientOptions): Clients {
  const marks = new Uint8Array(plan.dossiers * mostPushes)
  const place = ({ dossier, number }: Push) => dossier.index * mostPushes + number
  const final = told.stored | told.superseded | told.unchanged | told.refused
  const state = { answered: 0, unheard: 0, begun: 0, share: 0, held: false, inFlight: 0 }
  const again: Again[] = []
  const parcels = plan.parcels()
  const stopping = new AbortController()

  const hear = (push: Push, word: Word) => {
    const before = marks[place(push)]!
    marks[place(push)] = before | told[word]
    if ((before & final) === 0 && (told[word] & final) !== 0) state.answered += 1
  }
  const next = (): Parcel | null => {
    const due = again.findIndex(({ at }) => at <= performance.now())
    if (due >= 0) return again.splice(due, 1)[0]!.parcel
    if (state.held || state.begun >= plan.pushes * state.share) return null
    const fresh = parcels.next()
    if (fresh.done) return null
    state.begun += fresh.value.pushes.length
    return fresh.value
  }
  const client = async (number: number) => {
    const draw = randomOf(plan.seed + 31 * number)
    while (!stopping.signal.aborted) {
      const parcel = next()
      const [api] = apis().length > 0 ? [apis()[Math.floor(draw() * apis().length)]!] : []
      if (!parcel || api === undefined) {
        if (parcel) again.push({ parcel, at: performance.now() + 200 })
        await sleep(20)
        continue
      }
      state.inFlight += 1
      const { rest, lost } = await send({ api, key, parcel, hear, signal: stopping.signal })
      state.inFlight -= 1
      if (lost) state.unheard += 1
      if (rest.length === 0) continue
      for (const push of lost ? rest : []) hear(push, 'nothing')
      again.push({ parcel: { door: parcel.door, pushes: rest }, at: performance.now() + 300 + draw() * 1_200 })
    }
  }
  const running = Array.from({ length: count }, (_, number) => client(number))
  const finished = () => state.answered === plan.pushes
  return {
    answers: {
      of: (push) => marks[place(push)]!,
      answered: () => state.answered,
      unheard: () => state.unheard,
    },
    open: (share) => (state.share = share),
    hold: (held) => (state.held = held),
    async caughtUp(milliseconds) {
      const end = performance.now() + milliseconds
      while (state.begun < plan.pushes * state.share && !finished()) {
        if (performance.now() > end) return false
        await sleep(20)
      }
      return true
    },
    inFlight: () => state.inFlight,
    async stop() {
      stopping.abort()
      await Promise.all(running)
    },
  }
}

interface Sending {
  readonly api: string
  readonly key: string
  readonly parcel: Parcel
  readonly hear: (push: Push, word: Word) => void
  readonly signal: AbortSignal
}

/** Sends one parcel. `rest` has no answer yet; `lost`: nobody can say whether it was taken. */
async function send(sending: Sending): Promise<{ rest: readonly Push[]; lost: boolean }> {
  const { pushes, door } = sending.parcel
  const heard = { count: 0 }
  try {
    if (door === 'stream') await stream(sending, heard)
    else if (!(await ask(sending, heard))) return { rest: pushes, lost: false }
    return { rest: pushes.slice(heard.count), lost: heard.count < pushes.length }
  } catch {
    return { rest: pushes.slice(heard.count), lost: true }
  }
}

interface Told {
  readonly result: Word
}

/** PUT, batch and steps: one answer for all. False: told to come again (the dossier is not known yet, or the service is away). */
async function ask({ api, key, parcel, hear, signal }: Sending, heard: { count: number }): Promise<boolean> {
  const { door, pushes } = parcel
  const [push] = pushes
  const { code } = push!.dossier
  const request = {
    put: () => ['PUT', code, changeOf(push!)] as const,
    steps: () => ['POST', `${code}/steps`, { steps: stepsOf(stepsBy(push!.dossier, push!)) }] as const,
    batch: () => ['POST', 'batch', pushes.map(changeOf)] as const,
    stream: () => ['POST', 'stream', null] as const,
  }
  const [method, path, body] = request[door]()
  const answer = await fetch(`${api}/v1/dossiers/${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.any([signal, AbortSignal.timeout(patience)]),
  })
  const text = await answer.text()
  if (answer.status >= 500) throw new Error(`${answer.status}`)
  if (answer.status === 404 || answer.status === 429) return false
  const results = answer.ok ? resultsOf(JSON.parse(text)) : pushes.map((): Told => ({ result: 'refused' }))
  for (const [index, { result }] of results.entries()) hear(pushes[index]!, result)
  heard.count = results.length
  return true
}

function resultsOf(body: unknown): Told[] {
  const { results } = body as { results?: Told[] }
  return results ?? [body as Told]
}

/** Line by line: what was answered before the line was cut counts. */
async function stream({ api, key, parcel, hear, signal }: Sending, heard: { count: number }): Promise<void> {
  const answer = await fetch(`${api}/v1/dossiers/stream`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' },
    body: parcel.pushes.map((push) => `${JSON.stringify(changeOf(push))}\n`).join(''),
    signal: AbortSignal.any([signal, AbortSignal.timeout(patience)]),
  })
  if (!answer.ok || !answer.body) throw new Error(`${answer.status}`)
  let rest = ''
  for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop()!
    for (const line of lines) {
      hear(parcel.pushes[heard.count]!, (JSON.parse(line) as Told).result)
      heard.count += 1
    }
  }
}
