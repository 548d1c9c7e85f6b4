import type { Tx } from '../platform/database.ts'
import { createUnitRegister, type Agency, type UnitRegister, type Succession, type UnitDay } from './model.ts'

/** The register as this transaction sees it, its own changes included. */
export async function readUnitRegister(tx: Tx, day?: UnitDay): Promise<UnitRegister> {
  const agencies = await tx<Agency[]>`
    select a.code, a.name, a.level, to_char(a.valid_from, 'YYYY-MM-DD') as "validFrom", to_char(a.valid_to, 'YYYY-MM-DD') as "validTo",
      coalesce(jsonb_agg(jsonb_build_object('until', to_char(n.until, 'YYYY-MM-DD'), 'name', n.name) order by n.until)
        filter (where n.until is not null), '[]') as "formerNames"
    from agencies a left join agency_names n using (code) group by a.code order by a.code`
  const successions = await tx<Succession[]>`
    select old_code as "oldCode", new_code as "newCode", to_char(day, 'YYYY-MM-DD') as day, transfer, procedure_code as "procedureCode"
    from agency_successions where withdrawn_at is null order by id`
  return createUnitRegister(agencies, successions, day)
}
