import type { Ground } from '../../main.ts'
import { causeWords } from '../../console/words.ts'
import { clockFinding } from './database.ts'
import { fine, problem, type Finding } from './finding.ts'

const patience = 10_000
/** The header counts whole seconds and the answer takes its time. */
const tolerance = 30_000

export async function checkPortal(ground: Ground): Promise<Finding[]> {
  const url = ground.settings.PORTAL_URL
  if (!ground.portal || url === undefined)
    return [
      problem('portal', 'PORTAL_URL is not set: dossiers are taken in and wait', 'Set PORTAL_URL and PORTAL_UNIT.'),
    ]
  const reached = await reach(url)
  if (!reached)
    return [
      problem(
        'portal',
        'the portal does not answer',
        'Check PORTAL_URL, and that this machine may reach it (route, firewall, VPN, proxy).',
      ),
    ]
  const difference = reached.date === null ? null : reached.date - reached.asked
  return [
    fine('portal', 'answers'),
    await logIn(ground.portal),
    ...(difference === null ? [] : [clockFinding('clock (portal)', difference, tolerance)]),
  ]
}

/** Any answer at all shows that the way is open; nothing is asked for. */
async function reach(url: string): Promise<{ asked: number; date: number | null } | null> {
  const before = Date.now()
  try {
    const answer = await fetch(url, { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(patience) })
    const date = Date.parse(answer.headers.get('date') ?? '')
    return { asked: (before + Date.now()) / 2, date: Number.isNaN(date) ? null : date }
  } catch {
    return null
  }
}

async function logIn(portal: NonNullable<Ground['portal']>): Promise<Finding> {
  const result = await portal.checkLogin({ requestIn: new Date(), urgency: 'fresh' })
  if (result.class === 'ok') return fine('portal login', result.message ?? 'accepted')
  const words = causeWords(result.failure ?? result.class)
  const said = result.message ? ` The portal said: ${result.message}` : ''
  return problem(
    'portal login',
    `${words.cause.en}${said}`,
    `${words.next.en} PORTAL_USERNAME, PORTAL_PASSWORD, PORTAL_DSTCODE and PORTAL_DIALECT decide over the login.`,
  )
}
