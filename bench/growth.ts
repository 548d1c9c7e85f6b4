import { inTurns, most, rowOf, type Row, type Stage, type Turns } from './harness.ts'
import { delivered, waiting, type Ledger } from './ledger.ts'
import { databaseTime, hands, pushHeld } from './pushing.ts'

const small = 10_000
const large = 1_000_000
/** Numbers of the dossiers that are pushed start here, behind all that lie in the ledgers. */
const behind = 10_000_000

/**
 * What a delivery costs in a ledger of a million dossiers, against the same in one of ten thousand beside it: wall time, and the
 * time the database spent in statements. Both ledgers have a worker of their own and the same sandbox, which has no ceiling.
 */
export async function growth(stage: Stage): Promise<Row[]> {
  const portal = await stage.portal()
  const count = stage.size(5_000, 500)
  const sides = []
  for (const size of [small, large]) {
    const ledger = await stage.ledger()
    await ledger.hold(true)
    await ledger.load({ from: 1, count: stage.size(size, 1_000), wish: { steps: 1 }, lane: delivered })
    await stage.roles(ledger, portal, { ROLES: 'worker,scheduler', PORTAL_CONCURRENCY: String(hands) })
    sides.push(sideOf(ledger, behind + sides.length * behind, count))
  }
  const [few, many] = sides as [Side, Side]
  const wall = await inTurns(stage, few.push, many.push)
  const notes = [
    `${count} dossiers with 2 steps pushed per round`,
    `${stage.size(large, 1_000)} against ${stage.size(small, 1_000)}`,
  ]
  const rows = [rowOf('growth, wall time', 'ms/dossier', most(1.15), wall, notes)]
  if (stage.embedded) return rows
  const database: Turns = { measured: many.database.slice(1), limit: few.database.slice(1) }
  return [...rows, rowOf('growth, database time', 'ms/dossier', most(1.15), database, notes)]
}

interface Side {
  /** Milliseconds of wall time per dossier. */
  readonly push: () => Promise<number>
  /** Milliseconds of database time per dossier, by round. */
  readonly database: number[]
}

function sideOf(ledger: Ledger, from: number, count: number): Side {
  const database: number[] = []
  let next = from
  const push = async () => {
    await ledger.load({ from: next, count, wish: { steps: 2 }, lane: waiting })
    next += count
    const before = await databaseTime(ledger)
    const wall = await pushHeld(ledger, count)
    database.push(((await databaseTime(ledger)) - before) / count)
    return wall / count
  }
  return { push, database }
}
