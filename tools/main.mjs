// The commands behind tools/run.mjs, under the pinned Node and with the packages of the lockfile.
import { pinnedEnvironment } from './install.mjs';
import { handleSignals } from './process.mjs';
import { runExample } from './suites/examples.mjs';
import { runFormat } from './suites/format.mjs';
import { suites, tasks } from './suites/index.mjs';
import { runAffected, runSuite } from './suites/nx-run.mjs';
import { printReport, totals } from './suites/report.mjs';
import { runStart } from './suites/start.mjs';

/** Tasks that are no test: each returns its exit status. */
const programs = { start: runStart, format: runFormat, example: runExample, affected: runAffected };

const [task = '', ...rest] = process.argv.slice(2);
const interrupted = handleSignals();

function usage() {
  const names = [...Object.keys(programs), ...Object.keys(tasks)].join(' | ');
  process.stderr.write(`usage: node tools/run.mjs ${names} [arguments for the tool behind it]\n`);
  process.exit(2);
}

/** A suite that breaks is a failed suite; the others still run. */
async function runSafely(suite, context) {
  try {
    return await runSuite(suite, context);
  } catch (error) {
    process.stdout.write(`${error.stack}\n`);
    return { passed: 0, failed: 1, skipped: 0, reason: error.message.split('\n')[0] };
  }
}

async function runSuites(context) {
  const results = [];
  for (const suite of suites.filter(({ name }) => tasks[task].includes(name))) {
    if (interrupted.aborted) break;
    process.stdout.write(`\n== ${suite.name}: ${suite.title}\n`);
    const started = Date.now();
    const result = await runSafely(suite, context);
    results.push({ ...result, suite: suite.name, seconds: (Date.now() - started) / 1000 });
  }
  printReport(results);
  if (interrupted.aborted) return 130;
  return totals(results).failed === 0 ? 0 : 1;
}

if (!Object.hasOwn(programs, task) && !Object.hasOwn(tasks, task)) usage();
const context = { ...pinnedEnvironment(), rest, task, ci: process.env.CI === 'true' };
process.exitCode = Object.hasOwn(programs, task) ? await programs[task](context) : await runSuites(context);
