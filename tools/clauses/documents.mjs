// The clauses in the documents: rows `| S22 | requirement | where it is tested |`.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const ROW = /^\|\s*([A-Z]+[0-9]+)\s*\|(.*)\|\s*$/;

/** Each document and the letter of its ids. A document that does not exist has no clauses. */
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
 * Rows `| S58 | differs | kube-proxy … | Signalbox … | because … |`. `differs`: Signalbox does it in another way,
 * which a test proves; `absent`: Signalbox does not do it, so there is nothing to prove.
 */
export function readDifferences(root) {
  return readClauses(root, DIFFERENCES).map(({ id, cells: [kind] }) => ({ id, kind }));
}

/** Links lead to `docs/service-semantics.md#s24`. */
function anchor(id) {
  return `<a id="${id.toLowerCase()}"></a>`;
}

/** Ids of a document to which no link can lead. */
export function withoutAnchor(root, { file, letter }) {
  const full = path.join(root, file);
  const text = existsSync(full) ? readFileSync(full, 'utf8') : '';
  return clauseRows(text)
    .map(({ id }) => id)
    .filter((id) => id.startsWith(letter) && !text.includes(anchor(id)));
}

const ANCHORS_A_LINE = 8;

/** Puts the anchors of its rows above every table: Markdown has none for rows. */
export function writeAnchors(markdown) {
  const plain = markdown.replaceAll(/^(?:<a id="[a-z]+\d+"><\/a>)+\n\n?/gm, '');
  return plain.replaceAll(/^\|.*\n(?:\|.*\n?)*/gm, (table) => {
    const anchors = clauseRows(table).map(({ id }) => anchor(id));
    const lines = [];
    for (let at = 0; at < anchors.length; at += ANCHORS_A_LINE)
      lines.push(anchors.slice(at, at + ANCHORS_A_LINE).join(''));
    return lines.length === 0 ? table : `${lines.join('\n')}\n\n${table}`;
  });
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
