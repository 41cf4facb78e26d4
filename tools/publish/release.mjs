// Releases:
//
//   npm run release -- minor         writes the next version (major, minor or patch) everywhere, for a commit and a tag
//   npm run release -- check v1.2.0  succeeds if that tag is of this version
//   npm run release -- notes         prints the changes of this version
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pinnedEnvironment, repositoryRoot } from '../install.mjs';
import { mustRun } from '../process.mjs';
import { nextVersion, notesOf, releaseChanges } from './changelog.mjs';
import { readJson } from './stage.mjs';
import { writeVersion } from './version-places.mjs';

const file = (name) => path.join(repositoryRoot, name);
const { version } = readJson(file('package.json'));
const readChangelog = () => readFileSync(file('CHANGELOG.md'), 'utf8');

function checkTag([tag]) {
  if (tag !== `v${version}`) throw new Error(`the tag ${tag} is not of version ${version} (v${version})`);
}

async function release(step) {
  const next = nextVersion(version, step);
  writeFileSync(
    file('CHANGELOG.md'),
    releaseChanges(readChangelog(), next, new Date().toISOString().slice(0, 10)),
  );
  const manifest = readFileSync(file('package.json'), 'utf8');
  writeFileSync(file('package.json'), manifest.replace(`"version": "${version}"`, `"version": "${next}"`));
  writeVersion(repositoryRoot, next);
  const args = ['install', '--package-lock-only', '--ignore-scripts'];
  await mustRun('npm', args, { cwd: repositoryRoot, env: pinnedEnvironment().env });
  process.stdout.write(
    `Version ${next} is written. Review, commit, then: git tag -s v${next} && git push origin v${next}\n`,
  );
}

const [task = '', ...rest] = process.argv.slice(2);
const tasks = {
  check: checkTag,
  notes: () => process.stdout.write(`${notesOf(readChangelog(), version)}\n`),
};
await (Object.hasOwn(tasks, task) ? tasks[task](rest) : release(task));
