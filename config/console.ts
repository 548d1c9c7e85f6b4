/** How long a person stays signed in to the console. */
export const consoleSessions = {
  /** Minutes without a page before the person signs in again. */
  idleMinutes: 120,
  /** Hours after which the person signs in again in any case: a working day. */
  longestHours: 12,
} as const
