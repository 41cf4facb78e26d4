import { describe, expect, it } from 'vitest';
import { readRigResult } from './rig.mjs';

describe('the result of a rig', () => {
  it('is its last line', () => {
    const line = '{"rig":"rig-a","passed":3,"failed":0,"skipped":0,"reason":""}';
    expect(readRigResult(0, line)).toEqual({ passed: 3, failed: 0, skipped: 0, reason: '' });
  });

  it.each([
    ['no JSON', 0, 'done'],
    ['counts nothing', 0, '{"passed":0,"failed":0,"skipped":0}'],
    ['ended badly although nothing failed', 139, '{"passed":3,"failed":0,"skipped":0}'],
    ['ended well although something failed', 0, '{"passed":3,"failed":1,"skipped":0}'],
  ])('is a failure if it is %s', (_, status, line) => {
    expect(readRigResult(status, line)).toMatchObject({ passed: 0, failed: 1 });
  });
});
