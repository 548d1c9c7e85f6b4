import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// Tests start programs of ours all the time; most of what a start costs is compiling, which is the same every time.
const env = { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/compile', import.meta.url)) }

// The kind of a test is its folder. Unit and property tests need nothing; integration tests talk to real servers (the
// embedded ones unless DATABASE_URL and REDIS_URL name others), so they run one file at a time.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/property/**/*.test.ts', 'test/contract/**/*.test.ts'],
          env,
          testTimeout: 60_000,
          maxWorkers: 2,
          pool: 'threads',
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts', 'test/guarantees/**/*.test.ts'],
          env,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
          pool: 'forks',
          testTimeout: 60_000,
          // On a shared machine a clock-bound test may meet a stall; it is run once more before a change is turned down.
          retry: process.env['CI'] ? 1 : 0,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
