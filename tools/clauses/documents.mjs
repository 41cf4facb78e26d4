// The clauses that the documents promise: rows `| S22 | what it says | where it is proven |`.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const ROW = /^\|\s*([A-Z]+[0-9]+)\s*\|(.*)\|\s*$/;

/** Each document and the letter of its ids. A document that does not exist promises nothing. */
export const DOCUMENTS = [
  { file: 'docs/service-semantics.md', letter: 'S' },
  { file: 'docs/compatibility.md', letter: 'F' },
];

const DIFFERENCES = 'docs/differences.md';

/** The cells behind the id, trimmed; a `|` inside a cell is written `\|`. */
function cells(rest) {
  return rest.split(/(?<!\\)\|/).map((cell) => cell.trim());
}

/** Every row whose first cell is an id: `{ id, cells }`. */
export function clauseRows(markdown) {
  return markdown.split('\n').flatMap((line) => {
    const found = ROW.exec(line);
    return found === null ? [] : [{ id: found[1], cells: cells(found[2]) }];
  });
}

export function readClauses(root, file) {
  const full = path.join(root, file);
  return existsSync(full) ? clauseRows(readFileSync(full, 'utf8')) : [];
}

/**
 * Rows `| S58 | differs | kube-proxy … | Signalbox … | because … |`. `differs`: we do it in our way, and that
 * has to be proven; `absent`: we do not do it, so there is nothing to prove.
 */
export function readDifferences(root) {
  return readClauses(root, DIFFERENCES).map(({ id, cells: [kind] }) => ({ id, kind }));
}

/** Puts `column(id)` into the last cell of every clause row. */
export function writeLastColumn(markdown, column) {
  return markdown
    .split('\n')
    .map((line) => {
      const found = ROW.exec(line);
      if (found === null) return line;
      const kept = cells(found[2]).slice(0, -1);
      return `| ${[found[1], ...kept, column(found[1])].join(' | ')} |`;
    })
    .join('\n');
}
