// Tests that need IPVS and dummy links, in User-Mode Linux kernels: few machines have both, and none is harmed.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { withDeclaredCommands } from '../command-folder.mjs';
import { withPackedApp } from '../packed-app.mjs';
import { run } from '../process.mjs';
import { skip } from '../report.mjs';
import { runVitest } from './vitest.mjs';

/** Half of the work. */
const SCENARIOS = 'scenarios.uml.test.ts';

/** Scenarios, everything else: the files of each lane, which has a kernel and a processor of its own. */
function lanesOf(root) {
  const files = ['packages', 'apps'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true })
      .filter((file) => file.endsWith('.uml.test.ts') && !file.includes('node_modules'))
      .map((file) => path.join(folder, file)),
  );
  const half = (file) => (path.basename(file) === SCENARIOS ? 0 : 1);
  return [0, 1].map((lane) => files.filter((file) => half(file) === lane));
}

/** `0-3,8` → 0, 1, 2, 3, 8. */
export function parseCpuList(text) {
  return text.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** Processors that this process may run on. */
function processors() {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return parseCpuList(list ?? '0');
}

export function addResults(results) {
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  const reason = results
    .map((result) => result.reason)
    .filter((text) => text !== '')
    .join('; ');
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped'), reason };
}

export async function runUml(context) {
  const result = await withDeclaredCommands('uml', context, runInKernels);
  return 'passed' in result ? result : skip(result.reason);
}

async function runInKernels(context) {
  // Four minutes on two quiet processors; the limit is there for what hangs.
  const uml = (cpu) => [
    path.join(context.root, 'tools', 'uml-run'),
    '--timeout',
    '2300',
    '--cpu',
    String(cpu),
    '--',
  ];
  const cpus = processors();
  const [command, ...args] = [...uml(cpus[0]), 'true'];
  const probe = await run(command, args, { env: context.env, capture: true, timeoutSeconds: 60 });
  const lastLine = probe.output.trim().split('\n').at(-1) ?? '';
  if (probe.status !== 0)
    return { reason: `User-Mode Linux does not start here (exit ${probe.status}): ${lastLine}` };
  // Node starts twice as fast with what it has compiled before, and most of this ring is starting processes.
  const cache = path.join(context.root, 'node_modules', '.cache', 'node-compile');
  const env = { ...context.env, NODE_COMPILE_CACHE: cache };
  const chosen = context.task === 'uml' && context.rest.length > 0;
  const lanes = chosen ? [context.rest] : cpus.length > 1 ? lanesOf(context.root) : [[]];
  return withPackedApp(env, async (packed) => {
    const runs = lanes.map((rest, index) =>
      runVitest('uml', { ...context, env: packed, task: 'uml', rest }, uml(cpus.at(-1 - index))),
    );
    return addResults(await Promise.all(runs));
  });
}
