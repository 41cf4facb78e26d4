/** The clock of the process, for programs and drivers. An entry of its own: no module of the core imports it. */
import type { Clock } from './clock.ts';

/** A timer of Node.js holds 31 bits of milliseconds, and runs at once if the delay is longer. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** A delay of more than 24 days is cut: the caller compares the time again. */
export const systemClock: Clock = clockOf('keeps-running');

/** As `systemClock`, but its timers alone do not keep the process running: for checks that repeat until they are stopped. */
export const backgroundClock: Clock = clockOf('may-end');

function clockOf(process: 'keeps-running' | 'may-end'): Clock {
  const adjust = <T extends NodeJS.Timeout | NodeJS.Immediate>(timer: T): T => {
    if (process === 'may-end') timer.unref();
    return timer;
  };
  return {
    now: () => Date.now(),
    elapsed: () => performance.now(),
    random: () => Math.random(),
    schedule(delayMs, callback) {
      if (delayMs <= 0) {
        // Once the input that has arrived is read: the shortest timer of Node.js is 1 ms, in practice up to 2 ms.
        const turn = adjust(setImmediate(callback));
        return () => clearImmediate(turn);
      }
      const timer = adjust(setTimeout(callback, Math.min(delayMs, LONGEST_TIMER)));
      return () => clearTimeout(timer);
    },
  };
}
