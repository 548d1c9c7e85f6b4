import type { FailureCode } from '../../config/failures.ts'
import { vietnamDate, type DossierContent } from '../dossiers/model.ts'
import { findNational, statusOf, type Catalogue } from '../procedures/model.ts'
import type { PortalDossier, PortalProblem } from './portal.ts'

export interface Subject {
  readonly code: string
  readonly source: string
  readonly content: DossierContent
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
  { code, source, content }: Subject,
): Assessment {
  const agency = catalogue.agencies.get(content.agencyCode)
  const procedure = findNational(catalogue, {
    procedureCode: content.procedureCode,
    source,
    agencyCode: content.agencyCode,
    level: content.level ?? agency?.level ?? null,
    receivedOn: vietnamDate(content.receivedAt),
  })
  if (!procedure.found)
    return blocked(procedure.reason, 'procedureCode', `procedure ${content.procedureCode}`, procedure.nationalCode)
  const nationalCode = procedure.procedure.code
  const status = statusOf(catalogue, source, content.status)
  if (!status) return blocked('unmapped-status', 'status', `status "${content.status}" of ${source}`, nationalCode)
  if (!agency) return blocked('unknown-agency', 'agencyCode', `agency ${content.agencyCode}`, nationalCode)
  const dossier = { code, content, status, procedure: procedure.procedure, agencyName: agency.name }
  const problem = problemsOf(dossier)[0]
  if (problem) return blocked(problem.code, problem.field, problem.detail, nationalCode)
  return { ready: true, dossier }
}

function blocked(reason: FailureCode, field: string, text: string, nationalCode: string | null = null): Assessment {
  return { ready: false, obstacle: { reason, field, text }, nationalCode }
}
