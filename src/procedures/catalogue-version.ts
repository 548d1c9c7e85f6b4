import type { Tx } from '../platform/database.ts'

/** The version of all that decides whether a dossier can be sent: procedures, mappings, status words and units. */

/**
 * Raises the catalogue's version. Held to commit, so versions follow the order in which changes become visible. With local codes, only
 * dossiers under these are judged again; without, all that are blocked.
 */
export async function raiseVersion(tx: Tx, localCodes?: readonly string[]): Promise<void> {
  await tx`update catalogue_version set version = version + 1, narrow = ${localCodes !== undefined}`
  if (localCodes === undefined) return
  await tx`
    insert into catalogue_codes (local_code, version)
    select distinct code, (select version from catalogue_version) from unnest(${[...localCodes]}::text[]) as code
    on conflict (local_code) do update set version = excluded.version, raised_at = now(), settled = false`
}

/** Nobody else changes the catalogue until this transaction ends: whoever decides sees what was decided before. */
export async function lockCatalogue(tx: Tx): Promise<void> {
  await tx`select version from catalogue_version for update`
}
