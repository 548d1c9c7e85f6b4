import { ownTops, topUnits } from '../../config/organisations.ts'
import { vietnamToday } from '../dossiers/model.ts'
import type { Sql } from '../platform/database.ts'
import {
  actsOn,
  closedSince,
  handlingUnit,
  oneNotation,
  plainName,
  topOf,
  unitOf,
  type Level,
  type UnitRegister,
} from './model.ts'
import { blockedCodes, unitsAtPortal } from './store.ts'

/** All units that the list or the dossiers know: what they are today, and what a person should look at. */

export const unitStates = ['split', 'closed', 'unknown', 'follows', 'open'] as const
/**
 * `open`: it acts; `follows`: it was closed and one unit follows; `split`: several follow, somebody must choose; `closed`: nobody said
 * who follows; `unknown`: dossiers name it and no list has it.
 */
export type UnitState = (typeof unitStates)[number]

export const unitRemarks = [
  'no-official-code',
  'closed-province',
  'other-province',
  'missing-at-portal',
  'other-name-at-portal',
] as const
export type UnitRemark = (typeof unitRemarks)[number]

/** In how many dossiers it stands: as the unit that handles them, as the place of intake, as the receiver. */
export interface Roles {
  readonly handling: number
  readonly intake: number
  readonly receiving: number
}

export interface Unit {
  readonly code: string
  /** Null: only dossiers know it. */
  readonly name: string | null
  readonly level: Level | null
  readonly state: UnitState
  readonly closedSince: string | null
  /** Units that act in its place today, or among which somebody must choose. */
  readonly followedBy: readonly string[]
  /** Dossiers that wait because of it. */
  readonly waiting: number
  readonly roles: Roles
  readonly remarks: readonly UnitRemark[]
  readonly beneficiaryAccount: boolean | null
}

export interface UnitFacts {
  readonly register: UnitRegister
  /** Vietnam date. */
  readonly today: string
  readonly waiting: ReadonlyMap<string, number>
  readonly roles: ReadonlyMap<string, Roles>
  readonly accounts: ReadonlyMap<string, boolean | null>
  /** Units of the portal's newest list, by their code in one notation; empty before it was pulled. */
  readonly atPortal: ReadonlyMap<string, string>
  /** The province's own `H34`; null when it is not set. */
  readonly top: string | null
}

/** Those that somebody must look at first, by how many dossiers wait for them. */
export function unitsOf(facts: UnitFacts): Unit[] {
  const codes = new Set([...facts.register.agencies.keys(), ...facts.roles.keys(), ...facts.waiting.keys()])
  return [...codes]
    .map((code) => unitIn(facts, code))
    .toSorted(
      (a, b) =>
        b.waiting - a.waiting ||
        unitStates.indexOf(a.state) - unitStates.indexOf(b.state) ||
        (a.code < b.code ? -1 : 1),
    )
}

function unitIn(facts: UnitFacts, code: string): Unit {
  const { register, today } = facts
  const agency = unitOf(register, code)
  const answer = handlingUnit(register, { agencyCode: code, day: today, procedureCodes: [] })
  return {
    code,
    name: agency?.name ?? null,
    level: agency?.level ?? null,
    state: answer.found ? (answer.follows ? 'follows' : 'open') : stateOf[answer.reason],
    closedSince: actsOn(register, code, today) ? null : closedSince(register, code),
    followedBy: answer.found ? (answer.follows ? [answer.agency.code] : []) : answer.among,
    waiting: facts.waiting.get(code) ?? 0,
    roles: facts.roles.get(code) ?? { handling: 0, intake: 0, receiving: 0 },
    remarks: remarksOn(facts, code, agency?.name),
    beneficiaryAccount: facts.accounts.get(agency?.code ?? code) ?? null,
  }
}

const stateOf = { 'unknown-agency': 'unknown', 'agency-closed': 'closed', 'agency-split': 'split' } as const

/** What the office should look at; nothing of it decides anything. */
function remarksOn(
  { register, today, atPortal, top }: UnitFacts,
  code: string,
  name: string | undefined,
): UnitRemark[] {
  const own = topOf(code)
  const acts = actsOn(register, code, today)
  const there = atPortal.get(oneNotation(code))
  const remarks: [UnitRemark, boolean][] = [
    ['no-official-code', own === null],
    ['closed-province', acts && own !== null && isClosed(own)],
    ['other-province', top !== null && own !== null && own.startsWith('H') && !ownTops(top).has(own)],
    ['missing-at-portal', acts && atPortal.size > 0 && there === undefined],
    ['other-name-at-portal', there !== undefined && name !== undefined && plainName(there) !== plainName(name)],
  ]
  return remarks.flatMap(([remark, holds]) => (holds ? [remark] : []))
}

const isClosed = (top: string) => topUnits.some(({ code, now }) => code === top && now !== code)

/** Everything that `unitsOf` needs, from the ledger. */
export async function unitFacts(
  sql: Sql,
  { register, today, top }: Pick<UnitFacts, 'register' | 'today' | 'top'>,
): Promise<UnitFacts> {
  const [waiting, uses, accounts, portal] = await Promise.all([
    blockedCodes(sql),
    sql<{ handling: string; intake: string | null; receiving: string | null; count: number }[]>`
      select agency_code as handling, intake_agency_code as intake, receiving_agency_code as receiving, count(*)::int as count
      from dossiers group by 1, 2, 3`,
    sql<{ code: string; account: boolean | null }[]>`select code, beneficiary_account as account from agencies`,
    unitsAtPortal(sql),
  ])
  return {
    register,
    today,
    top,
    waiting: new Map(waiting.map(({ code, waiting }) => [code, waiting])),
    roles: rolesOf(uses),
    accounts: new Map(accounts.map(({ code, account }) => [code, account])),
    atPortal: new Map(portal.map(({ code, name }) => [oneNotation(code), name])),
  }
}

function rolesOf(
  uses: readonly { handling: string; intake: string | null; receiving: string | null; count: number }[],
): ReadonlyMap<string, Roles> {
  const roles = new Map<string, { -readonly [K in keyof Roles]: number }>()
  for (const use of uses)
    for (const role of ['handling', 'intake', 'receiving'] as const) {
      const code = use[role]
      if (code === null) continue
      const own = roles.get(code) ?? { handling: 0, intake: 0, receiving: 0 }
      own[role] += use.count
      roles.set(code, own)
    }
  return roles
}

/** Milliseconds for which the counts are good enough for somebody who looks through units. */
const freshFor = 3_000

/** The units for pages, which ask for them at every step: counted anew every few seconds, and after each change of the register. */
export function createUnits(
  sql: Sql,
  known: () => Promise<{ readonly version: number; readonly register: UnitRegister }>,
  top: string | null,
): () => Promise<Unit[]> {
  let held: { version: number; at: number; units: Promise<Unit[]> } | undefined
  return async () => {
    const { version, register } = await known()
    if (held?.version === version && performance.now() - held.at < freshFor) return held.units
    const units = unitFacts(sql, { register, today: vietnamToday(), top }).then(unitsOf)
    held = { version, at: performance.now(), units }
    units.catch(() => (held = undefined))
    return units
  }
}
