import type { z } from 'zod'
import { failures, type FailureCode } from '../../config/failures.ts'

/** One thing that is wrong with an input: a stable code, the field (JSON path), and a detail that never repeats the value. */
export interface Finding {
  readonly code: FailureCode
  readonly field?: string
  readonly detail: string
}

/** RFC 9457 problem document, with the catalogue's words in both languages. */
export interface ProblemDocument {
  type: string
  title: string
  status: number
  code: FailureCode
  detail: string
  field?: string
  cause: { vi: string; en: string }
  next: { vi: string; en: string }
  requestId?: string
  findings?: Finding[]
}

/** A refusal on purpose; the HTTP layer turns it into a problem document. */
export class Refusal extends Error {
  readonly code: FailureCode
  readonly field: string | undefined
  readonly findings: readonly Finding[]
  constructor(code: FailureCode, detail: string, options: { field?: string; findings?: readonly Finding[] } = {}) {
    super(detail)
    this.name = 'Refusal'
    this.code = code
    this.field = options.field
    this.findings = options.findings ?? []
  }
}

export function problemDocument(refusal: Refusal, requestId?: string): ProblemDocument {
  const { status, vi, en } = failures[refusal.code]
  return {
    type: `urn:dvcqg-adapter:problem:${refusal.code}`,
    title: en.cause,
    status,
    code: refusal.code,
    detail: refusal.message,
    ...(refusal.field === undefined ? {} : { field: refusal.field }),
    cause: { vi: vi.cause, en: en.cause },
    next: { vi: vi.next, en: en.next },
    ...(requestId === undefined ? {} : { requestId }),
    ...(refusal.findings.length === 0 ? {} : { findings: [...refusal.findings] }),
  }
}

/** Turns zod's issues into findings that name the field. Values are never repeated: they may be personal data. */
export function findingsOf(error: z.ZodError, prefix = ''): Finding[] {
  return error.issues.flatMap((issue) => findingOf(issue, prefix)).slice(0, 20)
}

type Issue = z.core.$ZodIssue

function findingOf(issue: Issue, prefix: string): Finding[] {
  const field = fieldName(issue.path, prefix)
  if (issue.code === 'unrecognized_keys')
    return issue.keys.slice(0, 5).map((key) => {
      const name = fieldName([...issue.path, key.slice(0, 100)], prefix)
      return { code: 'unknown-field' as const, field: name, detail: `${name} is not a known field` }
    })
  // In a union (a status word or a text) the last member is the widest one and has the plainest complaint.
  if (issue.code === 'invalid_union') {
    const last = issue.errors.at(-1)?.[0]
    return last ? findingOf({ ...last, path: [...issue.path, ...last.path] }, prefix) : []
  }
  const missing = issue.code === 'invalid_type' && issue.input === undefined && /received undefined/.test(issue.message)
  const code: FailureCode = missing ? 'missing-field' : 'invalid-field'
  const named = field === '' ? {} : { field }
  return [
    { code, ...named, detail: missing ? `${field || 'value'} is required` : `${field || 'value'}: ${issue.message}` },
  ]
}

function fieldName(path: readonly PropertyKey[], prefix: string): string {
  return path.reduce<string>((name, part) => {
    if (typeof part === 'number') return `${name}[${part}]`
    return name === '' ? String(part) : `${name}.${String(part)}`
  }, prefix)
}
