/** The result of one check of `doctor`. */
export interface Finding {
  readonly what: string
  readonly ok: boolean
  readonly detail: string
  /** What to do; null when nothing is wrong. */
  readonly fix: string | null
}

export const fine = (what: string, detail: string): Finding => ({ what, ok: true, detail, fix: null })
export const problem = (what: string, detail: string, fix: string): Finding => ({ what, ok: false, detail, fix })
