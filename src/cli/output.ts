import type { Command } from 'commander'

export interface Switches {
  readonly json: boolean
  readonly verbose: boolean
}

/** The switches every command has, wherever on the line they stand. */
export function switchesOf(command: Command): Switches {
  const { json, verbose } = command.optsWithGlobals<{ json?: boolean; verbose?: boolean }>()
  return { json: json ?? false, verbose: verbose ?? false }
}

/** A result, on stdout. */
export const say = (text: string): void => console.log(text)
/** A remark, on stderr, so that stdout stays clean for the next program. */
export const remark = (text: string): void => console.error(text)
export const sayJson = (value: unknown): void => console.log(JSON.stringify(value, null, 2))

/** One of the two, by --json. */
export function answer({ json }: Switches, value: unknown, text: () => string): void {
  if (json) sayJson(value)
  else say(text())
}

/** What comes from outside must not steer the terminal. */
export const plain = (text: string): string => text.replace(/\p{C}/gu, '?')

const widthOf = (text: string) => Array.from(text.normalize('NFC')).length

/** Columns side by side; the last one is not padded. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => widthOf(row[column] ?? ''))))
  const pad = (cell: string, column: number) => cell + ' '.repeat(Math.max(0, widths[column]! - widthOf(cell)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => pad(plain(cell), column))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Seconds as people say them. */
export function ageOf(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`
}
