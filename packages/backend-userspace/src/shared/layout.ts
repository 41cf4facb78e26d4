/** Where things are in the memory that worker threads share; indexes count 32-bit integers. */
import { LOCK_WORDS } from './lock.ts';

/** The first words are the lock. */
export const HEADER = {
  /** Random, so that no client can predict which names have the same hash. */
  seed: LOCK_WORDS,
  /** Of the health of endpoints: changes with it. */
  version: LOCK_WORDS + 1,
  /** 1: an endpoint has failed. */
  hasHealth: LOCK_WORDS + 2,
  /** End of the part of the arena that has blocks. */
  end: LOCK_WORDS + 3,
  blocks: LOCK_WORDS + 4,
  /** Number of blocks at which expired ones are removed. */
  sweepAt: LOCK_WORDS + 5,
  /** Slots of the index that are in use, a power of two. */
  slots: LOCK_WORDS + 6,
  /** The size of the arena. */
  arena: LOCK_WORDS + 7,
  /** First free block of each size: a power of two, by its exponent. */
  free: 16,
} as const;
const HEADER_INTS = 64;

/** Exponents of the sizes of blocks. */
export const SMALLEST = 5;
export const LARGEST = 20;

const FIRST_SLOTS = 4096;

/** A block: its head, then gauges with one number for each thread, then numbers. */
export const BLOCK = {
  /** 0 in the second word: free, and the first one is the next free block. */
  hash: 0,
  size: 2,
  gauges: 3,
  /** A 64-bit float. */
  expires: 4,
  head: 6,
} as const;

/** The size of the arena, a power of two. The kernel provides a page of it when it is first written. */
const ARENA_INTS = 2 ** 23;

export interface Layout {
  readonly index: number;
  readonly maxSlots: number;
  readonly arena: number;
  readonly total: number;
}

/** No more blocks than half of the slots fit into the arena. */
export function layoutOf(arenaInts: number): Layout {
  const maxSlots = Math.max(FIRST_SLOTS, arenaInts >> (SMALLEST - 1));
  const arena = HEADER_INTS + maxSlots;
  return { index: HEADER_INTS, maxSlots, arena, total: arena + arenaInts };
}

export function createSharedBuffer(seed: number, arenaInts: number = ARENA_INTS): SharedArrayBuffer {
  const { arena, total } = layoutOf(arenaInts);
  const buffer = new SharedArrayBuffer(total * Int32Array.BYTES_PER_ELEMENT);
  const ints = new Int32Array(buffer);
  ints[HEADER.seed] = seed;
  ints[HEADER.end] = arena;
  ints[HEADER.arena] = arenaInts;
  ints[HEADER.slots] = FIRST_SLOTS;
  ints[HEADER.sweepAt] = FIRST_SLOTS / 2;
  return buffer;
}
