import type { Clock } from '@signalbox/core';
import { systemClock } from '@signalbox/core/system-clock';

/** If the clocks differ by more than this many milliseconds, the wall clock has been set. */
const TOLERANCE = 1000;

/**
 * Milliseconds since 1970 with fractions: parts of a sync are often shorter than the milliseconds in which the wall clock
 * counts. Follows the wall clock when that is set.
 */
export function createPreciseTime(clock: Pick<Clock, 'now' | 'elapsed'> = systemClock): () => number {
  let offset = clock.now() - clock.elapsed();
  return () => {
    const now = clock.now();
    const precise = clock.elapsed() + offset;
    if (Math.abs(now - precise) <= TOLERANCE) return precise;
    offset += now - precise;
    return now;
  };
}
