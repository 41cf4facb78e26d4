// A file of fewer than 20 lines costs its reader a jump: it needs a reason. The reasons: it is an entry (index, main, a child process, a
// file that a package exports), its test stands beside it, its name is that of a feature, or several files import it.
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { FEATURES } from './check-feature-files.mjs';
import { repositoryRoot } from './install.mjs';

const LEAST_LINES = 20;
const ENTRIES = /^(?:index|main|.*-child)$/;

/** Files that are shorter and have no reason, one line each. `files`: path → text. */
export function smallFileProblems(files) {
  const importers = importersOf(files);
  return [...files]
    .filter(([file, text]) => file.endsWith('.ts') && !file.endsWith('.test.ts') && isShort(text))
    .filter(([file]) => !hasReason(file, files, importers.get(file) ?? []))
    .map(([file, text]) => `${file}: ${linesOf(text)} lines, used by one file: put it there`);
}

const linesOf = (text) => text.split('\n').length - 1;
const isShort = (text) => linesOf(text) < LEAST_LINES;

function hasReason(file, files, importers) {
  const name = path.basename(file, '.ts');
  if (ENTRIES.test(name) || FEATURES.includes(name)) return true;
  if (files.has(file.replace(/\.ts$/, '.test.ts'))) return true;
  const isEntry = importers.some((importer) => path.basename(importer) === 'index.ts');
  return isEntry || importers.length !== 1;
}

/** File → the files that import it; tests count for a file of testing/ and for what only tests use. A file that nothing imports is for knip. */
function importersOf(files) {
  const importers = new Map();
  for (const [file, text] of files) {
    for (const [, to] of text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+\.ts)'/g)) {
      const imported = path.join(path.dirname(file), to);
      importers.set(imported, [...(importers.get(imported) ?? []), file]);
    }
  }
  for (const [file, all] of importers) {
    const sources = all.filter((importer) => !importer.endsWith('.test.ts'));
    importers.set(file, sources.length > 0 && !file.includes('/testing/') ? sources : all);
  }
  return importers;
}

/** Path → text of every TypeScript file below `root` that can import a source file. */
export function readSources(root) {
  const found = globSync('{apps,benchmarks,examples,packages}/**/*.ts', {
    cwd: root,
    exclude: (name) => /^(?:node_modules|dist|\.cache)$/.test(path.basename(name)),
  });
  return new Map(found.map((file) => [file, readFileSync(path.join(root, file), 'utf8')]));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problems = smallFileProblems(readSources(repositoryRoot));
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
