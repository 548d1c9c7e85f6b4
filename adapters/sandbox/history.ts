import { hash } from 'node:crypto'

/** What was applied to a dossier, or planted by the control API. */
export type Applied = 'create' | 'update' | 'step' | 'planted'

/** Entries joined into one string: a million small strings would cost more than what they hold. */
const entriesPerBlock = 500

/**
 * An append-only log of what arrived and of every write in the order in which it was applied, so that a history can be judged
 * and not only the state it ended in. It holds no content: a digest, and the one text in which a sender may mark its versions.
 */
export class History {
  readonly #blocks: string[] = []
  #open: string[] = []
  #writes = 0

  /** A call arrived, whatever became of it. */
  arrived(service: string): void {
    this.#keep({ at: now(), call: service })
  }

  /** A caller was told to stay away for so many seconds. */
  sentAway(seconds: number): void {
    this.#keep({ at: now(), away: seconds })
  }

  applied(operation: Applied, code: string, content: unknown): void {
    this.#writes += 1
    this.#keep({
      at: now(),
      write: this.#writes,
      operation,
      code,
      digest: digestOf(content),
      mark: markOf(content),
    })
  }

  *lines(): Generator<string> {
    yield* this.#blocks
    if (this.#open.length > 0) yield this.#open.join('')
  }

  #keep(entry: object): void {
    this.#open.push(`${JSON.stringify(entry)}\n`)
    if (this.#open.length < entriesPerBlock) return
    this.#blocks.push(this.#open.join(''))
    this.#open = []
  }
}

/** The same for equal JSON texts. */
export function digestOf(content: unknown): string {
  return hash('sha1', JSON.stringify(content), 'base64').slice(0, 16)
}

const longestMark = 100

/** `GhiChu` of a dossier, `NoiDungXuLy` of a step. */
function markOf(content: unknown): string {
  const { GhiChu: note, NoiDungXuLy: words } = content as Record<string, unknown>
  const mark = words ?? note
  return typeof mark === 'string' ? mark.slice(0, longestMark) : ''
}

/** Milliseconds since 1970, never backwards within this process, with fractions. */
const now = (): number => Math.round((performance.timeOrigin + performance.now()) * 1000) / 1000
