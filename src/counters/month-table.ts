import { sayIn, type Language } from '../console/words.ts'
import type { Table } from '../platform/table.ts'
import type { Figures } from './figures.ts'
import type { MonthReport } from './month.ts'
import { counterWords, partWords, stateWords, unitWords } from './words.ts'

/** A month as a list of its units, to be taken away. */
export function monthTable(language: Language, { lines, untellable, total }: MonthReport): Table {
  const say = sayIn(language)
  const headers = [
    say('Mã cơ quan', 'Unit'),
    counterWords.unit[language],
    ...(['received', 'carried', 'total', 'handled'] as const).map((one) => counterWords[one][language]),
    partWords['handled-in-time'][language],
    partWords['handled-late'][language],
    partWords['handled-untold'][language],
    counterWords.pending[language],
    partWords['pending-in-time'][language],
    partWords['pending-late'][language],
    partWords['pending-untold'][language],
    partWords['pending-waiting'][language],
    partWords.unplaced[language],
    say('Nhận thêm từ cơ quan khác', 'Taken over'),
    say('Bàn giao cơ quan khác', 'Handed over'),
    counterWords.state[language],
  ]
  const cells = ({ received, carried, total: all, handled, pending, unplaced }: Figures) => [
    received,
    carried,
    all,
    handled.total,
    handled.inTime,
    handled.late,
    handled.untold,
    pending.total,
    pending.inTime,
    pending.late,
    pending.untold,
    pending.waiting,
    unplaced.total,
  ]
  const rows = lines.map((line) => [
    line.unit.code,
    line.unit.name ?? unitWords(line.unit)[language],
    ...cells(line.unit),
    line.unit.takenOver,
    line.unit.handedOver,
    line.unit.why === null ? stateWords(line)[language] : say('không gửi', 'never sent'),
  ])
  return {
    headers,
    rows: untellable ? [] : [...rows, ['', counterWords.province[language], ...cells(total), '', '', '']],
  }
}
