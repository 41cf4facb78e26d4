import { defineConfig } from 'vitest/config';

const conditions = ['signalbox-source', 'module', 'node', 'import', 'default'];
const shared = {
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
};
const roots = ['packages', 'apps', 'tools', 'examples', 'benchmarks'];
const tests = (suffix: string): string[] => roots.map((root) => `${root}/**/*.${suffix}.ts`);
/** Tests of the app run it as it ships. */
const globalSetup = ['tools/packed-app.mjs'];
const base = {
  pool: 'forks',
  // A bound for hangs only: no test depends on the load of the machine.
  testTimeout: 60_000,
  hookTimeout: 60_000,
  include: tests('test'),
  exclude: [
    '**/node_modules/**',
    '**/dist/**',
    ...tests('kernel.test'),
    ...tests('uml.test'),
    ...tests('scenario.test'),
    ...tests('page.test'),
  ],
} as const;

/** Wine's prefix in `.cache` has a link to the root of the file system. */
const noTests = ['**/node_modules/**', '**/.cache/**'];
/** Half of the work of the suite. An --exclude of the command line would not reach a project. */
const UML_SCENARIOS = '**/scenarios.uml.test.ts';
const uml = {
  ...base,
  globalSetup,
  testTimeout: 600_000,
  hookTimeout: 600_000,
  fileParallelism: false,
} as const;

/** One project a suite. The kernel suite needs namespaces, which tools/suites/kernel.mjs makes. */
const config: ReturnType<typeof defineConfig> = defineConfig({
  test: {
    projects: [
      { ...shared, test: { ...base, name: 'unit', include: [...base.include], exclude: [...base.exclude] } },
      {
        ...shared,
        test: {
          ...base,
          name: 'scenarios',
          include: tests('scenario.test'),
          exclude: noTests,
        },
      },
      // Needs Chromium: `npm run page`.
      {
        ...shared,
        test: { ...base, name: 'page', include: tests('page.test'), exclude: noTests },
      },
      {
        ...shared,
        test: {
          ...base,
          name: 'kernel',
          include: tests('kernel.test'),
          exclude: noTests,
          globalSetup,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      // Need IPVS and dummy links, which few development kernels have: `npm run uml`. Each has a kernel of its own.
      {
        ...shared,
        test: { ...uml, name: 'uml', include: tests('uml.test'), exclude: [...noTests, UML_SCENARIOS] },
      },
      {
        ...shared,
        test: { ...uml, name: 'uml-scenarios', include: [UML_SCENARIOS], exclude: noTests },
      },
    ],
  },
});
export default config;
