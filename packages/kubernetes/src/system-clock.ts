import type { Clock } from '@signalbox/core';

/** The process's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  schedule: (delayMs, callback) => {
    // A timer holds 31 bits of milliseconds; a longer wait is cut, and the caller checks the time again.
    const timer = setTimeout(callback, Math.min(delayMs, 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
};
