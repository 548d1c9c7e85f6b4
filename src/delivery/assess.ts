import type { FailureCode } from '../../config/failures.ts'
import { vietnamDate, type DossierContent } from '../dossiers/model.ts'
import type { Level, UnitAnswer } from '../organisations/model.ts'
import { nationalOf, statusOf, unitOn, type Catalogue, type NationalProcedure } from '../procedures/model.ts'
import type { Status } from '../../config/statuses.ts'
import type { PortalDossier, PortalProblem } from './portal.ts'

export interface Subject {
  readonly code: string
  readonly source: string
  readonly content: DossierContent
  /** When the one-stop system made the change. */
  readonly changedAt: string
}

export interface Obstacle {
  readonly reason: FailureCode
  /** The plain field to correct, when one field is at fault. */
  readonly field: string | null
  readonly text: string
}

export type Assessment =
  | { readonly ready: true; readonly dossier: PortalDossier }
  | { readonly ready: false; readonly obstacle: Obstacle; readonly nationalCode: string | null }

/**
 * Can this dossier be sent, by the catalogue of this moment? What an administrator can remove for many dossiers at once
 * (procedure code, status word, agency) is named before what an officer must correct in one dossier. Nothing is invented
 * to make a dossier pass.
 */
export function assess(
  catalogue: Catalogue,
  problemsOf: (dossier: PortalDossier) => readonly PortalProblem[],
  { code, source, content, changedAt }: Subject,
): Assessment {
  const known = translated(catalogue, { ...content, source, changedAt })
  if (!known.found) return { ready: false, obstacle: known.obstacle, nationalCode: known.nationalCode }
  const { procedure, status, agencyName } = known
  const dossier = { code, content, status, procedure, agencyName }
  const problem = problemsOf(dossier)[0]
  if (!problem) return { ready: true, dossier }
  return {
    ready: false,
    obstacle: { reason: problem.code, field: problem.field, text: problem.detail },
    nationalCode: procedure.code,
  }
}

/** What of a dossier is said in the province's own words. */
interface Local {
  readonly procedureCode: string
  readonly source: string
  readonly agencyCode: string
  readonly level?: Level | undefined
  readonly status: string
  readonly receivedAt: string
  readonly changedAt: string
}

type Translated =
  | {
      readonly found: true
      readonly procedure: NationalProcedure
      readonly status: Status
      readonly agencyName: string
    }
  | { readonly found: false; readonly obstacle: Obstacle; readonly nationalCode: string | null }

/** The province's words in the nation's: procedure, status and unit, by the rules of the day of reception. */
export function translated(catalogue: Catalogue, local: Local): Translated {
  const { procedureCode, source, agencyCode } = local
  const { unit, answer } = nationalOf(catalogue, {
    procedureCode,
    source,
    agencyCode,
    level: local.level ?? null,
    receivedOn: vietnamDate(local.receivedAt),
    unitDay: unitDayOf(catalogue, local),
  })
  if (!answer.found) return untold(answer.reason, 'procedureCode', `procedure ${procedureCode}`, answer.nationalCode)
  const nationalCode = answer.procedure.code
  const status = statusOf(catalogue, source, local.status)
  if (!status) return untold('unmapped-status', 'status', `status "${local.status}" of ${source}`, nationalCode)
  if (!unit!.found) return untold(unit!.reason, 'agencyCode', agencyText(agencyCode, unit!.among), nationalCode)
  return { found: true, procedure: answer.procedure, status, agencyName: unit!.name }
}

type Times = Pick<Local, 'receivedAt' | 'changedAt'>

const unitDayOf = ({ register }: Catalogue, { receivedAt, changedAt }: Times) =>
  vietnamDate(register.day === 'reception' ? receivedAt : changedAt)

/** The unit that handles it, on the day that decides. */
export const unitFor = (catalogue: Catalogue, local: Pick<Local, 'agencyCode' | 'procedureCode'> & Times): UnitAnswer =>
  unitOn(catalogue, { ...local, unitDay: unitDayOf(catalogue, local) })

const agencyText = (code: string, among: readonly string[]) =>
  among.length === 0 ? `agency ${code}` : `agency ${code}: ${among.join(', ')}`

const untold = (reason: FailureCode, field: string, text: string, nationalCode: string | null = null): Translated => ({
  found: false,
  obstacle: { reason, field, text },
  nationalCode,
})
