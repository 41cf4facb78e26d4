#!/usr/bin/env node
// `npm start`, `npm test` and friends. No dependencies, any Node >= 20: installs what the lockfile says, then
// runs everything under the Node that the lockfile pins.
import { chdir, exit, argv } from 'node:process';
import { installOnce, pinnedEnvironment, repositoryRoot } from './install.mjs';
import { signalChildren, startNoMore } from './process.mjs';
import { printReport, totals } from './report.mjs';
import { ringsOf, tasks } from './rings/index.mjs';
import { runExample } from './rings/examples.mjs';
import { runFormat } from './rings/format.mjs';
import { runStart } from './rings/start.mjs';

/** Tasks that are no test: each returns its exit status. */
const programs = { start: runStart, format: runFormat, example: runExample };

const [task = '', ...rest] = argv.slice(2);
const interrupt = new AbortController();
const interrupted = interrupt.signal;

function usage() {
  const names = [...Object.keys(programs), ...Object.keys(tasks)].join(' | ');
  process.stderr.write(`usage: node tools/run.mjs ${names} [arguments for the tool behind it]\n`);
  exit(2);
}

/** A ring that breaks is a failed ring; the others still run. */
async function runRing(ring, context) {
  try {
    return await ring.run(context);
  } catch (error) {
    process.stdout.write(`${error.stack}\n`);
    return { passed: 0, failed: 1, skipped: 0, reason: error.message.split('\n')[0] };
  }
}

async function runRings(context) {
  const results = [];
  for (const ring of ringsOf(task)) {
    if (interrupted.aborted) break;
    process.stdout.write(`\n== ${ring.name}: ${ring.title}\n`);
    const started = Date.now();
    const result = await runRing(ring, context);
    results.push({ ...result, ring: ring.name, seconds: (Date.now() - started) / 1000 });
  }
  printReport(results);
  if (interrupted.aborted) return 130;
  return totals(results).failed === 0 ? 0 : 1;
}

interrupted.addEventListener('abort', startNoMore);
// A Ctrl-C reaches the child too (same terminal): it cleans up, and no other suite is started.
process.on('SIGINT', () => interrupt.abort());
// So does the end of the terminal. Another process sends SIGTERM to this one alone.
process.on('SIGHUP', () => interrupt.abort());
process.on('SIGTERM', () => {
  interrupt.abort();
  signalChildren('SIGTERM');
});

if (!Object.hasOwn(programs, task) && !Object.hasOwn(tasks, task)) usage();
chdir(repositoryRoot);
await installOnce();
const context = { ...pinnedEnvironment(), rest, task, ci: process.env.CI === 'true' };
if (Object.hasOwn(programs, task)) exit(await programs[task](context));
exit(await runRings(context));
