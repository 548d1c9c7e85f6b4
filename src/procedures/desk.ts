import type { Sql } from '../platform/database.ts'
import type { Logger } from '../platform/log.ts'
import { decide, preview, undo, type Decided, type Decision, type Look } from './decisions.ts'
import type { Catalogue, Release } from './model.ts'
import type { CatalogueSource } from './store.ts'

/** A decision, or what it would be. */
export interface Outcome extends Pick<Decided, 'changed' | 'already'> {
  /** Its number, for undo; null when nothing changed or nothing was applied. */
  readonly decision: number | null
  /** The dossiers that are blocked under its codes, as they stood in the moment of the decision. */
  readonly dossiers: Release
}

/** Where persons decide about local codes, from the console, the API or a command: what is decided releases dossiers at once. */
export interface Desk {
  /** Nothing is applied; refuses what `decide` refuses. */
  preview(decision: Decision): Promise<Outcome>
  decide(decision: Decision): Promise<Outcome>
  /** Null: there is no such decision. */
  undo(id: number, act: Pick<Decision, 'by' | 'why'>): Promise<Outcome | null>
}

export interface DeskDeps {
  readonly sql: Sql
  readonly catalogue: CatalogueSource
  readonly release: (catalogue: Catalogue, localCodes: readonly string[]) => Promise<Release>
  /** The same before it happens, inside the transaction of the decision. */
  readonly look: Look
  readonly log: Logger
}

/** Dossiers released while the person waits; more are left to the sweep, which comes within seconds. */
const released = 5_000

export function createDesk({ sql, catalogue, release, look, log }: DeskDeps): Desk {
  const outcomeOf = ({ id, changed, already, dossiers }: Decided): Outcome => ({
    decision: id,
    changed,
    already,
    dossiers: dossiers!,
  })
  const applied = async (decided: Decided) => {
    const outcome = outcomeOf(decided)
    const { localCodes } = decided
    // The decision stands whatever becomes of this: the sweep releases what is left here.
    if (localCodes.length > 0 && outcome.dossiers.blocked <= released)
      await releaseNow(localCodes).catch((error: unknown) =>
        log.warn({ err: error }, 'A decision stands, but its dossiers could not be released at once'),
      )
    return outcome
  }
  const releaseNow = async (localCodes: readonly string[]) => release(await catalogue.fresh(), localCodes)
  return {
    preview: async (decision) => outcomeOf(await preview(sql, decision, look)),
    decide: async (decision) => applied(await decide(sql, decision, look)),
    async undo(id, act) {
      const done = await undo(sql, id, act, look)
      return done && applied(done)
    },
  }
}
