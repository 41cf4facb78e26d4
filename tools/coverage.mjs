// Every clause of docs/service-semantics.md and docs/compatibility.md is proven by a scenario or a test that
// names it, or docs/differences.md gives the reason why it is absent, and every id that a text names is such a clause.
// `node tools/coverage.mjs` prints the table and fails otherwise; with --missing it prints only what is wrong;
// with --write it fills the documents' last column, and writes the anchors of links.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  DOCUMENTS,
  readClauses,
  readDifferences,
  withoutAnchor,
  writeAnchors,
  writeLastColumn,
} from './clauses/documents.mjs';
import { unknownMentions } from './clauses/mentions.mjs';
import { collectProofs } from './clauses/proofs.mjs';

const SHOWN = 3;

/** Clauses to which no link can lead, as lines of text. */
export function checkAnchors(root) {
  return DOCUMENTS.flatMap((document) =>
    withoutAnchor(root, document).map(
      (id) => `${id} has no anchor in ${document.file}: node tools/coverage.mjs --write`,
    ),
  );
}

/** One entry per clause, and what is wrong as lines of text. */
export function checkCoverage(root) {
  const proofs = collectProofs(root);
  const absent = new Set(
    readDifferences(root)
      .filter(({ kind }) => kind === 'absent')
      .map(({ id }) => id),
  );
  const clauses = DOCUMENTS.flatMap(({ file, letter }) =>
    readClauses(root, file)
      .filter(({ id }) => id.startsWith(letter))
      .map(({ id, cells }) => ({
        id,
        file,
        title: cells[0],
        absent: absent.has(id),
        by: proofs.get(id) ?? [],
      })),
  );
  return { clauses, problems: [...missing(clauses), ...twice(clauses), ...unknown(root, clauses)] };
}

function missing(clauses) {
  return clauses
    .filter(({ by, absent }) => by.length === 0 && !absent)
    .map(({ id, file, title }) => `${id} is proven by nothing: ${title} (${file})`);
}

function twice(clauses) {
  return clauses
    .filter(({ id }, at) => clauses.findIndex((other) => other.id === id) !== at)
    .map(({ id, file }) => `${id} stands twice in ${file}`);
}

/** A text that names a clause of no document has a typing error, or the document has a hole. */
function unknown(root, clauses) {
  return unknownMentions(root, new Set(clauses.map(({ id }) => id)));
}

function column({ by, absent }) {
  if (by.length === 0) return absent ? 'see differences.md' : '';
  const rest = by.length - SHOWN;
  return by.slice(0, SHOWN).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

function printTable(clauses) {
  for (const clause of clauses) {
    const mark = clause.by.length > 0 || clause.absent ? '' : '  MISSING';
    process.stdout.write(
      `${clause.id.padEnd(5)} ${String(clause.by.length).padStart(3)}  ${column(clause)}${mark}\n`,
    );
  }
}

function writeDocuments(root, clauses) {
  const texts = new Map(clauses.map((clause) => [clause.id, column(clause)]));
  for (const { file } of DOCUMENTS) {
    const full = path.join(root, file);
    if (!existsSync(full)) continue;
    writeFileSync(
      full,
      writeAnchors(writeLastColumn(readFileSync(full, 'utf8'), (id) => texts.get(id) ?? '')),
    );
  }
}

function main(root, options) {
  const { clauses, problems } = checkCoverage(root);
  if (options.includes('--write')) writeDocuments(root, clauses);
  if (!options.includes('--missing')) printTable(clauses);
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  const done = clauses.filter(({ by, absent }) => by.length > 0 || absent).length;
  process.stdout.write(`${done} of ${clauses.length} clauses are proven\n`);
  return problems.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
  process.exitCode = main(root, process.argv.slice(2));
}
