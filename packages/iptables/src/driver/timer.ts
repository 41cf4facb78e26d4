/** The part of a clock that waiting needs. */
export interface Timer {
  /** Runs `callback` once, so many milliseconds from now, unless the answer is called before. */
  schedule(delayMs: number, callback: () => void): () => void;
  /** Milliseconds. */
  now(): number;
}

export const SYSTEM_TIMER: Timer = {
  schedule(delayMs, callback) {
    const handle = setTimeout(callback, delayMs);
    handle.unref();
    return () => clearTimeout(handle);
  },
  now: () => performance.now(),
};
