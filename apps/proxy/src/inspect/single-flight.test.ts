import { describe, expect, it } from 'vitest';
import { singleFlight } from './single-flight.ts';

describe('singleFlight', () => {
  it('computes once for simultaneous callers, and again for later ones', async () => {
    const flights = singleFlight();
    let count = 0;
    const compute = () => Promise.resolve((count += 1));
    expect(await Promise.all([flights('a', compute), flights('a', compute), flights('b', compute)])).toEqual([
      1, 1, 2,
    ]);
    expect(await flights('a', compute)).toBe(3);
  });

  it('forgets a failure', async () => {
    const flights = singleFlight();
    await expect(flights('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await flights('a', () => Promise.resolve(1))).toBe(1);
  });
});
