import { describe, expect, it } from 'vitest';
import { addResults, parseCpuList } from './uml.mjs';

describe('the uml ring', () => {
  it.each([
    ['0-1', [0, 1]],
    ['3', [3]],
    ['0-2,8,10-11', [0, 1, 2, 8, 10, 11]],
  ])('reads the processors %s', (text, cpus) => {
    expect(parseCpuList(text)).toEqual(cpus);
  });

  it('counts what its kernels ran together', () => {
    const one = { passed: 3, failed: 1, skipped: 0, reason: '' };
    const other = { passed: 4, failed: 0, skipped: 2, reason: 'skipped: a test' };
    expect(addResults([one, other])).toEqual({
      passed: 7,
      failed: 1,
      skipped: 2,
      reason: 'skipped: a test',
    });
  });
});
