import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDifference, joinObjects } from './format-difference.ts';

const differenceOf = (kernel: readonly string[], desired: readonly string[]) =>
  formatDifference([{ object: 'chain A', kernel, desired }]);

/** What patch(1) does with the lines, where equal lines are taken as context. */
function patched(kernel: readonly string[], lines: readonly string[]): readonly string[] {
  const removed = lines.filter((line) => line.startsWith('-')).map((line) => line.slice(1));
  const added = lines.filter((line) => line.startsWith('+')).map((line) => line.slice(1));
  const rest = [...kernel];
  for (const line of removed) rest.splice(rest.indexOf(line), 1);
  return [...rest, ...added].toSorted();
}

describe('the difference as text', () => {
  it('has no line for objects that are the same', () => {
    expect(differenceOf(['a', 'b'], ['a', 'b'])).toEqual([]);
  });

  it('names the object, and prints only the lines that differ', () => {
    expect(differenceOf(['a', 'x', 'c'], ['a', 'b', 'c', 'd'])).toEqual(['@@ chain A @@', '-x', '+b', '+d']);
  });

  it('shows a line that moved as removed and added', () => {
    expect(differenceOf(['a', 'b'], ['b', 'a'])).toHaveLength(3);
  });

  it('leads from the kernel to the desired lines', () => {
    const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 12 });
    fc.assert(
      fc.property(lines, lines, (kernel, desired) => {
        const [, ...differing] = differenceOf(kernel, desired);
        expect(patched(kernel, differing)).toEqual(desired.toSorted());
      }),
    );
  });

  it('prints long objects that have nothing in common without a comparison of all pairs', () => {
    const kernel = Array.from({ length: 5000 }, (_, index) => `old ${index}`);
    const desired = Array.from({ length: 5000 }, (_, index) => `new ${index}`);
    expect(differenceOf(kernel, desired)).toHaveLength(10_001);
  });
});

describe('parts of objects', () => {
  it('are joined in the order in which they come, with each line once', () => {
    const parts = [
      { object: 'device', kernel: ['link'], desired: ['link', 'address 1'] },
      { object: 'set', kernel: [], desired: ['add 1'] },
      { object: 'device', kernel: ['link', 'address 3'], desired: ['address 2', 'address 1'] },
    ];
    expect(joinObjects(parts)).toEqual([
      { object: 'device', kernel: ['link', 'address 3'], desired: ['link', 'address 1', 'address 2'] },
      { object: 'set', kernel: [], desired: ['add 1'] },
    ]);
  });
});
