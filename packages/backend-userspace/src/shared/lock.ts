/** A lock of several threads in shared memory. It stores which thread holds it, so that the successor of a thread that ended can free it. */

/** Indexes in the words of the lock. */
const HOLDER = 0;
const WAITERS = 1;
export const LOCK_WORDS = 2;
const FREE = 0;

/** The sections take a few microseconds: a thread that waits longer sleeps, so that the holder has the core. */
const SPINS = 100;
/** A notification can be lost when its receiver ends. */
const SLEEP_MS = 5;

export type Exclusively = <T>(work: () => T) => T;

export interface Lock {
  /** Reentrant. */
  readonly exclusively: Exclusively;
  /** `true`: a predecessor of this thread held it when it ended; this thread holds it now. */
  inherit(): boolean;
  /** After `inherit`. */
  free(): void;
}

/** `thread`: its number among those that use the lock, from 0. */
export function createLock(words: Int32Array, thread: number): Lock {
  const own = thread + 1;
  const state = { depth: 0 };
  return {
    exclusively(work) {
      if (state.depth === 0) acquire(words, own);
      state.depth++;
      try {
        return work();
      } finally {
        state.depth--;
        if (state.depth === 0) free(words);
      }
    },
    inherit: () => Atomics.load(words, HOLDER) === own,
    free: () => free(words),
  };
}

function acquire(words: Int32Array, own: number): void {
  for (let spin = 0; spin < SPINS; spin++) if (isTaken(words, own)) return;
  Atomics.add(words, WAITERS, 1);
  while (!isTaken(words, own)) Atomics.wait(words, HOLDER, Atomics.load(words, HOLDER) || own, SLEEP_MS);
  Atomics.sub(words, WAITERS, 1);
}

function isTaken(words: Int32Array, own: number): boolean {
  return Atomics.compareExchange(words, HOLDER, FREE, own) === FREE;
}

function free(words: Int32Array): void {
  Atomics.store(words, HOLDER, FREE);
  if (Atomics.load(words, WAITERS) > 0) Atomics.notify(words, HOLDER, 1);
}
