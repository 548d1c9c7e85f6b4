import type { DossierContent } from '../../dossiers/model.ts'
import type { Random } from './random.ts'

/** Invented people of the region. Numbers lie in ranges that nobody can hold: see README.md. */
const families = [
  'Nguyễn',
  'Trần',
  'Lê',
  'Phạm',
  'Hoàng',
  'Phan',
  'Võ',
  'Đặng',
  'Bùi',
  'Đỗ',
  'Hồ',
  'Ngô',
  'Dương',
  'Lý',
]
const middles = ['Văn', 'Thị', 'Minh', 'Thanh', 'Quốc', 'Ngọc', 'Đức', 'Thu', 'Xuân', 'Hữu', 'Kim', 'Hoài']
const givens = ['An', 'Bình', 'Châu', 'Dũng', 'Hà', 'Hạnh', 'Hòa', 'Hùng', 'Lan', 'Linh', 'Long', 'Mai', 'Nam', 'Nga']
const moreGivens = ['Phúc', 'Quang', 'Quyên', 'Sơn', 'Tâm', 'Thảo', 'Thủy', 'Toàn', 'Trang', 'Tuấn', 'Vân', 'Yến']
/** Xơ Đăng, Giẻ Triêng and Ba Na names: A for a man, Y for a woman, then the name. */
const highland = ['Thút', 'Blô', 'Đêng', 'Hrin', 'Jring', 'Khưm', 'Lương', 'Ngời', 'Nhung', 'Pêng', 'Ruih', 'Sáo']
const moreHighland = ['Thel', 'Tiêng', 'Vêh', 'Xớp', 'Byưk', 'Chiêng', 'Đrông', 'Glưk', 'Klêng', 'Mlưng', 'Nưk', 'Rơm']
const clans = ['Siu', 'Rơ Châm', 'Rơ Mah', 'Kpă', 'Ksor', 'Đinh', 'Bloong', 'Kring']
const trades = ['Thương mại Dịch vụ', 'Xây dựng', 'Nông lâm sản', 'Vận tải', 'Cà phê', 'Dược liệu', 'Du lịch sinh thái']
const marks = ['Đăk Bla Xanh', 'Ngọc Linh Việt', 'Măng Đen Mới', 'Sê San', 'Kon Klor', 'Bắc Tây Nguyên', 'Ya Ly Hồng']

const allGivens = [...givens, ...moreGivens]
const allHighland = [...highland, ...moreHighland]

export function lowlandName(random: Random): string {
  return `${random.pick(families)} ${random.pick(middles)} ${random.pick(allGivens)}`
}

function personName(random: Random): string {
  const kind = random.next()
  if (kind < 0.5) return lowlandName(random)
  if (kind < 0.9) return `${random.chance(0.5) ? 'A' : 'Y'} ${random.pick(allHighland)}`
  return `${random.pick(clans)} ${random.pick(allHighland)}`
}

type Owner = DossierContent['owner']

const phone = (random: Random) => `09000${random.digits(5)}`

export function makeCitizen(random: Random, online: boolean): Owner {
  const [type, number] = random.chance(0.6) ? ['1', `062999${random.digits(6)}`] : ['2', `999${random.digits(6)}`]
  const owner: Owner = {
    type: 'citizen',
    name: personName(random),
    idNumber: number,
    identities: [{ type, number }],
  }
  if (online || random.chance(0.7)) owner.phone = phone(random)
  if (online) owner.email = `congdan${random.digits(6)}@example.invalid`
  return owner
}

export function makeOwner(random: Random, online: boolean, business: number): Owner {
  const kind = random.next()
  if (kind >= business) return makeCitizen(random, online)
  const contact = { phone: phone(random), ...(online ? { email: `donvi${random.digits(6)}@example.invalid` } : {}) }
  if (kind < business * 0.75) {
    const name = `Công ty TNHH ${random.pick(trades)} ${random.pick(marks)}`
    return { type: 'enterprise', name, idNumber: `0000${random.digits(6)}`, ...contact }
  }
  if (kind < business * 0.93) return { type: 'organisation', name: `Hợp tác xã ${random.pick(marks)}`, ...contact }
  return { type: 'state-body', name: `Ban quản lý dự án ${random.pick(marks)}`, ...contact }
}

/** An identity card number with one digit too few, as a typing mistake leaves it. */
export function withShortNumber(owner: Owner, random: Random): Owner {
  const number = `062999${random.digits(5)}`
  return { ...owner, idNumber: number, identities: [{ type: '1', number }] }
}
