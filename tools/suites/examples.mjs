// Every example is a program that ends with 0: examples/<name>.ts.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { withDeclaredCommands } from '../command-folder.mjs';
import { run, runQuietly } from '../process.mjs';
import { countChecks, skip } from './report.mjs';

/** `npm run example -- NAME`: one program with its arguments and its output. Returns the exit status. */
export function runExample({ node, env, root, rest: [name = '', ...words] }) {
  const file = path.join(root, 'examples', `${name}.ts`);
  if (/^[\w-]+$/.test(name) && existsSync(file)) {
    return run(node, ['--conditions=signalbox-source', file, ...words], { env }).then(({ status }) => status);
  }
  const found = readdirSync(path.join(root, 'examples')).filter((each) => isExample(each));
  process.stderr.write(`usage: npm run example -- ${found.map((each) => each.slice(0, -3)).join(' | ')}\n`);
  return Promise.resolve(2);
}

const isExample = (name) => name.endsWith('.ts') && !name.endsWith('.test.ts');

export async function runExamples(context) {
  const result = await withDeclaredCommands('examples', context, runAll);
  return 'passed' in result ? result : skip(result.reason);
}

async function runAll({ node, env, root }) {
  const folder = path.join(root, 'examples');
  const entries = existsSync(folder) ? readdirSync(folder) : [];
  const names = entries.filter((name) => isExample(name));
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
