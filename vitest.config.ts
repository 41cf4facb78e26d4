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
  ],
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
          exclude: ['**/node_modules/**'],
        },
      },
      {
        ...shared,
        test: {
          ...base,
          name: 'kernel',
          include: tests('kernel.test'),
          exclude: ['**/node_modules/**'],
          globalSetup,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        // Needs IPVS and dummy links, which few development kernels have: `npm run uml`.
        ...shared,
        test: {
          ...base,
          name: 'uml',
          include: tests('uml.test'),
          exclude: ['**/node_modules/**'],
          globalSetup,
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
export default config;
