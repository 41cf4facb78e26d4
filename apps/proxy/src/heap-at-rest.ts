import { setFlagsFromString } from 'node:v8';

/**
 * V8 compacts the heap in small steps 8 s after a collection, if the process is at rest. With few collections it never
 * considers it so ("high alloc" of `--trace-memory-reducer`); with this flag it does not ask, and each collection returns
 * free pages to the system. Set here, the flag has no effect on the code that V8 generates.
 *
 * Not before the first sync is over: the heap grows until then, and each of its collections, too, would compact it and drop
 * what optimized code depends on.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--optimize-for-size');
}
