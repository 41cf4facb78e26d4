import { describe, expect, it } from 'vitest';
import { parseCpuList } from './uml.mjs';

describe('the uml suite', () => {
  it.each([
    ['0-1', [0, 1]],
    ['3', [3]],
    ['0-2,8,10-11', [0, 1, 2, 8, 10, 11]],
  ])('reads the processors %s', (text, cpus) => {
    expect(parseCpuList(text)).toEqual(cpus);
  });
});
