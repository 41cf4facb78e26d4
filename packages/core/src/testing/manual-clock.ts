import type { Clock } from '../clock.ts';

/** A timer that has neither run nor been cancelled. */
export interface PendingTimer {
  /** The delay with which it was scheduled. */
  readonly delayMs: number;
  /** In milliseconds of `elapsed()`. */
  readonly dueAt: number;
}

/** A clock that changes only when a test advances it. */
export interface ManualClock extends Clock {
  /** Timers not yet run or cancelled, earliest first. */
  readonly pending: readonly PendingTimer[];
  /** Advances the time and runs the timers that are due, in order; `now()` in a callback is the time it was due at. */
  advance(ms: number): void;
  /** Sets the time of day back: `now()` is less by this much from here on; `elapsed()` is not, and timers do not run later. */
  setBack(ms: number): void;
  /** Resolves as soon as a timer for which `matches` holds is pending. */
  waitForTimer(matches: (timer: PendingTimer) => boolean): Promise<PendingTimer>;
}

interface Timer extends PendingTimer {
  readonly callback: () => void;
}

/** `random()` always returns `random`, so that jitter is constant. */
export function createManualClock(start = 1_700_000_000_000, random = 0.5): ManualClock {
  let [now, behind] = [start, 0];
  let timers: readonly Timer[] = [];
  const waiters = new Set<() => void>();

  const runDue = (until: number): void => {
    for (let next = timers[0]; next !== undefined && next.dueAt <= until; next = timers[0]) {
      timers = timers.slice(1);
      now = Math.max(now, next.dueAt);
      next.callback();
    }
    now = until;
  };

  return {
    now: () => now - behind,
    elapsed: () => now,
    random: () => random,
    schedule(delayMs, callback) {
      const timer: Timer = { delayMs, dueAt: now + Math.max(0, delayMs), callback };
      timers = [...timers, timer].sort((a, b) => a.dueAt - b.dueAt);
      for (const check of waiters) check();
      return () => void (timers = timers.filter((each) => each !== timer));
    },
    get pending() {
      return timers;
    },
    advance: (ms) => runDue(now + ms),
    setBack: (ms) => void (behind += ms),
    waitForTimer(matches) {
      return new Promise((resolve) => {
        const check = (): void => {
          const found = timers.find(matches);
          if (found !== undefined && waiters.delete(check)) resolve(found);
        };
        waiters.add(check);
        check();
      });
    },
  };
}
