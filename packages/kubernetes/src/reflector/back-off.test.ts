import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';

import { createBackOff } from './back-off.ts';

/** The waits of so many failures in a row, in seconds. */
function waits(random: number, failures: number): number[] {
  const backOff = createBackOff(createManualClock(0, random));
  return Array.from({ length: failures }, () => backOff.next() / 1000);
}

describe('createBackOff', () => {
  it('doubles from 0.8 s and stays at 15 s, without jitter', () => {
    expect(waits(0, 8)).toEqual([0.8, 1.6, 3.2, 6.4, 12.8, 15, 15, 15]);
  });

  it('adds up to as much again, so that no wait is longer than 30 s', () => {
    expect(waits(1, 7)).toEqual([1.6, 3.2, 6.4, 12.8, 25.6, 30, 30]);
    expect(waits(1, 2_000).at(-1)).toBe(30);
  });

  it('begins anew after a success', () => {
    const backOff = createBackOff(createManualClock(0, 0));
    for (let failure = 0; failure < 5; failure++) backOff.next();
    expect(backOff.failures).toBe(5);
    backOff.reset();
    expect(backOff.failures).toBe(0);
    expect(backOff.next()).toBe(800);
  });
});
