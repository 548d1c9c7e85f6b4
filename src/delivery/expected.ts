import type { Vault } from '../platform/crypto.ts'
import type { Sql } from '../platform/database.ts'
import { statusOf, type Catalogue } from '../procedures/model.ts'
import { assess } from './assess.ts'
import type { PortalDossier, PortalStep } from './portal.ts'
import { readDelivered } from './store.ts'

/** What the portal should hold of these dossiers by the ledger; null = nothing was delivered. */
export async function expectedAtPortal(
  sql: Sql,
  vault: Vault,
  catalogue: Catalogue,
  ids: readonly number[],
): Promise<Map<number, { dossier: PortalDossier; steps: PortalStep[] } | null>> {
  const rows = await readDelivered(sql, vault, ids)
  return new Map(
    rows.map(({ id, code, source, content, steps }) => {
      if (!content) return [id, null]
      const judged = assess(catalogue, () => [], { code, source, content })
      if (!judged.ready) return [id, null]
      const sent = steps.flatMap((step) => {
        const status = statusOf(catalogue, source, step.status)
        return status ? [{ dossierCode: code, step, status }] : []
      })
      return [id, { dossier: judged.dossier, steps: sent }]
    }),
  )
}
