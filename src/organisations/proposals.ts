import { topUnits } from '../../config/organisations.ts'
import { vietnamToday } from '../dossiers/model.ts'
import type { Sql } from '../platform/database.ts'
import { actsOn, plainName, topOf, type Agency, type UnitRegister } from './model.ts'

/** Who might follow a closed or unknown unit, and why: for a person to choose from, never chosen. */

export interface Proposal {
  readonly code: string
  readonly name: string
  readonly why: 'commune' | 'same-name'
  /** What is known of the commune, as published. */
  readonly transfer: 'whole' | 'part' | null
  readonly day: string | null
}

interface Fate {
  readonly day: string
  readonly oldName: string
  readonly oldDistrict: string
  readonly newName: string
  readonly transfer: 'whole' | 'part'
}

/**
 * A commune's office by what became of its commune, when its name says which one it is; another unit by the unit of the same name in the province
 * that took its own in. Names are compared without tones.
 */
export async function proposals(
  sql: Sql,
  register: UnitRegister,
  unit: { readonly code: string; readonly name: string },
): Promise<Proposal[]> {
  const [was, now] = provinces(unit.code)
  const fates = was === null ? [] : await fatesOf(sql, was)
  const named = commune(unit.name, fates)
  const living = otherActing(register, unit.code)
  if (named.length > 0)
    return named.flatMap(({ newName, transfer, day }) =>
      living
        .filter(({ name }) => short(name) === short(newName))
        .map(({ code, name }) => ({ code, name, why: 'commune' as const, transfer, day })),
    )
  const bare = (name: string) => without(plainName(name), [was, now])
  return living
    .filter(({ name }) => bare(name) === bare(unit.name))
    .map(({ code, name }) => ({ code, name, why: 'same-name' as const, transfer: null, day: null }))
}

/** Units that act today, but this one. */
export const otherActing = (register: UnitRegister, code: string): Agency[] =>
  [...register.agencies.values()].filter((one) => one.code !== code && actsOn(register, one.code, vietnamToday()))

/** The province that the code was given in, and the one that it belongs to now. */
function provinces(code: string): [string | null, string | null] {
  const was = topUnits.find((top) => top.code === topOf(code))
  const now = topUnits.find((top) => top.code === was?.now)
  return [was?.name ?? null, now?.name ?? null]
}

const fatesOf = (sql: Sql, province: string): Promise<Fate[]> => sql<Fate[]>`
  select to_char(day, 'YYYY-MM-DD') as day, old_name as "oldName", old_district as "oldDistrict", new_name as "newName", transfer
  from commune_successions where old_province ilike ${`%${province}`}`

/** Fates of the one commune that the name means: where two bear it, the name must say the district too. */
function commune(name: string, fates: readonly Fate[]): readonly Fate[] {
  const plain = ` ${plainName(name)} `
  const meant = fates.filter(({ oldName }) => plain.includes(` ${plainName(oldName)} `))
  const withDistrict = meant.filter(({ oldDistrict }) => plain.includes(` ${plainName(oldDistrict)} `))
  const chosen = withDistrict.length > 0 ? withDistrict : meant
  return new Set(chosen.map(({ oldName, oldDistrict }) => `${oldName}|${oldDistrict}`)).size === 1 ? chosen : []
}

/** A commune's name, without what is said of it behind. */
const short = (name: string) => plainName(name.split(/[,(]/)[0]!)

function without(plain: string, provinces: readonly (string | null)[]): string {
  const names = provinces.flatMap((province) => (province === null ? [] : plainName(province)))
  const bare = names.reduce((text, name) => text.replace(` ${name}`, ''), ` ${plain}`)
  return bare.replace(/ (?:tinh|thanh pho)$/, '').trim()
}
