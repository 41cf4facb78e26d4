/** Time and randomness, injected wherever something waits or retries, so that tests decide when time passes. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds since an arbitrary moment. Setting the time of day does not change it: durations are differences of it. */
  elapsed(): number;
  /** At least 0, less than 1. */
  random(): number;
  /** Runs `callback` once, `delayMs` milliseconds from now, unless the returned function is called before. */
  schedule(delayMs: number, callback: () => void): () => void;
}

/** Resolves after `delayMs`. */
export function pause(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.schedule(delayMs, resolve));
}
