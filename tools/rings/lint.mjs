// Everything that reads the source without running it; one test a tool.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { tool } from '../install.mjs';
import { runQuietly } from '../process.mjs';
import { countChecks } from '../report.mjs';

function ownChecks(root) {
  const folder = path.join(root, 'tools');
  const names = readdirSync(folder).filter((name) => name.startsWith('check-') && name.endsWith('.mjs'));
  return names.sort().map((name) => ({ name: `tools/${name}`, args: [path.join(folder, name)] }));
}

export async function runLint({ node, env, root }) {
  const checks = [
    { name: 'oxlint', args: tool('oxlint', '--type-aware') },
    { name: 'prettier', args: tool('prettier', '--check', '--log-level', 'warn', '.') },
    // npm install leaves holes in the lockfile for platforms it did not find; npm ci then fails elsewhere.
    { name: 'npm ci --dry-run', command: 'npm', args: ['ci', '--dry-run', '--no-audit', '--no-fund'] },
    ...ownChecks(root),
  ];
  const done = [];
  for (const { name, command = node, args } of checks) {
    const { status } = await runQuietly(command, args, { env, shell: process.platform === 'win32' });
    process.stdout.write(`${status === 0 ? '  ok     ' : '  FAILED '} ${name}\n`);
    done.push({ name, status });
  }
  return countChecks(done);
}
