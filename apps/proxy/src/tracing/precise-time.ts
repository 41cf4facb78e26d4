/** If the clocks differ by more than this many milliseconds, the wall clock has been set. */
const TOLERANCE = 1000;

/**
 * Milliseconds since 1970 with fractions: parts of a sync are often shorter than the milliseconds in which the wall clock
 * counts. Follows the wall clock when that is set.
 */
export function createPreciseTime(
  wall: () => number = () => Date.now(),
  monotonic: () => number = () => performance.now(),
): () => number {
  let offset = wall() - monotonic();
  return () => {
    const now = wall();
    const precise = monotonic() + offset;
    if (Math.abs(now - precise) <= TOLERANCE) return precise;
    offset += now - precise;
    return now;
  };
}
