import type { SendAnswer } from './model.ts'

export interface SendOrder {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** For the whole exchange, in milliseconds. */
  readonly deadline: number
}

/** The port through which events leave. */
export interface Sender {
  /** Why events may not go to this address, in a sentence for whoever entered it; null when they may. */
  check(url: string): Promise<string | null>
  /** Never throws: every trouble is an answer. The address is judged again at every send. */
  send(order: SendOrder): Promise<SendAnswer>
}
