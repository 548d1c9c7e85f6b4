import type postgres from 'postgres'

/**
 * Arrays of PostgreSQL's own types, known beforehand: the driver would ask the server for them on every new connection, and
 * when that question meets a lost connection nobody is there to catch the error.
 */
export const arrayTypes: Record<string, postgres.PostgresType> = {
  texts: arrayOf(1009, (text) => text),
  varchars: arrayOf(1015, (text) => text),
  uuids: arrayOf(2951, (text) => text),
  numerics: arrayOf(1231, (text) => text),
  bigints: arrayOf(1016, Number),
  integers: arrayOf(1007, Number),
  smallints: arrayOf(1005, Number),
  doubles: arrayOf(1022, Number),
  booleans: arrayOf(1000, (text) => text === 't'),
  dates: arrayOf(1182, (text) => new Date(text)),
  timestamps: arrayOf(1115, (text) => new Date(text)),
  instants: arrayOf(1185, (text) => new Date(text)),
  documents: arrayOf(3807, (text) => JSON.parse(text) as unknown),
  bytes: arrayOf(1001, (text) => Buffer.from(text.slice(2), 'hex')),
}

function arrayOf(oid: number, element: (text: string) => unknown): postgres.PostgresType {
  return {
    to: oid,
    from: [oid],
    serialize: (value: unknown) => (Array.isArray(value) ? write(value) : value),
    parse: (text: string) => read(text, element),
  }
}

const write = (items: readonly unknown[]): string =>
  `{${items.map((item) => (Array.isArray(item) ? write(item) : writeOne(item))).join(',')}}`

function writeOne(item: unknown): string {
  if (item === null) return 'null'
  if (item === undefined) throw new TypeError('Undefined values are not allowed in an array parameter')
  return `"${textOf(item).replace(/[\\"]/g, '\\$&')}"`
}

function textOf(item: unknown): string {
  if (typeof item === 'string') return item
  if (item instanceof Date) return item.toISOString()
  if (item instanceof Uint8Array) return `\\x${Buffer.from(item).toString('hex')}`
  return typeof item === 'bigint' ? String(item) : JSON.stringify(item)
}

/** One element: in quotes with everything after a backslash meant literally, or bare. */
const elements = /"((?:[^"\\]|\\.)*)"|([^{},"]+)/gs

/** Of one dimension: the ledger has no others. */
const read = (text: string, element: (text: string) => unknown): unknown[] =>
  Array.from(text.matchAll(elements), ([, quoted, bare]) => {
    if (quoted !== undefined) return element(quoted.replace(/\\(.)/gs, '$1'))
    return bare === undefined || bare === 'NULL' ? null : element(bare)
  })
