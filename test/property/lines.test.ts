import { array, assert, asyncProperty, constantFrom, integer, oneof, uint8Array } from 'fast-check'
import { expect, test } from 'vitest'
import { linesOf, type Line } from '../../src/platform/lines.ts'

const max = 12
async function cut(chunks: readonly Uint8Array[]): Promise<(Line | { number: number; text: string })[]> {
  const lines = []
  for await (const some of linesOf(
    (async function* () {
      yield* chunks
    })(),
    max,
  ))
    for (const line of some)
      lines.push('bytes' in line ? { number: line.number, text: line.bytes.toString('latin1') } : line)
  return lines
}

/** The same by splitting the whole. */
function expected(bytes: Buffer) {
  const parts = bytes.toString('latin1').split('\n')
  return parts.flatMap((text, index): Awaited<ReturnType<typeof cut>> => {
    if (text.length > max) return [{ number: index + 1, tooLong: true }]
    return /^[ \r\t]*$/.test(text) ? [] : [{ number: index + 1, text }]
  })
}

const bytes = array(oneof(constantFrom(0x0a, 0x0d, 0x20, 0x09, 0x7b), integer({ min: 0, max: 255 })), {
  maxLength: 120,
}).map((list) => Buffer.from(list))

test('any bytes in any chunks are cut into the same lines as the whole', async () => {
  await assert(
    asyncProperty(bytes, array(integer({ min: 0, max: 40 }), { maxLength: 12 }), async (whole, sizes) => {
      const chunks: Buffer[] = []
      let start = 0
      for (const size of sizes) {
        chunks.push(whole.subarray(start, start + size))
        start += size
      }
      if (start < whole.length) chunks.push(whole.subarray(start))
      expect(await cut(chunks)).toEqual(expected(whole))
    }),
    { numRuns: 1000 },
  )
})

test('byte by byte is the same, and no chunk is altered', async () => {
  await assert(
    asyncProperty(uint8Array({ maxLength: 100 }), async (whole) => {
      const copy = Buffer.from(whole)
      const chunks = Array.from(copy, (byte) => Uint8Array.of(byte))
      expect(await cut(chunks)).toEqual(expected(copy))
      expect(await cut([whole])).toEqual(expected(copy))
      expect(Buffer.from(whole).equals(copy)).toBe(true)
    }),
  )
})
