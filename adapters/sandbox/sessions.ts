import { randomOf } from './chance.ts'

/** Sessions by login. Their names come from the seed, so that a run can be repeated to the byte. */
export class Sessions {
  readonly #ends = new Map<string, number>()
  readonly #draw: () => number
  logins = 0

  constructor(seed: number) {
    this.#draw = randomOf(seed ^ 0x5e55)
  }

  open(seconds: number, endOlder: boolean): string {
    if (endOlder) this.#ends.clear()
    this.logins += 1
    const part = () =>
      Math.floor(this.#draw() * 0x1_0000_0000)
        .toString(16)
        .padStart(8, '0')
    const session = `${part()}-${part()}-${part()}`
    this.#ends.set(session, Date.now() + seconds * 1000)
    return session
  }

  isOpen(session: unknown): boolean {
    if (typeof session !== 'string') return false
    const end = this.#ends.get(session)
    if (end === undefined) return false
    if (end > Date.now()) return true
    this.#ends.delete(session)
    return false
  }

  end(session: unknown): void {
    if (typeof session === 'string') this.#ends.delete(session)
  }

  endAll(): void {
    this.#ends.clear()
  }

  get count(): number {
    return this.#ends.size
  }
}
