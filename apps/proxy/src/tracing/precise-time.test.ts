import { expect, it } from 'vitest';
import { createPreciseTime } from './precise-time.ts';

it('has fractions of milliseconds, and follows the wall clock when that is set', () => {
  const at = { wall: 1_700_000_000_000, monotonic: 50.25 };
  const now = createPreciseTime({ now: () => at.wall, elapsed: () => at.monotonic });
  at.monotonic += 0.5;
  expect(now()).toBe(1_700_000_000_000.5);
  at.wall -= 3_600_000;
  expect(now()).toBe(at.wall);
  at.monotonic += 0.25;
  expect(now()).toBe(at.wall + 0.25);
});
