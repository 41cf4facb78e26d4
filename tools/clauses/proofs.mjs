// Which test proves which clause: scenarios say it in `proves`, tests in their titles (`S22: …`).
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const CLAUSE = /^[A-Z]+[0-9]+$/;

/** The entries of `proves:`, as a block or an inline list. No YAML library: tools/ runs before npm install. */
export function scenarioClauses(yaml) {
  const inline = /^proves:[ \t]*\[([^\]]*)\]/m.exec(yaml);
  if (inline !== null) return inline[1].split(',').map((id) => id.trim());
  const block = /^proves:[ \t]*\n((?:[ \t]*-[^\n]*\n?)*)/m.exec(yaml);
  return [...(block?.[1] ?? '').matchAll(/-[ \t]*['"]?([A-Z]+[0-9]+)/g)].map((found) => found[1]);
}

/** Ids in front of a colon inside string literals: `it('S22: …')`, `'S4, S8: …'`, a row's `title: 'F135: …'`. */
export function titleClauses(source) {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const literals = code.matchAll(/'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g);
  const texts = [...literals].map(([, single, double, template]) => single ?? double ?? template ?? '');
  const lists = texts.flatMap((text) => [...text.matchAll(/((?:\b[A-Z]+[0-9]+[, ]*)+):(?=\s)/g)]);
  const ids = lists.flatMap(([, list]) => list.split(/[, ]+/)).filter((id) => CLAUSE.test(id));
  return [...new Set(ids)];
}

const SKIPPED = new Set(['node_modules', 'dist', '.nx']);

/** Files whose path ends so, below these folders, as sorted paths with `/`. */
export function filesBelow(root, folders, ending) {
  const found = [];
  const walk = (folder) => {
    for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true })) {
      const inside = `${folder}/${entry.name}`;
      if (entry.isDirectory() && !SKIPPED.has(entry.name)) walk(inside);
      else if (entry.isFile() && inside.endsWith(ending)) found.push(inside);
    }
  };
  for (const folder of folders) if (existsSync(path.join(root, folder))) walk(folder);
  return found.sort((one, other) => (one < other ? -1 : 1));
}

/** Clause id → files that prove it, scenarios (by folder) first. */
export function collectProofs(root) {
  const proofs = new Map();
  const add = (id, file) => {
    const files = proofs.get(id) ?? [];
    if (!files.includes(file)) proofs.set(id, [...files, file]);
  };
  for (const file of filesBelow(root, ['scenarios'], '/scenario.yaml')) {
    const text = readFileSync(path.join(root, file), 'utf8');
    for (const id of scenarioClauses(text)) add(id, path.posix.dirname(file));
  }
  for (const file of filesBelow(root, ['packages', 'apps', 'tools', 'examples'], '.test.ts')) {
    for (const id of titleClauses(readFileSync(path.join(root, file), 'utf8'))) add(id, file);
  }
  return proofs;
}
