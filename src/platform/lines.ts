export type Line = { readonly number: number } & ({ readonly bytes: Buffer } | { readonly tooLong: true })

const newline = 0x0a

/**
 * Cuts a byte stream into lines; those that end in one chunk are yielded together. Between chunks never more than one line of
 * at most `maxBytes` is held: a longer one is skipped to its end and reported as `tooLong`, so that a 100 MB line costs its
 * sender one refused line and us nothing.
 */
export async function* linesOf(source: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Line[]> {
  let number = 0
  let parts: Buffer[] = []
  let size = 0
  let skipping = false
  const finish = (): Line | null => {
    number += 1
    const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
    const line: Line = skipping ? { number, tooLong: true } : { number, bytes }
    const blank = !skipping && bytes.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09)
    parts = []
    size = 0
    skipping = false
    return blank ? null : line
  }
  for await (const chunk of source) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    const lines: Line[] = []
    for (let start = 0; start < bytes.length;) {
      const end = bytes.indexOf(newline, start)
      const part = bytes.subarray(start, end === -1 ? bytes.length : end)
      size += part.length
      if (size > maxBytes) {
        skipping = true
        parts = []
      } else if (!skipping && part.length > 0) parts.push(part)
      if (end === -1) break
      const line = finish()
      if (line) lines.push(line)
      start = end + 1
    }
    if (lines.length > 0) yield lines
  }
  const last = size > 0 ? finish() : null
  if (last) yield [last]
}
