/** The part of a clock that is needed for waiting. */
export interface Timer {
  /** Runs `callback` once, after `delayMs` milliseconds, unless the returned function is called before. */
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
