// Releases:
//
//   npm run release -- minor         writes the next version (major, minor or patch) everywhere, for a commit and a tag
//   npm run release -- check v1.2.0  succeeds if this version can be released with that tag; needs no packages of npm
//   npm run release -- notes         prints the changes of this version
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pinnedEnvironment, repositoryRoot } from '../install.mjs';
import { nextVersion, notesOf, releaseChanges } from './changelog.mjs';
import { releaseProblems } from './origin.mjs';
import { readJson } from './stage.mjs';
import { writeVersion } from './version-places.mjs';

const file = (name) => path.join(repositoryRoot, name);
const manifest = readJson(file('package.json'));
const { version } = manifest;
const readChangelog = () => readFileSync(file('CHANGELOG.md'), 'utf8');

function check([tag]) {
  const problems = releaseProblems({ manifest, changelog: readChangelog(), tag, env: process.env });
  process.stderr.write(problems.map((problem) => `${problem}\n`).join(''));
  if (problems.length > 0) process.exitCode = 1;
}

async function release(step) {
  const next = nextVersion(version, step);
  writeFileSync(
    file('CHANGELOG.md'),
    releaseChanges(readChangelog(), next, new Date().toISOString().slice(0, 10)),
  );
  const text = readFileSync(file('package.json'), 'utf8');
  writeFileSync(file('package.json'), text.replace(`"version": "${version}"`, `"version": "${next}"`));
  writeVersion(repositoryRoot, next);
  const args = ['install', '--package-lock-only', '--ignore-scripts'];
  const { mustRun } = await import('../process.mjs');
  await mustRun('npm', args, { cwd: repositoryRoot, env: pinnedEnvironment().env });
  process.stdout.write(
    `Version ${next} is written. Review, commit, then: git tag -s v${next} && git push origin v${next}\n`,
  );
}

const [task = '', ...rest] = process.argv.slice(2);
const tasks = {
  check,
  notes: () => process.stdout.write(`${notesOf(readChangelog(), version)}\n`),
};
try {
  await (Object.hasOwn(tasks, task) ? tasks[task](rest) : release(task));
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
