import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { missingFeatureFiles } from './check-feature-files.mjs';

const root = mkdtempSync(path.join(tmpdir(), 'signalbox-features-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('check-feature-files', () => {
  it('names the file that a backend lacks, and leaves alone what compiles nothing', () => {
    const compile = path.join(root, 'packages/backend-x/src/compile');
    mkdirSync(compile, { recursive: true });
    mkdirSync(path.join(root, 'packages/backend-userspace/src'), { recursive: true });
    mkdirSync(path.join(root, 'packages/core'), { recursive: true });
    const all = missingFeatureFiles(root);
    expect(all).toContain('packages/backend-x/src/compile/session-affinity.ts');
    for (const file of all.slice(1)) writeFileSync(path.join(root, file), '');
    expect(missingFeatureFiles(root)).toEqual(all.slice(0, 1));
  });
});
