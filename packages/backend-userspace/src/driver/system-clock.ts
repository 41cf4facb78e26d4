import type { Clock } from '@signalbox/core';

/** The clock and timers of the process. */
export const systemClock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  schedule: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
