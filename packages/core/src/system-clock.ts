/** The clock of the process, for programs and drivers. An entry of its own: no module of the core imports it. */
import type { Clock } from './clock.ts';

/** A timer of Node.js holds 31 bits of milliseconds, and runs at once if the delay is longer. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** A delay of more than 24 days is cut: the caller compares the time again. */
export const systemClock: Clock = clockOf((timer) => timer);

/** As `systemClock`, but its timers alone do not keep the process running: for checks that repeat until they are stopped. */
export const backgroundClock: Clock = clockOf((timer) => timer.unref());

function clockOf(adjust: (timer: NodeJS.Timeout) => NodeJS.Timeout): Clock {
  return {
    now: () => Date.now(),
    elapsed: () => performance.now(),
    random: () => Math.random(),
    schedule(delayMs, callback) {
      const timer = adjust(setTimeout(callback, Math.min(delayMs, LONGEST_TIMER)));
      return () => clearTimeout(timer);
    },
  };
}
