/**
 * Blocks of numbers by name, in memory that threads share. The caller holds the lock. A block is removed when it has expired and its
 * gauges are 0; if the memory is full, also before it has expired.
 */
import { BLOCK, HEADER, LARGEST, SMALLEST, type Layout } from './layout.ts';
import type { NameHash } from './name-hash.ts';

export interface BlockShape {
  readonly gauges: number;
  readonly numbers: number;
}

export interface BlockTable {
  /** Index of the block; 0: absent. */
  find(hash: NameHash): number;
  /** A block with zeros. */
  make(hash: NameHash, shape: BlockShape, now: number): number;
  isAt(hash: NameHash, at: number): boolean;
  /** After a thread has ended at any point: restores the table, and sets the gauges of that thread to 0. */
  recover(thread: number): void;
}

export interface TableMemory {
  readonly ints: Int32Array;
  readonly floats: Float64Array;
  readonly threads: number;
  readonly layout: Layout;
}

/** In a full memory those are removed first that would expire within this time, in milliseconds. */
const HORIZONS = [0, 600_000, 3_600_000, 10_800_000, 86_400_000, Number.POSITIVE_INFINITY];

export function createBlockTable(memory: TableMemory): BlockTable {
  const { ints, threads } = memory;
  const isAt = ({ low, high }: NameHash, at: number): boolean =>
    at > 0 && ints[at] === low && ints[at + 1] === high;
  return {
    isAt,
    find: (hash) => read(ints, slotOf(memory, hash)),
    make(hash, { gauges, numbers }, now) {
      if (read(ints, HEADER.blocks) >= read(ints, HEADER.sweepAt)) sweep(memory, now, 0);
      const size = Math.max(SMALLEST, Math.ceil(Math.log2(BLOCK.head + gauges * threads + 1 + numbers)));
      const at = allocate(memory, size, now);
      ints.fill(0, at, at + 2 ** size);
      ints[at] = hash.low;
      ints[at + 1] = hash.high;
      ints[at + BLOCK.size] = size;
      ints[at + BLOCK.gauges] = gauges;
      ints[slotOf(memory, hash)] = at;
      ints[HEADER.blocks] = read(ints, HEADER.blocks) + 1;
      return at;
    },
    recover(thread) {
      rebuild(memory, () => true);
      forEachBlock(memory, (at) => {
        for (let gauge = 0; gauge < read(ints, at + BLOCK.gauges); gauge++)
          ints[at + BLOCK.head + gauge * threads + thread] = 0;
      });
    },
  };
}

function read(ints: Int32Array, at: number): number {
  return ints[at] ?? 0;
}

/** The slot of the index that has the block, or the free one where it belongs. */
function slotOf({ ints, layout: { index } }: TableMemory, { low, high }: NameHash): number {
  const mask = read(ints, HEADER.slots) - 1;
  for (let slot = low & mask; ; slot = (slot + 1) & mask) {
    const at = read(ints, index + slot);
    if (at === 0 || (ints[at] === low && ints[at + 1] === high)) return index + slot;
  }
}

function allocate(memory: TableMemory, size: number, now: number): number {
  if (size > LARGEST) throw new Error(`a block of 2^${size} numbers exceeds the shared memory`);
  const { ints } = memory;
  const found = take(memory, size);
  if (found !== 0) return found;
  for (const horizon of HORIZONS) {
    const before = read(ints, HEADER.blocks);
    sweep(memory, now, horizon);
    // With less, the next sweep would follow soon.
    const isEnough = read(ints, HEADER.blocks) <= before * 0.75 || horizon === Number.POSITIVE_INFINITY;
    const at = isEnough ? take(memory, size) : 0;
    if (at !== 0) return at;
  }
  throw new Error('the shared memory is full of blocks with open connections');
}

/** A free block, a part of a larger one, or the place after the last block; 0: there is none. */
function take({ ints, layout: { total } }: TableMemory, size: number): number {
  for (let larger = size; larger <= LARGEST; larger++) {
    const free = read(ints, HEADER.free + larger);
    if (free === 0) continue;
    ints[HEADER.free + larger] = read(ints, free);
    // From the end of the block on: a reader of all sizes never reads one that is not there.
    for (let rest = larger - 1; rest >= size; rest--) putFree(ints, free + 2 ** rest, rest);
    ints[free + BLOCK.size] = size;
    return free;
  }
  const end = read(ints, HEADER.end);
  if (end + 2 ** size > total) return 0;
  // First the size: the blocks up to the end can be read one after the other at any time.
  ints[end + BLOCK.size] = size;
  ints[HEADER.end] = end + 2 ** size;
  return end;
}

function putFree(ints: Int32Array, at: number, size: number): void {
  ints[at + BLOCK.size] = size;
  ints[at + 1] = 0;
  ints[at] = read(ints, HEADER.free + size);
  ints[HEADER.free + size] = at;
}

function forEachBlock(memory: TableMemory, visit: (at: number) => void): void {
  const { ints, layout } = memory;
  const end = read(ints, HEADER.end);
  for (let at = layout.arena; at < end; at += 2 ** read(ints, at + BLOCK.size))
    if (read(ints, at + 1) !== 0) visit(at);
}

function sweep(memory: TableMemory, now: number, horizon: number): void {
  const { ints, floats } = memory;
  rebuild(memory, (at) => now + horizon < (floats[(at + BLOCK.expires) >> 1] ?? 0) || isHeld(memory, at));
  ints[HEADER.sweepAt] = Math.max(read(ints, HEADER.slots) / 2, read(ints, HEADER.blocks) * 2);
}

/** A gauge of a thread is not 0. */
function isHeld({ ints, threads }: TableMemory, at: number): boolean {
  const end = at + BLOCK.head + read(ints, at + BLOCK.gauges) * threads;
  for (let gauge = at + BLOCK.head; gauge < end; gauge++) if (ints[gauge] !== 0) return true;
  return false;
}

/** Makes index and lists of free blocks from the blocks; those that are not kept become free, and neighbours one. */
function rebuild(memory: TableMemory, isKept: (at: number) => boolean): void {
  const { ints, layout } = memory;
  const kept: number[] = [];
  ints.fill(0, HEADER.free, HEADER.free + LARGEST + 1);
  const end = read(ints, HEADER.end);
  let freeFrom = layout.arena;
  for (let at = layout.arena; at < end;) {
    const next = at + 2 ** read(ints, at + BLOCK.size);
    if (read(ints, at + 1) !== 0 && isKept(at)) {
      kept.push(at);
      carve(ints, freeFrom, at);
      freeFrom = next;
    }
    at = next;
  }
  ints[HEADER.end] = freeFrom;
  const slots = slotsFor(kept.length, memory);
  ints.fill(0, layout.index, layout.index + slots);
  ints[HEADER.slots] = slots;
  ints[HEADER.blocks] = kept.length;
  for (const at of kept) ints[slotOf(memory, { low: read(ints, at), high: read(ints, at + 1) })] = at;
}

/** Free blocks in place of those between two indexes, as large as possible. */
function carve(ints: Int32Array, from: number, to: number): void {
  for (let at = from; at < to;) {
    const size = Math.min(LARGEST, Math.floor(Math.log2(to - at)));
    putFree(ints, at, size);
    at += 2 ** size;
  }
}

/** At most half of them are used until the number of blocks has doubled. */
function slotsFor(blocks: number, { ints, layout: { maxSlots } }: TableMemory): number {
  let slots = read(ints, HEADER.slots);
  while (slots < blocks * 4 && slots < maxSlots) slots *= 2;
  return slots;
}
