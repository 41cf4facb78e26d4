// Part of the lint suite: a clause that nothing proves any more is found by the commit that lost the proof.
import { fileURLToPath } from 'node:url';
import { checkAnchors, checkCoverage } from './coverage.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const problems = [...checkCoverage(root).problems, ...checkAnchors(root)];
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
