// Part of the lint suite: one version everywhere, and an entry for it in CHANGELOG.md.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from './install.mjs';
import { notesOf } from './publish/changelog.mjs';
import { readJson } from './publish/stage.mjs';
import { versionProblems } from './publish/version-places.mjs';

const { version } = readJson(path.join(repositoryRoot, 'package.json'));
const changelog = readFileSync(path.join(repositoryRoot, 'CHANGELOG.md'), 'utf8');
const missing = [version, 'Unreleased'].filter((name) => notesOf(changelog, name) === null);
const problems = [
  ...versionProblems(repositoryRoot, version),
  ...missing.map((name) => `CHANGELOG.md: no section ## ${name}`),
];
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
