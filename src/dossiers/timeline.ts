import { speaksFor, type ApiClient } from '../platform/auth.ts'
import type { Vault } from '../platform/crypto.ts'
import type { Sql } from '../platform/database.ts'
import { Refusal } from '../platform/problems.ts'
import type { DossierContent, Step } from './model.ts'
import {
  readTimeline,
  type TimelineAttempt,
  type TimelineChange,
  type TimelineDelivery,
  type TimelineDossier,
  type TimelineStep,
} from './store.ts'

/** One dossier for a reader: what the ledger knows of it, without what names people unless that was asked for. */
export interface Timeline {
  readonly dossier: Omit<TimelineDossier, 'id'>
  readonly delivery: TimelineDelivery
  /** Old contents are let go of by age; that the change was there, and when, stays. So it does where its key is not at hand (`unreadable`). */
  readonly changes: readonly (TimelineChange & {
    readonly content: Partial<DossierContent> | null
    readonly unreadable: boolean
  })[]
  readonly steps: readonly (TimelineStep & { readonly content?: Step })[]
  readonly attempts: readonly TimelineAttempt[]
}

/**
 * Throws `not-found` for a code that nobody pushed and for one of another agency alike. With `reveal` (whoever asks for it has checked
 * the right) everything is shown, and the reading is recorded first.
 */
export async function openTimeline(
  { sql, vault }: { readonly sql: Sql; readonly vault: Vault },
  client: ApiClient,
  code: string,
  reveal: boolean,
): Promise<Timeline> {
  const row = await readTimeline(sql, code)
  if (!row || !speaksFor(client, row.dossier.agencyCode))
    throw new Refusal('not-found', 'No dossier with this code was pushed yet')
  if (reveal) await noteReading(sql, client, code)
  const open = (sealed: Buffer, kind: 'change' | 'step'): unknown => {
    try {
      return JSON.parse(vault.open(sealed, `${kind}:${code}`)) as unknown
    } catch {
      return undefined
    }
  }
  const { id: _id, ...dossier } = row.dossier
  return {
    dossier,
    delivery: row.delivery,
    changes: row.changes.map(({ content, ...change }) => {
      const opened = content === null ? undefined : (open(content, 'change') as DossierContent | undefined)
      return { ...change, content: opened ? shown(opened, reveal) : null, unreadable: content !== null && !opened }
    }),
    steps: row.steps.map(({ content, ...step }) => {
      const opened = reveal ? (open(content, 'step') as Step | undefined) : undefined
      return opened ? { ...step, content: opened } : step
    }),
    attempts: row.attempts,
  }
}

/** What may be shown without the right to see personal data: codes, dates and choices; whatever is free text may name people. */
const impersonal = [
  'procedureCode',
  'agencyCode',
  'intakeAgencyCode',
  'receivingAgencyCode',
  'level',
  'status',
  'channel',
  'submittedThrough',
  'submittedAt',
  'receivedAt',
  'promisedAt',
  'finishedAt',
  'returnedAt',
  'refusedAt',
  'returnMethod',
  'hasDigitisedPapers',
  'verifiedWithVneid',
  'paidOnline',
  'databases',
] as const satisfies readonly (keyof DossierContent)[]

function shown(content: DossierContent, reveal: boolean): Partial<DossierContent> {
  if (reveal) return content
  return Object.fromEntries(
    impersonal.filter((field) => content[field] !== undefined).map((field) => [field, content[field]]),
  )
}

async function noteReading(sql: Sql, client: ApiClient, dossierCode: string): Promise<void> {
  await sql`insert into audit (actor, action, subject) values (${`key:${client.id}`}, 'personal-data.read', ${dossierCode})`
}
