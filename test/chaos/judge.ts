import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { dossierPayload, stepPayload } from '../../adapters/portal/wire.ts'
import { digestOf } from '../../adapters/sandbox/history.ts'
import type { Dialect } from '../../config/dialects.ts'
import { DossierChange, Step } from '../../src/dossiers/model.ts'
import { changeOf, markOfVersion, statusOf, stepsOf, type Plan, type PlannedDossier } from './plan.ts'
import { agencyName, nationalProcedure } from './stage.ts'

/** One line of the sandbox's history. */
export type Entry =
  | { readonly at: number; readonly call: string }
  | { readonly at: number; readonly away: number }
  | {
      readonly at: number
      readonly write: number
      readonly operation: 'create' | 'update' | 'step' | 'planted'
      readonly code: string
      readonly digest: string
      readonly mark: string
    }

/** What the portal must have been sent, rendered from the clients' own words and not from the ledger. */
export interface Rendering {
  version(dossier: PlannedDossier, version: number): string
  step(dossier: PlannedDossier, step: number): string
}

export function renderingOf(dialect: Dialect): Rendering {
  return {
    version(dossier, version) {
      const number = dossier.pushes.findIndex((push) => push.what === 'change' && push.version === version)
      const { code, steps: _steps, ...content } = DossierChange.parse(changeOf(dossier.pushes[number]!))
      const procedure = { ...nationalProcedure(content.procedureCode), publishedOn: null, endsOn: null, open: true }
      const status = statusOf(version, dossier.versions)
      return digestOf(
        dossierPayload({ code, content, status, procedure, agencyName: agencyName(content.agencyCode) }, dialect),
      )
    },
    step(dossier, number) {
      const step = Step.parse(stepsOf(number).at(-1))
      return digestOf(stepPayload({ dossierCode: dossier.code, step, status: 'processing' }, dialect))
    },
  }
}

export type Tell = (column: 'invented' | 'older over newer' | 'reordered' | 'duplicate steps', example: string) => void

/** Follows every dossier through its writes: versions only rise, steps come once and in order, nothing is unheard of. */
export class WriteJudge {
  readonly #plan: Plan
  readonly #rendering: Rendering
  readonly #tell: Tell
  /** By dossier: the newest version and step so far. */
  readonly #versions: Uint8Array
  readonly #steps: Uint8Array
  repeatedContents = 0
  writes = 0

  constructor(plan: Plan, rendering: Rendering, tell: Tell) {
    this.#plan = plan
    this.#rendering = rendering
    this.#tell = tell
    this.#versions = new Uint8Array(plan.dossiers)
    this.#steps = new Uint8Array(plan.dossiers)
  }

  take({ operation, code, digest, mark, write }: Extract<Entry, { write: number }>): void {
    this.writes += 1
    const dossier = this.#plan.find(code)
    const said = `${code} write ${write}: ${operation} ${mark}`
    const mayBeThere = dossier && (dossier.fate === 'delivered' || dossier.fate === 'step-refused')
    if (!mayBeThere || operation === 'planted') return this.#tell('invented', said)
    if (operation === 'step') this.#step(dossier, { digest, mark, said })
    else this.#content(dossier, { digest, mark, said })
  }

  #content(dossier: PlannedDossier, { digest, mark, said }: Said): void {
    const version = Number(/^v(\d+)$/.exec(mark)?.[1] ?? 0)
    if (version < 1 || version > dossier.versions) return this.#tell('invented', said)
    if (this.#rendering.version(dossier, version) !== digest) this.#tell('invented', `${said} with another content`)
    const before = this.#versions[dossier.index]!
    if (version < before) this.#tell('older over newer', `${said} after ${markOfVersion(before)}`)
    if (version === before) this.repeatedContents += 1
    this.#versions[dossier.index] = version
  }

  #step(dossier: PlannedDossier, { digest, mark, said }: Said): void {
    const step = Number(/^s(\d+)$/.exec(mark)?.[1] ?? 0)
    if (step < 1 || step > dossier.steps || this.#rendering.step(dossier, step) !== digest)
      return this.#tell('invented', said)
    // A bit for each step that is there: a planned dossier has at most seven.
    const before = this.#steps[dossier.index]!
    const bit = 1 << step
    if (before & bit) this.#tell('duplicate steps', said)
    else if (before > bit) this.#tell('reordered', `${said} after s${31 - Math.clz32(before)}`)
    this.#steps[dossier.index] = before | bit
  }
}

interface Said {
  readonly digest: string
  readonly mark: string
  readonly said: string
}

/** Lines of a long NDJSON answer, one by one. */
export async function* linesOf<T>(url: string): AsyncGenerator<T> {
  const answer = await fetch(url)
  if (!answer.ok || !answer.body) throw new Error(`The sandbox does not show ${url}: ${answer.status}`)
  for await (const line of createInterface({ input: Readable.fromWeb(answer.body), crlfDelay: Infinity }))
    yield JSON.parse(line) as T
}
