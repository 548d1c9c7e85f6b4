import type { History } from './history.ts'

/** What the sandbox holds of one dossier. */
export interface HeldDossier {
  readonly code: string
  readonly payload: Record<string, unknown>
  readonly steps: readonly Record<string, unknown>[]
  readonly creates: number
  readonly updates: number
  readonly stepWrites: number
  /** Place in the order of all writes: of the first and of the last one that touched it. */
  readonly firstWrite: number
  readonly lastWrite: number
}

interface Entry {
  payload: Packed
  /** JSON objects joined by commas: a hundred thousand small arrays would cost more than what they hold. */
  steps: Packed
  creates: number
  updates: number
  stepWrites: number
  firstWrite: number
  lastWrite: number
}

/** JSON as the characters of its UTF-8 bytes: Vietnamese kept this way takes half the memory of a common string. */
type Packed = string

/** Everything the sandbox received, packed: bytes and counters, so that 100,000 dossiers stay small. */
export class DossierStore {
  readonly #entries = new Map<string, Entry>()
  readonly #history: History | undefined
  #writes = 0
  creates = 0
  updates = 0
  steps = 0

  constructor(history?: History) {
    this.#history = history
  }

  get size(): number {
    return this.#entries.size
  }

  has(code: string): boolean {
    return this.#entries.has(code)
  }

  codes(): IterableIterator<string> {
    return this.#entries.keys()
  }

  get(code: string): HeldDossier | undefined {
    const entry = this.#entries.get(code)
    return entry && opened(code, entry)
  }

  *all(): Generator<HeldDossier> {
    for (const [code, entry] of this.#entries) yield opened(code, entry)
  }

  create(code: string, payload: unknown): void {
    this.#writes += 1
    this.creates += 1
    this.#history?.applied('create', code, payload)
    this.#entries.set(code, {
      payload: packed(payload),
      steps: '',
      creates: 1,
      updates: 0,
      stepWrites: 0,
      firstWrite: this.#writes,
      lastWrite: this.#writes,
    })
  }

  update(code: string, payload: unknown): void {
    const entry = this.#touched(code)
    entry.payload = packed(payload)
    entry.updates += 1
    this.#history?.applied('update', code, payload)
    this.updates += 1
  }

  addStep(code: string, step: unknown): void {
    const entry = this.#touched(code)
    entry.steps = entry.steps === '' ? packed(step) : `${entry.steps},${packed(step)}`
    entry.stepWrites += 1
    this.#history?.applied('step', code, step)
    this.steps += 1
  }

  /** Plants a lost dossier. */
  delete(code: string): boolean {
    return this.#entries.delete(code)
  }

  /** Plants a discrepancy: no write is counted. */
  patch(code: string, fields: Readonly<Record<string, unknown>>): boolean {
    const entry = this.#entries.get(code)
    if (!entry) return false
    const payload = { ...opened(code, entry).payload, ...fields }
    this.#history?.applied('planted', code, payload)
    entry.payload = packed(payload)
    return true
  }

  /** Plants lost steps. */
  deleteSteps(code: string): boolean {
    const entry = this.#entries.get(code)
    if (entry) entry.steps = ''
    return entry !== undefined
  }

  clear(): void {
    this.#entries.clear()
    this.#writes = 0
    this.creates = 0
    this.updates = 0
    this.steps = 0
  }

  #touched(code: string): Entry {
    const entry = this.#entries.get(code)
    if (!entry) throw new Error('A dossier must be created before it is changed')
    this.#writes += 1
    entry.lastWrite = this.#writes
    return entry
  }
}

function packed(value: unknown): Packed {
  return Buffer.from(JSON.stringify(value)).toString('latin1')
}

function unpacked(text: Packed): unknown {
  return JSON.parse(Buffer.from(text, 'latin1').toString())
}

function opened(code: string, { payload, steps, ...counts }: Entry): HeldDossier {
  return {
    code,
    payload: unpacked(payload) as Record<string, unknown>,
    steps: unpacked(`[${steps}]`) as Record<string, unknown>[],
    ...counts,
  }
}
