import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KnownSession, PortalFailure, SessionStore } from '../../src/delivery/portal.ts'

/** Why there is no session. Nothing but the login has left: the work itself is certainly not processed. */
export interface NoSession {
  readonly ok: false
  readonly failure: PortalFailure
  readonly code: string | null
  readonly message: string | null
  readonly retryAfter: number | undefined
}
export type LoggedIn = { readonly ok: true; readonly session: string } | NoSession
type Obtained = { readonly ok: true; readonly session: KnownSession } | NoSession
/** Performs one login at the portal. */
type LogIn = () => Promise<LoggedIn>

interface Options {
  readonly store: SessionStore
  readonly endpoint: string
  readonly maxAge: number
  readonly loginTimeout: number
}

/**
 * Single flight over all workers: the store's lock picks the one who logs in, all others wait for what it writes. Within
 * this process callers share one wait, so that a wrong password is tried once and not once for every dossier.
 */
export function createSessions(options: Options) {
  let shared: Promise<Obtained> | null = null

  /** `expired` is a generation that the portal no longer takes. */
  return async function obtain(logIn: LogIn, expired = -1): Promise<Obtained> {
    for (;;) {
      const current = await readUsable(options, expired, expired < 0 ? trusted : 0)
      if (current !== null) return { ok: true, session: current }
      const isMine = shared === null
      shared ??= renew(options, logIn, expired).finally(() => {
        shared = null
      })
      const outcome = await shared
      // Someone else's wait may have been content with the very session that is expired for us: then it is our turn.
      if (isMine || !outcome.ok || outcome.session.generation > expired) return outcome
    }
  }
}

/** In milliseconds. */
export const ageOf = (session: KnownSession): number => performance.now() - session.obtainedAt

/** For this long a session is taken on trust, in milliseconds: whoever finds it over asks again. */
const trusted = 1_000

async function readUsable(
  { store, endpoint, maxAge }: Options,
  expired: number,
  oldest = 0,
): Promise<KnownSession | null> {
  const current = await store.read(endpoint, oldest)
  if (current === null || current.generation <= expired) return null
  return ageOf(current) < maxAge ? current : null
}

async function renew(options: Options, logIn: LogIn, expired: number): Promise<Obtained> {
  const { store, endpoint, loginTimeout } = options
  // Longer than one login with its wait for the pace; if a winner still outlives it, a second login does no harm.
  const lease = 2 * loginTimeout + 5_000
  const owner = randomUUID()
  const end = performance.now() + loginTimeout
  for (let pause = 20; ; pause = Math.min(pause * 2, 250)) {
    if (await store.tryLock(endpoint, owner, lease)) return logInAsOwner(options, owner, logIn, expired)
    if (performance.now() >= end) return tooLate
    await sleep(pause)
    const current = await readUsable(options, expired)
    if (current !== null) return { ok: true, session: current }
  }
}

const tooLate: NoSession = {
  ok: false,
  failure: 'portal-login',
  code: null,
  message: "another worker's login did not end in time",
  retryAfter: undefined,
}

async function logInAsOwner(options: Options, owner: string, logIn: LogIn, expired: number): Promise<Obtained> {
  const { store, endpoint } = options
  try {
    // Between our last look and the lock, the one before us may have written.
    const current = await readUsable(options, expired)
    if (current !== null) return { ok: true, session: current }
    const result = await logIn()
    if (!result.ok) return result
    const generation = await store.write(endpoint, owner, result.session)
    return { ok: true, session: { session: result.session, generation, obtainedAt: performance.now() } }
  } finally {
    await store.unlock(endpoint, owner)
  }
}
