import { describe, expect, it } from 'vitest';
import { readSources, smallFileProblems } from './check-small-files.mjs';
import { repositoryRoot } from './install.mjs';

const SHORT = 'export const one = 1;\n';
const LONG = SHORT.repeat(20);
const use = (file: string): string => `import { one } from '${file}';\n${LONG}`;
const problems = (files: Readonly<Record<string, string>>): readonly string[] =>
  smallFileProblems(new Map(Object.entries(files)));

describe('check-small-files', () => {
  it('names a short file that one other file imports', () => {
    expect(problems({ 'a/x.ts': SHORT, 'a/y.ts': use('./x.ts') })).toEqual([
      'a/x.ts: 1 lines, used by one file: put it there',
    ]);
    expect(problems({ 'a/x.ts': LONG, 'a/y.ts': use('./x.ts') })).toEqual([]);
  });

  it.each<[string, Readonly<Record<string, string>>]>([
    ['several files import it', { 'a/x.ts': SHORT, 'a/y.ts': use('./x.ts'), 'b/z.ts': use('../a/x.ts') }],
    ['its test stands beside it', { 'a/x.ts': SHORT, 'a/y.ts': use('./x.ts'), 'a/x.test.ts': use('./x.ts') }],
    [
      'a package exports it',
      { 'a/x.ts': SHORT, 'a/index.ts': "export * from './x.ts';\n", 'a/y.ts': use('./x.ts') },
    ],
    ['it is a process', { 'a/x-child.ts': SHORT, 'a/y.ts': use('./x-child.ts') }],
    ['its name is that of a feature', { 'a/hairpin.ts': SHORT, 'a/y.ts': use('./hairpin.ts') }],
    [
      'several tests share it',
      { 'a/x.ts': SHORT, 'a/y.test.ts': use('./x.ts'), 'a/z.test.ts': use('./x.ts') },
    ],
    [
      'a test and a file of testing/ share it',
      { 'a/testing/x.ts': SHORT, 'a/testing/y.ts': use('./x.ts'), 'a/z.test.ts': use('./testing/x.ts') },
    ],
  ])('accepts a short file where %s', (_, files) => {
    expect(problems(files)).toEqual([]);
  });

  it('counts one test as a user of what only that test imports', () => {
    expect(problems({ 'a/x.ts': SHORT, 'a/y.test.ts': use('./x.ts') })).toHaveLength(1);
  });

  it('reads the sources of all packages and applications, and no built file', () => {
    const files = [...readSources(repositoryRoot).keys()];
    expect(files).toEqual(
      expect.arrayContaining([
        'apps/proxy/src/main.ts',
        'packages/core/src/index.ts',
        'packages/core/src/model/ip.ts',
      ]),
    );
    expect(files.filter((file) => /(?:^|\/)(?:node_modules|dist)\//.test(file))).toEqual([]);
  });
});
