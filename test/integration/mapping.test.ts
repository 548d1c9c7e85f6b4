import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createKey } from '../../src/platform/auth.ts'
import { transaction } from '../../src/platform/database.ts'
import { applyProcedures } from '../../src/procedures/national.ts'
import { importLocalProcedures } from '../../src/procedures/local-lists.ts'
import { change, nationalCodes, startProvince, type Province } from '../support/province.ts'

const [first, second] = nationalCodes

/** What the routes answer, as far as it is looked at here. */
interface Body {
  readonly decision: number
  readonly findings: readonly { code: string; field: string }[]
  readonly decisions: readonly { id: number; undoes: number | null; undoneBy: number | null }[]
  readonly total: number
  readonly codes: readonly { code: string }[]
  readonly suggestions: readonly { candidates: readonly { reasons: readonly unknown[] }[] }[]
}

describe('deciding about local codes', () => {
  let province: Province
  let number = 0
  const fresh = () => `2020.LOCAL.${(number += 1)}`
  beforeAll(async () => {
    // A catalogue of two, that nothing changes but these tests.
    province = await startProvince({ settings: { CATALOGUE_PULL: 'off' } })
    await applyProcedures(province.ground.sql, [
      { code: first, name: 'Cấp giấy phép xây dựng', fieldCode: 'F', fieldName: 'Xây dựng' },
      { code: second, name: 'Cấp lại giấy phép xây dựng', fieldCode: 'F', fieldName: 'Xây dựng' },
    ])
  }, 120_000)
  afterAll(() => province.close())
  beforeEach(async () => province.settled())

  async function call(method: string, path: string, body?: unknown, key = province.key) {
    const answer = await fetch(`${province.house.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: answer.status, body: (await answer.json()) as Body }
  }
  const decide = (wishes: unknown[], more: object = {}) =>
    call('POST', '/v1/mappings/decisions', { wishes, why: 'test', ...more })
  const undo = (id: number) => call('POST', `/v1/mappings/decisions/${id}/undo`, { why: 'a slip' })
  const accept = (localCode: string, nationalCode: string = first, more: object = {}) => ({
    verdict: 'accept',
    localCode,
    nationalCode,
    ...more,
  })
  const mappingsOf = async (code: string) => [
    ...(await province.ground
      .sql`select national_code as national, valid_to as until from mappings where local_code = ${code}`),
  ]
  const laneOf = async (code: string) => {
    const [lane] = await province.ground.sql`
      select l.state, l.reason, l.national_code from deliveries l join dossiers d on d.id = l.dossier_id where d.code = ${code}`
    return lane
  }
  const delivered = (code: string) =>
    province.until(async () => (await laneOf(code))?.['state'] === 'delivered', `delivery of ${code}`)

  it('foresees what an acceptance releases, then releases it, and says how many and why others stay', async () => {
    const code = fresh()
    const good = [change({ procedureCode: code }), change({ procedureCode: code })]
    const strange = change({ procedureCode: code, status: 'chờ xem' })
    const other = change({ procedureCode: fresh() })
    await province.push([...good, strange, other])
    const expected = { blocked: 3, released: 2, still: { 'unmapped-status': 1 } }

    const preview = await decide([accept(code)], { preview: true })
    expect(preview).toMatchObject({ status: 200, body: { decision: null, changed: 1, dossiers: expected } })
    expect(await laneOf(good[0]!.code)).toMatchObject({ state: 'blocked', reason: 'no-national-code' })

    const done = await decide([accept(code)])
    expect(done).toMatchObject({ status: 200, body: { changed: 1, already: 0, dossiers: expected } })
    for (const { code } of good) await delivered(code)
    expect(await laneOf(strange.code)).toMatchObject({ state: 'blocked', reason: 'unmapped-status' })
    expect(await laneOf(other.code)).toMatchObject({ state: 'blocked', reason: 'no-national-code' })
    expect(await decide([accept(code)])).toMatchObject({ body: { decision: null, changed: 0, already: 1 } })
  })

  it('judges again only dossiers under the codes that were decided about', async () => {
    const [mine, others] = [fresh(), fresh()]
    const pushed = [change({ procedureCode: mine }), change({ procedureCode: others })]
    await province.push(pushed)
    const stampOf = async () => {
      const [lane] = await province.ground.sql`
        select l.assessed_version, l.updated_at from deliveries l join dossiers d on d.id = l.dossier_id
        where d.code = ${pushed[1]!.code}`
      return lane
    }
    const before = await stampOf()
    await decide([accept(mine)])
    await delivered(pushed[0]!.code)
    // The relay sweeps once a second.
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect(await stampOf()).toEqual(before)
  })

  it('finds what a decision releases, however long nobody looked', async () => {
    const [code, { sql }] = [fresh(), province.ground]
    const waiting = change({ procedureCode: code })
    await province.push([waiting])
    // As a process leaves it that dies right after its commit, while no other is up for an hour.
    await transaction(sql, async (tx) => {
      await tx`insert into mappings (local_code, national_code, created_by) values (${code}, ${first}, 'test')`
      await tx`update catalogue_version set version = version + 1, narrow = true`
      await tx`
        insert into catalogue_codes (local_code, version, raised_at)
        select ${code}, version, now() - interval '1 hour' from catalogue_version`
    })
    await delivered(waiting.code)
    const settled = async () => {
      const [row] = await sql`select settled from catalogue_codes where local_code = ${code}`
      return row?.['settled'] === true
    }
    await province.until(settled, 'the end of looking')
    expect(await settled()).toBe(true)
  })

  it('applies all wishes or none, and names each that cannot be', async () => {
    const [good, taken] = [fresh(), fresh()]
    await decide([accept(taken, second)])
    const wishes = [accept(good), accept(taken, first), accept(fresh(), '9.999999'), accept(good, second)]
    const { status, body } = await decide(wishes)
    expect(status).toBe(409)
    expect(body.findings.map((one) => [one.code, one.field])).toEqual([
      ['contradicts-mapping', 'wishes.1'],
      ['unknown-national-code', 'wishes.2'],
      ['contradicts-mapping', 'wishes.3'],
    ])
    expect(await province.ground.sql`select 1 from mappings where local_code = ${good}`).toHaveLength(0)
  })

  it('lets one code mean two procedures by level, agency or time, and never at once in one scope', async () => {
    const code = fresh()
    const ok = await decide([
      accept(code, first, { validTo: '2025-07-01' }),
      accept(code, second, { validFrom: '2025-07-01' }),
      accept(code, second, { agencyCode: 'H34.01' }),
      accept(code, second, { level: 'commune' }),
      accept(code, second, { source: 'ministry' }),
    ])
    expect(ok).toMatchObject({ status: 200, body: { changed: 5 } })
    expect(await decide([accept(code, first, { validFrom: '2026-01-01' })])).toMatchObject({
      status: 409,
      body: { code: 'contradicts-mapping' },
    })
  })

  it('ends a mapping by day: earlier dossiers keep it, later ones do not', async () => {
    const code = fresh()
    await decide([accept(code)])
    const ended = await decide([{ verdict: 'end', localCode: code, nationalCode: first, before: '2020-07-03' }])
    expect(ended).toMatchObject({ status: 200, body: { changed: 1 } })
    const early = change({ procedureCode: code, receivedAt: '2020-07-02T03:00:00Z' })
    const late = change({ procedureCode: code, receivedAt: '2020-07-03T03:00:00Z' })
    await province.push([early, late])
    await delivered(early.code)
    expect(await laneOf(late.code)).toMatchObject({ state: 'blocked', reason: 'no-national-code' })
    const again = await decide([{ verdict: 'end', localCode: code, nationalCode: first, before: '2020-07-01' }])
    expect(again).toMatchObject({ status: 404, body: { code: 'unknown-mapping' } })
  })

  it('decides about codes with spaces in them, as spreadsheets make them', async () => {
    const code = '1. 000 010'
    const dossier = change({ procedureCode: code })
    await province.push([dossier])
    expect(await decide([accept(code)])).toMatchObject({ status: 200, body: { dossiers: { released: 1 } } })
    await delivered(dossier.code)
    expect(await decide([{ verdict: 'later', localCode: ' ' }])).toMatchObject({ status: 422 })
  })

  it('withdraws a mapping that was a mistake and accepts another in its place, as one decision', async () => {
    const code = fresh()
    await decide([accept(code, second)])
    const replaced = [{ verdict: 'withdraw', localCode: code, nationalCode: second }, accept(code, first)]
    const done = await decide(replaced)
    expect(done).toMatchObject({ status: 200, body: { changed: 2 } })
    expect(await mappingsOf(code)).toEqual([{ national: first, until: null }])
    expect(await decide([replaced[0]!])).toMatchObject({ status: 404, body: { code: 'unknown-mapping' } })
    await undo(done.body.decision)
    expect(await mappingsOf(code)).toEqual([{ national: second, until: null }])
  })

  it('keeps what comes out of several wishes about one code, and takes that back', async () => {
    const [code, other] = [fresh(), fresh()]
    const both = await decide([
      { verdict: 'later', localCode: code },
      { verdict: 'ask-ministry', localCode: code },
      accept(other, first),
      { verdict: 'withdraw', localCode: other, nationalCode: first },
    ])
    expect(both).toMatchObject({ status: 200, body: { changed: 1 } })
    expect(await mappingsOf(other)).toEqual([])
    const verdicts = await province.ground.sql`select verdict from mapping_verdicts where local_code = ${code}`
    expect([...verdicts]).toEqual([{ verdict: 'ask-ministry' }])
    await undo(both.body.decision)
    expect(await province.ground.sql`select 1 from mapping_verdicts where local_code = ${code}`).toHaveLength(0)
  })

  it('does not take back what took something back, nor maps for a time that never is', async () => {
    const code = fresh()
    const { body: one } = await decide([accept(code)])
    const { body: two } = await undo(one.decision)
    expect(await undo(two.decision)).toMatchObject({ status: 409, body: { code: 'undo-of-undo' } })
    const never = accept(code, first, { validFrom: '2026-02-01', validTo: '2026-01-01' })
    expect(await decide([never])).toMatchObject({ status: 422, body: { code: 'invalid-field' } })
  })

  it('does not propose again what a person rejected', async () => {
    const ask = async () => {
      const asked = [{ code: `${first}. H34`, name: 'Cấp giấy phép xây dựng' }]
      const { body } = await call('POST', '/v1/procedures/suggestions', { procedures: asked })
      const [one] = body.suggestions as unknown as { decision: string; candidates: { code: string }[] }[]
      return [one!.decision, ...one!.candidates.map((candidate) => candidate.code)]
    }
    expect(await ask()).toEqual(['accept', first, second])
    const { body } = await decide([{ verdict: 'reject', localCode: `${first}. H34`, nationalCode: first }])
    expect(await ask()).not.toContain(first)
    expect((await ask())[0]).not.toBe('accept')
    await undo(body.decision)
  })

  it('finds the dossiers of a code that came with spaces around it', async () => {
    const code = fresh()
    const dossier = change({ procedureCode: `  ${code} ` })
    await province.push([dossier])
    expect(await decide([accept(code)])).toMatchObject({ body: { dossiers: { blocked: 1, released: 1 } } })
    await delivered(dossier.code)
  })

  it('refuses who has not seen what somebody decided about the code meanwhile', async () => {
    const code = fresh()
    const { body: one } = await decide([{ verdict: 'later', localCode: code }])
    await decide([accept(fresh())], { seen: one.decision })
    await decide([{ verdict: 'no-national-code', localCode: code }], { seen: one.decision })
    expect(await decide([accept(code)], { seen: one.decision })).toMatchObject({
      status: 409,
      body: { code: 'decided-since' },
    })
  })

  it('takes a decision back: what was delivered stays, what comes later blocks again', async () => {
    const code = fresh()
    const sent = change({ procedureCode: code })
    await province.push([sent])
    const { body } = await decide([accept(code), { verdict: 'later', localCode: fresh() }])
    await delivered(sent.code)
    expect(await undo(body.decision)).toMatchObject({ status: 200, body: { changed: 2 } })
    const later = change({ procedureCode: code })
    await province.push([later])
    expect(await laneOf(later.code)).toMatchObject({ state: 'blocked', reason: 'no-national-code' })
    expect(await laneOf(sent.code)).toMatchObject({ state: 'delivered' })
    expect(await undo(body.decision)).toMatchObject({ status: 409, body: { code: 'already-undone' } })
    expect(await undo(999_999)).toMatchObject({ status: 404, body: { code: 'unknown-decision' } })
    // And once more, as if nothing had been.
    expect(await decide([accept(code)])).toMatchObject({ body: { changed: 1, dossiers: { released: 1 } } })
  })

  it('does not take back what somebody decided again since', async () => {
    const code = fresh()
    const { body: one } = await decide([accept(code)])
    const { body: two } = await decide([{ verdict: 'end', localCode: code, nationalCode: first, before: '2026-01-01' }])
    expect(await undo(one.decision)).toMatchObject({ status: 409, body: { code: 'decided-since' } })
    await undo(two.decision)
    expect(await undo(one.decision)).toMatchObject({ status: 200 })
    const { body } = await call('GET', '/v1/mappings/decisions?limit=4')
    expect(body.decisions.map((line) => [line.id, line.undoes, line.undoneBy])).toEqual([
      [two.decision + 2, one.decision, null],
      [two.decision + 1, two.decision, null],
      [two.decision, null, two.decision + 1],
      [one.decision, null, two.decision + 2],
    ])
  })

  it('does not send by a national code that somebody rejected, though it stands inside the local one', async () => {
    const code = `${first}.H34`
    expect(await decide([{ verdict: 'reject', localCode: code, nationalCode: first }])).toMatchObject({ status: 200 })
    const wrong = change({ procedureCode: code })
    await province.push([wrong])
    expect(await laneOf(wrong.code)).toMatchObject({ state: 'blocked', reason: 'no-national-code' })
    await decide([accept(code, second)])
    await delivered(wrong.code)
    expect(await laneOf(wrong.code)).toMatchObject({ national_code: second })
  })

  it('of two who decide at once, the second sees what the first said', async () => {
    const code = fresh()
    const answers = await Promise.all([decide([accept(code, first)]), decide([accept(code, second)])])
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409])
    expect(await province.ground.sql`select 1 from mappings where local_code = ${code}`).toHaveLength(1)
  })

  // The embedded database has one session: nothing can happen beside an open transaction.
  it.runIf(process.env['DATABASE_URL'])('previews what is being decided at that moment, and then sees it', async () => {
    const { sql } = province.ground
    const code = fresh()
    const meanwhile = await sql.reserve()
    await meanwhile`begin`
    await meanwhile`select version from catalogue_version for update`
    await meanwhile`insert into mappings (local_code, national_code, created_by) values (${code}, ${first}, 'test')`
    const preview = decide([accept(code)], { preview: true })
    const waits = async () =>
      (
        await sql`select 1 from pg_stat_activity where wait_event_type = 'Lock' and query ~ 'insert into mappings'
          and datname = current_database()`
      ).length > 0
    await province.until(waits, 'the preview to wait')
    await meanwhile`commit`
    meanwhile.release()
    expect(await preview).toMatchObject({ status: 200, body: { changed: 0, already: 1 } })
  })

  it('lists codes with most waiting dossiers first, and what became of the others', async () => {
    const [named, busy, settled] = [fresh(), fresh(), fresh()]
    await importLocalProcedures(province.ground.sql, [
      { code: named, name: 'Tên', level: null, agencyCode: null },
      { code: settled, name: 'Không có', level: null, agencyCode: null },
    ])
    await province.push(Array.from({ length: 20 }, () => change({ procedureCode: busy })))
    await decide([{ verdict: 'no-national-code', localCode: settled }])
    const { body } = await call('GET', '/v1/procedures/local?limit=1000')
    const placeOf = (code: string) => body.codes.findIndex((one) => one.code === code)
    expect(body.codes[0]).toEqual({
      code: busy,
      name: null,
      standing: 'unmapped',
      settled: null,
      national: [],
      waiting: 20,
      agencies: 1,
    })
    expect(body.codes[placeOf(named)]).toMatchObject({ name: 'Tên', standing: 'unmapped', waiting: 0 })
    expect(body.codes[placeOf(settled)]).toMatchObject({ standing: 'settled', settled: 'no-national-code' })
    expect(placeOf(named)).toBeLessThan(placeOf(settled))
    const only = await call('GET', '/v1/procedures/local?standing=settled')
    expect(only.body.codes.map((one) => one.code)).toContain(settled)
    await decide([{ verdict: 'reopen', localCode: settled }])
    expect((await call('GET', '/v1/procedures/local?standing=settled')).body.total).toBe(only.body.total - 1)
  })

  it('says how many codes of each agency match, by the rules that send', async () => {
    const code = fresh()
    await province.push([change({ procedureCode: code, agencyCode: 'H34.02' })])
    const audit = async () => {
      const { status, body } = await call('GET', '/v1/mappings/audit?from=2000-01-01&to=2100-01-01')
      expect(status).toBe(200)
      return body as unknown as {
        total: { codes: number; matched: number }
        byAgency: { agencyCode: string; codes: number; matched: number; agencyName: string }[]
        unmatched: { localCode: string; agencyCode: string; dossiers: number; reason: string }[]
      }
    }
    const before = await audit()
    expect(before.unmatched).toContainEqual(
      expect.objectContaining({ localCode: code, agencyCode: 'H34.02', dossiers: 1, reason: 'no-national-code' }),
    )
    await decide([accept(code)])
    const after = await audit()
    expect(after.total.matched).toBe(before.total.matched + 1)
    expect(after.total.codes).toBe(before.total.codes)
    expect(after.unmatched).not.toContainEqual(expect.objectContaining({ localCode: code }))
    const sum = after.byAgency.reduce((all, { codes }) => all + codes, 0)
    expect(sum).toBe(after.total.codes)
    expect((await call('GET', '/v1/mappings/audit')).status).toBe(422)
    expect((await call('GET', '/v1/mappings/audit?from=2026-01-01&to=2026-01-01')).status).toBe(422)
  })

  it('suggests from the catalogue, its former names included', async () => {
    await applyProcedures(province.ground.sql, [
      { code: first, name: 'Cấp giấy phép xây dựng công trình' },
      { code: second, name: 'Cấp lại giấy phép xây dựng' },
    ])
    const procedures = [
      { code: `${second}.000.00.00.H34`, name: 'Thủ tục cấp lại GPXD' },
      { code: '2018.XD.1', name: 'Cấp giấy phép xây dựng' },
    ]
    const { body } = await call('POST', '/v1/procedures/suggestions', { procedures, top: 2 })
    expect(body.suggestions[0]).toMatchObject({ decision: 'accept', candidates: [{ code: second }, {}] })
    expect(body.suggestions[1]).toMatchObject({ decision: 'review', candidates: [{ code: first }, {}] })
    expect(body.suggestions[1]!.candidates[0]!.reasons[0]).toEqual({
      code: 'former-name',
      favours: true,
      words: { vi: 'giống tên cũ: “Cấp giấy phép xây dựng”', en: 'fits a former name: "Cấp giấy phép xây dựng"' },
    })
  })

  it('needs its own right, and lets a key of one agency decide for that agency alone', async () => {
    const wish = { name: 'n', source: 's', by: 'test' } as const
    const reader = (await createKey(province.ground.sql, { ...wish, rights: ['reports:read'], agencies: ['*'] })).key
    const local = (await createKey(province.ground.sql, { ...wish, rights: ['mappings:write'], agencies: ['H34.01'] }))
      .key
    const one = (key: string, agencyCode: string | null) =>
      call('POST', '/v1/mappings/decisions', { wishes: [accept(fresh(), first, { agencyCode })], why: 'x' }, key)
    expect((await one(reader, null)).status).toBe(403)
    expect(await one(local, null)).toMatchObject({ status: 403, body: { field: 'wishes.0.agencyCode' } })
    expect((await one(local, 'H34.02')).status).toBe(403)
    expect((await one(local, 'H34.01')).status).toBe(200)
  })
})
