import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// Tests start programs of ours all the time; most of what a start costs is compiling, which is the same every time.
const env = { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/compile', import.meta.url)) }

// Files that measure a pace to the call, and the one that kills and cuts everything, have the machine for themselves.
const alone = [
  'test/integration/pace.test.ts',
  'test/guarantees/06-ceiling.test.ts',
  'test/guarantees/chaos-short.test.ts',
]

const withoutServers = { env, pool: 'threads', maxWorkers: 2, testTimeout: 60_000 } as const

const withServers = {
  env,
  globalSetup: 'test/support/templates.ts',
  pool: 'forks',
  // An end for what hangs. What has to happen in time is said by each test; a server alone may take a minute to start
  // where others work as well.
  testTimeout: 120_000,
  hookTimeout: 180_000,
  // On a shared machine a clock-bound test may meet a stall; it is run once more before a change is turned down.
  retry: process.env['CI'] ? 1 : 0,
} as const

// The kind of a test is its folder. Unit, property and contract tests need nothing; integration tests talk to real servers (the
// embedded ones unless DATABASE_URL and REDIS_URL name others). Each of their files has a database and a key prefix of its
// own and waits more than it computes, so three run at the same time; two where each brings servers of its own along.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/property/**/*.test.ts'],
          ...withoutServers,
          // They change nothing that others see: what they import is loaded once for all of them.
          isolate: false,
        },
      },
      // Some of these stand between the program and the network: each file has a world of its own.
      { test: { name: 'contract', include: ['test/contract/**/*.test.ts'], ...withoutServers } },
      {
        test: {
          ...withServers,
          name: 'integration',
          include: ['test/integration/**/*.test.ts', 'test/guarantees/**/*.test.ts', 'test/browser/**/*.test.ts'],
          exclude: alone,
          maxWorkers: process.env['DATABASE_URL'] ? 3 : 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: { ...withServers, name: 'integration-alone', include: alone, maxWorkers: 1, sequence: { groupOrder: 2 } },
      },
    ],
  },
})
