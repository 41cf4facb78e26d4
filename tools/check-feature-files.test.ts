import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { featureFileProblems } from './check-feature-files.mjs';

const held = { root: '' };
const folder = (): string => path.join(held.root, 'packages/backend-x/src/compile');
const write = (file: string, text = 'export const rule = 1;\n'): void =>
  writeFileSync(path.join(folder(), file), text);
const problems = (): readonly string[] => featureFileProblems(held.root);

/** A backend with every feature, and packages that compile nothing. */
beforeEach(() => {
  held.root = mkdtempSync(path.join(tmpdir(), 'signalbox-features-'));
  for (const other of ['backend-y/src', 'core']) {
    mkdirSync(path.join(held.root, 'packages', other), { recursive: true });
  }
  mkdirSync(folder(), { recursive: true });
  for (const problem of problems()) write(path.basename(problem.replace(/:.*/, '')));
  expect(problems()).toEqual([]);
});
afterEach(() => rmSync(held.root, { recursive: true, force: true }));

describe('check-feature-files', () => {
  it('names a file that a backend lacks', () => {
    rmSync(path.join(folder(), 'session-affinity.ts'));
    expect(problems()).toEqual([
      'packages/backend-x/src/compile/session-affinity.ts: missing, and not listed in unsupported-features.json',
    ]);
  });

  it('accepts a feature that is listed as unsupported with a reason', () => {
    rmSync(path.join(folder(), 'hairpin.ts'));
    write('unsupported-features.json', '{"hairpin": "the switch does it"}');
    expect(problems()).toEqual([]);
    write('unsupported-features.json', '{"hairpin": ""}');
    expect(problems()).toEqual([expect.stringContaining('hairpin: give the reason')]);
  });

  it('refuses a file of a feature that is listed, and a word that is no feature', () => {
    write('unsupported-features.json', '{"hairpin": "the switch does it", "affinity": "no table"}');
    expect(problems()).toEqual([
      expect.stringContaining('affinity: not a feature'),
      expect.stringContaining('hairpin.ts: is listed in unsupported-features.json, too'),
    ]);
  });

  it('refuses a file without code, and another name for a feature', () => {
    write('masquerade.ts', '// See service-dispatch.ts.\n');
    write('chain-names.ts');
    expect(problems()).toEqual([
      expect.stringContaining('masquerade.ts: exports nothing'),
      expect.stringContaining('chain-names.ts: rename it'),
    ]);
  });
});
