import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkCoverage } from './coverage.mjs';
import { clauseRows, withoutAnchor, writeAnchors, writeLastColumn } from './clauses/documents.mjs';
import { scenarioClauses, titleClauses } from './clauses/proofs.mjs';

const title = (text: string): string => `it(${JSON.stringify(text)}, () => {});\n`;

describe('titleClauses', () => {
  const rows: readonly (readonly [source: string, ids: readonly string[]])[] = [
    [title('Z1: words'), ['Z1']],
    [title('Z1: words; ZZ22: more words'), ['Z1', 'ZZ22']],
    [title('Z1, Z2: both'), ['Z1', 'Z2']],
    [`const rows = [{ title: 'Z3: a row' }];\n`, ['Z3']],
    ['it(`Z4: ${name} is served`, () => {});\n', ['Z4']],
    [`const rule = 'Z5';\n`, []],
    [title('something about Z6'), []],
    [`// it('Z7: not yet')\n/* it('Z8: not yet') */\n`, []],
  ];
  for (const [source, ids] of rows) {
    it(`finds ${JSON.stringify(ids)} in ${source.trim()}`, () => {
      expect(titleClauses(source)).toEqual(ids);
    });
  }
});

describe('scenarioClauses', () => {
  it('reads a block and an inline list', () => {
    expect(scenarioClauses('title: x\nproves:\n  - Z1\n  - Z22\nconfig:\n  - Z3\n')).toEqual(['Z1', 'Z22']);
    expect(scenarioClauses('title: x\nproves: [Z1, Z22]\n')).toEqual(['Z1', 'Z22']);
    expect(scenarioClauses('title: x\n')).toEqual([]);
  });
});

describe('anchors of clauses', () => {
  const text =
    '# Rules\n\n| id | rule |\n| --- | --- |\n| Z1 | a |\n| Z2 | b |\n\n| no | clause |\n| --- | --- |\n';

  it('stand above the table, and only once however often they are written', () => {
    const written = writeAnchors(text);
    expect(written).toContain('# Rules\n\n<a id="z1"></a><a id="z2"></a>\n\n| id | rule |');
    expect(writeAnchors(written)).toBe(written);
    expect(writeAnchors(written.replace('| Z2 | b |\n', ''))).not.toContain('z2');
  });

  it('are missed where a row has none', () => {
    const root = mkdtempSync(path.join(tmpdir(), 'signalbox-anchors-'));
    const document = { file: 'rules.md', letter: 'Z' };
    writeFileSync(path.join(root, document.file), text.replace('# Rules', '<a id="z1"></a>'));
    expect(withoutAnchor(root, document)).toEqual(['Z2']);
    rmSync(root, { recursive: true });
  });
});

describe('clauseRows', () => {
  const table = '| id | rule | proof |\n| --- | --- | --- |\n| Z1 | a \\| b | |\n| Z2 | c | old |\n';

  it('reads ids and cells, and not the head', () => {
    expect(clauseRows(table)).toEqual([
      { id: 'Z1', cells: ['a \\| b', ''] },
      { id: 'Z2', cells: ['c', 'old'] },
    ]);
  });

  it('writes the last column alone', () => {
    expect(writeLastColumn(table, (id: string) => `by ${id}`)).toBe(
      '| id | rule | proof |\n| --- | --- | --- |\n| Z1 | a \\| b | by Z1 |\n| Z2 | c | by Z2 |\n',
    );
  });
});

describe('checkCoverage', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'signalbox-coverage-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const write = (file: string, text: string): void => {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  };

  it('names what is proven by nothing, and takes scenarios, tests and stated absence', () => {
    write('docs/service-semantics.md', '| S901 | a | |\n| S902 | b | |\n| S903 | c | |\n| S904 | d | |\n');
    write('docs/differences.md', '| S903 | absent | x | y | z |\n| S904 | differs | x | y | z |\n');
    write('scenarios/a/b/scenario.yaml', 'title: t\nproves:\n  - S901\n');
    write('packages/x/src/y.test.ts', title(['S', '902: t'].join('')));
    const { clauses, problems } = checkCoverage(root);
    expect(problems).toEqual(['S904 is proven by nothing: d (docs/service-semantics.md)']);
    expect(clauses.map(({ by }) => by)).toEqual([['scenarios/a/b'], ['packages/x/src/y.test.ts'], [], []]);
  });

  it('names a test for a clause that does not exist, and a clause that exists twice', () => {
    write('docs/compatibility.md', '| F901 | a | |\n| F901 | b | |\n');
    write('packages/x/src/y.test.ts', title(['F', '901: t'].join('')) + title(['F', '902: t'].join('')));
    expect(checkCoverage(root).problems).toEqual([
      'F901 stands twice in docs/compatibility.md',
      'F902 is no clause of a document, but packages/x/src/y.test.ts names it',
    ]);
  });

  it('names every text with an id that no document defines: comments, documents, scenarios', () => {
    write('docs/service-semantics.md', '| S901 | a | |\n');
    write('docs/differences.md', '| S902 | differs | x | y | z |\n');
    write('packages/x/src/y.ts', '// for IPV4 and IPV6 (G7, S901)\n');
    write('packages/x/src/y.test.ts', title('S901: t'));
    write('scenarios/a/b/scenario.yaml', 'title: t\nproves: [S901, IPT3]\n');
    write('README.md', 'see WIN12\n');
    expect(checkCoverage(root).problems).toEqual([
      'WIN12 is no clause of a document, but README.md names it',
      'S902 is no clause of a document, but docs/differences.md names it',
      'G7 is no clause of a document, but packages/x/src/y.ts names it',
      'IPT3 is no clause of a document, but scenarios/a/b/scenario.yaml names it',
    ]);
  });

  it('overlooks what is installed or built', () => {
    write('docs/service-semantics.md', '| S901 | a | |\n');
    write('packages/x/node_modules/y/z.test.ts', title(['S', '901: t'].join('')));
    expect(checkCoverage(root).problems).toHaveLength(1);
  });
});
