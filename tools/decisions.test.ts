import { globSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from './install.mjs';

const folder = path.join(repositoryRoot, 'decisions');
const INDEX = 'README.md';

/** What is wrong with the pages and their index, as lines of text. `pages`: file name → text. */
function problemsOf(pages: ReadonlyMap<string, string>, index: string): readonly string[] {
  const names = [...pages.keys()].sort();
  const rows = names.map((name, at) => {
    const number = String(at + 1).padStart(4, '0');
    if (!name.startsWith(`${number}-`)) return [`${name}: the next number is ${number}`];
    const title = new RegExp(`^# ${at + 1}\\. (.+)\n`).exec(pages.get(name) ?? '')?.[1];
    if (title === undefined) return [`${name}: the title does not begin with "# ${at + 1}. "`];
    const row = `| ${number} | [${title}](${name}) |`;
    return index.includes(`${row}\n`) ? [] : [`${INDEX} does not have the row ${row}`];
  });
  const listed = [...index.matchAll(/\]\(([^)]+)\)/g)].map(([, name = '']) => name);
  const absent = listed.filter((name) => !pages.has(name));
  return [...rows.flat(), ...absent.map((name) => `${INDEX} lists ${name}, which does not exist`)];
}

/** References `decisions/0009` and `decisions/0009-fewer-rules.md` in a text. */
function referencesIn(text: string): readonly string[] {
  return [...text.matchAll(/decisions\/(\d{4}(?:-[a-z0-9-]+\.md)?)/g)].map(([, name = '']) => name);
}

function readPages(): ReadonlyMap<string, string> {
  const names = readdirSync(folder).filter((name) => name !== INDEX);
  return new Map(names.map((name) => [name, readFileSync(path.join(folder, name), 'utf8')]));
}

describe('the decisions', () => {
  it('are numbered without a gap, and the index lists each under its title', () => {
    const pages = readPages();
    expect(pages.size).toBeGreaterThan(10);
    expect(problemsOf(pages, readFileSync(path.join(folder, INDEX), 'utf8'))).toEqual([]);
  });

  it.each([
    ['0002-b.md: the next number is 0001', '0002-b.md', '# 2. B\n', '| 0002 | [B](0002-b.md) |\n'],
    [
      '0001-a.md: the title does not begin with "# 1. "',
      '0001-a.md',
      '# 7. A\n',
      '| 0001 | [A](0001-a.md) |\n',
    ],
    ['README.md does not have the row | 0001 | [A](0001-a.md) |', '0001-a.md', '# 1. A\n', ''],
  ])('would be reported: %s', (problem, name, text, index) => {
    expect(problemsOf(new Map([[name, text]]), index)).toEqual([problem]);
  });

  it('would be reported where the index lists a page that does not exist', () => {
    expect(problemsOf(new Map(), '| 0001 | [A](0001-a.md) |\n')).toEqual([
      'README.md lists 0001-a.md, which does not exist',
    ]);
  });

  it('are referred to by numbers and names that exist', () => {
    const roots = '{apps,benchmarks,decisions,deploy,docs,examples,packages,scenarios,tools}';
    const files = globSync(['*.md', `${roots}/**/*.{md,ts,mjs,yaml}`], {
      cwd: repositoryRoot,
      exclude: (file) => /^(?:node_modules|dist|\.cache|decisions\.test\.ts)$/.test(path.basename(file)),
    });
    const names = [...readPages().keys()];
    const found = files.flatMap((file) => {
      const references = referencesIn(readFileSync(path.join(repositoryRoot, file), 'utf8'));
      return references.map((reference) => ({ file, reference }));
    });
    expect(found.length).toBeGreaterThan(10);
    const exists = (reference: string): boolean =>
      names.some((name) => name === reference || name.slice(0, 4) === reference);
    expect(found.filter(({ reference }) => !exists(reference))).toEqual([]);
  });
});
