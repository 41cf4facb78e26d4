// Suites that are more than a command line: what runs each, as counts of tests. tools/suite.mjs is their nx target.
import { runBench } from './bench.mjs';
import { runExamples } from './examples.mjs';
import { runKernel } from './kernel.mjs';
import { runPage } from './page.mjs';
import { runRig } from './rig.mjs';
import { runDemo } from './start.mjs';
import { runUml } from './uml.mjs';
import { runDeclared } from './vitest.mjs';

/** Suite → `(context) => Promise<counts>`; `context.rest` are the arguments of the tool behind it. */
export const programs = {
  unit: (context) => runDeclared('unit', context),
  scenarios: (context) => runDeclared('scenarios', context),
  examples: runExamples,
  page: runPage,
  kernel: runKernel,
  uml: runUml,
  mono: runRig('mono', 'rig-a'),
  wine: runRig('wine', 'rig-b'),
  demo: runDemo,
  bench: runBench,
};
