// Part of the lint suite: a clause that nothing proves any more is found by the commit that lost the proof.
import { fileURLToPath } from 'node:url';
import { checkCoverage } from './coverage.mjs';

const { problems } = checkCoverage(fileURLToPath(new URL('..', import.meta.url)));
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
