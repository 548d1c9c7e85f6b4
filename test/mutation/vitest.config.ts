import { defineConfig } from 'vitest/config'

// The tests whose strength the mutation run measures. They are few and quick, because all of them run for each change of a
// table or a schema; the property tests draw at random, so with them the score would differ from run to run.
export default defineConfig({
  test: {
    include: ['test/unit/{model,portal-answers,retry,status-moves,verdicts}.test.ts'],
    // One worker for all five: they keep nothing between them, and starting a worker takes longer than the tests do.
    isolate: false,
  },
})
