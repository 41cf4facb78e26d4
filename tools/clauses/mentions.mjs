// Ids of clauses in texts, comments and titles: each stands in a document, so that a reader can look it up.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { filesBelow } from './proofs.mjs';

/** Letters of the documents, and those of lists that were never part of the repository. */
const ID = /\b(?:[SFGNQX]|IPT|IPV|NFT|WIN)[0-9]{1,3}\b/g;
const WORDS = new Set(['IPV4', 'IPV6']);

const FOLDERS = [
  'apps',
  'benchmarks',
  'decisions',
  'deploy',
  'docs',
  'examples',
  'packages',
  'scenarios',
  'tools',
];
const FILES = ['ARCHITECTURE.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'README.md', 'SECURITY.md'];
const ENDINGS = ['.md', '.ts', '.mjs', '.cjs', '.cs', '.c', '.json', '.yaml', '.yml'];
/** Clauses of its own making. */
const OWN_TEST = 'tools/coverage.test.ts';

/** @returns `[id, file]` for every id that a text names, once per file */
function mentionsIn(file, text) {
  const ids = new Set([...text.matchAll(ID)].map(([id]) => id).filter((id) => !WORDS.has(id)));
  return [...ids].map((id) => [id, file]);
}

/** Every mention of an id that is not in `known`, as a line of text. */
export function unknownMentions(root, known) {
  const below = ENDINGS.flatMap((ending) => filesBelow(root, FOLDERS, ending));
  const files = [...FILES, ...below].filter((file) => file !== OWN_TEST);
  return files
    .flatMap((file) => mentionsIn(file, readText(path.join(root, file))))
    .filter(([id]) => !known.has(id))
    .map(([id, file]) => `${id} is no clause of a document, but ${file} names it`);
}

function readText(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return '';
    throw error;
  }
}
