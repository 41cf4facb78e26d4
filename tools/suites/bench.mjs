// The benchmarks must run; what they measure is judged by people. One test each: benchmarks/<name>/run.ts.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { withDeclaredCommands } from '../command-folder.mjs';
import { run } from '../process.mjs';
import { countChecks, skip } from './report.mjs';

/** Names of benchmarks select these; every other word is an argument of them. */
export function chooseBenchmarks(all, words) {
  const names = words.filter((word) => !word.startsWith('-'));
  const unknown = names.filter((name) => !all.includes(name));
  if (unknown.length > 0)
    return { reason: `no benchmark ${unknown.join(', ')}: choose from ${all.join(', ')}` };
  return { names: names.length > 0 ? names : all, flags: words.filter((word) => word.startsWith('-')) };
}

/** In full, or what the arguments say: `npm run bench -- iptables --smoke`. */
export async function runBench(context) {
  const result = await withDeclaredCommands('bench', context, runBenchmarks);
  return 'passed' in result ? result : skip(result.reason);
}

async function runBenchmarks({ node, env, root, rest }) {
  const folder = path.join(root, 'benchmarks');
  const entries = existsSync(folder) ? readdirSync(folder) : [];
  const names = entries.filter((name) => existsSync(path.join(folder, name, 'run.ts')));
  if (names.length === 0) return { passed: 0, failed: 1, skipped: 0, reason: 'no benchmarks/*/run.ts' };
  const chosen = chooseBenchmarks(names.sort(), rest);
  if ('reason' in chosen) return { passed: 0, failed: 1, skipped: 0, reason: chosen.reason };
  const done = [];
  for (const name of chosen.names) {
    const args = ['--conditions=signalbox-source', path.join(folder, name, 'run.ts'), ...chosen.flags];
    const { status } = await run(node, args, { env, timeoutSeconds: rest.includes('--smoke') ? 120 : 3600 });
    done.push({ name, status });
  }
  return countChecks(done);
}
