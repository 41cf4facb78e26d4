// The last lines of every run: one row a suite, then the totals in a form that scripts can read.

/** The result of a suite that cannot run here. */
export function skip(reason) {
  process.stdout.write(`SKIPPED: ${reason}\n`);
  return { passed: 0, failed: 0, skipped: 1, reason };
}

export function totals(results) {
  const sum = (field) => results.reduce((total, result) => total + result[field], 0);
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') };
}

/** The field of a result for the texts of its failures; none where none failed. */
export function failuresField(failures) {
  return failures.length === 0 ? {} : { failures };
}

/** What several programs counted, as one result; equal reasons once. */
export function addResults(results) {
  const reasons = new Set(results.map(({ reason }) => reason).filter((text) => text !== ''));
  const failures = results.flatMap((result) => result.failures ?? []);
  return { ...totals(results), reason: [...reasons].join('; '), ...failuresField(failures) };
}

function row({ suite, passed, failed, skipped, seconds, reason }) {
  const mark = failed > 0 ? 'FAILED' : passed === 0 && skipped > 0 ? 'SKIPPED' : 'ok';
  return [suite, mark, passed, failed, skipped, seconds.toFixed(1), reason ?? ''].map(String);
}

/** A log of many megabytes comes before the table: these are what a reader of its end gets to see. */
const SHOWN_FAILURES = 20;

/** Each failed test with its error, below one another. */
export function failureLines(results) {
  const failures = results.flatMap(({ suite, failures: texts = [] }) =>
    texts.map((text) => `${suite}: ${text}`),
  );
  const more = failures.length - SHOWN_FAILURES;
  return [...failures.slice(0, SHOWN_FAILURES), ...(more > 0 ? [`and ${more} more failures`] : [])];
}

export function printReport(results) {
  const head = ['suite', '', 'passed', 'failed', 'skipped', 'seconds', 'reason'];
  const rows = [head, ...results.map(row)];
  const widths = head.map((_, column) => Math.max(...rows.map((cells) => cells[column].length)));
  const numeric = (column) => column >= 2 && column <= 5;
  const line = (cells) =>
    cells.map((cell, i) => (numeric(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join('  ');
  for (const text of failureLines(results)) process.stdout.write(`\nFAILED ${text}\n`);
  process.stdout.write(`\n${rows.map((cells) => line(cells).trimEnd()).join('\n')}\n\n`);
  const { passed, failed, skipped } = totals(results);
  process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
}

/** Counts of a list of named checks, each `{name, status}` with the exit status of its tool. */
export function countChecks(checks) {
  const failed = checks.filter((check) => check.status !== 0);
  const reason = failed.map((check) => check.name).join(', ');
  return { passed: checks.length - failed.length, failed: failed.length, skipped: 0, reason };
}
