// A suite by nx: its targets in every project that has them, from the cache where nothing has changed.
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { tool } from '../install.mjs';
import { run } from '../process.mjs';
import { programs } from './programs.mjs';
import { addResults, countChecks } from './report.mjs';

/** nx writes here what it did: every task with its status. */
const RUN = path.join('.nx', 'cache', 'run.json');

/** Where the target of a suite leaves its counts. */
function reportFile(projectName, target) {
  return path.join('.cache', 'reports', projectName, `${target}.json`);
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

/** One task of nx: the counts that it left, or itself as one check. `report`: `null` where there is none. */
export function countTask({ projectName, target, status }, report) {
  const name = `${projectName}:${target}`;
  if (report === null) return countChecks([{ name, status }]);
  const { passed, failed, skipped } = report;
  if (status === 0 || failed > 0) return report;
  return { passed, failed: 1, skipped, reason: `${name}: exit ${status} without a failed test` };
}

/** `details`: run.json. What only holds other targets together is not counted. */
export function countRun(suite, details, readReport) {
  const counted = details.tasks.filter(({ target, projectName }) => {
    if (suite.name === 'lint') return target !== 'lint' && projectName === 'tools';
    return suite.targets.includes(target);
  });
  if (counted.length === 0) return { passed: 0, failed: 1, skipped: 0, reason: 'nx ran no task' };
  const reported = Object.hasOwn(programs, suite.name);
  return addResults(
    counted.map((task) => countTask(task, reported ? readReport(task.projectName, task.target) : null)),
  );
}

async function runTargets(suite, { node, env, ci }) {
  rmSync(RUN, { force: true });
  const fresh = ci || process.env.UPDATE_GOLDENS !== undefined;
  const options = ['--output-style=stream-without-prefixes', ...(fresh ? ['--skip-nx-cache'] : [])];
  const args = tool('nx', 'run-many', '-t', ...suite.targets, ...options);
  const { status } = await run(node, args, { env, timeoutSeconds: 7200 });
  const details = readJson(RUN);
  if (details === null) return { passed: 0, failed: 1, skipped: 0, reason: `nx: exit ${status}` };
  const result = countRun(suite, details, (...task) => readJson(reportFile(...task)));
  if (status === 0 || result.failed > 0) return result;
  return { ...result, failed: 1, reason: `nx: exit ${status}` };
}

/** All of a suite by nx; with arguments for the tool behind it, and `npm run bench`, that tool alone. */
export function runSuite(suite, context) {
  const direct = context.task !== 'test' && Object.hasOwn(programs, suite.name);
  if (direct && (context.rest.length > 0 || suite.name === 'bench')) return programs[suite.name](context);
  return runTargets(suite, context);
}

/** `npm run affected -- -t unit`: targets of the projects that the commits since main can have changed. Returns the status. */
export async function runAffected({ node, env, rest }) {
  const { status } = await run(node, tool('nx', 'affected', ...rest), { env, timeoutSeconds: 7200 });
  return status;
}
