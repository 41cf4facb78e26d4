// The benchmarks must run; what they measure is judged by people. One test each: benchmarks/<name>/run.ts.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { run } from '../process.mjs';
import { countChecks } from '../report.mjs';

/** `npm test`: the smallest size. `npm run bench`: in full, or what its arguments say. */
export async function runBench({ node, env, root, rest, task }) {
  const folder = path.join(root, 'benchmarks');
  const entries = existsSync(folder) ? readdirSync(folder) : [];
  const names = entries.filter((name) => existsSync(path.join(folder, name, 'run.ts')));
  if (names.length === 0) return { passed: 0, failed: 1, skipped: 0, reason: 'no benchmarks/*/run.ts' };
  const own = task === 'bench' ? rest : ['--smoke'];
  const done = [];
  for (const name of names.sort()) {
    const args = ['--conditions=signalbox-source', path.join(folder, name, 'run.ts'), ...own];
    const { status } = await run(node, args, { env, timeoutSeconds: task === 'bench' ? 3600 : 120 });
    done.push({ name, status });
  }
  return countChecks(done);
}
