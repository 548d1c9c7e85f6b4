import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { stepPayload } from '../../adapters/portal/wire.ts'
import { Step } from '../../src/dossiers/model.ts'
import { destination } from '../contract/sandbox-client.ts'
import { personalMark, stepsOf, type PlannedDossier } from './plan.ts'
import type { Column, VerifyGround } from './verify.ts'

/**
 * Damage done on purpose after everything has settled, behind the service's back. Each must show in its column; a verifier that
 * does not see it proves nothing.
 */
export interface Sabotage {
  readonly shows: Column
  readonly about: string
  run(ground: VerifyGround): Promise<void>
}

type Wire = Record<string, unknown>

/** A dossier that was delivered with at least so many versions and steps. */
function victim({ plan }: VerifyGround, versions: number, steps: number): PlannedDossier {
  for (let index = 0; index < plan.dossiers; index += 1) {
    const dossier = plan.dossier(index)
    if (dossier.fate === 'delivered' && dossier.versions >= versions && dossier.steps >= steps) return dossier
  }
  throw new Error('The plan is too short for this sabotage')
}

/** Calls the sandbox as anybody could who has the account. */
async function atPortal({ stage }: VerifyGround): Promise<(service: string, fields: Wire) => Promise<unknown>> {
  const post = async (path: string, body: Wire) => {
    const answer = await fetch(`${stage.sandbox.url}/mapi/${path}?dstcode=${destination}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return (await answer.json()) as Wire
  }
  const { session } = await post('login', { username: 'sandbox', password: 'sandbox' })
  return (service, fields) => post('g', { session, madonvi: '000.00.00.H34', service, ...fields })
}

async function control({ stage }: VerifyGround, method: string, path: string, body?: unknown): Promise<unknown> {
  const answer = await fetch(`${stage.sandbox.controlUrl}/${path}`, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
  if (!answer.ok) throw new Error(`The sandbox refused: ${answer.status}`)
  return answer.status === 204 ? null : answer.json()
}

async function heldSteps(ground: VerifyGround, code: string): Promise<Wire[]> {
  return ((await control(ground, 'GET', `dossiers/${code}`)) as { steps: Wire[] }).steps
}

export const sabotages = {
  'drop-change': {
    shows: 'lost',
    about: 'deletes an answered change from the ledger',
    async run(ground) {
      const { code } = victim(ground, 2, 0)
      await ground.stage.ledger(
        (sql) => sql`
          delete from changes where version = 1 and dossier_id = (select id from dossiers where code = ${code})`,
      )
    },
  },
  'drop-step': {
    shows: 'lost',
    about: 'deletes an answered step from the ledger',
    async run(ground) {
      const { code } = victim(ground, 1, 2)
      await ground.stage.ledger(
        (sql) => sql`
          delete from steps where id = (
            select max(s.id) from steps s join dossiers d on d.id = s.dossier_id where d.code = ${code})`,
      )
    },
  },
  'lose-at-portal': {
    shows: 'lost',
    about: 'deletes a delivered dossier at the sandbox',
    run: async (ground) => void (await control(ground, 'DELETE', `dossiers/${victim(ground, 1, 0).code}`)),
  },
  'change-at-portal': {
    shows: 'different',
    about: 'changes one field of a delivered dossier at the sandbox',
    run: async (ground) =>
      void (await control(ground, 'PATCH', `dossiers/${victim(ground, 1, 0).code}`, { ChuHoSo: 'Ai đó' })),
  },
  'old-version': {
    shows: 'older over newer',
    about: 'sends an older version of a dossier to the sandbox',
    async run(ground) {
      const { code } = victim(ground, 2, 0)
      const { payload } = (await control(ground, 'GET', `dossiers/${code}`)) as { payload: Wire }
      const call = await atPortal(ground)
      await call('DongBoHoSoMC', { isUpdating: 'True', data: [{ ...payload, GhiChu: 'v1' }] })
    },
  },
  'duplicate-step': {
    shows: 'duplicate steps',
    about: 'sends a delivered step to the sandbox once more',
    async run(ground) {
      const steps = await heldSteps(ground, victim(ground, 1, 1).code)
      const call = await atPortal(ground)
      await call('CapNhatTienDoHoSoMC', { data: [steps.at(-1)] })
    },
  },
  'reordered-steps': {
    shows: 'reordered',
    about: 'sends the steps of a dossier to the sandbox from the last to the first',
    async run(ground) {
      const { plan, stage } = ground
      const code = plan.stepRefused[0]!
      const call = await atPortal(ground)
      await stage.setFaults([])
      for (const words of stepsOf(plan.find(code)!.steps).toReversed()) {
        const step = Step.parse(words)
        await call('CapNhatTienDoHoSoMC', {
          data: [stepPayload({ dossierCode: code, step, status: 'processing' }, stage.dialect)],
        })
      }
    },
  },
  stranger: {
    shows: 'invented',
    about: 'creates a dossier at the sandbox that nobody pushed',
    async run(ground) {
      const { payload } = (await control(ground, 'GET', `dossiers/${victim(ground, 1, 0).code}`)) as { payload: Wire }
      const call = await atPortal(ground)
      await call('DongBoHoSoMC', { isUpdating: 'False', data: [{ ...payload, MaHoSo: '000.00.01.H34-200703-X' }] })
    },
  },
  burst: {
    shows: 'limit passed',
    about: 'calls the sandbox past the ceiling',
    async run(ground) {
      const call = await atPortal(ground)
      const { code } = victim(ground, 1, 0)
      await Promise.all(Array.from({ length: ground.stage.ceiling * 2 }, () => call('TraCuuHoSo', { mahoso: code })))
    },
  },
  'leave-sending': {
    shows: 'not settled',
    about: 'leaves a dossier sending in the ledger',
    async run(ground) {
      const { code } = victim(ground, 1, 0)
      await ground.stage.ledger(
        (sql) => sql`
          update deliveries set state = 'sending', lease_until = now() + interval '1 hour'
          where dossier_id = (select id from dossiers where code = ${code})`,
      )
    },
  },
  'dead-lease': {
    shows: 'stuck beyond lease',
    about: 'sets the lease of a dossier back again and again, as if nobody swept',
    async run(ground) {
      const { code } = victim(ground, 1, 0)
      for (let tries = 0; tries < 600 && ground.watch.stuck.size === 0; tries += 1) {
        await ground.stage.ledger(
          (sql) => sql`
            update deliveries set state = 'sending', lease_until = now() - interval '10 seconds'
            where dossier_id = (select id from dossiers where code = ${code})`,
        )
        await sleep(20)
      }
    },
  },
  'name-in-redis': {
    shows: 'personal data',
    about: "writes an owner's name into Redis",
    async run({ stage, watch }) {
      const redis = new Redis(stage.servers.redisUrl)
      await redis.set('chaos:name', personalMark).finally(() => redis.disconnect())
      await watch.searchRedis()
    },
  },
} satisfies Record<string, Sabotage>

export type SabotageName = keyof typeof sabotages
