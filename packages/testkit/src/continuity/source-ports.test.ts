import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSourcePorts } from './source-ports.ts';

const RANGE = { first: 32_768, count: 100 } as const;

describe('source ports of a test', () => {
  it('are returned once until the range is used up, and are within it', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 24 }), { maxLength: 40 }), (sizes) => {
        const ports = createSourcePorts(RANGE);
        const taken = new Set<number>();
        for (const size of sizes) {
          const first = ports.take(size);
          // The range starts again only when the rest is too small.
          if (first === RANGE.first) taken.clear();
          for (let port = first; port < first + size; port++) {
            expect(taken).not.toContain(port);
            taken.add(port);
            expect(port).toBeGreaterThanOrEqual(RANGE.first);
            expect(port).toBeLessThan(RANGE.first + RANGE.count);
          }
        }
      }),
    );
  });

  it('start again only when the rest of the range is too small', () => {
    const ports = createSourcePorts(RANGE);
    expect([40, 40, 20, 1].map((count) => ports.take(count))).toEqual([32_768, 32_808, 32_848, 32_768]);
  });

  it('are refused if more are requested than the range has', () => {
    expect(() => createSourcePorts(RANGE).take(101)).toThrow('101 source ports: the range has 100');
  });
});
