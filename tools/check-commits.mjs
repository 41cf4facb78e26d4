// Subjects of commits: `area: what changed`, at most 72 characters. Older history has other forms, so the check begins
// after a fixed commit; of what comes after it, the commits that a push would publish, or the last ones.
import { fileURLToPath } from 'node:url';
import { run } from './process.mjs';

/** The last commit before the rule. */
const BASE = '027e246c709f167db95ddef01425ad6e5476d796';
const LAST = 50;
const LONGEST = 72;
const AREA = /^[a-z][\w./-]*(?:, [a-z][\w./-]*)*: \S/;

/** What is wrong with a subject; `null`: nothing. */
export function subjectProblem(subject) {
  if (subject.length > LONGEST) return `${subject.length} characters (at most ${LONGEST}): ${subject}`;
  return AREA.test(subject) ? null : `not "area: what changed": ${subject}`;
}

async function git(...args) {
  const { status, stdout } = await run('git', args, { capture: true, timeoutSeconds: 60 });
  return status === 0 ? stdout.trim() : null;
}

/** Subjects to check; `null` where there is no history to read (a tarball, a shallow clone). */
async function subjects() {
  if ((await git('merge-base', '--is-ancestor', BASE, 'HEAD')) === null) return null;
  const remote = await git('rev-parse', '--verify', '--quiet', 'origin/main');
  const onRemote = remote !== null && (await git('merge-base', '--is-ancestor', BASE, remote)) !== null;
  const list = ['log', '--no-merges', '--format=%s', `--max-count=${LAST}`, `${BASE}..HEAD`];
  const unpublished = onRemote ? await git('log', '--no-merges', '--format=%s', `${remote}..HEAD`) : null;
  const text = unpublished === null || unpublished === '' ? await git(...list) : unpublished;
  return text === null || text === '' ? [] : text.split('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.chdir(fileURLToPath(new URL('..', import.meta.url)));
  const found = await subjects();
  if (found === null) process.stdout.write(`no commit ${BASE} here: no subject was checked\n`);
  const problems = (found ?? []).map(subjectProblem).filter((problem) => problem !== null);
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
