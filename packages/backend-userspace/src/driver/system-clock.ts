import type { Clock } from '@signalbox/core';

/** The process's own clock, for the short waits of a watched folder. */
export const systemClock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  schedule: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
