// The nx target of a suite: `node tools/suite.mjs SUITE REPORT [arguments of the tool behind it]`. Writes the counts of
// the table of `npm test` to REPORT, an output of the target: a cached result has them too.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pinnedEnvironment, repositoryRoot } from './install.mjs';
import { handleSignals } from './process.mjs';
import { programs } from './suites/programs.mjs';

// nx sets it for the tasks that it shows. Programs that tests start, and whose output they compare, would have it too.
delete process.env.FORCE_COLOR;
const [suite, report, ...rest] = process.argv.slice(2);
process.chdir(repositoryRoot);
handleSignals();
rmSync(report, { force: true });
const counts = await programs[suite]({ ...pinnedEnvironment(), rest });
mkdirSync(path.dirname(report), { recursive: true });
writeFileSync(report, `${JSON.stringify(counts)}\n`);
process.exitCode = counts.failed === 0 ? 0 : 1;
