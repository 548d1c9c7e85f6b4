import type { DossierContent } from '../dossiers/model.ts'
import type { Vault } from '../platform/crypto.ts'
import type { Sql } from '../platform/database.ts'
import { statusOf, type Catalogue } from '../procedures/model.ts'
import { assess, unitFor } from './assess.ts'
import type { PortalDossier, PortalStep } from './portal.ts'
import { readDelivered, type DeliveredRow } from './store.ts'

interface Expected {
  readonly dossier: PortalDossier
  readonly steps: PortalStep[]
}

/**
 * What the portal should hold of these dossiers by the ledger. Null = nothing was delivered. `untellable` = something was,
 * but today's catalogue no longer knows what it was sent as; `unreadable` = its content cannot be opened. Both say nothing about the portal.
 */
export async function expectedAtPortal(
  sql: Sql,
  vault: Vault,
  catalogue: Catalogue,
  ids: readonly number[],
): Promise<Map<number, Expected | 'untellable' | 'unreadable' | null>> {
  const rows = await readDelivered(sql, vault, ids)
  return new Map(
    rows.map((row) => [
      row.id,
      row.content === null || row.content === 'unreadable' ? row.content : expectedOf(catalogue, row, row.content),
    ]),
  )
}

function expectedOf(catalogue: Catalogue, row: DeliveredRow, content: DossierContent): Expected | 'untellable' {
  const dossier = sentAs(catalogue, row, content)
  if (!dossier) return 'untellable'
  const steps = row.steps.flatMap((step) => {
    const status = statusOf(catalogue, row.source, step.status)
    return status ? [{ dossierCode: row.code, step, status }] : []
  })
  return { dossier, steps }
}

/** By the code it was sent under, even if the procedure was closed or mapped anew since: what was delivered stays delivered. */
function sentAs(
  catalogue: Catalogue,
  { code, source, nationalCode, changedAt }: DeliveredRow,
  content: DossierContent,
): PortalDossier | null {
  const procedure = nationalCode === null ? undefined : catalogue.national.get(nationalCode)
  const unit = unitFor(catalogue, { ...content, changedAt })
  const status = statusOf(catalogue, source, content.status)
  if (procedure && unit.found && status) return { code, content, status, procedure, agencyName: unit.name }
  const judged = assess(catalogue, () => [], { code, source, content, changedAt })
  return judged.ready ? judged.dossier : null
}
