// One vitest project a suite, counted from its JSON report.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { tool } from '../install.mjs';
import { withDeclaredCommands } from '../command-folder.mjs';
import { run } from '../process.mjs';
import { failuresField } from './report.mjs';

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

/** Skipped tests by their titles, so that the table lists what did not run. */
function skippedTitles(report) {
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  const titles = tests.filter((test) => test.status === 'skipped' || test.status === 'pending');
  const [first] = titles;
  if (first === undefined) return '';
  return `skipped: ${first.fullName}${titles.length > 1 ? ` and ${titles.length - 1} more` : ''}`;
}

/** A file that does not even load has no failed test in it: it counts as one. */
function brokenFiles(report) {
  return report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
}

/** Lines of an error that the table repeats: the message and the first places of its stack. */
const ERROR_LINES = 12;

/** Each failed test: file, title, error. A file that did not load: its own error. */
function failureTexts(report) {
  const text = (file, title, error = '') => {
    const lines = stripVTControlCharacters(error).split('\n').slice(0, ERROR_LINES);
    return [`${path.relative('', file.name)}${title}`, ...lines].join('\n  ');
  };
  const tests = report.testResults.flatMap((file) =>
    file.assertionResults
      .filter((test) => test.status === 'failed')
      .map((test) => text(file, ` > ${test.fullName}`, test.failureMessages?.join('\n'))),
  );
  return [...tests, ...brokenFiles(report).map((file) => text(file, '', file.message))];
}

export function countReport(report, status) {
  const broken = brokenFiles(report);
  const passed = report.numPassedTests;
  const skipped = report.numPendingTests + report.numTodoTests;
  const failed = report.numFailedTests + broken.length;
  if (passed + failed + skipped === 0) return { passed, failed: 1, skipped, reason: 'ran no tests' };
  if (status !== 0 && failed === 0) {
    return { passed, failed: 1, skipped, reason: `vitest exit ${status} (errors outside of tests?)` };
  }
  const brokenNames = broken.map((file) => path.relative('', file.name)).join(', ');
  const reason = brokenNames ? `broken: ${brokenNames}` : skippedTitles(report);
  return { passed, failed, skipped, reason, ...failuresField(failureTexts(report)) };
}

/** A suite that also runs, with failures, where its commands cannot be installed: most of its tests need none. */
export async function runDeclared(project, context) {
  const act = (restricted) => runVitest(project, restricted);
  const result = await withDeclaredCommands(project, context, act);
  if ('passed' in result) return result;
  process.stdout.write(`${result.reason}\n`);
  return runVitest(project, context);
}

const OTHER_FOLDERS = /^(?:apps|benchmarks|examples|packages)\//;

/** Whether tests of tools/ can be among those that these arguments select: they need the parts of the image. */
export function selectsTools(rest) {
  return rest.length === 0 || rest.some((word) => !OTHER_FOLDERS.test(word));
}

/** Several times what a suite takes on two quiet processors: for what hangs although each test has its own limit. */
const TIMEOUT_SECONDS = 2400;

/** `prefix`: a command line that runs what follows it somewhere else (namespaces, another kernel). */
export async function runVitest(project, { node, env, rest }, prefix = []) {
  const folder = mkdtempSync(path.join(tmpdir(), 'signalbox-report-'));
  const file = path.join(folder, 'report.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const [command, ...args] = [
    ...prefix,
    node,
    ...tool('vitest', 'run', '--project', project, ...reporters, ...rest),
  ];
  const { status } = await run(command, args, { env, timeoutSeconds: TIMEOUT_SECONDS });
  const report = readReport(file);
  rmSync(folder, { recursive: true, force: true });
  if (report === null)
    return { passed: 0, failed: 1, skipped: 0, reason: `vitest exit ${status} without a report` };
  return countReport(report, status);
}
