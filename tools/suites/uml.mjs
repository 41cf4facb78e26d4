// Tests that need IPVS and dummy links, in a User-Mode Linux kernel: few machines have both, and none is harmed.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { withDeclaredCommands } from '../command-folder.mjs';
import { withPackedApp } from '../packed-app.mjs';
import { run } from '../process.mjs';
import { buildRoot } from '../publish/image-root.mjs';
import { unlessSkipped } from '../rigs/rig.mjs';
import { skip } from './report.mjs';
import { runVitest, selectsTools } from './vitest.mjs';

/** Half of the work, so its kernel has a processor of its own. */
const SCENARIOS = 'scenarios.uml.test.ts';

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

export async function runUml(context) {
  const result = await withDeclaredCommands('uml', context, runInKernel);
  return 'passed' in result ? result : skip(result.reason);
}

/** Where the tests of tools/ are among those that run: the root of the image, built at the speed of this machine. */
async function withImageRoot({ env, rest }, act) {
  if (!selectsTools(rest)) return act(env);
  const root = mkdtempSync(path.join(tmpdir(), 'signalbox-image-root-'));
  try {
    const built = buildRoot(root, 'amd64').then(() => null);
    const missing = await unlessSkipped(built, (reason) => reason);
    if (missing !== null) process.stdout.write(`${missing}\n`);
    return await act({
      ...env,
      ...(missing === null ? { SIGNALBOX_IMAGE_ROOT: root } : { SIGNALBOX_IMAGE_MISSING: missing }),
    });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function runInKernel(context) {
  const cpus = processors();
  const isScenarios = context.rest.some((word) => path.basename(word) === SCENARIOS);
  const cpu = isScenarios ? cpus.at(-1) : cpus[0];
  // Four minutes on two quiet processors; the limit is there for what hangs.
  const options = ['--timeout', '2300', '--cpu', String(cpu), '--'];
  const uml = [path.join(context.root, 'tools', 'uml-run'), ...options];
  const [command, ...args] = [...uml, 'true'];
  const probe = await run(command, args, { env: context.env, capture: true, timeoutSeconds: 60 });
  const lastLine = probe.output.trim().split('\n').at(-1) ?? '';
  if (probe.status !== 0)
    return { reason: `User-Mode Linux does not start here (exit ${probe.status}): ${lastLine}` };
  // Node starts twice as fast with what it has compiled before, and most of this suite is starting processes.
  const cache = path.join(context.root, 'node_modules', '.cache', 'node-compile');
  const environment = { ...context.env, NODE_COMPILE_CACHE: cache };
  const project = isScenarios ? 'uml-scenarios' : 'uml';
  return withImageRoot({ ...context, env: environment }, (withRoot) =>
    withPackedApp(withRoot, (env) => runVitest(project, { ...context, env }, uml)),
  );
}
