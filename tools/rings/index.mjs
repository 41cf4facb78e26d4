// The rings of `npm test`, in the order they run, and the tasks that are one ring alone.
import { runBench } from './bench.mjs';
import { runExamples } from './examples.mjs';
import { runKernel } from './kernel.mjs';
import { runLint } from './lint.mjs';
import { runDemo } from './start.mjs';
import { runRig } from './rig.mjs';
import { runTargets } from './targets.mjs';
import { runUml } from './uml.mjs';
import { runDeclared } from './vitest.mjs';

const rings = [
  { name: 'lint', title: 'oxlint, prettier, lockfile, checks of tools/', run: runLint },
  { name: 'types', title: 'the TypeScript compiler over every project', run: runTargets('typecheck') },
  { name: 'build', title: 'every package and the app bundle', run: runTargets('build') },
  { name: 'unit', title: 'tests beside the source', run: (context) => runDeclared('unit', context) },
  {
    name: 'scenarios',
    title: 'scenarios/ on every backend with a fake kernel',
    run: (context) => runDeclared('scenarios', context),
  },
  { name: 'examples', title: 'every program of examples/', run: runExamples },
  { name: 'kernel', title: 'real netfilter in network namespaces', run: runKernel },
  { name: 'uml', title: 'IPVS in a User-Mode Linux kernel', run: runUml },
  { name: 'mono', title: 'the Windows library and its bridge, under Mono', run: runRig('mono', 'rig-a') },
  { name: 'wine', title: 'the Windows bundle, under Wine', run: runRig('wine', 'rig-b') },
  { name: 'demo', title: 'npm start: the real proxy on a node in a box', run: runDemo },
  { name: 'bench', title: 'benchmarks, smallest size', run: runBench },
];

/** Task name → names of its rings. */
export const tasks = {
  test: rings.map((ring) => ring.name),
  ...Object.fromEntries(rings.map((ring) => [ring.name, [ring.name]])),
};

export function ringsOf(task) {
  return rings.filter((ring) => tasks[task].includes(ring.name));
}
