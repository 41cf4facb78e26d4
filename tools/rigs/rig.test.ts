import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { moveFolder, Skip, unlessSkipped } from './rig.mjs';

const scratch = mkdtempSync(path.join(tmpdir(), 'signalbox-move-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function createFolder(folder: string, files: Readonly<Record<string, string>>): string {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
  return folder;
}

/** A complete folder to move, its place, and whether a complete folder is in the place. */
function prepare(name: string) {
  const from = createFolder(path.join(scratch, name, 'from'), { complete: 'moved' });
  const target = path.join(scratch, name, 'target');
  const content = (): string => readFileSync(path.join(target, 'complete'), 'utf8');
  return { from, target, content, isComplete: () => existsSync(path.join(target, 'complete')) };
}

describe('moveFolder', () => {
  it('moves the folder to a free place, or to that of an incomplete folder', () => {
    const free = prepare('free');
    moveFolder(free.from, free.target, free.isComplete);
    expect(free.content()).toBe('moved');
    const taken = prepare('incomplete');
    createFolder(taken.target, { part: '' });
    moveFolder(taken.from, taken.target, taken.isComplete);
    expect(taken.content()).toBe('moved');
    expect(existsSync(path.join(taken.target, 'part'))).toBe(false);
  });

  it('keeps a complete folder that is in the place', () => {
    const { from, target, content, isComplete } = prepare('complete');
    createFolder(target, { complete: 'other' });
    moveFolder(from, target, isComplete);
    expect(content()).toBe('other');
  });

  it('does not remove the folder of another process that comes after the check', () => {
    const { from, target, content, isComplete } = prepare('race');
    const other = { text: '' };
    moveFolder(from, target, () => {
      if (isComplete()) return true;
      createFolder(target, { complete: 'other' });
      other.text = content();
      return false;
    });
    expect(['', content()]).toContain(other.text);
  });

  it('throws the error of the move if there is no complete folder', () => {
    const { from, target, isComplete } = prepare('failure');
    expect(() => moveFolder(path.join(from, 'absent'), target, isComplete)).toThrow('ENOENT');
  });
});

describe('unlessSkipped', () => {
  it('has another result only where the machine cannot produce the first', async () => {
    const otherwise = (reason: string): string => `missing: ${reason}`;
    expect(await unlessSkipped(Promise.resolve('built'), otherwise)).toBe('built');
    expect(await unlessSkipped(Promise.reject(new Skip('no server')), otherwise)).toBe('missing: no server');
    await expect(unlessSkipped(Promise.reject(new Error('no space')), otherwise)).rejects.toThrow('no space');
  });
});
