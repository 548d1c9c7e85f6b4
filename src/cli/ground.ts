import { once } from 'node:events'
import type { Settings } from '../../config/settings.ts'
import { loadSettings, prepareGround, type Ground } from '../main.ts'
import type { Portal } from '../delivery/portal.ts'
import { createLog } from '../platform/log.ts'
import { Interrupted, UsageError } from './exits.ts'

/**
 * Runs `work` on the ledger, beside a running service where there is one, and leaves nothing open. Ctrl-C ends the command
 * in order.
 */
export async function withGround<T>(work: (ground: Ground) => Promise<T>): Promise<T> {
  return onGround(loadSettings(), (ground, signal) => Promise.race([work(ground), interruptedBy(signal)]))
}

/** Like `withGround`, for work that takes long and stops by itself, at a good moment, when the signal says so. */
export async function withGroundUntilStopped<T>(work: (ground: Ground, stop: AbortSignal) => Promise<T>): Promise<T> {
  return onGround(loadSettings(), work)
}

/** The ground, with its connection to Redis made, or waited for in vain: work without it is the command's to judge. */
export async function openGround(settings: Settings): Promise<Ground> {
  // The log goes to stdout, which belongs to the answer.
  const ground = await prepareGround(settings, { attach: true, log: createLog('silent') })
  if (ground.redis.status !== 'ready')
    await once(ground.redis, 'ready', { signal: AbortSignal.timeout(3_000) }).catch(() => undefined)
  return ground
}

async function onGround<T>(settings: Settings, work: (ground: Ground, stop: AbortSignal) => Promise<T>): Promise<T> {
  return stoppable(async (stop) => {
    const opening = openGround(settings)
    const ground = await Promise.race([opening, interruptedBy(stop)])
    try {
      return await work(ground, stop)
    } finally {
      await ground.close()
    }
  })
}

/** The first Ctrl-C asks for an orderly end, the second one ends at once. */
export async function stoppable<T>(work: (stop: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(130)
    controller.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  try {
    return await work(controller.signal)
  } finally {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
  }
}

/** Settles only when the signal fires, and then as an error. */
function interruptedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(new Interrupted())
    signal.addEventListener('abort', () => reject(new Interrupted()), { once: true })
  })
}

export function portalOf(ground: Ground): Portal {
  if (!ground.portal)
    throw new UsageError(['PORTAL_URL is not set, so there is no portal to ask. Set PORTAL_URL and PORTAL_UNIT.'])
  return ground.portal
}
