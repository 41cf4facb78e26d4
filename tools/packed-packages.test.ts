import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageProblems } from './packed-packages.mjs';

describe('a package as npm would publish it', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'signalbox-package-'));
    mkdirSync(path.join(folder, 'dist'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const write = (file: string, text: string): void => writeFileSync(path.join(folder, file), text);
  const manifest = (changes: object): void => {
    const entry = { types: './dist/index.d.ts', default: './dist/index.js' };
    const base = { name: 'sample', version: '1.0.0', license: 'Apache-2.0', type: 'module', files: ['dist'] };
    write('package.json', JSON.stringify({ ...base, exports: { '.': entry }, ...changes }));
    write('dist/index.js', 'export const one = 1;\n');
    write('dist/index.d.ts', 'export declare const one = 1;\n');
  };

  it('has no problem if manifest, files and declarations fit', async () => {
    manifest({});
    expect(await packageProblems(folder)).toEqual([]);
  });

  it('is refused if an entry does not exist', async () => {
    manifest({ exports: { '.': { types: './dist/index.d.ts', default: './dist/main.js' } } });
    expect((await packageProblems(folder)).join('\n')).toMatch(/sample: publint: .*dist\/main\.js/);
  });

  it('is refused if a declaration imports what is not in the package', async () => {
    manifest({});
    write('dist/index.d.ts', "export { one } from './other.js';\n");
    expect((await packageProblems(folder)).join('\n')).toContain('sample: attw: InternalResolutionError');
  });
});
