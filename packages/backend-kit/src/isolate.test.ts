import { backendError } from '@signalbox/core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isolateRefused, type Trial } from './isolate.ts';

const error = backendError('rejected', 'trial', 'refused');
const LIMITS = { groupSize: 8, refusalsLimit: 100 };

function refusing(bad: ReadonlySet<number>): (group: readonly number[]) => Promise<Trial> {
  return (group) =>
    Promise.resolve(group.some((each) => bad.has(each)) ? { kind: 'refused', error } : { kind: 'accepted' });
}

describe('isolateRefused', () => {
  it('finds exactly the refused ones', async () => {
    const numbers = fc.uniqueArray(fc.nat(60), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(numbers, fc.uniqueArray(fc.nat(60), { maxLength: 5 }), async (suspects, badOnes) => {
        const attempt = refusing(new Set(badOnes));
        const found = await isolateRefused({
          ...LIMITS,
          suspects,
          attempt,
          confirm: (suspect) => attempt([suspect]),
        });
        const bad = suspects.filter((each) => badOnes.includes(each));
        expect(new Set(found.refused.keys())).toEqual(new Set(bad));
        expect(found.accepted.size).toBe(suspects.length - bad.length);
      }),
    );
  });

  it('blames no object where only the size of a group was refused', async () => {
    const attempt = (group: readonly number[]): Promise<Trial> =>
      Promise.resolve(group.length > 1 ? { kind: 'too-large' } : { kind: 'accepted' });
    const found = await isolateRefused({
      ...LIMITS,
      // Nor does the size end the search.
      refusalsLimit: 1,
      suspects: [1, 2, 3, 4, 5, 6, 7, 8],
      attempt,
      confirm: () => attempt([0]),
    });
    expect([found.refused.size, found.accepted.size]).toEqual([0, 8]);
  });

  it('does not refuse an object that is accepted when it is tried again', async () => {
    const found = await isolateRefused({
      ...LIMITS,
      suspects: [1],
      attempt: refusing(new Set([1])),
      confirm: () => Promise.resolve({ kind: 'accepted' }),
    });
    expect([...found.accepted]).toEqual([1]);
  });

  it('ends at an inconclusive trial and at the limit of refusals', async () => {
    let trials = 0;
    const inconclusive = (): Promise<Trial> => {
      trials++;
      return Promise.resolve({ kind: 'inconclusive' });
    };
    const many = Array.from({ length: 64 }, (_, index) => index);
    const stopped = await isolateRefused({
      ...LIMITS,
      suspects: many,
      attempt: inconclusive,
      confirm: inconclusive,
    });
    expect([trials, stopped.accepted.size, stopped.refused.size]).toEqual([1, 0, 0]);
    const attempt = refusing(new Set(many));
    const limited = await isolateRefused({
      ...LIMITS,
      refusalsLimit: 5,
      suspects: many,
      attempt,
      confirm: (each) => attempt([each]),
    });
    expect(limited.refused.size).toBeLessThan(5);
  });
});
