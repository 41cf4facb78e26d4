/** Every code of an error that a package returns is in its README. */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from './install.mjs';

const read = (file: string): string => readFileSync(path.join(repositoryRoot, file), 'utf8');

/** `export type …Code = …`, and literals of `code: '…'`, in the sources of a package. */
function codesOf(folder: string): readonly string[] {
  const files = globSync(`${folder}/src/**/*.ts`, { cwd: repositoryRoot }).filter(
    (file) => !/\.test\.ts$|\/testing\//.test(file),
  );
  const texts = files.map(read);
  const unions = texts.flatMap((text) =>
    [...text.matchAll(/^export type \w+Code =([\s\S]*?');$/gm)].flatMap(([, body = '']) => [
      ...body.matchAll(/'([a-z-]+)'/g),
    ]),
  );
  const literals = texts.flatMap((text) => [...text.matchAll(/\bcode: '([a-z-]+)'/g)]);
  return [...new Set([...unions, ...literals].map(([, code = '']) => code))];
}

describe('the codes of errors', () => {
  it.each([
    ['packages/core', ['busy', 'exception']],
    ['packages/kubernetes', ['aborted', 'handler-failed']],
    ['packages/manifests', ['bad-yaml', 'handler-failed']],
  ] as const)('are all in the README of %s', (folder, expected) => {
    const codes = codesOf(folder);
    expect(codes).toEqual(expect.arrayContaining([...expected]));
    const readme = read(`${folder}/README.md`);
    expect(codes.filter((code) => !readme.includes(`\`${code}\``))).toEqual([]);
  });
});
