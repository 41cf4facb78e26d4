/** The memory that the worker threads of one driver share, as one of them sees it. */
import { createBlockTable, type BlockShape, type BlockTable } from './block-table.ts';
import { BLOCK, HEADER, layoutOf } from './layout.ts';
import { createLock, LOCK_WORDS, type Exclusively } from './lock.ts';
import { nameHash } from './name-hash.ts';

export interface SharedMemory {
  readonly ints: Int32Array;
  readonly floats: Float64Array;
  readonly exclusively: Exclusively;
  readonly thread: number;
  readonly threads: number;
  readonly seed: number;
  readonly blocks: BlockTable;
}

export interface Seat {
  readonly buffer: SharedArrayBuffer;
  /** The number of this thread, from 0, and of all of them. */
  readonly thread: number;
  readonly threads: number;
}

/** Once for each thread; what a predecessor with its number left behind is removed. */
export function openSharedMemory({ buffer, thread, threads }: Seat): SharedMemory {
  const ints = new Int32Array(buffer);
  const floats = new Float64Array(buffer);
  const layout = layoutOf(ints[HEADER.arena] ?? 0);
  const blocks = createBlockTable({ ints, floats, threads, layout });
  const lock = createLock(ints.subarray(0, LOCK_WORDS), thread);
  if (lock.inherit()) {
    blocks.recover(thread);
    lock.free();
  } else lock.exclusively(() => blocks.recover(thread));
  const seed = ints[HEADER.seed] ?? 0;
  return { ints, floats, exclusively: lock.exclusively, thread, threads, seed, blocks };
}

/** The block of one name, which may be removed between two uses. All but `add` need the lock. */
export interface Cell {
  /** Index of the block; 0: absent. */
  find(): number;
  /** Index of the block, which is made if it is absent. It expires at this time. */
  use(now: number, expires: number): number;
  /** Of all threads. */
  gauge(at: number, gauge: number): number;
  /** To the gauge of this thread. Without the lock only while a gauge of this thread is not 0: then the block cannot be removed. */
  add(at: number, gauge: number, by: number): void;
  /** Index of the first of the numbers, which is even. */
  numbers(at: number): number;
}

export function createCell(memory: SharedMemory, name: string, shape: BlockShape): Cell {
  const { ints, floats, blocks, thread, threads, seed } = memory;
  const hash = nameHash(name, seed);
  const known = { at: 0 };
  const numbersFrom = BLOCK.head + shape.gauges * threads;
  const find = (): number => {
    if (!blocks.isAt(hash, known.at)) known.at = blocks.find(hash);
    return known.at;
  };
  return {
    find,
    use(now, expires) {
      const at = find() || (known.at = blocks.make(hash, shape, now));
      floats[(at + BLOCK.expires) >> 1] = expires;
      return at;
    },
    gauge(at, gauge) {
      let sum = 0;
      const from = at + BLOCK.head + gauge * threads;
      for (let each = from; each < from + threads; each++) sum += Atomics.load(ints, each);
      return sum;
    },
    add: (at, gauge, by) => void Atomics.add(ints, at + BLOCK.head + gauge * threads + thread, by),
    numbers: (at) => at + numbersFrom + (numbersFrom & 1),
  };
}
