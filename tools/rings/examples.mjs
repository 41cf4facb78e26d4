// Every example is a program that ends with 0: examples/<name>.ts.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { runQuietly } from '../process.mjs';
import { countChecks } from '../report.mjs';

export async function runExamples({ node, env, root }) {
  const folder = path.join(root, 'examples');
  const entries = existsSync(folder) ? readdirSync(folder) : [];
  const names = entries.filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
  if (names.length === 0) return { passed: 0, failed: 1, skipped: 0, reason: 'no examples/*.ts' };
  const done = [];
  for (const name of names.sort()) {
    const args = ['--conditions=signalbox-source', path.join(folder, name)];
    const { status } = await runQuietly(node, args, { env, timeoutSeconds: 60 });
    process.stdout.write(`${status === 0 ? '  ok     ' : '  FAILED '} ${name}\n`);
    done.push({ name, status });
  }
  return countChecks(done);
}
