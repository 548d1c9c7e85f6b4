/** How strong are the tests of the rules that decide a dossier's fate: what an answer means, which move is legal, when to try again. */
export default {
  plugins: ['@stryker-mutator/vitest-runner'],
  testRunner: 'vitest',
  vitest: { configFile: 'test/mutation/vitest.config.ts' },
  mutate: [
    'adapters/portal/answers.ts',
    'src/dossiers/model.ts',
    'config/statuses.ts',
    'src/delivery/retry.ts',
    'config/retry.ts',
  ],
  // Stryker would rewrite tsconfig.json for its copy of the project, through an interface that TypeScript 7 no longer has.
  // Vitest strips the types and needs none.
  tsconfigFile: 'none',
  concurrency: 2,
  reporters: ['clear-text', 'html', 'json'],
  clearTextReporter: { allowColor: false, allowEmojis: false, reportTests: false },
  htmlReporter: { fileName: 'artifacts/mutation/report.html' },
  jsonReporter: { fileName: 'artifacts/mutation/report.json' },
  tempDirName: 'artifacts/mutation/tmp',
  ignorePatterns: ['.data', 'artifacts', 'coverage'],
  thresholds: { high: 95, low: 90, break: 85 },
}
