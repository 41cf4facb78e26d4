import type { Clock } from '@signalbox/core';

export interface BackOff {
  /** Failures since the last success. */
  readonly failures: number;
  /** Milliseconds to wait before the next attempt. */
  next(): number;
  reset(): void;
}

const FIRST_WAIT_MS = 800;
const LONGEST_WAIT_MS = 30_000;

/** Doubles from 0.8 s to 30 s; jitter spreads the nodes of a cluster whose API server comes back. */
export function createBackOff(clock: Clock): BackOff {
  let failures = 0;
  return {
    get failures() {
      return failures;
    },
    next() {
      const base = FIRST_WAIT_MS * 2 ** Math.min(failures, 16);
      failures++;
      const spread = Math.min(base, LONGEST_WAIT_MS / 2) * (1 + clock.random());
      return Math.round(spread);
    },
    reset() {
      failures = 0;
    },
  };
}
