import { anything, array, assert, asyncProperty, constantFrom, jsonValue, oneof, record } from 'fast-check'
import { expect, test } from 'vitest'
import { createIntake } from '../../src/dossiers/intake.ts'
import { createVault } from '../../src/platform/crypto.ts'
import type { Sql } from '../../src/platform/database.ts'

const reached = new Error('the ledger was asked')
/** The ledger is not there: judging must be over, without an exception, before it is asked. */
const intake = createIntake({
  sql: { begin: () => Promise.reject(reached) } as unknown as Sql,
  vault: createVault([{ id: 'k', key: Buffer.alloc(32) }]),
  lanes: { arm: async () => new Map(), wake: async () => new Map() },
  refresh: async () => undefined,
  spelling: (code) => code,
  statusOf: () => null,
  now: () => Date.parse('2020-07-04T00:00:00Z'),
})
const client = { id: 'c', name: 'c', source: 's', rights: ['dossiers:write'], person: false, agencies: ['A'] } as const
const push = (values: readonly unknown[]) => intake.push(client, values)

const good = {
  code: 'H34-1',
  changedAt: '2020-07-03T02:00:00Z',
  procedureCode: '1.000010',
  agencyCode: 'A',
  status: 'new',
  owner: { type: 'citizen', name: 'Bí Mật' },
  receivedAt: '2020-07-03T02:00:00Z',
}
const outcome = (values: readonly unknown[]) => push(values).catch((error: unknown) => error)

test('any values are refused one by one or reach the ledger; no answer repeats a text', async () => {
  const values = array(oneof(anything(), jsonValue({ noUnicodeString: false })), { maxLength: 5 })
  await assert(
    asyncProperty(values, async (list) => {
      const answer = await outcome(list)
      if (answer === reached) return
      expect(answer).toHaveLength(list.length)
      for (const result of answer as Awaited<ReturnType<typeof push>>) {
        expect(result.result).toBe('refused')
        expect(result.findings!.length).toBeGreaterThan(0)
        expect(result.findings!.length).toBeLessThanOrEqual(20)
      }
    }),
    { numRuns: 500 },
  )
})

test('any value in any place of a good change is refused or reaches the ledger', async () => {
  const fields = constantFrom(...Object.keys(good), 'steps', 'papers', 'version', 'owner.name', 'ngayTiepNhan')
  await assert(
    asyncProperty(record({ field: fields, value: jsonValue({ noUnicodeString: false }) }), async ({ field, value }) => {
      const odd =
        field === 'owner.name' ? { ...good, owner: { ...good.owner, name: value } } : { ...good, [field]: value }
      const answer = await outcome([odd])
      if (answer === reached) return
      expect(answer).toMatchObject([{ result: 'refused' }])
      expect((answer as Awaited<ReturnType<typeof push>>)[0]!.findings!.length).toBeGreaterThan(0)
      expect(JSON.stringify(answer)).not.toContain('Bí Mật')
    }),
    { numRuns: 500 },
  )
})

test('a good change reaches the ledger; one of tomorrow or of another agency does not', async () => {
  expect(await outcome([good])).toBe(reached)
  const inAnHour = '2020-07-04T01:00:00Z'
  expect(await outcome([{ ...good, changedAt: inAnHour, receivedAt: inAnHour }])).toBe(reached)
  const later = '2020-07-04T01:00:01Z'
  for (const field of ['changedAt', 'receivedAt'])
    expect(await outcome([{ ...good, [field]: later }])).toMatchObject([
      { code: 'H34-1', findings: [{ code: 'invalid-field', field }] },
    ])
  // A promise, of course, lies in the future.
  expect(await outcome([{ ...good, promisedAt: later }])).toBe(reached)
  expect(await outcome([{ ...good, agencyCode: 'B' }])).toMatchObject([
    { findings: [{ code: 'agency-out-of-scope', field: 'agencyCode' }] },
  ])
})
