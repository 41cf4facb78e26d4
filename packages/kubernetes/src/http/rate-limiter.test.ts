import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';

import { createRateLimiter } from './rate-limiter.ts';

const never = new AbortController().signal;

describe('createRateLimiter', () => {
  it('lets a burst through, then one request each 1/qps seconds, in order', async () => {
    const clock = createManualClock();
    const limiter = createRateLimiter(clock, 5, 3);
    const done: number[] = [];
    for (let i = 0; i < 6; i++) void limiter.take(never).then(() => done.push(i));
    await Promise.resolve();
    expect(clock.pending.map(({ delayMs }) => delayMs)).toEqual([200, 400, 600]);
    clock.advance(400);
    await Promise.resolve();
    expect(done).toEqual([0, 1, 2, 3, 4]);
  });

  it('delays no request because the clock was set back', async () => {
    const clock = createManualClock();
    const limiter = createRateLimiter(clock, 5, 2);
    await limiter.take(never);
    clock.setBack(3_600_000);
    await limiter.take(never);
    void limiter.take(never);
    expect(clock.pending.map(({ delayMs }) => delayMs)).toEqual([200]);
  });

  it('fills up again, but not beyond the burst', async () => {
    const clock = createManualClock();
    const limiter = createRateLimiter(clock, 5, 2);
    await Promise.all([limiter.take(never), limiter.take(never)]);
    clock.advance(3_600_000);
    await Promise.all([limiter.take(never), limiter.take(never)]);
    void limiter.take(never);
    expect(clock.pending.map(({ delayMs }) => delayMs)).toEqual([200]);
  });

  it('takes 0 for 5 a second and 10 at once, and a negative rate for no limit', async () => {
    const clock = createManualClock();
    const standard = createRateLimiter(clock, 0, 0);
    for (let i = 0; i < 11; i++) void standard.take(never);
    expect(clock.pending.map(({ delayMs }) => delayMs)).toEqual([200]);
    const unlimited = createRateLimiter(clock, -1, 1);
    for (let i = 0; i < 100; i++) await unlimited.take(never);
  });
});
