/** Bounds the share of time that work takes which recurs: a verification of everything. Pure but for the work. */

/** When recurring work last ran, and for how long. */
export interface TimeShare {
  /** Whether the work, done now, stays within this share of the time. */
  isDue(share: number): boolean;
  /** Does the work, and counts the time that it takes. */
  take<T>(work: () => Promise<T>): Promise<T>;
}

/** `now`: milliseconds. */
export function createTimeShare(now: () => number): TimeShare {
  const last = { began: 0, ended: Number.NEGATIVE_INFINITY };
  return {
    isDue(share) {
      // The clock may have been set back.
      const ended = Math.min(last.ended, now());
      return now() - ended >= (last.ended - last.began) * (1 / share - 1);
    },
    async take(work) {
      const began = now();
      try {
        return await work();
      } finally {
        Object.assign(last, { began, ended: now() });
      }
    },
  };
}
