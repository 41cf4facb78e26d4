// The test suites in the order in which `npm test` runs them, with the nx targets of each.
export const suites = [
  { name: 'lint', title: 'oxlint, prettier, lockfile, packages, checks of tools/', targets: ['lint'] },
  { name: 'types', title: 'the TypeScript compiler over every project', targets: ['typecheck'] },
  { name: 'build', title: 'every package and the app bundle', targets: ['build'] },
  { name: 'unit', title: 'tests beside the source', targets: ['unit'] },
  { name: 'scenarios', title: 'scenarios/ on every backend with a fake kernel', targets: ['scenarios'] },
  { name: 'examples', title: 'every program of examples/', targets: ['examples'] },
  { name: 'page', title: 'the page of the metrics address, in Chromium', targets: ['page'] },
  { name: 'kernel', title: 'real netfilter in network namespaces', targets: ['kernel'] },
  { name: 'uml', title: 'IPVS in a User-Mode Linux kernel', targets: ['uml', 'uml-scenarios'] },
  { name: 'mono', title: 'the Windows library and its bridge, under Mono', targets: ['mono'] },
  { name: 'wine', title: 'the Windows bundle, under Wine', targets: ['wine'] },
  { name: 'demo', title: 'npm start: the real proxy on a node in a box', targets: ['demo'] },
  { name: 'bench', title: 'benchmarks, smallest size', targets: ['bench'] },
];

/** Task name → names of its suites. */
export const tasks = {
  test: suites.map(({ name }) => name),
  ...Object.fromEntries(suites.map(({ name }) => [name, [name]])),
};
