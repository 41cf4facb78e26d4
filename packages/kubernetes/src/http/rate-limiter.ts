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
      // The clock on the wall may be set back: that is no debt.
      tokens = Math.min(size, tokens + Math.max(0, now - filledAt) * rate) - 1;
      filledAt = now;
      // Below zero, tokens are debts: a request that makes one waits until it would be paid.
      return tokens >= 0 ? Promise.resolve() : delay(clock, Math.ceil(-tokens / rate), signal);
    },
  };
}
