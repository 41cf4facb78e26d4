/** Long work beside syncs, in pieces: the event loop handles what is waiting after each. */

/** So many service ports are compiled within about 3 ms. */
const AT_ONCE = 15;

/** Calls `work` for each item in order, with a turn of the event loop before every fifteenth. Rejects if `work` throws. */
export async function inTurns<T>(items: Iterable<T>, work: (item: T) => void): Promise<void> {
  // Copied: what changes during a pause is left for the next time.
  for (const [index, item] of [...items].entries()) {
    if (index % AT_ONCE === AT_ONCE - 1) await new Promise((resolve) => setImmediate(resolve));
    work(item);
  }
}
