/** What whoever looks after the service is shown, and the ports by which it is asked for. */

/** A task that is done by the clock. */
export const scheduledTasks = ['pull-catalogue', 'reconcile', 'public-figures', 'counters', 'rotate'] as const
export type ScheduledTask = (typeof scheduledTasks)[number]

/** When a task is due by its pattern; null: it is switched off. */
export interface Plan {
  readonly task: ScheduledTask
  readonly turns: {
    /** Cron with seconds, Vietnam time. */
    readonly pattern: string
    /** Null: the pattern cannot be read. */
    readonly previous: Date | null
    readonly next: Date | null
  } | null
}

/** One queue of tickets as it stands in Redis. */
export interface QueueLine {
  readonly queue: string
  readonly waiting: number
  readonly active: number
  readonly delayed: number
  readonly failed: number
  /** Age of the ticket that has waited longest; null when none waits. */
  readonly oldestSeconds: number | null
  /** Null where a managed server does not tell. */
  readonly workers: number | null
  readonly isPaused: boolean
}

/** A schedule as Redis has it. */
export interface ScheduleLine {
  readonly queue: string
  readonly name: string
  readonly pattern: string
  readonly next: Date | null
}

/** A ticket that failed. What it carried is counted, never shown. */
export interface FailedTicket {
  readonly queue: string
  readonly id: string
  readonly name: string
  /** The kind of the error, and no word of it. */
  readonly kind: string
  readonly attempts: number
  /** Dossiers it named. */
  readonly dossiers: number | null
  readonly failedAt: Date | null
}

export interface QueueState {
  readonly queues: readonly QueueLine[]
  readonly schedules: readonly ScheduleLine[]
  /** The newest of each queue. */
  readonly failed: readonly FailedTicket[]
}

/** A condition that an alert rule watches. */
export interface AlertLine {
  readonly rule: string
  readonly key: string
  readonly state: 'pending' | 'firing' | 'recovered'
  readonly firstAt: Date
  readonly count: number
}
