import type { Clock } from '@signalbox/core';

import { delay } from './delay.ts';

export interface RateLimiter {
  /** Resolves when the next request may go, in the order of the calls. */
  take(signal: AbortSignal): Promise<void>;
}

/**
 * A token bucket. As in client-go, 0 stands for the defaults (5 a second, 10 at once) and a negative rate
 * for no limit.
 */
export function createRateLimiter(clock: Clock, qps: number, burst: number): RateLimiter {
  const rate = (qps === 0 ? 5 : qps) / 1000;
  const size = burst === 0 ? 10 : burst;
  let tokens = size;
  let filledAt = clock.now();
  return {
    take(signal) {
      if (rate < 0) return Promise.resolve();
      const now = clock.now();
      // The wall clock may be set back: that does not reduce the tokens.
      tokens = Math.min(size, tokens + Math.max(0, now - filledAt) * rate) - 1;
      filledAt = now;
      // The count may be negative: the request then waits until the rate has refilled it to zero.
      return tokens >= 0 ? Promise.resolve() : delay(clock, Math.ceil(-tokens / rate), signal);
    },
  };
}
