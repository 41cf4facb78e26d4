// The benchmarks must run; what they measure is judged by people. `npm run bench` passes its arguments on.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { run } from '../process.mjs';

export async function runBench({ node, env, root, rest, task }) {
  const main = path.join(root, 'benchmarks', 'main.ts');
  if (!existsSync(main)) return { passed: 0, failed: 1, skipped: 0, reason: 'no benchmarks/main.ts' };
  const args = task === 'bench' ? rest : ['--smoke'];
  const { status } = await run(node, ['--conditions=signalbox-source', main, ...args], { env });
  const failed = status === 0 ? 0 : 1;
  return { passed: 1 - failed, failed, skipped: 0, reason: failed ? `exit ${status}` : '' };
}
